package stream

import (
	"slices"
	"testing"
	"time"
)

// A long answer that comes at once waits in Go; the ring stays as short as a flush needs it.
func TestPlayerKeepsTheRingShort(t *testing.T) {
	s := newStage(t, 8000, 8000)
	want := ramp(5 * 60 * 8000)
	s.add("A", "item", 0, want)
	s.finish("A")
	for s.busy() {
		s.step()
		if queued := len(s.rings.ring); queued > 4000 {
			t.Fatalf("%d samples in the ring, want half a second at most", queued)
		}
	}
	if !slices.Equal(s.loud(), want) || s.rings.underruns > 0 {
		t.Errorf("not whole, or %d underruns", s.rings.underruns)
	}
}

// After the server was too slow, the next audio waits until there is some more of it; the cushion goes when it keeps up.
func TestCushion(t *testing.T) {
	s := newStage(t, 8000, 8000)
	late := func(id string) { // frames of 20 ms, one in 60 ms
		for range 5 {
			s.add(id, id, 0, ramp(160))
			s.steps(3)
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

// A cushion that the buffer has no room for is not waited for.
func TestCushionAboveTheLimit(t *testing.T) {
	s := newStage(t, 8000, 8000)
	s.player = newPlayer(s.rings, 8000, maxCushion/2)
	s.cushion = maxCushion
	s.add("A", "a", 0, ramp(8000))
	s.step()
	if len(s.loud()) == 0 {
		t.Error("silence")
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
				s.steps(frames)
				before := len(s.rings.heard)
				s.rings.rateHz = to
				s.playOut()
				heard := samplesTime(uint64(loudSamples(s.rings.heard[:before])), from) +
					samplesTime(uint64(loudSamples(s.rings.heard[before:])), to)
				// The filter's ringing at the seam is not told from the tone.
				if off := (heard - 2*time.Second).Abs(); off > 2*time.Millisecond {
					t.Errorf("%d to %d Hz after %d frames: %v heard of 2 s", from, to, frames, heard)
				}
				s.wantLog("start A", "heard A/a.0 2s", "stop A")
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

// A change of rate with a full playback buffer puts back more than the buffer takes.
func TestRateChangeAtTheLimit(t *testing.T) {
	s := newStage(t, 8000, 8000)
	s.player = newPlayer(s.rings, 8000, 2*time.Second)
	for _, hz := range []int{8000, 16000, 8000, 48000} {
		s.rings.rateHz = hz
		s.step()
		s.add("A", "a", 0, repeat(1000, 16000))
		s.step()
	}
	s.finish("A")
	s.playOut()
	if len(s.log) != 3 {
		t.Errorf("log %q", s.log)
	}
}

// A rate that makes the ring hold less does not leave the channel silent until the old content would have ended.
func TestRateChangeIsFollowedAtOnce(t *testing.T) {
	s := newStage(t, 8000, 48000)
	s.add("A", "a", 0, repeat(1000, 80000))
	s.steps(10)
	s.rings.rateHz = 8000
	s.run(s.now)
	s.rings.play(160)
	if got := s.rings.heard[len(s.rings.heard)-1]; got == 0 {
		t.Error("silence")
	}
}

// What was played before a change of rate is counted at the old rate, also if the ring was empty at the change.
func TestPlayedOverARateChangeInAnUnderrun(t *testing.T) {
	s := newStage(t, 8000, 8000)
	for _, hz := range []int{8000, 16000} {
		s.rings.rateHz = hz
		s.add("A", "item", 0, repeat(1000, 8000))
		s.steps(60)
	}
	s.add("A", "item", 0, repeat(1000, 80000))
	s.steps(51)
	played := s.progress(nil)[0].Played
	if off := (played - 3*time.Second).Abs(); off > 100*time.Millisecond {
		t.Errorf("%v played, want about 3 s", played)
	}
}

// In mid-answer nothing is allocated.
func TestPlayerAllocates(t *testing.T) {
	s := newStage(t, 24000, 8000)
	s.add("A", "a", 0, ramp(24000*60))
	s.steps(3)
	to := s.progress(nil)
	s.rings.heard = make([]int16, 0, 1<<20)
	frame := make([]int16, 160)
	n := testing.AllocsPerRun(100, func() {
		s.run(s.now)
		to = s.progress(to[:0])
		k := copy(frame, s.rings.ring) // play, without its allocations
		s.rings.ring = s.rings.ring[:copy(s.rings.ring, s.rings.ring[k:])]
		s.rings.read += uint64(k)
	})
	if n > 0 {
		t.Errorf("%v allocations a run", n)
	}
}

// A call to whom a long answer is played wakes the processor a few times a second.
func TestRefillsAreFew(t *testing.T) {
	for _, channelHz := range []int{8000, 16000, 48000} {
		s := newStage(t, 24000, channelHz)
		s.add("A", "a", 0, ramp(24000*60))
		s.finish("A")
		s.steps(50)
		const frames = 50 * 20
		runs := 0
		for due, i := s.now, 0; i < frames; i++ {
			if !s.now.Before(due) {
				due, _ = s.run(s.now)
				runs++
			}
			s.rings.play(channelHz / 50)
			s.now = s.now.Add(20 * time.Millisecond)
		}
		if s.rings.underruns > 0 || runs > 5*frames/50 {
			t.Errorf("%d Hz: %d runs in %d s, %d underruns", channelHz, runs, frames/50, s.rings.underruns)
		}
	}
}

// A change of the channel's rate is noticed also while nothing plays, and a rate that nothing can be brought to is not asked
// for again at each frame.
func TestOutOfRate(t *testing.T) {
	rings := newFakeRings(8000)
	p := newPlayer(rings, 24000, time.Minute)
	p.run(time.Now())
	if p.outOfRate(0) || p.outOfRate(8000) || !p.outOfRate(16000) {
		t.Errorf("at 8000 Hz: %v %v %v", p.outOfRate(0), p.outOfRate(8000), p.outOfRate(16000))
	}
	rings.rateHz = 47981
	p.run(time.Now())
	if p.outOfRate(47981) || !p.outOfRate(16000) {
		t.Errorf("a refused rate is asked for again, or another is not")
	}
	rings.rateHz = 16000
	if p.run(time.Now()); p.outOfRate(16000) || !p.outOfRate(47981) {
		t.Errorf("at 16000 Hz the player is at %d, and refuses %d", p.ringHz, p.refusedHz)
	}
}
