package audio

import "golang.org/x/sys/cpu"

var kernels = func() []kernel {
	k := []kernel{{"portable", convolvePortable}, {"sse2", convolveSSE2}}
	if cpu.X86.HasAVX2 {
		k = append(k, kernel{"avx2", convolveAVX2}, kernel{"avx2-fours", func(r *run) { convolveFours(r, false) }})
	}
	if hasVNNI {
		k = append(k, kernel{"vnni-fours", func(r *run) { convolveFours(r, true) }})
	}
	return k
}()
