package transport

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"runtime/debug"
	"unicode/utf8"

	"github.com/coder/websocket"
)

// Close codes of RFC 6455, 7.4.1: those that the package gives itself, or that mean something to who uses it.
const (
	CloseNormal   = 1000
	CloseNoCode   = 1005 // the closing frame had no code; never sent
	CloseAbnormal = 1006 // no closing frame came; never sent
	CloseTooBig   = 1009
)

// CloseError is how a connection ended.
type CloseError struct {
	// Code is that of the server's closing frame; CloseNoCode if it had none, CloseAbnormal if no frame came, and the
	// code given to Close if that ended the connection.
	Code int
	// Reason is the server's, without keys that it may echo, or what happened.
	Reason string
	// Err is the cause where there was no closing frame. It may be nil.
	Err error
}

func (e *CloseError) Error() string {
	if e.Reason == "" {
		return fmt.Sprintf("connection closed: %d", e.Code)
	}
	return fmt.Sprintf("connection closed: %d %s", e.Code, e.Reason)
}

// Unwrap is the cause, if there is one.
func (e *CloseError) Unwrap() error { return e.Err }

// closeError sorts what the library says of the end.
func (c *Conn) closeError(err error) *CloseError {
	var closed websocket.CloseError
	var own *CloseError
	switch {
	case errors.As(err, &own):
		return own
	case errors.As(err, &closed):
		return &CloseError{Code: int(closed.Code), Reason: c.masker.Text(oneLine(closed.Reason))}
	case errors.Is(err, websocket.ErrMessageTooBig):
		return &CloseError{CloseTooBig, fmt.Sprintf("a message of more than %d bytes", c.options.ReadLimit), err}
	case errors.Is(err, ErrQueueFull):
		return queueFull()
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return &CloseError{CloseAbnormal, "connection lost", err}
	}
	var op *net.OpError
	if errors.As(err, &op) {
		return &CloseError{CloseAbnormal, op.Error(), err} // without the library's words around it
	}
	return &CloseError{CloseAbnormal, c.masker.Text(oneLine(err.Error())), err}
}

// queueFull is the end of a connection whose server does not read.
func queueFull() *CloseError { return &CloseError{CloseAbnormal, ErrQueueFull.Error(), ErrQueueFull} }

// panicked is the end of a connection by a bug.
func panicked(r any) *CloseError {
	return &CloseError{CloseAbnormal, "internal error", fmt.Errorf("%v\n%s", r, debug.Stack())}
}

// Close ends the connection in good order and returns at once: what is queued is sent, then a closing frame, then the
// server's is waited for, CloseTimeout at most for all of it. A code that can't be sent becomes CloseNormal, and a reason is cut
// after 123 bytes. Read may be called on until it fails, and need not be. A second Close does nothing.
func (c *Conn) Close(code int, reason string) {
	if !sendable(code) {
		code = CloseNormal
	}
	const maxReason = 123 // what a control frame holds beside the code
	for len(reason) > maxReason {
		_, size := utf8.DecodeLastRuneInString(reason)
		reason = reason[:len(reason)-size]
	}
	o := &c.out
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.closed || o.finishing {
		return
	}
	o.finishing, o.code, o.reason = true, code, reason
	o.limit(c, c.options.CloseTimeout, &CloseError{code, "closed without an answer", context.DeadlineExceeded})
	if !c.socket.busy() { // otherwise its goroutine looks here when it has sent what waits
		c.leave()
	}
}

// leave has the closing frame sent, once. c.out.mu is held.
func (c *Conn) leave() {
	if !c.out.leaving {
		c.out.leaving = true
		code, reason := c.out.code, c.out.reason
		go c.guard(func() { c.goodbye(code, reason) }) // ends with the connection
	}
}

// sendable reports whether a closing frame may have the code (RFC 6455, 7.4).
func sendable(code int) bool {
	switch code {
	case 1004, CloseNoCode, CloseAbnormal, 1015: // reserved
		return false
	}
	return code >= 1000 && code <= 1014 || code >= 3000 && code <= 4999
}

// goodbye sends the closing frame and waits for the server's, if the connection still lives. The library bounds each of
// the two by five seconds; CloseTimeout kills the socket under it before that.
func (c *Conn) goodbye(code int, reason string) {
	_ = c.ws.Close(websocket.StatusCode(code), reason) // whatever it says, the connection has ended
	c.end(&CloseError{Code: code, Reason: reason})
}
