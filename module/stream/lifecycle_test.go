package stream

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"mod_openai_audio_stream/module/command"
	"mod_openai_audio_stream/module/hostlog"
	"mod_openai_audio_stream/module/realtime/realtimetest"
	"mod_openai_audio_stream/module/transport"
)

// fakeHost is FreeSWITCH with one channel, "call".
type fakeHost struct {
	fakeActions
	rings     *fakeRings
	variables map[string]string
	attach    error

	mu      sync.Mutex // Protects following; fakeActions has one of its own.
	events  []string   // subclass and body
	logged  []string
	quieter int // by so much less than debug is logged
}

func (h *fakeHost) Log(level int, _, text string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.logged = append(h.logged, fmt.Sprintf("%d %s", level, text))
}

func (h *fakeHost) LogLevel(string) int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return hostlog.LevelDebug - h.quieter
}

func (h *fakeHost) Event(subclass, uuid string, body []byte) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if uuid != "call" {
		subclass = "of another channel: " + subclass
	}
	h.events = append(h.events, subclass+" "+string(body))
}

func (h *fakeHost) Variable(_, name string) string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.variables[name]
}

func (h *fakeHost) SetVariable(uuid, name, value string) error {
	h.mu.Lock()
	if h.variables == nil {
		h.variables = map[string]string{}
	}
	h.variables[name] = value
	h.mu.Unlock()
	return h.fakeActions.SetVariable(uuid, name, value)
}

func (h *fakeHost) Exists(string) bool                        { return !h.rings.closed }
func (h *fakeHost) Answer(string) error                       { return nil }
func (h *fakeHost) Attach(string, command.Mix) (Rings, error) { return h.rings, h.attach }

// of is the bodies of the events with this subclass.
func (h *fakeHost) of(subclass string) (bodies []string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, e := range h.events {
		if name, body, _ := strings.Cut(e, " "); name == subclass {
			bodies = append(bodies, body)
		}
	}
	return bodies
}

// fakeConn is a connection whose server is the test.
type fakeConn struct {
	incoming chan []byte
	end      chan struct{}
	once     sync.Once

	mu   sync.Mutex // Protects following.
	sent []string
	info *transport.CloseError
	boom bool // Send panics
}

func newFakeConn() *fakeConn {
	return &fakeConn{incoming: make(chan []byte, 100), end: make(chan struct{})}
}

func (c *fakeConn) Send(msg []byte) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.boom {
		panic("a bug")
	}
	c.sent = append(c.sent, string(msg))
	return nil
}

func (c *fakeConn) Read(ctx context.Context) ([]byte, error) {
	select {
	case msg := <-c.incoming:
		return msg, nil
	case <-ctx.Done():
		return nil, &transport.CloseError{Code: 1006, Reason: "given up"}
	case <-c.end:
		c.mu.Lock()
		defer c.mu.Unlock()
		return nil, c.info
	}
}

func (c *fakeConn) Close(code int, reason string) { c.closed(code, reason) }

// closed ends the connection, from either side; the first one counts.
func (c *fakeConn) closed(code int, reason string) {
	c.once.Do(func() {
		c.mu.Lock()
		c.info = &transport.CloseError{Code: code, Reason: reason}
		c.mu.Unlock()
		close(c.end)
	})
}

func (c *fakeConn) says(text string) { c.incoming <- []byte(text) }

// types are the types of what the stream sent.
func (c *fakeConn) types() (types []string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, msg := range c.sent {
		var e struct{ Type string }
		_ = json.Unmarshal([]byte(msg), &e)
		types = append(types, e.Type)
	}
	return types
}

const created = `{"type":"session.created","session":{"id":"s"}}`

// call is a stream in a bubble: a manager, its host, and a server's answers to the attempts to connect.
type call struct {
	*testing.T
	*Manager
	host  *fakeHost
	conns []*fakeConn // in the order of the attempts
	times []time.Duration
	begun time.Time
}

// newCall makes a call whose n-th attempt to connect ends as answers[n] says: with an error, or connected if that is nil
// or there is none.
func newCall(t *testing.T, variables map[string]string, answers ...error) *call {
	c := &call{T: t, host: &fakeHost{rings: newFakeRings(8000), variables: variables}, begun: time.Now()}
	mu := &c.host.rings.mu
	c.Manager = NewManager(c.host, func(ctx context.Context, _ *transport.Options) (Conn, error) {
		mu.Lock()
		n := len(c.conns)
		conn := newFakeConn()
		c.conns = append(c.conns, conn)
		c.times = append(c.times, time.Since(c.begun))
		mu.Unlock()
		if n < len(answers) && answers[n] != nil {
			if errors.Is(answers[n], errHold) {
				<-ctx.Done()
				return nil, ctx.Err()
			}
			return nil, answers[n]
		}
		return conn, nil
	}, "")
	return c
}

