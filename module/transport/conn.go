package transport

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"runtime/debug"
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
	socket *socket
	masker *secret.Masker
	// options are not changed after Dial.
	options *Options

	reading atomic.Bool // someone is in Read, so that silence is the server's
	heart   *time.Timer // calls beat; nil if there is no heart beat
	done    chan struct{}
	ended   sync.Once
	info    *CloseError // set before done is closed

	queue queue
}

// newConn starts the goroutine of a connection, the writer, which ends with it, and the heart beat if there is one.
func newConn(ws *websocket.Conn, s *socket, m *secret.Masker, o *Options) *Conn {
	c := &Conn{ws: ws, socket: s, masker: m, options: o, done: make(chan struct{})}
	c.queue.init(o.SendQueue)
	s.hear()
	go c.guard(c.write)
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
			c.end(&CloseError{CloseAbnormal, "internal error", fmt.Errorf("%v\n%s", r, debug.Stack())})
		}
	}()
	f()
}

// Send queues a text message and never waits. The message belongs to the connection from then on. It fails with
// ErrClosed when the connection has ended or Close was called, and with ErrQueueFull when SendQueue bytes are
// waiting already: the server is not reading, and the connection ends.
func (c *Conn) Send(msg []byte) error {
	err := c.queue.put(msg)
	if errors.Is(err, ErrQueueFull) {
		c.end(&CloseError{CloseAbnormal, ErrQueueFull.Error(), ErrQueueFull})
	}
	return err
}

// buffers are for messages from the server. What is in the pool has length 0.
var buffers = sync.Pool{New: func() any { return new([]byte) }}

// maxBuffer is the size up to which a buffer is kept for reuse: a second of PCM16 as base64, with room to spare.
const maxBuffer = 128 << 10

// Recycle lets later messages reuse the memory of one that Read returned. Nothing may refer to that message afterwards.
// Calling it is optional.
func Recycle(msg []byte) {
	if cap(msg) == 0 || cap(msg) > maxBuffer {
		return
	}
	msg = msg[:0]
	buffers.Put(&msg)
}

// Read waits for the next message, which belongs to the caller (see Recycle). Its error is a *CloseError, always the
// same one after the connection has ended. When ctx ends while it waits, the connection does too.
func (c *Conn) Read(ctx context.Context) ([]byte, error) {
	select {
	case <-c.done:
		return nil, c.info
	default:
	}
	stop := context.AfterFunc(ctx, func() { c.end(&CloseError{CloseAbnormal, "given up", ctx.Err()}) })
	defer stop()
	c.socket.hear() // before that, nobody listened
	c.reading.Store(true)
	defer c.reading.Store(false)
	for {
		kind, r, err := c.ws.Reader(context.Background())
		var msg []byte
		if err == nil {
			msg, err = readMessage(r)
		}
		if err != nil {
			why := c.closeError(err)
			if why.Err != nil && c.queue.finished() {
				<-c.done // Close is at work, in bounded time, and says how it ended
			}
			c.end(why)
			return nil, c.info
		}
		if kind != websocket.MessageBinary || c.options.OnBinary == nil {
			return msg, nil
		}
		c.options.OnBinary(msg)
		Recycle(msg)
	}
}

// readMessage is io.ReadAll into a buffer of the pool.
func readMessage(r io.Reader) ([]byte, error) {
	msg := *buffers.Get().(*[]byte)
	for {
		if len(msg) == cap(msg) {
			// Four times as much at once: a delta is some 25 KB, and append alone gets there in many steps.
			grown := make([]byte, len(msg), max(4*cap(msg), 4<<10))
			copy(grown, msg)
			msg = grown
		}
		n, err := r.Read(msg[len(msg):cap(msg)])
		msg = msg[:len(msg)+n]
		if errors.Is(err, io.EOF) {
			return msg, nil
		}
		if err != nil {
			Recycle(msg)
			return nil, err
		}
	}
}

// end ends the connection at once; the first reason counts.
func (c *Conn) end(why *CloseError) {
	c.ended.Do(func() {
		c.info = why
		c.queue.close()
		c.socket.kill()
		if c.heart != nil {
			c.heart.Stop()
		}
		close(c.done)
	})
	<-c.done // so that whoever called finds c.info set
}
