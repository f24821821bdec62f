package transport

import (
	"fmt"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// maxBacklog bounds what a socket keeps of what was written to it: a frame, and a thousand pongs.
const maxBacklog = maxFrame + 256<<10

// socket is the TCP connection under everything else, with what the library above it can't see: when the peer was last
// heard, and how long a write may go without progress. Unlike the TLS connection above it, kill never waits.
//
// Write never waits either: what the kernel does not take at once is kept, and a goroutine, which exists only while there
// is something to do for it, writes it later. So nobody above ever waits for the network with a lock of the library held.
type socket struct {
	net.Conn
	raw          syscall.RawConn
	writeTimeout time.Duration
	born         time.Time
	heard        atomic.Int64 // ns after born, when bytes last came

	mu       sync.Mutex // Protects following; never held while anybody waits.
	backlog  []byte     // in order
	flushing bool       // the goroutine exists, and nobody else may write
	err      error      // why nothing can be written any more
	source   source     // nil while dialling
	direct   attempt    // of Write
}

// source is who has more to write.
type source interface {
	// more is called by the socket's goroutine when there is no backlog. It writes something, or calls rest and returns
	// false if that has let the goroutine end.
	more() bool
	// failed is called by the socket's goroutine when it ends with an error.
	failed(err error)
}

// newSocket takes over a connection of the system's.
func newSocket(conn net.Conn, writeTimeout time.Duration) (*socket, error) {
	system, ok := conn.(syscall.Conn)
	if !ok {
		return nil, fmt.Errorf("%T is no connection of the system's", conn)
	}
	raw, err := system.SyscallConn()
	if err != nil {
		return nil, err
	}
	s := &socket{Conn: conn, raw: raw, writeTimeout: writeTimeout, born: time.Now()}
	s.direct.once = s.direct.now // made once, because it would be made on the heap
	return s, nil
}

func (s *socket) Read(p []byte) (int, error) {
	n, err := s.Conn.Read(p)
	if n > 0 {
		s.hear()
	}
	return n, err
}

// Write takes all of p or fails. An error is one for ever: what was written before may be lost.
func (s *socket) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil {
		return 0, s.err
	}
	rest := p
	if !s.flushing {
		n, err := s.attempt(&s.direct, s.direct.once, p)
		if err != nil {
			s.err = err
			return 0, err
		}
		if rest = p[n:]; len(rest) == 0 {
			return len(p), nil
		}
	}
	if len(s.backlog)+len(rest) > maxBacklog {
		s.err = ErrQueueFull
		return 0, s.err
	}
	s.backlog = append(s.backlog, rest...)
	s.start()
	return len(p), nil
}

// attempt is a system call that writes what the kernel takes.
type attempt struct {
	p    []byte
	n    int
	err  error
	once func(fd uintptr) bool
}

// now does not wait.
func (a *attempt) now(fd uintptr) bool {
	a.write(fd)
	if a.err == syscall.EAGAIN {
		a.n, a.err = 0, nil
	}
	return true
}

// some waits until there is room for something.
func (a *attempt) some(fd uintptr) bool {
	a.write(fd)
	return a.err != syscall.EAGAIN
}

func (a *attempt) write(fd uintptr) {
	for {
		if a.n, a.err = syscall.Write(int(fd), a.p); a.err != syscall.EINTR {
			return
		}
	}
}

// attempt has a write p with how, one of its methods.
func (s *socket) attempt(a *attempt, how func(fd uintptr) bool, p []byte) (int, error) {
	a.p = p
	err := s.raw.Write(how)
	a.p = nil
	switch {
	case err != nil: // closed, or out of time
		if op, ok := err.(*net.OpError); ok {
			err = op.Err
		}
	case a.err != nil:
		err = os.NewSyscallError("write", a.err)
	default:
		return a.n, nil
	}
	return 0, &net.OpError{Op: "write", Net: "tcp", Source: s.LocalAddr(), Addr: s.RemoteAddr(), Err: err}
}

// start has the goroutine run, with s.mu held.
func (s *socket) start() {
	if !s.flushing {
		s.flushing = true
		go s.flush()
	}
}

// wake has the goroutine ask the source for more.
func (s *socket) wake() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.start()
}

// busy reports whether the goroutine exists. While it does, it alone asks the source for more.
func (s *socket) busy() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.flushing
}

// rest lets the goroutine end, unless there is a backlog, or another source than the one that has nothing.
func (s *socket) rest(source source) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.backlog) > 0 && s.err == nil || s.source != source {
		return false
	}
	_ = s.SetWriteDeadline(time.Time{}) // for Write; an error means that the socket is closed
	s.flushing = false
	return true
}

// flush is the goroutine. It ends when nothing waits, and when the socket does.
func (s *socket) flush() {
	defer func() {
		if r := recover(); r != nil {
			s.fail(panicked(r))
		}
	}()
	var a attempt
	some := a.some
	for {
		p, source, err := s.takeBacklog()
		for len(p) > 0 && err == nil {
			// Each piece that goes has the whole time: a long message on a slow line makes progress.
			if err = s.SetWriteDeadline(time.Now().Add(s.writeTimeout)); err != nil {
				break
			}
			var n int
			n, err = s.attempt(&a, some, p)
			p = p[n:]
		}
		switch {
		case err != nil:
			s.fail(err)
			return
		case source == nil && s.rest(nil), source != nil && !source.more():
			return
		}
	}
}

// takeBacklog is the backlog, which is the goroutine's then.
func (s *socket) takeBacklog() ([]byte, source, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.backlog
	s.backlog = nil
	return p, s.source, s.err
}

// fail ends all writing.
func (s *socket) fail(err error) {
	s.mu.Lock()
	if s.err == nil {
		s.err = err
	}
	s.backlog = nil
	source := s.source
	s.mu.Unlock()
	if source != nil {
		source.failed(err)
	}
}

// serve sets the source.
func (s *socket) serve(source source) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.source = source
}

// hear notes a sign of life.
func (s *socket) hear() { s.heard.Store(int64(time.Since(s.born))) }

// silent is how long nothing has been heard.
func (s *socket) silent() time.Duration { return time.Since(s.born) - time.Duration(s.heard.Load()) }

// kill closes the connection at once, and makes reads and writes under way fail. It may be called any number of times.
func (s *socket) kill() { _ = s.Close() } // an error means that it was closed before
