package stream

import (
	"sync"
	"time"
)

// fakeRings is a channel without FreeSWITCH: its ring is played by play, as cshim/oas_play.c does it but for the fades.
type fakeRings struct {
	// mu is for what the test and the stream's owner touch. synctest lets only one of them run, and tells the race
	// detector of it when the test waits for the stream, but not when time wakes the stream.
	mu sync.Mutex

	wake   chan struct{}
	gone   chan struct{} // closed by Release
	closed bool

	closeReason, closeError string // when closed

	caller, callee []Frame
	keys           []Key
	dropped        int64

	rateHz    int // of the channel's frames
	agentHz   int
	ring      []int16 // written and not read
	capacity  int
	written   uint64
	read      uint64
	heard     []int16 // all that the channel was given
	flushPos  uint64
	flushFrom uint64
	flushing  bool
	fade      int  // samples, at the last flush
	stuck     bool // the channel takes no frames
	onHold    bool // by the phone
	held      bool
	open      bool
	dry       bool
	underruns uint64

	totals            Totals
	reason, errorText string
	moves             bool
	detached          int
	released          int
}

var _ Rings = (*fakeRings)(nil)

func newFakeRings(rateHz int) *fakeRings {
	return &fakeRings{wake: make(chan struct{}, 1), gone: make(chan struct{}), rateHz: rateHz, capacity: 32 << 10, closeReason: "hangup"}
}

// known makes all that the test has done known to what time wakes.
func (f *fakeRings) known() {
	f.mu.Lock()
	defer f.mu.Unlock()
}

// play is one frame of n samples.
func (f *fakeRings) play(n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.stuck {
		return
	}
	if f.flushing {
		f.flushing = false
		f.flushFrom = f.read
		if skip := int(f.flushPos - f.read); f.flushPos > f.read {
			f.ring = f.ring[skip:]
			f.read = f.flushPos
		}
	}
	frame := make([]int16, n)
	if !f.held && f.agentHz == f.rateHz {
		k := copy(frame, f.ring)
		f.ring = f.ring[k:]
		f.read += uint64(k)
		if k < n && f.open && !f.dry {
			f.underruns++
		}
		f.dry = k < n && f.open
	}
	f.heard = append(f.heard, frame...)
}

func (f *fakeRings) phoneHolds(on bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.onHold = on
}

// give is one frame of the caller's.
func (f *fakeRings) give(pcm []int16) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.caller = append(f.caller, Frame{RateHz: f.rateHz, Channels: 1, PCM: pcm})
	f.ringBell()
}

// press is a key of the caller's.
func (f *fakeRings) press(digit byte) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.keys = append(f.keys, Key{Digit: digit, Length: 100 * time.Millisecond})
	f.ringBell()
}

func (f *fakeRings) ringBell() {
	select {
	case f.wake <- struct{}{}:
	default:
	}
}

// Serve does what bridge/doorbell.go does, on a goroutine that ends with Release.
func (f *fakeRings) Serve(l Listener) {
	go func() {
		for {
			var due <-chan time.Time
			now := time.Now()
			at, taken := l.Take(now)
			if taken {
				l.Send(now)
			}
			if !at.IsZero() {
				due = time.After(time.Until(at))
			}
			select {
			case <-f.wake:
			case <-due:
			case <-f.gone:
				return
			}
		}
	}()
}

func (f *fakeRings) Look() Look {
	f.mu.Lock()
	defer f.mu.Unlock()
	return Look{
		Written: f.written, Read: f.read, Free: f.free(), RateHz: f.rateHz, Flushed: !f.flushing, FlushedAt: f.flushFrom,
		Underruns: f.underruns, DroppedMS: f.dropped, Held: f.onHold, Closed: f.closed,
	}
}

func (f *fakeRings) Closing() (reason, errorText string) { return f.closeReason, f.closeError }

func (f *fakeRings) take(frames *[]Frame, to *Frame) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(*frames) == 0 {
		return false
	}
	from := (*frames)[0]
	*frames = (*frames)[1:]
	to.RateHz, to.Channels, to.PCM = from.RateHz, from.Channels, append(to.PCM[:0], from.PCM...)
	return true
}

func (f *fakeRings) ReadCaller(to *Frame) bool { return f.take(&f.caller, to) }
func (f *fakeRings) ReadCallee(to *Frame) bool { return f.take(&f.callee, to) }

func (f *fakeRings) ReadKey() (key Key, ok bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.keys) == 0 {
		return Key{}, false
	}
	key, f.keys = f.keys[0], f.keys[1:]
	return key, true
}

func (f *fakeRings) SetAgentRate(hz int) { f.agentHz = hz }

func (f *fakeRings) Write(pcm []int16) int {
	n := min(len(pcm), f.free())
	f.ring = append(f.ring, pcm[:n]...)
	f.written += uint64(n)
	return n
}

func (f *fakeRings) free() int { return f.capacity - len(f.ring) }

func (f *fakeRings) Flush(fade int) { f.flushPos, f.flushing, f.fade = f.written, true, fade }

func (f *fakeRings) Hold(on bool)            { f.held = on }
func (f *fakeRings) SetAnswerOpen(open bool) { f.open = open }
func (f *fakeRings) SetTotals(totals Totals) { f.totals = totals }
func (f *fakeRings) SetEnd(reason, errorText string, moves bool) {
	f.reason, f.errorText, f.moves = reason, errorText, moves
}
func (f *fakeRings) Detach() { f.detached++ }

func (f *fakeRings) Release() {
	if f.released++; f.released == 1 {
		close(f.gone)
	}
}
