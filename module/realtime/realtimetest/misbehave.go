package realtimetest

import (
	"bytes"
	"context"
	"strings"
	"time"

	"github.com/coder/websocket"
)

// Injected is the type under which messages of the actions SendText, SendBinary, SendError and Hostile are recorded.
const Injected = "injected"

// Misbehaviour is what goes wrong on one connection. The zero value is nothing.
type Misbehaviour struct {
	// Before the upgrade. Status, if not 0, refuses it with this HTTP status, and with RetryAfter as that header's
	// value. Hold leaves the request unanswered until it is closed.
	Status     int
	RetryAfter string
	Hold       <-chan struct{}

	// Instead of session.created. Reject says an error and closes; NoCreated says nothing, and works otherwise; Silent
	// says nothing ever.
	Reject    *Rejection
	NoCreated bool
	Silent    bool

	// After a session.update, which takes effect all the same: NoUpdated sends no session.updated. StrayError, if not "",
	// sends an error event with this code before it, one that names no event of the client's.
	NoUpdated  bool
	StrayError string
	// RefuseCreates answers the first so many response.create by an error event that does not name them.
	RefuseCreates int
	// Mute begins the first so many responses and says nothing more of them, until they are cancelled or interrupted.
	Mute int

	// IgnorePings answers no ping.
	IgnorePings bool
	// Fragment, if not 0, sends each message in frames of so many bytes.
	Fragment int
	// LateDeltas is how many deltas of an interrupted answer still come before its response.done; OpenAI has some.
	// StaleDeltas is how many come after it, which no server should send.
	LateDeltas  int
	StaleDeltas int

	// Edit may change an event before it is sent; what it returns is sent, nothing if that is nil. typ is the event's GA
	// name. It is called on the session's goroutine.
	Edit func(typ string, event []byte) []byte
	// Steps are done at their moments.
	Steps []Step
}

// Rejection refuses a client after the upgrade, as OpenAI does it.
type Rejection struct {
	Code, Message string
	Close         int // close code; its reason is invalid_request_error.<Code>
}

// Step is an Action and its moment. AfterSending, AfterReceiving and After make them.
type Step struct {
	typ    string
	client bool
	nth    int
	after  time.Duration
	do     Action
}

// AfterSending is right after the n-th event, from 1, with this GA name has been written to the socket.
func AfterSending(typ string, n int, do Action) Step { return Step{typ: typ, nth: n, do: do} }

// AfterReceiving is after the n-th event of the client's, from 1, with this name.
func AfterReceiving(typ string, n int, do Action) Step {
	return Step{typ: typ, client: true, nth: n, do: do}
}

// After is a time after the upgrade.
func After(d time.Duration, do Action) Step { return Step{after: d, do: do} }

// Action is something done to a session. It runs where the session writes, between two messages.
type Action func(*Session)

// Drop ends the TCP connection with neither a closing frame nor a reset.
func Drop(s *Session) { s.CloseTCP() }

// Reset resets the TCP connection.
func Reset(s *Session) { s.ResetTCP() }

// Freeze stops the connection in both directions, as a dead network does, until Session.Thaw.
func Freeze(s *Session) { s.Freeze() }

// CloseWith sends a closing frame.
func CloseWith(code int, reason string) Action {
	return func(s *Session) { s.closeNow(code, reason) }
}

// SendText sends a text message as it is.
func SendText(msg string) Action {
	return func(s *Session) { s.inject(websocket.MessageText, []byte(msg)) }
}

// SendBinary sends a binary message.
func SendBinary(msg []byte) Action {
	return func(s *Session) { s.inject(websocket.MessageBinary, msg) }
}

// SendBytes writes to the TCP connection, past the WebSocket, and with TLS past that as well.
func SendBytes(b []byte) Action {
	return func(s *Session) { _, _ = s.gate.Write(b) }
}

// SendError sends an error event with a code.
func SendError(code, message string) Action {
	return func(s *Session) {
		s.inject(websocket.MessageText, marshal(map[string]any{"type": "error", "event_id": "event_injected",
			"error": map[string]any{"type": "invalid_request_error", "code": code, "message": message, "param": nil, "event_id": nil}}))
	}
}

// Refuse refuses the first k upgrades with an HTTP status, for Config.Misbehave.
func Refuse(k, status int, retryAfter string) func(attempt int) *Misbehaviour {
	return func(attempt int) *Misbehaviour {
		if attempt < k {
			return &Misbehaviour{Status: status, RetryAfter: retryAfter}
		}
		return nil
	}
}

