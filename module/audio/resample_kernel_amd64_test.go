package audio

import "golang.org/x/sys/cpu"

var kernels = func() []kernel {
	k := []kernel{{"portable", convolvePortable}, {"sse2", convolveSSE2}}
	if cpu.X86.HasAVX2 {
		k = append(k, kernel{"avx2", convolveAVX2})
	}
	return k
}()