// errHold is an attempt that never ends by itself.
var errHold = errors.New("hold")

// configure makes these the <param> elements of the configuration.
func (c *call) configure(params string) {
	c.Helper()
	if err := configure(c.Manager, params); err != nil {
		c.Fatal(err)
	}
}

func configure(m *Manager, params string) error {
	return m.Configure([]byte(`<configuration name="openai_audio_stream.conf"><settings>` + params + `</settings></configuration>`))
}

func (c *call) start() {
	c.Helper()
	if reply := c.Command("call start ws://h/ mono 24k"); reply != "+OK stream started" {
		c.Fatal(reply)
	}
	synctest.Wait()
}

// open starts and connects.
func (c *call) open() *fakeConn {
	c.Helper()
	c.start()
	conn := c.conns[len(c.conns)-1]
	conn.says(created)
	synctest.Wait()
	return conn
}

func (c *call) hangUp() {
	c.host.rings.closed = true // before the bell, which the stream waits for
	c.host.rings.ringBell()
	synctest.Wait()
}

// wantEnd demands how the stream ended, "" for a hang-up, that it let everything go, and its events: how many of each,
// with the one of its end as the last.
func (c *call) wantEnd(reason string, events map[string]int) {
	c.Helper()
	c.Close(time.Second)
	synctest.Wait()
	s := c.host.rings
	if s.reason != reason || s.detached != 1 || s.released != 1 {
		c.Errorf("ended with %q (%s), detached %d times, released %d times, want %q and once each", s.reason, s.errorText,
			s.detached, s.released, reason)
	}
	for _, subclass := range []string{"connect", "disconnect", "error", "reconnect"} {
		if got := c.host.of(subclass); len(got) != events[subclass] {
			c.Errorf("%d %s events, want %d: %q", len(got), subclass, events[subclass], got)
		}
	}
	end := fmt.Sprintf(`{"reason":%q,"error":%q}`, reason, s.errorText)
	if got := c.host.of("end"); !slices.Equal(got, []string{end}) || c.host.events[len(c.host.events)-1] != "end "+end {
		c.Errorf("end events %q, want %q alone and as the last of %q", got, end, c.host.events)
	}
	for _, conn := range c.conns {
		select {
		case <-conn.end:
		default:
			if slices.ContainsFunc(conn.types(), func(string) bool { return true }) {
				c.Error("a connection was left open")
			}
		}
	}
}

func refusal(status int) error {
	return &transport.DialError{Stage: transport.StageHTTP, HTTPStatus: status, Err: fmt.Errorf("HTTP %d", status)}
}

