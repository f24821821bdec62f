package freeswitch_test

import (
	"strings"
	"testing"
	"time"

	"mod_openai_audio_stream/module/realtime/realtimetest"
	"mod_openai_audio_stream/test/freeswitch"
)

func init() {
	for name, codecs := range map[string][2]string{
		"up": {"PCMU", "L16@16000h@20i"}, "down": {"L16@16000h@20i", "PCMU"}, "opus": {"PCMU", "opus@48000h@20i"},
	} {
		calls["Reinvite/"+name] = func(t testing.TB) { testReinvite(t, codecs[0], codecs[1]) }
	}
}

// A re-INVITE changes the codec and its rate in the middle of an answer: it keeps its pitch and its length. The channel
// takes all of it; on the wire one frame carries the new codec's name and the old one's sound, and the far end, which
// changes its own codec at the same time, does without another packet or two.
func testReinvite(t testing.TB, before, after string) {
	const length = 6 * time.Second
	const mostLost = 100 * time.Millisecond
	tone := realtimetest.Sine(1000, length, 24000)
	c := shared.Call(t, uuidOf(t), freeswitch.Options{Codec: before})
	session := c.Begin(realtimetest.Config{NoVAD: true, Answer: realtimetest.Speech(tone, 24000, "tone")}, 24000)
	heard := c.Record(c.Far, freeswitch.Hears)
	c.Ask()
	c.Event("openai_speech_start", 1)
	if err := session.WaitAudio(t.Context(), session.AudioBytes()+2*24000*2); err != nil { // two seconds later
		t.Fatal(err)
	}
	c.API("+OK", "uuid_media_reneg %s =%s", c.Far, after)
	c.Event("openai_speech_stop", 1)
	status := c.Stream("status")
	if !strings.Contains(status, `"audio_out_ms":6000,`) {
		t.Errorf("the channel did not take the 6 s: %s", status)
	}
	pcm, _, channels := heard.Stop()
	periods, odd := tonePeriods(freeswitch.Left(pcm, channels))
	// Of a kHz, a period is a millisecond, at any rate.
	lost := length - time.Duration(periods)*time.Millisecond
	if lost > mostLost || lost < -20*time.Millisecond {
		t.Errorf("%d periods of the tone, %v lost\n%s", periods, lost, status)
	}
	if odd > 20 {
		t.Errorf("%d periods are not the tone's at any of the rates\n%s", odd, status)
	}
	t.Logf("%s to %s: the far end heard %v less, %d periods of %d not the tone's", before, after, lost, odd, periods)
}

// tonePeriods counts the periods of a tone of 1 kHz in a recording whose rate may change, and those among them that are
// not one at 8, 16 or 48 kHz.
func tonePeriods(pcm []int16) (n, odd int) {
	last := -1
	for i := 1; i < len(pcm); i++ {
		if pcm[i-1] < 0 && pcm[i] >= 0 && (pcm[i] > 300 || pcm[i-1] < -300) {
			if last >= 0 && i-last <= 100 {
				n++
				switch length := i - last; {
				case length >= 7 && length <= 9, length >= 15 && length <= 17, length >= 46 && length <= 50:
				default:
					odd++
				}
			}
			last = i
		}
	}
	return n, odd
}
