package server

import (
	"container/heap"
	"crypto/tls"
	"fmt"
	"net"
	"runtime"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"mod_openai_audio_stream/test/bench/machine"
)

// loop reads and writes all connections on one thread that looks for what there is to do every few milliseconds: to be woken
// for each message takes far more processor time than to read it. When a message came is the kernel's to say.
type loop struct {
	answer bool
	clock  machine.Clock
	epoll  int

	mu    sync.Mutex // Protects following, and the connections in them.
	calls map[string]*Journal
	conns map[int32]*connection
	due   schedule
}

// schedule is a heap of the connections that answer, by when they do something next.
type schedule []*connection

func (s schedule) Len() int           { return len(s) }
func (s schedule) Less(i, j int) bool { return s[i].due.Before(s[j].due) }
func (s schedule) Swap(i, j int)      { s[i], s[j] = s[j], s[i] }
func (s *schedule) Push(c any)        { *s = append(*s, c.(*connection)) }
func (s *schedule) Pop() any {
	old := *s
	c := old[len(old)-1]
	*s = old[:len(old)-1]
	return c
}

func newLoop(answer bool) (*loop, error) {
	clock, err := machine.NewClock()
	if err != nil {
		return nil, err
	}
	epoll, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	return &loop{answer: answer, clock: clock, epoll: epoll, calls: map[string]*Journal{}, conns: map[int32]*connection{}}, err
}

// listen takes sessions until the process ends and returns their URL.
func (l *loop) listen(secure bool) (string, error) {
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	scheme, config := "ws", (*tls.Config)(nil)
	if secure {
		scheme = "wss"
		if config, err = selfSigned(); err != nil {
			return "", err
		}
	}
	go func() { // ends with the process
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go l.open(conn.(*net.TCPConn), config) // ends with the handshakes
		}
	}()
	return fmt.Sprintf("%s://%s/v1/realtime?model=bench&call=", scheme, listener.Addr()), nil
}

// open makes a session of a connection and hands it to the loop.
func (l *loop) open(conn *net.TCPConn, config *tls.Config) {
	c, err := accept(conn, config)
	if err != nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.conns[int32(c.fd)] = c
	if l.answer {
		c.begin()
		heap.Push(&l.due, c)
	}
	event := unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(c.fd)}
	if err := unix.EpollCtl(l.epoll, unix.EPOLL_CTL_ADD, c.fd, &event); err != nil {
		l.close(c)
	}
}

// close forgets a connection. With mu held.
func (l *loop) close(c *connection) {
	if !c.closed {
		c.closed = true
		delete(l.conns, int32(c.fd))
		_ = unix.Close(c.fd)
	}
}

// lookEvery is the time between two looks.
const lookEvery = 4 * time.Millisecond

// run does not return.
func (l *loop) run() {
	runtime.LockOSThread()
	events := make([]unix.EpollEvent, 4096)
	for {
		sleep := unix.NsecToTimespec(int64(lookEvery))
		_ = unix.Nanosleep(&sleep, nil) // on this thread; time.Sleep would have another one wake it
		n, err := unix.EpollWait(l.epoll, events, 0)
		if err != nil && err != unix.EINTR {
			panic(err)
		}
		l.mu.Lock()
		for _, event := range events[:max(n, 0)] {
			if c := l.conns[event.Fd]; c != nil && c.read(l) != nil {
				l.close(c)
			}
		}
		for now := time.Now(); len(l.due) > 0; {
			c := l.due[0]
			if c.due.After(now) && !c.closed {
				break
			}
			if c.closed || c.step(l) != nil {
				l.close(c)
				heap.Pop(&l.due)
				continue
			}
			heap.Fix(&l.due, 0)
		}
		l.mu.Unlock()
	}
}

func (l *loop) journal(call string) *Journal {
	j := l.calls[call]
	if j == nil {
		j = &Journal{}
		l.calls[call] = j
	}
	return j
}

func (l *loop) take() map[string]*Journal {
	l.mu.Lock()
	defer l.mu.Unlock()
	taken := l.calls
	l.calls = map[string]*Journal{}
	return taken
}
