package secret

import (
	"slices"
	"strings"
	"sync/atomic"
)

const (
	// minText is the length from which on Text masks a secret; shorter ones stand in every second word.
	minText = 4
	// minBody is the same for Body, which must not change a word that is no secret.
	minBody = 8
	// minBeginning is how long a secret's beginning must be to be masked on its own: a text that was cut may end in
	// the middle of a key.
	minBeginning = 8
)

// Masker masks the secrets of one call. The zero Masker knows none. Its methods may be called concurrently.
type Masker struct {
	known atomic.Pointer[known] // never changed in place
}

// known is what a Masker searches for: its secrets in every dress, longest first, so that a secret inside another does
// not leave the rest of it.
type known struct {
	text []string
	json []string // those that can stand in a JSON string, of secrets that are long enough for Body
	body [][]byte // the same
	// beginnings are those of the longer ones.
	beginnings []string
	// probes are the beginnings and the shorter ones: a text that contains none of them has nothing to mask.
	probes []string
}

// New returns a Masker of these secrets. See Add.
func New(secrets ...string) *Masker {
	m := &Masker{}
	m.Add(secrets...)
	return m
}

// Add makes the masker mask these secrets too, also as they look in a URL and in a JSON or Go string. Those of fewer
// than four characters, or of nothing but stars, are ignored.
func (m *Masker) Add(secrets ...string) {
	added := &known{}
	for _, s := range secrets {
		if len(s) < minText || strings.Trim(s, "*") == "" {
			continue
		}
		for _, d := range dresses(s) {
			added.text = append(added.text, d)
			if len(s) >= minBody && fitsJSON(d) {
				added.json = append(added.json, d)
			}
		}
	}
	for {
		old := m.known.Load()
		all := added
		if old != nil {
			all = &known{text: slices.Concat(old.text, added.text), json: slices.Concat(old.json, added.json)}
		}
		all.settle()
		if m.known.CompareAndSwap(old, all) {
			return
		}
	}
}

// settle puts the lists in order.
func (k *known) settle() {
	longestFirst := func(list []string) []string {
		slices.SortFunc(list, func(a, b string) int {
			if len(a) != len(b) {
				return len(b) - len(a)
			}
			return strings.Compare(a, b)
		})
		return slices.Compact(list)
	}
	k.text, k.json = longestFirst(k.text), longestFirst(k.json)
	k.body, k.beginnings, k.probes = nil, nil, nil
	for _, s := range k.json {
		k.body = append(k.body, []byte(s))
	}
	for _, s := range k.text {
		if hasBeginning(s) {
			k.beginnings = append(k.beginnings, s[:minBeginning])
		} else {
			k.probes = append(k.probes, s)
		}
	}
	k.beginnings = longestFirst(k.beginnings)
	k.probes = append(k.probes, k.beginnings...)
}

// Text returns text without any of the secrets, and without what Mask finds. Beginnings of a secret, of eight characters
// or more, are masked as well, because texts are cut.
func (m *Masker) Text(text string) string {
	known := m.known.Load()
	text = known.replace(text)
	if shown := Mask(text); shown != text {
		// What Mask put together from the pieces around a match must not be a secret either.
		return known.replace(shown)
	}
	return text
}

// replace replaces the secrets, and then the beginnings that are left. It ends because every replacement takes away at
// least one character that is no star.
func (k *known) replace(text string) string {
	if k == nil || !slices.ContainsFunc(k.probes, func(p string) bool { return strings.Contains(text, p) }) {
		return text
	}
	for {
		before := text
		for _, s := range k.text {
			text = strings.ReplaceAll(text, s, masked)
		}
		for _, b := range k.beginnings {
			text = k.replaceBeginnings(text, b)
		}
		if text == before {
			return text
		}
		// Once more: stars beside what was there may form another secret.
	}
}

// hasBeginning reports whether the secret is long enough for its beginning to be one too. Stars are not.
func hasBeginning(secret string) bool {
	return len(secret) >= 2*minBeginning && strings.Trim(secret[:minBeginning], "*") != ""
}

// replaceBeginnings replaces what begins as a secret does, as far as it goes on like one.
func (k *known) replaceBeginnings(text, beginning string) string {
	var out strings.Builder
	for {
		before, after, found := strings.Cut(text, beginning)
		out.WriteString(before)
		if !found {
			return out.String()
		}
		out.WriteString(masked)
		longest := 0
		for _, s := range k.text {
			if rest, ok := strings.CutPrefix(s, beginning); ok && hasBeginning(s) {
				longest = max(longest, common(rest, after))
			}
		}
		text = after[longest:]
	}
}

// common is how many bytes a and b begin with in common.
func common(a, b string) int {
	n := 0
	for n < len(a) && n < len(b) && a[n] == b[n] {
		n++
	}
	return n
}
