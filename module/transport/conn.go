package transport

import (
	"context"
	"errors"
	"io"
	"math"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/coder/websocket"

	"mod_openai_audio_stream/module/secret"
)

// Reasons why a connection ended, or why Send failed. A CloseError wraps them where they apply.
var (
	ErrClosed    = errors.New("the connection is closed")
	ErrQueueFull = errors.New("the server does not take what is sent")
	ErrHeartBeat = errors.New("the server does not answer a ping")
)

// Conn is a connection to a server. Read is for one goroutine at a time, everything else for any. Someone must always
// be in Read, or come back to it soon: pings are answered, and the closing of the connection is noticed, there.
type Conn struct {
	ws     *websocket.Conn
	conn   net.Conn // below ws: the socket, or TLS on it
	socket *socket
	masker *secret.Masker
	// options are not changed after Dial.
	options *Options

	reading atomic.Bool           // someone is in Read, so that silence is the server's
	watched atomic.Pointer[watch] // the context of the last Read
	large   int                   // the class of the last message that was not small, or 0; of the reader
	heart   *time.Timer           // calls beat; nil if there is no heart beat
	done    chan struct{}
	ended   sync.Once
	info    *CloseError // set before done is closed

	out outbox
}

// newConn makes the connection of what Dial has found. At rest it has no goroutine of its own.
func newConn(ws *websocket.Conn, conn net.Conn, s *socket, m *secret.Masker, o *Options) *Conn {
	c := &Conn{ws: ws, conn: conn, socket: s, masker: m, options: o, done: make(chan struct{})}
	c.out.maxBytes = o.SendQueue
	s.hear()
	s.serve(c)
	if o.HeartBeat > 0 {
		c.heart = time.AfterFunc(math.MaxInt64, func() { c.guard(c.beat) })
		c.heart.Reset(o.HeartBeat) // it may fire at once, and needs itself
	}
	return c
}

// guard runs f. A panic in it ends the connection: a bug in one must not end the process.
func (c *Conn) guard(f func()) {
	defer func() {
		if r := recover(); r != nil {
			c.end(panicked(r))
		}
	}()
	f()
}

// Read waits for the next message, which belongs to the caller (see Recycle). Its error is a *CloseError, always the
// same one after the connection has ended. When ctx ends while it waits, the connection does too.
func (c *Conn) Read(ctx context.Context) ([]byte, error) {
	select {
	case <-c.done:
		c.unwatch()
		return nil, c.info
	default:
	}
	c.socket.hear() // before that, nobody listened
	c.reading.Store(true)
	defer c.reading.Store(false)
	c.watch(ctx)
	msg, err := c.readMessage()
	if err != nil {
		why := c.closeError(err)
		if why.Err != nil && c.out.finished() {
			<-c.done // Close is at work, in bounded time, and says how it ended
		}
		c.end(why)
		c.unwatch()
		return nil, c.info
	}
	return msg, nil
}

// watch is a context whose end ends the connection while someone is in Read with it.
type watch struct {
	done <-chan struct{}
	stop func() bool
}

// watch watches ctx from now on. A reader has the same context again and again, which costs nothing.
func (c *Conn) watch(ctx context.Context) {
	done := ctx.Done()
	w := c.watched.Load()
	if w == nil || w.done != done {
		c.unwatch()
		w = &watch{done: done}
		w.stop = context.AfterFunc(ctx, func() {
			if c.reading.Load() && c.watched.Load() == w {
				c.givenUp(ctx)
			}
		})
		c.watched.Store(w)
	}
	select {
	case <-done: // perhaps when nobody was in Read
		c.givenUp(ctx)
	default:
	}
}

// unwatch forgets the context.
func (c *Conn) unwatch() {
	if w := c.watched.Swap(nil); w != nil {
		w.stop()
	}
}

func (c *Conn) givenUp(ctx context.Context) { c.end(&CloseError{CloseAbnormal, "given up", ctx.Err()}) }

// readMessage is the next message. It is read into a buffer for one as long as the last long one, which most of those
// fit without a copy; a small one does not stay there.
func (c *Conn) readMessage() ([]byte, error) {
	_, r, err := c.ws.Reader(context.Background())
	if err != nil {
		return nil, err
	}
	msg := newBuffer(max(c.large, 1))
	for {
		n, err := r.Read(msg[len(msg):cap(msg)])
		msg = msg[:len(msg)+n]
		switch {
		case errors.Is(err, io.EOF):
			return c.settle(msg), nil
		case err != nil:
			Recycle(msg)
			return nil, err
		case len(msg) == cap(msg):
			msg = move(msg, classOf(cap(msg)+1))
		}
	}
}

// settle is a complete message in a buffer that it may keep.
func (c *Conn) settle(msg []byte) []byte {
	class := classOf(len(msg))
	if class == 0 {
		return move(msg, 0)
	}
	c.large = min(class, len(classes)-1)
	return msg
}

// end ends the connection at once; the first reason counts.
func (c *Conn) end(why *CloseError) {
	c.ended.Do(func() {
		c.info = why
		c.out.close()
		c.socket.kill()
		if c.heart != nil {
			c.heart.Stop()
		}
		close(c.done)
		// Gives the library's buffers back, when its reader has noticed.
		go c.guard(func() { _ = c.ws.CloseNow() })
	})
	<-c.done // so that whoever called finds c.info set
}
