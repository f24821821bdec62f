package realtimetest

import (
	"crypto/tls"
	"io"
	"log"
	"net"
	"net/http"
	"sync"
)

type connKey struct{}

// discardLog keeps net/http from writing about broken handshakes, which are what tests make.
var discardLog = log.New(io.Discard, "", 0)

// gateListener hands out connections that can be frozen and reset, and knows those that are open.
type gateListener struct {
	net.Listener

	mu    sync.Mutex // Protects following.
	conns map[*gateConn]struct{}
}

func (l *gateListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	g := &gateConn{Conn: c, listener: l, closed: make(chan struct{})}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.conns[g] = struct{}{}
	return g, nil
}

func (l *gateListener) resetAll() {
	l.mu.Lock()
	var all []*gateConn
	for c := range l.conns {
		all = append(all, c)
	}
	l.mu.Unlock()
	for _, c := range all {
		c.reset()
	}
}

// gateConn is a connection whose two directions can be stopped, as a network that drops every packet stops them.
type gateConn struct {
	net.Conn
	listener *gateListener
	once     sync.Once
	closed   chan struct{} // closed by Close

	mu     sync.Mutex    // Protects following.
	thawed chan struct{} // nil while the connection works; closed by thaw
}

// freeze stops both directions; thaw lets them go on, with nothing lost.
func (c *gateConn) freeze() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.thawed == nil {
		c.thawed = make(chan struct{})
	}
}

func (c *gateConn) thaw() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.thawed != nil {
		close(c.thawed)
		c.thawed = nil
	}
}

// pass waits until the connection is not frozen, or is closed.
func (c *gateConn) pass() error {
	c.mu.Lock()
	thawed := c.thawed
	c.mu.Unlock()
	if thawed == nil {
		return nil
	}
	select {
	case <-thawed:
		return nil
	case <-c.closed:
		return net.ErrClosed
	}
}

func (c *gateConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	// What came while the read waited is held back too.
	if e := c.pass(); e != nil {
		return 0, e
	}
	return n, err
}

func (c *gateConn) Write(b []byte) (int, error) {
	if err := c.pass(); err != nil {
		return 0, err
	}
	return c.Conn.Write(b)
}

func (c *gateConn) Close() error {
	c.once.Do(func() {
		close(c.closed)
		c.listener.mu.Lock()
		delete(c.listener.conns, c)
		c.listener.mu.Unlock()
	})
	return c.Conn.Close()
}

// reset closes with a TCP reset, so that the peer sees an error rather than an end.
func (c *gateConn) reset() {
	if tcp, ok := c.Conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = c.Close()
}

// gateOf is the connection below a request.
func gateOf(r *http.Request) *gateConn {
	c := r.Context().Value(connKey{})
	if t, ok := c.(*tls.Conn); ok {
		c = t.NetConn()
	}
	g, _ := c.(*gateConn)
	return g
}
