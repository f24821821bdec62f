package stream

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"mod_openai_audio_stream/module/audio"
	"mod_openai_audio_stream/module/block"
)

// converted is what a resampler makes of a whole recording.
func converted(t *testing.T, pcm []int16, from, to int) []int16 {
	t.Helper()
	r, err := audio.NewResampler(from, to)
	if err != nil {
		t.Fatal(err)
	}
	return r.Drain(r.Process(nil, pcm))
}

// noise is n random samples.
func noise(r *rand.Rand, n int) []int16 {
	pcm := make([]int16, n)
	for i := range pcm {
		pcm[i] = int16(r.IntN(20000) - 10000)
	}
	return pcm
}

// What was written comes out whole and in order, each run as a resampler makes it at once, also when it is read again.
func TestReel(t *testing.T) {
	lent := block.Lent()
	for seed := range uint64(100) {
		r := rand.New(rand.NewPCG(seed, 5))
		const sourceHz = 24000
		l := reel{sourceHz: sourceHz}
		var want, got []int16 // got up to what is to be read
		var places []int64    // of the samples in got
		var place int64
		for range 1 + r.IntN(4) {
			hz := []int{8000, 11025, 16000, 24000}[r.IntN(4)]
			pcm := noise(r, 1+r.IntN(20000))
			goesOn := hz == l.hz // with the run before: it needs an end
			if goesOn {
				l.end()
			}
			want = append(want, converted(t, pcm, sourceHz, hz)...)
			for rest := pcm; len(rest) > 0; {
				n := min(1+r.IntN(3000), len(rest))
				l.write(rest[:n], place, hz)
				place += int64(n)
				rest = rest[n:]
				for range r.IntN(3) {
					if next, _ := l.next(); len(next) > 0 {
						n := 1 + r.IntN(len(next))
						for i := range n {
							places = append(places, l.strips[l.cursor].place(l.offset+i, sourceHz))
						}
						got = append(got, next[:n]...)
						l.read(n)
					}
				}
				if len(got) > 0 && r.IntN(4) == 0 { // back to one of the last, and what is before it is not needed any more
					back := len(got) - 1 - r.IntN(min(len(got), 1+r.IntN(2000)))
					if len(l.strips) == 0 || places[back] < l.strips[0].place(0, sourceHz) {
						continue
					}
					l.forget(places[back])
					l.seek(places[back])
					got, places = got[:back], places[:back]
				}
			}
		}
		l.end()
		for next, _ := l.next(); len(next) > 0; next, _ = l.next() {
			got = append(got, next...)
			l.read(len(next))
		}
		if !slices.Equal(got, want) {
			t.Fatalf("seed %d: %d samples came out, %d went in, or others", seed, len(got), len(want))
		}
		if l.place(place) != place {
			t.Fatalf("seed %d: the end is at %d, want %d", seed, l.place(place), place)
		}
		l.drop()
	}
	if n := block.Lent(); n != lent {
		t.Errorf("%d blocks are lost", n-lent)
	}
}

// At whatever pace an answer comes, what is heard of it is to the sample what a resampler makes of all of it at once.
func TestAnswerIsResampledAsOne(t *testing.T) {
	for seed, hz := range [][2]int{{24000, 8000}, {24000, 16000}, {24000, 48000}, {16000, 8000}, {8000, 16000}, {8000, 8000},
		{24000, 11025}} {
		t.Run(fmt.Sprintf("%d to %d", hz[0], hz[1]), func(t *testing.T) {
			r := rand.New(rand.NewPCG(uint64(seed), 6))
			s := newStage(t, hz[0], hz[1])
			pcm := noise(r, 3*hz[0]+r.IntN(100))
			s.run(s.now) // the channel's rate is known
			s.add("A", "one", 0, pcm[:hz[0]/2])
			for rest := pcm[hz[0]/2:]; len(rest) > 0; {
				n := min(hz[0]/50+r.IntN(1000), len(rest)) // no slower than it is heard
				part := []string{"one", "two"}[len(rest)*2/len(pcm)]
				s.add("A", part, 0, slices.Clone(rest[:n]))
				if r.IntN(3) == 0 {
					s.partDone("A") // the next one comes before it is heard to its end
				}
				rest = rest[n:]
				s.step()
			}
			s.finish("A")
			s.playOut()
			want := converted(t, pcm, hz[0], hz[1])
			if got := s.rings.heard[:len(want)]; !slices.Equal(got, want) {
				t.Errorf("%d samples heard, not what was sent", len(got))
			}
			if n := s.rings.underruns; n > 0 {
				t.Errorf("%d underruns", n)
			}
		})
	}
}

// An answer that waits for a telephone takes 16 KB a second, and nothing once it was heard.
func TestWhatWaitsIsKeptSmall(t *testing.T) {
	lent := block.Lent()
	s := newStage(t, 24000, 8000)
	s.run(s.now)
	pcm := ramp(24000 / 5) // 200 ms
	for range 50 {
		s.add("A", "a", 0, pcm)
		clear(pcm) // the player has copied it
	}
	if n := (block.Lent() - lent) * block.Samples; n > 10*8000+block.Samples {
		t.Errorf("10 s take %d samples", n)
	}
	s.steps(50 * 5)
	if n := (block.Lent() - lent) * block.Samples; n > 5*8000+2*block.Samples {
		t.Errorf("after 5 s of 10 s %d samples are kept", n)
	}
	s.finish("A")
	s.playOut()
	if n := block.Lent() - lent; n != 0 {
		t.Errorf("%d blocks are kept for nothing", n)
	}
}

// A re-INVITE while an answer comes: up, down and back. All of it is heard, at its pitch, and at the right moment.
func TestRateChangeWhileAnAnswerComes(t *testing.T) {
	for _, rates := range [][]int{{8000, 48000}, {48000, 8000}, {8000, 48000, 8000}, {16000, 8000, 48000, 16000}} {
		s := newStage(t, 24000, rates[0])
		const level = 10000
		var heard time.Duration
		s.run(s.now)
		for i, hz := range rates {
			s.rings.rateHz = hz
			for range 20 { // 1 s comes, 400 ms are heard
				s.add("A", "a", 0, repeat(level, 24000/20))
				s.step()
			}
			if i == len(rates)-1 {
				s.finish("A")
				s.playOut()
			}
			heard += samplesTime(uint64(loudSamples(s.rings.heard)), hz)
			s.rings.heard = s.rings.heard[:0]
		}
		want := time.Duration(len(rates)) * time.Second
		if off := (heard - want).Abs(); off > time.Duration(len(rates))*2*time.Millisecond {
			t.Errorf("%v: %v heard of %v", rates, heard, want)
		}
		s.wantLog("start A", fmt.Sprintf("heard A/a.0 %v", want), "stop A")
	}
}
