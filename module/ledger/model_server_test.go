package ledger

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/tidwall/gjson"
)

// The other side of a random schedule: a server as the protocol describes it, with the liberties that servers take.

// server is the server's side of one connection.
type server struct {
	w          *world
	connection int
	items      map[string]*sItem
	inOrder    []*sItem
	running    *sResponse
	asides     []*sResponse
	answerIn   int // steps until it answers the caller; 0: it does not
	speaking   string
	conversed  int               // the step in which the last request reached it
	knows      map[string]*sItem // calls, by their ids
	outputs    map[string]bool   // of calls
	mcp        int               // calls of its own that the client knows to be under way
}

func (s *server) emit(seen func(), format string, args ...any) {
	s.w.toClient(wire{msg: fmt.Appendf(nil, format, args...), seen: seen})
}

func quote(s string) string { b, _ := json.Marshal(s); return string(b) }

// ids of an event, without those that the server does not give.
func (s *server) ids(r *sResponse, i *sItem) (fields string) {
	if s.w.nameless {
		return ""
	}
	if r != nil {
		fields += `,"response_id":` + quote(r.id)
	}
	if i != nil {
		fields += `,"item_id":` + quote(i.id)
	}
	return fields
}

func (s *server) error(event, code, text string) {
	if s.w.byText {
		code = "some_code"
	}
	id := ""
	if s.w.errorIDs && event != "" {
		id = `,"event_id":` + quote(event)
	}
	var seen func()
	if c := s.w.creations[event]; c != nil {
		seen = func() { c.answered = true }
	}
	s.emit(seen, `{"type":"error","error":{"type":"invalid_request_error","code":%q,"message":%q%s}}`, code, text, id)
}

func (s *server) newItem(role, text string) *sItem {
	n := s.w.number()
	i := &sItem{id: fmt.Sprintf("item_%d", n), role: role, text: text}
	if s.w.renumbers {
		i.id = fmt.Sprintf("item_%d", len(s.items))
	}
	s.items[i.id], s.inOrder = i, append(s.inOrder, i)
	return i
}

// receive takes a client event.
func (s *server) receive(msg []byte) {
	e := gjson.ParseBytes(msg)
	event := e.Get("event_id").Str
	switch kind := e.Get("type").Str; kind {
	case "session.update":
	case "response.create":
		s.create(event, e.Get("response.conversation").Str == "none")
	case "response.cancel":
		id := e.Get("response_id").Str
		for _, r := range append([]*sResponse{s.running}, s.asides...) {
			if r != nil && (r.id == id || id == "" && !r.aside) {
				s.cancelled(r)
				return
			}
		}
		s.error(event, "response_cancel_not_active", "Cancellation failed: no active response found")
	case "conversation.item.create":
		s.take(event, e.Get("item"))
	case "conversation.item.delete":
		i := s.items[e.Get("item_id").Str]
		if i == nil || i.deleted {
			s.error(event, "item_not_found", "no such item: only model output audio messages can be truncated")
			return
		}
		i.deleted = true
		s.w.excused[i.callID] = true
		s.emit(func() { i.gone = true }, `{"type":"conversation.item.deleted","item_id":%q}`, i.id)
	case "conversation.item.truncate":
		s.truncate(event, e.Get("item_id").Str, time.Duration(e.Get("audio_end_ms").Int())*time.Millisecond)
	default:
		s.w.fail("the server does not know %s", msg)
	}
}

func (s *server) truncate(event, id string, end time.Duration) {
	i := s.items[id]
	switch {
	case i == nil || i.plan == 0:
		s.w.fail("truncation of %q, which is no audio of this connection", id)
	case end > i.generated:
		s.w.fail("truncation of %q at %v of %v", id, end, i.generated)
	case i.deleted:
		s.error(event, "item_not_found", "only model output audio messages can be truncated")
	case end == 0 && s.w.errorIDs && s.w.rng.IntN(4) == 0:
		s.error(event, "unsupported_content_type", "Only model output audio messages can be truncated")
	default:
		i.believed = min(i.believed, end)
		s.emit(nil, `{"type":"conversation.item.truncated","item_id":%q,"content_index":0,"audio_end_ms":%d}`, id, end.Milliseconds())
	}
}

