package audio

// convolve computes the outputs of r. NEON is part of every arm64 processor.
func convolve(r *run) { convolveNEON(r) }

//go:noescape
func convolveNEON(r *run)
