package stream

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"mod_openai_audio_stream/module/command"
)

// span is a stretch of a call, in ms from its beginning.
type span struct{ from, to int }

func (s span) has(ms int) bool { return ms >= s.from && ms < s.to }

func within(spans []span, ms int) bool {
	return slices.ContainsFunc(spans, func(s span) bool { return s.has(ms) })
}

// schedule is a call of ms milliseconds whose caller sends a frame of 20 ms each 20 ms: counting samples, or silence.
type schedule struct {
	ms      int
	missing []span // no frames: discontinuous transmission, hold, lost packets
	quiet   []span // frames of silence
	process []span // nothing runs
	media   []span // the media thread does not run
	engine  []span // nobody serves the channel
	offline []span // nothing can be sent
	mute    []span
	restart []int         // a session of the server's begins
	bound   time.Duration // of what may wait; 0: no bound
}

// line is what became of a schedule.
type line struct {
	*capture
	sent   []int16
	spoken int // counting samples that the caller sent

	ms       int   // of the call
	frames   []int // when the frames of counting samples began, in ms of the call
	position int   // samples sent in the server's session
	next     int   // counting sample that is expected
	marks    []mark
	asked    int  // marks that were looked up
	worst    int  // ms by which a capture time was wrong
	where    mark // there
}

// mark is the first sample of a frame in what was sent.
type mark struct{ position, captured, sent int } // the last two in ms of the call

// run is silence in the middle of what was sent.
type run struct {
	after int16 // the counting sample before it
	n     int
}

// play runs a schedule millisecond by millisecond.
func (s schedule) play(rng *rand.Rand) *line {
	rings := newFakeRings(8000)
	bound := s.bound
	if bound == 0 {
		bound = time.Hour
	}
	l := &line{capture: newCapture(rings, command.Mono, 8000, bound)}
	begin := time.Unix(0, 0)
	look := l.fillGap(begin)
	var late [][]int16 // frames that the media thread has not handed over
	for ms := 1; ms <= s.ms; ms++ {
		now := begin.Add(time.Duration(ms) * time.Millisecond)
		l.ms = ms
		if slices.Contains(s.restart, ms) {
			l.restarted()
			l.position, l.marks = 0, nil
		}
		if muted := within(s.mute, ms); muted != l.muted {
			l.mute(muted)
		}
		if ms%20 == 0 && !within(s.missing, ms) {
			frame := make([]int16, 160)
			if !within(s.quiet, ms) {
				for i := range frame {
					frame[i] = count16(l.spoken + i)
				}
				l.frames = append(l.frames, ms-20)
				l.spoken += len(frame)
			}
			late = append(late, frame)
		}
		stalled := within(s.process, ms)
		// A burst comes in pieces, and the engine may run between any two of them.
		for n := 1 + rng.IntN(4); n > 0 && len(late) > 0 && !stalled && !within(s.media, ms); n-- {
			rings.give(late[0])
			late = late[1:]
		}
		if stalled || within(s.engine, ms) {
			continue
		}
		timer := !now.Before(look)
		if len(rings.caller) > 0 && (!timer || rng.IntN(2) == 0) { // who is first when both are ready
			look = l.drain(now)
		} else if timer {
			look = l.fillGap(now)
		}
		if !within(s.offline, ms) {
			l.flush()
		}
		l.ask()
	}
	l.flush()
	return l
}

// lostUnseen reports whether frames are missing amid those that a stall makes late: nobody can tell where.
func (s schedule) lostUnseen() bool {
	for _, stall := range slices.Concat(s.process, s.media, s.engine) {
		for _, m := range s.missing {
			if m.from < stall.to && stall.from < m.to {
				return true
			}
		}
	}
	return false
}

// count16 is the sample with this number: never 0, and louder than a pause.
func count16(n int) int16 { return int16(1000 + n%30000) }

func (l *line) flush() {
	at := 0
	for pcm := l.take(&at, 160); pcm != nil; pcm = l.take(&at, 160) {
		l.sent = append(l.sent, pcm...)
		next := l.next
		for i, v := range pcm {
			if v == 0 {
				continue
			}
			next += (int(v) - int(count16(next)) + 30000) % 30000 // what was dropped is left out
			if next%160 == 0 {
				l.marks = append(l.marks, mark{l.position + i, l.frames[next/160], l.ms})
			}
			next++
		}
		l.next, l.position = next, l.position+len(pcm)
	}
	l.capture.sent(at)
}

