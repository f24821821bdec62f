package realtimetest_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/tidwall/gjson"

	"mod_openai_audio_stream/module/realtime"
	"mod_openai_audio_stream/module/realtime/realtimetest"
)

func TestRefuse(t *testing.T) {
	srv := realtimetest.New(t, realtimetest.Config{Misbehave: realtimetest.Refuse(2, 429, "3")})
	for range 2 {
		_, response, err := websocket.Dial(t.Context(), srv.URL(), nil)
		if err == nil || response == nil || response.StatusCode != 429 || response.Header.Get("Retry-After") != "3" {
			t.Fatalf("response %+v, error %v", response, err)
		}
	}
	dial(t, srv, nil).until("session.created")
	var statuses []int
	for _, a := range srv.Attempts() {
		statuses = append(statuses, a.Status)
	}
	if len(statuses) != 3 || statuses[0] != 429 || statuses[1] != 429 || statuses[2] != http.StatusSwitchingProtocols {
		t.Errorf("attempts: %v", statuses)
	}
}

func TestHold(t *testing.T) {
	release := make(chan struct{})
	srv := realtimetest.New(t, realtimetest.Config{Misbehave: realtimetest.Always(realtimetest.Misbehaviour{Hold: release})})
	// One client gives up.
	ctx, cancel := context.WithCancel(t.Context())
	failed := make(chan error, 1)
	go func() { // ends when the dial does, which cancel sees to
		_, _, err := websocket.Dial(ctx, srv.URL(), nil)
		failed <- err
	}()
	wait, stop := context.WithTimeout(t.Context(), patience)
	defer stop()
	if err := srv.Wait(wait, func() bool { return len(srv.Attempts()) == 1 }); err != nil {
		t.Fatal(err)
	}
	cancel()
	if err := <-failed; !errors.Is(err, context.Canceled) {
		t.Errorf("a dial that was given up: %v", err)
	}
	close(release)
	dial(t, srv, nil).until("session.created")
}

func TestKeys(t *testing.T) {
	const key = "sk-test-0123456789abcdef"
	header := func(name, value string) *websocket.DialOptions {
		return &websocket.DialOptions{HTTPHeader: http.Header{name: {value}}}
	}
	for _, test := range []struct {
		name    string
		options *websocket.DialOptions
		code    string
		close   int
		reason  string
	}{
		{"bearer", header("Authorization", "Bearer "+key), "", 0, ""},
		{"api-key", header("api-key", key), "", 0, ""},
		{"wrong", header("Authorization", "Bearer "+key+"0"), "invalid_api_key", 3000, "invalid_request_error.invalid_api_key"},
		{"none", nil, "", 3000, "invalid_request_error"},
		{"beta", header("OpenAI-Beta", "realtime=v1"), "beta_api_shape_disabled", 4000, "invalid_request_error.beta_api_shape_disabled"},
	} {
		t.Run(test.name, func(t *testing.T) {
			srv := realtimetest.New(t, realtimetest.Config{Key: key})
			c := dial(t, srv, test.options)
			if test.close == 0 {
				c.until("session.created")
				return
			}
			e := c.next()
			if e.Get("type").Str != "error" || e.Get("error.code").Str != test.code {
				t.Errorf("first event: %s", e.Raw)
			}
			if code, reason := c.closed(); code != test.close || reason != test.reason {
				t.Errorf("closed with %d %q", code, reason)
			}
			s, err := srv.Session(c.ctx, 0)
			if err != nil {
				t.Fatal(err)
			}
			if end, err := s.WaitEnd(c.ctx); err != nil || end.Code != test.close {
				t.Errorf("recorded end: %+v, %v", end, err)
			}
		})
	}
	srv := realtimetest.New(t, realtimetest.Config{Strict: true})
	c := dial(t, srv, nil)
	c.until("session.created")
	conn, _, err := websocket.Dial(t.Context(), strings.Split(srv.URL(), "?")[0], nil) //nolint:bodyclose // the connection has it
	if err != nil {
		t.Fatal(err)
	}
	defer conn.CloseNow() //nolint:errcheck // a test's end
	c.conn = conn
	c.error("missing_model", "model")
}

