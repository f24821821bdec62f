package stream

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"mod_openai_audio_stream/module/ledger"
)

// stage is a player with its channel, on a clock of its own: a frame of 20 ms is played, then the player runs.
type stage struct {
	*testing.T
	*player
	rings *fakeRings
	now   time.Time
	log   []string // the reports
}

func newStage(t *testing.T, sourceHz, channelHz int) *stage {
	s := &stage{T: t, rings: newFakeRings(channelHz), now: time.Unix(0, 0)}
	s.player = newPlayer(s.rings, sourceHz, 10*time.Minute)
	return s
}

// reportText is a report as a line.
func reportText(r ledger.Playback) string {
	part := fmt.Sprintf("%s/%s.%d", r.ResponseID, r.ItemID, r.ContentIndex)
	switch r.Kind {
	case ledger.Started:
		return "start " + r.ResponseID
	case ledger.Heard:
		return fmt.Sprintf("heard %s %v", part, r.Played)
	case ledger.Cut:
		return fmt.Sprintf("cut %s %v of %v", part, r.Played, r.Received)
	}
	return "stop " + r.ResponseID
}

// step runs the player as the stream does, and then plays a frame.
func (s *stage) step() {
	_, reports := s.run(s.now)
	for _, r := range reports {
		s.log = append(s.log, reportText(r))
	}
	s.rings.play(s.rings.rateHz / 50)
	s.now = s.now.Add(20 * time.Millisecond)
}

func (s *stage) steps(n int) {
	for range n {
		s.step()
	}
}

// playOut steps until nothing is left to be heard.
func (s *stage) playOut() {
	s.Helper()
	for range 50 * 600 {
		if s.step(); !s.busy() && !s.flushPending() {
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
		s.wantLog("start A", fmt.Sprintf("heard A/item.0 %v", samplesTime(uint64(len(want)), 8000)), "stop A")
	}
}

func TestPlayerLimit(t *testing.T) {
	s := newStage(t, 8000, 8000)
	s.player = newPlayer(s.rings, 8000, time.Second)
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
	s.wantLog("start A", "heard A/a.0 100ms", "stop A", "start B", "heard B/b.0 200ms", "stop B")
}

// What a response says first, and what it says after a pause, is one answer. The pause is no underrun.
func TestTwoItemsOfOneResponse(t *testing.T) {
	s := newStage(t, 8000, 8000)
	s.add("A", "preamble", 0, ramp(800))
	s.steps(2)
	s.partDone("A")
	s.steps(10)
	if !s.busy() || s.rings.underruns > 0 {
		t.Errorf("busy %v, %d underruns", s.busy(), s.rings.underruns)
	}
	s.add("A", "answer", 0, ramp(1600))
	s.partDone("A")
	s.finish("A")
	s.playOut()
	s.wantLog("start A", "heard A/preamble.0 100ms", "heard A/answer.0 200ms", "stop A")
}

// Two responses that come at the same time are heard one after the other.
func TestResponsesThatAlternate(t *testing.T) {
	s := newStage(t, 8000, 8000)
	all := ramp(4000)
	for i := range 5 {
		s.add("A", "a", 0, slices.Clone(all[i*400:(i+1)*400]))
		s.add("B", "b", 0, slices.Clone(all[2000+i*400:2000+(i+1)*400]))
		s.step()
	}
	s.finish("B")
	s.steps(20)
	s.wantLog("start A")
	s.finish("A")
	s.playOut()
	s.wantLog("start A", "heard A/a.0 250ms", "stop A", "start B", "heard B/b.0 250ms", "stop B")
	if !slices.Equal(s.loud(), all) {
		t.Error("the two are not heard one after the other")
	}
}

// A response that pauses lets the next one begin; what it says then comes behind that one.
func TestAnswerThatIsPassedBy(t *testing.T) {
	s := newStage(t, 8000, 8000)
	s.add("A", "a1", 0, ramp(800))
	s.partDone("A")
	s.add("B", "b", 0, ramp(800))
	s.step()
	s.add("A", "a2", 0, ramp(1600))
	s.finish("A")
	s.steps(8)
	s.finish("B")
	s.playOut()
	s.wantLog("start A", "heard A/a1.0 100ms", "stop A", "start B", "heard B/b.0 100ms", "stop B",
		"start A", "heard A/a2.0 200ms", "stop A")
}

func TestWithdraw(t *testing.T) {
	b := ramp(800)
	for name, test := range map[string]struct {
		prepare func(s *stage)
		want    bool
		heard   int
		log     []string
	}{
		"unknown": {func(*stage) {}, true, 0, nil},
		"waiting behind another": {func(s *stage) {
			s.add("A", "a", 0, ramp(1600))
			s.add("B", "b", 0, b)
			s.steps(2)
			s.finish("A")
		}, true, 1600, []string{"start A", "heard A/a.0 200ms", "stop A"}},
		"in the ring behind another": {func(s *stage) {
			s.add("A", "a", 0, ramp(1600))
			s.finish("A")
			s.add("B", "b", 0, b)
			s.steps(2)
		}, false, 2400, []string{"start A", "heard A/a.0 200ms", "stop A", "start B", "heard B/b.0 100ms", "stop B"}},
		"alone in the ring": {func(s *stage) {
			s.add("B", "b", 0, b)
			s.run(s.now)
		}, true, 0, nil},
		"in the ring before another": {func(s *stage) {
			s.add("B", "b", 0, b)
			s.finish("B")
			s.add("C", "c", 0, ramp(1600))
			s.run(s.now)
		}, true, 1600, []string{"start C", "heard C/c.0 200ms", "stop C"}},
		"heard": {func(s *stage) {
			s.add("B", "b", 0, b)
			s.step()
		}, false, 800, []string{"start B", "heard B/b.0 100ms", "stop B"}},
		"flushed": {func(s *stage) {
			s.add("B", "b", 0, b)
			s.flush(s.now)
		}, false, 0, []string{"cut B/b.0 0s of 100ms", "stop B"}},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStage(t, 8000, 8000)
			test.prepare(s)
			if got := s.withdraw("B"); got != test.want {
				t.Errorf("got %v, want %v", got, test.want)
			}
			s.finishAll()
			s.playOut()
			if n := len(s.loud()); n != test.heard || s.waiting != 0 {
				t.Errorf("%d samples heard, want %d; %d wait", n, test.heard, s.waiting)
			}
			s.wantLog(test.log...)
		})
	}
}

