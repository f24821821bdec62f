package ledger

import (
	"encoding/json"
	"slices"
	"strings"
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

// roles are those of messages.
var roles = []string{"user", "assistant", "system"}

// item is one item of the conversation in a form that a new session accepts: text, never audio.
type item struct {
	id      string // in the present connection; "" if its server has not named it
	eventID string // of the event that told the server of it last, "" for none
	role    string // user, assistant, system; "" for a function call or its output
	text    string
	done    bool            // text is all of it
	spoken  bool            // text was to be heard
	raw     json.RawMessage // function_call and function_call_output items, as the server or the client gave them
	parts   []*part         // its audio
}

func (i *item) size() int { return len(i.text) + len(i.raw) }

// kind is the item's type in the protocol.
func (i *item) kind() string {
	if i.raw != nil {
		return gjson.GetBytes(i.raw, "type").Str
	}
	return "message"
}

// callID is that of a function call or its output.
func (i *item) callID() string { return gjson.GetBytes(i.raw, "call_id").Str }

// heardText is the part of the text that the caller has heard or will hear. A transcript has no times, so it is cut where
// the audio was, in proportion. A server forgets the text of an item that is truncated.
func (i *item) heardText() string {
	var generated, heard int64
	for _, p := range i.parts {
		generated += int64(p.generated)
		heard += int64(max(p.queued-p.flushing, p.played))
	}
	switch {
	case generated == 0 && i.spoken:
		return ""
	case heard >= generated-int64(wholeWithin):
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

// bounded is a text without what is beyond maxItemBytes.
func bounded(text string) string {
	if len(text) <= maxItemBytes {
		return text
	}
	return strings.Clone(strings.ToValidUTF8(text[:maxItemBytes], "")) // so that the rest does not stay in memory
}

// say sets an item's text; all: no more will come.
func (is *items) say(i *item, text string, all bool) {
	text = bounded(text)
	is.bytes += len(text) - len(i.text)
	i.text, i.done = text, all
	is.trim()
}

func (is *items) remove(id string) {
	is.drop(func(i *item) bool { return id != "" && i.id == id })
}

// drop forgets the items that unwanted names.
func (is *items) drop(unwanted func(*item) bool) {
	is.all = slices.DeleteFunc(is.all, func(i *item) bool {
		if !unwanted(i) {
			return false
		}
		is.bytes -= i.size()
		return true
	})
}

// added enters an item that the server announces. It may be one of ours that has no id yet.
func (is *items) added(id string, raw []byte) {
	announced := gjson.ParseBytes(raw)
	role, kind := announced.Get("role").Str, announced.Get("type").Str
	if is.find(id) != nil {
		return
	}
	for _, i := range is.all {
		if i.id == "" && i.role == role && i.kind() == kind && i.says(announced) {
			i.id = id
			return
		}
	}
	if n := slices.Index(roles, role); kind == "message" && n >= 0 {
		is.named(id, roles[n]) // not role: it is a part of the announcement, which would stay in memory with it
	}
}

// says reports whether the item that the server announces has the content of this one.
func (i *item) says(announced gjson.Result) bool {
	if i.raw != nil {
		return announced.Get("call_id").Str == i.callID()
	}
	text := announced.Get("content.0.text").Str
	return text != "" && text == i.heardText()
}

// refused forgets the item that the server was told of by this event and has not taken.
func (is *items) refused(eventID string) {
	is.drop(func(i *item) bool { return eventID != "" && i.eventID == eventID })
}

// call enters a function call of the model's or an output of the client's.
func (is *items) call(id string, raw []byte) *item {
	i := is.named(id, "")
	is.bytes += len(raw) - len(i.raw)
	i.raw = append(json.RawMessage(nil), raw...)
	is.trim()
	return i
}

// calls reports whether the function call with this id is one of the items.
func (is *items) calls(callID string) bool {
	for n := len(is.all) - 1; n >= 0; n-- {
		if i := is.all[n]; i.kind() == "function_call" && i.callID() == callID {
			return true
		}
	}
	return false
}

// client enters what an event of the client's adds to the conversation.
func (is *items) client(msg []byte) {
	switch eventType(msg) {
	case "session.update":
		if len(is.updates) == maxUpdates {
			is.updates = is.updates[1:]
		}
		is.updates = append(is.updates, append([]byte(nil), msg...))
	case "conversation.item.create":
		given := func(path string) gjson.Result { return gjson.GetBytes(msg, "item"+path) } // copies what it finds
		var i *item
		switch given(".type").Str {
		case "function_call_output", "function_call":
			i = is.call(given(".id").Str, []byte(given("").Raw))
		case "message":
			i = is.named(given(".id").Str, given(".role").Str)
			is.say(i, given(".content.0.text").Str, true)
		}
		if i != nil {
			i.eventID = realtime.EventID(msg)
		}
	}
}

// replay is the conversation as client events, oldest first. The items have no ids until the server has named them: it
// may give those of the former connection to others. What there is nothing to tell of is forgotten: no more will come. So
// is the output of a call that is: a server refuses it.
func (is *items) replay(p *realtime.Provider, eventID func() string) (events [][]byte) {
	called := map[string]bool{}
	is.drop(func(i *item) bool {
		var msg []byte
		switch i.kind() {
		case "function_call":
			called[i.callID()] = true
		case "function_call_output":
			if !called[i.callID()] {
				return true
			}
		}
		if text := i.heardText(); i.raw != nil {
			msg = realtime.RestoreItem(i.raw)
		} else if text != "" {
			msg = realtime.MessageItem(p, i.role, text)
		}
		if msg == nil {
			return true
		}
		i.id, i.eventID = "", eventID()
		events = append(events, realtime.WithEventID(msg, i.eventID))
		return false
	})
	return events
}