// Ways in which a connection ends or goes quiet, and what the client sees.
func TestConnectionEnds(t *testing.T) {
	const delta = "response.output_audio.delta"
	for _, test := range []struct {
		name string
		step realtimetest.Step
		code int // -1: no closing frame
	}{
		{"drop in mid-answer", realtimetest.AfterSending(delta, 3, realtimetest.Drop), -1},
		{"reset in mid-answer", realtimetest.AfterSending(delta, 3, realtimetest.Reset), -1},
		{"close in mid-answer", realtimetest.AfterSending(delta, 3, realtimetest.CloseWith(1011, "keepalive ping timeout")), 1011},
		{"close after a client's event", realtimetest.AfterReceiving("response.create", 1, realtimetest.CloseWith(1013, "again")), 1013},
		{"drop after a time", realtimetest.After(time.Millisecond, realtimetest.Drop), -1},
		{"a frame of no WebSocket", realtimetest.AfterSending(delta, 3, realtimetest.SendBytes([]byte{0xff, 0x7f, 0, 0})), -1},
	} {
		t.Run(test.name, func(t *testing.T) {
			c, _, s := open(t, realtimetest.Config{Answer: realtimetest.Tone(440, time.Minute), Speed: 60,
				Misbehave: realtimetest.Always(realtimetest.Misbehaviour{Steps: []realtimetest.Step{test.step}})})
			_ = c.conn.Write(c.ctx, websocket.MessageText, realtime.ResponseCreate()) // too late for one of them
			if code, _ := c.closed(); code != test.code {
				t.Errorf("closed with %d", code)
			}
			if _, err := s.WaitEnd(c.ctx); err != nil {
				t.Error(err)
			}
		})
	}
}

// session.created that does not come, a server that says nothing, and one that hears nothing.
func TestQuietServers(t *testing.T) {
	t.Run("no session.created", func(t *testing.T) {
		srv := realtimetest.New(t, realtimetest.Config{Misbehave: realtimetest.Always(realtimetest.Misbehaviour{NoCreated: true})})
		c := dial(t, srv, nil)
		c.send(inputClear)
		if e := c.next(); e.Get("type").Str != "input_audio_buffer.cleared" {
			t.Errorf("first event: %s", e.Raw)
		}
	})
	t.Run("silent", func(t *testing.T) {
		srv := realtimetest.New(t, realtimetest.Config{Misbehave: realtimetest.Always(realtimetest.Misbehaviour{Silent: true})})
		c := dial(t, srv, nil)
		c.send(realtime.ResponseCreate())
		c.send(inputClear)
		s, err := srv.Session(c.ctx, 0)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.WaitReceived(c.ctx, "input_audio_buffer.clear", 1); err != nil {
			t.Fatal(err)
		}
		if len(s.Sent("")) != 0 {
			t.Errorf("it said %v", s.Sent(""))
		}
	})
	t.Run("pings unanswered", func(t *testing.T) {
		srv := realtimetest.New(t, realtimetest.Config{Misbehave: func(attempt int) *realtimetest.Misbehaviour {
			return &realtimetest.Misbehaviour{IgnorePings: attempt == 0}
		}})
		for attempt, answered := range []bool{false, true} {
			c := dial(t, srv, nil)
			c.until("session.created")
			pongs := make(chan error, 1)
			ctx, cancel := context.WithCancel(c.ctx)
			go func() { pongs <- c.conn.Ping(ctx) }() // ends with ctx
			go func() { _, _, _ = c.conn.Read(ctx) }()
			s, err := srv.Session(c.ctx, attempt)
			if err != nil {
				t.Fatal(err)
			}
			if answered {
				if err := <-pongs; err != nil {
					t.Error(err)
				}
			} else {
				// The ping went out before this message, which the server has: no pong will come.
				c.send(inputClear)
				if _, err := s.WaitReceived(c.ctx, "input_audio_buffer.clear", 1); err != nil {
					t.Fatal(err)
				}
				select {
				case err := <-pongs:
					t.Errorf("the ping was answered: %v", err)
				default:
				}
			}
			cancel()
		}
	})
	t.Run("frozen and thawed", func(t *testing.T) {
		c, _, s := open(t, realtimetest.Config{})
		s.Freeze()
		c.send(inputClear)
		s.Thaw()
		c.until("input_audio_buffer.cleared")
		s.Freeze()
		s.CloseTCP() // also while frozen
		if _, err := s.WaitEnd(c.ctx); err != nil {
			t.Error(err)
		}
	})
}

