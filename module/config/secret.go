package config

import (
	"fmt"
	"io"
)

// Secret is a text that no formatting shows. string(s) is the text itself.
type Secret string

const hidden = "***"

// String is stars, or "" if there is no secret.
func (s Secret) String() string {
	if s == "" {
		return ""
	}
	return hidden
}

// GoString hides the secret from %#v.
func (s Secret) GoString() string { return `"` + s.String() + `"` }

// Format hides the secret from every verb of fmt, %x and %q among them.
func (s Secret) Format(f fmt.State, verb rune) {
	text := s.String()
	if verb == 'q' || verb == 'v' && f.Flag('#') {
		text = s.GoString()
	}
	_, _ = io.WriteString(f, text) // fmt has no use for the error either
}

// MarshalText hides the secret from encoding/json and encoding/xml. As the key of a map encoding/json would show it.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }
