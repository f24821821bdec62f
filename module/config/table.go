package config

import (
	"fmt"
	"strings"
	"time"

	"mod_openai_audio_stream/module/transport"
)

// setting is one row of the table: what something is called, and what it means.
type setting struct {
	Variable string // channel variable; "" = for the whole module, in the file's settings alone
	Param    string // name in the configuration file
	Default  string // as it would be written
	Help     string // one sentence, without a full stop
	Secret   bool   // the value is never quoted

	// set stores a value. Its error says what is expected, without the value.
	set func(f *File, value string) error
	// late reports whether a value is looked at when a stream starts, because it names a file; nil = never.
	late func(value string) bool
}

// table is every setting, in the order of the shipped file. Profiles may have those with a Variable.
var table = []setting{
	{
		"STREAM_OPENAI_API_KEY", "api-key", "", "the key, or file:/path of it, read at each start; without one, OPENAI_API_KEY of the environment",
		true, text(checkKey, func(f *File, v string) { f.Settings.APIKey = Secret(strings.TrimSpace(v)) }), namesFile,
	},
	{
		"STREAM_EXTRA_HEADERS", "extra-headers", "", `headers for the upgrade, a JSON object {"Name":"value"}`,
		true, setHeaders, nil,
	},
	{
		"STREAM_PROVIDER", "provider", "", "openai, azure, azure-preview or compatible; empty: by the URL",
		false, setProvider, nil,
	},
	{
		"STREAM_MESSAGE_DEFLATE", "disable-message-deflate", "false", "true: permessage-deflate is not offered",
		false, boolean(func(f *File) *bool { return &f.Settings.DisableDeflate }), nil,
	},
	{
		"STREAM_HEART_BEAT", "heart-beat", "0", "seconds of silence of the server until it is sent a ping, and then until it counts as dead; 0: no pings",
		false, duration(time.Second, 0, 3600, func(f *File) *time.Duration { return &f.Settings.HeartBeat }), nil,
	},
	{
		"STREAM_SUPPRESS_LOG", "suppress-log", "false", "true: server messages are not logged; events still fire",
		false, boolean(func(f *File) *bool { return &f.Settings.SuppressLog }), nil,
	},
	{
		"STREAM_BUFFER_SIZE", "buffer-size", "20", "ms of audio per message, a multiple of 20 up to 1000",
		false, setBufferSize, nil,
	},
	{
		"STREAM_NO_RECONNECT", "no-reconnect", "false", "true: a connection that fails or is lost ends the stream",
		false, boolean(func(f *File) *bool { return &f.Settings.NoReconnect }), nil,
	},
	{
		"STREAM_TLS_CA_FILE", "tls-ca-file", transport.CASystem, "authorities: a PEM file, SYSTEM, or NONE to trust everybody",
		false, file(func(f *File) *string { return &f.Settings.TLS.CAFile }, transport.CASystem, transport.CANone), namesAuthorities,
	},
	{
		"STREAM_TLS_CERT_FILE", "tls-cert-file", "", "client certificate, a PEM file",
		false, file(func(f *File) *string { return &f.Settings.TLS.CertFile }), always,
	},
	{
		"STREAM_TLS_KEY_FILE", "tls-key-file", "", "key of the client certificate, a PEM file",
		false, file(func(f *File) *string { return &f.Settings.TLS.KeyFile }), always,
	},
	{
		"STREAM_TLS_DISABLE_HOSTNAME_VALIDATION", "tls-disable-hostname-validation", "false", "true: the chain is verified, the name in the certificate is not",
		false, boolean(func(f *File) *bool { return &f.Settings.TLS.DisableHostnameValidation }), nil,
	},
	{
		"STREAM_DISABLE_AUDIOFILES", "disable-audiofiles", "false", "true: answers are not written as WAV files",
		false, boolean(func(f *File) *bool { return &f.Settings.DisableAudioFiles }), nil,
	},
	{
		"STREAM_INPUT_FORMAT", "input-format", "pcm16", "how caller audio is sent: pcm16, g711_ulaw or g711_alaw",
		false, format(inputFormat), nil,
	},
	{
		"STREAM_OUTPUT_FORMAT", "output-format", "pcm16", "how agent audio is wanted: pcm16, g711_ulaw or g711_alaw",
		false, format(outputFormat), nil,
	},
	{
		"STREAM_BARGE_IN", "barge-in", "on", "whether the caller's voice silences the agent: on, off, or min_ms=N after N ms of the agent's speech",
		false, setBargeIn, nil,
	},
	{
		"STREAM_SESSION", "session", "", "the session for session.update: a JSON object, that in base64, or file:/path of it, read at each start",
		true, setSession, namesFile, // tools may carry credentials
	},
	{
		"STREAM_INSTRUCTIONS", "instructions", "", "the session's instructions, or file:/path of them, read at each start",
		false, text(nil, func(f *File, v string) { f.Settings.Instructions = v }), namesFile,
	},
	{
		"STREAM_VOICE", "voice", "", "the session's voice",
		false, word(func(f *File) *string { return &f.Settings.Voice }), nil,
	},
	{
		"STREAM_GREETING", "greeting", "", "the agent speaks first: the text to say, or auto",
		false, text(nil, func(f *File, v string) { f.Settings.Greeting = v }), nil,
	},
	{
		"STREAM_TURN_DETECTION", "turn-detection", "", "server_vad, semantic_vad, none, or a JSON object; empty: the server's default",
		false, setTurnDetection, nil,
	},
	{
		"STREAM_MAX_DURATION", "max-duration", "0", "seconds until the stream ends and the call goes on without it; 0: no limit",
		false, duration(time.Second, 0, 86400, func(f *File) *time.Duration { return &f.Settings.MaxDuration }), nil,
	},

	{
		"", "connect-timeout", "5000", "ms that an attempt to connect may take, up to the answer to the upgrade",
		false, duration(time.Millisecond, 100, 60000, func(f *File) *time.Duration { return &f.Settings.ConnectTimeout }), nil,
	},
	{
		"", "connect-buffer", "10000", "ms of caller audio kept until the stream is first open; older audio is dropped and counted",
		false, duration(time.Millisecond, 0, 60000, func(f *File) *time.Duration { return &f.Settings.ConnectBuffer }), nil,
	},
	{
		"", "reconnect-buffer", "2000", "ms of caller audio kept while a lost connection is replaced",
		false, duration(time.Millisecond, 0, 60000, func(f *File) *time.Duration { return &f.Settings.ReconnectBuffer }), nil,
	},
	{
		"", "playback-buffer", "360000", "ms of agent audio that may wait to be played",
		false, duration(time.Millisecond, 1000, 3600000, func(f *File) *time.Duration { return &f.Settings.PlaybackBuffer }), nil,
	},
	{
		"", "backoff-start", "100", "ms before the first new attempt to connect; each further wait is half as long again, and its second half is drawn by lot",
		false, duration(time.Millisecond, 10, 60000, func(f *File) *time.Duration { return &f.Settings.BackoffStart }), nil,
	},
	{
		"", "backoff-cap", "3000", "ms that such a wait takes at most, unless the server asks for more",
		false, duration(time.Millisecond, 10, 600000, func(f *File) *time.Duration { return &f.Settings.BackoffCap }), nil,
	},
	{
		"", "backoff-attempts", "30", "new attempts in a row; 0: no limit",
		false, number(0, 1000000, func(f *File) *int { return &f.Settings.BackoffAttempts }), nil,
	},
	{
		"", "proxy", "", "http(s)://[user:password@]host:port, or none; empty: HTTPS_PROXY, HTTP_PROXY and NO_PROXY of the environment",
		true, setProxy, nil,
	},
	{
		"", "output-rate", "24000", "Hz of pcm16 agent audio, for servers that send it at another rate than OpenAI",
		false, number(8000, 48000, func(f *File) *int { return &f.Settings.OutputRate }), nil,
	},
	{
		"", "max-sessions", "0", "streams at the same time; 0: no limit",
		false, number(0, 1000000, func(f *File) *int { return &f.MaxSessions }), nil,
	},
	{
		"", "go-max-procs", "0", "processors that the Go side may use at once; 0: as many as the process may",
		false, number(0, 1024, func(f *File) *int { return &f.GoMaxProcs }), nil,
	},
	{
		"", "go-gc-percent", "100", "growth of the Go side's memory until it is collected, in percent; more is less work and more memory",
		false, number(10, 1000, func(f *File) *int { return &f.GoGCPercent }), nil,
	},
	{
		"", "go-memory-limit", "0", "MiB of memory from which on the Go side collects harder; 0: no limit",
		false, number(0, 1<<20, func(f *File) *int { return &f.GoMemoryLimit }), nil,
	},
}

// apply sets one value. The error names the setting as name, quotes the value unless it is secret, and says what is
// expected.
func (s *setting) apply(f *File, name, value string) error {
	err := s.set(f, value)
	switch {
	case err == nil:
		return nil
	case s.Secret:
		return fmt.Errorf("%s: %w", name, err)
	default:
		return fmt.Errorf("%s %q: %w", name, clip(value), err)
	}
}

// byParam is the setting of that name in the configuration file, nil if there is none.
func byParam(name string) *setting {
	for i := range table {
		if table[i].Param == name {
			return &table[i]
		}
	}
	return nil
}
