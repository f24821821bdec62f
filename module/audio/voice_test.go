package audio_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"testing"
	"time"

	"mod_openai_audio_stream/module/audio"
)

// hiss is white noise of a level in dBov.
func hiss(n int, level float64, seed uint64) []int16 {
	random := rand.New(rand.NewPCG(seed, 1))
	rms := 32768 * math.Pow(10, level/20)
	s := make([]int16, n)
	for i := range s {
		s[i] = int16(math.Round(max(min(random.NormFloat64()*rms, 32767), -32768)))
	}
	return s
}

// speechLike is what of speech counts for a detector of energy: harmonics of
// 120 Hz in syllables, four a second, at a level in dBov over all.
func speechLike(n, rate int, level float64) []int16 {
	wave := make([]float64, n)
	sum := 0.0
	for i := range wave {
		at := float64(i) / float64(rate)
		for h := 1.0; h <= 12; h++ {
			wave[i] += math.Sin(2*math.Pi*120*h*at+h*h) / h
		}
		wave[i] *= math.Pow(math.Sin(math.Pi*4*at), 2) // 0 between two syllables
		sum += wave[i] * wave[i]
	}
	scale := 32768 * math.Pow(10, level/20) / math.Sqrt(sum/float64(n))
	s := make([]int16, n)
	for i := range s {
		s[i] = int16(math.Round(max(min(wave[i]*scale, 32767), -32768)))
	}
	return s
}

func tone(n, rate int, level float64) []int16 {
	return sine(n, rate, 440, math.Sqrt2*32768*math.Pow(10, level/20))
}

// judged is what a detector says of each frame of ms milliseconds.
func judged(v *audio.Voice, pcm []int16, rate, ms int) (voice []bool) {
	for n := rate * ms / 1000; len(pcm) >= n; pcm = pcm[n:] {
		voice = append(voice, v.Detect(pcm[:n], rate))
	}
	return voice
}

// voices is how many of the frames from one time to another, in ms, are voice.
func voices(voice []bool, ms, from, to int) (n int) {
	for _, yes := range voice[from/ms : min(to/ms, len(voice))] {
		if yes {
			n++
		}
	}
	return n
}

func TestVoiceSilence(t *testing.T) {
	t.Parallel()
	var v audio.Voice
	if n := voices(judged(&v, make([]int16, 80000), 8000, 20), 20, 0, 10000); n > 0 {
		t.Errorf("%d frames of silence are voice", n)
	}
	if v.Detect(nil, 8000) || v.Detect([]int16{30000}, 8000) || v.Detect(make([]int16, 10), 0) {
		t.Error("there is voice in next to nothing")
	}
}

// Noise that is there from the start is none, however loud a line may be, and
// one that begins or becomes louder is voice for two seconds and a bit at most.
func TestVoiceNoise(t *testing.T) {
	t.Parallel()
	for _, level := range []float64{-80, -60, -50, -45, -40, -36, -30} {
		t.Run(fmt.Sprint(level), func(t *testing.T) {
			t.Parallel()
			var v audio.Voice
			voice := judged(&v, hiss(20*8000, level, 1), 8000, 20)
			if n := voices(voice, 20, 0, 20000); n > 0 {
				t.Errorf("%d frames of steady noise are voice", n)
			}
			voice = judged(&v, hiss(20*8000, -70, 2), 8000, 20)
			if n := voices(voice, 20, 0, 20000); n > 0 {
				t.Errorf("%d frames of the quiet after it are voice", n)
			}
			voice = judged(&v, hiss(20*8000, level, 3), 8000, 20)
			if n := voices(voice, 20, 2300, 20000); n > 0 {
				t.Errorf("%d frames are voice when the noise has been back for two seconds", n)
			}
		})
	}
}

