package audio

// convolve runs the fastest kernel of this processor.
func convolve(r *run) { convolvePortable(r) }
