package transport_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/coder/websocket"
	"golang.org/x/sys/unix"

	"mod_openai_audio_stream/module/transport"
)

// eachWire runs a test with a server that has little room for what it has not read, without and with TLS.
func eachWire(t *testing.T, f func(t *testing.T, start func(h http.Handler) *transport.Options)) {
	for _, scheme := range []string{"ws", "wss"} {
		t.Run(scheme, func(t *testing.T) {
			t.Parallel()
			f(t, func(h http.Handler) *transport.Options {
				small := net.ListenConfig{Control: func(_, _ string, c syscall.RawConn) error {
					return c.Control(func(fd uintptr) {
						_ = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUF, 4096)
					})
				}}
				l, err := small.Listen(context.Background(), "tcp", "127.0.0.1:0")
				if err != nil {
					t.Fatal(err)
				}
				s := httptest.NewUnstartedServer(h)
				s.Listener.Close()
				s.Listener = l
				s.Config.ErrorLog = log.New(io.Discard, "", 0)
				if scheme == "ws" {
					s.Start()
				} else {
					s.TLS = &tls.Config{}
					s.StartTLS()
				}
				t.Cleanup(s.Close)
				o := to(t, s)
				o.TLS.CAFile = transport.CANone
				return o
			})
		})
	}
}

// gate holds a server until a test opens it.
type gate chan struct{}

func newGate(t *testing.T) gate {
	t.Helper()
	g := make(gate)
	t.Cleanup(func() {
		select {
		case <-g:
		default:
			close(g)
		}
	})
	return g
}

// fill sends messages until some of them wait, and returns how many.
func fill(t *testing.T, c *transport.Conn, message func(i int) []byte) (sent int) {
	t.Helper()
	for ; c.Queued() == 0; sent++ {
		if err := c.Send(message(sent)); err != nil {
			t.Fatal(err)
		}
	}
	return sent
}

// numbered is a message with its number, and as long as that wants it to be.
func numbered(i int) []byte {
	return fmt.Appendf(nil, "%d %s", i, strings.Repeat(string(rune('a'+i%26)), i*389%3000))
}

// beneath gives the connection under the WebSocket that a handler accepts.
type beneath struct {
	http.ResponseWriter
	conn net.Conn
}

func (b *beneath) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, rw, err := b.ResponseWriter.(http.Hijacker).Hijack()
	b.conn = conn
	return conn, rw, err
}

func TestSendDoesNotWaitForAPongThatDoes(t *testing.T) {
	t.Parallel()
	eachWire(t, func(t *testing.T, start func(h http.Handler) *transport.Options) {
		open, ping := newGate(t), newGate(t)
		var taken, ponged atomic.Int64
		result := make(chan error, 1)
		o := start(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			under := &beneath{ResponseWriter: w}
			acceptor(func(ctx context.Context, ws *websocket.Conn) {
				<-ping
				_, _ = io.WriteString(under.conn, "\x89\x00") // a ping
				_ = ws.Write(ctx, websocket.MessageText, []byte("after the ping"))
				<-open
				for ; ; taken.Add(1) {
					_, msg, err := ws.Read(ctx)
					if err != nil {
						result <- err
						return
					}
					if want := string(numbered(int(taken.Load()))); string(msg) != want {
						t.Errorf("message %d: got %.40q, want %.40q", taken.Load(), msg, want)
					}
				}
			}, &websocket.AcceptOptions{OnPongReceived: func(context.Context, []byte) { ponged.Store(taken.Load() + 1) }}).
				ServeHTTP(under, r)
		}))
		o.CloseTimeout = patience
		c := dial(t, o)
		const many = 100 << 10
		sent := 0
		send := func(until int) { // the kernel may take some more meanwhile, but not for ever
			for ; c.Queued() < until; sent++ {
				if err := c.Send(numbered(sent)); err != nil {
					t.Fatal(err)
				}
			}
		}
		send(many)
		close(ping)
		if got := read(t, c); got != "after the ping" {
			t.Errorf("got %q", got)
		}
		before := sent // the pong has been written now, to a socket that is full
		send(c.Queued() + many)
		close(open)
		c.Close(1000, "")
		if err := <-result; websocket.CloseStatus(err) != 1000 {
			t.Errorf("the server saw %v", err)
		}
		if n := int(taken.Load()); n != sent {
			t.Errorf("%d of %d messages arrived", n, sent)
		}
		if at := int(ponged.Load()) - 1; at < 0 || at > before {
			t.Errorf("the pong came after %d of %d messages", at, sent)
		}
	})
}

