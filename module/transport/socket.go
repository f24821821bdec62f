package transport

import (
	"net"
	"sync/atomic"
	"time"
)

// socket is the TCP connection under everything else, with what the library above it can't see: when the peer was last
// heard, and how long a write may go without progress. Unlike the TLS connection above it, kill never waits.
type socket struct {
	net.Conn
	writeTimeout time.Duration
	born         time.Time
	heard        atomic.Int64 // ns after born, when bytes last came
}

func newSocket(conn net.Conn, writeTimeout time.Duration) *socket {
	return &socket{Conn: conn, writeTimeout: writeTimeout, born: time.Now()}
}

func (s *socket) Read(p []byte) (int, error) {
	n, err := s.Conn.Read(p)
	if n > 0 {
		s.hear()
	}
	return n, err
}

// Write bounds each piece, a TLS record or a buffer of 4 KB, not a message: a long one on a slow line makes progress.
func (s *socket) Write(p []byte) (int, error) {
	if err := s.SetWriteDeadline(time.Now().Add(s.writeTimeout)); err != nil {
		return 0, err
	}
	return s.Conn.Write(p)
}

// hear notes a sign of life.
func (s *socket) hear() { s.heard.Store(int64(time.Since(s.born))) }

// silent is how long nothing has been heard.
func (s *socket) silent() time.Duration { return time.Since(s.born) - time.Duration(s.heard.Load()) }

// kill closes the connection at once, and makes reads and writes under way fail. It may be called any number of times.
func (s *socket) kill() { _ = s.Close() } // an error means that it was closed before
