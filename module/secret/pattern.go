package secret

import (
	"regexp"
	"strings"
)

// masked stands in the place of a secret.
const masked = "***"

// Names whose value is a secret, in headers and in JSON. Counters such as max_output_tokens are not among them.
const secretName = `[\w-]*(?:api[-_]?key|authorization|access[-_]?token|auth[-_]?token|client[-_]?secret|password)`

// Query parameters that carry a credential: Azure's api-key, and the usual names of others.
const secretParameter = `api-key|api_key|apikey|key|token|access_token|auth|authorization|sig|signature|password|secret|client_secret|code`

// A quote, as it is, or escaped any number of times by JSON inside JSON.
const quote = `\\*["']`

var patterns = []struct {
	// hints are what a text must contain, in lower case, for the expression to be worth running; a log line in a
	// hundred holds a secret.
	hints       []string
	find        *regexp.Regexp
	replacement string
}{
	{ // "authorization":"Basic Zm9v" and its escaped form: everything up to the closing quote
		[]string{"key", "auth", "token", "secret", "password"},
		regexp.MustCompile(`(?i)(` + quote + secretName + quote + `\s*:\s*` + quote + `)(?:[^"'\\]|\\+[^"'\\])+`),
		"${1}" + masked,
	},
	{ // api-key: x, Authorization: Basic x, api_key=x
		[]string{"key", "auth", "token", "secret", "password"},
		regexp.MustCompile(`(?i)\b(` + secretName + `\s*[:=]\s*)(?:(?:bearer|basic|digest|token|negotiate)\s+)?[^\s"'\\,;&*][^\s"'\\,;&]*`),
		"${1}" + masked,
	},
	{
		[]string{"bearer"},
		regexp.MustCompile(`(?i)\b(bearer\s+)[^\s"'\\,;]+`),
		"${1}" + masked,
	},
	{ // what the server says of a key that it refuses: part of it, with stars in the middle, whatever its form
		[]string{"provided"},
		regexp.MustCompile(`(?i)\b((?:api )?key provided:?\s*)` + `(?:` + quote + `)?[^\s"'\\]+`),
		"${1}" + masked,
	},
	{ // OpenAI's keys and ephemeral keys, whole or with stars
		[]string{"sk-", "sk_", "ek-", "ek_", "rk-", "rk_"},
		regexp.MustCompile(`(?i)\b[ser]k[-_][A-Za-z0-9_\-.*]{4,}`),
		masked,
	},
	{ // the key as a subprotocol, as browsers send it
		[]string{"api-key."},
		regexp.MustCompile(`(?i)(api-key\.)[^\s"'\\,;]+`),
		"${1}" + masked,
	},
	{ // JSON writes & as \u0026, HTML as &amp;
		[]string{"="},
		regexp.MustCompile(`(?i)((?:[?&]|\\u0026|&amp;)(?:` + secretParameter + `)=)(?:[^&\s"'\\#<>])+`),
		"${1}" + masked,
	},
	{ // user and password in a URL
		[]string{"@"},
		regexp.MustCompile(`(?i)\b([a-z][a-z0-9+.-]*://)[^\s/"'\\?#]+@`),
		"${1}" + masked + "@",
	},
}

// Mask replaces what looks like a secret by stars: OpenAI's keys (sk-..., ek_...), whole or as the fragments that a
// server echoes, bearer tokens, the values of headers, JSON fields and query parameters that carry credentials, and
// user names and passwords in URLs. It would rather mask a word too many. It may be called concurrently.
func Mask(text string) string {
	lower := strings.ToLower(text)
	for i := range patterns {
		p := &patterns[i]
		for _, hint := range p.hints {
			if strings.Contains(lower, hint) {
				text = p.find.ReplaceAllString(text, p.replacement)
				break
			}
		}
	}
	return text
}