func TestWhatIsSentInAllWaysStaysInOrder(t *testing.T) {
	t.Parallel()
	const n = 400
	// Most are written directly while the server reads; some are too long for that, or for a frame.
	long := pattern(300 << 10)
	message := func(i int) []byte {
		switch {
		case i%97 == 96:
			return append(fmt.Appendf(nil, "%d ", i), long...)
		case i%31 == 30:
			return append(fmt.Appendf(nil, "%d ", i), long[:40<<10]...)
		}
		return numbered(i)
	}
	eachWire(t, func(t *testing.T, start func(h http.Handler) *transport.Options) {
		stop, goOn := make(chan struct{}, n), make(chan struct{}, n)
		result := make(chan error, 1)
		o := start(acceptor(func(ctx context.Context, ws *websocket.Conn) {
			for i := 0; ; i++ {
				select {
				case <-stop:
					<-goOn
				default:
				}
				_, msg, err := ws.Read(ctx)
				if err != nil {
					result <- fmt.Errorf("after %d messages: %w", i, err)
					return
				}
				if string(msg) != string(message(i)) {
					result <- fmt.Errorf("message %d: got %.40q, want %.40q", i, msg, message(i))
					return
				}
			}
		}, nil))
		o.SendQueue = 64 << 20
		o.CloseTimeout = patience
		c := dial(t, o)
		go func() { ending(t, c) }()
		memory := make([]byte, 0, 1<<20)
		for i := range n {
			if i%100 == 50 {
				stop <- struct{}{} // the server pauses somewhere
			}
			if i%100 == 90 {
				goOn <- struct{}{}
			}
			memory = append(memory[:0], message(i)...)
			if err := c.Send(memory); err != nil {
				t.Fatal(err)
			}
			clear(memory) // it is the caller's again
		}
		c.Close(1000, "")
		err := <-result
		if want := fmt.Sprintf("after %d messages", n); websocket.CloseStatus(err) != 1000 || !strings.HasPrefix(err.Error(), want) {
			t.Error(err)
		}
	})
}

func TestSendersKeepTheirOrders(t *testing.T) {
	t.Parallel()
	eachWire(t, func(t *testing.T, start func(h http.Handler) *transport.Options) {
		const senders, each = 4, 300
		result := make(chan error, 1)
		o := start(acceptor(func(ctx context.Context, ws *websocket.Conn) {
			var next [senders]int
			for {
				_, msg, err := ws.Read(ctx)
				if err != nil {
					result <- fmt.Errorf("after %v: %w", next, err)
					return
				}
				var who, number int
				_, _ = fmt.Sscanf(string(msg), "%d %d", &who, &number)
				if number != next[who] {
					result <- fmt.Errorf("sender %d: got %d, want %d", who, number, next[who])
					return
				}
				next[who]++
			}
		}, nil))
		o.CloseTimeout = patience
		c := dial(t, o)
		go func() { ending(t, c) }()
		var all sync.WaitGroup
		for who := range senders {
			all.Go(func() {
				for i := range each {
					if err := c.Send(fmt.Appendf(nil, "%d %d %s", who, i, numbered(i))); err != nil {
						t.Error(err)
						return
					}
				}
			})
		}
		all.Wait()
		c.Close(1000, "")
		err := <-result
		if want := fmt.Sprintf("after %v", [senders]int{each, each, each, each}); websocket.CloseStatus(err) != 1000 ||
			!strings.HasPrefix(err.Error(), want) {
			t.Error(err)
		}
	})
}

