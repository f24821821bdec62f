package freeswitch_test

import (
	"testing"
	"time"

	"mod_openai_audio_stream/module/realtime/realtimetest"
	"mod_openai_audio_stream/test/farend"
	"mod_openai_audio_stream/test/freeswitch"
)

func init() {
	for _, extension := range []string{"park", "sleep", "playback", "file", "conference", "bridge"} {
		calls["Writer/"+extension] = func(t testing.TB) { testWriter(t, extension) }
	}
}

// The agent is heard whole whatever the dialplan does on its channel, and packets go out at their rate, no faster.
func testWriter(t testing.TB, extension string) {
	c := shared.Dial(t, uuidOf(t), extension, farend.Invite{})
	answer := freeswitch.Signal(3*time.Second, 24000)
	c.Begin(realtimetest.Config{NoVAD: true, Answer: realtimetest.Speech(answer, 24000, "tone")}, 24000)
	if extension == "bridge" {
		c.Event("CHANNEL_BRIDGE", 1)
	}
	since := farend.Now()
	c.Ask()
	c.Event("openai_speech_stop", 1)
	checkWire(t, "server to caller", freeswitch.PCMU(freeswitch.Resample(answer, 24000, 8000)), c.Wire(), 8000, 35)
	// Twice as many would be one from the module beside each of the application's. One may have waited when the time began,
	// one more may be on the edge of it.
	r := c.Phone.Packets().Between(since, farend.Now()).Report()
	if r.Excess() > 2 {
		c.Blame(since, "%.1f packets more than the packet rate: %v", r.Excess(), r)
	}
	t.Logf("%v", r)
}
