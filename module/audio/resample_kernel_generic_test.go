//go:build !amd64 && !arm64

package audio

var kernels = []kernel{{"portable", convolvePortable}}
