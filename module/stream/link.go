package stream

import (
	"context"
	"errors"
	"fmt"
	"time"

	"mod_openai_audio_stream/module/realtime"
	"mod_openai_audio_stream/module/transport"
)

// Conn is a connection to a Realtime server. *transport.Conn is one; tests have their own.
type Conn interface {
	// Send queues a text message and never waits; it fails when the connection is gone or too much is queued.
	Send(msg []byte) error
	// Read waits for the next message. Its error is a *transport.CloseError when the connection has ended.
	Read(ctx context.Context) ([]byte, error)
	// Close starts the closing handshake in the background and returns.
	Close(code int, reason string)
}

// DialFunc opens a connection. It returns when ctx ends.
type DialFunc func(ctx context.Context, o *transport.Options) (Conn, error)

// linkState is how far a link is.
type linkState int

const (
	linkDialing linkState = iota
	linkOpening           // the socket is up; the server's verdict on key and model is not in
	linkOpen
)

// link is one connection of a stream, from the first SYN to its end. It belongs to the stream's goroutine.
type link struct {
	state   linkState
	conn    Conn
	cancel  context.CancelFunc
	expires time.Time // when the server will end the session; zero if it has not said
}

// close ends the connection in good order, or the attempt to get one.
func (l *link) close() {
	if l.conn == nil {
		l.cancel()
	} else {
		l.conn.Close(1000, normalClosure)
	}
}

// linkEvent is what a link's goroutine tells the stream: a connection, a message or an end, in this order.
type linkEvent struct {
	link *link
	conn Conn
	msg  []byte
	err  error
}

const (
	// inboxSize bounds the messages that wait for the stream; then the socket is left unread and TCP slows the server.
	inboxSize = 64
	// openTimeout is how long a server may stay silent after the upgrade until the stream counts as open all the same.
	openTimeout = 2 * time.Second
	// minLife is how long a connection must have lived for its loss to start the backoff anew.
	minLife = 10 * time.Second
)

// connect starts an attempt.
func (s *Stream) connect() { s.link = s.dialLink() }

// dialLink dials. Its goroutine ends with the connection, or with the stream.
func (s *Stream) dialLink() *link {
	ctx, cancel := context.WithCancel(context.Background())
	l := &link{cancel: cancel}
	options := s.cfg.transportOptions()
	go guard(s.panicked, func() {
		defer cancel()
		conn, err := s.dial(ctx, options)
		if err != nil {
			s.post(linkEvent{link: l, err: err})
			return
		}
		// The stream may end with the connection still in its inbox, so its goroutine closes it in any case.
		defer conn.Close(1000, normalClosure)
		if !s.post(linkEvent{link: l, conn: conn}) {
			return
		}
		for {
			msg, err := conn.Read(ctx)
			if !s.post(linkEvent{link: l, msg: msg, err: err}) || err != nil {
				return
			}
		}
	})
	return l
}

// post gives the stream an event; false if it has ended.
func (s *Stream) post(e linkEvent) bool {
	select {
	case s.inbox <- e:
		return true
	case <-s.ended:
		return false
	}
}

// handleLink takes one event of a link.
func (s *Stream) handleLink(e linkEvent) {
	switch l := e.link; {
	case l == s.roll.next && l != nil:
		s.handleNext(e)
	case l != s.link:
		if e.conn != nil { // dialled although given up meanwhile
			e.conn.Close(1000, normalClosure)
		}
	case e.conn != nil:
		l.conn, l.state = e.conn, linkOpening
		s.openBy = time.Now().Add(openTimeout)
	case e.err != nil:
		s.linkLost(l, e.err)
	default:
		s.message(e.msg)
	}
}

// opened is called once for a link: by session.created, the first other message, or openTimeout.
func (s *Stream) opened(now time.Time) {
	s.link.state = linkOpen
	s.openBy = time.Time{}
	s.openedAt = now
	s.connects++
	s.event("connect", eventStatus{Status: "connected"})
	s.configure()
	if s.connects > 1 {
		s.restore(now, false)
	}
	s.sendAudio()
}

// linkLost decides what the end of a connection, or of an attempt, means.
func (s *Stream) linkLost(l *link, err error) {
	wasOpen := l.state == linkOpen
	l.cancel()
	s.link = nil
	s.openBy = time.Time{}
	s.speaking = false

	closed := closeInfo(err)
	if wasOpen {
		s.lostAt = time.Now()
		s.capture.bound(s.cfg.Settings.ReconnectBuffer)
		s.player.finishAll()
		s.recording.end()
		s.event("disconnect", eventStatus{Status: "disconnected", Message: closeMessage{closed.Code, closed.Reason}})
		if s.lostAt.Sub(s.openedAt) >= minLife {
			s.backoff.Reset()
		}
	}
	failure := s.failure(err)
	switch {
	case s.fatal != nil:
		failure.Error, failure.Code = s.fatal.Message, s.fatal.Code
		s.giveUp(failure)
	case wasOpen && closed.Code == 1000:
		s.end(endServerClosed)
	case wasOpen && s.cfg.Settings.NoReconnect:
		s.giveUp(failure)
	case !s.retryable(err):
		s.giveUp(failure)
	default:
		s.retry(failure, err)
	}
}

// retry waits and tries again, unless the attempts have run out.
func (s *Stream) retry(failure errorMessage, err error) {
	var after time.Duration
	var dial *transport.DialError
	if errors.As(err, &dial) {
		after = dial.RetryAfter
	}
	wait, ok := s.backoff.Next(after)
	if !ok || s.cfg.Settings.NoReconnect {
		s.giveUp(failure)
		return
	}
	s.retries++
	failure.Retries, failure.WaitTime = s.retries, wait.Milliseconds()
	s.log.Warn().Int("retries", s.retries).Int64("wait_ms", failure.WaitTime).Msg(failure.Error)
	s.event("error", eventStatus{Status: "error", Message: failure})
	s.retryAt = time.Now().Add(wait)
}

// giveUp ends the stream with its one error event.
func (s *Stream) giveUp(failure errorMessage) {
	failure.Retries = s.retries
	s.log.Error().Msg(failure.Error)
	s.event("error", eventStatus{Status: "error", Message: failure})
	s.fail(endError, failure.Error)
}

// retryable reports whether trying again can help.
func (s *Stream) retryable(err error) bool {
	var dial *transport.DialError
	if errors.As(err, &dial) {
		return !dial.Permanent()
	}
	return !s.provider.FatalClose(closeInfo(err).Code)
}

// failure describes err for an ::error event.
func (s *Stream) failure(err error) errorMessage {
	m := errorMessage{Error: s.mask(err.Error())}
	var dial *transport.DialError
	if errors.As(err, &dial) {
		m.HTTPStatus = dial.HTTPStatus
	}
	return m
}

// closeInfo is how a connection ended; 1006 stands for an end without a closing frame (RFC 6455, 7.4.1).
func closeInfo(err error) transport.CloseError {
	var closed *transport.CloseError
	if errors.As(err, &closed) {
		return *closed
	}
	return transport.CloseError{Code: 1006, Reason: err.Error()}
}

// serverFatal notes an error event after which the server will close, and which trying again will not mend.
func (s *Stream) serverFatal(e *realtime.Error) {
	s.fatal = &realtime.Error{Code: e.Code, Message: s.mask(fmt.Sprintf("server: %s (%s)", e.Message, e.Code))}
}
