package realtimetest_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/tidwall/gjson"

	"mod_openai_audio_stream/module/audio"
	"mod_openai_audio_stream/module/realtime"
	"mod_openai_audio_stream/module/realtime/realtimetest"
)

// patience bounds every wait of these tests; nothing takes so long unless it is broken.
const patience = 10 * time.Second

// Events that the module itself never sends.
var (
	inputCommit = []byte(`{"type":"input_audio_buffer.commit"}`)
	inputClear  = []byte(`{"type":"input_audio_buffer.clear"}`)
)

// client is a plain client of the protocol.
type client struct {
	t    *testing.T
	ctx  context.Context
	conn *websocket.Conn
	seen []string // types of the events so far
}

func dial(t *testing.T, srv *realtimetest.Server, options *websocket.DialOptions) *client {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	conn, _, err := websocket.Dial(ctx, srv.URL(), options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.CloseNow() })
	conn.SetReadLimit(64 << 20)
	return &client{t: t, ctx: ctx, conn: conn}
}

// open dials a server and waits for its first word.
func open(t *testing.T, cfg realtimetest.Config) (*client, *realtimetest.Server, *realtimetest.Session) {
	t.Helper()
	srv := realtimetest.New(t, cfg)
	c := dial(t, srv, nil)
	s, err := srv.Session(c.ctx, 0)
	if err != nil {
		t.Fatal(err)
	}
	c.until("session.created")
	return c, srv, s
}

func (c *client) send(msg []byte) {
	c.t.Helper()
	if err := c.conn.Write(c.ctx, websocket.MessageText, msg); err != nil {
		c.t.Fatal(err)
	}
}

func (c *client) sendf(format string, args ...any) {
	c.t.Helper()
	c.send(fmt.Appendf(nil, format, args...))
}

// next is the next event.
func (c *client) next() gjson.Result {
	c.t.Helper()
	_, msg, err := c.conn.Read(c.ctx)
	if err != nil {
		c.t.Fatalf("after %v: %v", c.seen, err)
	}
	if !json.Valid(msg) {
		c.t.Fatalf("no JSON: %.200q", msg)
	}
	e := gjson.ParseBytes(msg)
	c.seen = append(c.seen, e.Get("type").Str)
	return e
}

// until reads events up to one of a type.
func (c *client) until(typ string) gjson.Result {
	c.t.Helper()
	for {
		if e := c.next(); e.Get("type").Str == typ {
			return e
		}
	}
}

// say appends audio in frames of 20 ms.
func (c *client) say(pcm []int16, rateHz int) {
	c.t.Helper()
	n := rateHz / 50
	for len(pcm) > 0 {
		n := min(n, len(pcm))
		c.send(realtime.AppendInputAudio(nil, audio.AppendPCM16LE(nil, pcm[:n])))
		pcm = pcm[n:]
	}
}

// error reads up to the next error and demands its code and a part of its message.
func (c *client) error(code, message string) {
	c.t.Helper()
	e := c.until("error")
	if got := e.Get("error.code").String(); got != code {
		c.t.Errorf("error code %q, want %q: %s", got, code, e.Raw)
	}
	if got := e.Get("error.message").Str; !strings.Contains(got, message) {
		c.t.Errorf("error message %q, want one with %q", got, message)
	}
}

// closed reads up to the end and returns the close code.
func (c *client) closed() (int, string) {
	c.t.Helper()
	for {
		if _, _, err := c.conn.Read(c.ctx); err != nil {
			var end websocket.CloseError
			errors.As(err, &end)
			return int(websocket.CloseStatus(err)), end.Reason
		}
	}
}

// joined is types without repetitions in a row.
func joined(types []string) string {
	var b strings.Builder
	for i, typ := range types {
		if i > 0 && typ == types[i-1] {
			continue
		}
		b.WriteString(typ + "\n")
	}
	return b.String()
}

// caller is speech, here a tone, amid silence.
func caller(rateHz int, silence, speech, after time.Duration) []int16 {
	quiet := func(d time.Duration) []int16 { return make([]int16, int(d.Seconds()*float64(rateHz))) }
	return append(append(quiet(silence), realtimetest.Sine(300, speech, rateHz)...), quiet(after)...)
}
