package audio_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"mod_openai_audio_stream/module/audio"
)

// rates are those that every pair of must work.
var rates = []int{8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000}

// eachPair runs a subtest for each pair of different rates.
func eachPair(t *testing.T, test func(t *testing.T, in, out int)) {
	t.Helper()
	for _, in := range rates {
		for _, out := range rates {
			if in == out {
				continue
			}
			t.Run(fmt.Sprintf("%d-%d", in, out), func(t *testing.T) {
				t.Parallel()
				test(t, in, out)
			})
		}
	}
}

func newResampler(t testing.TB, in, out int) *audio.Resampler {
	t.Helper()
	r, err := audio.NewResampler(in, out)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// noise is full-scale white noise: the worst case for sums and saturation.
func noise(n int, seed uint64) []int16 {
	random := rand.New(rand.NewPCG(seed, 0))
	s := make([]int16, n)
	for i := range s {
		s[i] = int16(random.IntN(65536) - 32768)
	}
	return s
}

func sine(n, rate int, freq, amplitude float64) []int16 {
	s := make([]int16, n)
	for i := range s {
		s[i] = int16(math.Round(amplitude * math.Sin(2*math.Pi*freq*float64(i)/float64(rate))))
	}
	return s
}

// whole converts all of src as one answer.
func whole(t testing.TB, in, out int, src []int16) []int16 {
	t.Helper()
	r := newResampler(t, in, out)
	return r.Drain(r.Process(nil, src))
}

func TestResamplerRejects(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name    string
		in, out int
	}{
		{"zero input rate", 0, 8000},
		{"negative output rate", 8000, -8000},
		{"rate too high", 8000, 400000},
		{"ratio of large primes", 47981, 47977},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if r, err := audio.NewResampler(c.in, c.out); err == nil || r != nil {
				t.Errorf("got %v, %v; want an error", r, err)
			}
		})
	}
}

func TestResamplerPassThrough(t *testing.T) {
	t.Parallel()
	src := noise(999, 1)
	r := newResampler(t, 16000, 16000)
	got := r.Process(nil, src[:10])
	got = r.Process(got, src[10:])
	if got = r.Drain(got); !slices.Equal(got, src) {
		t.Error("output differs from input")
	}
	if r.Delay() != 0 {
		t.Errorf("delay %d, want 0", r.Delay())
	}
}

func TestResamplerChunks(t *testing.T) {
	t.Parallel()
	eachPair(t, func(t *testing.T, in, out int) {
		src := noise(2*2501, 2)
		want := whole(t, in, out, src)
		for _, size := range []int{1, 3, 160, 4096} {
			r := newResampler(t, in, out)
			// Twice, so that Drain is seen to leave nothing behind.
			for range 2 {
				var got []int16
				for chunk := range slices.Chunk(src, size) {
					got = r.Process(got, chunk)
				}
				if got = r.Drain(got); !slices.Equal(got, want) {
					t.Fatalf("chunks of %d differ from all at once", size)
				}
			}
		}
	})
}

func TestResamplerReset(t *testing.T) {
	t.Parallel()
	src := noise(1000, 3)
	r := newResampler(t, 44100, 48000)
	r.Process(nil, src[:333])
	r.Reset()
	if got := r.Drain(r.Process(nil, src)); !slices.Equal(got, whole(t, 44100, 48000, src)) {
		t.Error("output after Reset differs from a new resampler's")
	}
}

func TestResamplerLength(t *testing.T) {
	t.Parallel()
	eachPair(t, func(t *testing.T, in, out int) {
		r := newResampler(t, in, out)
		for _, n := range []int{0, 1, 2, 39, 40, 41, 160, 1000, 4801} {
			want := (2*n*out + in) / (2 * in)
			if got := len(r.Drain(r.Process(nil, make([]int16, n)))); got != want {
				t.Errorf("%d samples in: %d out, want %d", n, got, want)
			}
		}
	})
}

// What Drain emits is what silence after the stream would have brought, however
// much the history held before.
func TestResamplerDrain(t *testing.T) {
	t.Parallel()
	eachPair(t, func(t *testing.T, in, out int) {
		for _, n := range []int{100, 1000, 1500, 20000} {
			src := noise(n, 11)
			r := newResampler(t, in, out)
			r.Drain(r.Process(nil, noise(3000, 12)))
			got := r.Drain(r.Process(nil, src))
			want := newResampler(t, in, out).Process(nil, append(src, make([]int16, 2000)...))
			if !slices.Equal(got, want[:len(got)]) {
				t.Fatalf("%d samples: the tail is not that of silence", n)
			}
		}
	})
}

// Delay is what Process holds back, to the sample, and no more.
func TestResamplerDelay(t *testing.T) {
	t.Parallel()
	eachPair(t, func(t *testing.T, in, out int) {
		r := newResampler(t, in, out)
		if got := r.Process(nil, make([]int16, r.Delay())); len(got) != 0 {
			t.Errorf("%d outputs before the delay is over", len(got))
		}
		if got := r.Process(nil, make([]int16, 1)); len(got) == 0 {
			t.Errorf("no output %d samples in", r.Delay()+1)
		}
		lowRate := max(1, float64(in)/float64(out))
		if limit := 40*lowRate + 4; float64(r.Delay()) > limit {
			t.Errorf("delay %d samples, want at most %.0f", r.Delay(), limit)
		}
	})
}

