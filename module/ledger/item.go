package ledger

import (
	"encoding/json"
	"time"

	"github.com/tidwall/gjson"

	"mod_openai_audio_stream/module/realtime"
)

// The memory of a conversation is kept to this much; the oldest goes first.
const (
	maxItems     = 200
	maxItemBytes = 64 << 10
	maxUpdates   = 16
	// wholeWithin is how much of its audio may be missing from an item that was heard whole: less than a word.
	wholeWithin = 50 * time.Millisecond
)

// item is one item of the conversation in a form that a new session accepts: text, never audio.
type item struct {
	id    string // in the present connection; "" if its server has not named it
	role  string // user, assistant, system; "" for a function call or its output
	text  string
	done  bool            // text is all of it
	raw   json.RawMessage // function_call and function_call_output items, as the server or the client gave them
	parts []*part         // its audio
}

func (i *item) size() int { return len(i.text) + len(i.raw) }

// kind is the item's type in the protocol.
func (i *item) kind() string {
	if i.raw != nil {
		return gjson.GetBytes(i.raw, "type").Str
	}
	return "message"
}

// heardText is the part of the text that the caller has heard or will hear. A transcript has no times, so it is cut where the audio
// was, in proportion. A server forgets the text of an item that is truncated.
func (i *item) heardText() string {
	var generated, heard int64
	for _, p := range i.parts {
		generated += int64(p.generated)
		heard += int64(p.queued)
	}
	if heard >= generated-int64(wholeWithin) {
		return i.text
	}
	runes := []rune(i.text)
	return string(runes[:int64(len(runes))*heard/generated])
}

// items are the conversation so far, oldest first.
type items struct {
	all   []*item
	bytes int
	// updates are the session.update events that the client has sent last, in order; the server merges them.
	updates [][]byte
	// echoes are items of ours that the server has not named yet, in the order in which they were sent.
	echoes []echo
}

// echo is an item that was sent with this event id, "" for none.
type echo struct {
	*item
	eventID string
}

// find is the item with this id, nil if there is none.
func (is *items) find(id string) *item {
	if id == "" {
		return nil
	}
	for n := len(is.all) - 1; n >= 0; n-- {
		if is.all[n].id == id {
			return is.all[n]
		}
	}
	return nil
}

// named is the item with this id, a new one if there is none.
func (is *items) named(id, role string) *item {
	if i := is.find(id); i != nil {
		return i
	}
	return is.add(&item{id: id, role: role})
}

func (is *items) add(i *item) *item {
	is.all = append(is.all, i)
	is.bytes += i.size()
	is.trim()
	return i
}

func (is *items) trim() {
	for len(is.all) > maxItems || is.bytes > maxItemBytes && len(is.all) > 1 {
		is.bytes -= is.all[0].size()
		is.all[0] = nil
		is.all = is.all[1:]
	}
}

// say sets an item's text; all: no more will come.
func (is *items) say(i *item, text string, all bool) {
	is.bytes += len(text) - len(i.text)
	i.text, i.done = text, all
	is.trim()
}

func (is *items) remove(id string) {
	for n, i := range is.all {
		if id != "" && i.id == id {
			is.bytes -= i.size()
			is.all = append(is.all[:n:n], is.all[n+1:]...)
			return
		}
	}
}

// added enters an item that the server announces. The first ones that it announces of ours are those that were sent
// first.
func (is *items) added(raw []byte) {
	announced := gjson.ParseBytes(raw)
	id, role, kind := announced.Get("id").Str, announced.Get("role").Str, announced.Get("type").Str
	if is.find(id) != nil {
		return
	}
	if len(is.echoes) > 0 && announced.Get("content.0.type").Str != "input_audio" {
		if first := is.echoes[0]; first.kind() == kind && first.role == role {
			first.id = id
			is.echoes = is.echoes[1:]
			return
		}
	}
	if kind == "message" {
		is.named(id, role)
	}
}

// refused forgets that an item was sent, if this event id is its.
func (is *items) refused(eventID string) bool {
	for n, e := range is.echoes {
		if eventID != "" && e.eventID == eventID {
			is.echoes = append(is.echoes[:n:n], is.echoes[n+1:]...)
			return true
		}
	}
	return false
}

// echoesOver: a server names what it was sent before it goes on; this one does not.
func (is *items) echoesOver() { is.echoes = nil }

// call enters a function call of the model's or an output of the client's.
func (is *items) call(id string, raw []byte) *item {
	i := is.named(id, "")
	is.bytes += len(raw) - len(i.raw)
	i.raw = append(json.RawMessage(nil), raw...)
	i.done = true
	is.trim()
	return i
}

// client enters what an event of the client's adds to the conversation.
func (is *items) client(msg []byte) {
	event := gjson.ParseBytes(msg)
	switch event.Get("type").Str {
	case "session.update":
		if len(is.updates) == maxUpdates {
			is.updates = is.updates[1:]
		}
		is.updates = append(is.updates, append([]byte(nil), msg...))
	case "conversation.item.create":
		given := event.Get("item")
		var i *item
		switch given.Get("type").Str {
		case "function_call_output", "function_call":
			i = is.call(given.Get("id").Str, []byte(given.Raw))
		case "message":
			i = is.named(given.Get("id").Str, given.Get("role").Str)
			is.say(i, given.Get("content.0.text").Str, true)
		}
		if i != nil && i.id == "" {
			is.echoes = append(is.echoes, echo{i, realtime.EventID(msg)})
		}
	}
}

// replay is the conversation as client events, oldest first. The items have no ids until the server has named them: it
// may give those of the former connection to others.
func (is *items) replay(p *realtime.Provider, eventID func() string) (events [][]byte) {
	is.echoes = nil
	for _, i := range is.all {
		i.id = ""
		var msg []byte
		if text := i.heardText(); i.raw != nil {
			msg = realtime.RestoreItem(i.raw)
		} else if i.text != "" && text != "" {
			msg = realtime.MessageItem(p, i.role, text)
		}
		if msg == nil {
			continue
		}
		msg = realtime.WithEventID(msg, eventID())
		is.echoes = append(is.echoes, echo{i, realtime.EventID(msg)})
		events = append(events, msg)
	}
	return events
}
