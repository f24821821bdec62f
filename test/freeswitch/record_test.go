package freeswitch_test

import (
	"testing"
	"time"

	"mod_openai_audio_stream/module/realtime/realtimetest"
	"mod_openai_audio_stream/test/farend"
	"mod_openai_audio_stream/test/freeswitch"
)

func init() { calls["Recorders"] = testRecorders }

// Recordings of the streaming channel, begun before and after the stream, hold both voices as the telephone sent and got
// them.
func testRecorders(t testing.TB) {
	since := farend.Now()
	c := shared.Dial(t, uuidOf(t), "park", farend.Invite{})
	recorders := map[string]*freeswitch.Recording{"begun before the stream": c.Record(c.Agent, freeswitch.Stereo)}
	answer, played := freeswitch.Signal(3*time.Second, 24000), freeswitch.Signal(4*time.Second, 8000)
	session := c.Begin(realtimetest.Config{NoVAD: true, Answer: realtimetest.Speech(answer, 24000, "tone")}, 24000)
	recorders["begun after the stream"] = c.Record(c.Agent, freeswitch.Stereo)
	playing := c.Phone.Play(freeswitch.Padded(played, 8000), 8000)
	moreAudio(t, session, 2*24000)
	c.Ask()
	c.Event("openai_speech_stop", 1)
	<-playing.Done()
	far := c.Wire()
	caller, _, _ := session.CallerPCM()
	reference := freeswitch.PCMU(freeswitch.Resample(answer, 24000, 8000))
	checkWire(t, "the telephone", reference, far, 8000, 35)
	for when, r := range recorders {
		pcm, rateHz, channels := r.Stop()
		if rateHz != 8000 || channels != 2 {
			t.Fatalf("%s: %d Hz with %d channels, want 8000 with 2", when, rateHz, channels)
		}
		pcm = pcm[:max(0, len(pcm)-2*rateHz/10)] // a stereo recording of FreeSWITCH's ends in frames that were never written
		// The caller is what the channel read, which the server got too. The recorder is FreeSWITCH's, and so is what it loses
		// on a machine that runs its threads late.
		for who, two := range map[string][2][]int16{
			"the caller": {freeswitch.Resample(freeswitch.Left(pcm, 2), 8000, 24000), caller}, "the agent": {freeswitch.Resample(reference, 8000, 24000),
				freeswitch.Resample(freeswitch.PCMU(freeswitch.Right(pcm, 2)), 8000, 24000)}} {
			m, err := freeswitch.Compare(two[0], two[1], 24000)
			t.Logf("%s %s: %v", who, when, m)
			if err != nil || m.SNR < 95 || m.Slip != 0 {
				c.Blame(since, "%s %s: %v, %v", who, when, m, err)
			}
		}
	}
}