func TestCloseSendsTheBacklogFirst(t *testing.T) {
	t.Parallel()
	eachWire(t, func(t *testing.T, start func(h http.Handler) *transport.Options) {
		open := newGate(t)
		read := make(chan int, 1)
		o := start(acceptor(func(ctx context.Context, ws *websocket.Conn) {
			<-open
			n := 0
			for ; ; n++ {
				if _, _, err := ws.Read(ctx); err != nil {
					if websocket.CloseStatus(err) != 3002 {
						t.Errorf("the server saw %v", err)
					}
					break
				}
			}
			read <- n
		}, nil))
		o.CloseTimeout = patience
		c := dial(t, o)
		sent := fill(t, c, numbered)
		c.Close(3002, "")
		close(open)
		if n := <-read; n != sent {
			t.Errorf("%d of %d messages arrived", n, sent)
		}
		if closed := ending(t, c); closed.Code != 3002 {
			t.Errorf("got %v", closed)
		}
	})
}

func TestCloseWithABacklogIsBounded(t *testing.T) {
	t.Parallel()
	o := to(t, mute(t))
	o.CloseTimeout = 50 * time.Millisecond
	c := dial(t, o)
	fill(t, c, func(int) []byte { return make([]byte, 30<<10) })
	c.Close(1000, "")
	<-c.Done()
	if info := ending(t, c); info.Code != 1000 || !errors.Is(info, context.DeadlineExceeded) {
		t.Errorf("got %+v", info)
	}
}

func TestTheEndWithABacklogLeavesNothing(t *testing.T) {
	t.Parallel()
	c := dial(t, to(t, mute(t)))
	fill(t, c, func(int) []byte { return make([]byte, 30<<10) })
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := c.Read(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if err := c.Send([]byte("x")); !errors.Is(err, transport.ErrClosed) {
		t.Errorf("Send: %v", err)
	}
	// That no goroutine is left is checked at the end of all tests.
}

func TestTheQueuesBound(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct{ bound, length int }{
		"many messages":       {100_000, 1000},
		"one that is longer":  {10_000, 1 << 20},
		"longer, sent direct": {10_000, 30 << 10},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := to(t, mute(t))
			o.SendQueue = tc.bound
			c := dial(t, o)
			for {
				waiting := c.Queued() // it becomes less at most, until we send
				err := c.Send(make([]byte, tc.length))
				full := waiting > 0 && waiting+tc.length > tc.bound
				if err == nil {
					if now := c.Queued(); now > max(tc.bound, tc.length) {
						t.Fatalf("%d bytes wait", now)
					}
					continue
				}
				if !errors.Is(err, transport.ErrQueueFull) || !full {
					t.Errorf("with %d bytes that wait: %v", waiting, err)
				}
				break
			}
			if err := c.Send([]byte("x")); !errors.Is(err, transport.ErrClosed) {
				t.Errorf("then: %v", err)
			}
			<-c.Done()
		})
	}
}

func TestSendAllocatesNothing(t *testing.T) { // not parallel: it counts what the process allocates
	s, wire := tapped(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		conn, _, err := w.(http.Hijacker).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer conn.Close()
		_, _ = io.WriteString(conn, accepted(r))
		for p := make([]byte, 4096); err == nil; {
			_, err = conn.Read(p)
		}
	}))
	o := to(t, s)
	o.CloseTimeout = time.Millisecond // it does not answer
	c := dial(t, o)
	msg := make([]byte, 1300)
	arrived := wire()
	if n := testing.AllocsPerRun(100, func() {
		if err := c.Send(msg); err != nil {
			t.Fatal(err)
		}
		for arrived += 8 + 1300; wire() < arrived; { // so that the socket takes the next at once
			runtime.Gosched()
		}
	}); n != 0 {
		t.Errorf("%v for each message", n)
	}
}

func TestAConnectionAtRestHasNoGoroutines(t *testing.T) { // not parallel: it counts them
	const n = 20
	o := to(t, mute(t)) // one goroutine for each on its side
	o.HeartBeat = time.Hour
	o.CloseTimeout = time.Millisecond // it does not answer
	dial(t, o)
	before := runtime.NumGoroutine()
	for range n {
		dial(t, o)
	}
	if !eventually(func() bool { return runtime.NumGoroutine() <= before+n+n/2 }) {
		t.Errorf("%d goroutines for %d connections and as many of the server's", runtime.NumGoroutine()-before, n)
	}
}
