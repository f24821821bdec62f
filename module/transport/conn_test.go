package transport_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"

	"mod_openai_audio_stream/module/transport"
)

func TestMessagesArriveWholeAndInOrder(t *testing.T) {
	t.Parallel()
	c := dial(t, to(t, accepting(t, echo)))
	const n = 200
	for i := range n {
		if err := c.Send(fmt.Appendf(nil, "message %d %s", i, strings.Repeat("x", i*37))); err != nil {
			t.Fatal(err)
		}
	}
	for i := range n {
		if got, want := read(t, c), fmt.Sprintf("message %d %s", i, strings.Repeat("x", i*37)); got != want {
			t.Fatalf("message %d: got %.40q, want %.40q", i, got, want)
		}
	}
}

func TestFramesAreText(t *testing.T) {
	t.Parallel()
	kinds := make(chan websocket.MessageType, 1)
	c := dial(t, to(t, accepting(t, func(ctx context.Context, ws *websocket.Conn) {
		kind, _, _ := ws.Read(ctx)
		kinds <- kind
	})))
	if err := c.Send([]byte("{}")); err != nil {
		t.Fatal(err)
	}
	if kind := <-kinds; kind != websocket.MessageText {
		t.Errorf("got %v", kind)
	}
	ending(t, c)
}

func TestAMessageOf15MBGoesBothWays(t *testing.T) {
	t.Parallel()
	for name, disable := range map[string]bool{"deflate": false, "plain": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := to(t, accepting(t, echo))
			o.DisableDeflate = disable
			c := dial(t, o)
			want := bytes.Repeat([]byte("0123456789abcdef"), 15<<20/16)
			if err := c.Send(bytes.Clone(want)); err != nil {
				t.Fatal(err)
			}
			got, err := c.Read(patient(t))
			if err != nil || !bytes.Equal(got, want) {
				t.Fatalf("got %d bytes, %v", len(got), err)
			}
		})
	}
}

func TestAMessageBeyondTheLimitEndsTheConnection(t *testing.T) {
	t.Parallel()
	codes := make(chan websocket.StatusCode, 1)
	o := to(t, accepting(t, func(ctx context.Context, ws *websocket.Conn) {
		_ = ws.Write(ctx, websocket.MessageText, make([]byte, 1001))
		_, _, err := ws.Read(ctx)
		codes <- websocket.CloseStatus(err)
	}))
	o.ReadLimit = 1000
	c := dial(t, o)
	if closed := ending(t, c); closed.Code != 1009 {
		t.Errorf("got %v", closed)
	}
	if code := <-codes; code != websocket.StatusMessageTooBig {
		t.Errorf("the server was told %v", code)
	}
}

func TestACompressedMessageIsBoundedAsWhatItUnpacksTo(t *testing.T) {
	t.Parallel()
	s := serving(t, acceptor(func(ctx context.Context, ws *websocket.Conn) {
		_ = ws.Write(ctx, websocket.MessageText, make([]byte, 1<<20)) // a KB on the wire
		_, _, _ = ws.Read(ctx)
	}, &websocket.AcceptOptions{CompressionMode: websocket.CompressionContextTakeover}))
	o := to(t, s)
	o.ReadLimit = 100 << 10
	if closed := ending(t, dial(t, o)); closed.Code != 1009 {
		t.Errorf("got %v", closed)
	}
}

func TestBinaryMessagesAreReadLikeText(t *testing.T) {
	t.Parallel()
	c := dial(t, to(t, accepting(t, func(ctx context.Context, ws *websocket.Conn) {
		_ = ws.Write(ctx, websocket.MessageBinary, []byte("binary"))
		_ = ws.Write(ctx, websocket.MessageText, []byte("text"))
		_, _, _ = ws.Read(ctx)
	})))
	if got := read(t, c) + " " + read(t, c); got != "binary text" {
		t.Errorf("read %q", got)
	}
}

