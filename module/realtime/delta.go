package realtime

import (
	"bytes"
	"encoding/binary"
)

// Most of what a server sends is audio, and most of such a message is one string. A Parser has a fast way for it: a short
// look at the fields around that string, and no parser's look at the string itself. Whatever is unusual goes the careful
// way, which decides.

const (
	// maxPlain bounds a name or a value on the fast way, in bytes.
	maxPlain = 128
	// maxDigits bounds a number there: index takes any of so many.
	maxDigits = 4
)

// The fields of an audio delta, as bits.
const (
	seenType = 1 << iota
	seenResponseID
	seenItemID
	seenOutputIndex
	seenContentIndex
	seenDelta
)

// delta is the event of an audio delta that is written as servers write them: one object of strings without escapes and
// of small numbers, each field once. ok is false for any other message, be it an event or not.
func (p *Parser) delta(msg []byte) (e Event, ok bool) {
	seen := 0
	i := blank(msg, 0)
	for opening := byte('{'); i < len(msg) && msg[i] == opening; opening = ',' {
		name, next, ok := plain(msg, blank(msg, i+1))
		if !ok {
			return Event{}, false
		}
		if i = blank(msg, next); i == len(msg) || msg[i] != ':' {
			return Event{}, false
		}
		i = blank(msg, i+1)
		field := 0
		switch string(name) {
		case "type":
			field = seenType
			var value []byte
			value, i, ok = plain(msg, i)
			switch string(value) {
			case "response.output_audio.delta":
				e.Type = "response.output_audio.delta"
			case "response.audio.delta":
				e.Type = "response.audio.delta"
			default:
				ok = false
			}
		case "response_id":
			field = seenResponseID
			e.ResponseID, i, ok = remembered(&p.responseID, msg, i)
		case "item_id":
			field = seenItemID
			e.ItemID, i, ok = remembered(&p.itemID, msg, i)
		case "output_index":
			field = seenOutputIndex
			e.OutputIndex, i, ok = digits(msg, i)
		case "content_index":
			field = seenContentIndex
			e.ContentIndex, i, ok = digits(msg, i)
		case "delta":
			field = seenDelta
			e.Delta, i, ok = long(msg, i)
		default: // nobody reads it
			if i < len(msg) && msg[i] == '"' {
				_, i, ok = plain(msg, i)
			} else {
				_, i, ok = digits(msg, i)
			}
		}
		if !ok || seen&field != 0 {
			return Event{}, false
		}
		seen |= field
		i = blank(msg, i)
	}
	if seen&seenType == 0 || i == len(msg) || msg[i] != '}' || blank(msg, i+1) != len(msg) {
		return Event{}, false
	}
	e.Kind = KindAudioDelta
	return e, true
}

// blank is the first place from i on that is no JSON white space, len(msg) if there is none.
func blank(msg []byte, i int) int {
	for i < len(msg) && (msg[i] == ' ' || msg[i] == '\n' || msg[i] == '\r' || msg[i] == '\t') {
		i++
	}
	return i
}

// plain is the text of the string that begins at i, and the place after it. ok is false if it is no string, a long one,
// or one with anything but printable ASCII.
func plain(msg []byte, i int) (text []byte, next int, ok bool) {
	if i >= len(msg) || msg[i] != '"' {
		return nil, i, false
	}
	from := i + 1
	for i = from; i < len(msg) && i-from <= maxPlain; i++ {
		switch c := msg[i]; {
		case c == '"':
			return msg[from:i], i + 1, true
		case c < ' ' || c > '~' || c == '\\':
			return nil, i, false
		}
	}
	return nil, i, false
}

// remembered is the same as a string, last if it is equal: an answer's deltas all name the same ids.
func remembered(last *string, msg []byte, i int) (id string, next int, ok bool) {
	text, next, ok := plain(msg, i)
	if ok && string(text) != *last {
		*last = string(text)
	}
	return *last, next, ok
}

// digits is the natural number that begins at i, and the place after it.
func digits(msg []byte, i int) (n, next int, ok bool) {
	from := i
	for i < len(msg) && msg[i] >= '0' && msg[i] <= '9' && i-from < maxDigits {
		n = 10*n + int(msg[i]-'0')
		i++
	}
	// What follows is for the caller to judge: a fraction or a digit too many is neither a comma nor a brace.
	return n, i, i-from == 1 || i-from > 1 && msg[from] != '0'
}

// long is the text of a string of any length without escapes, and the place after it. It is what JSON lets a string be:
// anything but control characters.
func long(msg []byte, i int) (text []byte, next int, ok bool) {
	if i >= len(msg) || msg[i] != '"' {
		return nil, i, false
	}
	from := i + 1
	n := bytes.IndexByte(msg[from:], '"')
	if n < 0 {
		return nil, i, false
	}
	text = msg[from : from+n : from+n]
	return text, from + n + 1, bytes.IndexByte(text, '\\') < 0 && !control(text)
}

// control reports whether there is a control character of ASCII in text.
func control(text []byte) bool {
	const each = 0x0101010101010101
	// Taking a space's number from each of eight bytes sets the top bit of those that are less, if it was not set
	// before. A borrow may set it for a byte above such a one, but never without such a one.
	below := uint64(0)
	for ; len(text) >= 32; text = text[32:] {
		a, b := binary.LittleEndian.Uint64(text), binary.LittleEndian.Uint64(text[8:])
		c, d := binary.LittleEndian.Uint64(text[16:]), binary.LittleEndian.Uint64(text[24:])
		below |= (a-' '*each)&^a | (b-' '*each)&^b | (c-' '*each)&^c | (d-' '*each)&^d
	}
	if below&(0x80*each) != 0 {
		return true
	}
	for _, c := range text {
		if c < ' ' {
			return true
		}
	}
	return false
}
