//go:build speexdsp && cgo

package audio

import (
	"fmt"
	"math"
	"testing"

	"mod_openai_audio_stream/module/audio/internal/speexref"
)

// The filters themselves, side by side, below the floor that 16-bit output
// would hide them under: frequency responses of the impulse response on the grid
// of all phases, den points per input sample.

// A response is an impulse response with its centre in the middle.
type response struct {
	h   []float64
	den int
}

// responseOf reads the table of f.
func responseOf(f *filter) response {
	h := make([]float64, f.taps*f.den+1)
	for p := range f.den {
		for j, c := range f.coefficients(p)[f.rowTaps-f.taps:] {
			late := p - (j-f.taps/2+1)*f.den // the output's instant after the tap's, in 1/den
			h[late+f.lookAhead*f.den] = math.Ldexp(float64(c[0]<<f.loBits+c[1]), -int(f.shift))
		}
	}
	return response{h, f.den}
}

// speexResponse measures libspeexdsp by impulses that fall on every phase.
func speexResponse(t *testing.T, in, out, num, den int) (response, int) {
	t.Helper()
	r, err := speexref.New(in, out)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	latency := r.InputLatency()
	apart := 2*latency + 2
	for gcd(apart, num) != 1 {
		apart++
	}
	const level = 16384
	src := make([]float32, (num+2)*apart)
	for i := range num {
		src[(i+1)*apart] = level
	}
	h := make([]float64, 2*latency*den+1)
	for k, y := range r.ProcessFloat(src) {
		// Output k stands latency input samples before k*num/den.
		at := k*num - latency*den
		impulse := int(math.Round(float64(at) / float64(apart*den)))
		late := at - impulse*apart*den
		if impulse >= 1 && impulse <= num && max(late, -late) <= latency*den {
			h[late+latency*den] = float64(y) / level
		}
	}
	return response{h, den}, latency
}

// at is the level in dB at freq, in cycles per input sample.
func (r response) at(freq float64) float64 {
	turn := 2 * math.Pi * freq / float64(r.den)
	stepIm, stepRe := math.Sincos(turn)
	im, re := math.Sincos(-turn * float64(len(r.h)/2))
	sumRe, sumIm := 0.0, 0.0
	for _, h := range r.h {
		sumRe, sumIm = sumRe+h*re, sumIm+h*im
		re, im = re*stepRe-im*stepIm, re*stepIm+im*stepRe
	}
	return 20 * math.Log10(math.Hypot(sumRe, sumIm)/float64(r.den)+1e-9)
}

// edge finds where the response falls through level, between low and high.
func (r response) edge(level, low, high float64) float64 {
	for high-low > 1e-6 {
		if middle := (low + high) / 2; r.at(middle) > level {
			low = middle
		} else {
			high = middle
		}
	}
	return low
}

// For every pair: no more delay, no more ripple, no narrower a pass band, no
// later and no higher a stop band than libspeexdsp at quality 5. The band's edges
// are allowed 0.00025 of its width, 1 Hz at 8 kHz: what a deeper stop band costs.
// Below -115 dB the stop bands are both beyond hearing and not compared.
func TestResponseAgainstSpeex(t *testing.T) {
	t.Parallel()
	rates := []int{8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000}
	for _, in := range rates {
		for _, out := range rates {
			if in == out {
				continue
			}
			t.Run(fmt.Sprintf("%d-%d", in, out), func(t *testing.T) {
				t.Parallel()
				g := gcd(in, out)
				f, err := filterFor(in/g, out/g)
				if err != nil {
					t.Fatal(err)
				}
				ours := responseOf(f)
				speex, latency := speexResponse(t, in, out, f.num, f.den)
				if f.lookAhead > latency {
					t.Errorf("delay %d samples, speex %d", f.lookAhead, latency)
				}

				nyquist := min(1, float64(out)/float64(in)) / 2
				worst := func(r response, from, to float64, value func(db float64) float64) float64 {
					most := math.Inf(-1)
					for i := range 120 {
						most = max(most, value(r.at(nyquist*(from+(to-from)*float64(i)/119))))
					}
					return most
				}
				pass := 0.84
				a, b := worst(ours, 0, pass, math.Abs), worst(speex, 0, pass, math.Abs)
				if a > b {
					t.Errorf("ripple %.6f dB, speex %.6f", a, b)
				}
				for _, level := range []float64{-0.01, -0.1, -1, -3} {
					a, b := ours.edge(level, pass*nyquist, nyquist), speex.edge(level, pass*nyquist, nyquist)
					if a < b-25e-5*nyquist {
						t.Errorf("%g dB at %.5f of the band, speex %.5f", level, a/nyquist, b/nyquist)
					}
				}
				for _, level := range []float64{-20, -40, -60, -80, -90} {
					a, b := ours.edge(level, 0.9*nyquist, 1.03*nyquist), speex.edge(level, 0.9*nyquist, 1.03*nyquist)
					if a > b+25e-5*nyquist {
						t.Errorf("%g dB at %.5f of the band, speex %.5f", level, a/nyquist, b/nyquist)
					}
				}
				same := func(db float64) float64 { return db }
				for _, band := range [][2]float64{{1.03, 1.2}, {1.2, 2.5}, {2.5, 7}} {
					if band[1]*nyquist > float64(f.den)/2 {
						continue // beyond the grid
					}
					a, b := worst(ours, band[0], band[1], same), worst(speex, band[0], band[1], same)
					if a > max(b, -115) {
						t.Errorf("%.2f to %.2f of the band at %.2f dB, speex %.2f", band[0], band[1], a, b)
					}
				}
			})
		}
	}
}