// A session.update that is not acknowledged takes effect, and so does one that is after an error about something else.
func TestUpdates(t *testing.T) {
	const off = `{"type":"session.update","event_id":"mine","session":{"type":"realtime","audio":{"input":{"turn_detection":null}}}}`
	t.Run("no session.updated", func(t *testing.T) {
		c, _, s := open(t, realtimetest.Config{Misbehave: realtimetest.Always(realtimetest.Misbehaviour{NoUpdated: true})})
		c.sendf(off)
		c.say(caller(24000, 0, time.Second, time.Second), 24000)
		c.send(inputClear)
		c.until("input_audio_buffer.cleared")
		if n := len(s.Sent("")); n != 2 {
			t.Errorf("it said %d events: %v", n, c.seen)
		}
	})
	t.Run("stray error", func(t *testing.T) {
		c, _, _ := open(t, realtimetest.Config{Misbehave: realtimetest.Always(realtimetest.Misbehaviour{StrayError: "rate_limit_exceeded"})})
		c.sendf(off)
		e := c.next()
		if id := e.Get("error.event_id"); e.Get("error.code").Str != "rate_limit_exceeded" || id.Type != gjson.Null {
			t.Errorf("first answer: %s", e.Raw)
		}
		if d := c.until("session.updated").Get("session.audio.input.turn_detection"); d.Type != gjson.Null {
			t.Errorf("turn detection %s", d.Raw)
		}
	})
}

// The first creates are refused by errors that do not say what they are about; the next one is answered.
func TestRefusedCreates(t *testing.T) {
	c, _, _ := open(t, realtimetest.Config{Misbehave: realtimetest.Always(realtimetest.Misbehaviour{RefuseCreates: 2})})
	for range 2 {
		c.send(realtime.WithEventID(realtime.ResponseCreate(), "mine"))
		if e := c.next(); e.Get("error.code").Str != "server_error" || e.Get("error.event_id").Type != gjson.Null {
			t.Errorf("answer: %s", e.Raw)
		}
	}
	c.send(realtime.ResponseCreate())
	c.until("response.done")
}

// A response that is mute is begun, and nothing more is said of it until it is cancelled; the next one is as ever.
func TestMute(t *testing.T) {
	c, _, _ := open(t, realtimetest.Config{Misbehave: realtimetest.Always(realtimetest.Misbehaviour{Mute: 1})})
	c.send(realtime.ResponseCreate())
	id := c.next().Get("response.id").Str
	c.send(realtime.ResponseCancel(id))
	if e := c.next(); e.Get("type").Str != "response.done" || e.Get("response.id").Str != id || e.Get("response.status").Str != "cancelled" {
		t.Errorf("after the cancellation: %s", e.Raw)
	}
	c.send(realtime.ResponseCreate())
	c.until("response.output_audio.delta")
}

// A server may call an error fatal and leave the connection open.
func TestFatalErrorWithoutClose(t *testing.T) {
	c, _, _ := open(t, realtimetest.Config{Misbehave: realtimetest.Always(realtimetest.Misbehaviour{Steps: []realtimetest.Step{
		realtimetest.AfterSending("session.created", 1, realtimetest.SendError("insufficient_quota", "You exceeded your quota"))}})})
	c.error("insufficient_quota", "quota")
	c.send(realtime.ResponseCreate())
	c.until("response.done")
}

// A closing frame right behind a burst of audio: all of it comes first.
func TestCloseAfterBurst(t *testing.T) {
	c, _, s := open(t, realtimetest.Config{Answer: realtimetest.Tone(440, 20*time.Second),
		Misbehave: realtimetest.Always(realtimetest.Misbehaviour{Steps: []realtimetest.Step{
			realtimetest.AfterSending("response.output_audio.done", 1, realtimetest.CloseWith(1000, "bye"))}})})
	c.send(realtime.ResponseCreate())
	c.until("response.output_audio.done")
	if code, reason := c.closed(); code != 1000 || reason != "bye" {
		t.Errorf("closed with %d %q", code, reason)
	}
	deltas := 0
	for _, typ := range c.seen {
		if typ == "response.output_audio.delta" {
			deltas++
		}
	}
	if deltas != 100 {
		t.Errorf("%d deltas of 200 ms came of 20 s", deltas)
	}
	if end, err := s.WaitEnd(c.ctx); err != nil || end.Code != 1000 {
		t.Errorf("recorded end: %+v, %v", end, err)
	}
}

