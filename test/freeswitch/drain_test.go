package freeswitch_test

import (
	"strings"
	"testing"

	"mod_openai_audio_stream/module/realtime/realtimetest"
	"mod_openai_audio_stream/test/farend"
	"mod_openai_audio_stream/test/freeswitch"
)

// FreeSWITCH does not unload a module of which an application runs. Draining is the way out: no new streams, and when the
// last has ended the module can go.
func TestDrain(t *testing.T) {
	t.Parallel()
	s := freeswitch.Start(t)
	srv := realtimetest.New(t, realtimetest.Config{NoVAD: true})
	c := s.Dial(t, "draining", "application", farend.Invite{Headers: map[string]string{"X-Server": srv.URL()}})
	other := s.Dial(t, "other", "park", farend.Invite{})
	c.Event("connect", 1)
	if reply := s.API(t, "-ERR", "unload %s", freeswitch.Module); !strings.Contains(reply, "in use") && !strings.Contains(reply, "In Use") {
		t.Errorf("unload in a call: %q, want that the module is in use", reply)
	}
	s.API(t, "+OK", "uuid_openai_audio_stream drain")
	other.API("-ERR", "uuid_openai_audio_stream %s start %s mono 24k", other.Agent, srv.URL())
	if len(c.Events(c.Agent, "disconnect")) > 0 {
		t.Error("draining ended a stream")
	}
	s.API(t, "+OK", "uuid_openai_audio_stream drain off")
	other.Stream("start %s mono 24k", srv.URL())
	other.Event("connect", 1)
	other.Stream("stop")
	s.API(t, "+OK", "uuid_openai_audio_stream drain")
	c.Stream("stop")
	c.Event("CHANNEL_HANGUP_COMPLETE", 1) // the application was the dialplan's last line
	s.API(t, "+OK", "unload %s", freeswitch.Module)
	s.API(t, "+OK", "load %s", freeswitch.Module)
	other.Stream("start %s mono 24k", srv.URL())
	other.Event("connect", 2)
}