// take takes an item of the client's.
func (s *server) take(event string, given gjson.Result) {
	rec := s.w.sentItems[event]
	if s.w.refuses && s.w.rng.IntN(20) == 0 {
		s.error(event, "invalid_value", "no")
		s.w.last().seen = func() {
			if rec != nil && s.w.errorIDs {
				rec.gone = true
			}
		}
		s.w.excused[given.Get("call_id").Str] = true
		return
	}
	id := given.Get("call_id").Str
	if given.Get("type").Str == "function_call_output" && !s.answered(event, id) {
		if rec != nil {
			s.w.last().seen = func() { rec.gone = rec.gone || s.w.errorIDs }
		}
		return
	}
	i := s.newItem(given.Get("role").Str, given.Get("content.0.text").Str)
	if given.Get("type").Str == "function_call" {
		i.callID, s.knows[id] = id, i
	}
	if i.record = rec; rec == nil {
		i.record = &record{}
		if s.w.plain() {
			s.w.fail("the model does not know the item of %s", event)
		}
	}
	if s.w.echoes {
		var item map[string]any
		_ = json.Unmarshal([]byte(given.Raw), &item)
		item["id"] = i.id
		b, _ := json.Marshal(item)
		s.emit(nil, `{"type":"conversation.item.added","item":%s}`, b)
	}
}

// create takes a response.create.
func (s *server) create(event string, aside bool) {
	c := s.w.creations[event]
	s.conversed = s.w.step
	s.w.note("server: %s (%s), running %v", event, c.fate, s.running != nil)
	switch {
	case !aside && s.passesOver():
		c.fate = "passed over"
	case !aside && s.running != nil:
		if c.fate == "started" && s.w.plain() && c.again == 0 && !s.w.unclear && c.begun.connection == s.connection {
			s.w.fail("%s was sent again although it was answered", event)
		}
		c.fate = "active"
		s.error(event, "conversation_already_has_active_response", "Conversation already has an active response in progress")
		if s.w.byText && !s.w.errorIDs { // then nothing but the order tells
			s.w.last().seen = func() { c.answered = true }
		}
	case s.w.refuses && s.w.rng.IntN(8) == 0 && (!aside || s.w.errorIDs):
		c.fate = "refused"
		s.error(event, "invalid_value", "not this one")
	default:
		s.begin(c, aside)
	}
}

// begin begins a response: a request's, or with nil one of the server's own.
func (s *server) begin(c *creation, aside bool) {
	w := s.w
	r := &sResponse{id: fmt.Sprintf("resp_%d", w.number()), connection: s.connection, request: c, aside: aside}
	if w.renumbers {
		w.responsesHere++
		r.id = fmt.Sprintf("resp_%d", w.responsesHere)
	}
	if c != nil && c.again > 0 {
		c.again, c.fate, c.begun = c.again-1, "started", r
	} else if c != nil {
		if c.fate == "started" && w.plain() && !c.own && !w.unclear && c.begun.heard > 0 {
			w.fail("%s is asked for again, and was heard", c.id)
		}
		if c.fate == "started" && w.plain() && !c.own && !w.unclear && c.begun.acted {
			w.fail("%s is asked for again, and has acted", c.id)
		}
		if c.fate == "started" && w.plain() && !w.unclear && c.connection == s.connection && c.begun.connection == s.connection {
			w.fail("%s is answered twice", c.id)
		}
		c.fate, c.begun = "started", r
	}
	r.plan(s)
	r.hung = !aside && s.hangsOn()
	if !w.errorIDs || !w.plain() {
		r.silent = w.step + 2*maxLatency + 2 // else it may be over before it is known who was refused because of it
	}
	if aside {
		s.asides = append(s.asides, r)
	} else {
		s.running = r
	}
	if w.unannounced {
		return
	}
	where := `,"conversation_id":"conv_1"`
	switch {
	case w.silent:
		where = ""
	case aside:
		where = `,"conversation_id":null`
	}
	id := ""
	if !w.nameless {
		id = `,"id":` + quote(r.id)
	}
	s.emit(func() { w.seenCreated(r) }, `{"type":"response.created","response":{"object":"realtime.response"%s,"status":"in_progress"%s}}`, id, where)
}

