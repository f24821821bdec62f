//go:build speexdsp && cgo

package audio_test

import (
	"testing"

	"mod_openai_audio_stream/module/audio/internal/speexref"
)

// BenchmarkSpeex is BenchmarkResampler's work by libspeexdsp.
func BenchmarkSpeex(b *testing.B) {
	eachBenchPair(b, func(b *testing.B, in, out int, second []int16) {
		r, err := speexref.New(in, out, 1)
		if err != nil {
			b.Fatal(err)
		}
		defer r.Close()
		dst := make([]int16, 0, out+100)
		for b.Loop() {
			dst = r.Process(dst[:0], second, in/50)
		}
	})
}
