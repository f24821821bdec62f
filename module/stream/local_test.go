package stream

import (
	"slices"
	"testing"
	"time"

	"mod_openai_audio_stream/module/block"
)

// high is n samples that are no answer's, and name their own place.
func high(n int) []int16 {
	pcm := make([]int16, n)
	for i := range pcm {
		pcm[i] = int16(-1 - i%30000)
	}
	return pcm
}

// aside is a sound with audio, finished.
func (s *stage) aside(pcm []int16) *answer {
	a := s.queueSound(s.rings.rateHz)
	s.addSound(a, pcm)
	s.finishSound(a)
	return a
}

// music is a loop with audio.
func (s *stage) music(pcm []int16) *answer {
	a := s.setLoop(s.rings.rateHz)
	s.addSound(a, pcm)
	return a
}

func (s *stage) wantHeard(want ...[]int16) {
	s.Helper()
	if got, want := s.loud(), slices.Concat(want...); !slices.Equal(got, want) {
		s.Errorf("%d samples heard, want %d, or others", len(got), len(want))
	}
}

func (s *stage) wantEnds(whole ...bool) {
	s.Helper()
	var got []bool
	for _, e := range s.takeEnded() {
		got = append(got, e.whole)
	}
	if !slices.Equal(got, whole) {
		s.Errorf("ends %v, want %v", got, whole)
	}
}

// A sound has its place in the row, and nothing is told of it.
func TestSoundInTurn(t *testing.T) {
	s := newStage(t, 8000, 8000)
	s.add("A", "a", 0, ramp(800))
	s.finish("A")
	s.aside(high(1600))
	s.add("B", "b", 0, ramp(400))
	s.finish("B")
	s.steps(3)
	if got := s.progress(nil); len(got) != 2 || got[1].Played != 0 {
		t.Errorf("progress %v, want A's and B's", got)
	}
	if s.waiting != 0 {
		t.Errorf("%d samples wait, want none: all is in the ring", s.waiting)
	}
	s.playOut()
	s.wantHeard(ramp(800), high(1600), ramp(400))
	s.wantLog("start A", "heard A/a.0 100ms", "stop A", "start B", "heard B/b.0 50ms", "stop B")
	s.wantEnds(true)
}

// What comes behind a sound waits for it, also while nothing of it has come.
func TestSoundKeepsItsPlace(t *testing.T) {
	s := newStage(t, 8000, 8000)
	s.cushion = maxCushion
	a := s.queueSound(8000)
	s.add("B", "b", 0, ramp(400))
	s.finish("B")
	s.steps(10)
	if len(s.loud()) > 0 {
		t.Error("the answer did not wait for the sound")
	}
	s.addSound(a, high(800))
	s.steps(20)
	s.wantHeard(high(800)) // it has no cushion
	s.addSound(a, high(800))
	s.finishSound(a)
	s.playOut()
	s.wantHeard(high(800), high(800), ramp(400))
	if s.rings.underruns > 0 || s.cushion != maxCushion-cushionStep {
		t.Errorf("%d underruns, a cushion of %v: a slow sound is no slow server", s.rings.underruns, s.cushion)
	}
}

// Of a sound of which nothing comes, nothing is waited for.
func TestSoundWithoutAudio(t *testing.T) {
	s := newStage(t, 8000, 8000)
	s.add("A", "a", 0, ramp(4000))
	s.finishSound(s.queueSound(8000))
	s.wantEnds(true)
	s.finish("A")
	s.playOut()
	s.wantHeard(ramp(4000))
}

