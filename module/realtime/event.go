package realtime

import (
	"errors"
	"fmt"
	"strings"
	"time"
	"unsafe"

	"github.com/tidwall/gjson"

	"mod_openai_audio_stream/module/secret"
)

// Event is a server event. Which fields are set depends on the kind; any of them may be missing on some server, and a
// field of a wrong type counts as missing.
type Event struct {
	Kind    Kind
	Type    string // as the server wrote it
	EventID string // "" for audio deltas, where nobody reads it

	ResponseID   string
	ItemID       string
	ContentIndex int
	OutputIndex  int

	// Delta is the base64 of an audio delta, still JSON-escaped; DecodeAudio takes it. It is a part of the message.
	Delta []byte
	// Transcript is what was said or written: all of it in a done or completed event, a piece in a delta.
	Transcript string

	// Audio times in ms of all audio appended in this session; of the item's audio in KindItemTruncated.
	AudioStartMS int64
	AudioEndMS   int64

	Status string // of a response: in_progress, completed, cancelled, failed or incomplete
	Reason string // why a response was cancelled or incomplete, e.g. turn_detected
	Usage  Usage  // of a response that is done
	Error  Error  // of error events, failed responses and failed transcriptions

	CallID    string // of a function call
	Name      string // of the function; older servers give it only in the item
	Arguments string // of the function, JSON; a piece of it in KindArgumentsDelta

	ExpiresAt time.Time // when the server ends the session; zero if it does not say

	Session []byte // JSON object; a part of the message
	Item    []byte // JSON object; a part of the message
}

// Error is what a server says went wrong. Message is cut after 4000 bytes, and words that look like keys are masked in it:
// servers quote the key that they refuse.
type Error struct {
	Type    string
	Code    string
	Message string
	Param   string
	EventID string // of the client event that caused it
}

// Usage counts the tokens of a response. Cached ones are part of InputTokens.
type Usage struct {
	InputTokens       int64 `json:"input_tokens"`
	OutputTokens      int64 `json:"output_tokens"`
	CachedTokens      int64 `json:"cached_tokens"`
	InputAudioTokens  int64 `json:"input_audio_tokens"`
	OutputAudioTokens int64 `json:"output_audio_tokens"`
}

// Add adds v to u.
func (u *Usage) Add(v Usage) {
	u.InputTokens += v.InputTokens
	u.OutputTokens += v.OutputTokens
	u.CachedTokens += v.CachedTokens
	u.InputAudioTokens += v.InputAudioTokens
	u.OutputAudioTokens += v.OutputAudioTokens
}

// ErrNotAnEvent says that a message is no JSON object with a type.
var ErrNotAnEvent = errors.New("not a Realtime event")

// depthMost bounds the nesting of a message: gjson, like most parsers, recurses.
const depthMost = 128

// fields is what of an event's top level is understood.
type fields struct {
	typ, eventID, responseID, itemID, contentIndex, outputIndex gjson.Result
	delta, text, transcript, arguments, callID, name            gjson.Result
	audioStart, audioEnd                                        gjson.Result
	session, item, response, err, message, code                 gjson.Result
}

// Parse reads one server message. Delta, Session and Item of the event are parts of msg, which must not change while
// they are used; everything else is a copy. The error wraps ErrNotAnEvent and quotes nothing of the message.
func Parse(msg []byte) (Event, error) {
	if deep(msg) {
		return Event{}, fmt.Errorf("%w: nested deeper than %d", ErrNotAnEvent, depthMost)
	}
	if !gjson.ValidBytes(msg) {
		return Event{}, fmt.Errorf("%w: broken JSON", ErrNotAnEvent)
	}
	// gjson works on strings. The view is valid because msg does not change during the call, and what outlives the call
	// is copied out of it, which also keeps a short id from holding a message of megabytes in memory.
	root := gjson.Parse(unsafe.String(unsafe.SliceData(msg), len(msg)))
	if !root.IsObject() {
		return Event{}, fmt.Errorf("%w: no object", ErrNotAnEvent)
	}
	var f fields
	f.read(root)
	if f.typ.Type != gjson.String || f.typ.Str == "" {
		return Event{}, fmt.Errorf("%w: no type", ErrNotAnEvent)
	}
	var e Event
	if i, ok := knownTypes[f.typ.Str]; ok {
		e.Type, e.Kind = eventTypes[i].name, eventTypes[i].kind
	} else {
		e.Type = text(f.typ)
	}
	e.fill(&f, msg)
	return e, nil
}

// read collects the fields in one pass: looking each up would scan a long delta once for each.
func (f *fields) read(root gjson.Result) {
	root.ForEach(func(key, value gjson.Result) bool {
		switch key.Str {
		case "type":
			f.typ = value
		case "event_id":
			f.eventID = value
		case "response_id":
			f.responseID = value
		case "item_id":
			f.itemID = value
		case "content_index":
			f.contentIndex = value
		case "output_index":
			f.outputIndex = value
		case "delta":
			f.delta = value
		case "text":
			f.text = value
		case "transcript":
			f.transcript = value
		case "arguments":
			f.arguments = value
		case "call_id":
			f.callID = value
		case "name":
			f.name = value
		case "audio_start_ms":
			f.audioStart = value
		case "audio_end_ms":
			f.audioEnd = value
		case "session":
			f.session = value
		case "item":
			f.item = value
		case "response":
			f.response = value
		case "error":
			f.err = value
		case "message":
			f.message = value
		case "code":
			f.code = value
		}
		return true
	})
}

