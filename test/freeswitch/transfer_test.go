package freeswitch_test

import (
	"strings"
	"testing"
	"time"

	"mod_openai_audio_stream/module/realtime/realtimetest"
	"mod_openai_audio_stream/test/freeswitch"
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

// A stream goes where its channel goes: the channel takes all of an answer across a transfer or a hold, and the next one.
// On hold the far end hears no more; across a transfer there is a pause of some frames.
func testMoved(t testing.TB, name, command string) {
	answer := realtimetest.Sine(1000, 2*time.Second, 24000)
	c := shared.Call(t, uuidOf(t), freeswitch.Options{})
	session := c.Begin(realtimetest.Config{NoVAD: true, Answer: realtimetest.Speech(answer, 24000, "tone")}, 24000)
	heard := c.Record(c.Far, freeswitch.Hears)
	c.Play(c.Far, make([]int16, 20*8000), 8000)
	c.Ask()
	c.Event("openai_speech_start", 1)
	c.API("+OK", command, c.Agent)
	if name == "hold" {
		if err := session.WaitAudio(t.Context(), session.AudioBytes()+24000*2); err != nil { // silence stands for the hold
			t.Fatal(err)
		}
		c.API("+OK", "uuid_hold off %s", c.Agent)
	}
	c.Event("openai_speech_stop", 1)
	c.Ask()
	c.Event("openai_speech_stop", 2)
	pcm, _, channels := heard.Stop()
	periods, _ := tonePeriods(freeswitch.Left(pcm, channels))
	status := c.Stream("status")
	if !strings.Contains(status, `"audio_out_ms":4000,`) || name == "transfer" && periods < 3900 {
		t.Errorf("%d ms of two answers of 2 s were heard: %s", periods, status)
	}
	if n := len(c.Events(c.Agent, "disconnect")); n > 0 {
		t.Errorf("%d disconnect events", n)
	}
}
