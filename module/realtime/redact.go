package realtime

import (
	"bytes"
	"fmt"
	"strings"
	"unicode/utf8"
)

// Redact is a message, of either direction, as a log shows it: audio replaced by its length, control characters turned to
// spaces, cut after about most bytes. Secrets are not masked: the log's writer does that, on the short text.
func Redact(msg []byte, most int) string {
	out := make([]byte, 0, min(len(msg), most)+64)
	deltas := bytes.Contains(msg, []byte(`audio.delta"`)) // in other events a delta is text
	rest := msg
	for len(rest) > 0 && len(out) < most {
		quote := bytes.IndexByte(rest, '"')
		if quote < 0 {
			out = append(out, rest[:min(len(rest), most)]...)
			rest = rest[min(len(rest), most):]
			break
		}
		end := stringEnd(rest, quote)
		if name := rest[quote:end]; string(name) == `"audio"` || deltas && string(name) == `"delta"` {
			if value, next, ok := stringValue(rest, end); ok {
				out = append(out, rest[:end]...)
				out = fmt.Appendf(out, `:"<%d bytes of audio>"`, audioBytes(value))
				rest = rest[next:]
				continue
			}
		}
		end = min(end, most) // longer than that is cut anyway
		out = append(out, rest[:end]...)
		rest = rest[end:]
	}
	cut := len(rest) > 0
	if len(out) > most {
		end := most
		for end > max(most-utf8.UTFMax, 0) && !utf8.RuneStart(out[end]) {
			end--
		}
		out = out[:end]
		cut = true
	}
	for i, c := range out {
		if c < ' ' || c == 0x7f { // a message must not be able to write log lines of its own
			out[i] = ' '
		}
	}
	shown := strings.ToValidUTF8(string(out), "\uFFFD")
	if cut {
		return fmt.Sprintf("%s... (%d bytes)", shown, len(msg))
	}
	return shown
}

// stringEnd is the position after the string that opens at start, the end of b if it does not close.
func stringEnd(b []byte, start int) int {
	for i := start + 1; i < len(b); {
		quote := bytes.IndexByte(b[i:], '"')
		if quote < 0 {
			return len(b)
		}
		i += quote
		backslashes := 0
		for b[i-1-backslashes] == '\\' { // ends at the opening quote at the latest
			backslashes++
		}
		i++
		if backslashes%2 == 0 {
			return i
		}
	}
	return len(b)
}

// stringValue is the string that follows, after a colon, the name that ends at end; ok is false if it is no string.
func stringValue(b []byte, end int) (value []byte, next int, ok bool) {
	i := end
	for colon := false; i < len(b); i++ {
		switch c := b[i]; {
		case c == ' ' || c == '\t' || c == '\n' || c == '\r':
		case c == ':' && !colon:
			colon = true
		case c == '"' && colon:
			next = stringEnd(b, i)
			return bytes.TrimSuffix(b[i+1:next], []byte(`"`)), next, true
		default:
			return nil, 0, false
		}
	}
	return nil, 0, false
}

// audioBytes is how many bytes a base64 text stands for.
func audioBytes(value []byte) int {
	n := len(value) - bytes.Count(value, []byte(`\`))
	for i := len(value) - 1; i >= 0 && value[i] == '=' && len(value)-i <= 2; i-- {
		n--
	}
	return n * 3 / 4
}
