package farend

// A numbered packet is sixteen steps: one at the top, fourteen bits, one at the bottom. It survives G.711 and any gain
// near one, and can be found wherever it begins.
const (
	steps      = 16
	bits       = 14
	numberEdge = 24000
	numberBit  = 8000
)

// Numbered is sound that carries the numbers from first on, one in each n samples, which must be a multiple of 16.
func Numbered(first, count, n int) []int16 {
	pcm := make([]int16, 0, count*n)
	for number := first; number < first+count; number++ {
		for i := range n {
			pcm = append(pcm, step(number, i*steps/n))
		}
	}
	return pcm
}

func step(number, i int) int16 {
	switch {
	case i == 0:
		return numberEdge
	case i == steps-1:
		return -numberEdge
	case number>>(i-1)&1 == 1:
		return numberBit
	default:
		return -numberBit
	}
}

// Number is one that was found in sound, and where.
type Number struct {
	N, At int
}

// Numbers finds the numbers, n samples each, that sound carries whole.
func Numbers(pcm []int16, n int) (found []Number) {
	for at := 0; at+n <= len(pcm); {
		if number, ok := numberAt(pcm[at:at+n], n); ok {
			found = append(found, Number{number, at})
			at += n
		} else {
			at++
		}
	}
	return found
}

func numberAt(pcm []int16, n int) (number int, ok bool) {
	const slack = numberBit / 2
	near := func(v, want int16) bool { return int(v)-int(want) < slack && int(want)-int(v) < slack }
	for i, v := range pcm {
		switch at := i * steps / n; {
		case near(v, numberBit) && at > 0 && at < steps-1:
			number |= 1 << (at - 1)
		case near(v, -numberBit) && at > 0 && at < steps-1:
			if number>>(at-1)&1 == 1 {
				return 0, false
			}
		case at == 0 && near(v, numberEdge), at == steps-1 && near(v, -numberEdge):
		default:
			return 0, false
		}
	}
	// A step of both bits would have passed as a one: its first sample must be one too.
	for i := range bits {
		first := pcm[((i+1)*n+steps-1)/steps]
		if (number>>i&1 == 1) != (first > 0) {
			return 0, false
		}
	}
	return number, true
}

// Missing is the numbers from first to last that are not among those found.
func Missing(found []Number, first, last int) (missing []int) {
	have := map[int]bool{}
	for _, f := range found {
		have[f.N] = true
	}
	for n := first; n <= last; n++ {
		if !have[n] {
			missing = append(missing, n)
		}
	}
	return missing
}
