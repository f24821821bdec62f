// Package config is everything that can be set: defaults, the configuration file, its profiles and channel variables,
// described by one table. Nothing here changes after it was made, so any goroutine may use it.
package config

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/net/http/httpguts"

	"mod_openai_audio_stream/module/realtime"
	"mod_openai_audio_stream/module/transport"
)

// Secret is a text that no formatting shows.
type Secret string

func (Secret) String() string { return "***" }

// GoString hides the secret from %#v.
func (Secret) GoString() string { return `"***"` }

// MarshalJSON hides the secret from encoding/json.
func (Secret) MarshalJSON() ([]byte, error) { return []byte(`"***"`), nil }

// BargeIn says when the caller's voice silences the model's.
type BargeIn struct {
	Off bool
	Min time.Duration // the model must have spoken for so long
}

// Settings is what one stream goes by.
type Settings struct {
	// The connection.
	APIKey         Secret
	ExtraHeaders   http.Header
	Provider       string // "" = by the URL
	TLS            transport.TLSOptions
	Proxy          string // "" = by the environment
	DisableDeflate bool
	HeartBeat      time.Duration // 0 = off
	ConnectTimeout time.Duration

	NoReconnect     bool
	BackoffStart    time.Duration
	BackoffCap      time.Duration
	BackoffAttempts int // in a row; 0 = no limit

	// Audio.
	BufferSize      time.Duration // of audio in a message
	ConnectBuffer   time.Duration // caller audio kept while connecting
	ReconnectBuffer time.Duration // and while reconnecting
	PlaybackBuffer  time.Duration // agent audio that may wait
	InputFormat     realtime.Format
	OutputFormat    realtime.Format
	OutputRate      int // Hz, of PCM16 from the server

	// The conversation.
	BargeIn       BargeIn
	Session       json.RawMessage
	Instructions  string
	Voice         string
	Greeting      string
	TurnDetection json.RawMessage
	MaxDuration   time.Duration // 0 = no limit

	SuppressLog bool
}

// row is one setting: its names, and how a text becomes a value. The error of set says what is expected, without the
// value, which Apply adds unless it is secret.
type row struct {
	variable string // channel variable, "" if there is none
	param    string // in the configuration file
	secret   bool
	set      func(s *Settings, value string) error
}

var rows = []row{
	{"STREAM_OPENAI_API_KEY", "api-key", true, func(s *Settings, v string) error {
		key, err := textOrFile(v)
		key = strings.TrimSpace(key)
		if err == nil && !httpguts.ValidHeaderFieldValue(key) {
			err = errors.New("expected a key without line breaks or control characters")
		}
		s.APIKey = Secret(key)
		return err
	}},
	{"STREAM_EXTRA_HEADERS", "extra-headers", true, func(s *Settings, v string) (err error) {
		s.ExtraHeaders, err = parseHeaders(v)
		return err
	}},
	{"STREAM_PROVIDER", "provider", false, func(s *Settings, v string) error {
		_, err := realtime.ProviderFor(nil, v)
		s.Provider = v
		return err
	}},
	{"STREAM_MESSAGE_DEFLATE", "message-deflate-disable", false, boolean(func(s *Settings) *bool { return &s.DisableDeflate })},
	{"STREAM_HEART_BEAT", "heart-beat", false, duration(time.Second, 0, 3600, func(s *Settings) *time.Duration { return &s.HeartBeat })},
	{"STREAM_SUPPRESS_LOG", "suppress-log", false, boolean(func(s *Settings) *bool { return &s.SuppressLog })},
	{"STREAM_BUFFER_SIZE", "buffer-size", false, func(s *Settings, v string) error {
		ms, err := strconv.Atoi(v)
		if err != nil || ms < 20 || ms > 1000 || ms%20 != 0 {
			return errors.New("expected a multiple of 20 up to 1000 (ms)")
		}
		s.BufferSize = time.Duration(ms) * time.Millisecond
		return nil
	}},
	{"STREAM_NO_RECONNECT", "no-reconnect", false, boolean(func(s *Settings) *bool { return &s.NoReconnect })},
	{"STREAM_TLS_CA_FILE", "tls-ca-file", false, file(func(s *Settings) *string { return &s.TLS.CAFile }, "SYSTEM", "NONE")},
	{"STREAM_TLS_KEY_FILE", "tls-key-file", false, file(func(s *Settings) *string { return &s.TLS.KeyFile })},
	{"STREAM_TLS_CERT_FILE", "tls-cert-file", false, file(func(s *Settings) *string { return &s.TLS.CertFile })},
	{"STREAM_TLS_DISABLE_HOSTNAME_VALIDATION", "tls-disable-hostname-validation", false,
		boolean(func(s *Settings) *bool { return &s.TLS.DisableHostnameValidation })},
	{"STREAM_INPUT_FORMAT", "input-format", false, format(func(s *Settings) *realtime.Format { return &s.InputFormat })},
	{"STREAM_OUTPUT_FORMAT", "output-format", false, format(func(s *Settings) *realtime.Format { return &s.OutputFormat })},
	{"STREAM_BARGE_IN", "barge-in", false, func(s *Settings, v string) (err error) {
		s.BargeIn, err = parseBargeIn(v)
		return err
	}},
	{"STREAM_SESSION", "session", false, func(s *Settings, v string) (err error) {
		s.Session, err = jsonOrFile(v)
		return err
	}},
	{"STREAM_INSTRUCTIONS", "instructions", false, func(s *Settings, v string) (err error) {
		s.Instructions, err = textOrFile(v)
		return err
	}},
	{"STREAM_VOICE", "voice", false, plain(func(s *Settings) *string { return &s.Voice })},
	{"STREAM_GREETING", "greeting", false, plain(func(s *Settings) *string { return &s.Greeting })},
	{"STREAM_TURN_DETECTION", "turn-detection", false, func(s *Settings, v string) (err error) {
		s.TurnDetection, err = parseTurnDetection(v)
		return err
	}},
	{"STREAM_MAX_DURATION", "max-duration", false, duration(time.Second, 0, 86400, func(s *Settings) *time.Duration { return &s.MaxDuration })},
	{"", "connect-timeout", false, duration(time.Millisecond, 100, 120000, func(s *Settings) *time.Duration { return &s.ConnectTimeout })},
	{"", "connect-buffer", false, duration(time.Millisecond, 0, 60000, func(s *Settings) *time.Duration { return &s.ConnectBuffer })},
	{"", "reconnect-buffer", false, duration(time.Millisecond, 0, 60000, func(s *Settings) *time.Duration { return &s.ReconnectBuffer })},
	{"", "playback-buffer", false, duration(time.Millisecond, 1000, 3600000, func(s *Settings) *time.Duration { return &s.PlaybackBuffer })},
	{"", "reconnect-start", false, duration(time.Millisecond, 10, 60000, func(s *Settings) *time.Duration { return &s.BackoffStart })},
	{"", "reconnect-cap", false, duration(time.Millisecond, 10, 600000, func(s *Settings) *time.Duration { return &s.BackoffCap })},
	{"", "reconnect-attempts", false, number(0, 1000000, func(s *Settings) *int { return &s.BackoffAttempts })},
	{"", "output-rate", false, number(8000, 48000, func(s *Settings) *int { return &s.OutputRate })},
	{"", "proxy", true, plain(func(s *Settings) *string { return &s.Proxy })},
}