// Always is one misbehaviour for each connection, for Config.Misbehave.
func Always(m Misbehaviour) func(attempt int) *Misbehaviour {
	return func(int) *Misbehaviour { return &m }
}

// HostileMessage is one that a client must survive.
type HostileMessage struct {
	Name   string
	Binary bool
	Data   []byte
}

// Send is the action that sends it.
func (h HostileMessage) Send(s *Session) {
	if h.Binary {
		s.inject(websocket.MessageBinary, h.Data)
	} else {
		s.inject(websocket.MessageText, h.Data)
	}
}

// inject writes a message between two others.
func (s *Session) inject(typ websocket.MessageType, data []byte) {
	s.note(Event{Time: time.Now(), Type: Injected, Raw: data})
	s.write(typ, data)
}

// Hostile is a list of messages that no server should send and some do. The largest has 15 MB.
func Hostile() []HostileMessage {
	delta := func(rest string) string {
		return `{"type":"response.output_audio.delta","response_id":"resp_x","item_id":"item_x","content_index":0,` + rest + `}`
	}
	text := func(name, msg string) HostileMessage { return HostileMessage{Name: name, Data: []byte(msg)} }
	return []HostileMessage{
		text("empty", ""),
		text("no JSON", "<html><body>502 Bad Gateway</body></html>"),
		text("cut JSON", `{"type":"response.output_audio.delta","delta":"AAAA`),
		text("null", "null"),
		text("array", `[{"type":"error"}]`),
		text("no type", `{"event_id":"event_x"}`),
		text("type of another type", `{"type":{"a":1}}`),
		text("unknown event", `{"type":"response.future.delta","event_id":"event_x","nested":{"a":[1,2,3]}}`),
		text("session.created of wrong types", `{"type":"session.created","session":"yes"}`),
		text("session.updated of wrong types", `{"type":"session.updated","session":{"audio":{"input":[],"output":{"format":{"type":7}}},"turn_detection":3,"expires_at":"never"}}`),
		text("error without a body", `{"type":"error"}`),
		text("error of wrong types", `{"type":"error","error":{"type":1,"code":{},"message":[],"event_id":false}}`),
		text("response.done without a response", `{"type":"response.done"}`),
		text("response.done of wrong types", `{"type":"response.done","response":{"id":9,"status":[],"status_details":7,"usage":{"input_tokens":"many"}}}`),
		text("speech_started of wrong types", `{"type":"input_audio_buffer.speech_started","audio_start_ms":"now","item_id":{}}`),
		text("delta without audio", delta(`"x":1`)),
		text("delta of wrong type", delta(`"delta":12`)),
		text("delta with broken base64", delta(`"delta":"@@@not base64@@@"`)),
		text("delta with a negative index", `{"type":"response.output_audio.delta","response_id":"resp_x","item_id":"item_x","content_index":-1,"delta":"AAA="}`),
		text("delta without ids", `{"type":"response.output_audio.delta","delta":""}`),
		text("broken UTF-8 in a string", "{\"type\":\"response.output_text.done\",\"text\":\"\xff\"}"),
		text("deep nesting", `{"type":"x","a":`+strings.Repeat(`[`, 200000)+strings.Repeat(`]`, 200000)+`}`),
		text("deep nesting without an end", `{"type":"x","a":`+strings.Repeat(`{"a":`, 200000)),
		text("15 MB unknown event", `{"type":"x","text":"`+strings.Repeat("0123456789abcdef", 15<<16)+`"}`),
		{Name: "binary", Binary: true, Data: bytes.Repeat([]byte{0, 1, 0xfe, 0xff}, 480)},
	}
}

// watch does the steps that have a time.
func (s *Session) watch(ctx context.Context) {
	for _, step := range s.bad.Steps {
		if step.after > 0 {
			timer := time.AfterFunc(step.after, func() { s.out.put(message{action: step.do}) })
			context.AfterFunc(ctx, func() { timer.Stop() })
		}
	}
}

// stepsFor is what is to be done after the n-th event of a type.
func (s *Session) stepsFor(typ string, client bool, n int) (actions []Action) {
	for _, step := range s.bad.Steps {
		if step.typ == typ && step.client == client && step.nth == n {
			actions = append(actions, step.do)
		}
	}
	return actions
}
