package secret

import (
	"bytes"

	"github.com/tidwall/gjson"
)

// Body returns a JSON text whose strings hold none of the secrets of eight characters or more. Everything else stays as
// it is, also what only looks like a secret, and valid JSON stays valid. It returns body itself when there is nothing to
// replace, and never changes it.
func (m *Masker) Body(body []byte) []byte {
	k := m.known.Load()
	if k == nil {
		return body
	}
	for {
		shown := k.replaceInJSON(body)
		if len(shown) == len(body) {
			return body
		}
		body = shown // the stars, with what is beside them, may form another secret
	}
}

// replaceInJSON replaces the secrets once, and returns body itself if there is none.
func (k *known) replaceInJSON(body []byte) []byte {
	f := finder{needles: k.body, body: body}
	at, n := f.next(0)
	if n == 0 {
		return body
	}
	literals := literals{body: body}
	isJSON := gjson.ValidBytes(body)
	var out []byte
	kept := 0 // what lies before it is in out
	for n > 0 {
		if isJSON && !literals.holds(at) { // half of an escape, or a number
			at, n = f.next(at + 1)
			continue
		}
		out = append(out, body[kept:at]...)
		out = append(out, masked...)
		kept = at + n
		at, n = f.next(kept)
	}
	if kept == 0 {
		return body
	}
	return append(out, body[kept:]...)
}

// finder finds the needles in a text, from left to right.
type finder struct {
	needles [][]byte // longest first
	body    []byte
	at      []int // where the next one of each is; len(body) if there is none
}

// next is the place and the length of the first needle at from or after it, of several the longest. The length is 0 if
// there is none. from may only grow.
func (f *finder) next(from int) (at, n int) {
	if f.at == nil {
		f.at = make([]int, len(f.needles))
		for i := range f.at {
			f.at[i] = -1
		}
	}
	at = len(f.body)
	for i, needle := range f.needles {
		if f.at[i] < from {
			if f.at[i] = len(f.body); from < len(f.body) {
				if next := bytes.Index(f.body[from:], needle); next >= 0 {
					f.at[i] = from + next
				}
			}
		}
		if f.at[i] < at {
			at, n = f.at[i], len(needle)
		}
	}
	return at, n
}

// literals walks through the strings of a JSON text.
type literals struct {
	body       []byte
	start, end int // of the present string, with its quotes
}

// holds reports whether a character of a string begins at this place. The places may only grow.
func (l *literals) holds(at int) bool {
	for l.end <= at {
		quote := bytes.IndexByte(l.body[l.end:], '"')
		if quote < 0 {
			return false
		}
		l.start = l.end + quote
		l.end = l.start + 1
		for l.body[l.end] != '"' {
			if l.body[l.end] == '\\' {
				l.end++
			}
			l.end++
		}
		l.end++
	}
	return at > l.start && !inEscape(l.body[l.start+1:at])
}

// inEscape reports whether before ends in the midst of an escape: \, or \u and less than four digits.
func inEscape(before []byte) bool {
	for back := 1; back <= min(5, len(before)); back++ {
		start := len(before) - back
		if before[start] != '\\' || back > 1 && before[start+1] != 'u' {
			continue
		}
		backslashes := len(before[:start+1]) - len(bytes.TrimRight(before[:start+1], `\`))
		if backslashes%2 == 1 {
			return true
		}
	}
	return false
}