func TestTheServersCloseIsReported(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name   string
		code   websocket.StatusCode
		reason string
		want   transport.CloseError
	}{
		{"normal", 1000, "bye", transport.CloseError{Code: 1000, Reason: "bye"}},
		{"going away", 1001, "Your session hit the maximum duration of 60 minutes.", transport.CloseError{Code: 1001, Reason: "Your session hit the maximum duration of 60 minutes."}},
		{"wrong key", 3000, "invalid_request_error.invalid_api_key", transport.CloseError{Code: 3000, Reason: "invalid_request_error.invalid_api_key"}},
		{"wrong model", 4000, "x", transport.CloseError{Code: 4000, Reason: "x"}},
		{"no status", 1005, "", transport.CloseError{Code: 1005}},
		{"key in the reason", 3000, "Incorrect API key provided: the-forged-key.", transport.CloseError{Code: 3000, Reason: "Incorrect API key provided: ***"}},
		{"our header in the reason", 3000, "not xyzzy-plugh", transport.CloseError{Code: 3000, Reason: "not ***"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			o := to(t, accepting(t, func(_ context.Context, ws *websocket.Conn) { _ = ws.Close(tc.code, tc.reason) }))
			o.Header = http.Header{"X-Token": {"xyzzy-plugh"}}
			c := dial(t, o)
			got := ending(t, c)
			if got.Code != tc.want.Code || got.Reason != tc.want.Reason {
				t.Errorf("got %+v, want %+v", got, tc.want)
			}
			if again := ending(t, c); again != got {
				t.Errorf("a second Read says %+v", again)
			}
		})
	}
}

func TestALostConnectionIs1006(t *testing.T) {
	t.Parallel()
	c := dial(t, to(t, accepting(t, func(_ context.Context, ws *websocket.Conn) { ws.CloseNow() })))
	if c := ending(t, c); c.Code != 1006 || c.Reason == "" {
		t.Errorf("got %+v", c)
	}
}

func TestTheReasonIsReadAlthoughWritingFailed(t *testing.T) {
	t.Parallel()
	// The server closes without reading, so what we send is answered by a reset, and our write may fail first.
	c := dial(t, to(t, accepting(t, func(_ context.Context, ws *websocket.Conn) { _ = ws.Close(4000, "refused") })))
	for c.Send(make([]byte, 4000)) == nil {
		if closed, over := tryRead(c); over {
			if closed.Code != 4000 {
				t.Errorf("got %v", closed)
			}
			return
		}
	}
	if closed := ending(t, c); closed.Code != 4000 {
		t.Errorf("got %v", closed)
	}
}

// tryRead reads once.
func tryRead(c *transport.Conn) (*transport.CloseError, bool) {
	_, err := c.Read(context.Background())
	var closed *transport.CloseError
	return closed, errors.As(err, &closed)
}

func TestCloseSendsWhatIsQueuedFirst(t *testing.T) {
	t.Parallel()
	type heard struct {
		messages int
		err      error
	}
	result := make(chan heard, 1)
	c := dial(t, to(t, accepting(t, func(ctx context.Context, ws *websocket.Conn) {
		var h heard
		for ; h.err == nil; h.messages++ {
			_, _, h.err = ws.Read(ctx)
		}
		result <- h
	})))
	const n = 500
	for range n {
		if err := c.Send(make([]byte, 2000)); err != nil {
			t.Fatal(err)
		}
	}
	c.Close(3001, strings.Repeat("é", 100))
	if err := c.Send([]byte("late")); !errors.Is(err, transport.ErrClosed) {
		t.Errorf("Send after Close: %v", err)
	}
	h := <-result
	var closed websocket.CloseError
	if !errors.As(h.err, &closed) || closed.Code != 3001 || closed.Reason != strings.Repeat("é", 61) || h.messages-1 != n {
		t.Errorf("the server got %d messages, then %v", h.messages-1, h.err)
	}
	<-c.Done()
	if closed := ending(t, c); closed.Code != 3001 {
		t.Errorf("the connection ended with %v", closed)
	}
}

func TestCloseWithAReaderWaiting(t *testing.T) {
	t.Parallel()
	c := dial(t, to(t, accepting(t, echo)))
	ended := make(chan *transport.CloseError, 1)
	go func() { ended <- ending(t, c) }()
	c.Close(1000, "done")
	if closed := <-ended; closed.Code != 1000 {
		t.Errorf("got %v", closed)
	}
}

func TestCloseCodesThatCannotBeSent(t *testing.T) {
	t.Parallel()
	for _, code := range []int{-1, 0, 999, 1005, 1006, 1015, 2000, 5000} {
		t.Run(fmt.Sprint(code), func(t *testing.T) {
			t.Parallel()
			codes := make(chan websocket.StatusCode, 1)
			c := dial(t, to(t, accepting(t, func(ctx context.Context, ws *websocket.Conn) {
				_, _, err := ws.Read(ctx)
				codes <- websocket.CloseStatus(err)
			})))
			c.Close(code, "")
			if got := <-codes; got != 1000 {
				t.Errorf("the server got %d", got)
			}
		})
	}
}

