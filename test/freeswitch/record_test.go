package freeswitch_test

import (
	"testing"
	"time"

	"mod_openai_audio_stream/module/realtime/realtimetest"
	"mod_openai_audio_stream/test/freeswitch"
)

func init() { calls["Recorders"] = testRecorders }

// Recordings of the streaming channel, begun before and after the stream, hold both voices as the far leg played and
// heard them.
func testRecorders(t testing.TB) {
	c := shared.Call(t, uuidOf(t), freeswitch.Options{})
	heard := c.Record(c.Far, freeswitch.Hears)
	recorders := map[string]*freeswitch.Recording{"begun before the stream": c.Record(c.Agent, freeswitch.Stereo)}
	answer, played := freeswitch.Signal(3*time.Second, 24000), freeswitch.Signal(4*time.Second, 8000)
	session := c.Begin(realtimetest.Config{NoVAD: true, Answer: realtimetest.Speech(answer, 24000, "tone")}, 24000)
	recorders["begun after the stream"] = c.Record(c.Agent, freeswitch.Stereo)
	c.Play(c.Far, freeswitch.Padded(played, 8000), 8000)
	moreAudio(t, session, 2*24000)
	c.Ask()
	c.Event("openai_speech_stop", 1)
	moreAudio(t, session, 2*24000) // the caller's last word, and before the end of what the far leg plays
	far, _, _ := heard.Stop()
	check(t, "the far leg", freeswitch.PCMU(freeswitch.Resample(answer, 24000, 8000)), far, 8000, 35)
	for when, r := range recorders {
		pcm, rateHz, channels := r.Stop()
		if rateHz != 8000 || channels != 2 {
			t.Fatalf("%s: %d Hz with %d channels, want 8000 with 2", when, rateHz, channels)
		}
		check(t, "the caller "+when, freeswitch.PCMU(played), freeswitch.Left(pcm, 2), 8000, 35)
		check(t, "the agent "+when, far, freeswitch.PCMU(freeswitch.Right(pcm, 2)), 8000, 35)
	}
}
