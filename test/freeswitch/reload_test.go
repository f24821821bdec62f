package freeswitch_test

import (
	"bytes"
	"debug/elf"
	"os"
	"slices"
	"testing"
	"time"

	"mod_openai_audio_stream/module/realtime/realtimetest"
	"mod_openai_audio_stream/test/freeswitch"
)

// A reload with a call up ends its stream, and the call may have another. One warning tells that the file has become
// another build than the one that runs.
func TestReload(t *testing.T) {
	t.Parallel()
	s := freeswitch.Prepare(t)
	content, err := os.ReadFile(os.Getenv(freeswitch.EnvModule))
	if err != nil {
		t.Fatal(err)
	}
	s.Load(t, os.Getenv(freeswitch.EnvModule))
	c := s.Call(t, "reloaded", freeswitch.Options{})
	srv := realtimetest.New(t, realtimetest.Config{NoVAD: true, Answer: realtimetest.Tone(440, 300*time.Millisecond)})
	t.Cleanup(c.Hangup)
	const reloads = 3
	for n := range reloads {
		c.Stream("start %s mono 24k", srv.URL())
		c.Event("connect", n+1)
		c.Ask()
		c.Event("openai_speech_stop", n+1)
		if n == reloads-1 {
			s.Install(t, anotherBuild(t, content))
		}
		s.Reload(t)
		c.Event("disconnect", n+1)
		c.API("true", "uuid_exists %s", c.Agent)
	}
	if warnings := s.Logged("another build"); len(warnings) != 1 {
		t.Errorf("%d warnings of another build, want 1: %q", len(warnings), warnings)
	}
	c.Stream("start %s mono 24k", srv.URL())
	c.Event("connect", reloads+1)
}

// anotherBuild changes the build id in a module's file.
func anotherBuild(t *testing.T, content []byte) []byte {
	t.Helper()
	f, err := elf.NewFile(bytes.NewReader(content))
	if err != nil {
		t.Fatal(err)
	}
	note := f.Section(".note.gnu.build-id")
	if note == nil {
		t.Fatal("the module has no build id")
	}
	changed := slices.Clone(content)
	changed[note.Offset+note.Size-1] ^= 0xff
	return changed
}