func TestCloseIsBoundedWhenTheServerDoesNotAnswer(t *testing.T) {
	t.Parallel()
	o := to(t, mute(t))
	o.CloseTimeout = 50 * time.Millisecond
	c := dial(t, o)
	c.Close(1000, "")
	<-c.Done()
	if info := ending(t, c); info.Code != 1000 || info.Err == nil {
		t.Errorf("got %+v", info)
	}
	c.Close(1000, "again") // does nothing
	if err := c.Send(nil); !errors.Is(err, transport.ErrClosed) {
		t.Errorf("Send: %v", err)
	}
}

func TestAPeerThatStopsReadingFillsTheQueueAndIsDead(t *testing.T) {
	t.Parallel()
	o := to(t, mute(t))
	o.SendQueue = 64 << 10
	c := dial(t, o)
	go func() { ending(t, c) }()
	var err error
	for err == nil {
		err = c.Send(make([]byte, 1000))
	}
	if !errors.Is(err, transport.ErrQueueFull) {
		t.Fatalf("Send: %v", err)
	}
	<-c.Done()
	if info := ending(t, c); info.Code != 1006 || !errors.Is(info, transport.ErrQueueFull) {
		t.Errorf("got %+v", info)
	}
	if err := c.Send([]byte("x")); !errors.Is(err, transport.ErrClosed) {
		t.Errorf("Send after the end: %v", err)
	}
}

func TestAPeerThatTakesNothingIsDeadAfterTheWriteTimeout(t *testing.T) {
	t.Parallel()
	o := to(t, mute(t))
	o.WriteTimeout = 50 * time.Millisecond
	c := dial(t, o)
	if err := c.Send(make([]byte, 32<<20)); err != nil { // more than the kernel takes
		t.Fatal(err)
	}
	<-c.Done() // without a reader
	if info := ending(t, c); info.Code != 1006 || info.Err == nil {
		t.Errorf("got %+v", info)
	}
}

func TestTheEndOfTheContextEndsReadAndConnection(t *testing.T) {
	t.Parallel()
	c := dial(t, to(t, mute(t)))
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := c.Read(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	<-c.Done()
}

func TestAContextThatEndsWhileNobodyReadsWithIt(t *testing.T) {
	t.Parallel()
	c := dial(t, to(t, accepting(t, echo)))
	for i := range 3 {
		ctx, cancel := context.WithCancel(context.Background())
		for range 2 {
			if err := c.Send([]byte("x")); err != nil {
				t.Fatal(err)
			}
			if _, err := c.Read(ctx); err != nil {
				t.Fatalf("reader %d: %v", i, err)
			}
		}
		cancel() // the next reader has another
	}
	ctx, cancel := context.WithCancel(context.Background())
	if err := c.Send([]byte("x")); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Read(ctx); err != nil {
		t.Fatal(err)
	}
	cancel()
	if _, err := c.Read(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("Read with a context that has ended: %v", err)
	}
	<-c.Done()
}

func TestTheEndOfTheContextEndsAReadThatWaits(t *testing.T) {
	t.Parallel()
	said := make(chan struct{})
	c := dial(t, to(t, accepting(t, func(ctx context.Context, ws *websocket.Conn) {
		_ = ws.Write(ctx, websocket.MessageText, []byte("first"))
		_ = ws.Write(ctx, websocket.MessageText, []byte("second"))
		close(said)
		_, _, _ = ws.Read(ctx)
	})))
	ctx, cancel := context.WithCancel(context.Background())
	for range 2 { // the second time it is known already
		if _, err := c.Read(ctx); err != nil {
			t.Fatal(err)
		}
	}
	<-said
	result := make(chan error, 1)
	go func() {
		_, err := c.Read(ctx)
		result <- err
	}()
	cancel()
	if err := <-result; !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func TestPongsLeaveBesideAudio(t *testing.T) {
	t.Parallel()
	pinged := make(chan error, 1)
	c := dial(t, to(t, accepting(t, func(ctx context.Context, ws *websocket.Conn) {
		ctx = ws.CloseRead(ctx)
		pinged <- ws.Ping(ctx)
		<-ctx.Done()
	})))
	go func() { ending(t, c) }()
	if err := <-pinged; err != nil {
		t.Errorf("no pong: %v", err)
	}
}

func TestSendAndCloseFromManyGoroutines(t *testing.T) {
	t.Parallel()
	c := dial(t, to(t, accepting(t, echo)))
	go func() { ending(t, c) }()
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			for j := range 200 {
				if c.Send([]byte("x")) != nil {
					return
				}
				if i == 7 && j == 100 {
					c.Close(1000, "")
				}
			}
		})
	}
	all.Wait()
	<-c.Done()
}

