package session

import (
	"testing"
	"time"

	"mod_openai_audio_stream/module/command"
)

// Silence stands for time without frames, but not for ever: a call that is on hold for an hour costs no hour of audio.
func TestGapIsBounded(t *testing.T) {
	stream := newFakeStream(8000)
	c := newCapture(stream, command.Mono, 8000, time.Hour)
	now := time.Unix(0, 0)
	c.fillGap(now)
	stream.give(make([]int16, 160))
	c.drain(now)
	for range 60 * 60 * 10 {
		now = now.Add(100 * time.Millisecond)
		c.fillGap(now)
	}
	if filled := samplesTime(uint64(c.gapSamples), 8000); filled > gapMost || filled < gapMost-time.Second {
		t.Errorf("%v of silence for an hour without frames, want %v", filled, gapMost)
	}
	// The next gap is filled again.
	before := c.gapSamples
	stream.give(make([]int16, 160))
	c.drain(now)
	now = now.Add(time.Second)
	c.fillGap(now)
	if filled := samplesTime(uint64(c.gapSamples-before), 8000); filled < 800*time.Millisecond || filled > time.Second {
		t.Errorf("%v of silence for a second without frames", filled)
	}
}

// Frames that come in bursts, as they do after a stall, are no gap.
func TestBurstsAreNoGap(t *testing.T) {
	stream := newFakeStream(8000)
	c := newCapture(stream, command.Mono, 8000, time.Hour)
	now := time.Unix(0, 0)
	c.fillGap(now)
	for range 100 {
		for range 5 { // 100 ms at once
			stream.give(make([]int16, 160))
		}
		now = now.Add(100 * time.Millisecond)
		c.drain(now)
		c.fillGap(now)
	}
	if c.gapSamples > 0 {
		t.Errorf("%d samples of silence", c.gapSamples)
	}
}

// A rate that changes in mid-call loses nothing and repeats nothing.
func TestCallerRateChange(t *testing.T) {
	stream := newFakeStream(8000)
	c := newCapture(stream, command.Mono, 24000, time.Hour)
	now := time.Unix(0, 0)
	for _, hz := range []int{8000, 48000, 16000, 8000} {
		stream.rateHz = hz
		for range 50 { // a second
			pcm := make([]int16, hz/50)
			for i := range pcm {
				pcm[i] = 10000
			}
			stream.give(pcm)
			c.drain(now)
			now = now.Add(20 * time.Millisecond)
		}
	}
	// Short of what the resampler still holds back; a filter rings for some samples where one rate ends.
	if n := loudSamples(c.pending); n < 4*24000-3*200 || n > 4*24000 {
		t.Errorf("%d samples of 4 s, want %d", n, 4*24000)
	}
}