// plan decides what the model will answer.
func (r *sResponse) plan(s *server) {
	rng := s.w.rng
	items := 1
	if !s.w.nameless && rng.IntN(2) == 0 { // without ids nobody can tell a second one from a new response
		items = 2
	}
	if r.planCalls(s); len(r.outputs) > 0 && rng.IntN(2) == 0 {
		return // without a word
	}
	acts := r.outputs
	r.outputs = nil
	defer func() { r.outputs = append(r.outputs, acts...) }()
	for range items {
		i := s.newItem("assistant", "")
		i.aside, i.record = r.aside, &record{role: "assistant", spoken: true}
		i.text = fmt.Sprintf("agent %d says %s", s.w.number(), strings.Repeat("words ", rng.IntN(5)))
		i.plan = time.Duration(1+rng.IntN(100)) * 20 * time.Millisecond
		r.outputs = append(r.outputs, i)
	}
	if rng.IntN(4) == 0 && !s.w.nameless {
		i := s.newItem("", "")
		i.callID = fmt.Sprintf("call_%d", s.w.number())
		i.raw = fmt.Sprintf(`{"id":%q,"type":"function_call","status":"completed","name":"f","call_id":%q,"arguments":"{}"}`, i.id, i.callID)
		i.record = &record{callID: i.callID}
		s.knows[i.callID] = i
		r.outputs = append(r.outputs, i)
	}
}

// work generates some of the responses.
func (s *server) work() {
	for _, r := range append([]*sResponse{s.running}, s.asides...) {
		for n := s.w.rng.IntN(3); r != nil && n > 0 && !r.over; n-- {
			s.generate(r)
		}
	}
	if s.answerIn > 0 {
		if s.answerIn--; s.answerIn == 0 {
			if s.running == nil {
				s.begin(nil, false)
			} else if !s.running.hung && s.w.step-s.conversed > int(maxRefusal/frame)+2*maxLatency && s.w.rng.IntN(2) == 0 {
				s.error("", "conversation_already_has_active_response", "Conversation already has an active response in progress")
			}
		}
	}
}

// generate does one piece of a response.
func (s *server) generate(r *sResponse) {
	if s.w.step < r.silent || r.hung {
		return
	}
	if r.at == len(r.outputs) {
		s.done(r, "completed")
		return
	}
	i := r.outputs[r.at]
	switch {
	case i.call != nil:
		s.generateCall(r, i)
		return
	case i.mcp:
		s.generateMCP(r, i)
		return
	}
	if i.raw != "" {
		s.emit(func() {
			if !r.aside {
				i.record.raw = i.raw
				s.w.enter(i.record)
			}
		}, `{"type":"response.output_item.done","response_id":%q,"item":%s}`, r.id, i.raw)
		r.at++
		return
	}
	if !r.begun {
		r.begun = true
		s.announce(r, i)
		if s.w.textFirst {
			s.transcript(r, i, i.text)
		}
		return
	}
	if i.generated < i.plan {
		d := min(i.plan-i.generated, time.Duration(1+s.w.rng.IntN(20))*20*time.Millisecond)
		i.generated += d
		i.believed = i.generated
		if s.w.partialText && !s.w.textFirst && !s.w.nameless {
			part := i.text[len(i.text)*int((i.generated-d)/frame)/int(i.plan/frame) : len(i.text)*int(i.generated/frame)/int(i.plan/frame)]
			s.emit(func() {
				if !r.aside {
					i.record.text += part
				}
			}, `{"type":"response.output_audio_transcript.delta"%s,"content_index":0,"delta":%q}`, s.ids(r, i), part)
		}
		s.w.toClient(wire{msg: fmt.Appendf(nil, `{"type":"response.output_audio.delta"%s,"content_index":0,"delta":""}`, s.ids(r, i)),
			d: d, response: r, item: i, seen: func() {
				r.came = true
				if !r.aside {
					i.came += d
				}
			}})
		return
	}
	s.emit(nil, `{"type":"response.output_audio.done"%s,"content_index":0}`, s.ids(r, i))
	if !s.w.textFirst {
		s.transcript(r, i, i.text)
	}
	r.at, r.begun = r.at+1, false
}