// Each way that a stream begins and ends, with its events: a start ends in a connect or an error, a connect is followed
// by exactly one disconnect.
func TestLifecycle(t *testing.T) {
	for name, test := range map[string]struct {
		variables map[string]string
		answers   []error
		run       func(*call)
		reason    string
		events    map[string]int
	}{
		"stop": {
			run: func(c *call) {
				c.open()
				if reply := c.Command("call stop eyJ0eXBlIjoiYnllIn0="); reply != "+OK stream stopped" {
					c.Error(reply)
				}
				if types := c.conns[0].types(); !slices.Equal(types, []string{"bye"}) {
					c.Errorf("sent %q", types)
				}
			},
			reason: "stop", events: map[string]int{"connect": 1, "disconnect": 1},
		},
		"stop while dialling": {
			answers: []error{errHold}, run: func(c *call) { c.start(); c.Command("call stop") }, reason: "stop",
		},
		"stop while opening": {run: func(c *call) { c.start(); c.Command("call stop") }, reason: "stop"},
		"stop while waiting": {
			answers: []error{refusal(503)}, run: func(c *call) { c.start(); c.Command("call stop") }, reason: "stop",
			events: map[string]int{"error": 1},
		},
		"hang-up":                {run: func(c *call) { c.open(); c.hangUp() }, reason: "hangup", events: map[string]int{"connect": 1, "disconnect": 1}},
		"hang-up while dialling": {answers: []error{errHold}, run: func(c *call) { c.start(); c.hangUp() }, reason: "hangup"},
		"hang-up while opening":  {run: func(c *call) { c.start(); c.hangUp() }, reason: "hangup"},
		"unload":                 {run: func(c *call) { c.open() }, reason: "unload", events: map[string]int{"connect": 1, "disconnect": 1}},
		"unload while dialling":  {answers: []error{errHold}, run: func(c *call) { c.start() }, reason: "unload"},
		"the server closes": {
			run: func(c *call) { c.open().closed(1000, "done"); synctest.Wait() }, reason: "server_closed",
			events: map[string]int{"connect": 1, "disconnect": 1},
		},
		"refused for good":  {answers: []error{refusal(401)}, run: (*call).start, reason: "error", events: map[string]int{"error": 1}},
		"not found":         {answers: []error{refusal(404)}, run: (*call).start, reason: "error", events: map[string]int{"error": 1}},
		"a bad request":     {answers: []error{refusal(400)}, run: (*call).start, reason: "error", events: map[string]int{"error": 1}},
		"no second attempt": {variables: map[string]string{"STREAM_NO_RECONNECT": "true"}, answers: []error{refusal(503)}, run: (*call).start, reason: "error", events: map[string]int{"error": 1}},
		"refused and taken": {
			answers: []error{refusal(503), refusal(403), refusal(429), nil},
			run: func(c *call) {
				c.start()
				time.Sleep(10 * time.Second)
				synctest.Wait()
				c.conns[3].says(created)
				synctest.Wait()
				c.Command("call stop")
			},
			reason: "stop", events: map[string]int{"error": 3, "connect": 1, "disconnect": 1},
		},
		"a wrong key, as OpenAI says it": {
			run: func(c *call) {
				c.start()
				c.conns[0].says(`{"type":"error","error":{"type":"invalid_request_error","code":"invalid_api_key","message":"Incorrect API key"}}`)
				c.conns[0].closed(3000, "invalid_request_error.invalid_api_key")
				synctest.Wait()
			},
			reason: "error", events: map[string]int{"error": 1},
		},
		"a close code that is final": {
			run: func(c *call) { c.open().closed(4000, ""); synctest.Wait() }, reason: "error",
			events: map[string]int{"connect": 1, "disconnect": 1, "error": 1},
		},
		"quota used up in mid-call": {
			run: func(c *call) {
				conn := c.open()
				conn.says(`{"type":"error","error":{"code":"insufficient_quota","message":"no money"}}`)
				conn.closed(1000, "")
				synctest.Wait()
			},
			reason: "error", events: map[string]int{"connect": 1, "disconnect": 1, "error": 1},
		},
		"an error that means nothing": {
			run: func(c *call) {
				c.open().says(`{"type":"error","error":{"code":"response_cancel_not_active","message":"x"}}`)
				synctest.Wait()
				c.Command("call stop")
			},
			reason: "stop", events: map[string]int{"connect": 1, "disconnect": 1},
		},
		"lost and found": {
			run: func(c *call) {
				c.open().closed(1006, "")
				time.Sleep(10 * time.Second)
				synctest.Wait()
				c.conns[1].says(created)
				synctest.Wait()
				c.Command("call stop")
			},
			reason: "stop", events: map[string]int{"connect": 2, "disconnect": 2, "error": 1, "reconnect": 1},
		},
		"lost, and not to be found": {
			variables: map[string]string{"STREAM_NO_RECONNECT": "1"},
			run:       func(c *call) { c.open().closed(1011, ""); synctest.Wait() },
			reason:    "error", events: map[string]int{"connect": 1, "disconnect": 1, "error": 1},
		},
		"a server that says nothing at first": {
			run: func(c *call) {
				c.start()
				time.Sleep(openWait)
				synctest.Wait()
				c.Command("call stop")
			},
			reason: "stop", events: map[string]int{"connect": 1, "disconnect": 1},
		},
		"a server without session.created": {
			run: func(c *call) {
				c.start()
				c.conns[0].says(`{"type":"rate_limits.updated"}`)
				synctest.Wait()
				c.Command("call stop")
			},
			reason: "stop", events: map[string]int{"connect": 1, "disconnect": 1},
		},
		"a limit of time": {
			variables: map[string]string{"STREAM_MAX_DURATION": "30"},
			run:       func(c *call) { c.open(); time.Sleep(31 * time.Second); synctest.Wait() },
			reason:    "max_duration", events: map[string]int{"connect": 1, "disconnect": 1},
		},
		"a server that speaks another format": {
			run: func(c *call) {
				c.start()
				c.conns[0].says(`{"type":"session.created","session":{"input_audio_format":"g711_ulaw","output_audio_format":"pcm16"}}`)
				synctest.Wait()
			},
			reason: "error", events: map[string]int{"connect": 1, "disconnect": 1, "error": 1},
		},
		"session.update refused": {
			variables: map[string]string{"STREAM_VOICE": "marin"},
			run: func(c *call) {
				c.open().says(`{"type":"error","error":{"code":"invalid_value","message":"no such voice","event_id":"oas_session_update"}}`)
				synctest.Wait()
			},
			reason: "error", events: map[string]int{"connect": 1, "disconnect": 1, "error": 1},
		},
		"a bug": {
			run: func(c *call) {
				conn := c.open()
				conn.mu.Lock()
				conn.boom = true
				conn.mu.Unlock()
				c.Command("call send_json eyJ0eXBlIjoieCJ9")
				synctest.Wait()
			},
			reason: "internal_error", events: map[string]int{"connect": 1, "disconnect": 1, "error": 1},
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := newCall(t, test.variables, test.answers...)
				test.run(c)
				c.wantEnd(test.reason, test.events)
			})
		})
	}
}

