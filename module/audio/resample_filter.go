package audio

import (
	"fmt"
	"math"
	"sync"
	"unsafe"
)

// The filter is a sinc cut off below the lower of the two Nyquist frequencies
// and tapered by a Kaiser window: J. O. Smith, "Digital Audio Resampling", for
// the structure, Kaiser (1974) for the window. The figures are those of
// speexdsp's quality 5, so that delay, pass band and stop band are the ones
// that telephony already knows.
const (
	// baseTaps is the filter's length in samples of the lower-rate side.
	baseTaps = 80
	// kaiserBeta sets the stop band: about 100 dB by Kaiser's formula. 10 gives
	// speexdsp's within 0.7 dB, 10.04 is as deep for every pair of rates and
	// moves the band's edges by 0.0002 of its width (resample_response_test.go).
	kaiserBeta = 10.04
	// upCutoff and downCutoff place the -6 dB point, as a fraction of the lower
	// Nyquist frequency. Down-sampling cuts a little earlier because what leaks
	// there folds back into the voice band.
	upCutoff   = 0.940
	downCutoff = 0.922
)

const (
	// blockTaps is the number of taps that a kernel takes at a time: one AVX2
	// register of int16.
	blockTaps = 16
	// maxTableTaps bounds a filter's table (4 bytes a tap). The largest among
	// the usual rates, 32 kHz to 11.025 kHz, needs about 106,000.
	maxTableTaps = 1 << 20
)

// A filter is a polyphase table for one ratio. It is immutable and shared by
// all resamplers of that ratio.
//
// Coefficients are fixed point, so that every kernel gives the same bits in
// whatever order it adds. An int16 alone would put the aliases at -82 dB; each
// coefficient is therefore hi + lo/2^loBits, both int16, which costs two
// multiply-adds a tap and leaves rounding below -120 dB. With |x| <= 2^15 the
// sums of x*hi and of x*lo over a row fit in int32: newFilter chooses the
// scales so.
type filter struct {
	num, den int // input samples per output sample = num/den, in lowest terms

	taps      int // length before padding
	lookAhead int // input samples after the output's own instant
	rowTaps   int // taps rounded up to a multiple of blockTaps, zeros first

	// table has a row for each phase p = 0..den-1, an output p/den samples
	// after an input sample. A row is rowTaps/blockTaps blocks of blockTaps hi
	// values followed by the blockTaps lo values of the same taps.
	table  []int16
	loBits uint // lo's weight relative to hi
	shift  uint // a coefficient is (hi<<loBits + lo) / (1<<shift)
}

// rowLen is the number of int16 in a row of the table.
func (f *filter) rowLen() int { return 2 * f.rowTaps }

// filters caches a func() (*filter, error) for each [2]int{num, den}. Its size
// is bounded by the rates in use on a machine, a handful.
var filters sync.Map

// filterFor returns the shared filter of a ratio, designing it on first use.
func filterFor(num, den int) (*filter, error) {
	key := [2]int{num, den}
	design, ok := filters.Load(key)
	if !ok {
		design, _ = filters.LoadOrStore(key, sync.OnceValues(func() (*filter, error) {
			return newFilter(num, den)
		}))
	}
	return design.(func() (*filter, error))()
}

// newFilter designs the filter for num input samples per den output samples.
func newFilter(num, den int) (*filter, error) {
	taps, cutoff := baseTaps, upCutoff
	if num > den {
		// Longer by the ratio, so that the transition keeps its width relative
		// to the output's Nyquist frequency.
		taps = (baseTaps*num/den + 7) &^ 7
		cutoff = downCutoff * float64(den) / float64(num)
	}
	rowTaps := (taps + blockTaps - 1) &^ (blockTaps - 1)
	if rowTaps > maxTableTaps/den {
		return nil, fmt.Errorf("ratio %d:%d needs too large a filter table", num, den)
	}
	f := &filter{num: num, den: den, taps: taps, lookAhead: taps / 2, rowTaps: rowTaps}

	rows := make([]float64, 0, den*taps)
	sum := 0.0
	for p := range den {
		for j := range taps {
			x := float64(j-(taps/2-1)) - float64(p)/float64(den)
			c := sinc(cutoff*x) * kaiser(2*x/float64(taps))
			rows = append(rows, c)
			sum += c
		}
	}
	// Gain 1 at 0 Hz, over all phases: scaling each to 1 would bend the stop band.
	for i := range rows {
		rows[i] *= float64(den) / sum
	}
	f.quantize(rows)
	return f, nil
}

// quantize fills the table from rows of f.taps coefficients.
func (f *filter) quantize(rows []float64) {
	hiBits := uint(14)
	hi := func(c float64) float64 { return math.Round(math.Ldexp(c, int(hiBits))) }
	lo := func(c float64) float64 {
		return math.Round(math.Ldexp(math.Ldexp(c, int(hiBits))-hi(c), int(f.loBits)))
	}
	const limit = math.MaxInt32 >> 15 // times the largest sample: an int32
	for f.rowSumMax(rows, hi) > limit {
		hiBits--
	}
	f.loBits = 15
	for f.rowSumMax(rows, lo) > limit {
		f.loBits--
	}
	f.shift = hiBits + f.loBits

	f.table = alignedInt16(f.den * f.rowLen())
	for p := range f.den {
		out := f.table[p*f.rowLen():]
		for j, c := range rows[p*f.taps : (p+1)*f.taps] {
			at := j + f.rowTaps - f.taps
			at = at/blockTaps*2*blockTaps + at%blockTaps
			out[at] = int16(hi(c))
			out[at+blockTaps] = int16(lo(c))
		}
	}
}

// rowSumMax is the largest sum of |part(coefficient)| over any row.
func (f *filter) rowSumMax(rows []float64, part func(float64) float64) float64 {
	most := 0.0
	for p := range f.den {
		sum := 0.0
		for _, c := range rows[p*f.taps : (p+1)*f.taps] {
			sum += math.Abs(part(c))
		}
		most = max(most, sum)
	}
	return most
}

// sinc is sin(pi x)/(pi x).
func sinc(x float64) float64 {
	if x == 0 {
		return 1
	}
	return math.Sin(math.Pi*x) / (math.Pi * x)
}

// kaiser is the Kaiser window at x in [-1, 1], 1 at its centre.
func kaiser(x float64) float64 {
	if x <= -1 || x >= 1 {
		return 0
	}
	return besselI0(kaiserBeta*math.Sqrt(1-x*x)) / besselI0(kaiserBeta)
}

// besselI0 is the modified Bessel function of order zero by its power series
// (Abramowitz and Stegun 9.6.12), which converges quickly for |x| <= kaiserBeta.
func besselI0(x float64) float64 {
	sum, term := 1.0, 1.0
	for k := 1.0; term > sum*1e-17; k++ {
		term *= x * x / (4 * k * k)
		sum += term
	}
	return sum
}

// alignedInt16 allocates n values on a cache-line boundary: SSE2 reads memory
// operands of 16 bytes only where they are aligned, and a block of a row is one
// cache line. The address stays valid because Go does not move heap objects.
func alignedInt16(n int) []int16 {
	const line = 64
	s := make([]int16, n+line/2)
	skip := -uintptr(unsafe.Pointer(unsafe.SliceData(s))) % line / 2
	return s[skip : skip+uintptr(n) : skip+uintptr(n)]
}
