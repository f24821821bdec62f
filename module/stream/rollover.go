package stream

import (
	"time"

	"mod_openai_audio_stream/module/realtime"
)

// A server ends a session by force when it gets old. Before that a second one is opened beside it, configured, and at a
// quiet moment given the conversation so far and the caller's audio, so that the caller hears nothing of it.

const (
	rollLead   = time.Minute     // how long before the end the next session is opened; at most half of a session's life
	rollMargin = 5 * time.Second // how long before the end there is no more waiting for quiet; at most a tenth of a life
	rollRetry  = 5 * time.Second // between attempts; at most a sixth of the lead
	lifeLeast  = time.Second     // a session that claims to end sooner has another clock than we have
)

// rollover belongs to the stream's goroutine.
type rollover struct {
	at    time.Time     // when the next session is opened; zero = the present one has no known end, or next is there
	force time.Time     // when it takes over, quiet or not
	retry time.Duration // after an attempt that failed

	next  *link
	ready bool // next has been configured
}

// plan learns from session.created when the session will end.
func (r *rollover) plan(now, expires time.Time, most time.Duration) {
	life := expires.Sub(now)
	if expires.IsZero() || life < lifeLeast {
		life = most
	}
	*r = rollover{}
	if life > 0 {
		lead := min(rollLead, life/2)
		r.at = now.Add(life - lead)
		r.force = now.Add(life - min(rollMargin, life/10))
		r.retry = min(rollRetry, lead/6)
	}
}

// due is when tick has something to do; zero if nothing.
func (r *rollover) due() time.Time {
	switch {
	case r.next == nil:
		return r.at
	case r.ready:
		return r.force
	}
	return time.Time{} // its connection will be heard of
}

// cancel closes the connection that has not taken over.
func (r *rollover) cancel() {
	if r.next != nil {
		r.next.close()
	}
	*r = rollover{}
}

func (s *Stream) tickRollover(now time.Time) {
	r := &s.roll
	switch {
	case s.link == nil || s.link.state != linkOpen:
		r.cancel() // a lost connection has a new session anyway
	case r.next == nil && due(&r.at, now):
		r.next = s.dialLink()
	case r.ready && (s.quiet() || !now.Before(r.force)):
		s.takeOver(now)
	}
}

// quiet reports whether nobody speaks, and nobody is about to.
func (s *Stream) quiet() bool {
	return !s.speaking && !s.updating && !s.player.busy() && !s.player.flushPending() && s.talk.idle()
}

// handleNext takes an event of the next session's connection.
func (s *Stream) handleNext(e linkEvent) {
	l := s.roll.next
	switch {
	case e.conn != nil:
		l.conn, l.state = e.conn, linkOpening
	case e.err != nil:
		s.log.Warn().Msg("the next session failed: " + s.mask(e.err.Error()))
		l.cancel()
		s.roll.next, s.roll.ready = nil, false
		s.roll.at = time.Now().Add(s.roll.retry)
	default:
		s.nextMessage(l, e.msg)
	}
}

// nextMessage takes a message of the next session's: it has a say only about whether it can take over.
func (s *Stream) nextMessage(l *link, msg []byte) {
	e, err := realtime.Parse(msg)
	switch {
	case err != nil:
	case e.Kind == realtime.KindError:
		s.log.Warn().Str("code", e.Error.Code).Msg("the next session: " + s.mask(e.Error.Message))
	case e.Kind == realtime.KindSessionUpdated && l.state == linkOpen:
		s.roll.ready = true
	case l.state == linkOpening:
		l.state, l.expires = linkOpen, e.ExpiresAt
		if s.update == nil {
			s.roll.ready = true
			return
		}
		_ = l.conn.Send(s.update) // its failure is the connection's, which the reader reports
	}
}

// takeOver makes the next session the present one.
func (s *Stream) takeOver(now time.Time) {
	old := s.link
	s.link = s.roll.next
	s.player.finishAll() // what the old session has not sent by now will not come
	s.openedAt, s.lostAt = now, now
	s.roll.plan(now, s.link.expires, s.provider.MaxSession)
	s.restore(now, true)
	old.conn.Close(1000, normalClosure)
	s.sendAudio()
}