// Attempts wait longer and longer, within the bounds, and come to an end.
func TestAttemptsRunOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCall(t, nil, slices.Repeat([]error{refusal(503)}, 100)...)
		c.configure(`<param name="backoff-attempts" value="5"/>`)
		c.start()
		time.Sleep(time.Minute)
		synctest.Wait()
		c.wantEnd("error", map[string]int{"error": 6})
		if len(c.times) != 6 {
			t.Errorf("%d attempts, want 6: %v", len(c.times), c.times)
		}
		var last errorMessage
		_ = json.Unmarshal([]byte(c.host.of("error")[5]), &struct{ Message *errorMessage }{&last})
		if last.WaitTime != 0 || last.HTTPStatus != 503 || last.Retries != 5 {
			t.Errorf("the last error event says %+v", last)
		}
	})
}

// Retry-After is honoured.
func TestRetryAfter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slow := &transport.DialError{Stage: transport.StageHTTP, HTTPStatus: 429, RetryAfter: 20 * time.Second, Err: errors.New("slow down")}
		c := newCall(t, nil, slow)
		c.start()
		time.Sleep(time.Minute)
		synctest.Wait()
		if len(c.times) != 2 || c.times[1] < 20*time.Second {
			t.Errorf("attempts at %v, want the second after 20 s", c.times)
		}
		c.Command("call stop")
		c.wantEnd("stop", map[string]int{"connect": 1, "disconnect": 1, "error": 1})
	})
}

// Commands on a channel without a stream, and a second start, are answered and change nothing.
func TestCommandsOutOfPlace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCall(t, nil)
		for _, args := range []string{"stop", "pause", "send_json e30=", "status", "interrupt"} {
			if reply := c.Command("call " + args); !strings.HasPrefix(reply, `-ERR channel "call": no stream`) {
				t.Errorf("%s: %s", args, reply)
			}
		}
		c.start()
		if reply := c.Command("call send_json e30="); !strings.HasPrefix(reply, "-ERR the stream is not connected yet") {
			t.Error(reply)
		}
		if reply := c.Command("call start ws://h/"); !strings.HasPrefix(reply, "-ERR channel has a stream already") {
			t.Error(reply)
		}
		c.Command("call stop")
		c.wantEnd("stop", nil)
		if reply := c.Command("call start ws://h/"); !strings.HasPrefix(reply, "-ERR the module is being unloaded") {
			t.Error(reply)
		}
	})
}

// Nothing that a server says stops the stream, or the process.
func TestHostileServer(t *testing.T) {
	for _, m := range realtimetest.Hostile() {
		t.Run(m.Name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := newCall(t, nil)
				conn := c.open()
				conn.incoming <- m.Data
				conn.says(`{"type":"input_audio_buffer.speech_started"}`)
				synctest.Wait()
				if reply := c.Command("call status"); !strings.HasPrefix(reply, "+OK {") {
					t.Error(reply)
				}
				c.Command("call stop")
				c.wantEnd("stop", map[string]int{"connect": 1, "disconnect": 1})
			})
		})
	}
}