// defaults are the settings of an empty configuration.
func defaults() Settings {
	return Settings{
		ConnectTimeout: 10 * time.Second,
		BackoffStart:   100 * time.Millisecond,
		BackoffCap:     5 * time.Second,
		BufferSize:     20 * time.Millisecond,
		ConnectBuffer:  10 * time.Second, ReconnectBuffer: 2 * time.Second, PlaybackBuffer: 6 * time.Minute,
		OutputRate: 24000,
	}
}

// apply sets one value. The error names the setting, the value unless it is secret, and what is expected.
func (r *row) apply(s *Settings, name, value string) error {
	if err := r.set(s, value); err != nil {
		if r.secret {
			return fmt.Errorf("%s: %w", name, err)
		}
		return fmt.Errorf("%s %q: %w", name, clip(value), err)
	}
	return nil
}

func clip(value string) string {
	if len(value) > 80 {
		return value[:80] + "..."
	}
	return value
}

// FromVariables returns the settings with the channel variables over them. get returns "" for one that is unset.
func (s Settings) FromVariables(get func(name string) string) (Settings, error) {
	for i := range rows {
		if rows[i].variable == "" {
			continue
		}
		if value := get(rows[i].variable); value != "" {
			if err := rows[i].apply(&s, rows[i].variable, value); err != nil {
				return s, err
			}
		}
	}
	if (s.TLS.CertFile == "") != (s.TLS.KeyFile == "") {
		return s, errors.New("STREAM_TLS_CERT_FILE and STREAM_TLS_KEY_FILE: expected both or neither")
	}
	if s.APIKey == "" && s.ExtraHeaders.Get("Authorization") == "" && s.ExtraHeaders.Get("api-key") == "" {
		s.APIKey = Secret(os.Getenv("OPENAI_API_KEY"))
	}
	return s, nil
}

// Header is what the upgrade is sent with: the extra headers, and the key in the provider's header.
func (s *Settings) Header(keyHeader string) http.Header {
	h := s.ExtraHeaders.Clone()
	if h == nil {
		h = http.Header{}
	}
	switch {
	case s.APIKey == "":
	case http.CanonicalHeaderKey(keyHeader) == "Authorization":
		h.Set(keyHeader, "Bearer "+string(s.APIKey))
	default:
		h.Set(keyHeader, string(s.APIKey))
	}
	return h
}

// Secrets are the texts that must not be shown.
func (s *Settings) Secrets() []string {
	secrets := []string{string(s.APIKey)}
	for _, values := range s.ExtraHeaders {
		for _, v := range values {
			secrets = append(secrets, v, strings.TrimPrefix(v, "Bearer "))
		}
	}
	return secrets
}