// A flush ends a sound. One of the model's answers leaves it, and it goes on where it was.
func TestFlushAndSounds(t *testing.T) {
	for _, answersOnly := range []bool{false, true} {
		s := newStage(t, 8000, 8000)
		s.add("A", "a", 0, ramp(800))
		s.finish("A")
		s.aside(high(8000))
		s.add("B", "b", 0, ramp(800))
		s.finish("B")
		s.steps(15) // 200 ms of the sound
		if answersOnly {
			s.flushAnswers(s.now)
		} else {
			s.flush(s.now)
		}
		s.playOut()
		s.wantLog("start A", "heard A/a.0 100ms", "stop A", "cut B/b.0 0s of 100ms", "stop B")
		if answersOnly {
			s.wantHeard(ramp(800), high(8000))
		} else {
			s.wantHeard(ramp(800), high(8000)[:1600])
		}
		s.wantEnds(answersOnly)
	}
}

// A loop is heard when nothing else is, and not a sample earlier.
func TestLoopWaitsForSilence(t *testing.T) {
	s := newStage(t, 8000, 8000)
	s.add("A", "a", 0, ramp(1600))
	s.music(high(8000))
	s.add("A", "a", 0, ramp(1600)) // of the same answer: it does not end the loop
	s.steps(15)
	s.add("A", "a", 0, ramp(800))
	if s.steps(2); s.loopBegun {
		t.Error("the loop has begun before the answer was heard")
	}
	s.finish("A")
	s.steps(23)
	s.wantHeard(ramp(1600), ramp(1600), ramp(800), high(8000)[:40*160-4000])
	s.endLoop()
	s.wantEnds(false)
}

// A pause between the parts of an answer is silence, and the answer stays one.
func TestLoopBetweenParts(t *testing.T) {
	s := newStage(t, 8000, 8000)
	s.add("A", "a1", 0, ramp(800))
	s.partDone("A")
	s.music(high(8000))
	if s.steps(2); s.loopBegun {
		t.Error("the loop has begun before the first part was heard")
	}
	s.steps(8)
	s.add("A", "a2", 0, ramp(800))
	s.finish("A")
	s.playOut()
	s.wantHeard(ramp(800), high(8000)[:800], ramp(800))
	s.wantLog("start A", "heard A/a1.0 100ms", "heard A/a2.0 100ms", "stop A")
	if s.loop != nil {
		t.Error("the loop has outlived the answer")
	}
}

// An answer is heard from the next frame on, and its position is right although the loop's audio lay before it in the ring.
func TestAnswerEndsALoop(t *testing.T) {
	s := newStage(t, 24000, 8000)
	s.music(high(8000))
	s.steps(10)
	before := len(s.loud())
	s.add("A", "a", 0, repeat(10000, 24000))
	if s.rings.fade != 40 {
		t.Errorf("%d samples are faded out, want 5 ms", s.rings.fade)
	}
	s.steps(5)
	if loop := s.loud()[:before]; before != 1600 || s.loud()[before] < 0 || !slices.Equal(loop, high(8000)[:1600]) {
		t.Errorf("the loop was heard for %d samples, then %d", before, s.loud()[before])
	}
	if got := s.progress(nil)[0].Played; got != 100*time.Millisecond {
		t.Errorf("%v played, want 100 ms", got)
	}
	s.flush(s.now)
	s.playOut()
	s.wantLog("start A", "cut A/a.0 100ms of 1s", "stop A")
	s.wantEnds(false)
}

// A loop gives way to a sound and goes on behind it, and after an interruption, where it was.
func TestLoopGoesOn(t *testing.T) {
	s := newStage(t, 8000, 8000)
	s.music(high(8000))
	s.steps(10)
	s.aside(ramp(1600))
	s.steps(20)
	a := s.queueSound(8000)
	s.addSound(a, ramp(1600))
	s.steps(5)
	s.flush(s.now)
	s.step()
	s.run(s.now)
	all := high(8000)
	s.wantHeard(all[:1600], ramp(1600), all[1600:3200], ramp(1600)[:800])
	s.wantEnds(true, false)
	if s.addSound(a, ramp(1)) {
		t.Error("an interrupted sound takes audio")
	}
	s.steps(10)
	if got := s.loud(); !slices.Equal(got[len(got)-1600:], all[3200:4800]) {
		t.Error("the loop does not go on where it was")
	}
	s.endLoop()
}

