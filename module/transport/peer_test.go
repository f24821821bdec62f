package transport_test

import (
	"bufio"
	"crypto/sha1"
	"encoding/base64"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
)

// serving starts a server and stops it at the test's end.
func serving(t testing.TB, h http.Handler) *httptest.Server {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s
}

// mute is a server that accepts the upgrade and never reads nor says anything again.
func mute(t *testing.T) *httptest.Server {
	t.Helper()
	over := make(chan struct{})
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		conn, rw, err := w.(http.Hijacker).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer conn.Close()
		switching(rw, r)
		<-over
	}))
	t.Cleanup(func() {
		close(over)
		s.Close()
	})
	return s
}

// switching accepts the upgrade by hand.
func switching(rw *bufio.ReadWriter, r *http.Request) {
	sum := sha1.Sum([]byte(r.Header.Get("Sec-WebSocket-Key") + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	fmt.Fprintf(rw, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"+
		"Sec-WebSocket-Accept: %s\r\n\r\n", base64.StdEncoding.EncodeToString(sum[:]))
	rw.Flush()
}

// tapped is a server with a count of the bytes that it has read.
func tapped(t *testing.T, h http.Handler) (s *httptest.Server, wire func() int64) {
	t.Helper()
	var n atomic.Int64
	s = httptest.NewUnstartedServer(h)
	s.Listener = tap{s.Listener, &n}
	s.Start()
	t.Cleanup(s.Close)
	return s, n.Load
}

type tap struct {
	net.Listener
	n *atomic.Int64
}

func (l tap) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	return tappedConn{conn, l.n}, err
}

type tappedConn struct {
	net.Conn
	n *atomic.Int64
}

func (c tappedConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.n.Add(int64(n))
	return n, err
}
