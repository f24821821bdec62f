package stream

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// stage is a player with its channel, on a clock of its own: a frame of 20 ms is played, then the player runs.
type stage struct {
	*testing.T
	*player
	rings *fakeRings
	now   time.Time
	log   []string // starts and stops
	cuts  []cut
}

func newStage(t *testing.T, sourceHz, channelHz int) *stage {
	s := &stage{T: t, rings: newFakeRings(channelHz), now: time.Unix(0, 0)}
	s.player = newPlayer(s.rings, sourceHz, 10*time.Minute)
	s.onStart = func(a *answer) { s.log = append(s.log, "start "+a.responseID) }
	s.onStop = func(a *answer, interrupted bool) {
		s.log = append(s.log, fmt.Sprintf("stop %s %v %v", a.responseID, interrupted, a.heard))
	}
	return s
}

// step runs the player as the stream does, and then plays a frame.
func (s *stage) step() {
	_, cuts := s.run(s.now)
	s.cuts = append(s.cuts, cuts...)
	s.rings.play(s.rings.rateHz / 50)
	s.now = s.now.Add(20 * time.Millisecond)
}

// playOut steps until nothing is left to be heard.
func (s *stage) playOut() {
	s.Helper()
	for range 50 * 600 {
		if s.step(); !s.busy() && s.flushing == nil {
			return
		}
	}
	s.Fatal("the player does not come to an end")
}

// ramp is n samples that name their own place, from 1.
func ramp(n int) []int16 {
	pcm := make([]int16, n)
	for i := range pcm {
		pcm[i] = int16(i%30000 + 1)
	}
	return pcm
}

// loud is what was heard, without the silence before, between and after.
func (s *stage) loud() (pcm []int16) {
	for _, v := range s.rings.heard {
		if v != 0 {
			pcm = append(pcm, v)
		}
	}
	return pcm
}

func (s *stage) wantLog(want ...string) {
	s.Helper()
	if !slices.Equal(s.log, want) {
		s.Errorf("got %q, want %q", s.log, want)
	}
}

// Whatever the size and the pace of the deltas, all of an answer is heard, once and in order.
func TestPlayerIsComplete(t *testing.T) {
	for seed := range uint64(200) {
		r := rand.New(rand.NewPCG(seed, 1))
		s := newStage(t, 8000, 8000)
		want := ramp(1 + r.IntN(5*8000))
		for rest := want; len(rest) > 0; {
			n := min(1+r.IntN(2000), len(rest))
			if s.add("A", "item", 0, slices.Clone(rest[:n])) != 0 {
				t.Fatal("dropped")
			}
			rest = rest[n:]
			for range r.IntN(10) {
				s.step()
			}
		}
		s.finish("A")
		s.playOut()
		if got := s.loud(); !slices.Equal(got, want) {
			t.Fatalf("seed %d: %d samples heard, %d sent, or in another order", seed, len(got), len(want))
		}
		s.wantLog("start A", fmt.Sprintf("stop A false %v", samplesTime(uint64(len(want)), 8000)))
	}
}

// A long answer that comes at once waits in Go; the ring stays as short as a flush needs it.
func TestPlayerKeepsTheRingShort(t *testing.T) {
	s := newStage(t, 8000, 8000)
	want := ramp(5 * 60 * 8000)
	s.add("A", "item", 0, want)
	s.finish("A")
	for s.busy() {
		s.step()
		if queued := len(s.rings.ring); queued > 8000 {
			t.Fatalf("%d samples in the ring, want a second at most", queued)
		}
	}
	if !slices.Equal(s.loud(), want) || s.rings.underruns > 0 {
		t.Errorf("not whole, or %d underruns", s.rings.underruns)
	}
}

func TestPlayerLimit(t *testing.T) {
	s := newStage(t, 8000, 8000)
	s.player = newPlayer(s.rings, 8000, time.Second)
	s.onStart, s.onStop = func(*answer) {}, func(*answer, bool) {}
	if dropped := s.add("A", "item", 0, ramp(9000)); dropped != 1000 || s.dropped != 1000 {
		t.Errorf("%d dropped, %d counted, want 1000", dropped, s.dropped)
	}
	if dropped := s.add("A", "item", 0, ramp(10)); dropped != 10 {
		t.Errorf("%d dropped, want 10", dropped)
	}
	s.finish("A")
	s.playOut()
	if !slices.Equal(s.loud(), ramp(8000)) {
		t.Error("what was kept is not what was heard")
	}
}

// Answers begin and end one after the other, also those of which nothing came.
func TestPlayerAnswersInTurn(t *testing.T) {
	s := newStage(t, 8000, 8000)
	s.add("A", "a", 0, ramp(800))
	s.finish("A")
	s.add("B", "b", 0, ramp(1600))
	s.add("C", "c", 0, nil)
	s.finish("B")
	s.finish("C")
	s.playOut()
	s.wantLog("start A", "stop A false 100ms", "start B", "stop B false 200ms")
}