// Everything hostile goes through the module's parser unharmed, and the session survives sending it.
func TestHostile(t *testing.T) {
	var steps []realtimetest.Step
	for _, h := range realtimetest.Hostile() {
		steps = append(steps, realtimetest.AfterSending("session.created", 1, h.Send))
	}
	c, _, s := open(t, realtimetest.Config{Misbehave: realtimetest.Always(realtimetest.Misbehaviour{Steps: steps})})
	for _, h := range realtimetest.Hostile() {
		typ, msg, err := c.conn.Read(c.ctx)
		if err != nil {
			t.Fatalf("%s: %v", h.Name, err)
		}
		if (typ == websocket.MessageBinary) != h.Binary || !bytes.Equal(msg, h.Data) {
			t.Errorf("%s: %d bytes came, %d were sent", h.Name, len(msg), len(h.Data))
		}
		if e, err := realtime.Parse(msg); err == nil {
			_, _ = realtime.DecodeAudio(nil, e.Delta)
			realtime.FormatsOf(e.Session)
		}
		_ = realtime.Redact(msg, 1000)
	}
	c.send(inputClear)
	c.until("input_audio_buffer.cleared")
	if n := len(s.Sent(realtimetest.Injected)); n != len(steps) {
		t.Errorf("%d of %d are recorded", n, len(steps))
	}
}

// Edit, Send, Fragment and SendError reach into what the server says.
func TestEdit(t *testing.T) {
	c, _, s := open(t, realtimetest.Config{Misbehave: realtimetest.Always(realtimetest.Misbehaviour{
		Fragment: 7,
		Edit: func(typ string, event []byte) []byte {
			switch typ {
			case "conversation.item.added":
				return nil
			case "input_audio_buffer.cleared":
				return bytes.Replace(event, []byte(`"event_0`), []byte(`"other_0`), 1)
			}
			return event
		},
	})})
	c.send(realtime.UserText("x"))
	c.until("conversation.item.done")
	c.send(inputClear)
	if id := c.until("input_audio_buffer.cleared").Get("event_id").Str; !strings.HasPrefix(id, "other_") {
		t.Errorf("event id %s", id)
	}
	s.Send(`{"type":"input_audio_buffer.dtmf_event_received","event":"5"}`)
	c.until("input_audio_buffer.dtmf_event_received")
	s.Do(realtimetest.SendError("rate_limit_exceeded", "slow down"))
	c.error("rate_limit_exceeded", "slow down")
	if strings.Contains(strings.Join(c.seen, " "), "item.added") {
		t.Error("an event that Edit dropped came")
	}
	if e, err := s.WaitSent(c.ctx, "input_audio_buffer.dtmf_event_received", 1); err != nil || e.Get("event").Str != "5" {
		t.Errorf("recorded %+v, %v", e, err)
	}
}

func TestExpiry(t *testing.T) {
	srv := realtimetest.New(t, realtimetest.Config{SessionLife: time.Second})
	c := dial(t, srv, nil)
	expires := realtime.ExpiresAt([]byte(c.until("session.created").Get("session").Raw))
	if left := time.Until(expires); left > time.Second {
		t.Errorf("expires in %v", left)
	}
	c.error("session_expired", "maximum duration")
	if code, _ := c.closed(); code != 1001 {
		t.Errorf("closed with %d", code)
	}
}

func TestPings(t *testing.T) {
	srv := realtimetest.New(t, realtimetest.Config{PingEvery: time.Millisecond})
	pinged := make(chan struct{}, 1)
	c := dial(t, srv, &websocket.DialOptions{OnPingReceived: func(context.Context, []byte) bool {
		select {
		case pinged <- struct{}{}:
		default:
		}
		return true
	}})
	ctx, cancel := context.WithCancel(c.ctx)
	defer cancel()
	go func() { // ends with ctx
		for {
			if _, _, err := c.conn.Read(ctx); err != nil {
				return
			}
		}
	}()
	select {
	case <-pinged:
	case <-c.ctx.Done():
		t.Error("no ping came")
	}
}

// A server that is killed in mid-answer and started again on its port.
func TestRestart(t *testing.T) {
	cfg := realtimetest.Config{Answer: realtimetest.Tone(440, time.Minute), Speed: 1}
	srv, err := realtimetest.Start(cfg)
	if err != nil {
		t.Fatal(err)
	}
	c := dial(t, srv, nil)
	c.send(realtime.ResponseCreate())
	c.until("response.output_audio.delta")
	srv.Kill()
	if code, _ := c.closed(); code != -1 {
		t.Errorf("closed with %d", code)
	}
	cfg.Addr = srv.Addr()
	again := realtimetest.New(t, cfg)
	if again.URL() != srv.URL() {
		t.Errorf("%s became %s", srv.URL(), again.URL())
	}
	c = dial(t, again, nil)
	c.until("session.created")
	finished := make(chan struct{})
	go func() { // ends with the server
		again.Close()
		close(finished)
	}()
	if code, reason := c.closed(); code != 1001 || reason != "going away" {
		t.Errorf("closed with %d %q", code, reason)
	}
	<-finished
	srv.Kill() // once more does no harm
}

