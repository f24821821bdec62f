package freeswitch_test

import (
	"os"
	"strings"
	"testing"

	"mod_openai_audio_stream/test/freeswitch"
)

// FreeSWITCH 1.11 passes over the module's interfaces where its list of allowed ones lacks them: the log says in one line what
// to add. 1.10 has no such list.
func TestAllowList(t *testing.T) {
	s := freeswitch.PrepareRefusing(t)
	s.Load(t, os.Getenv(freeswitch.EnvModule))
	const line = `<allow name="mod_openai_audio_stream.uuid_openai_audio_stream.api"/>`
	if strings.HasPrefix(s.API(t, "", "version short"), "1.10.") {
		s.API(t, "+OK", "uuid_openai_audio_stream status")
		return
	}
	s.Poll(t, "the line of the log", func() bool { return len(s.Logged(line)) == 1 })
	s.API(t, "-ERR", "uuid_openai_audio_stream status")
}
