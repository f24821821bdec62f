package transport

import (
	"context"
	"sync"
	"time"

	"github.com/coder/websocket"
)

const (
	// maxFrame is the length of a frame. A longer message is sent as several, because a pong can only leave between
	// two frames, and the library gives up on one after five seconds.
	maxFrame = 256 << 10
	// lastWords is how long a connection that can't be written to is still read: the closing frame that says why may
	// be on its way.
	lastWords = 500 * time.Millisecond
)

// queue holds the messages that wait for the writer.
type queue struct {
	maxBytes int           // bytes
	wake     chan struct{} // capacity 1: one value stands for all changes

	mu     sync.Mutex // Protects following.
	msgs   [][]byte
	bytes  int
	closed bool // nothing is taken any more
	// finishing: Close was called, with this.
	finishing bool
	code      int
	reason    string
}

func (q *queue) init(maxBytes int) {
	q.maxBytes = maxBytes
	q.wake = make(chan struct{}, 1)
}

// put adds a message. One that is longer than the bound is taken by an empty queue.
func (q *queue) put(msg []byte) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed || q.finishing {
		return ErrClosed
	}
	if q.bytes > 0 && q.bytes+len(msg) > q.maxBytes {
		return ErrQueueFull
	}
	q.msgs = append(q.msgs, msg)
	q.bytes += len(msg)
	q.signal()
	return nil
}

// finish notes that the connection is to be closed after what is queued. False if that has happened before.
func (q *queue) finish(code int, reason string) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed || q.finishing {
		return false
	}
	q.finishing, q.code, q.reason = true, code, reason
	q.signal()
	return true
}

// finished reports whether the connection is being closed by Close.
func (q *queue) finished() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.finishing
}

// close drops everything.
func (q *queue) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed, q.msgs, q.bytes = true, nil, 0
}

func (q *queue) signal() {
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

// take is the oldest message, nil if there is none; finished says that there will be none.
func (q *queue) take() (msg []byte, finished bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.msgs) == 0 {
		return nil, q.finishing || q.closed
	}
	msg = q.msgs[0]
	q.msgs[0] = nil // it must not stay in memory until the slice has moved on
	if q.msgs = q.msgs[1:]; len(q.msgs) == 0 {
		q.msgs = nil
	}
	q.bytes -= len(msg)
	return msg, false
}

// write is the writer's goroutine. It ends with the connection, and leaves nothing of it behind.
func (c *Conn) write() {
	defer c.ws.CloseNow() // gives the library's buffers back; the socket is closed already
	for {
		msg, finished := c.queue.take()
		switch {
		case finished:
			c.goodbye()
			return
		case msg == nil:
			select {
			case <-c.queue.wake:
			case <-c.done:
				return
			}
		default:
			if err := c.writeMessage(msg); err != nil {
				c.writeFailed(err)
				return
			}
		}
	}
}

// writeMessage sends one message. The socket bounds it; a context would cost a goroutine's start for each.
func (c *Conn) writeMessage(msg []byte) error {
	ctx := context.Background()
	if len(msg) <= maxFrame {
		return c.ws.Write(ctx, websocket.MessageText, msg)
	}
	w, err := c.ws.Writer(ctx, websocket.MessageText)
	if err != nil {
		return err
	}
	for len(msg) > 0 {
		n := min(len(msg), maxFrame)
		if _, err := w.Write(msg[:n]); err != nil {
			return err
		}
		msg = msg[n:]
	}
	return w.Close()
}

// writeFailed ends the connection when the reader has had the time to find the server's own reason.
func (c *Conn) writeFailed(err error) {
	why := c.closeError(err)
	timer := time.NewTimer(lastWords)
	defer timer.Stop()
	select {
	case <-c.done:
	case <-timer.C:
		c.end(why)
	}
}
