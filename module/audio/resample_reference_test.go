package audio_test

import (
	"math"
	"slices"
	"testing"
)

// slowResample is the resampler's definition, evaluated where each output
// stands: the sum over all input of sample times windowed sinc, in float64. The
// window's Bessel function is its integral (Abramowitz and Stegun 9.6.16), not
// the series of the code under test.
func slowResample(src []int16, in, out int, cutoff float64, taps int) []int16 {
	bessel := func(x float64) float64 {
		sum := 0.0
		for i := range 64 { // the trapezoidal rule is exact enough: the integrand is periodic
			sum += math.Exp(x * math.Cos(math.Pi*(float64(i)+0.5)/64))
		}
		return sum / 64
	}
	kernel := func(t float64) float64 {
		u := 2 * t / float64(taps)
		if math.Abs(u) >= 1 {
			return 0
		}
		h := cutoff
		if t != 0 {
			h = math.Sin(math.Pi*cutoff*t) / (math.Pi * t)
		}
		return h * bessel(10.04*math.Sqrt(1-u*u)) / bessel(10.04)
	}
	dst := make([]int16, (2*len(src)*out+in)/(2*in))
	for k := range dst {
		at := float64(k) * float64(in) / float64(out)
		sum := 0.0
		for n := max(0, int(at)-taps); n < min(len(src), int(at)+taps); n++ {
			sum += float64(src[n]) * kernel(at-float64(n))
		}
		dst[k] = int16(min(max(math.Floor(sum+0.5), math.MinInt16), math.MaxInt16))
	}
	return dst
}

func TestResamplerReference(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name    string
		in, out int
		cutoff  float64
		taps    int
	}{
		{"8000-24000", 8000, 24000, 0.940, 80},
		{"24000-8000", 24000, 8000, 0.922 / 3, 240},
		{"44100-48000", 44100, 48000, 0.940, 80},
		{"48000-44100", 48000, 44100, 0.922 * 147 / 160, 88},
		{"48000-11025", 48000, 11025, 0.922 * 147 / 640, 352},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			src := noise(700, 13)
			got, want := whole(t, c.in, c.out, src), slowResample(src, c.in, c.out, c.cutoff, c.taps)
			if len(got) != len(want) {
				t.Fatalf("%d outputs, want %d", len(got), len(want))
			}
			for i := range got {
				if d := int(got[i]) - int(want[i]); d < -1 || d > 1 {
					t.Fatalf("output %d is %d, want %d", i, got[i], want[i])
				}
			}
		})
	}
}

// The middle of impulse responses, as this code gave them when it was first held
// against libspeexdsp: they are the same on every processor.
func TestResamplerGolden(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name    string
		in, out int
		want    []int16
	}{
		{"8000-24000", 8000, 24000, []int16{
			-69, 1434, 1797, 476, -1558, -2467, -1127, 1660, 3505, 2298, -1737,
			-5558, -5090, 1784, 13187, 23854, 28200, 23854, 13187, 1784, -5090, -5558,
			-1737, 2298, 3505, 1660, -1127, -2467, -1558, 476, 1797, 1434, -69,
		}},
		{"24000-8000", 24000, 8000, []int16{
			63, -54, 36, -6, -34, 87, -150, 223, -304, 388, -474,
			556, -630, 693, -740, 770, 9220, 770, -740, 693, -630, 556,
			-474, 388, -304, 223, -150, 87, -34, -6, 36, -54, 63,
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			src := make([]int16, 600)
			src[300] = 30000
			at := 300*c.out/c.in - len(c.want)/2
			if got := whole(t, c.in, c.out, src)[at : at+len(c.want)]; !slices.Equal(got, c.want) {
				t.Errorf("got %d", got)
			}
		})
	}
}
