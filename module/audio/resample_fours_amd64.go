package audio

import "golang.org/x/sys/cpu"

// hasVNNI: the processor multiplies and adds in one instruction, of AVX-512, on
// AVX2's registers. The wider ones would make some processors lower their clock.
var hasVNNI = cpu.X86.HasAVX2 && cpu.X86.HasAVX512VL && cpu.X86.HasAVX512VNNI

// fours is outputs of one phase, the unit of work of the kernels that make four
// at a time. Fields are as in run.
type fours struct {
	dst    *int16
	groups int // of four outputs, at least 1
	dstAdd int // from one output to the next

	src    *int16
	srcAdd int
	row    *int16
	blocks int

	loBits uint
	round  int64
	shift  uint
}

// convolveFours computes the outputs of r phase by phase, as long as there are
// four of each, and the others one by one. r is used up.
func convolveFours(r *run, vnni bool) {
	if groups := r.n / (4 * r.phases); groups > 0 {
		f := fours{
			groups: groups,
			dstAdd: 2 * r.phases,
			srcAdd: r.period,
			blocks: r.blocks,
			loBits: r.loBits,
			round:  r.round,
			shift:  r.shift,
		}
		src, row, rest := 0, 0, r.rest
		for phase := range r.phases {
			f.dst = (*int16)(offset(r.dst, 2*phase))
			f.src = (*int16)(offset(r.src, src))
			f.row = (*int16)(offset(r.row, row))
			if vnni {
				foursVNNI(&f)
			} else {
				foursAVX2(&f)
			}
			src, row, rest = r.next(src, row, rest)
		}
		done := 4 * groups * r.phases
		if r.n -= done; r.n == 0 {
			return // src may be the end of the history
		}
		r.dst = (*int16)(offset(r.dst, 2*done))
		r.src = (*int16)(offset(r.src, 4*groups*r.period))
	}
	convolveAVX2(r)
}

//go:noescape
func foursAVX2(f *fours)

//go:noescape
func foursVNNI(f *fours)