func TestTLSAndDeflate(t *testing.T) {
	cert := httptest.NewUnstartedServer(nil)
	cert.StartTLS()
	defer cert.Close()
	srv := realtimetest.New(t, realtimetest.Config{TLS: &tls.Config{Certificates: cert.TLS.Certificates}, Deflate: true})
	c := dial(t, srv, &websocket.DialOptions{HTTPClient: cert.Client(), CompressionMode: websocket.CompressionContextTakeover})
	c.until("session.created")
	c.send(realtime.ResponseCreate())
	c.until("rate_limits.updated")
	s, err := srv.Session(c.ctx, 0)
	if err != nil {
		t.Fatal(err)
	}
	s.CloseTCP()
	if code, _ := c.closed(); code != -1 {
		t.Errorf("closed with %d", code)
	}
}

// What is written down: both sides in order, headers, binary and broken messages, and NoRecord.
func TestRecord(t *testing.T) {
	var seen atomic.Int64
	c, _, s := open(t, realtimetest.Config{InputRate: 8000, OnEvent: func(*realtimetest.Session, realtimetest.Event) { seen.Add(1) }})
	if err := c.conn.Write(c.ctx, websocket.MessageBinary, []byte{1, 2}); err != nil {
		t.Fatal(err)
	}
	c.error("invalid_event", "Binary")
	c.say(make([]int16, 160), 8000)
	c.send(inputClear)
	c.until("input_audio_buffer.cleared")
	events := s.Events()
	if len(events) != 6 || int(seen.Load()) != 6 {
		t.Fatalf("%d events: %+v", len(events), events)
	}
	if e := events[3]; !e.Client || e.Type != "input_audio_buffer.append" || e.AudioBytes != 320 || e.Raw != nil || e.Time.IsZero() {
		t.Errorf("the append: %+v", e)
	}
	if !json.Valid(events[0].Raw) || events[0].Client || events[0].Get("session.id").Str != s.ID {
		t.Errorf("the first: %+v", events[0])
	}
	if s.URL.Query().Get("model") == "" || s.Header.Get("Sec-Websocket-Key") == "" || s.Opened.IsZero() {
		t.Errorf("upgrade: %v %v", s.URL, s.Header)
	}
	if err := c.conn.Close(1000, "bye"); err != nil {
		t.Error(err)
	}
	if end, err := s.WaitEnd(c.ctx); err != nil || end != (realtimetest.Closing{Code: 1000, Reason: "bye"}) {
		t.Errorf("end: %+v, %v", end, err)
	}

	c, _, s = open(t, realtimetest.Config{NoRecord: true})
	c.send(realtime.AppendInputAudio(nil, make([]byte, 960)))
	if err := s.WaitAudio(c.ctx, 960); err != nil {
		t.Fatal(err)
	}
	if _, err := s.WaitSent(c.ctx, "session.created", 1); err != nil {
		t.Fatal(err)
	}
	if len(s.Events()) != 0 || len(s.Audio()) != 0 {
		t.Error("something was recorded")
	}
}

// Waiting ends with its context, and a server leaves nothing running.
func TestWaitAndLeaks(t *testing.T) {
	srv, err := realtimetest.Start(realtimetest.Config{})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := srv.Session(ctx, 0); !errors.Is(err, context.Canceled) {
		t.Errorf("waiting for a session: %v", err)
	}
	conn, _, err := websocket.Dial(t.Context(), srv.URL(), nil) //nolint:bodyclose // the connection has it
	if err != nil {
		t.Fatal(err)
	}
	s, err := srv.Session(t.Context(), 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.WaitSent(ctx, "response.done", 1); !errors.Is(err, context.Canceled) {
		t.Errorf("waiting for an event: %v", err)
	}
	srv.Kill()
	_ = conn.CloseNow()
	if _, ended := s.Ended(); !ended {
		t.Error("a session outlives its server")
	}
	// A goroutine that has done its last deed may still be returning.
	buf := make([]byte, 1<<20)
	stacks := ""
	for end := time.Now().Add(patience); time.Now().Before(end); runtime.Gosched() {
		stacks = string(buf[:runtime.Stack(buf, true)])
		if !strings.Contains(stacks, "realtimetest.(*S") {
			return
		}
	}
	t.Errorf("goroutines are left:\n%s", stacks)
}
