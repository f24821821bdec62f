package stream

import (
	"encoding/json"
	"time"

	"github.com/tidwall/gjson"

	"mod_openai_audio_stream/module/realtime"
)

// The memory of a conversation is kept to this much; the oldest goes first.
const (
	historyItems = 200
	historyBytes = 64 << 10
)

// entry is one item of the conversation in a form that a new session accepts: text, never audio.
type entry struct {
	itemID string
	role   string // user, assistant, system; "" for a function call or its output
	text   string
	raw    json.RawMessage // function_call and function_call_output items, as the server or the client gave them
	ready  bool            // its text has come
}

func (e *entry) size() int { return len(e.text) + len(e.raw) }

// history remembers what was said, so that a new session can go on from there. It belongs to the stream's goroutine.
type history struct {
	entries []*entry
	bytes   int
	// updates are the session.update events that the client has sent last, in order; the server merges them.
	updates [][]byte
}

func (h *history) add(e *entry) *entry {
	if e.itemID != "" {
		if old := h.find(e.itemID); old != nil {
			return old
		}
	}
	h.entries = append(h.entries, e)
	h.bytes += e.size()
	h.trim()
	return e
}

func (h *history) trim() {
	for len(h.entries) > historyItems || h.bytes > historyBytes && len(h.entries) > 1 {
		h.bytes -= h.entries[0].size()
		h.entries = h.entries[1:]
	}
}

func (h *history) find(itemID string) *entry {
	for i := len(h.entries) - 1; i >= 0; i-- {
		if h.entries[i].itemID == itemID {
			return h.entries[i]
		}
	}
	return nil
}

func (h *history) say(itemID, role, text string) {
	e := h.add(&entry{itemID: itemID, role: role})
	h.bytes += len(text) - len(e.text)
	e.role, e.text, e.ready = role, text, true
	h.trim()
}

// note learns from a server event. Items are announced in order, their transcripts come at any time.
func (h *history) note(e *realtime.Event) {
	switch e.Kind {
	case realtime.KindItemAdded:
		item := gjson.ParseBytes(e.Item)
		if item.Get("type").Str == "message" {
			h.add(&entry{itemID: item.Get("id").Str, role: item.Get("role").Str})
		}
	case realtime.KindCommitted:
		h.add(&entry{itemID: e.ItemID, role: "user"})
	case realtime.KindInputTranscriptionCompleted:
		h.say(e.ItemID, "user", e.Transcript)
	case realtime.KindAudioTranscriptDone, realtime.KindTextDone:
		h.say(e.ItemID, "assistant", e.Transcript)
	case realtime.KindOutputItemDone:
		item := gjson.ParseBytes(e.Item)
		if item.Get("type").Str == "function_call" && item.Get("status").Str != "incomplete" {
			h.addRaw(item.Get("id").Str, []byte(item.Raw))
		}
	case realtime.KindItemDeleted:
		for i, old := range h.entries {
			if old.itemID == e.ItemID && e.ItemID != "" {
				h.bytes -= old.size()
				h.entries = append(h.entries[:i:i], h.entries[i+1:]...)
				return
			}
		}
	}
}

func (h *history) addRaw(id string, raw []byte) {
	h.add(&entry{itemID: id, raw: append([]byte(nil), raw...), ready: true})
}

// noteClient learns from an event that the client sent.
func (h *history) noteClient(msg []byte) {
	event := gjson.ParseBytes(msg)
	switch event.Get("type").Str {
	case "session.update":
		h.updates = append(h.updates, append([]byte(nil), msg...))
		if len(h.updates) > 16 {
			h.updates = h.updates[1:]
		}
	case "conversation.item.create":
		item := event.Get("item")
		switch item.Get("type").Str {
		case "function_call_output", "function_call":
			h.addRaw(item.Get("id").Str, []byte(item.Raw))
		case "message":
			if text := item.Get("content.0.text").Str; text != "" {
				h.say(item.Get("id").Str, item.Get("role").Str, text)
			}
		}
	}
}

// truncate cuts an answer's text to about what was heard; the server has forgotten the text of it altogether.
func (h *history) truncate(c cut) {
	e := h.find(c.ItemID)
	if e == nil || c.Received <= 0 {
		return
	}
	runes := []rune(e.text)
	keep := int(int64(len(runes)) * int64(c.Played) / int64(c.Received))
	h.bytes -= len(e.text)
	e.text = string(runes[:min(max(keep, 0), len(runes))])
	h.bytes += len(e.text)
}

// replay is the conversation as client events, oldest first.
func (h *history) replay(p *realtime.Provider) (events [][]byte) {
	for _, e := range h.entries {
		switch {
		case !e.ready:
		case e.raw != nil:
			events = append(events, realtime.RestoreItem(e.raw))
		case e.text != "":
			events = append(events, realtime.MessageItem(p, e.role, e.text))
		}
	}
	return events
}

type reconnectEvent struct {
	GapMS    int64 `json:"gap_ms"`
	Planned  bool  `json:"planned"`
	Sessions int   `json:"session_updates"`
	Items    int   `json:"items"`
}

// restore tells a new session what the old one knew, before any audio. planned: the old one was not lost.
func (s *Stream) restore(now time.Time, planned bool) {
	items := s.history.replay(s.provider)
	updates := s.history.updates
	for _, msg := range updates {
		_ = s.link.conn.Send(msg) // its failure is the connection's, which the reader reports
	}
	for _, msg := range items {
		_ = s.link.conn.Send(msg)
	}
	s.talk.reset()
	s.event("reconnect", reconnectEvent{now.Sub(s.lostAt).Milliseconds(), planned, len(updates), len(items)})
}
