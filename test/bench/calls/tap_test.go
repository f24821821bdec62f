package main

import (
	"slices"
	"testing"
	"time"

	"mod_openai_audio_stream/test/bench/server"
)

// A message that comes later than the next frame is measured from its own frame, and so is one of two frames.
func TestToServer(t *testing.T) {
	const ms = int64(time.Millisecond)
	var reads []callback
	for i := range int64(10) {
		reads = append(reads, callback{at: 1000*ms + 20*i*ms})
	}
	messages := []server.Audio{ // the frames of the callbacks 3, 4, 5 and 6, 7
		{At: 1061 * ms, Bytes: frameBytes},
		{At: 1130 * ms, Bytes: frameBytes - 3},
		{At: 1131 * ms, Bytes: frameBytes + 3},
		{At: 1142 * ms, Bytes: 2 * frameBytes},
	}
	want := []time.Duration{1 * time.Millisecond, 50 * time.Millisecond, 31 * time.Millisecond, 2 * time.Millisecond}
	if got := toServer(reads, messages, 0, 2000*ms); !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	if got := toServer(reads, messages, 1100*ms, 1140*ms); !slices.Equal(got, want[1:3]) {
		t.Errorf("of the middle: %v, want %v", got, want[1:3])
	}
}

// An answer is heard at the first loud frame, unless an earlier one is still heard.
func TestUntilLoud(t *testing.T) {
	frames := []callback{{at: 20}, {at: 40, took: 1}, {at: 60, took: 1, peak: loud}, {at: 80, peak: loud}}
	if d, ok := untilLoud(frames, 45); !ok || d != 16 {
		t.Errorf("%v, %v: want 16 ns to the end of the third callback", d, ok)
	}
	if d, ok := untilLoud(frames, 65); ok {
		t.Errorf("%v while another answer is heard, want nothing", d)
	}
}