// While the stream is paused nothing is heard, and nothing is lost.
func TestSoundsWhileHeld(t *testing.T) {
	s := newStage(t, 8000, 8000)
	s.aside(high(1600))
	s.steps(5)
	s.hold(byCommand, true)
	s.steps(50)
	s.hold(byCommand, false)
	s.playOut()
	s.wantHeard(high(1600))
}

// An answer behind a sound can be taken back, and the sound is heard whole.
func TestWithdrawBehindASound(t *testing.T) {
	s := newStage(t, 8000, 8000)
	s.aside(high(1600))
	s.add("B", "b", 0, ramp(800))
	s.steps(5)
	if !s.withdraw("B") {
		t.Error("it is not taken back")
	}
	s.playOut()
	s.wantHeard(high(1600))
	s.wantLog()
}

// Sounds follow the channel's rate, what has come of them and what is still to come.
func TestSoundsFollowTheRate(t *testing.T) {
	for _, loop := range []bool{false, true} {
		s := newStage(t, 24000, 8000)
		a := s.queueSound(8000)
		if loop {
			s.finishSound(a)
			a = s.setLoop(8000)
		}
		s.addSound(a, repeat(10000, 2000))
		s.steps(5)
		s.rings.rateHz = 16000
		s.step()
		s.addSound(a, repeat(10000, 6000))
		if !loop {
			s.finishSound(a)
		}
		before := len(s.rings.heard) - 320
		s.steps(100)
		heard := samplesTime(uint64(loudSamples(s.rings.heard[:before])), 8000) +
			samplesTime(uint64(loudSamples(s.rings.heard[before:])), 16000)
		if off := (heard - time.Second).Abs(); off > 5*time.Millisecond { // a loop's resampler holds the end back
			t.Errorf("loop %v: %v heard of 1 s", loop, heard)
		}
		s.endLoop()
	}
}

// A rate to which a sound can't be brought is refused as one for answers is.
func TestSoundAtARateThatNothingCanBeBroughtTo(t *testing.T) {
	s := newStage(t, 8000, 8000)
	s.step()
	s.music(high(8000))
	s.step()
	s.rings.rateHz = 47981
	s.steps(3)
	if s.refusedHz != 47981 {
		t.Errorf("refused %d Hz", s.refusedHz)
	}
	s.rings.rateHz = 8000
	s.steps(3)
	s.wantHeard(high(8000)[:4*160])
	s.endLoop()
}

// The end of the stream ends all sounds and gives their memory back.
func TestStopEndsSounds(t *testing.T) {
	lent := block.Lent()
	s := newStage(t, 8000, 8000)
	s.music(high(8000))
	s.steps(2)
	s.aside(high(8000))
	s.queueSound(8000)
	s.steps(2)
	s.stop()
	s.wantEnds(false, false, false)
	if n := block.Lent(); n != lent {
		t.Errorf("%d blocks are lost", n-lent)
	}
}

// A sound that is not there to be fed does not keep the player busy with itself.
func TestSoundsAreRefilledSeldom(t *testing.T) {
	s := newStage(t, 8000, 8000)
	a := s.music(high(8000))
	s.steps(2)
	s.queueSound(8000) // and nothing of it comes
	runs := 0
	for due, i := s.now, 0; i < 500; i++ {
		if !s.now.Before(due) {
			if a.ahead() < time.Second {
				s.addSound(a, high(8000))
			}
			due, _ = s.run(s.now)
			runs++
		}
		s.rings.play(160)
		s.now = s.now.Add(20 * time.Millisecond)
	}
	if n := len(s.loud()); n < 500*160 || runs > 50 {
		t.Errorf("%d samples heard in %d runs, want no gap and 5 runs a second at most", n, runs)
	}
	s.endLoop()
}
