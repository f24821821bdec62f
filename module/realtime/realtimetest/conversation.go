package realtimetest

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/coder/websocket"
	"github.com/tidwall/gjson"
)

// conversation is the items of a session.
type conversation struct {
	items map[string]*item
	order []string
	ids   int

	// What the caller said and wrote since the last answer.
	heard     []int16
	heardRate int
	text      string
}

type item struct {
	id, typ, role string
	callID        string
	raw           fields // as it was announced
	answer        *Answer
	outBytes      int // audio that the client has been sent
	bytesPerMS    int
}

// audioMS is how much audio the item has, as far as it has been sent.
func (it *item) audioMS() int64 {
	if it.bytesPerMS == 0 {
		return 0
	}
	return int64(it.outBytes / it.bytesPerMS)
}

func (c *conversation) newID(kind string, session int) string {
	c.ids++
	return fmt.Sprintf("%s_%d_%d", kind, session, c.ids)
}

// last is the id of the last item, nil if there is none.
func (c *conversation) last() any {
	if len(c.order) == 0 {
		return nil
	}
	return c.order[len(c.order)-1]
}

// wireNames are the beta's names of the events that it calls differently; "" is one that it does not have.
var wireNames = map[string]string{
	"conversation.item.added":                "conversation.item.created",
	"conversation.item.done":                 "",
	"response.output_audio.delta":            "response.audio.delta",
	"response.output_audio.done":             "response.audio.done",
	"response.output_audio_transcript.delta": "response.audio_transcript.delta",
	"response.output_audio_transcript.done":  "response.audio_transcript.done",
	"response.output_text.delta":             "response.text.delta",
	"response.output_text.done":              "response.text.done",
}

// wireName is an event's name as this client gets it, "" if it does not.
func (s *Session) wireName(typ string) string {
	if name, ok := wireNames[typ]; ok && s.srv.cfg.Beta {
		return name
	}
	return typ
}

// client handles one message of the client's.
func (s *Session) client(m incoming) {
	if m.typ == websocket.MessageBinary {
		s.note(Event{Time: time.Now(), Client: true, Raw: m.data})
		s.fail(nil, "invalid_event", "Binary messages are not supported.", "")
		return
	}
	if !json.Valid(m.data) {
		s.note(Event{Time: time.Now(), Client: true, Raw: m.data})
		s.fail(nil, "invalid_json", "We could not parse the JSON body of your event.", "")
		return
	}
	typ := gjson.GetBytes(m.data, "type").Str
	if typ == "input_audio_buffer.append" {
		s.appendAudio(m.data)
	} else {
		s.note(Event{Time: time.Now(), Client: true, Type: typ, Raw: m.data})
		s.handle(typ, m.data)
	}
	received, _ := s.Count(typ)
	for _, action := range s.stepsFor(typ, true, received) {
		s.Do(action)
	}
}

func (s *Session) handle(typ string, msg []byte) {
	switch typ {
	case "session.update":
		s.update(msg)
	case "input_audio_buffer.commit":
		s.commitByHand(msg)
	case "input_audio_buffer.clear":
		s.clear()
	case "conversation.item.create":
		s.create(msg)
	case "conversation.item.retrieve":
		if it := s.find(msg, "item_not_found"); it != nil {
			s.emit("conversation.item.retrieved", fields{"item": it.raw})
		}
	case "conversation.item.truncate":
		s.truncate(msg)
	case "conversation.item.delete":
		if it := s.find(msg, "item_delete_invalid_item_id"); it != nil {
			delete(s.talk.items, it.id)
			s.talk.order = slices.DeleteFunc(s.talk.order, func(id string) bool { return id == it.id })
			s.emit("conversation.item.deleted", fields{"item_id": it.id})
		}
	case "response.create":
		if s.refused < s.bad.RefuseCreates {
			s.refused++
			s.fail(nil, "server_error", "The server had an error while processing your request.", "")
			return
		}
		if r := s.active(); r != nil && gjson.GetBytes(msg, "response.conversation").Str != "none" {
			s.failActive(msg, r)
			return
		}
		s.respond(msg)
	case "response.cancel":
		s.cancelResponse(msg)
	default:
		s.fail(msg, "invalid_value", fmt.Sprintf("Invalid value: '%s'. Supported values are: 'session.update', 'input_audio_buffer.append', "+
			"'input_audio_buffer.commit', 'input_audio_buffer.clear', 'conversation.item.create', 'conversation.item.truncate', "+
			"'conversation.item.delete', 'conversation.item.retrieve', 'response.create', and 'response.cancel'.", typ), "type")
	}
}

// find is the item that a client event is about. If there is none it says so.
func (s *Session) find(msg []byte, code string) *item {
	id := gjson.GetBytes(msg, "item_id").Str
	it := s.talk.items[id]
	if it == nil {
		s.fail(msg, code, fmt.Sprintf("Item with item_id '%s' not found.", id), "item_id")
	}
	return it
}

// addItem puts an item at the end and announces it.
func (s *Session) addItem(it *item, previous any) {
	s.talk.items[it.id] = it
	s.talk.order = append(s.talk.order, it.id)
	s.emit("conversation.item.added", fields{"previous_item_id": previous, "item": it.raw})
	if s.wireName("conversation.item.done") != "" {
		s.emit("conversation.item.done", fields{"previous_item_id": previous, "item": it.raw})
	}
}

