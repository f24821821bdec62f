package hostlog

import (
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
)

const (
	// secretLeast is the length from which on a text is masked as a secret; shorter ones stand in every second word.
	secretLeast = 4
	// fragmentLeast is how long a secret's beginning must be to be masked on its own: a text that was cut may end in
	// the middle of a key.
	fragmentLeast = 8
)

// Masker masks the secrets of one call wherever they stand, and then all that Mask finds. The zero Masker knows no
// secrets. Its methods may be called concurrently.
type Masker struct {
	secrets atomic.Pointer[[]string] // never changed in place; longest first
}

// NewMasker returns a Masker of these secrets. See Add.
func NewMasker(secrets ...string) *Masker {
	m := &Masker{}
	m.Add(secrets...)
	return m
}

// Add makes the masker mask these secrets too, also as they look in a URL and in a JSON or Go string. Those of fewer
// than four characters, or of nothing but stars, are ignored.
func (m *Masker) Add(secrets ...string) {
	for {
		old := m.secrets.Load()
		var all []string
		if old != nil {
			all = slices.Clone(*old)
		}
		for _, s := range secrets {
			if len(s) < secretLeast || strings.Trim(s, "*") == "" {
				continue
			}
			quoted := strconv.Quote(s)
			all = append(all, s, url.QueryEscape(s), url.PathEscape(s), quoted[1:len(quoted)-1])
		}
		slices.SortFunc(all, func(a, b string) int {
			if len(a) != len(b) {
				return len(b) - len(a) // longest first: a secret inside another must not leave the rest of it
			}
			return strings.Compare(a, b)
		})
		all = slices.Compact(all)
		if m.secrets.CompareAndSwap(old, &all) {
			return
		}
	}
}

// Mask returns text without any of the secrets, and without what the function Mask finds. Beginnings of a secret, of
// eight characters or more, are masked as well, because texts are cut.
func (m *Masker) Mask(text string) string {
	text = Mask(m.literal(text))
	// Whatever Mask put together from the pieces around a match must not be a secret either.
	return m.literal(text)
}

// literal replaces the secrets. It ends because every replacement takes away at least one character that is no star.
func (m *Masker) literal(text string) string {
	secrets := m.secrets.Load()
	if secrets == nil {
		return text
	}
	for again := true; again; {
		again = false
		for _, s := range *secrets {
			if strings.Contains(text, s) {
				text = strings.ReplaceAll(text, s, masked)
				again = true // stars beside what was there may form another one
			}
			if hasBeginning(s) && strings.Contains(text, s[:fragmentLeast]) {
				text = maskBeginnings(text, s)
				again = true
			}
		}
	}
	return text
}

// hasBeginning reports whether the secret is long enough for its beginning to be one too. Stars are not.
func hasBeginning(secret string) bool {
	return len(secret) >= 2*fragmentLeast && strings.Trim(secret[:fragmentLeast], "*") != ""
}

// maskBeginnings masks every beginning of secret, fragmentLeast bytes or more, as far as it goes.
func maskBeginnings(text, secret string) string {
	var out strings.Builder
	for {
		i := strings.Index(text, secret[:fragmentLeast])
		if i < 0 {
			out.WriteString(text)
			return out.String()
		}
		out.WriteString(text[:i])
		out.WriteString(masked)
		n := fragmentLeast
		for i+n < len(text) && n < len(secret) && text[i+n] == secret[n] {
			n++
		}
		text = text[i+n:]
	}
}
