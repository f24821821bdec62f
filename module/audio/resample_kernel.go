package audio

import (
	"math"
	"unsafe"
)

// A run is a stretch of outputs, the unit of work of a kernel. The assembly
// kernels read it by its field names (go_asm.h). Steps and sizes are in bytes.
type run struct {
	dst *int16 // first output
	n   int    // outputs, at least 1

	src    *int16 // start of the first output's window
	row    *int16 // the first output's row
	rest   int    // from row to the end of the table
	blocks int    // blocks of blockTaps in a row

	srcAdd int // from one window to the next
	rowAdd int // from one row to the next; past the end of the table the row
	rows   int // wraps by its size, and the window moves one sample more

	phases int // rows of the table: after so many outputs the row is the same
	period int // and the window is so much further

	loBits  uint  // filter.loBits
	loScale int64 // 1 << loBits
	round   int64 // 1 << (shift-1)
	shift   uint  // filter.shift
}

// newRun prepares n outputs of f, from dst on, from the window at src, the first
// one on phase.
func newRun(f *filter, phase int, dst *int16, n int, src *int16) run {
	const sample = int(unsafe.Sizeof(int16(0)))
	rows := sample * len(f.table)
	return run{
		dst:     dst,
		n:       n,
		src:     src,
		row:     &f.table[phase*f.rowLen()],
		rest:    rows - sample*phase*f.rowLen(),
		blocks:  f.rowTaps / blockTaps,
		srcAdd:  sample * (f.num / f.den),
		rowAdd:  sample * (f.num % f.den) * f.rowLen(),
		rows:    rows,
		phases:  f.den,
		period:  sample * f.num,
		loBits:  f.loBits,
		loScale: 1 << f.loBits,
		round:   1 << (f.shift - 1),
		shift:   f.shift,
	}
}

// convolvePortable is the reference kernel: the others must give its bits. Each
// output is the exact integer sum over its window of sample times coefficient,
// divided by 1<<shift, rounded to the nearest (halves up) and saturated.
func convolvePortable(r *run) {
	src, row, rest := 0, 0, r.rest
	for i := range r.n {
		var hi, lo int32
		for b := range r.blocks {
			// Valid: whoever made the run vouches for windows, rows and outputs.
			x := (*[blockTaps]int16)(offset(r.src, src+b*2*blockTaps))
			c := (*[2 * blockTaps]int16)(offset(r.row, row+b*4*blockTaps))
			for j, s := range x {
				hi += int32(s) * int32(c[j])
				lo += int32(s) * int32(c[j+blockTaps])
			}
		}
		y := (int64(hi)*r.loScale + int64(lo) + r.round) >> r.shift
		*(*int16)(offset(r.dst, 2*i)) = int16(min(max(y, math.MinInt16), math.MaxInt16))

		src, row, rest = r.next(src, row, rest)
	}
}

// next is the window and the row of the output after that of src and row, from
// which it is rest to the end of the table.
func (r *run) next(src, row, rest int) (int, int, int) {
	src += r.srcAdd
	row += r.rowAdd
	if rest -= r.rowAdd; rest <= 0 {
		rest += r.rows
		row -= r.rows
		src += 2
	}
	return src, row, rest
}

// offset is the address n bytes after p.
func offset(p *int16, n int) unsafe.Pointer { return unsafe.Add(unsafe.Pointer(p), n) }
