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
	// Send sends a text message, or queues it, and never waits; it fails when the connection is gone or too much is
	// queued. It keeps nothing of msg.
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
	linkDialing     linkState = iota
	linkOpening               // the socket is up; the server's verdict on key and model is not in
	linkConfiguring           // the session is open; the server's answer to our session.update is not in
	linkReady
)

const (
	// openWait is how long a server may stay silent after the upgrade until the session counts as open all the same.
	openWait = 2 * time.Second
	// updateWait is how long a session.update may stay without an answer: some servers never give one. Those that are
	// known to give one get updateWaitKnown.
	updateWait      = 2 * time.Second
	updateWaitKnown = 10 * time.Second
	// fatalWait is how long a connection lives on after an error that the server closes it for.
	fatalWait = 2 * time.Second
)

// updateEventID marks the session.update that the module itself sends, so that its refusal is recognised.
const updateEventID = "oas_session_update"

// link is one connection of a stream, from the first SYN to its end: a session of the server's. It is the stream's
// owner's.
type link struct {
	state    linkState
	conn     Conn // nil while dialling
	cancel   context.CancelFunc
	provider *realtime.Provider

	since   time.Time       // when the socket came up
	by      time.Time       // until when the state may last; zero: for ever
	refusal *realtime.Error // what the server said against it, if nothing better follows
	fatal   bool            // refusal ends the stream
	expires time.Time       // when the server will end the session; zero if it has not said
	waited  bool            // it was open before its call, and nothing has come since: it may be dead
}

// linkChange is what a link has come to.
type linkChange int

const (
	linkSame    linkChange = iota
	linkOpened             // the session is open; to be configured
	linkSettled            // it is as configured; audio may be sent
	linkUnsure             // the same, but that the server has not answered the session.update
	linkRefused            // it is of no use, nor is another attempt; refusal says why
	linkUseless            // it is of no use, another may be; refusal says why
)

// open reports whether the server has opened the session.
func (l *link) open() bool { return l != nil && l.state >= linkConfiguring }

// ready reports whether audio may be sent.
func (l *link) ready() bool { return l != nil && l.state == linkReady }

// connected notes that the socket is up.
func (l *link) connected(conn Conn, now time.Time) {
	l.conn, l.state, l.since, l.by = conn, linkOpening, now, now.Add(openWait)
}

// wait bounds the present state, unless the link is about to end.
func (l *link) wait(until time.Time) {
	if !l.fatal {
		l.by = until
	}
}

// configure sends the session.update, nil if there is none. The link is settled when the server has answered.
func (l *link) configure(update []byte, now time.Time) linkChange {
	if update == nil {
		return l.settle(linkSettled)
	}
	wait := updateWait
	if l.provider.Acknowledges {
		wait = updateWaitKnown
	}
	l.state = linkConfiguring
	l.wait(now.Add(wait))
	_ = l.conn.Send(update) // its failure is the connection's, which the reader reports
	return linkSame
}

func (l *link) settle(how linkChange) linkChange {
	l.state = linkReady
	l.wait(time.Time{})
	if !l.fatal {
		l.refusal = nil
	}
	return how
}

// heard takes an event of the server's.
func (l *link) heard(e *realtime.Event, now time.Time) linkChange {
	l.waited = false
	switch {
	case e.Kind == realtime.KindError:
		return l.heardError(&e.Error, now)
	case l.state == linkOpening:
		l.state = linkConfiguring
		l.wait(time.Time{})
		if !l.fatal {
			l.refusal = nil
		}
		return linkOpened
	case l.state == linkConfiguring && e.Kind == realtime.KindSessionUpdated:
		return l.settle(linkSettled)
	}
	return linkSame
}

func (l *link) heardError(e *realtime.Error, now time.Time) linkChange {
	switch {
	case l.fatal:
	case l.provider.FatalError(e.Code):
		l.refusal, l.fatal, l.by = e, true, now.Add(fatalWait)
	case l.provider.Benign(e):
	case l.state == linkOpening && e.Code != "":
		l.refusal = e
	case l.state == linkConfiguring && e.EventID == updateEventID:
		l.refusal = e
		return linkRefused
	case l.state == linkConfiguring && e.EventID == "":
		l.refusal = e // unless session.updated follows
	}
	return linkSame
}

// due is called when by has come.
func (l *link) due(now time.Time) linkChange {
	if l.by.IsZero() || now.Before(l.by) {
		return linkSame
	}
	l.by = time.Time{}
	switch {
	case l.fatal:
		return linkRefused
	case l.state == linkOpening && l.refusal != nil:
		return linkUseless
	case l.state == linkOpening:
		l.state = linkConfiguring
		return linkOpened
	case l.state == linkConfiguring && l.refusal != nil:
		return linkRefused
	case l.state == linkConfiguring && l.provider.Acknowledges:
		l.refusal = &realtime.Error{Message: fmt.Sprintf("no answer to session.update within %v", updateWaitKnown)}
		return linkUseless
	case l.state == linkConfiguring:
		return l.settle(linkUnsure)
	}
	return linkSame
}

// close ends the connection in good order, or the attempt to get one.
func (l *link) close() {
	if l.conn == nil {
		l.cancel()
	} else {
		l.conn.Close(transport.CloseNormal, normalClosure)
	}
}

// linkEvent is what a link's goroutine tells the stream: a connection, a message or an end, in this order.
type linkEvent struct {
	link *link
	conn Conn
	msg  []byte // the stream's if it keeps it
	err  error
}

// dialer starts links.
type dialer struct {
	dial     DialFunc
	options  *transport.Options
	provider *realtime.Provider
	// tell gives the stream an event, and returns when it has been taken: kept says that its message is the stream's now,
	// over that the stream takes nothing any more.
	tell     func(linkEvent) (kept, over bool)
	panicked func(reason string)
}

// start begins a connection. Its goroutine ends with the attempt, the reader's with the connection, both with the stream.
func (d *dialer) start() *link {
	ctx, cancel := context.WithCancel(context.Background())
	l := &link{cancel: cancel, provider: d.provider}
	go guard(d.panicked, func() {
		conn, err := d.dial(ctx, d.options)
		if err != nil {
			cancel()
			d.tell(linkEvent{link: l, err: err})
			return
		}
		// On a goroutine of its own: this one's stack has grown in the TLS handshake.
		go guard(d.panicked, func() {
			defer cancel()
			defer conn.Close(transport.CloseNormal, normalClosure) // if the stream does not
			d.read(ctx, l, conn)
		})
	})
	return l
}

// read tells the stream what comes from conn until it ends.
func (d *dialer) read(ctx context.Context, l *link, conn Conn) {
	if _, over := d.tell(linkEvent{link: l, conn: conn}); over {
		return
	}
	for {
		msg, err := conn.Read(ctx)
		kept, over := d.tell(linkEvent{link: l, msg: msg, err: err})
		if err != nil || over {
			return
		}
		if !kept {
			transport.Recycle(msg)
		}
	}
}

// closeInfo is how a connection ended.
func closeInfo(err error) transport.CloseError {
	var closed *transport.CloseError
	if errors.As(err, &closed) {
		return *closed
	}
	return transport.CloseError{Code: transport.CloseAbnormal, Reason: err.Error()}
}
