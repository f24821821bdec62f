package transport_test

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"mod_openai_audio_stream/module/transport"
)

// pair is a socket and the other end of it. Between them there is room for a few KB.
func pair(t *testing.T, writeTimeout time.Duration) (*transport.Socket, net.Conn) {
	t.Helper()
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	var ends [2]net.Conn
	for i, fd := range fds {
		if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_SNDBUF, 4096); err != nil {
			t.Fatal(err)
		}
		f := os.NewFile(uintptr(fd), "pair")
		if ends[i], err = net.FileConn(f); err != nil {
			t.Fatal(err)
		}
		f.Close()
	}
	s, err := transport.NewSocket(ends[0], writeTimeout)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		s.Close()
		ends[1].Close()
	})
	return s, ends[1]
}

func TestASocketThatNobodyReadsTakesAllAndLosesNothing(t *testing.T) {
	t.Parallel()
	s, other := pair(t, patience)
	want := pattern(300 << 10)
	// Nobody reads before all is written, so a Write that waits would wait for ever.
	piece := make([]byte, 7001)
	for rest := want; len(rest) > 0; {
		n := copy(piece, rest)
		if written, err := s.Write(piece[:n]); written != n || err != nil {
			t.Fatalf("wrote %d of %d: %v", written, n, err)
		}
		clear(piece) // its memory is the caller's again
		rest = rest[n:]
	}
	got := make([]byte, len(want))
	if _, err := io.ReadFull(other, got); err != nil || !bytes.Equal(got, want) {
		t.Fatalf("what arrived is not what was written: %v", err)
	}
	if !eventually(func() bool { return !s.Busy() }) {
		t.Error("the goroutine does not end although nothing waits")
	}
	// And now directly again.
	if _, err := s.Write([]byte("direct")); err != nil {
		t.Fatal(err)
	}
	if s.Busy() {
		t.Error("a goroutine for what the socket takes at once")
	}
}

func TestASocketsBacklogIsBounded(t *testing.T) {
	t.Parallel()
	s, _ := pair(t, patience)
	var err error
	taken := 0
	for ; err == nil; taken += 4096 {
		_, err = s.Write(make([]byte, 4096))
	}
	if !errors.Is(err, transport.ErrQueueFull) {
		t.Errorf("got %v", err)
	}
	if most := 2*transport.MaxBacklog + 64<<10; taken > most { // what is being written, what waits, the kernel's part
		t.Errorf("it took %d bytes", taken)
	}
	if _, again := s.Write([]byte("x")); !errors.Is(again, transport.ErrQueueFull) {
		t.Errorf("then: %v", again)
	}
}

// failing is a source that notes why its socket has ended.
type failing struct {
	socket *transport.Socket
	ended  chan error
	boom   bool
}

func (f *failing) More() bool {
	if f.boom {
		panic("a bug")
	}
	return !f.socket.Rest(f)
}

func (f *failing) Failed(err error) { f.ended <- err }

func newFailing(s *transport.Socket) *failing {
	f := &failing{socket: s, ended: make(chan error, 1)}
	s.Serve(f)
	return f
}

func TestASocketWithoutProgressFails(t *testing.T) {
	t.Parallel()
	s, _ := pair(t, time.Millisecond)
	f := newFailing(s)
	if _, err := s.Write(make([]byte, 64<<10)); err != nil {
		t.Fatal(err)
	}
	if err := <-f.ended; !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("got %v", err)
	}
	if _, err := s.Write([]byte("x")); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("then: %v", err)
	}
}

func TestASocketThatIsClosedWithABacklogFails(t *testing.T) {
	t.Parallel()
	s, _ := pair(t, patience)
	f := newFailing(s)
	if _, err := s.Write(make([]byte, 64<<10)); err != nil {
		t.Fatal(err)
	}
	s.Close()
	if err := <-f.ended; !errors.Is(err, net.ErrClosed) {
		t.Errorf("got %v", err)
	}
}

func TestASocketWhosePeerHasGoneFailsAtOnce(t *testing.T) {
	t.Parallel()
	s, other := pair(t, patience)
	other.Close()
	_, err := s.Write([]byte("x"))
	var op *net.OpError
	if !errors.Is(err, unix.EPIPE) || !errors.As(err, &op) || op.Op != "write" {
		t.Errorf("got %v", err)
	}
}

func TestABugInASourceEndsTheSocketAlone(t *testing.T) {
	t.Parallel()
	s, _ := pair(t, patience)
	f := newFailing(s)
	f.boom = true
	s.Wake()
	var closed *transport.CloseError
	if err := <-f.ended; !errors.As(err, &closed) || closed.Reason != "internal error" {
		t.Errorf("got %v", err)
	}
}
