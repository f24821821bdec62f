package audio

import "golang.org/x/sys/cpu"

// convolve computes the outputs of r by the fastest kernel of this processor.
// SSE2 is part of every amd64 processor.
func convolve(r *run) {
	switch {
	case hasVNNI:
		convolveFours(r, true)
	case cpu.X86.HasAVX2:
		convolveFours(r, false)
	default:
		convolveSSE2(r)
	}
}

//go:noescape
func convolveSSE2(r *run)

//go:noescape
func convolveAVX2(r *run)
