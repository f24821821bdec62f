package hostlog

import (
	"net/url"
	"regexp"
	"sort"
	"strings"
)

// masked stands where a secret was.
const masked = "***"

// secretMin is the length below which a word is not masked wherever it stands: it would take half of a text with it.
const secretMin = 6

// patterns find what looks like a secret, wherever it comes from. The first group is kept.
var patterns = []*regexp.Regexp{
	// OpenAI's keys, also half masked as servers quote them (sk-ab***yz).
	regexp.MustCompile(`()\b(?:sk|ek)[-_][A-Za-z0-9_*.\-]{3,}`),
	regexp.MustCompile(`(?i)(\bbearer\s+)[^\s"',;]+`),
	regexp.MustCompile(`(?i)(["']?\b(?:x-)?(?:api[-_]?key|authorization)["']?\s*[:=]\s*["']?)(?:bearer\s+|basic\s+)?[^\s"',;&*][^\s"',;&]*`),
	regexp.MustCompile(`(?i)([?&](?:api[-_]?key|key|token|access_token|sig|signature|secret)=)[^&\s"']*`),
}

// Mask takes everything that looks like a secret out of a text.
func Mask(text string) string {
	for _, p := range patterns {
		if p.MatchString(text) {
			text = p.ReplaceAllString(text, "${1}"+masked)
		}
	}
	return text
}

// Masker knows the secrets of one stream. It does not change, so any goroutine may use it.
type Masker struct{ replacer *strings.Replacer }

// NewMasker returns a masker of the secrets and of their percent-encoded forms. Empty and very short ones are left out.
func NewMasker(secrets ...string) *Masker {
	var words []string
	for _, s := range secrets {
		if len(s) >= secretMin {
			words = append(words, s)
			if escaped := url.QueryEscape(s); escaped != s {
				words = append(words, escaped)
			}
		}
	}
	// A replacer takes the first of its words that matches: longer ones first, or a tail would remain.
	sort.Slice(words, func(i, j int) bool { return len(words[i]) > len(words[j]) })
	var pairs []string
	for _, w := range words {
		pairs = append(pairs, w, masked)
	}
	return &Masker{strings.NewReplacer(pairs...)}
}

// Mask takes the masker's secrets, and everything that looks like one, out of a text.
func (m *Masker) Mask(text string) string { return Mask(m.replacer.Replace(text)) }
