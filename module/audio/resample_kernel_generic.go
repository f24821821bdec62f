//go:build !amd64 && !arm64

package audio

// convolve computes the outputs of r.
func convolve(r *run) { convolvePortable(r) }