// reservedHeaders are the upgrade's own.
var reservedHeaders = []string{"Host", "Connection", "Upgrade", "Content-Length", "Transfer-Encoding"}

// parseHeaders reads a JSON object of header names to values. Its error quotes no value.
func parseHeaders(text string) (http.Header, error) {
	var object map[string]string
	if err := json.Unmarshal([]byte(text), &object); err != nil {
		return nil, errors.New(`expected a JSON object of strings, {"Name":"value"}`)
	}
	h := http.Header{}
	for name, value := range object {
		canonical := http.CanonicalHeaderKey(name)
		switch {
		case !httpguts.ValidHeaderFieldName(name):
			return nil, fmt.Errorf("header name %q: expected letters, digits and hyphens", clip(name))
		case slices.Contains(reservedHeaders, canonical) || strings.HasPrefix(canonical, "Sec-Websocket-"):
			return nil, fmt.Errorf("header %q: it belongs to the WebSocket upgrade", name)
		case !httpguts.ValidHeaderFieldValue(value):
			return nil, fmt.Errorf("value of header %q: expected no line breaks or control characters", name)
		}
		h.Set(name, value)
	}
	return h, nil
}

func parseBargeIn(text string) (b BargeIn, err error) {
	word := strings.ToLower(text)
	switch min, ok := strings.CutPrefix(word, "min_ms="); {
	case word == "on":
		return b, nil
	case word == "off":
		return BargeIn{Off: true}, nil
	case ok:
		if n, err := strconv.Atoi(min); err == nil && n >= 0 && n <= 600000 {
			return BargeIn{Min: time.Duration(n) * time.Millisecond}, nil
		}
	}
	return b, errors.New("expected on, off or min_ms=<ms>")
}

func parseTurnDetection(text string) (json.RawMessage, error) {
	switch word := strings.ToLower(strings.TrimSpace(text)); word {
	case "none", "null":
		return json.RawMessage("null"), nil
	case "server_vad", "semantic_vad":
		return json.RawMessage(`{"type":"` + word + `"}`), nil
	}
	if b, err := jsonOrFile(text); err == nil {
		return b, nil
	}
	return nil, errors.New("expected server_vad, semantic_vad, none or a JSON object")
}

// textOrFile is a text, or what stands in the file of "file:/path".
func textOrFile(value string) (string, error) {
	path, ok := strings.CutPrefix(value, "file:")
	if !ok {
		return value, nil
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	return string(b), nil
}

// jsonOrFile is a JSON object: plain, in base64, or in a file.
func jsonOrFile(value string) (json.RawMessage, error) {
	text, err := textOrFile(value)
	if err != nil {
		return nil, err
	}
	text = strings.TrimSpace(text)
	if b, err := base64.StdEncoding.DecodeString(text); err == nil && !strings.HasPrefix(text, "{") {
		text = string(b)
	}
	var object map[string]json.RawMessage
	if err := json.Unmarshal([]byte(text), &object); err != nil || object == nil {
		return nil, errors.New("expected a JSON object, plain, in base64, or file:/path of one")
	}
	return json.RawMessage(text), nil
}

// The kinds of plain values.

func boolean(at func(*Settings) *bool) func(*Settings, string) error {
	return func(s *Settings, v string) error {
		switch strings.ToLower(v) {
		case "true", "1", "yes", "on":
			*at(s) = true
		case "false", "0", "no", "off":
			*at(s) = false
		default:
			return errors.New("expected true or false")
		}
		return nil
	}
}

func number(least, most int, at func(*Settings) *int) func(*Settings, string) error {
	return func(s *Settings, v string) error {
		n, err := strconv.Atoi(v)
		if err != nil || n < least || n > most {
			return fmt.Errorf("expected a number from %d to %d", least, most)
		}
		*at(s) = n
		return nil
	}
}

func duration(unit time.Duration, least, most int, at func(*Settings) *time.Duration) func(*Settings, string) error {
	name := map[time.Duration]string{time.Second: "seconds", time.Millisecond: "ms"}[unit]
	return func(s *Settings, v string) error {
		n, err := strconv.Atoi(v)
		if err != nil || n < least || n > most {
			return fmt.Errorf("expected a number from %d to %d (%s)", least, most, name)
		}
		*at(s) = time.Duration(n) * unit
		return nil
	}
}

func plain(at func(*Settings) *string) func(*Settings, string) error {
	return func(s *Settings, v string) error {
		*at(s) = v
		return nil
	}
}

// file takes a path that can be read, or one of the words.
func file(at func(*Settings) *string, words ...string) func(*Settings, string) error {
	return func(s *Settings, v string) error {
		if !slices.Contains(words, v) {
			f, err := os.Open(v)
			if err != nil {
				return err
			}
			_ = f.Close() // opened for reading alone
		}
		*at(s) = v
		return nil
	}
}

func format(at func(*Settings) *realtime.Format) func(*Settings, string) error {
	return func(s *Settings, v string) (err error) {
		*at(s), err = realtime.ParseFormat(strings.ToLower(v))
		return err
	}
}
