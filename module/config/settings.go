package config

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"mod_openai_audio_stream/module/realtime"
	"mod_openai_audio_stream/module/secret"
	"mod_openai_audio_stream/module/tool"
	"mod_openai_audio_stream/module/transport"
)

// BargeIn says when the caller's voice silences the model's.
type BargeIn struct {
	Off     bool
	Min     time.Duration // the model must have spoken for so long
	Confirm time.Duration // the caller's own voice must have lasted for so long
	Resume  time.Duration // a voice that ends within it is no interruption: the model goes on where it was; 0 = any is
}

// Keys says what becomes of the keys that the caller presses.
type Keys string

// What STREAM_DTMF may be.
const (
	KeysEvent Keys = "event" // an event is fired
	KeysModel Keys = "model" // the model is told, too
	KeysMask  Keys = "mask"  // nobody is told more than how many there were
	KeysOff   Keys = "off"   // nothing
)

// Rescue is what is done when the model says nothing any more, or the stream is given up.
type Rescue struct {
	Kind RescueKind
	To   string // the file to play, or the destination: an extension, and a dialplan and a context if given
}

// RescueKind is the kind of a Rescue.
type RescueKind string

// What STREAM_ON_ERROR may begin with.
const (
	RescueContinue RescueKind = "continue"
	RescueHangup   RescueKind = "hangup"
	RescuePlay     RescueKind = "play"
	RescueTransfer RescueKind = "transfer"
)

// Settings are the settings of one stream. The table in this package says what each field is called outside, and what it
// means.
type Settings struct {
	// The connection.
	APIKey         Secret
	ExtraHeaders   http.Header
	Provider       string // "" = by the URL
	TLS            transport.TLSOptions
	Proxy          string // "" = by the environment; it may hold a password
	DisableDeflate bool
	HeartBeat      time.Duration // 0 = off
	ConnectTimeout time.Duration

	// Trying again.
	NoReconnect     bool
	BackoffStart    time.Duration
	BackoffCap      time.Duration
	BackoffAttempts int // in a row; 0 = no limit

	// Audio.
	BufferSize        time.Duration // of audio in a message
	ConnectBuffer     time.Duration // caller audio kept while connecting
	ReconnectBuffer   time.Duration // and while reconnecting
	PlaybackBuffer    time.Duration // agent audio that may wait
	InputFormat       realtime.Format
	OutputFormat      realtime.Format
	OutputRate        int // Hz, of PCM16 from the server
	DisableAudioFiles bool

	// The conversation.
	BargeIn       BargeIn
	Session       json.RawMessage // an object; nil = none
	Instructions  string
	Voice         string
	Greeting      string          // "auto", or what to say
	TurnDetection json.RawMessage // an object or null; nil = the server's default
	MaxDuration   time.Duration   // 0 = no limit
	Tools         []*tool.Tool    // of the profile

	// What the caller does beside speaking, and when nobody speaks.
	Keys            Keys
	KeysTimeout     time.Duration // between two keys
	KeysTerminator  string        // one key, or "" for none
	KeysMax         int
	IdleTimeout     time.Duration // 0 = the caller may be silent for ever
	IdlePrompt      string        // "auto", or what to say
	IdleMax         int           // prompts in a row
	Goodbye         string        // "auto", what to say, or "" for nothing
	ResponseTimeout time.Duration // 0 = the model may take for ever
	OnError         Rescue
	EchoGuard       int           // dB, 0 = off
	GreetingProtect time.Duration // of the greeting that can't be interrupted
	NoiseReduction  string        // near_field, far_field, or "" for the server's default
	Filler          string        // a file, tone_stream://..., local_stream://... or say:text; "" = none
	FillerAfter     time.Duration

	SuppressLog bool

	// urlSecrets are those of the URL that the stream goes to.
	urlSecrets []string
}

// keyHeaders are the headers that carry a key.
var keyHeaders = []string{"Authorization", "Api-Key", "X-Api-Key"}

