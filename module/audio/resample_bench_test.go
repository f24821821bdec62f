package audio_test

import (
	"fmt"
	"testing"
)

// eachBenchPair runs a benchmark for each pair of the rates that calls and
// servers use, on one second of noise.
func eachBenchPair(b *testing.B, bench func(b *testing.B, in, out int, second []int16)) {
	for _, in := range []int{8000, 16000, 24000, 48000} {
		for _, out := range []int{8000, 16000, 24000, 48000} {
			if in != out {
				b.Run(fmt.Sprintf("%d-%d", in, out), func(b *testing.B) { bench(b, in, out, noise(in, 1)) })
			}
		}
	}
}

// BenchmarkResampler converts one second in frames of 20 ms.
func BenchmarkResampler(b *testing.B) {
	eachBenchPair(b, func(b *testing.B, in, out int, second []int16) {
		r := newResampler(b, in, out)
		dst := make([]int16, 0, out/50+1)
		b.ReportAllocs()
		for b.Loop() {
			for at := 0; at < in; at += in / 50 {
				dst = r.Process(dst[:0], second[at:at+in/50])
			}
		}
	})
}
