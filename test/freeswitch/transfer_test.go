package freeswitch_test

import (
	"strings"
	"testing"
	"time"

	"mod_openai_audio_stream/module/realtime"
	"mod_openai_audio_stream/module/realtime/realtimetest"
	"mod_openai_audio_stream/test/farend"
)

func init() {
	// What happens to the channel while the model speaks, and where it is afterwards.
	for name, command := range map[string]string{
		"transfer": "uuid_transfer %s sleep XML agent",
		"hold":     "uuid_hold %s",
	} {
		calls["Moved/"+name] = func(t testing.TB) { testMoved(t, name, command) }
	}
}

// A stream goes where its channel goes: all of an answer leaves on the wire across a transfer or a hold by FreeSWITCH, and
// all of the next one. On hold the telephone hears nothing of it.
func testMoved(t testing.TB, name, command string) {
	const count = 100 // frames, two seconds
	c := shared.Dial(t, uuidOf(t), "park", farend.Invite{})
	c.Set("STREAM_OUTPUT_FORMAT", realtime.G711ULaw.String())
	session := c.Begin(realtimetest.Config{NoVAD: true, Answer: func(turn realtimetest.Turn) realtimetest.Reply {
		return realtimetest.Say(frames(1000*turn.N, count, 8000), 8000, "numbers")
	}}, 8000)
	c.Ask()
	c.Until("some of the answer", func() bool { return len(farend.Numbers(c.Phone.Packets().PCM(), 160)) >= 10 })
	c.API("+OK", command, c.Agent)
	if name == "hold" {
		from := farend.Now()
		moreAudio(t, session, 2*8000*2) // silence stands for the hold
		until := farend.Now()
		c.API("+OK", "uuid_hold off %s", c.Agent)
		if during := farend.Numbers(c.Phone.Packets().Between(from+40*time.Millisecond, until).PCM(), 160); len(during) > 0 {
			t.Errorf("%d frames of the answer left during the hold", len(during))
		}
	}
	c.Event("openai_speech_stop", 1)
	c.Ask()
	c.Event("openai_speech_stop", 2)
	wire := c.Wire()
	checkFrames(t, "the answer across the "+name, wire, 0, count, 8000)
	checkFrames(t, "the next answer", wire, 1000, count, 8000)
	if status := c.Stream("status"); !strings.Contains(status, `"audio_out_ms":4000,`) {
		t.Errorf("not 4 s were played: %s", status)
	}
	if n := len(c.Events(c.Agent, "disconnect")); n > 0 {
		t.Errorf("%d disconnect events", n)
	}
	t.Logf("%v", wire.Report())
}
