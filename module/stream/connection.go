package stream

import (
	"errors"
	"fmt"
	"time"

	"mod_openai_audio_stream/module/realtime"
	"mod_openai_audio_stream/module/transport"
)

// A server ends a session by force when it gets old. Before that a second one is opened beside it and configured. At a
// quiet moment it is given the conversation so far and the caller's audio, so that the caller hears nothing of it.
const (
	maxRollLead   = time.Minute      // how long before the end the next session is opened; at most half of a session's life
	maxRollMargin = 5 * time.Second  // how long before the end there is no more waiting for quiet; at most a tenth of a life
	maxRollRetry  = 5 * time.Second  // between attempts; at most a sixth of the lead
	minLife       = time.Second      // a session that claims to end sooner has another clock than we have
	steadyLife    = 10 * time.Second // a connection that lived so long was a good one: attempts count anew
)

// connection is the life of a stream's connection: attempts, the present link, the next one. It decides and says what is
// to be done. It is the stream's owner's.
type connection struct {
	dialer      *dialer
	provider    *realtime.Provider
	noReconnect bool

	link *link // the present one, or the attempt to get it; nil between two attempts, and when there will be none
	next *link // the one that will replace it; nil if there is none

	backoff  transport.Backoff
	retries  int // attempts in vain since the last good connection
	connects int
	openedAt time.Time
	lostAt   time.Time
	retryAt  time.Time // the next attempt; zero: none is planned

	rollAt    time.Time     // when next is to be opened; zero: never, or it is
	rollForce time.Time     // when it takes over, quiet or not
	rollRetry time.Duration // after an attempt that failed
}

// connect starts an attempt.
func (c *connection) connect() {
	c.retryAt = time.Time{}
	c.link = c.dialer.start()
}

// opened notes that the present link is open.
func (c *connection) opened(now time.Time) {
	c.connects++
	c.openedAt = now
}

// verdict is what the end of a connection or of an attempt means: another attempt follows, or, where giveUp is set, none.
type verdict struct {
	failure   errorMessage
	giveUp    bool
	goodOrder bool // the server ended a conversation
	wasOpen   bool
	closed    transport.CloseError
	takeOver  bool // the next link stands ready: no attempt is needed
	wasDead   bool // it ended while it waited for this call: an attempt follows at once, which counts as the first
}

// lost notes that the present link has ended, and plans the next attempt.
func (c *connection) lost(err error, now time.Time) verdict {
	l := c.link
	l.cancel()
	c.link = nil
	v := verdict{closed: closeInfo(err), wasOpen: l.open(), failure: describe(err)}
	if v.wasOpen {
		c.lostAt = now
		if now.Sub(c.openedAt) >= steadyLife {
			c.backoff.Reset()
			c.retries = 0
		}
	}
	if l.refusal != nil && (l.fatal || !v.wasOpen) {
		v.failure.Error, v.failure.Code = describeRefusal(l.refusal), l.refusal.Code
	}
	switch {
	case l.fatal:
		v.giveUp = true
	case l.waited:
		v.wasDead = true
	case v.wasOpen && v.closed.Code == transport.CloseNormal:
		v.goodOrder = true
	case v.wasOpen && c.next.ready():
		v.takeOver = true
	case c.noReconnect && v.wasOpen, !c.retryable(err):
		v.giveUp = true
	default:
		v.giveUp = !c.plan(&v.failure, err, now)
	}
	if !v.takeOver {
		c.cancelNext()
		c.rollAt = time.Time{} // the next attempt is a new session anyway
	}
	v.failure.Retries = c.retries
	return v
}

// plan sets when the next attempt is; false if there is none.
func (c *connection) plan(failure *errorMessage, err error, now time.Time) bool {
	wait, ok := c.backoff.Next(retryAfter(err))
	if !ok || c.noReconnect {
		return false
	}
	c.retries++
	c.retryAt = now.Add(wait)
	failure.WaitTime = wait.Milliseconds()
	return true
}

// retryAfter is how long the server wants to be left alone after an attempt that failed, 0 if it has not said.
func retryAfter(err error) time.Duration {
	var dial *transport.DialError
	if errors.As(err, &dial) {
		return dial.RetryAfter
	}
	return 0
}

// retryable reports whether trying again can help.
func (c *connection) retryable(err error) bool {
	var dial *transport.DialError
	if errors.As(err, &dial) {
		return !dial.Permanent()
	}
	return !c.provider.FatalClose(closeInfo(err).Code)
}

// describe is an error for an ::error event.
func describe(err error) errorMessage {
	m := errorMessage{Error: err.Error()}
	var dial *transport.DialError
	if errors.As(err, &dial) {
		m.HTTPStatus = dial.HTTPStatus
	}
	return m
}

func describeRefusal(e *realtime.Error) string {
	if e.Code == "" {
		return "server: " + e.Message
	}
	return fmt.Sprintf("server: %s (%s)", e.Message, e.Code)
}

// sessionLife is how long a session lasts that began at since and is said to end at expires (zero: nothing is said); 0: for
// ever, or nobody knows. No server keeps one for longer than its most, whatever the two clocks say.
func sessionLife(p *realtime.Provider, since, expires time.Time) time.Duration {
	life := expires.Sub(since)
	if expires.IsZero() || life < minLife || p.MaxSession > 0 && life > p.MaxSession {
		return p.MaxSession
	}
	return life
}

// age plans the next session from what session.created says of the present one's end.
func (c *connection) age(expires time.Time) {
	if c.next != nil {
		return // it is said again, and the next session is on its way
	}
	since := c.link.since
	c.rollAt, c.rollForce = time.Time{}, time.Time{}
	if life := sessionLife(c.provider, since, expires); life > 0 {
		lead := min(maxRollLead, life/2)
		c.rollAt = since.Add(life - lead)
		c.rollForce = since.Add(life - min(maxRollMargin, life/10))
		c.rollRetry = min(maxRollRetry, lead/6)
	}
}

// openNext dials the next session.
func (c *connection) openNext() {
	c.rollAt = time.Time{}
	c.next = c.dialer.start()
}

// nextFailed closes the next link, and plans another attempt.
func (c *connection) nextFailed(now time.Time) {
	c.cancelNext()
	c.rollAt = now.Add(c.rollRetry)
}

func (c *connection) cancelNext() {
	if c.next != nil {
		c.next.close()
		c.next = nil
	}
}

// replace makes the next link the present one, and returns the old one, nil if it was lost.
func (c *connection) replace(now time.Time) (old *link) {
	old = c.link
	c.link, c.next = c.next, nil
	if old != nil {
		c.lostAt = now
	}
	c.age(c.link.expires)
	return old
}

// due is when something of the connection has to be looked at; zero: nothing.
func (c *connection) due() time.Time {
	at := earliest(c.retryAt, c.rollAt)
	if c.link != nil {
		at = earliest(at, c.link.by)
	}
	if c.next != nil {
		at = earliest(at, c.next.by)
	}
	if c.next.ready() {
		at = earliest(at, c.rollForce)
	}
	return at
}

// close ends everything at once.
func (c *connection) close() {
	c.cancelNext()
	if c.link != nil {
		c.link.close()
		c.link = nil
	}
}

// earliest is the first of the times that are not zero, the zero time if all are.
func earliest(times ...time.Time) (first time.Time) {
	for _, t := range times {
		if !t.IsZero() && (first.IsZero() || t.Before(first)) {
			first = t
		}
	}
	return first
}