// fill sets the fields that an event of its kind has.
func (e *Event) fill(f *fields, msg []byte) {
	e.ResponseID = text(f.responseID)
	e.ItemID = text(f.itemID)
	e.ContentIndex = index(f.contentIndex)
	e.OutputIndex = index(f.outputIndex)
	if e.Kind == KindAudioDelta {
		if part := partOf(msg, f.delta); f.delta.Type == gjson.String && len(part) >= 2 {
			e.Delta = part[1 : len(part)-1]
		}
		return
	}
	e.EventID = text(f.eventID)
	switch e.Kind {
	case KindSessionCreated, KindSessionUpdated:
		if f.session.IsObject() {
			e.Session = partOf(msg, f.session)
			e.ExpiresAt = expiresAt(f.session)
		}
	case KindError:
		e.Error.read(f.err)
		if e.Error.Message == "" { // some compatible servers write it flat
			e.Error.Message = errorText(f.message)
		}
		if e.Error.Code == "" {
			e.Error.Code = text(f.code)
		}
	case KindInputTranscriptionFailed:
		e.Error.read(f.err)
	case KindItemAdded, KindItemDone, KindItemRetrieved, KindOutputItemAdded, KindOutputItemDone:
		if f.item.IsObject() {
			e.Item = partOf(msg, f.item)
			if e.ItemID == "" {
				e.ItemID = text(f.item.Get("id"))
			}
		}
	case KindSpeechStarted, KindSpeechStopped, KindTimeoutTriggered, KindItemTruncated:
		e.AudioStartMS, e.AudioEndMS = count(f.audioStart), count(f.audioEnd)
	case KindInputTranscriptionDelta, KindAudioTranscriptDelta, KindTextDelta:
		e.Transcript = text(f.delta)
	case KindInputTranscriptionCompleted, KindAudioTranscriptDone:
		e.Transcript = text(f.transcript)
	case KindTextDone:
		e.Transcript = text(f.text)
	case KindArgumentsDelta:
		e.CallID, e.Arguments = text(f.callID), text(f.delta)
	case KindArgumentsDone:
		e.CallID, e.Name, e.Arguments = text(f.callID), text(f.name), text(f.arguments)
	case KindResponseCreated, KindResponseDone:
		e.response(f.response)
	}
}

func (e *Event) response(r gjson.Result) {
	if !r.IsObject() {
		return
	}
	if e.ResponseID == "" {
		e.ResponseID = text(r.Get("id"))
	}
	e.Status = text(r.Get("status"))
	details := r.Get("status_details")
	if details.IsObject() {
		e.Reason = text(details.Get("reason"))
		e.Error.read(details.Get("error"))
	} else {
		e.Reason = text(details) // some compatible servers
	}
	if usage := r.Get("usage"); usage.IsObject() {
		e.Usage = Usage{
			InputTokens:       count(usage.Get("input_tokens")),
			OutputTokens:      count(usage.Get("output_tokens")),
			CachedTokens:      count(usage.Get("input_token_details.cached_tokens")),
			InputAudioTokens:  count(usage.Get("input_token_details.audio_tokens")),
			OutputAudioTokens: count(usage.Get("output_token_details.audio_tokens")),
		}
	}
}

func (e *Error) read(r gjson.Result) {
	if !r.IsObject() {
		e.Message = errorText(r) // "" unless it is a bare string
		return
	}
	e.Type, e.Code, e.Param = text(r.Get("type")), text(r.Get("code")), text(r.Get("param"))
	e.EventID = text(r.Get("event_id"))
	e.Message = errorText(r.Get("message"))
}

// errorTextMost bounds an error's text, in bytes: it is masked, and people read it.
const errorTextMost = 4000

// errorText is what an error says. A server quotes a part of the key that it refuses, which is masked.
func errorText(r gjson.Result) string {
	said := text(r)
	if len(said) > errorTextMost {
		said = strings.ToValidUTF8(said[:errorTextMost], "") + "..."
	}
	return secret.Mask(said)
}

// deep reports whether msg nests objects and arrays deeper than depthMost. It need not be right about a message that
// is no JSON: the validation that follows stops at the first fault, and up to there the two agree.
func deep(msg []byte) bool {
	depth := 0
	for i := 0; i < len(msg); i++ {
		switch msg[i] {
		case '"':
			i = stringEnd(msg, i) - 1
		case '{', '[':
			if depth++; depth > depthMost {
				return true
			}
		case '}', ']':
			depth--
		}
	}
	return false
}

// text is a copy of a string, "" for anything else. Broken UTF-8 is replaced.
func text(r gjson.Result) string {
	if r.Type != gjson.String {
		return ""
	}
	return strings.Clone(strings.ToValidUTF8(r.Str, "\uFFFD"))
}

// index is a small non-negative number, 0 for anything else.
func index(r gjson.Result) int {
	if n := count(r); n < 1<<16 {
		return int(n)
	}
	return 0
}

// count is a non-negative number without its fraction, 0 for anything else.
func count(r gjson.Result) int64 {
	if r.Type == gjson.Number && r.Num >= 0 && r.Num < 1<<53 {
		return int64(r.Num)
	}
	return 0
}

// partOf is the part of msg that holds r.
func partOf(msg []byte, r gjson.Result) []byte {
	if r.Index <= 0 || r.Index+len(r.Raw) > len(msg) {
		return nil
	}
	return msg[r.Index : r.Index+len(r.Raw) : r.Index+len(r.Raw)]
}
