package transport

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"github.com/coder/websocket"
)

// CloseError is how a connection ended. Code is 1006 when there was no closing frame (RFC 6455, 7.4.1).
type CloseError struct {
	Code   int
	Reason string
}

func (e *CloseError) Error() string { return fmt.Sprintf("connection closed: %d %s", e.Code, e.Reason) }

// What Send answers when it can't.
var (
	ErrClosed    = errors.New("the connection is closed")
	ErrQueueFull = errors.New("the server does not take what is sent")
)

const (
	// queueMost bounds what waits for a server that does not read: ten seconds of 48 kHz stereo as base64, and room.
	queueMost = 4 << 20
	// writeTimeout ends a connection whose peer takes nothing.
	writeTimeout = 15 * time.Second
	// flushTimeout is how long Close waits for what is queued to go out.
	flushTimeout = time.Second
)

// Conn is a connection to a server. Send and Close may be called from any goroutine, Read from one at a time.
type Conn struct {
	ws       *websocket.Conn
	ctx      context.Context // ends with the connection
	cancel   context.CancelFunc
	lastRead atomic.Int64 // unix ns

	mu      sync.Mutex // Protects following.
	queue   [][]byte
	queued  int // bytes
	closing bool
	err     error
	more    chan struct{} // capacity 1: the writer has something to look at
	drained chan struct{} // closed by the writer when it has ended
}

func newConn(ws *websocket.Conn, heartBeat time.Duration) *Conn {
	c := &Conn{ws: ws, more: make(chan struct{}, 1), drained: make(chan struct{})}
	c.ctx, c.cancel = context.WithCancel(context.Background())
	c.lastRead.Store(time.Now().UnixNano())
	go c.write() // ends with ctx, or when closing and the queue is empty
	if heartBeat > 0 {
		go c.beat(heartBeat) // ends with ctx
	}
	return c
}

// Send queues a text message, which belongs to the connection from then on. It never waits. It fails with ErrQueueFull
// when the server has not taken queueMost bytes, which also ends the connection, or with ErrClosed.
func (c *Conn) Send(msg []byte) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closing || c.err != nil {
		return ErrClosed
	}
	if c.queued+len(msg) > queueMost {
		c.failLocked(&CloseError{1006, ErrQueueFull.Error()})
		return ErrQueueFull
	}
	c.queue = append(c.queue, msg)
	c.queued += len(msg)
	select {
	case c.more <- struct{}{}:
	default:
	}
	return nil
}

// Read waits for the next text message. Binary ones are skipped: the protocol has none. Its error is a *CloseError when
// the connection has ended, or that of ctx.
func (c *Conn) Read(ctx context.Context) ([]byte, error) {
	for {
		kind, msg, err := c.ws.Read(ctx)
		if err != nil {
			return nil, c.readError(ctx, err)
		}
		c.lastRead.Store(time.Now().UnixNano())
		if kind == websocket.MessageText {
			return msg, nil
		}
	}
}

func (c *Conn) readError(ctx context.Context, err error) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	var closed websocket.CloseError
	switch {
	case errors.As(err, &closed):
		c.failLocked(&CloseError{int(closed.Code), closed.Reason})
	case ctx.Err() != nil:
		c.failLocked(ctx.Err())
	case errors.Is(err, io.EOF):
		c.failLocked(&CloseError{1006, "connection lost"})
	default:
		c.failLocked(&CloseError{1006, err.Error()})
	}
	return c.err
}

// failLocked ends the connection; the first reason counts. c.mu is held.
func (c *Conn) failLocked(err error) {
	if c.err == nil {
		c.err = err
		c.cancel()
		go c.ws.CloseNow() //nolint:errcheck // ends at once; its only error is that it was closed already
	}
}

func (c *Conn) fail(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.failLocked(err)
}

// Close sends what is queued and a closing frame, and waits for the server's, all in the background and in bounded time.
func (c *Conn) Close(code int, reason string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closing || c.err != nil {
		return
	}
	c.closing = true
	select {
	case c.more <- struct{}{}:
	default:
	}
	go func() { // ends after flushTimeout and the library's handshake timeout (5 s) at most
		timer := time.NewTimer(flushTimeout)
		defer timer.Stop()
		select {
		case <-c.drained:
		case <-timer.C:
		}
		_ = c.ws.Close(websocket.StatusCode(code), reason)
		c.fail(&CloseError{code, reason})
	}()
}

func (c *Conn) write() {
	defer close(c.drained)
	for {
		c.mu.Lock()
		batch := c.queue
		c.queue, c.queued = nil, 0
		closing := c.closing
		c.mu.Unlock()
		for _, msg := range batch {
			ctx, cancel := context.WithTimeout(c.ctx, writeTimeout)
			err := c.ws.Write(ctx, websocket.MessageText, msg)
			cancel()
			if err != nil {
				c.fail(&CloseError{1006, "write: " + err.Error()})
				return
			}
		}
		if closing && len(batch) == 0 {
			return
		}
		if len(batch) > 0 {
			continue
		}
		select {
		case <-c.more:
		case <-c.ctx.Done():
			return
		}
	}
}

// beat pings a silent server, and ends the connection when it stays silent.
func (c *Conn) beat(interval time.Duration) {
	timer := time.NewTimer(interval)
	defer timer.Stop()
	for {
		select {
		case <-timer.C:
		case <-c.ctx.Done():
			return
		}
		idle := time.Since(time.Unix(0, c.lastRead.Load()))
		if idle < interval {
			timer.Reset(interval - idle)
			continue
		}
		ctx, cancel := context.WithTimeout(c.ctx, interval)
		err := c.ws.Ping(ctx)
		cancel()
		if err != nil {
			c.fail(&CloseError{1006, "no answer to a ping"})
			return
		}
		c.lastRead.Store(time.Now().UnixNano())
		timer.Reset(interval)
	}
}