// A flush says for each item how much of it was heard, and never more than came.
func TestFlush(t *testing.T) {
	s := newStage(t, 8000, 8000)
	s.add("A", "one", 0, ramp(1600))
	s.add("A", "two", 0, ramp(1600))
	s.add("A", "two", 1, ramp(800))
	for range 15 { // 300 ms: one is heard whole, two by half
		s.step()
	}
	if responses := s.flush(s.now); !slices.Equal(responses, []string{"A"}) {
		t.Errorf("responses %q", responses)
	}
	s.playOut()
	want := []cut{{"two", 0, 100 * time.Millisecond, 200 * time.Millisecond}, {"two", 1, 0, 100 * time.Millisecond}}
	if !slices.Equal(s.cuts, want) {
		t.Errorf("cuts %+v, want %+v", s.cuts, want)
	}
	if n := len(s.loud()); n != 2400 {
		t.Errorf("%d samples heard, want 2400", n)
	}
	s.wantLog("start A", "stop A true 300ms")
	// What comes after it is heard whole.
	s.add("B", "three", 0, ramp(800))
	s.finish("B")
	s.playOut()
	if got := s.loud()[2400:]; !slices.Equal(got, ramp(800)) {
		t.Errorf("%d samples of the next answer", len(got))
	}
}

func TestFlushOfWhatWasHeard(t *testing.T) {
	s := newStage(t, 8000, 8000)
	s.add("A", "item", 0, ramp(1600))
	for range 12 { // all of it; the response is not done
		s.step()
	}
	s.flush(s.now)
	s.playOut()
	if len(s.cuts) > 0 {
		t.Errorf("cuts %+v, want none", s.cuts)
	}
	s.wantLog("start A", "stop A true 200ms")
}

// Two interruptions within a frame are one.
func TestFlushTwice(t *testing.T) {
	s := newStage(t, 8000, 8000)
	s.add("A", "a", 0, ramp(4000))
	s.step()
	s.step()
	s.flush(s.now)
	s.add("B", "b", 0, ramp(4000))
	s.flush(s.now)
	s.playOut()
	want := []cut{{"a", 0, 40 * time.Millisecond, 500 * time.Millisecond}, {"b", 0, 0, 500 * time.Millisecond}}
	if !slices.Equal(s.cuts, want) {
		t.Errorf("cuts %+v, want %+v", s.cuts, want)
	}
}

func TestFlushWithNothing(t *testing.T) {
	s := newStage(t, 8000, 8000)
	s.step()
	if responses := s.flush(s.now); len(responses) > 0 {
		t.Errorf("responses %q", responses)
	}
	s.playOut()
	if len(s.cuts) > 0 || len(s.log) > 0 {
		t.Errorf("cuts %+v, log %q", s.cuts, s.log)
	}
}

// A channel that takes no frames (hold) does not keep the truncation from the server.
func TestFlushOfAStuckChannel(t *testing.T) {
	s := newStage(t, 8000, 8000)
	s.add("A", "a", 0, ramp(4000))
	s.step()
	s.step()
	s.rings.stuck = true
	s.flush(s.now)
	s.playOut()
	if want := []cut{{"a", 0, 40 * time.Millisecond, 500 * time.Millisecond}}; !slices.Equal(s.cuts, want) {
		t.Errorf("cuts %+v, want %+v", s.cuts, want)
	}
}

// Pause keeps everything where it is.
func TestHold(t *testing.T) {
	s := newStage(t, 8000, 8000)
	s.add("A", "a", 0, ramp(1600))
	s.finish("A")
	s.step()
	s.step()
	s.hold(true)
	for range 20 {
		s.step()
	}
	if n := len(s.loud()); n != 320 {
		t.Errorf("%d samples heard in the pause, want 320", n)
	}
	s.hold(false)
	s.playOut()
	if !slices.Equal(s.loud(), ramp(1600)) {
		t.Error("the answer did not go on where it was")
	}
	s.wantLog("start A", "stop A false 200ms")
}

// After the server was too slow, the next audio waits until there is some more of it; the cushion goes when it keeps up.
func TestCushion(t *testing.T) {
	s := newStage(t, 8000, 8000)
	late := func(id string) { // frames of 20 ms, one in 60 ms
		for range 5 {
			s.add(id, id, 0, ramp(160))
			s.step()
			s.step()
			s.step()
		}
		s.finish(id)
		s.playOut()
	}
	late("A")
	if s.rings.underruns == 0 || s.cushion == 0 {
		t.Fatalf("%d underruns, cushion %v: nothing was put to the test", s.rings.underruns, s.cushion)
	}
	if n := len(s.loud()); n != 800 {
		t.Errorf("%d samples heard, want 800", n)
	}
	for i := 0; s.cushion > 0; i++ {
		if i > 10 {
			t.Fatalf("the cushion stays %v", s.cushion)
		}
		s.add("B", "b", 0, ramp(8000))
		s.finish("B")
		s.playOut()
	}
}

