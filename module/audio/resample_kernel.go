package audio

import (
	"math"
	"unsafe"
)

// A run is a stretch of outputs of one channel, the unit of work of a kernel.
// The assembly kernels read it by its field names (go_asm.h). All lengths and
// steps are in int16 elements.
type run struct {
	dst    *int16 // first output
	n      int    // outputs, at least 1
	stride int    // from one output to the next: the number of channels

	src    *int16 // start of the first output's window
	table  *int16 // the filter's table
	blocks int    // blocks of blockTaps in a row

	row    int // offset of the first output's row
	rows   int // size of the table: a row offset wraps here and src moves one on
	rowAdd int // from an output's row to the next one's
	srcAdd int // from an output's window to the next one's, apart from wrapping

	loBits uint // see filter
	shift  uint
}

// convolvePortable is the reference kernel: the others must give its bits. Each
// output is the exact integer sum over its window of sample times coefficient,
// divided by 1<<shift, rounded to the nearest (halves up) and saturated.
func convolvePortable(r *run) {
	taps := r.blocks * blockTaps
	// Valid: the caller guarantees that the window of each output lies within
	// its history, each row within the table, each output within dst.
	at := func(p *int16, i int) unsafe.Pointer { return unsafe.Add(unsafe.Pointer(p), 2*i) }
	srcAt, row := 0, r.row
	for i := range r.n {
		src := unsafe.Slice((*int16)(at(r.src, srcAt)), taps)
		coef := unsafe.Slice((*int16)(at(r.table, row)), 2*taps)
		var hi, lo int32
		for len(src) >= blockTaps && len(coef) >= 2*blockTaps {
			x, h, l := (*[blockTaps]int16)(src), (*[blockTaps]int16)(coef), (*[blockTaps]int16)(coef[blockTaps:])
			for j := range x {
				hi += int32(x[j]) * int32(h[j])
				lo += int32(x[j]) * int32(l[j])
			}
			src, coef = src[blockTaps:], coef[2*blockTaps:]
		}
		sum := int64(hi)<<r.loBits + int64(lo)
		y := (sum + 1<<(r.shift-1)) >> r.shift
		*(*int16)(at(r.dst, i*r.stride)) = int16(min(max(y, math.MinInt16), math.MaxInt16))

		srcAt += r.srcAdd
		row += r.rowAdd
		if row >= r.rows {
			row -= r.rows
			srcAt++
		}
	}
}