// Speech is found at once, at any rate and with frames of any length, and its
// end is that of the speech.
func TestVoiceInNoise(t *testing.T) {
	t.Parallel()
	for _, rate := range []int{8000, 16000, 48000} {
		for _, c := range []struct{ speech, noise float64 }{{-26, -90}, {-26, -60}, {-26, -45}, {-40, -70}, {-15, -32}} {
			t.Run(fmt.Sprintf("%d Hz, %g in %g", rate, c.speech, c.noise), func(t *testing.T) {
				t.Parallel()
				// Two utterances of 2.5 s: from 3 s on, and from 8 s on.
				pcm := hiss(15*rate, c.noise, 4)
				speech := speechLike(5*rate/2, rate, c.speech)
				for _, at := range []int{3 * rate, 8 * rate} {
					copy(pcm[at:], audio.Mix(nil, pcm[at:at+len(speech)], speech))
				}
				for _, ms := range []int{10, 20, 30, 60} {
					var v audio.Voice
					voice := judged(&v, pcm, rate, ms)
					for _, pause := range [][2]int{{0, 3000}, {5520, 8000}, {10520, 15000}} {
						if n := voices(voice, ms, pause[0], pause[1]); n > 0 {
							t.Errorf("frames of %d ms: %d from %d to %d ms are voice", ms, n, pause[0], pause[1])
						}
					}
					for _, from := range []int{3000, 8000} {
						if voices(voice, ms, from, from+180) == 0 {
							t.Errorf("frames of %d ms: no voice 180 ms into the speech at %d ms", ms, from)
						}
						if n := voices(voice, ms, from+120, from+2400); n*ms < 2280/2 {
							t.Errorf("frames of %d ms: %d ms of the speech at %d ms are voice", ms, n*ms, from)
						}
						if voices(voice, ms, from+2280, from+2520) == 0 {
							t.Errorf("frames of %d ms: the end of the speech at %d ms is missed", ms, from)
						}
					}
				}
			})
		}
	}
}

// A click is no voice, nor are several, nor are lost packets in a noise.
func TestVoiceClicks(t *testing.T) {
	t.Parallel()
	for _, length := range []int{1, 8, 80, 160} { // samples: 20 ms at most
		pcm := hiss(10*8000, -60, 5)
		for at := 8000; at < len(pcm)-length; at += 4321 {
			for i := range length {
				pcm[at+i] = 30000
				if i%2 > 0 {
					pcm[at+i] = -30000
				}
			}
		}
		for _, ms := range []int{10, 20, 60} {
			var v audio.Voice
			if n := voices(judged(&v, pcm, 8000, ms), ms, 0, 10000); n > 0 {
				t.Errorf("clicks of %d samples, frames of %d ms: %d are voice", length, ms, n)
			}
		}
	}
	pcm := hiss(10*8000, -38, 6)
	for at := 8000; at < len(pcm)-480; at += 5000 {
		clear(pcm[at : at+480])
	}
	var v audio.Voice
	if n := voices(judged(&v, pcm, 8000, 20), 20, 0, 10000); n > 0 {
		t.Errorf("lost packets in a noise: %d frames are voice", n)
	}
}

// A loud tone is voice as long as it lasts; one that is not becomes a noise. A
// constant offset is nothing at all.
func TestVoiceTone(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		level  float64
		always bool
	}{{-6, true}, {-20, true}, {-30, false}} {
		var v audio.Voice
		judged(&v, make([]int16, 8000), 8000, 20)
		voice := judged(&v, tone(10*8000, 8000, c.level), 8000, 20)
		if n := voices(voice, 20, 40, 2000); n < 95 {
			t.Errorf("tone at %g: %d frames of its first two seconds are voice", c.level, n)
		}
		if n := voices(voice, 20, 3000, 10000); c.always != (n == 350) || !c.always && n > 0 {
			t.Errorf("tone at %g: %d of 350 frames are voice after three seconds", c.level, n)
		}
		if n := voices(judged(&v, make([]int16, 8000), 8000, 20), 20, 20, 1000); n > 0 {
			t.Errorf("tone at %g: %d frames after it are voice", c.level, n)
		}
	}
	offset := make([]int16, 16000)
	for i := range offset[8000:] {
		offset[8000+i] = 3000
	}
	var v audio.Voice
	if n := voices(judged(&v, offset, 8000, 20), 20, 0, 2000); n > 0 {
		t.Errorf("an offset: %d frames are voice", n)
	}
}

// A change of rate forgets neither the noise nor the voice.
func TestVoiceRateChange(t *testing.T) {
	t.Parallel()
	var v audio.Voice
	for i, rate := range []int{8000, 48000, 16000, 11025, 8000} {
		if n := voices(judged(&v, hiss(3*rate, -40, uint64(i)), rate, 20), 20, 0, 3000); n > 0 {
			t.Errorf("noise at %d Hz: %d frames are voice", rate, n)
		}
	}
	for i, rate := range []int{8000, 48000, 16000, 11025, 8000} {
		voice := judged(&v, tone(rate/4, rate, -15), rate, 20)
		if n := voices(voice, 20, 0, 240); n < 10 || i > 0 && n < 12 {
			t.Errorf("voice at %d Hz: %d of 12 frames", rate, n)
		}
	}
	v.Reset()
	if v.Detect(make([]int16, 160), 8000) {
		t.Error("voice after a Reset")
	}
}

