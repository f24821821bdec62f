package config

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"mod_openai_audio_stream/module/command"
)

// prewarmParam is the param of a profile that says how many of its connections are kept open for the next calls. It is of
// no stream, so it is neither a setting nor a word of start.
const prewarmParam = "prewarm"

// maxPrewarm is how many that may be.
const maxPrewarm = 100

// connectionParams are the params of a profile that say how a connection is opened.
var connectionParams = []string{
	"url", "rate", "api-key", "extra-headers", "provider", "disable-message-deflate", "heart-beat", "tls-ca-file", "tls-cert-file",
	"tls-key-file", "tls-disable-hostname-validation", "input-format", "output-format",
}

// connection are those of params that are among connectionParams.
func connection(params []param) []param {
	return slices.DeleteFunc(slices.Clone(params), func(p param) bool { return !slices.Contains(connectionParams, p.name) })
}

// Prewarm is how many connections of each profile are kept open for the next calls, of those that want any.
func (f *File) Prewarm() map[string]int {
	wanted := map[string]int{}
	for name, p := range f.profiles {
		if p.prewarm > 0 {
			wanted[name] = p.prewarm
		}
	}
	return wanted
}

// ResolveConnection is Resolve for a connection that is opened before there is a call: there are no variables, and only the
// settings of the connection are set beside those of the file. A profile that needs variables for them is refused.
func (f *File) ResolveConnection(c *command.Command) (Settings, error) {
	only := *f
	only.late = connection(f.late)
	if own, ok := f.profiles[c.Profile]; ok {
		if err := withoutVariables(own.params); err != nil {
			return f.Settings, fmt.Errorf("profile %q: %w", clip(c.Profile), err)
		}
		only.profiles = map[string]profile{c.Profile: {params: connection(own.params)}}
	}
	return only.Resolve(c, func(string) string { return "" })
}

// withoutVariables refuses variables in how the connection is opened.
func withoutVariables(params []param) error {
	for _, p := range connection(params) {
		if _, rest, found := strings.Cut(p.value, "${"); found {
			name, _, _ := strings.Cut(rest, "}")
			return fmt.Errorf("param %q: it has ${%s}: expected no variables, which a connection can't know that is opened before the call",
				p.name, clip(name))
		}
	}
	return nil
}

// parsePrewarm takes the param of a profile whose others are params.
func parsePrewarm(value string, params []param) (int, error) {
	if value == "" {
		return 0, nil
	}
	n, err := strconv.Atoi(value)
	if err != nil || n < 0 || n > maxPrewarm {
		return 0, fmt.Errorf("param %q %q: expected a number from 0 to %d", prewarmParam, clip(value), maxPrewarm)
	}
	if n == 0 {
		return 0, nil
	}
	if err := withoutVariables(params); err != nil {
		return 0, fmt.Errorf("param %q %q: %w", prewarmParam, value, err)
	}
	return n, nil
}
