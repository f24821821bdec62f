package freeswitch_test

import (
	"math"
	"testing"
	"time"

	"mod_openai_audio_stream/test/farend"
)

// What the caller hears in the model's place.

// musicHz is the tone of the hold music and of the filler.
const musicHz = 700

func init() {
	const music = "tone_stream://%(10000,0,700);loops=-1"
	agents["hold"] = agent{tools: `<tool name="wait" action="hold" music="` + music + `"/>`, server: fast(acts(says(time.Second), calling("wait", "{}"))), test: testHold}
	agents["filler"] = agent{test: testFiller, server: fast(acts(calling("stock", "{}"))),
		tools: `<tool name="stock" action="http" url="{service}/stock" timeout="60" filler="` + music + `" filler-after="500"/>`}
}

// Music begins behind the sentence that announces it, and ends with the model's next word.
func testHold(t *testing.T, c acting) {
	c.hears(musicHz, time.Second)
	c.Ask()
	c.Event("openai_speech_stop", 2)
	c.wantBefore(2)
}

// A function that takes its time has a filler, until the answer.
func testFiller(t *testing.T, c acting) {
	asked := <-c.asked
	c.hears(musicHz, time.Second)
	asked.answer <- "three"
	c.Event("openai_speech_stop", 1)
	c.wantBefore(1)
}

// hears waits until the caller has heard so much of a tone.
func (c acting) hears(hz int, want time.Duration) {
	c.TB.Helper()
	c.Until("a tone on the wire", func() bool {
		var heard time.Duration
		for _, p := range tones(c.Phone.Packets().PCM(), hz, 8000) {
			heard += p.length
		}
		return heard >= want
	})
}

// wantBefore demands that the caller heard the music in one piece, up to the first sample of the n-th sentence, which was
// heard whole, and that the server heard nothing of it.
func (c acting) wantBefore(n int) {
	c.TB.Helper()
	pcm := c.Wire().PCM()
	music, model := tones(pcm, musicHz, 8000), tones(pcm, modelHz, 8000)
	if len(music) != 1 || len(model) != n {
		c.Blame(c.since, "the caller heard music %v and the model %v, want one piece and %d", music, model, n)
		return
	}
	for _, said := range model {
		if (said.length - time.Second).Abs() > 40*time.Millisecond {
			c.Blame(c.since, "the caller heard %v of a sentence, want 1s", said.length)
		}
	}
	if apart := model[n-1].from - (music[0].from + music[0].length); apart.Abs() > 40*time.Millisecond {
		c.Blame(c.since, "the model's first sample came %v after the last of the music, want at once", apart)
	}
	caller, _, _ := c.session().CallerPCM()
	if most := farend.Loudest(caller); len(caller) == 0 || most > 300 {
		c.TB.Errorf("%d samples reached the server, the loudest of %d, want a silent caller's", len(caller), most)
	}
}

// tones are the parts of a recording that have a tone, to 20 ms.
func tones(pcm []int16, hz, rateHz int) (parts []part) {
	const window = 20 * time.Millisecond
	n := int(int64(window) * int64(rateHz) / int64(time.Second))
	for at := time.Duration(0); len(pcm) >= n; at += window {
		if amplitude(pcm[:n], hz, rateHz) > 1000 {
			if last := len(parts) - 1; last >= 0 && parts[last].from+parts[last].length == at {
				parts[last].length += window
			} else {
				parts = append(parts, part{at, window})
			}
		}
		pcm = pcm[n:]
	}
	return parts
}

// amplitude is that of a tone among others.
func amplitude(pcm []int16, hz, rateHz int) float64 {
	var re, im float64
	for i, v := range pcm {
		angle := 2 * math.Pi * float64(hz*i) / float64(rateHz)
		// A window, so that a tone near by is not taken for this one.
		weight := 1 - math.Cos(2*math.Pi*(float64(i)+0.5)/float64(len(pcm)))
		re += weight * float64(v) * math.Cos(angle)
		im += weight * float64(v) * math.Sin(angle)
	}
	return 2 * math.Hypot(re, im) / float64(len(pcm))
}
