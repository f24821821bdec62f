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
// field of a wrong type counts as missing. So does a status, or an id of something that lasts, of more than 512 bytes.
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

	// OutOfBand: the response does not belong to the conversation, of KindResponseCreated and KindResponseDone. Servers
	// say so by a conversation_id of null. One that leaves the field out has said nothing, and OutOfBand is false.
	OutOfBand bool
	// ConversationID is that of a response, "" where the server does not say or the response is out of band.
	ConversationID string

	Modality string // of a response: Spoken or Written, "" where the server does not say

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
	Output  []byte // JSON array of a response's items, of KindResponseDone; a part of the message
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

// Usage counts the tokens of a response, or of several. Input and output tokens are text, audio or images; a server
// that tells only the sum leaves the parts 0. The cached ones are part of the input ones, and are charged less.
type Usage struct {
	InputTokens       int64 `json:"input_tokens"`
	OutputTokens      int64 `json:"output_tokens"`
	CachedTokens      int64 `json:"cached_tokens"`
	InputTextTokens   int64 `json:"input_text_tokens"`
	InputAudioTokens  int64 `json:"input_audio_tokens"`
	CachedTextTokens  int64 `json:"cached_text_tokens"`
	CachedAudioTokens int64 `json:"cached_audio_tokens"`
	OutputTextTokens  int64 `json:"output_text_tokens"`
	OutputAudioTokens int64 `json:"output_audio_tokens"`
}

// Add adds v to u.
func (u *Usage) Add(v Usage) {
	u.InputTokens += v.InputTokens
	u.OutputTokens += v.OutputTokens
	u.CachedTokens += v.CachedTokens
	u.InputTextTokens += v.InputTextTokens
	u.InputAudioTokens += v.InputAudioTokens
	u.CachedTextTokens += v.CachedTextTokens
	u.CachedAudioTokens += v.CachedAudioTokens
	u.OutputTextTokens += v.OutputTextTokens
	u.OutputAudioTokens += v.OutputAudioTokens
}

// usageOf reads the usage of a response, zero where it has none.
func usageOf(r gjson.Result) Usage {
	if !r.IsObject() {
		return Usage{}
	}
	in, out := r.Get("input_token_details"), r.Get("output_token_details")
	cached := in.Get("cached_tokens_details")
	return Usage{
		InputTokens:       count(r.Get("input_tokens")),
		OutputTokens:      count(r.Get("output_tokens")),
		CachedTokens:      count(in.Get("cached_tokens")),
		InputTextTokens:   count(in.Get("text_tokens")),
		InputAudioTokens:  count(in.Get("audio_tokens")),
		CachedTextTokens:  count(cached.Get("text_tokens")),
		CachedAudioTokens: count(cached.Get("audio_tokens")),
		OutputTextTokens:  count(out.Get("text_tokens")),
		OutputAudioTokens: count(out.Get("audio_tokens")),
	}
}

// ErrNotAnEvent says that a message is no JSON object with a type.
var ErrNotAnEvent = errors.New("not a Realtime event")

// maxDepth bounds the nesting of a message: gjson, like most parsers, recurses.
const maxDepth = 128

// fields is what of an event's top level is understood.
type fields struct {
	typ, eventID, responseID, itemID, contentIndex, outputIndex gjson.Result
	delta, text, transcript, arguments, callID, name            gjson.Result
	audioStart, audioEnd                                        gjson.Result
	session, item, response, err, message, code                 gjson.Result
}

// A Parser reads the messages of one server. It remembers no more than the ids of the last audio delta. The zero value is
// ready. It is not safe for concurrent use.
type Parser struct {
	responseID, itemID string
}

// Parse reads one server message. Delta, Session, Item and Output of the event are parts of msg, which must not change
// while they are used; nothing else is. The error wraps ErrNotAnEvent and quotes nothing of the message.
func (p *Parser) Parse(msg []byte) (Event, error) {
	if e, ok := p.delta(msg); ok {
		return e, nil
	}
	return parse(msg)
}

// Parse reads one message as a Parser does that has read none before.
func Parse(msg []byte) (Event, error) {
	var p Parser
	return p.Parse(msg)
}

// parse reads any message, the careful way.
func parse(msg []byte) (Event, error) {
	if deep(msg) {
		return Event{}, fmt.Errorf("%w: nested deeper than %d", ErrNotAnEvent, maxDepth)
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
	e.ResponseID = name(f.responseID)
	e.ItemID = name(f.itemID)
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
				e.ItemID = name(f.item.Get("id"))
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
		if output := f.response.Get("output"); e.Kind == KindResponseDone && output.IsArray() {
			e.Output = partOf(msg, output)
		}
	}
}

func (e *Event) response(r gjson.Result) {
	if !r.IsObject() {
		return
	}
	if e.ResponseID == "" {
		e.ResponseID = name(r.Get("id"))
	}
	conversation := r.Get("conversation_id")
	e.OutOfBand = conversation.Exists() && conversation.Type == gjson.Null
	e.ConversationID = name(conversation)
	e.Modality = modality(r)
	e.Status = name(r.Get("status"))
	details := r.Get("status_details")
	if details.IsObject() {
		e.Reason = text(details.Get("reason"))
		e.Error.read(details.Get("error"))
	} else {
		e.Reason = text(details) // some compatible servers
	}
	e.Usage = usageOf(r.Get("usage"))
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

// maxErrorText bounds an error's text, in bytes: it is masked, and people read it.
const maxErrorText = 4000

// errorText is what an error says. A server quotes a part of the key that it refuses, which is masked.
func errorText(r gjson.Result) string {
	said := text(r)
	if len(said) > maxErrorText {
		said = strings.ToValidUTF8(said[:maxErrorText], "") + "..."
	}
	return secret.Mask(said)
}

// deep reports whether msg nests objects and arrays deeper than maxDepth. It need not be right about a message that
// is no JSON: the validation that follows stops at the first fault, and up to there the two agree.
func deep(msg []byte) bool {
	depth := 0
	for i := 0; i < len(msg); i++ {
		switch msg[i] {
		case '"':
			i = stringEnd(msg, i) - 1
		case '{', '[':
			if depth++; depth > maxDepth {
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

// maxName bounds what a server calls something, in bytes: names are remembered.
const maxName = 512

// name is a copy of a short string, "" for anything else.
func name(r gjson.Result) string {
	if len(r.Str) > maxName {
		return ""
	}
	return text(r)
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
