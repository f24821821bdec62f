package freeswitch_test

import (
	"strings"
	"testing"
	"time"

	"mod_openai_audio_stream/module/realtime/realtimetest"
	"mod_openai_audio_stream/test/farend"
)

// l16 is L16 on a call that changes its codec: see the extension reinvite.
var l16 = farend.Format{Name: "L16", RateHz: 16000, LittleEndian: true}

func init() {
	for name, codecs := range map[string][2]farend.Format{
		"up": {farend.PCMU, l16}, "down": {l16, farend.PCMU}, "longer": {farend.PCMU, farend.PCMU.With(40 * time.Millisecond)},
		"shorter": {farend.PCMA.With(60 * time.Millisecond), farend.PCMA}, "opus": {farend.PCMU, farend.Opus},
	} {
		calls["Reinvite/"+name] = func(t testing.TB) { testReinvite(t, codecs[0], codecs[1]) }
	}
}

// A re-INVITE changes the codec, its rate or its packet time in the middle of an answer: it keeps its pitch, and all of it
// leaves on the wire. One packet, or two, carry the new codec's name and the old one's sound, as on the same call without a
// stream: of 200 numbered frames of a broadcast, one is missing at a re-INVITE to PCMA.
func testReinvite(t testing.TB, before, after farend.Format) {
	const length = 6 * time.Second
	tone := realtimetest.Sine(1000, length, 24000)
	c := shared.Dial(t, uuidOf(t), "reinvite", farend.Invite{Formats: []farend.Format{before}})
	session := c.Begin(realtimetest.Config{NoVAD: true, Answer: realtimetest.Speech(tone, 24000, "tone")}, 24000)
	c.Ask()
	c.Event("openai_speech_start", 1)
	if err := session.WaitAudio(t.Context(), session.AudioBytes()+2*24000*2); err != nil { // two seconds later
		t.Fatal(err)
	}
	c.Change(after, farend.SendRecv)
	c.Event("openai_speech_stop", 1)
	status := c.Stream("status")
	if !strings.Contains(status, `"audio_out_ms":6000,`) {
		t.Errorf("the channel did not take the 6 s: %s", status)
	}
	wire := c.Wire()
	r := wire.Report()
	if r.Lost+r.Duplicates > 0 {
		t.Errorf("on the wire: %v", r)
	}
	periods, odd := tonePeriods(wire.PCM())
	// Of a kHz, a period is a millisecond, at any rate.
	lost := length - time.Duration(periods)*time.Millisecond
	if limit := 20*time.Millisecond + 2*max(before.Ptime, 20*time.Millisecond); lost > limit || lost < -20*time.Millisecond {
		t.Errorf("%d periods of the tone, %v lost\n%s", periods, lost, status)
	}
	if odd > 45 { // two packets'
		t.Errorf("%d periods are not the tone's at any of the rates\n%s", odd, status)
	}
	t.Logf("%v to %v: %d periods of %v left, %d not the tone's; %v", before, after, periods, length, odd, r)
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
