package transport_test

import (
	"bufio"
	"crypto/sha1"
	"encoding/base64"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"

	"golang.org/x/sys/unix"
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
	s := raw(t, func(rw *bufio.ReadWriter, r *http.Request) {
		_, _ = rw.WriteString(accepted(r))
		_ = rw.Flush()
		<-over
	})
	t.Cleanup(func() { close(over) }) // before the server stops, which waits for it
	return s
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

// accepted is the answer that accepts the upgrade.
func accepted(r *http.Request) string {
	sum := sha1.Sum([]byte(r.Header.Get("Sec-WebSocket-Key") + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	return "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: " +
		base64.StdEncoding.EncodeToString(sum[:]) + "\r\n\r\n"
}

// raw is a server that answers requests by hand; the connection is closed when answer returns.
func raw(t *testing.T, answer func(rw *bufio.ReadWriter, r *http.Request)) *httptest.Server {
	t.Helper()
	return serving(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		conn, rw, err := w.(http.Hijacker).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer conn.Close()
		answer(rw, r)
		_ = rw.Flush()
	}))
}

// gone is a server that has been stopped: nobody listens at its address.
func gone(t *testing.T) *httptest.Server {
	t.Helper()
	// The port stays taken, bound without listening: another test's server could be found there otherwise.
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Close(fd) })
	if err := unix.Bind(fd, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		t.Fatal(err)
	}
	name, err := unix.Getsockname(fd)
	if err != nil {
		t.Fatal(err)
	}
	address := &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: name.(*unix.SockaddrInet4).Port}
	return &httptest.Server{URL: "http://" + address.String(), Listener: unlistening{addr: address}}
}

// unlistening is a listener in name only.
type unlistening struct {
	net.Listener
	addr net.Addr
}

func (u unlistening) Addr() net.Addr { return u.addr }

// listening accepts TCP connections and never answers; accepted is called for each.
func listening(t *testing.T, accepted func(net.Conn)) *url.URL {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	all.Go(func() { // ends when the listener is closed
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			accepted(conn)
			t.Cleanup(func() { conn.Close() })
		}
	})
	t.Cleanup(func() {
		l.Close()
		all.Wait()
	})
	return &url.URL{Scheme: "ws", Host: l.Addr().String(), Path: "/"}
}

// silent is listening for those who don't want to know.
func silent(t *testing.T) *url.URL {
	t.Helper()
	return listening(t, func(net.Conn) {})
}
