package secret

import (
	"net/url"
	"regexp"
	"strings"
)

var parameterName = regexp.MustCompile(`(?i)^(?:` + secretParameter + `)$`)

// InURL are the secrets in u, for a Masker: its password and the values of query parameters that carry credentials. u
// may be nil.
func InURL(u *url.URL) []string {
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
