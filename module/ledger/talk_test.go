package ledger

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tidwall/gjson"

	"mod_openai_audio_stream/module/realtime"
)

// talk is a ledger with a clock, and notes of what it has done: one line for each thing, in its order.
type talk struct {
	*Ledger
	t     *testing.T
	now   time.Time
	did   []string
	turns []Turn
	kept  bool              // what has not been heard
	names map[string]string // of responses, as the player calls them
	begun map[string]bool
}

// unconnected is a conversation before its first connection.
func unconnected(t *testing.T, barge BargeIn) *talk {
	t.Helper()
	return &talk{Ledger: New(provider(t, "openai"), barge), t: t, now: time.Unix(1000, 0), names: map[string]string{},
		begun: map[string]bool{}}
}

// newTalk is a conversation with a server that detects, interrupts and answers.
func newTalk(t *testing.T, barge BargeIn) *talk {
	t.Helper()
	c := unconnected(t, barge)
	c.connect()
	return c
}

func provider(t *testing.T, name string) *realtime.Provider {
	t.Helper()
	p, err := realtime.ProviderFor(nil, name)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// do notes what is to be done.
func (c *talk) do(todo Todo) {
	if todo.Flush {
		c.note("flush")
	}
	if c.kept != c.Paused() {
		c.kept = !c.kept
		c.note("%s", map[bool]string{true: "pause", false: "go on"}[c.kept])
	}
	for _, msg := range todo.Send {
		c.note("%s", sent(msg))
	}
	for _, call := range todo.Calls {
		c.note("call %s %s %s of %s", call.ID, call.Name, call.Arguments, call.ResponseID)
	}
	for _, id := range todo.Answered {
		c.note("answered %s", id)
	}
	for _, r := range todo.Reports {
		switch r := r.(type) {
		case SpeechStarted:
			c.note("started %s", r.ResponseID)
		case SpeechStopped:
			c.note("stopped %s", r.ResponseID)
		case Truncated:
			c.note("truncated %s %v of %v", r.ItemID, r.Played, r.Received)
		case Turn:
			c.note("turn %s %s %v", r.ResponseID, r.Status, r.Played)
			c.turns = append(c.turns, r)
		}
	}
}

func (c *talk) note(format string, args ...any) {
	c.did = append(c.did, strings.TrimRight(fmt.Sprintf(format, args...), " "))
}

// sent is a client event in a few words.
func sent(msg []byte) string {
	e := gjson.ParseBytes(msg)
	switch kind := e.Get("type").Str; kind {
	case "response.create":
		say := e.Get("response.instructions").Str
		return "create " + say[strings.LastIndex(say, "\n")+1:]
	case "response.cancel":
		return "cancel " + e.Get("response_id").Str
	case "conversation.item.truncate":
		return fmt.Sprintf("truncate %s %d", e.Get("item_id").Str, e.Get("audio_end_ms").Int())
	case "conversation.item.delete":
		return "delete " + e.Get("item_id").Str
	case "conversation.item.create":
		return "item " + lineOf(e.Get("item"))
	case "session.update":
		return "update " + e.Get("session").Raw
	default:
		return kind
	}
}

// want fails unless exactly this has been done since the last time.
func (c *talk) want(lines ...string) {
	c.t.Helper()
	if !slices.Equal(c.did, lines) {
		c.t.Errorf("did\n  %s\nwant\n  %s", strings.Join(c.did, "\n  "), strings.Join(lines, "\n  "))
	}
	c.did = nil
}

func (c *talk) after(d time.Duration) { c.now = c.now.Add(d) }

// tick lets time pass, and does what becomes due in it.
func (c *talk) tick(d time.Duration) {
	end := c.now.Add(d)
	for due := c.Due(); !due.IsZero() && !due.After(end); due = c.Due() {
		c.now = due
		c.do(c.Tick(c.now))
	}
	c.now = end
}

func (c *talk) server(format string, args ...any) {
	c.t.Helper()
	e, err := realtime.Parse(fmt.Appendf(nil, format, args...))
	if err != nil {
		c.t.Fatal(err)
	}
	c.do(c.Server(&e, c.now.Add(-300*time.Millisecond), c.now))
}

func (c *talk) created(id string) {
	c.t.Helper()
	c.server(`{"type":"response.created","response":{"id":%q,"conversation_id":"conv_1"}}`, id)
}

func (c *talk) done(id, status string) {
	c.t.Helper()
	c.server(`{"type":"response.done","response":{"id":%q,"status":%q,"usage":{"input_tokens":3,"output_tokens":2}}}`, id, status)
}

// audio comes, and the player takes it if it may. It reports whether.
func (c *talk) audio(response, item string, ms int) bool {
	d := time.Duration(ms) * time.Millisecond
	e := deltaOf(response, item)
	name, play := c.Audio(e, d, c.now)
	if play {
		c.names[response] = name
		c.Queued(name, e, d)
	}
	return play
}

// hear plays a part of an item up to ms.
func (c *talk) hear(response, item string, ms int) {
	name := c.names[response]
	var told []Playback
	if !c.begun[name] {
		c.begun[name] = true
		told = append(told, Playback{Kind: Started, ResponseID: name})
	}
	c.do(c.Played(append(told, Playback{Kind: Heard, ResponseID: name, ItemID: item,
		Played: time.Duration(ms) * time.Millisecond}), c.now))
}

// cut ends a part of an item at ms.
func (c *talk) cut(response, item string, ms int) {
	c.do(c.Played([]Playback{{Kind: Cut, ResponseID: c.names[response], ItemID: item,
		Played: time.Duration(ms) * time.Millisecond, Received: c.queued(response, item)}}, c.now))
}

// queued is how much of a part the player has.
func (c *talk) queued(response, item string) time.Duration {
	if r := c.responses.played(c.names[response]); r != nil && r.part(item, 0) != nil {
		return r.part(item, 0).queued
	}
	return 0
}

func (c *talk) stop(response string) {
	c.do(c.Played([]Playback{{Kind: Stopped, ResponseID: c.names[response]}}, c.now))
}

// answer is a whole response of one item, heard to its end.
func (c *talk) answer(response, item string, ms int) {
	c.t.Helper()
	c.created(response)
	c.audio(response, item, ms)
	c.done(response, "completed")
	c.hear(response, item, ms)
	c.stop(response)
}

func (c *talk) speaks(item string) {
	c.t.Helper()
	c.server(`{"type":"input_audio_buffer.speech_started","item_id":%q}`, item)
}

func (c *talk) stops(item string) {
	c.t.Helper()
	c.server(`{"type":"input_audio_buffer.speech_stopped","item_id":%q}`, item)
	c.server(`{"type":"input_audio_buffer.committed","item_id":%q}`, item)
}

// voice says that the caller's own voice has lasted for ms; 0: it has ended.
func (c *talk) voice(ms int) {
	if c.Hears(time.Duration(ms)*time.Millisecond, c.now) {
		c.do(c.Decide(c.now))
	}
}

func (c *talk) client(events ...string) error {
	var msgs [][]byte
	for _, e := range events {
		msgs = append(msgs, []byte(e))
	}
	todo, _, err := c.Client(c.now, msgs...)
	c.do(todo)
	return err
}

// say has the model speak.
func (c *talk) say(text string) error {
	return c.client(fmt.Sprintf(`{"type":"response.create","event_id":"for %s","response":{"instructions":%q}}`, text, text))
}

// error is one of the server's. It returns whether it was benign.
func (c *talk) error(eventID, code, text string) bool {
	todo, benign := c.Error(&realtime.Error{EventID: eventID, Code: code, Message: text}, c.now)
	c.do(todo)
	return benign
}

// busy is the error that a response runs.
func (c *talk) busy(eventID string) {
	c.t.Helper()
	if !c.error(eventID, "conversation_already_has_active_response", "") {
		c.t.Error("the error counts")
	}
}

func (c *talk) lose() {
	key := c.Repeatable()
	c.do(c.Lost(key != "", c.now))
}

func (c *talk) connect() Restored {
	todo, restored := c.Connected(c.now)
	c.do(todo)
	return restored
}

// detects says whether the server cancels and answers by itself.
func (c *talk) detects(interrupts, creates bool) {
	c.t.Helper()
	c.server(`{"type":"session.updated","session":{"turn_detection":{"type":"server_vad","interrupt_response":%v,"create_response":%v}}}`,
		interrupts, creates)
}

func deltaOf(response, item string) *realtime.Event {
	return &realtime.Event{Kind: realtime.KindAudioDelta, ResponseID: response, ItemID: item}
}
