package e2e_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"mod_openai_audio_stream/module/realtime/realtimetest"
)

// Each answer is a WAV file, announced when it is complete and removed with the call.
func TestAudioFiles(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("TMPDIR", dir) // what the host says FreeSWITCH's is
	r := newRig(t)
	tone := realtimetest.Sine(440, 500*time.Millisecond, 24000)
	srv := realtimetest.New(t, realtimetest.Config{NoVAD: true, Answer: realtimetest.Speech(tone, 24000, "tone")})
	r.do("create call rate=8000 caller=silence writer=none")
	r.do("set call STREAM_GREETING auto")
	r.api("+OK", "call start %s mono 24k", srv.URL())

	var play map[string]any
	if err := json.Unmarshal([]byte(r.event("call", "play", 1).Body), &play); err != nil {
		t.Fatal(err)
	}
	answer := r.session(srv, 0).Answers()[0]
	file, _ := play["file"].(string)
	for name, want := range map[string]any{"type": "response.output_audio.delta", "response_id": answer.ResponseID,
		"item_id": answer.ItemID, "output_index": 0.0, "content_index": 0.0, "file": file} {
		if play[name] != want {
			t.Errorf("%s is %v, want %v", name, play[name], want)
		}
	}
	if filepath.Dir(filepath.Dir(file)) != dir {
		t.Errorf("%s is not in a directory of its own in %s", file, dir)
	}
	if len(play) != 6 {
		t.Errorf("the event has more than that: %v", play)
	}
	pcm, rateHz, channels, err := realtimetest.ReadWAV(file)
	if err != nil || rateHz != 24000 || channels != 1 || len(pcm) != len(tone) {
		t.Fatalf("%d samples, %d Hz, %d channels, %v", len(pcm), rateHz, channels, err)
	}
	for i := range pcm {
		if pcm[i] != tone[i] {
			t.Fatalf("sample %d is %d, want %d", i, pcm[i], tone[i])
		}
	}
	// The stream's end leaves the file to the dialplan; the call's takes it away.
	r.api("+OK", "call stop")
	r.event("call", "disconnect", 1)
	if _, err := os.Stat(file); err != nil {
		t.Error(err)
	}
	r.do("hangup call wait=1")
	r.until("the file is removed", func() bool { _, err := os.Stat(file); return os.IsNotExist(err) })
}

// What the caller does not hear is written too.
func TestAudioFileOfAMutedAnswer(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	r := newRig(t)
	tone := realtimetest.Sine(440, 200*time.Millisecond, 24000)
	srv := realtimetest.New(t, realtimetest.Config{NoVAD: true, Answer: realtimetest.Speech(tone, 24000, "tone")})
	r.do("create call rate=8000 caller=silence writer=none")
	r.api("+OK", "call start %s mono 24k", srv.URL())
	r.event("call", "connect", 1)
	r.api("+OK", "call mute openai")
	r.api("+OK", "call send_json eyJ0eXBlIjoicmVzcG9uc2UuY3JlYXRlIn0=") // {"type":"response.create"}
	var play struct{ File string }
	if err := json.Unmarshal([]byte(r.event("call", "play", 1).Body), &play); err != nil {
		t.Fatal(err)
	}
	if pcm, _, _, err := realtimetest.ReadWAV(play.File); err != nil || len(pcm) != len(tone) {
		t.Errorf("%d samples, %v", len(pcm), err)
	}
	if n := len(r.Events("call", "openai_speech_start")); n > 0 {
		t.Error("the answer is heard")
	}
}

func TestAudioFilesDisabled(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("TMPDIR", dir) // what the host says FreeSWITCH's is
	r := newRig(t)
	srv := realtimetest.New(t, realtimetest.Config{NoVAD: true, Answer: realtimetest.Tone(440, 200*time.Millisecond)})
	r.do("create call rate=8000 caller=silence writer=none")
	r.do("set call STREAM_GREETING auto")
	r.do("set call STREAM_DISABLE_AUDIOFILES true")
	r.api("+OK", "call start %s mono 24k", srv.URL())
	r.event("call", "openai_speech_stop", 1)
	r.api("+OK", "call stop")
	r.event("call", "disconnect", 1)
	if n := len(r.Events("call", "play")); n > 0 {
		t.Errorf("%d play events", n)
	}
	if files, err := os.ReadDir(dir); err != nil || len(files) > 0 {
		t.Errorf("files %v, %v", files, err)
	}
}

// until waits for what nothing tells of.
func (r *rig) until(what string, cond func() bool) {
	r.Helper()
	for !cond() {
		select {
		case <-r.ctx.Done():
			r.Fatalf("waited in vain until %s\n%s", what, r.log)
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// A full disk is one warning. The call goes on.
func TestAudioFilesOnAFullDisk(t *testing.T) {
	dir := t.TempDir()
	if out, err := exec.Command("mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", dir).CombinedOutput(); err != nil {
		t.Skipf("no right to mount a small disk: %v: %s", err, out)
	}
	t.Cleanup(func() { _ = exec.Command("umount", dir).Run() })
	t.Setenv("TMPDIR", dir)
	r := newRig(t)
	srv := realtimetest.New(t, realtimetest.Config{NoVAD: true, Answer: realtimetest.Tone(440, 2*time.Second)}) // 96 kB
	r.do("create call rate=8000 caller=silence writer=none")
	r.api("+OK", "call start %s mono 24k", srv.URL())
	r.event("call", "connect", 1)
	for n := range 2 {
		r.api("+OK", "call send_json eyJ0eXBlIjoicmVzcG9uc2UuY3JlYXRlIn0=") // {"type":"response.create"}
		r.event("call", "openai_speech_stop", n+1)
	}
	r.logged("no space left on device")
	if n := strings.Count(r.log.String(), "no space left on device"); n != 1 {
		t.Errorf("%d warnings, want 1", n)
	}
	if n := len(r.Events("call", "play")); n > 0 {
		t.Errorf("%d play events", n)
	}
	r.api("+OK", "call stop")
	r.event("call", "disconnect", 1)
	if files, err := filepath.Glob(filepath.Join(dir, "*", "*.wav")); err != nil || len(files) > 0 {
		t.Errorf("what could not be written is left: %v, %v", files, err)
	}
}