func TestRecycledBuffersHoldNoOldMessages(t *testing.T) {
	t.Parallel()
	c := dial(t, to(t, accepting(t, echo)))
	for i := range 100 {
		want := strings.Repeat(string(rune('a'+i%26)), 1+i*97%5000)
		if err := c.Send([]byte(want)); err != nil {
			t.Fatal(err)
		}
		msg, err := c.Read(patient(t))
		if err != nil || string(msg) != want {
			t.Fatalf("message %d: %v", i, err)
		}
		transport.Recycle(msg)
	}
}

func TestMessagesOfAllSizesAndTheirMemory(t *testing.T) {
	t.Parallel()
	c := dial(t, to(t, accepting(t, echo)))
	var kept [][]byte
	for i, n := range []int{
		0, 1, 125, 126, 4091, 4092, 4093, 4096, 4097, 13 << 10, 16 << 10, 16<<10 + 1, 25 << 10, 64 << 10, 64<<10 + 1, 100,
		128 << 10, 128<<10 + 1, 300 << 10, 13 << 10, 1 << 20, 5000, 1,
	} {
		want := pattern(n)
		if err := c.Send(want); err != nil {
			t.Fatal(err)
		}
		msg, err := c.Read(patient(t))
		if err != nil || !bytes.Equal(msg, want) {
			t.Fatalf("%d bytes: got %d, %v", n, len(msg), err)
		}
		if i%3 == 0 {
			transport.Recycle(msg)
		} else {
			kept = append(kept, msg)
		}
	}
	for _, msg := range kept { // nobody else was given their memory
		if !bytes.Equal(msg, pattern(len(msg))) {
			t.Errorf("a message of %d bytes has changed", len(msg))
		}
	}
}

func TestDeflate(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name    string
		disable bool
		server  websocket.CompressionMode
		offered bool
	}{
		{"negotiated", false, websocket.CompressionContextTakeover, true},
		{"without takeover", false, websocket.CompressionNoContextTakeover, true},
		{"refused", false, websocket.CompressionDisabled, true},
		{"disabled", true, websocket.CompressionContextTakeover, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			offers := make(chan string, 1)
			handler := acceptor(echo, &websocket.AcceptOptions{CompressionMode: tc.server, CompressionThreshold: 1})
			s := serving(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				offers <- r.Header.Get("Sec-WebSocket-Extensions")
				handler.ServeHTTP(w, r)
			}))
			o := to(t, s)
			o.DisableDeflate = tc.disable
			c := dial(t, o)
			if offer := <-offers; offer != "permessage-deflate" && tc.offered || offer != "" && !tc.offered {
				t.Errorf("offered %q", offer)
			}
			for range 3 {
				want := strings.Repeat(`{"type":"response.output_audio.delta"}`, 100)
				if err := c.Send([]byte(want)); err != nil {
					t.Fatal(err)
				}
				if got := read(t, c); got != want {
					t.Errorf("got %.40q", got)
				}
			}
		})
	}
}

func TestWhatIsSentIsNotCompressed(t *testing.T) {
	t.Parallel()
	s, wire := tapped(t, acceptor(echo, &websocket.AcceptOptions{CompressionMode: websocket.CompressionContextTakeover}))
	c := dial(t, to(t, s))
	msg := bytes.Repeat([]byte("A"), 1<<20)
	if err := c.Send(msg); err != nil {
		t.Fatal(err)
	}
	if got := read(t, c); len(got) != 1<<20 {
		t.Fatalf("got %d bytes", len(got))
	}
	if n := wire(); n < 1<<20 {
		t.Errorf("a message of 1 MB took %d bytes", n)
	}
}

func TestSubprotocol(t *testing.T) {
	t.Parallel()
	chosen := make(chan string, 1)
	s := serving(t, acceptor(func(_ context.Context, ws *websocket.Conn) { chosen <- ws.Subprotocol() },
		&websocket.AcceptOptions{Subprotocols: []string{"realtime"}}))
	o := to(t, s)
	o.Subprotocols = []string{"realtime", "openai-insecure-api-key.abcdef"}
	dial(t, o)
	if got := <-chosen; got != "realtime" {
		t.Errorf("the server has chosen %q of what was offered", got)
	}
}