// hasKey reports whether h carries a key.
func hasKey(h http.Header) bool {
	return slices.ContainsFunc(keyHeaders, func(name string) bool { return h.Get(name) != "" })
}

// layer lets apply override values of s. A key in a later layer overrides one in an earlier layer, whether it is given as
// a key or among the extra headers. Within one layer the key wins.
func (s *Settings) layer(apply func() error) error {
	key, headers := s.APIKey, s.ExtraHeaders
	s.APIKey, s.ExtraHeaders = "", nil
	if err := apply(); err != nil {
		return err
	}
	if s.APIKey == "" && !hasKey(s.ExtraHeaders) {
		s.APIKey = key
	}
	if s.ExtraHeaders == nil {
		s.ExtraHeaders = headers
	}
	return nil
}

// environmentKey is the environment variable whose key is used if there is no other.
const environmentKey = "OPENAI_API_KEY"

// complete is called after the last layer. It takes the environment's key if there is no other, and checks settings that
// depend on each other.
func (s *Settings) complete() error {
	if s.APIKey == "" && !hasKey(s.ExtraHeaders) {
		key := strings.TrimSpace(os.Getenv(environmentKey))
		if err := checkKey(key); key != "" && err != nil {
			return errors.New("environment variable " + environmentKey + ": " + err.Error())
		}
		s.APIKey = Secret(key)
	}
	if (s.TLS.CertFile == "") != (s.TLS.KeyFile == "") {
		return errors.New("STREAM_TLS_CERT_FILE and STREAM_TLS_KEY_FILE: expected both or neither")
	}
	return nil
}

// fromVariables overrides base with a channel's variables. get returns a variable's value, "" if it is unset. The error names
// the variable, its value unless that is secret, and what is expected. Files that are named are read now.
//
// The key is, in this order: STREAM_OPENAI_API_KEY; what STREAM_EXTRA_HEADERS says of Authorization or api-key; the
// configuration file's; the environment's OPENAI_API_KEY.
func fromVariables(base Settings, get func(name string) string) (Settings, error) {
	f := File{Settings: base}
	err := f.Settings.layer(func() error {
		for i := range table {
			if table[i].Variable == "" {
				continue
			}
			if value := get(table[i].Variable); value != "" {
				name := table[i].Variable
				if table[i].Secret {
					name += " (value not shown)" // and "key: x" would be masked
				}
				if err := table[i].apply(&f, name, value); err != nil {
					return err
				}
			}
		}
		return nil
	})
	if err == nil {
		err = f.Settings.complete()
	}
	return f.Settings, err
}

// Header is what an upgrade is sent with: the extra headers, and the key in the provider's header, as a bearer token if
// that is Authorization. A key wins over an Authorization among the extra headers.
func (s *Settings) Header(keyHeader string) http.Header {
	h := s.ExtraHeaders.Clone()
	if h == nil {
		h = http.Header{}
	}
	if s.APIKey != "" {
		h.Del("Authorization")
		value := string(s.APIKey)
		if http.CanonicalHeaderKey(keyHeader) == "Authorization" {
			value = "Bearer " + value
		}
		h.Set(keyHeader, value)
	}
	return h
}

// Secrets are the texts that must not be shown, for a secret.Masker.
func (s *Settings) Secrets() []string {
	secrets := slices.Clone(s.urlSecrets)
	if s.APIKey != "" {
		secrets = append(secrets, string(s.APIKey))
	}
	for name, values := range s.ExtraHeaders {
		if !transport.CredentialHeader(name) {
			continue
		}
		for _, value := range values {
			secrets = append(secrets, value)
			if _, token, ok := strings.Cut(value, " "); ok {
				secrets = append(secrets, token) // without its scheme
			}
		}
	}
	if proxy, err := url.Parse(s.Proxy); err == nil && proxy.User != nil {
		password, _ := proxy.User.Password()
		secrets = append(secrets, secret.InURL(proxy)...)
		secrets = append(secrets, base64.StdEncoding.EncodeToString([]byte(proxy.User.Username()+":"+password)))
	}
	return secrets
}
