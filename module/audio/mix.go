package audio

import (
	"math"
	"slices"
)

// Mix appends to dst the sum of a and b, sample by sample, saturated to int16:
// two parties of a call as one. The shorter one counts as silence at its end.
func Mix(dst, a, b []int16) []int16 {
	if len(a) < len(b) {
		a, b = b, a
	}
	at := len(dst)
	dst = append(dst, a...)
	out := dst[at:]
	for i, s := range b {
		sum := int32(out[i]) + int32(s)
		out[i] = int16(min(max(sum, math.MinInt16), math.MaxInt16))
	}
	return dst
}

// Interleave appends to dst the stereo frames of left and right: left first. The
// shorter one counts as silence at its end.
func Interleave(dst, left, right []int16) []int16 {
	n := max(len(left), len(right))
	at := len(dst)
	dst = slices.Grow(dst, 2*n)[:at+2*n]
	out := dst[at:]
	if len(left) != len(right) {
		clear(out)
	}
	for i, s := range left {
		out[2*i] = s
	}
	for i, s := range right {
		out[2*i+1] = s
	}
	return dst
}

// Downmix appends to dst the mean of left and right of each interleaved stereo
// frame, rounded down. Half a frame at the end of stereo is ignored.
func Downmix(dst, stereo []int16) []int16 {
	n := len(stereo) / 2
	at := len(dst)
	dst = slices.Grow(dst, n)[:at+n]
	out := dst[at:]
	for i := range out {
		out[i] = int16((int32(stereo[2*i]) + int32(stereo[2*i+1])) >> 1)
	}
	return dst
}