// ask looks up when the frames were captured that a server would tell of now, some time after it was sent them.
func (l *line) ask() {
	for len(l.marks) > 0 && l.marks[0].sent+settled <= l.ms {
		m := l.marks[0]
		l.marks = l.marks[1:]
		at, ok := l.timeAt(int64(m.position / 8))
		off := int(at.Sub(time.Unix(0, int64(m.captured)*1e6)) / time.Millisecond)
		if l.asked++; !ok || max(off, -off) > max(l.worst, -l.worst) {
			l.worst, l.where = off, m
		}
	}
}

// settled is the time, in ms, after which a late frame has been told from one that follows lost ones.
const settled = 400

// speech fails unless the caller's samples are there, once each and in order. It returns the silences between them.
func (l *line) speech(t *testing.T) (between []run) {
	t.Helper()
	l.sent = append(l.sent, l.pending...)
	next := 0
	for i, v := range l.sent {
		switch {
		case v == count16(next):
			next++
		case v != 0:
			t.Fatalf("sample %d is %d, want %d: lost, repeated or out of order", i, v, count16(next))
		case next == 0 || next == l.spoken: // before and after
		case len(between) > 0 && between[len(between)-1].after == count16(next-1):
			between[len(between)-1].n++
		default:
			between = append(between, run{count16(next - 1), 1})
		}
	}
	if next != l.spoken {
		t.Fatalf("%d samples of %d came", next, l.spoken)
	}
	return between
}

// error is how much longer the line is than the call was, in ms.
func (l *line) error(s schedule) int {
	return len(l.sent)/8 - s.ms
}

func testRand(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 8)) }

// When nothing runs for a while, frames come late and the timer too: no silence takes their place.
func TestProcessStallIsNoGap(t *testing.T) {
	for ms := 60; ms <= 2000; ms += 35 {
		for seed := range uint64(5) {
			s := schedule{ms: 6000, process: []span{{1000 + int(seed)*7, 1000 + int(seed)*7 + ms}}}
			l := s.play(testRand(seed))
			if between := l.speech(t); len(between) > 0 || l.gapSamples != 0 {
				t.Errorf("stall of %d ms: silence %v", ms, between)
			}
			if off := l.error(s); off < -20 || off > 20 {
				t.Errorf("stall of %d ms: the time line is off by %d ms", ms, off)
			}
		}
	}
}

// The same when only the engine does not run: the frames wait in the ring.
func TestEngineStallIsNoGap(t *testing.T) {
	for ms := 60; ms <= 2000; ms += 35 {
		s := schedule{ms: 6000, engine: []span{{1003, 1003 + ms}}}
		l := s.play(testRand(uint64(ms)))
		if between := l.speech(t); len(between) > 0 || l.gapSamples != 0 {
			t.Errorf("stall of %d ms: silence %v", ms, between)
		}
	}
}

// A gap that begins after a stall begins in time: the stall has not moved the clock.
func TestGapAfterAStall(t *testing.T) {
	for _, stall := range []int{100, 500, 2000} {
		s := schedule{ms: 3000 + stall, process: []span{{1000, 1000 + stall}}, missing: []span{{1600 + stall, 2400 + stall}}}
		l := s.play(testRand(1))
		between := l.speech(t)
		if len(between) != 1 || between[0].n < 8*(800-2*20) || between[0].n > 8*800 {
			t.Errorf("stall of %d ms, then a gap of 800: silence %v", stall, between)
		}
		if off := l.error(s); off < -60 || off > 20 {
			t.Errorf("stall of %d ms: the time line is off by %d ms", stall, off)
		}
	}
}

// When the media thread alone is late, silence is sent in real time. The late frames replace what of it is not sent.
func TestLateFramesReplaceSilence(t *testing.T) {
	for _, stall := range []int{150, 200, 500, 1500} {
		s := schedule{ms: 4000, media: []span{{1000, 1000 + stall}}, offline: []span{{500, 3000}}}
		l := s.play(testRand(2))
		if between := l.speech(t); len(between) > 0 || l.gapSamples != 0 {
			t.Errorf("late by %d ms: silence %v, %d counted", stall, between, l.gapSamples)
		}
		if off := l.error(s); off < -20 || off > 20 {
			t.Errorf("late by %d ms: the time line is off by %d ms", stall, off)
		}
	}
}

