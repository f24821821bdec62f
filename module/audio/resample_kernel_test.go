package audio

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
)

// A kernel is one of this processor's, by name.
type kernel struct {
	name     string
	convolve func(r *run)
}

// Every kernel gives the portable one's bits, whatever the phase and the
// window's alignment, and writes nothing else.
func TestKernels(t *testing.T) {
	t.Parallel()
	for _, k := range kernels {
		for _, ratio := range [][2]int{{1, 2}, {1, 3}, {1, 6}, {3, 1}, {2, 3}, {3, 2}, {6, 1}, {147, 160}, {160, 147}, {640, 147}, {441, 1280}} {
			t.Run(fmt.Sprintf("%s/%d:%d", k.name, ratio[0], ratio[1]), func(t *testing.T) {
				t.Parallel()
				f, err := filterFor(ratio[0], ratio[1])
				if err != nil {
					t.Fatal(err)
				}
				random := rand.New(rand.NewPCG(1, 2))
				const n = 400
				src := make([]int16, n*f.num/f.den+2+f.rowTaps+8)
				for i := range src {
					src[i] = int16(random.IntN(65536) - 32768)
					if i > len(src)/2 {
						src[i] |= 0x7FFF // the rails: the largest sums
					}
				}
				for range 40 {
					phase, skip, outputs := random.IntN(f.den), random.IntN(8), 1+random.IntN(n)
					want, got := make([]int16, n), make([]int16, n)
					r := newRun(f, phase, &want[0], outputs, &src[skip])
					convolvePortable(&r)
					r = newRun(f, phase, &got[0], outputs, &src[skip])
					k.convolve(&r)
					if !slices.Equal(got, want) {
						t.Fatalf("phase %d, skip %d, %d outputs: bits differ from the portable kernel's", phase, skip, outputs)
					}
				}
			})
		}
	}
}

// The portable kernel is the sum it says it is: in 64 bits, from whole
// coefficients. It holds the int32 sums to account at full scale, where each
// tap's sign is the input's.
func TestPortableKernel(t *testing.T) {
	t.Parallel()
	for _, ratio := range [][2]int{{1, 3}, {6, 1}, {48, 1}, {147, 160}, {640, 147}, {441, 1280}} {
		f, err := filterFor(ratio[0], ratio[1])
		if err != nil {
			t.Fatal(err)
		}
		for phase := range f.den {
			row := f.coefficients(phase)
			for _, part := range []func(hi, lo int64) int64{
				func(hi, _ int64) int64 { return hi },
				func(_, lo int64) int64 { return lo },
				func(hi, lo int64) int64 { return hi<<f.loBits + lo },
			} {
				src := make([]int16, f.rowTaps)
				sum := int64(0)
				for j, c := range row {
					src[j] = -32768
					if part(c[0], c[1]) < 0 {
						src[j] = 32767
					}
					sum += int64(src[j]) * (c[0]<<f.loBits + c[1])
				}
				want := min(max((sum+1<<(f.shift-1))>>f.shift, -32768), 32767)
				var got int16
				r := newRun(f, phase, &got, 1, &src[0])
				convolvePortable(&r)
				if int64(got) != want {
					t.Fatalf("%v, phase %d: %d, want %d", ratio, phase, got, want)
				}
			}
		}
	}
}

func BenchmarkKernel(b *testing.B) {
	f, err := filterFor(1, 3)
	if err != nil {
		b.Fatal(err)
	}
	src, dst := make([]int16, 480+f.rowTaps), make([]int16, 480)
	for _, k := range kernels {
		b.Run(k.name, func(b *testing.B) {
			for b.Loop() {
				r := newRun(f, 0, &dst[0], len(dst), &src[0])
				k.convolve(&r)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(dst)), "ns/output")
		})
	}
}

// coefficients returns the row of a phase as pairs of hi and lo.
func (f *filter) coefficients(phase int) [][2]int64 {
	row := make([][2]int64, f.rowTaps)
	for j := range row {
		at := phase*f.rowLen() + j/blockTaps*2*blockTaps + j%blockTaps
		row[j] = [2]int64{int64(f.table[at]), int64(f.table[at+blockTaps])}
	}
	return row
}