// The channel changes its rate in mid-answer: what was not heard is heard at the new rate, nothing twice.
func TestRateChange(t *testing.T) {
	for _, from := range []int{8000, 16000, 48000} {
		for _, to := range []int{8000, 16000, 48000} {
			for _, frames := range []int{1, 7, 40} {
				if from == to {
					continue
				}
				s := newStage(t, 24000, from)
				pcm := make([]int16, 2*24000)
				for i := range pcm {
					pcm[i] = 10000
				}
				s.add("A", "a", 0, pcm)
				s.finish("A")
				for range frames {
					s.step()
				}
				before := len(s.rings.heard)
				s.rings.rateHz = to
				s.playOut()
				heard := samplesTime(uint64(loudSamples(s.rings.heard[:before])), from) +
					samplesTime(uint64(loudSamples(s.rings.heard[before:])), to)
				// The filter's ringing at the seam is not told from the tone.
				if off := (heard - 2*time.Second).Abs(); off > 2*time.Millisecond {
					t.Errorf("%d to %d Hz after %d frames: %v heard of 2 s", from, to, frames, heard)
				}
				if len(s.log) != 2 || s.log[0] != "start A" {
					t.Errorf("log %q", s.log)
				}
			}
		}
	}
}

func loudSamples(pcm []int16) (n int) {
	for _, v := range pcm {
		if v > 5000 {
			n++
		}
	}
	return n
}

// What is asked about an answer: whether any of it is unheard, and how long it has been heard.
func TestWhatIsHeard(t *testing.T) {
	s := newStage(t, 8000, 8000)
	if s.unheard() || s.spoken() != 0 || s.holds("A") {
		t.Error("there is something before anything came")
	}
	s.add("A", "a", 0, ramp(1600))
	if !s.unheard() || s.spoken() != 0 || !s.holds("A") {
		t.Error("what waits is not unheard")
	}
	s.step()
	s.step()
	s.run(s.now)
	if !s.unheard() || s.spoken() != 40*time.Millisecond {
		t.Errorf("unheard %v, spoken %v, want 40ms", s.unheard(), s.spoken())
	}
	s.finish("A")
	s.playOut()
	if s.unheard() || s.busy() || s.holds("A") {
		t.Error("it was heard whole")
	}
}

// A change of rate at any moment leaves no answer without its end, and counts what was heard at each rate.
func TestRateChangeAtAnyMoment(t *testing.T) {
	for seed := range uint64(400) {
		r := rand.New(rand.NewPCG(seed, 2))
		rates := []int{8000, 16000, 48000}
		s := newStage(t, []int{8000, 24000}[r.IntN(2)], rates[r.IntN(3)])
		var want []string
		var total time.Duration
		for i := range 1 + r.IntN(3) {
			id := string(rune('A' + i))
			n := 0
			for range 1 + r.IntN(4) {
				k := s.sourceHz/50 + r.IntN(s.sourceHz/2)
				n += k
				s.add(id, id, 0, repeat(1000, k))
				for range r.IntN(40) { // often longer than what was added: underruns
					if s.step(); r.IntN(8) == 0 {
						s.rings.rateHz = rates[r.IntN(3)]
					}
				}
			}
			s.finish(id)
			total += samplesTime(uint64(n), s.sourceHz)
			want = append(want, "start "+id, "stop "+id)
		}
		for range 50 * 60 {
			if s.step(); !s.busy() {
				break
			}
			if r.IntN(8) == 0 {
				s.rings.rateHz = rates[r.IntN(3)]
			}
		}
		var got []string
		for _, line := range s.log {
			got = append(got, line[:min(len(line), len("stop A"))])
			if line[:4] == "star" {
				got[len(got)-1] = line
			}
		}
		if s.busy() || !slices.Equal(got, want) {
			t.Fatalf("seed %d: busy %v, %q, want %q", seed, s.busy(), got, want)
		}
		if heard := time.Duration(s.playedMS) * time.Millisecond; heard > total+100*time.Millisecond {
			t.Fatalf("seed %d: %v counted as heard, %v sent", seed, heard, total)
		}
	}
}

// What was played before a change of rate is counted at the old rate, also if the ring was empty at the change.
func TestPlayedOverARateChangeInAnUnderrun(t *testing.T) {
	s := newStage(t, 8000, 8000)
	for _, hz := range []int{8000, 16000} {
		s.rings.rateHz = hz
		s.add("A", "item", 0, repeat(1000, 8000))
		for range 60 {
			s.step()
		}
	}
	s.add("A", "item", 0, repeat(1000, 80000))
	for range 51 {
		s.step()
	}
	s.flush(s.now)
	s.step()
	s.playOut()
	if len(s.cuts) != 1 || s.cuts[0].Played < 2900*time.Millisecond || s.cuts[0].Played > 3100*time.Millisecond {
		t.Errorf("%+v, want about 3 s played", s.cuts)
	}
}