// A flush says for each item how much of it was heard, and never more than came.
func TestFlush(t *testing.T) {
	s := newStage(t, 8000, 8000)
	s.add("A", "one", 0, ramp(1600))
	s.add("A", "two", 0, ramp(1600))
	s.add("A", "two", 1, ramp(800))
	s.steps(15) // 300 ms: one is heard whole, two by half
	s.flush(s.now)
	s.playOut()
	if n := len(s.loud()); n != 2400 {
		t.Errorf("%d samples heard, want 2400", n)
	}
	s.wantLog("start A", "heard A/one.0 200ms", "cut A/two.0 100ms of 200ms", "cut A/two.1 0s of 100ms", "stop A")
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
	s.steps(12) // all of it; the response is not done
	s.flush(s.now)
	s.playOut()
	s.wantLog("start A", "heard A/item.0 200ms", "stop A")
}

// At another rate too a part that was heard is not cut: what the resampler holds back is the next part's.
func TestFlushAfterAPartThatWasHeard(t *testing.T) {
	s := newStage(t, 24000, 8000)
	s.add("A", "one", 0, ramp(4800))
	s.add("A", "two", 0, ramp(4800))
	s.steps(10)
	s.flush(s.now)
	s.playOut()
	s.wantLog("start A", "heard A/one.0 200ms", "cut A/two.0 0s of 200ms", "stop A")
}

// Two interruptions within a frame are one.
func TestFlushTwice(t *testing.T) {
	s := newStage(t, 8000, 8000)
	s.add("A", "a", 0, ramp(4000))
	s.steps(2)
	s.flush(s.now)
	s.add("B", "b", 0, ramp(4000))
	s.flush(s.now)
	s.playOut()
	s.wantLog("start A", "cut A/a.0 40ms of 500ms", "stop A", "cut B/b.0 0s of 500ms", "stop B")
}

// The channel carries out a flush, and another one comes before the player has seen that.
func TestFlushAfterAFlush(t *testing.T) {
	s := newStage(t, 8000, 8000)
	s.add("A", "a", 0, ramp(4000))
	s.steps(2)
	s.flush(s.now)
	s.add("B", "b", 0, ramp(4000))
	s.run(s.now)
	s.rings.play(160)
	s.flush(s.now)
	s.playOut()
	s.steps(30)
	s.wantLog("start A", "cut A/a.0 40ms of 500ms", "stop A", "cut B/b.0 0s of 500ms", "stop B")
	if n := len(s.loud()); n != 320 {
		t.Errorf("%d samples heard, want 320", n)
	}
}