func (s *server) announce(r *sResponse, i *sItem) {
	if s.w.nameless {
		return
	}
	seen := func() {
		if !r.aside {
			s.w.enter(i.record)
		}
	}
	item := fmt.Sprintf(`{"id":%q,"type":"message","role":"assistant","content":[]}`, i.id)
	s.emit(seen, `{"type":"response.output_item.added","response_id":%q,"item":%s}`, r.id, item)
	if !r.aside {
		s.emit(nil, `{"type":"conversation.item.added","item":%s}`, item)
	}
}

func (s *server) transcript(r *sResponse, i *sItem, text string) {
	s.emit(func() {
		if !r.aside {
			i.record.text = text
		}
	}, `{"type":"response.output_audio_transcript.done"%s,"content_index":0,"transcript":%q}`, s.ids(r, i), text)
}

// next is the output that is generated, nil if all are.
func (r *sResponse) next() *sItem {
	if r.at == len(r.outputs) {
		return nil
	}
	return r.outputs[r.at]
}

// cancel ends a response before its time, with all the events that say so.
func (s *server) cancel(r *sResponse) {
	if i := r.next(); r.begun && (i.call != nil || i.mcp) {
		s.cutAction(r, i)
	} else if r.begun {
		s.emit(nil, `{"type":"response.output_audio.done"%s,"content_index":0}`, s.ids(r, i))
		if !s.w.textFirst {
			s.transcript(r, i, i.text[:len(i.text)*int(i.generated/frame)/int(i.plan/frame)])
		}
	}
	s.done(r, "cancelled")
}

func (s *server) done(r *sResponse, status string) {
	r.over = true
	if r == s.running {
		s.running = nil
	}
	for n, a := range s.asides {
		if a == r {
			s.asides = append(s.asides[:n:n], s.asides[n+1:]...)
			break
		}
	}
	if s.w.endless {
		return
	}
	id := ""
	if !s.w.nameless {
		id = `"id":` + quote(r.id) + ","
	}
	for range 1 + s.w.rng.IntN(20)/19 {
		output, seen := s.list(r, status)
		s.emit(func() { seen(); s.w.seenDone(r) }, `{"type":"response.done","response":{%s%s"status":%q,"usage":{"input_tokens":1,"output_tokens":1}}}`, id, output, status)
		if s.w.nameless {
			break
		}
	}
	s.w.usage++
}

// speech is the server's ear: the caller begins or ends.
func (s *server) speech(on bool) {
	w := s.w
	if w.deaf {
		return
	}
	if on {
		i := s.newItem("user", "")
		i.record = &record{role: "user"}
		s.speaking, s.answerIn = i.id, 0
		r := s.running
		if r != nil && w.cancels && w.doneFirst {
			s.cancel(r)
		}
		s.emit(nil, `{"type":"input_audio_buffer.speech_started","audio_start_ms":1,"item_id":%q}`, i.id)
		if r != nil && w.cancels && !w.doneFirst {
			s.cancel(r)
		}
		return
	}
	i := s.items[s.speaking]
	s.speaking = ""
	if i == nil {
		return // it began before this connection
	}
	s.emit(nil, `{"type":"input_audio_buffer.speech_stopped","audio_end_ms":2,"item_id":%q}`, i.id)
	s.emit(func() { w.enter(i.record) }, `{"type":"input_audio_buffer.committed","item_id":%q}`, i.id)
	s.emit(nil, `{"type":"conversation.item.added","item":{"id":%q,"type":"message","role":"user","content":[{"type":"input_audio"}]}}`, i.id)
	if w.transcribes {
		text := fmt.Sprintf("caller %d", w.number())
		w.later(w.rng.IntN(100), func() {
			if w.server == s && w.up {
				s.emit(func() { i.record.text = text },
					`{"type":"conversation.item.input_audio_transcription.completed","item_id":%q,"transcript":%q}`, i.id, text)
			}
		})
	}
	if w.creates && w.rng.IntN(10) > 0 {
		s.answerIn = 1 + w.rng.IntN(15)
	}
}
