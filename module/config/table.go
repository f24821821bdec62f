package config

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"mod_openai_audio_stream/module/transport"
)

// setting is one row of the table: its names, and what it means.
type setting struct {
	Variable string // channel variable; "" = for the whole module, in the file's settings alone
	Param    string // name in the configuration file
	Default  string // as it would be written
	Help     string // what the shipped file says of it, without the last full stop
	Secret   bool   // the value is never quoted

	// set stores a value. Its error says what is expected, without the value.
	set func(f *File, value string) error
	// late reports whether a value is checked only when a stream starts, because it names a file; nil = never.
	late func(value string) bool
}

// table is every setting, in the order of the shipped file. Profiles may have those with a Variable.
var table = []setting{
	{
		"STREAM_OPENAI_API_KEY", "api-key", "", "The API key, or file:/path of a file that holds it, read at each start. Without one, OPENAI_API_KEY of the environment is used",
		true, text(checkKey, func(f *File, v string) { f.Settings.APIKey = Secret(strings.TrimSpace(v)) }), namesFile,
	},
	{
		"STREAM_EXTRA_HEADERS", "extra-headers", "", `More headers for the WebSocket upgrade: a JSON object {"Name":"value"}`,
		true, setHeaders, nil,
	},
	{
		"STREAM_PROVIDER", "provider", "", "openai, azure, azure-preview or compatible. Empty: taken from the URL",
		false, setProvider, nil,
	},
	{
		"STREAM_MESSAGE_DEFLATE", "disable-message-deflate", "false", "true: do not offer permessage-deflate compression",
		false, boolean(func(f *File) *bool { return &f.Settings.DisableDeflate }), nil,
	},
	{
		"STREAM_HEART_BEAT", "heart-beat", "0", "Seconds without a word from the server before it is sent a ping. If it stays silent as long again, the connection is lost. 0: no pings",
		false, duration(time.Second, 0, 3600, func(f *File) *time.Duration { return &f.Settings.HeartBeat }), nil,
	},
	{
		"STREAM_SUPPRESS_LOG", "suppress-log", "false", "true: do not log the server's messages. Events still fire",
		false, boolean(func(f *File) *bool { return &f.Settings.SuppressLog }), nil,
	},
	{
		"STREAM_BUFFER_SIZE", "buffer-size", "20", "Milliseconds of caller audio in each message: a multiple of 20, up to 1000",
		false, setBufferSize, nil,
	},
	{
		"STREAM_NO_RECONNECT", "no-reconnect", "false", "true: end the stream when a connection fails or is lost",
		false, boolean(func(f *File) *bool { return &f.Settings.NoReconnect }), nil,
	},
	{
		"STREAM_TLS_CA_FILE", "tls-ca-file", transport.CASystem, "Certificate authorities to trust: a PEM file, SYSTEM, or NONE to accept any certificate",
		false, file(func(f *File) *string { return &f.Settings.TLS.CAFile }, transport.CASystem, transport.CANone), namesAuthorities,
	},
	{
		"STREAM_TLS_CERT_FILE", "tls-cert-file", "", "Client certificate: a PEM file",
		false, file(func(f *File) *string { return &f.Settings.TLS.CertFile }), always,
	},
	{
		"STREAM_TLS_KEY_FILE", "tls-key-file", "", "Key of the client certificate: a PEM file",
		false, file(func(f *File) *string { return &f.Settings.TLS.KeyFile }), always,
	},
	{
		"STREAM_TLS_DISABLE_HOSTNAME_VALIDATION", "tls-disable-hostname-validation", "false", "true: check the certificate's chain, but not the name in it",
		false, boolean(func(f *File) *bool { return &f.Settings.TLS.DisableHostnameValidation }), nil,
	},
	{
		"STREAM_DISABLE_AUDIOFILES", "disable-audiofiles", "false", "true: do not write answers as WAV files",
		false, boolean(func(f *File) *bool { return &f.Settings.DisableAudioFiles }), nil,
	},
	{
		"STREAM_INPUT_FORMAT", "input-format", "pcm16", "Format of caller audio: pcm16, g711_ulaw or g711_alaw",
		false, format(inputFormat), nil,
	},
	{
		"STREAM_OUTPUT_FORMAT", "output-format", "pcm16", "Format of agent audio: pcm16, g711_ulaw or g711_alaw",
		false, format(outputFormat), nil,
	},
	{
		"STREAM_BARGE_IN", "barge-in", "on", "Whether the caller can interrupt the agent: on, off, or one or more of min_ms=N (once the agent has spoken for N ms), confirm_ms=N (when the caller has spoken for N ms) and resume_ms=N (at once, but a voice that ends within N ms lets the agent go on where it was), with commas between",
		false, setBargeIn, nil,
	},
	{
		"STREAM_SESSION", "session", "", "The session object for session.update: JSON, JSON in base64, or file:/path of a file that holds it, read at each start",
		true, setSession, namesFile, // tools may carry credentials
	},
	{
		"STREAM_INSTRUCTIONS", "instructions", "", "The session's instructions, or file:/path of a file that holds them, read at each start",
		false, text(nil, func(f *File, v string) { f.Settings.Instructions = v }), namesFile,
	},
	{
		"STREAM_VOICE", "voice", "", "The session's voice",
		false, word(func(f *File) *string { return &f.Settings.Voice }), nil,
	},
	{
		"STREAM_GREETING", "greeting", "", "The agent speaks first: the text to say, or auto",
		false, text(nil, func(f *File, v string) { f.Settings.Greeting = v }), nil,
	},
	{
		"STREAM_TURN_DETECTION", "turn-detection", "", "server_vad, semantic_vad, none, or a JSON object. Empty: the server's default",
		false, setTurnDetection, nil,
	},
	{
		"STREAM_NOISE_REDUCTION", "noise-reduction", "", "What the server takes off the caller's audio: near_field, far_field or off. Empty: the server's default",
		false, choice(func(f *File) *string { return &f.Settings.NoiseReduction }, "near_field", "far_field", "off"), nil,
	},
	{
		"STREAM_GREETING_PROTECT", "greeting-protect", "0", "Milliseconds of the greeting, from its first sample, that the caller can't interrupt",
		false, duration(time.Millisecond, 0, 600000, func(f *File) *time.Duration { return &f.Settings.GreetingProtect }), nil,
	},
	{
		"STREAM_ECHO_GUARD", "echo-guard", "0", "dB by which the caller's audio is lowered for the server while the agent is heard. 0: not",
		false, number(0, 60, func(f *File) *int { return &f.Settings.EchoGuard }), nil,
	},
	{
		"STREAM_DTMF", "dtmf", "event", "What becomes of the keys that the caller presses: event (an event is fired), model (the model is told, too), mask (nobody is told more than how many) or off",
		false, setKeys, nil,
	},
	{
		"STREAM_DTMF_TIMEOUT", "dtmf-timeout", "2500", "Milliseconds without a key after which the keys so far are taken for all",
		false, duration(time.Millisecond, 100, 60000, func(f *File) *time.Duration { return &f.Settings.KeysTimeout }), nil,
	},
	{
		"STREAM_DTMF_TERMINATOR", "dtmf-terminator", "#", "The key that ends them, or none",
		false, setKeysTerminator, nil,
	},
	{
		"STREAM_DTMF_MAX", "dtmf-max", "64", "How many keys are taken for all",
		false, number(1, 64, func(f *File) *int { return &f.Settings.KeysMax }), nil,
	},
	{
		"STREAM_IDLE_TIMEOUT", "idle-timeout", "0", "Seconds for which nobody speaks, counted from the last sample heard, before the agent asks whether the caller is still there. 0: for ever",
		false, duration(time.Second, 0, 3600, func(f *File) *time.Duration { return &f.Settings.IdleTimeout }), nil,
	},
	{
		"STREAM_IDLE_PROMPT", "idle-prompt", "auto", "What the agent says then: a text, or auto",
		false, text(nil, func(f *File, v string) { f.Settings.IdlePrompt = v }), namesFile,
	},
	{
		"STREAM_IDLE_MAX", "idle-max", "2", "How many times in a row. After that the agent says the goodbye, and the stream ends; the call goes on",
		false, number(0, 100, func(f *File) *int { return &f.Settings.IdleMax }), nil,
	},
	{
		"STREAM_GOODBYE", "goodbye", "", "What the agent says to a caller who says nothing, at the end: a text, or auto",
		false, text(nil, func(f *File, v string) { f.Settings.Goodbye = v }), namesFile,
	},
	{
		"STREAM_RESPONSE_TIMEOUT", "response-timeout", "20", "Seconds for which a response may last without audio before it is cancelled and asked for once more. 0: for ever",
		false, duration(time.Second, 0, 600, func(f *File) *time.Duration { return &f.Settings.ResponseTimeout }), nil,
	},
	{
		"STREAM_ON_ERROR", "on-error", "continue", "What is done when that fails too, or the stream is given up: continue (nothing), hangup, play:/path/of/a/file, or transfer:extension dialplan context, of which the last two may be left out",
		false, setOnError, nil,
	},
	{
		"STREAM_FILLER", "filler", "", "What the caller hears while an answer is awaited: a file, tone_stream://..., local_stream://..., or say:text",
		false, word(func(f *File) *string { return &f.Settings.Filler }), nil,
	},
	{
		"STREAM_FILLER_AFTER", "filler-after", "1500", "Milliseconds of silence before it",
		false, duration(time.Millisecond, 0, 60000, func(f *File) *time.Duration { return &f.Settings.FillerAfter }), nil,
	},
	{
		"STREAM_MAX_DURATION", "max-duration", "0", "Seconds after which the stream ends; the call goes on. 0: no limit",
		false, duration(time.Second, 0, 86400, func(f *File) *time.Duration { return &f.Settings.MaxDuration }), nil,
	},

	{
		"", "connect-timeout", inMS(transport.DefaultConnectTimeout), "Longest time for one attempt to connect, in milliseconds, up to the server's answer to the upgrade",
		false, duration(time.Millisecond, 100, 60000, func(f *File) *time.Duration { return &f.Settings.ConnectTimeout }), nil,
	},
	{
		"", "connect-buffer", "10000", "Milliseconds of caller audio kept until the first connection is open. Older audio is dropped and counted",
		false, duration(time.Millisecond, 0, 60000, func(f *File) *time.Duration { return &f.Settings.ConnectBuffer }), nil,
	},
	{
		"", "reconnect-buffer", "2000", "Milliseconds of caller audio kept while a lost connection is replaced. Older audio is dropped and counted",
		false, duration(time.Millisecond, 0, 60000, func(f *File) *time.Duration { return &f.Settings.ReconnectBuffer }), nil,
	},
	{
		"", "playback-buffer", "360000", "Milliseconds of agent audio that may wait to be played. What exceeds it is dropped and counted",
		false, duration(time.Millisecond, 1000, 3600000, func(f *File) *time.Duration { return &f.Settings.PlaybackBuffer }), nil,
	},
	{
		"", "backoff-start", inMS(transport.DefaultBackoffStart), "Milliseconds before the first new attempt to connect. Each wait is 1.5 times the last, half of it random",
		false, duration(time.Millisecond, 10, 60000, func(f *File) *time.Duration { return &f.Settings.BackoffStart }), nil,
	},
	{
		"", "backoff-cap", inMS(transport.DefaultBackoffCap), "Longest wait between two attempts, in milliseconds, unless the server asks for more",
		false, duration(time.Millisecond, 10, 600000, func(f *File) *time.Duration { return &f.Settings.BackoffCap }), nil,
	},
	{
		"", "backoff-attempts", "30", "How many times in a row to try again. 0: no limit",
		false, number(0, 1000000, func(f *File) *int { return &f.Settings.BackoffAttempts }), nil,
	},
	{
		"", "proxy", "", "http(s)://[user:password@]host:port, or none. Empty: HTTPS_PROXY, HTTP_PROXY and NO_PROXY of the environment",
		true, setProxy, nil,
	},
	{
		"", "output-rate", "24000", "Sampling rate of pcm16 agent audio in Hz, for servers that do not send OpenAI's 24000",
		false, number(8000, 48000, func(f *File) *int { return &f.Settings.OutputRate }), nil,
	},
	{
		"", "max-sessions", "0", "How many streams may run at the same time. 0: no limit",
		false, number(0, 1000000, func(f *File) *int { return &f.MaxSessions }), nil,
	},
	{
		"", "go-max-procs", "0", "How many processors the Go part may use at once. 0: as many as the process may",
		false, number(0, 1024, func(f *File) *int { return &f.GoMaxProcs }), nil,
	},
	{
		"", "go-gc-percent", "100", "How much the Go part's memory may grow before it is collected, in percent. A higher value takes less work and more memory",
		false, number(10, 1000, func(f *File) *int { return &f.GoGCPercent }), nil,
	},
	{
		"", "go-memory-limit", "0", "MiB of memory above which the Go part collects more often. 0: no limit",
		false, number(0, 1<<20, func(f *File) *int { return &f.GoMemoryLimit }), nil,
	},
}

// inMS is a default of the transport's as the file writes it.
func inMS(d time.Duration) string { return strconv.FormatInt(d.Milliseconds(), 10) }

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
