package stream

import "time"

// A stream has one owner at a time. Becoming it costs a lock that nobody else's call knows, and no change of goroutines:
// whoever brings a message or a frame does at once what it asks for.

// own makes its caller the owner, who runs f and does what is due then. A bug in f ends the stream. It reports false, and
// f is not run, if the stream is over.
func (s *Stream) own(f func(now time.Time)) bool {
	s.mu.Lock()
	return s.owned(f)
}

// owned is own for the owner, who is it no longer when it returns.
func (s *Stream) owned(f func(now time.Time)) bool {
	defer s.disown()
	if s.reason != "" {
		return false
	}
	guard(s.bug, func() {
		now := time.Now()
		f(now)
		s.arm(now)
	})
	return true
}

// arm does what is due, and has the timer wake the stream for the next thing.
func (s *Stream) arm(now time.Time) {
	if s.reason == "" {
		s.wakeUpAt(s.tick(now), now)
	}
}

func (s *Stream) wakeUpAt(at, now time.Time) {
	switch {
	case at.Equal(s.wakeAt):
		return
	case at.IsZero():
		s.timer.Stop()
	default:
		s.timer.Reset(max(at.Sub(now), 0))
	}
	s.wakeAt = at
}

// wake is the timer's.
func (s *Stream) wake() {
	s.own(func(time.Time) { s.wakeAt = time.Time{} })
}

// disown lets go of the stream, after what has come from the channel meanwhile has been taken.
func (s *Stream) disown() {
	for {
		if s.reason != "" && !s.isOver {
			s.isOver = true
			close(s.over)
		}
		s.mu.Unlock()
		if !s.news.Load() || !s.mu.TryLock() {
			return
		}
		s.listen(time.Now())
	}
}

// Take takes what the channel has left. If the stream has an owner, that does it before it goes.
func (s *Stream) Take(now time.Time) (again time.Time, taken bool) {
	s.news.Store(true)
	if !s.mu.TryLock() {
		return now.Add(lookEvery), false
	}
	s.take(now)
	return s.gapAt, true
}

// Send sends what Take has taken.
func (s *Stream) Send(now time.Time) {
	defer s.disown()
	s.sendOn(now)
}

// listen is take and send.
func (s *Stream) listen(now time.Time) {
	s.take(now)
	s.sendOn(now)
}

// take is run by the owner.
func (s *Stream) take(now time.Time) {
	s.news.Store(false)
	if s.reason != "" {
		return
	}
	guard(s.bug, func() {
		s.takeKeys(now)
		if now.Before(s.gapAt) {
			s.gapAt = s.capture.drain(now)
		} else {
			s.gapAt = s.capture.fillGap(now)
		}
	})
}

// sendOn is run by the owner.
func (s *Stream) sendOn(now time.Time) {
	if s.reason != "" {
		return
	}
	guard(s.bug, func() {
		s.sendAudio()
		look := s.rings.Look()
		switch {
		case look.Closed, s.voiceDecides(now), s.player.outOfRate(look.RateHz), s.keys.unseen:
			s.wakeUpAt(now, now) // on a goroutine of its own: other calls wait for this one
		case now.Sub(s.settledAt) >= settleEvery:
			s.settle(now)
		}
	})
}

// do makes its caller the owner for f and returns its error.
func (s *Stream) do(f func(now time.Time) error) error {
	err := ErrEnded // also if f panics
	s.own(func(now time.Time) { err = f(now) })
	return err
}

// bug ends the stream because of a bug in it. The owner's.
func (s *Stream) bug(reason string) {
	defer s.fail(endInternal, internalError) // even after a bug in telling of it
	s.tellBug(reason)
}

// panicked is bug for who does not own the stream.
func (s *Stream) panicked(reason string) {
	defer s.own(func(time.Time) { s.fail(endInternal, internalError) })
	s.tellBug(reason)
}

func (s *Stream) tellBug(reason string) {
	s.logBug("caught a bug, this stream ends: " + reason)
	s.event(eventError, errorBody(errorMessage{Error: internalError}))
}
