package transport

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"golang.org/x/net/http/httpguts"
)

const (
	maxHeaders     = 64
	maxHeaderValue = 8 << 10 // what servers take of one line
)

// reservedHeaders belong to the connection and the upgrade, or to a proxy on the way.
var reservedHeaders = []string{
	"Connection", "Content-Length", "Content-Type", "Expect", "Host", "Keep-Alive", "Proxy-Authenticate",
	"Proxy-Authorization", "Proxy-Connection", "Te", "Trailer", "Transfer-Encoding", "Upgrade",
}

// credentialWords in a header's name say that its value is a secret.
var credentialWords = []string{"auth", "key", "token", "secret", "password", "cookie", "credential", "signature"}

// CredentialHeader reports whether the values of the header must not be shown.
func CredentialHeader(name string) bool {
	name = strings.ToLower(name)
	return slices.ContainsFunc(credentialWords, func(w string) bool { return strings.Contains(name, w) })
}

// CheckHeader reports why a header can't be sent with an upgrade: its name is no token (RFC 7230, 3.2.6) or belongs to
// the upgrade, or its value could end the line it stands on. The error does not repeat the value.
func CheckHeader(name, value string) error {
	canonical := http.CanonicalHeaderKey(name)
	switch {
	case !httpguts.ValidHeaderFieldName(name) || len(name) > maxHeaderValue:
		return fmt.Errorf("header name %q: expected letters, digits and hyphens", clip(name))
	case slices.Contains(reservedHeaders, canonical) || strings.HasPrefix(canonical, "Sec-Websocket-"):
		return fmt.Errorf("header %q: it belongs to the connection and can't be set", name)
	case !httpguts.ValidHeaderFieldValue(value):
		return fmt.Errorf("value of header %q: expected no line breaks or control characters", name)
	case len(value) > maxHeaderValue:
		return fmt.Errorf("value of header %q: expected at most %d bytes", name, maxHeaderValue)
	}
	return nil
}

// ParseHeaders reads a JSON object of header names to string values, {"Name":"value"}. Names that differ in case alone
// are the same header, and may come once. The error names the header, and never repeats a value.
func ParseHeaders(text []byte) (http.Header, error) {
	d := json.NewDecoder(bytes.NewReader(text))
	if open, err := d.Token(); err != nil || open != json.Delim('{') {
		return nil, errNoObject
	}
	h := http.Header{}
	for d.More() {
		token, err := d.Token()
		name, ok := token.(string)
		if err != nil || !ok {
			return nil, errNoObject
		}
		var value *string
		if err := d.Decode(&value); err != nil || value == nil {
			var other *json.UnmarshalTypeError
			if err == nil || errors.As(err, &other) {
				return nil, fmt.Errorf("value of header %q: expected a string", clip(name))
			}
			return nil, errNoObject
		}
		if err := CheckHeader(name, *value); err != nil {
			return nil, err
		}
		canonical := http.CanonicalHeaderKey(name)
		if _, twice := h[canonical]; twice {
			return nil, fmt.Errorf("header %q: expected once", canonical)
		}
		if h[canonical] = []string{strings.Trim(*value, " \t")}; len(h) > maxHeaders {
			return nil, fmt.Errorf("more than %d headers", maxHeaders)
		}
	}
	if _, err := d.Token(); err != nil || d.More() { // the closing brace, and nothing after it
		return nil, errNoObject
	}
	return h, nil
}

var errNoObject = errors.New(`expected a JSON object of strings, {"Name":"value"}`)

// clip shortens what is quoted in an error.
func clip(s string) string {
	const limit = 60
	if len(s) > limit {
		return s[:limit] + "..."
	}
	return s
}