// Speech, against where its samples are: a frame is voice only where speech is,
// and the last one of each sentence ends within a frame or two of it.
func TestVoiceRecording(t *testing.T) {
	t.Parallel()
	wav, err := os.ReadFile("../../test/testdata/caller.wav")
	if err != nil {
		t.Fatal(err)
	}
	pcm := audio.DecodePCM16LE(nil, wav[44:])
	for _, noise := range []float64{-90, -50} {
		var v audio.Voice
		// A second of the line's noise goes before.
		voice := judged(&v, audio.Mix(nil, hiss(8000+len(pcm), noise, 7), append(make([]int16, 8000), pcm...)), 8000, 20)[50:]
		sentences, last := 0, -1
		for i, yes := range voice {
			if !yes {
				continue
			}
			frame := pcm[i*160 : (i+1)*160]
			peak := int16(0)
			for _, s := range frame {
				peak = max(peak, s, -s)
			}
			if peak < 50 {
				t.Errorf("noise at %g: frame %d is voice, its speech peaks at %d", noise, i, peak)
			}
			if last >= 0 && i-last > 100 { // two seconds
				sentences++
			}
			last = i
		}
		if sentences+1 != 3 {
			t.Errorf("noise at %g: %d sentences, want 3", noise, sentences+1)
		}
		loud := 0
		for i, s := range pcm {
			if s > 500 || s < -500 {
				loud = i / 160
			}
		}
		if last < loud-2 {
			t.Errorf("noise at %g: voice ends with frame %d, speech with %d", noise, last, loud)
		}
	}
}

// A voice lasts from its first block to its last, through the closure of a consonant, and for no longer.
func TestVoiceLasted(t *testing.T) {
	const rate = 8000
	var v audio.Voice
	say := func(ms int, level float64) time.Duration {
		v.Detect(tone(rate*ms/1000, rate, level), rate)
		return v.Lasted()
	}
	be := func(ms int) time.Duration {
		v.Detect(make([]int16, rate*ms/1000), rate)
		return v.Lasted()
	}
	be(1000)
	for _, step := range []struct {
		what      string
		got, want time.Duration
	}{
		{"a click", say(30, -20), 0},
		{"silence after it", be(500), 0},
		{"the onset", say(40, -20), 40 * time.Millisecond},
		{"more", say(100, -20), 140 * time.Millisecond},
		{"a closure", be(190), 140 * time.Millisecond},
		{"more after it", say(10, -20), 340 * time.Millisecond},
		{"the end", be(200), 0},
		{"another voice", say(60, -20), 60 * time.Millisecond},
	} {
		if step.got != step.want {
			t.Errorf("%s: %v, want %v", step.what, step.got, step.want)
		}
	}
	v.Lapse()
	if got := v.Lasted(); got != 0 {
		t.Errorf("after a break: %v", got)
	}
	if got := say(50, -20); got != 50*time.Millisecond {
		t.Errorf("a voice after the break: %v", got)
	}
}

func TestVoiceDoesNotAllocate(t *testing.T) {
	var v audio.Voice
	frame := noise(160, 9)
	if n := testing.AllocsPerRun(100, func() { v.Detect(frame, 8000) }); n > 0 {
		t.Errorf("Detect allocates %v times", n)
	}
}

// FuzzVoice: however a stream is cut, what is found in all of it is the same.
func FuzzVoice(f *testing.F) {
	f.Add([]byte{160, 160, 1, 255, 3}, uint8(40))
	f.Fuzz(func(t *testing.T, cuts []byte, level uint8) {
		total := 0
		for _, c := range cuts {
			total += int(c)
		}
		if total == 0 {
			return
		}
		pcm := speechLike(total, 8000, -float64(level%64))
		var whole, cut audio.Voice
		found := false
		rest := pcm
		for _, c := range cuts {
			found = cut.Detect(rest[:c], 8000) || found
			rest = rest[c:]
		}
		if want := whole.Detect(pcm, 8000); found != want || whole != cut {
			t.Errorf("cuts %v: %v, want %v", cuts, found, want)
		}
	})
}

// BenchmarkVoice judges a frame of 20 ms.
func BenchmarkVoice(b *testing.B) {
	for _, rate := range []int{8000, 16000, 24000, 48000} {
		b.Run(fmt.Sprint(rate), func(b *testing.B) {
			var v audio.Voice
			frame := noise(rate/50, 10)
			b.ReportAllocs()
			for b.Loop() {
				v.Detect(frame, rate)
			}
		})
	}
}