// create handles conversation.item.create.
func (s *Session) create(msg []byte) {
	var event struct {
		Item     fields  `json:"item"`
		Previous *string `json:"previous_item_id"`
	}
	if err := json.Unmarshal(msg, &event); err != nil || event.Item == nil {
		s.fail(msg, "missing_required_parameter", "Missing required parameter: 'item'.", "item")
		return
	}
	text := func(name string) string { v, _ := event.Item[name].(string); return v }
	it := &item{id: text("id"), typ: text("type"), role: text("role"), callID: text("call_id"), raw: event.Item}
	if code, message, param := s.refuseItem(it); message != "" {
		s.fail(msg, code, message, param)
		return
	}
	if it.id == "" {
		it.id = s.talk.newID("item", s.Number)
	}
	it.raw["id"], it.raw["object"], it.raw["status"] = it.id, "realtime.item", "completed"
	at := len(s.talk.order)
	if p := event.Previous; p != nil {
		if *p == "root" {
			at = 0
		} else if at = slices.Index(s.talk.order, *p) + 1; at == 0 {
			s.fail(msg, "item_not_found", fmt.Sprintf("Previous item with id '%s' not found.", *p), "previous_item_id")
			return
		}
	}
	if it.role == "user" {
		s.talk.text = gjson.GetBytes(msg, "item.content.0.text").Str
	}
	var previous any
	if at > 0 {
		previous = s.talk.order[at-1]
	}
	tail := append([]string(nil), s.talk.order[at:]...)
	s.talk.order = s.talk.order[:at]
	s.addItem(it, previous)
	s.talk.order = append(s.talk.order, tail...)
}

// refuseItem is why an item of the client's is refused; "" if it is not.
func (s *Session) refuseItem(it *item) (code, message, param string) {
	if s.talk.items[it.id] != nil {
		return "item_create_duplicate_item_id", fmt.Sprintf("Item with id '%s' already exists.", it.id), "item.id"
	}
	switch it.typ {
	case "message":
		return s.refuseContent(it)
	case "function_call":
		return "", "", ""
	case "function_call_output":
		for _, other := range s.talk.items {
			if other.typ == "function_call" && other.callID == it.callID {
				return "", "", ""
			}
		}
		return "invalid_tool_call_id", fmt.Sprintf("Tool call ID '%s' not found in conversation.", it.callID), "item.call_id"
	}
	return "invalid_value", fmt.Sprintf("Invalid value: '%s'. Supported values are: 'message', 'function_call', and 'function_call_output'.", it.typ), "item.type"
}

func (s *Session) refuseContent(it *item) (code, message, param string) {
	assistantText := "output_text"
	if s.srv.cfg.Beta {
		assistantText = "text"
	}
	allowed := map[string][]string{
		"system":    {"input_text"},
		"user":      {"input_text", "input_audio", "input_image"},
		"assistant": {assistantText, "output_audio"},
	}[it.role]
	if allowed == nil {
		return "invalid_value", fmt.Sprintf("Invalid value: '%s'. Supported values are: 'system', 'user', and 'assistant'.", it.role), "item.role"
	}
	root := gjson.ParseBytes(marshal(it.raw))
	for i, part := range root.Get("content").Array() {
		at := fmt.Sprintf("item.content[%d]", i)
		typ := part.Get("type").Str
		switch {
		case !slices.Contains(allowed, typ):
			return "invalid_value", fmt.Sprintf("Invalid value: '%s'. Value must be '%s'.", typ, allowed[0]), at + ".type"
		case it.role == "assistant" && part.Get("text").Type != gjson.String: // also for output_audio
			return "missing_required_parameter", fmt.Sprintf("Missing required parameter: '%s.text'.", at), at + ".text"
		}
	}
	return "", "", ""
}

// truncate handles conversation.item.truncate.
func (s *Session) truncate(msg []byte) {
	end := gjson.GetBytes(msg, "audio_end_ms")
	if end.Type != gjson.Number || end.Num != float64(end.Int()) || end.Num < 0 {
		s.fail(msg, "invalid_type", fmt.Sprintf("Invalid type for 'audio_end_ms': expected an integer, but got %s instead.", end.Raw), "audio_end_ms")
		return
	}
	it := s.find(msg, "item_truncate_invalid_item_id")
	if it == nil {
		return
	}
	index := gjson.GetBytes(msg, "content_index").Int()
	ms, have := end.Int(), it.audioMS()
	switch {
	case it.role != "assistant" || it.answer == nil || index != 0:
		s.fail(msg, "", "Only model output audio messages can be truncated", "")
	case ms > have:
		s.fail(msg, "", fmt.Sprintf("Audio content of %dms is already shorter than %dms", have, ms), "")
	default:
		it.outBytes = int(ms) * it.bytesPerMS
		s.mu.Lock()
		it.answer.TruncatedMS = ms
		s.mu.Unlock()
		s.emit("conversation.item.truncated", fields{"item_id": it.id, "content_index": index, "audio_end_ms": ms})
	}
}

// hasSpoken reports whether there is audio of the assistant's in the conversation.
func (s *Session) hasSpoken() bool {
	for _, it := range s.talk.items {
		if it.outBytes > 0 {
			return true
		}
	}
	return false
}
