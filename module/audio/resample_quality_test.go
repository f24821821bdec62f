package audio_test

import (
	"math"
	"testing"
)

// Against the ideal. Levels are relative to a sine of amplitude fullScale; the
// rounding of input and output to 16 bits alone leaves 95 dB.
const fullScale = 32767

// measureTone returns, for a full-scale tone, its level in the output in dB and
// the level of everything else there: noise, aliases and images.
func measureTone(t *testing.T, in, out int, freq float64) (tone, rest float64) {
	t.Helper()
	got := whole(t, in, out, sine(in/4, in, freq, fullScale))
	// The ends, where the tone starts and stops, are not the tone.
	edge := 60 * max(1, out/in)
	got = got[edge : len(got)-edge]

	// Least squares for a*sin + b*cos; a window that is not a whole number of
	// periods makes the two slightly dependent.
	var ss, cc, sc, sy, cy, yy float64
	for i, v := range got {
		s, c := math.Sincos(2 * math.Pi * math.Mod(freq*float64(i)/float64(out), 1))
		y := float64(v)
		ss, cc, sc = ss+s*s, cc+c*c, sc+s*c
		sy, cy, yy = sy+s*y, cy+c*y, yy+y*y
	}
	det := ss*cc - sc*sc
	a, b := (sy*cc-cy*sc)/det, (cy*ss-sy*sc)/det
	n := float64(len(got))
	return 20 * math.Log10(math.Hypot(a, b)/fullScale),
		10 * math.Log10(2*max(yy-a*sy-b*cy, 1e-9)/n/(fullScale*fullScale))
}

func TestResamplerSNR(t *testing.T) {
	t.Parallel()
	eachPair(t, func(t *testing.T, in, out int) {
		if tone, rest := measureTone(t, in, out, 1000); tone-rest < 94 {
			t.Errorf("signal to noise at 1 kHz is %.1f dB, want 94", tone-rest)
		}
	})
}

// Across the pass band a tone keeps its level and gains no company.
func TestResamplerPassBand(t *testing.T) {
	t.Parallel()
	eachPair(t, func(t *testing.T, in, out int) {
		nyquist, edge := float64(min(in, out))/2, 0.886
		if in > out {
			edge = 0.868
		}
		for i := range 12 {
			freq := nyquist * edge * (float64(i) + 0.97) / 12
			tone, rest := measureTone(t, in, out, freq)
			if math.Abs(tone) > 0.1 {
				t.Errorf("%.0f Hz comes out at %.3f dB", freq, tone)
			}
			if i < 11 && math.Abs(tone) > 0.001 {
				t.Errorf("%.0f Hz comes out at %.4f dB", freq, tone)
			}
			if rest > -94 {
				t.Errorf("%.0f Hz brings %.1f dB of others", freq, rest)
			}
		}
	})
}

// A tone that only just fits the input's band leaves no image above it.
func TestResamplerImages(t *testing.T) {
	t.Parallel()
	eachPair(t, func(t *testing.T, in, out int) {
		if in > out {
			return
		}
		for _, part := range []float64{0.900, 0.953, 0.973} {
			if _, rest := measureTone(t, in, out, part*float64(in)/2); rest > -94 {
				t.Errorf("%.3f of the band brings %.1f dB of others", part, rest)
			}
		}
	})
}

// What lies beyond the output's Nyquist frequency is gone, not folded back.
func TestResamplerAliases(t *testing.T) {
	t.Parallel()
	eachPair(t, func(t *testing.T, in, out int) {
		if in < out {
			return
		}
		low, high := 1.005*float64(out)/2, float64(in)/2
		for i := range 12 {
			freq := low + (high-low)*float64(i)/12.3
			got := whole(t, in, out, sine(in/4, in, freq, fullScale))
			sum := 0.0
			for _, v := range got[60 : len(got)-60] {
				sum += float64(v) * float64(v)
			}
			level := 10 * math.Log10(2*sum/float64(len(got)-120)/(fullScale*fullScale)+1e-12)
			if level > -94 {
				t.Errorf("%.0f Hz leaves %.1f dB", freq, level)
			}
		}
	})
}
