package hostlog

import (
	"net/url"
	"regexp"
	"strings"
)

var parameterName = regexp.MustCompile(`(?i)^(?:` + secretParameter + `)$`)

// MaskURL is u for a log: without user and password, and without the values of query parameters that carry a
// credential. It is "" for nil.
func MaskURL(u *url.URL) string {
	if u == nil {
		return ""
	}
	shown := *u
	if shown.User != nil {
		shown.User = nil
	}
	var query []string
	for pair := range strings.SplitSeq(shown.RawQuery, "&") {
		name, value, _ := strings.Cut(pair, "=")
		if plain, err := url.QueryUnescape(name); value != "" && (err != nil || parameterName.MatchString(plain)) {
			pair = name + "=" + masked
		}
		query = append(query, pair)
	}
	shown.RawQuery = strings.Join(query, "&")
	return Mask(shown.String())
}

// URLSecrets are the secrets in u, for a Masker: its password and the values of the parameters that MaskURL masks. u may
// be nil.
func URLSecrets(u *url.URL) []string {
	if u == nil {
		return nil
	}
	var secrets []string
	if password, ok := u.User.Password(); ok {
		secrets = append(secrets, password)
	}
	for pair := range strings.SplitSeq(u.RawQuery, "&") {
		name, value, _ := strings.Cut(pair, "=")
		plain, err := url.QueryUnescape(name)
		if value == "" || err == nil && !parameterName.MatchString(plain) {
			continue
		}
		secrets = append(secrets, value)
		if plain, err := url.QueryUnescape(value); err == nil && plain != value {
			secrets = append(secrets, plain)
		}
	}
	return secrets
}