// An impulse comes out as the filter's response, where it went in: symmetric
// around its instant, at the start and the end of a stream too.
func TestResamplerAlignment(t *testing.T) {
	t.Parallel()
	eachPair(t, func(t *testing.T, in, out int) {
		g := gcd(in, out)
		period := in / g // input samples after which the phases repeat
		n := 4*period + 1000
		centre := (n / 2 / period) * period
		src := make([]int16, n)
		src[centre] = 30000
		got := whole(t, in, out, src)
		peak := centre / period * (out / g)
		for i := 1; i < min(peak, len(got)-peak); i++ {
			// A unit of rounding: halves go up on both sides alike.
			if d := int(got[peak-i]) - int(got[peak+i]); d < -1 || d > 1 {
				t.Fatalf("%d samples around the peak: %d and %d", i, got[peak-i], got[peak+i])
			}
		}
		if most := slices.Max(got); got[peak] != most {
			t.Errorf("peak %d is not at output %d (%d)", most, peak, got[peak])
		}
	})
}

// No end of a stream is cut: an impulse at the last input instant that has an
// output of its own peaks in the drained tail, one at the start in the first
// output.
func TestResamplerEnds(t *testing.T) {
	t.Parallel()
	eachPair(t, func(t *testing.T, in, out int) {
		const n = 2000
		for _, at := range []int{0, n - 1 - in/out} {
			src := make([]int16, n)
			src[at] = 20000
			got := whole(t, in, out, src)
			peak := 0
			for i, s := range got {
				if s > got[peak] {
					peak = i
				}
			}
			want := float64(at) * float64(out) / float64(in)
			if math.Abs(float64(peak)-want) > 1 {
				t.Errorf("impulse at %d peaks at output %d, want %.1f", at, peak, want)
			}
		}
	})
}

func TestResamplerConstant(t *testing.T) {
	t.Parallel()
	eachPair(t, func(t *testing.T, in, out int) {
		for _, level := range []int16{-32768, -12345, 1, 32767} {
			src := make([]int16, 6000)
			for i := range src {
				src[i] = level
			}
			r := newResampler(t, in, out)
			got := r.Process(nil, src)
			// The edge is a step from silence and rings for a filter's length.
			for i, s := range got[r.Delay()*out/in+41:] {
				if s != level {
					t.Fatalf("level %d: output %d is %d", level, i, s)
				}
			}
		}
	})
}

// Band-limiting a full-scale square wave overshoots: the output must stay at
// the rail, not wrap around to the other one.
func TestResamplerSaturates(t *testing.T) {
	t.Parallel()
	eachPair(t, func(t *testing.T, in, out int) {
		src := make([]int16, in)
		for i := range src {
			src[i] = 32767
			if i*200/in%2 == 1 { // 100 Hz
				src[i] = -32768
			}
		}
		got := whole(t, in, out, src)
		if slices.Max(got) != 32767 || slices.Min(got) != -32768 {
			t.Errorf("range %d to %d, want both rails", slices.Min(got), slices.Max(got))
		}
		for i := range got {
			// Away from the edges of the square wave the sign must be its own.
			phase := math.Mod(float64(i)*200/float64(out), 1)
			if phase < 0.1 || phase > 0.9 {
				continue
			}
			if (got[i] > 0) != (i*200/out%2 == 0) {
				t.Fatalf("output %d is %d: wrapped around", i, got[i])
			}
		}
	})
}

func TestResamplerDoesNotAllocate(t *testing.T) {
	for _, pair := range [][2]int{{8000, 24000}, {24000, 8000}, {44100, 48000}, {16000, 16000}} {
		r := newResampler(t, pair[0], pair[1])
		src := noise(pair[0]/50+1, 6)
		dst := make([]int16, 0, 4*pair[1]/50+1000)
		if n := testing.AllocsPerRun(100, func() { dst = r.Process(dst[:0], src) }); n != 0 {
			t.Errorf("%v: Process allocates %v times", pair, n)
		}
		if n := testing.AllocsPerRun(100, func() { dst = r.Drain(r.Process(dst[:0], src)) }); n != 0 {
			t.Errorf("%v: Drain allocates %v times", pair, n)
		}
	}
}

// The samples already in dst are left alone, whether or not it has room.
func TestResamplerAppends(t *testing.T) {
	t.Parallel()
	src := noise(500, 7)
	want := append([]int16{1, 2, 3}, whole(t, 8000, 24000, src)...)
	for _, room := range []int{0, 5000} {
		r := newResampler(t, 8000, 24000)
		got := r.Drain(r.Process(append(make([]int16, 0, 3+room), 1, 2, 3), src))
		if !slices.Equal(got, want) {
			t.Errorf("room %d: output differs", room)
		}
	}
}

// FuzzResampler cuts a stream wherever the fuzzer likes, in any pair of rates.
func FuzzResampler(f *testing.F) {
	f.Add(uint8(0), uint8(5), []byte{1, 0, 255, 7})
	f.Add(uint8(7), uint8(8), []byte{160, 3, 3, 1})
	f.Fuzz(func(t *testing.T, in, out uint8, cuts []byte) {
		inRate, outRate := rates[int(in)%len(rates)], rates[int(out)%len(rates)]
		total := 0
		for _, c := range cuts {
			total += int(c)
		}
		src := noise(total, uint64(total))
		want := whole(t, inRate, outRate, src)
		r := newResampler(t, inRate, outRate)
		var got []int16
		rest := src
		for _, c := range cuts {
			got = r.Process(got, rest[:c])
			rest = rest[c:]
		}
		if got = r.Drain(got); !slices.Equal(got, want) {
			t.Fatalf("%d to %d Hz, cuts %v: differs from all at once", inRate, outRate, cuts)
		}
	})
}

func gcd(a, b int) int {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}
