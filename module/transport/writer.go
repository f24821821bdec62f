package transport

import (
	"context"
	"errors"
	"io"
	"sync"
	"time"

	"github.com/coder/websocket"
)

const (
	// maxDirect is the length up to which Send writes a message itself: half a second of PCM16 as base64. A longer one
	// costs more time than its caller has.
	maxDirect = 32 << 10
	// maxFrame is the length of a frame. A longer message is sent as several, because a pong can only leave between
	// two frames.
	maxFrame = 256 << 10
	// lastWords is how long a connection that can't be written to is still read: the closing frame that says why may
	// be on its way.
	lastWords = 500 * time.Millisecond
)

// outbox is what is on its way out of a connection. While the socket's goroutine exists, nobody else writes messages, so
// they stay in order: who comes then puts them here.
type outbox struct {
	maxBytes int

	mu        sync.Mutex // Protects following; never held while anybody waits.
	msgs      [][]byte   // that wait, in order
	bytes     int        // of msgs
	closed    bool       // the connection has ended, or can't be written to
	finishing bool       // Close was called, with this
	code      int
	reason    string
	leaving   bool          // the closing frame is being sent
	timers    []*time.Timer // that end the connection after Close, and after a write that failed

	// Of the socket's goroutine: the message of which some frames are written.
	long io.WriteCloser // nil if there is none
	rest []byte
}

// Send sends a text message and never waits: what the socket does not take at once is queued. It keeps nothing of msg. It
// fails with ErrClosed when the connection has ended, can't be written to any more, or Close was called, and with
// ErrQueueFull when SendQueue bytes are waiting already: the server is not reading, and the connection ends.
func (c *Conn) Send(msg []byte) error {
	err := c.out.send(c, msg)
	switch {
	case err == nil || errors.Is(err, ErrClosed):
		return err
	case errors.Is(err, ErrQueueFull):
		// Elsewhere, because closing a socket waits until its reader has noticed.
		go c.guard(func() { c.end(queueFull()) })
		return ErrQueueFull
	default:
		c.failed(err)
		return ErrClosed
	}
}

func (o *outbox) send(c *Conn, msg []byte) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.closed || o.finishing {
		return ErrClosed
	}
	// A busy socket's goroutine asks for more once again before it ends, with o.mu held.
	busy := c.socket.busy()
	if !busy && len(msg) <= maxDirect {
		return c.writeText(msg)
	}
	// What is being written does not count. One that is longer than the bound is taken if none waits.
	if o.bytes > 0 && o.bytes+len(msg) > o.maxBytes {
		o.drop()
		return ErrQueueFull
	}
	o.msgs = append(o.msgs, append(make([]byte, 0, len(msg)), msg...)) // never nil
	o.bytes += len(msg)
	if !busy {
		c.socket.wake()
	}
	return nil
}

// drop empties the outbox for ever. o.mu is held.
func (o *outbox) drop() { o.closed, o.msgs, o.bytes = true, nil, 0 }

// close drops everything at the connection's end.
func (o *outbox) close() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.drop()
	for _, t := range o.timers {
		t.Stop()
	}
}

// limit has the connection end in a while, with o.mu held.
func (o *outbox) limit(c *Conn, within time.Duration, why *CloseError) {
	o.timers = append(o.timers, time.AfterFunc(within, func() { c.end(why) }))
}

// finished reports whether the connection is being closed by Close.
func (o *outbox) finished() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.finishing
}

// take is the oldest message, nil if there is none. o.mu is held.
func (o *outbox) take() []byte {
	if len(o.msgs) == 0 {
		return nil
	}
	msg := o.msgs[0]
	o.msgs[0] = nil // it must not stay in memory until the slice has moved on
	if o.msgs = o.msgs[1:]; len(o.msgs) == 0 {
		o.msgs = nil
	}
	o.bytes -= len(msg)
	return msg
}

// more writes the next frame of what waits. Without o.mu: it takes a while, and nobody else writes meanwhile.
func (c *Conn) more() bool {
	msg, what := c.next()
	if what == writeIt {
		if err := c.writeFrame(msg); err != nil {
			c.socket.fail(err)
			return false
		}
	}
	return what != endNow
}

// step is what the socket's goroutine is to do.
type step int

const (
	writeIt  step = iota
	flushNow      // there is a backlog
	endNow        // which it has been allowed to: another may run already
)

// next is the next message to be written, nil if the present one is not complete. Where there is none it starts what
// Close has put off.
func (c *Conn) next() (msg []byte, what step) {
	o := &c.out
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.long != nil && !o.closed {
		return nil, writeIt
	}
	if msg = o.take(); msg != nil {
		return msg, writeIt
	}
	o.long, o.rest = nil, nil
	if o.finishing && !o.closed {
		c.leave()
	}
	if c.socket.rest(c) {
		return nil, endNow
	}
	return nil, flushNow
}

// writeFrame writes msg, or the first frame of it, or the next one of the message that is not complete if msg is nil. A
// context that can end would cost a goroutine's start for each, and nothing in it waits.
func (c *Conn) writeFrame(msg []byte) (err error) {
	ctx, o := context.Background(), &c.out
	if msg != nil && len(msg) <= maxFrame {
		return c.ws.Write(ctx, websocket.MessageText, msg)
	}
	if msg != nil {
		if o.long, err = c.ws.Writer(ctx, websocket.MessageText); err != nil {
			return err
		}
		o.rest = msg
	}
	n := min(len(o.rest), maxFrame)
	if _, err = o.long.Write(o.rest[:n]); err != nil {
		return err
	}
	if o.rest = o.rest[n:]; len(o.rest) == 0 {
		err = o.long.Close()
		o.long, o.rest = nil, nil
	}
	return err
}

// failed ends the connection when the reader has had the time to find the server's own reason for a write that failed.
func (c *Conn) failed(err error) {
	o := &c.out
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.closed {
		return
	}
	o.drop()
	o.limit(c, lastWords, c.closeError(err))
}