func TestFlushWithNothing(t *testing.T) {
	s := newStage(t, 8000, 8000)
	s.step()
	s.flush(s.now)
	if s.flushPending() {
		t.Error("nothing is flushed")
	}
	s.playOut()
	s.wantLog()
}

// A channel that takes no frames (hold) does not keep the truncation from the server.
func TestFlushOfAStuckChannel(t *testing.T) {
	s := newStage(t, 8000, 8000)
	s.add("A", "a", 0, ramp(4000))
	s.steps(2)
	s.rings.stuck = true
	s.flush(s.now)
	s.playOut()
	s.wantLog("start A", "cut A/a.0 40ms of 500ms", "stop A")
}

// The stream ends in mid-answer: what was heard is told of each, with the flush that was still to be carried out.
func TestStop(t *testing.T) {
	s := newStage(t, 8000, 8000)
	s.add("A", "a", 0, ramp(1600))
	s.steps(2)
	s.flush(s.now)
	s.add("B", "b", 0, ramp(1600))
	for _, r := range s.stop() {
		s.log = append(s.log, reportText(r))
	}
	s.wantLog("start A", "cut A/a.0 40ms of 200ms", "stop A", "cut B/b.0 0s of 200ms", "stop B")
	if s.busy() || s.flushPending() || len(s.stop()) > 0 {
		t.Error("it does not end")
	}

	s = newStage(t, 8000, 8000)
	s.add("A", "a1", 0, ramp(160))
	s.add("A", "a2", 0, ramp(1600))
	s.step()
	s.step() // the second frame is not told by run
	for _, r := range s.stop() {
		s.log = append(s.log, reportText(r))
	}
	s.wantLog("start A", "heard A/a1.0 20ms", "cut A/a2.0 20ms of 200ms", "stop A")
}

// Pause keeps everything where it is.
func TestHold(t *testing.T) {
	s := newStage(t, 8000, 8000)
	s.add("A", "a", 0, ramp(1600))
	s.finish("A")
	s.steps(2)
	s.hold(byCommand, true)
	s.steps(20)
	if n := len(s.loud()); n != 320 {
		t.Errorf("%d samples heard in the pause, want 320", n)
	}
	s.hold(byCommand, false)
	s.playOut()
	if !slices.Equal(s.loud(), ramp(1600)) {
		t.Error("the answer did not go on where it was")
	}
	s.wantLog("start A", "heard A/a.0 200ms", "stop A")
}

// progress tells of each part how much was heard, as of now.
func TestProgress(t *testing.T) {
	s := newStage(t, 8000, 8000)
	want := func(want ...string) {
		t.Helper()
		var got []string
		for _, r := range s.progress(nil) {
			got = append(got, fmt.Sprintf("%s of %v", reportText(r), r.Received))
		}
		if !slices.Equal(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	want()
	s.add("A", "a1", 0, ramp(320))
	s.add("A", "a2", 0, ramp(1600))
	s.add("B", "b", 0, ramp(800))
	want("heard A/a1.0 0s of 40ms", "heard A/a2.0 0s of 200ms", "heard B/b.0 0s of 100ms")
	s.step()
	want("heard A/a1.0 0s of 40ms", "heard A/a2.0 0s of 200ms", "heard B/b.0 0s of 100ms") // no start was told
	s.steps(2)
	want("heard A/a1.0 40ms of 40ms", "heard A/a2.0 20ms of 200ms", "heard B/b.0 0s of 100ms")
	s.flush(s.now)
	want("heard A/a1.0 40ms of 40ms", "heard A/a2.0 20ms of 200ms", "heard B/b.0 0s of 100ms")
	s.rings.play(160) // the channel has carried it out
	want("heard A/a1.0 40ms of 40ms", "heard A/a2.0 20ms of 200ms", "heard B/b.0 0s of 100ms")
	s.playOut()
	want()
}

// finishAll says that no more audio of any response will come.
func (p *player) finishAll() {
	for _, a := range p.answers {
		a.done, a.open = true, false
	}
}
