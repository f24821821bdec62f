//go:build speexdsp && cgo

package audio_test

import (
	"testing"

	"mod_openai_audio_stream/module/audio/internal/speexref"
)

func newSpeex(t testing.TB, in, out int) *speexref.Resampler {
	t.Helper()
	r, err := speexref.New(in, out)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Close)
	return r
}

// Sample for sample the output is libspeexdsp's with its leading delay skipped.
// The few units of difference are the noise's share in the transition band,
// where the two filters' edges lie 0.0002 of the band apart, and rounding.
func TestResamplerMatchesSpeex(t *testing.T) {
	t.Parallel()
	eachPair(t, func(t *testing.T, in, out int) {
		src := noise(in/4, 10)
		for i := range src {
			src[i] /= 4 // no saturation: it would hide differences
		}
		reference := newSpeex(t, in, out)
		reference.SkipZeros()
		want := reference.Process(nil, src, 160)
		got := newResampler(t, in, out).Process(nil, src)
		if d := len(got) - len(want); d < -1 || d > 1 {
			t.Errorf("%d outputs, speex %d", len(got), len(want))
		}
		for i := range min(len(got), len(want)) {
			if d := int(got[i]) - int(want[i]); d < -4 || d > 4 {
				t.Fatalf("output %d is %d, speex %d", i, got[i], want[i])
			}
		}
	})
}

func TestResamplerDelayAgainstSpeex(t *testing.T) {
	t.Parallel()
	eachPair(t, func(t *testing.T, in, out int) {
		got, limit := newResampler(t, in, out).Delay(), newSpeex(t, in, out).InputLatency()
		if got > limit {
			t.Errorf("delay %d samples, speex %d", got, limit)
		}
	})
}

// BenchmarkSpeex is BenchmarkResampler's work by libspeexdsp.
func BenchmarkSpeex(b *testing.B) {
	eachBenchPair(b, func(b *testing.B, in, out int, second []int16) {
		r := newSpeex(b, in, out)
		dst := make([]int16, 0, out+100)
		for b.Loop() {
			dst = r.Process(dst[:0], second, in/50)
		}
	})
}