// What has been sent is taken off the next pause, be it one without frames or one of quiet frames, after its first
// second.
func TestSentSilenceIsPaidBack(t *testing.T) {
	for _, stall := range []int{150, 200, 500, 1500} {
		for name, s := range map[string]schedule{
			"no frames":    {missing: []span{{4000, 7000}}},
			"quiet frames": {quiet: []span{{4000, 7000}}},
		} {
			s.ms, s.media = 8000, []span{{1000, 1000 + stall}}
			l := s.play(testRand(3))
			between := l.speech(t)
			if len(between) != 2 {
				t.Fatalf("%s, late by %d ms: silences %v, want one in place of the late frames and the pause", name, stall, between)
			}
			if sent := between[0].n / 8; sent < stall-120 || sent > stall {
				t.Errorf("%s, late by %d ms: %d ms of silence instead", name, stall, sent)
			}
			if sum := (between[0].n + between[1].n) / 8; sum < 3000-80 || sum > 3000+20 {
				t.Errorf("%s, late by %d ms: %d ms of silence in all, want the pause's 3000", name, stall, sum)
			}
			if between[1].n < 8*1000 {
				t.Errorf("%s, late by %d ms: %d samples of the pause are left", name, stall, between[1].n)
			}
			if off := l.error(s); off < -60 || off > 20 {
				t.Errorf("%s, late by %d ms: the time line is off by %d ms", name, stall, off)
			}
		}
	}
}

// Frames that FreeSWITCH threw away after a stall are made up for in the next pause, not in the middle of words.
func TestLostFramesAreMadeUpFor(t *testing.T) {
	for name, s := range map[string]schedule{
		"no frames":    {missing: []span{{1000, 1800}, {4000, 6000}}},
		"quiet frames": {missing: []span{{1000, 1800}}, quiet: []span{{4000, 6000}}},
	} {
		s.ms, s.process = 7000, []span{{1000, 1800}}
		l := s.play(testRand(4))
		between := l.speech(t)
		if len(between) != 1 || between[0].n < 8*2600 || between[0].n > 8*2900 {
			t.Errorf("%s: silences %v, want one of 2800 ms", name, between)
		}
		if off := l.error(s); off < -120 || off > 20 {
			t.Errorf("%s: the time line is off by %d ms", name, off)
		}
	}
}

// With two sides of a call, a late frame takes its place beside what the other side said meanwhile.
func TestLateFramesInStereo(t *testing.T) {
	m := newMicrophone(command.Stereo, time.Minute)
	speech := ramp(100 * 160)
	for i := range 100 {
		m.answer(speech[i*160:][:160])
		if i < 40 || i >= 60 { // 400 ms of the caller's come late
			m.speak(speech[i*160:][:160])
		}
		if i == 59 {
			m.speak(speech[40*160 : 60*160])
		}
		m.step(20 * time.Millisecond)
	}
	at := 0
	pcm := m.take(&at, 95*160)
	for i := 0; i < len(pcm); i += 2 {
		if l, r := pcm[i], pcm[i+1]; l != 0 && r != 0 && (l-r > 640 || r-l > 640) {
			t.Fatalf("%d of the caller's is beside %d of the callee's", l, r)
		}
	}
	if n := count(m.pending, 0); n > 320+160 || m.gapSamples != 0 {
		t.Errorf("%d samples of silence, %d counted", n, m.gapSamples)
	}
}

// Whatever stalls and whatever is missing: the caller's samples come once each and in order; silence stands between
// them only where frames were missing, or came late while the engine was awake; and a long pause at the end puts the
// time line right.
func TestTimeLineProperty(t *testing.T) {
	for seed := range uint64(400) {
		rng := testRand(seed)
		s := schedule{ms: 20000}
		spans := func(n, most int) (list []span) {
			for range rng.IntN(n) {
				from := 200 + rng.IntN(14000)
				list = append(list, span{from, from + 1 + rng.IntN(most)})
			}
			return list
		}
		s.missing, s.quiet = append(spans(3, 3000), span{16000, 20001}), spans(3, 3000)
		s.process, s.media, s.engine = spans(3, 2000), spans(2, 1500), spans(3, 1500)
		s.offline = spans(2, 5000)
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			l := s.play(rng)
			between := l.speech(t)
			if l.worst > clockOff && !s.lostUnseen() || l.worst < -clockOff {
				t.Errorf("%+v: the frame of %d ms, sent at %d ms, is off by %d ms", s, l.where.captured, l.where.sent, l.worst)
			}
			if off := l.error(s); off < -60 || off > 60 {
				t.Errorf("%+v: the time line is off by %d ms", s, off)
			}
			if len(s.missing) == 1 && len(s.quiet) == 0 && len(s.media) == 0 && len(between) > 0 {
				t.Errorf("%+v: silence %v", s, between)
			}
			most, sum := 0, 0 // ms
			for _, stretch := range slices.Concat(s.missing[:len(s.missing)-1], s.quiet, s.media, s.process) {
				most += stretch.to - stretch.from + 20
			}
			for _, silence := range between {
				sum += silence.n / 8
			}
			// A stall of the process counts when the media thread is late after it.
			if sum > most || l.gapSamples < 0 {
				t.Errorf("%+v: %d ms of silence between words, at most %d; %d samples counted", s, sum, most, l.gapSamples)
			}
		})
	}
}
