package transport_test

import (
	"context"
	"errors"
	"flag"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"mod_openai_audio_stream/module/transport"
)

// patience is how long a test waits for what must happen; it is reached by failing tests alone.
const patience = 30 * time.Second

func TestMain(m *testing.M) {
	if certificate := os.Getenv(peerVariable); certificate != "" {
		if err := servePeer(certificate); err != nil {
			os.Stderr.WriteString(err.Error() + "\n")
			os.Exit(1)
		}
		return
	}
	// The machine's own proxies are not for servers on loopback; the tests of the environment set theirs.
	for _, name := range []string{"HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY"} {
		os.Unsetenv(name)
		os.Unsetenv(strings.ToLower(name))
	}
	before := runtime.NumGoroutine()
	code := m.Run()
	fuzzing := flag.Lookup("test.fuzz").Value.String() != "" // keeps goroutines of its own
	if code == 0 && !fuzzing && !eventually(func() bool { return runtime.NumGoroutine() <= before }) {
		stacks := make([]byte, 1<<20)
		os.Stderr.Write(stacks[:runtime.Stack(stacks, true)])
		os.Stderr.WriteString("goroutines are left behind\n")
		code = 1
	}
	os.Exit(code)
}

// eventually waits for a condition that nothing announces.
func eventually(condition func() bool) bool {
	deadline := time.Now().Add(patience)
	for !condition() {
		if time.Now().After(deadline) {
			return false
		}
		runtime.Gosched()
		time.Sleep(time.Millisecond)
	}
	return true
}

// patient is a context that ends a test which hangs.
func patient(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	return ctx
}

// accepting starts a server whose connections serve handles; the connection is closed when it returns.
func accepting(t *testing.T, serve func(ctx context.Context, ws *websocket.Conn)) *httptest.Server {
	t.Helper()
	return serving(t, acceptor(serve, nil))
}

// acceptor is accepting's handler.
func acceptor(serve func(ctx context.Context, ws *websocket.Conn), options *websocket.AcceptOptions) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ws, err := websocket.Accept(w, r, options)
		if err != nil {
			return
		}
		defer ws.CloseNow()
		ws.SetReadLimit(64 << 20)
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		serve(ctx, ws)
	})
}

// echo returns every message until the connection ends.
func echo(ctx context.Context, ws *websocket.Conn) {
	for {
		kind, msg, err := ws.Read(ctx)
		if err != nil || ws.Write(ctx, kind, msg) != nil {
			return
		}
	}
}

// to is how a test server is dialled.
func to(t testing.TB, s *httptest.Server) *transport.Options {
	t.Helper()
	u, err := url.Parse(strings.Replace(s.URL, "http", "ws", 1) + "/v1/realtime?model=m")
	if err != nil {
		t.Fatal(err)
	}
	return &transport.Options{URL: u}
}

// dial connects, and closes at the test's end.
func dial(t *testing.T, o *transport.Options) *transport.Conn {
	t.Helper()
	c, err := transport.Dial(patient(t), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { finish(t, c) })
	return c
}

// finish closes a connection and waits for its end.
func finish(t *testing.T, c *transport.Conn) {
	t.Helper()
	c.Close(1000, "")
	select {
	case <-c.Done():
	case <-time.After(patience):
		t.Error("the connection does not end")
	}
}

// refusal dials and returns why that failed.
func refusal(t *testing.T, o *transport.Options) *transport.DialError {
	t.Helper()
	c, err := transport.Dial(patient(t), o)
	if err == nil {
		finish(t, c)
		t.Fatal("the connection was accepted")
	}
	var failed *transport.DialError
	if !errors.As(err, &failed) {
		t.Fatalf("%T: %v", err, err)
	}
	return failed
}

// ending reads until the connection ends and returns how.
func ending(t *testing.T, c *transport.Conn) *transport.CloseError {
	t.Helper()
	for {
		_, err := c.Read(patient(t))
		if err == nil {
			continue
		}
		var closed *transport.CloseError
		if !errors.As(err, &closed) {
			t.Fatalf("%T: %v", err, err)
		}
		return closed
	}
}

// read is the next message.
func read(t *testing.T, c *transport.Conn) string {
	t.Helper()
	msg, err := c.Read(patient(t))
	if err != nil {
		t.Fatal(err)
	}
	return string(msg)
}

// pattern is n bytes, of which no two neighbourhoods are alike.
func pattern(n int) []byte {
	p := make([]byte, n)
	x := uint32(1)
	for i := range p {
		x = x*1664525 + 1013904223
		p[i] = byte(x >> 24)
	}
	return p
}
