package config_test

import (
	"encoding/base64"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"syscall"
	"testing"
	"time"

	"mod_openai_audio_stream/module/config"
	"mod_openai_audio_stream/module/realtime"
)

func TestMain(m *testing.M) {
	os.Unsetenv("OPENAI_API_KEY") // the machine's own is not for tests
	os.Exit(m.Run())
}

// vars is a channel's variables.
type vars map[string]string

func (v vars) get(name string) string { return v[name] }

// from is the settings with one variable set.
func from(t *testing.T, name, value string) (config.Settings, error) {
	t.Helper()
	return config.FromVariables(config.Default().Settings, vars{name: value}.get)
}

// writeFile makes a file and returns its path.
func writeFile(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestVariables(t *testing.T) {
	t.Parallel()
	session := `{"type":"realtime","instructions":"ä?>"}`
	sessionFile, textFile, keyFile := writeFile(t, session+"\n"), writeFile(t, "Be brief.\n"), writeFile(t, "  sk-from-file\n")
	pem := writeFile(t, "PEM")
	for _, tc := range []struct {
		variable, value string
		got             func(*config.Settings) any
		want            any
	}{
		{"STREAM_MESSAGE_DEFLATE", "true", func(s *config.Settings) any { return s.DisableDeflate }, true},
		{"STREAM_MESSAGE_DEFLATE", "1", func(s *config.Settings) any { return s.DisableDeflate }, true},
		{"STREAM_MESSAGE_DEFLATE", "false", func(s *config.Settings) any { return s.DisableDeflate }, false},
		{"STREAM_MESSAGE_DEFLATE", "", func(s *config.Settings) any { return s.DisableDeflate }, false},
		{"STREAM_HEART_BEAT", "15", func(s *config.Settings) any { return s.HeartBeat }, 15 * time.Second},
		{"STREAM_HEART_BEAT", "0", func(s *config.Settings) any { return s.HeartBeat }, time.Duration(0)},
		{"STREAM_SUPPRESS_LOG", "1", func(s *config.Settings) any { return s.SuppressLog }, true},
		{"STREAM_SUPPRESS_LOG", "", func(s *config.Settings) any { return s.SuppressLog }, false},
		{"STREAM_BUFFER_SIZE", "", func(s *config.Settings) any { return s.BufferSize }, 20 * time.Millisecond},
		{"STREAM_BUFFER_SIZE", "20", func(s *config.Settings) any { return s.BufferSize }, 20 * time.Millisecond},
		{"STREAM_BUFFER_SIZE", "100", func(s *config.Settings) any { return s.BufferSize }, 100 * time.Millisecond},
		{"STREAM_BUFFER_SIZE", "1000", func(s *config.Settings) any { return s.BufferSize }, time.Second},
		{
			"STREAM_EXTRA_HEADERS", `{"X-A":"1","openai-project":"p"}`,
			func(s *config.Settings) any { return s.ExtraHeaders }, http.Header{"X-A": {"1"}, "Openai-Project": {"p"}},
		},
		{"STREAM_NO_RECONNECT", "TRUE", func(s *config.Settings) any { return s.NoReconnect }, true},
		{"STREAM_TLS_CA_FILE", "", func(s *config.Settings) any { return s.TLS.CAFile }, "SYSTEM"},
		{"STREAM_TLS_CA_FILE", "NONE", func(s *config.Settings) any { return s.TLS.CAFile }, "NONE"},
		{"STREAM_TLS_CA_FILE", pem, func(s *config.Settings) any { return s.TLS.CAFile }, pem},
		{"STREAM_TLS_DISABLE_HOSTNAME_VALIDATION", "1", func(s *config.Settings) any { return s.TLS.DisableHostnameValidation }, true},
		{"STREAM_TLS_DISABLE_HOSTNAME_VALIDATION", "", func(s *config.Settings) any { return s.TLS.DisableHostnameValidation }, false},
		{"STREAM_DISABLE_AUDIOFILES", "true", func(s *config.Settings) any { return s.DisableAudioFiles }, true},
		{"STREAM_DISABLE_AUDIOFILES", "", func(s *config.Settings) any { return s.DisableAudioFiles }, false},
		{"STREAM_OPENAI_API_KEY", "sk-test", func(s *config.Settings) any { return s.APIKey }, config.Secret("sk-test")},
		{"STREAM_OPENAI_API_KEY", "file:" + keyFile, func(s *config.Settings) any { return s.APIKey }, config.Secret("sk-from-file")},
		{"STREAM_PROVIDER", "azure", func(s *config.Settings) any { return s.Provider }, "azure"},
		{"STREAM_PROVIDER", "", func(s *config.Settings) any { return s.Provider }, ""},
		{"STREAM_INPUT_FORMAT", "g711_ulaw", func(s *config.Settings) any { return s.InputFormat }, realtime.G711ULaw},
		{"STREAM_INPUT_FORMAT", "", func(s *config.Settings) any { return s.InputFormat }, realtime.PCM16},
		{"STREAM_OUTPUT_FORMAT", "g711_alaw", func(s *config.Settings) any { return s.OutputFormat }, realtime.G711ALaw},
		{"STREAM_OUTPUT_FORMAT", "pcm16", func(s *config.Settings) any { return s.OutputFormat }, realtime.PCM16},
		{"STREAM_BARGE_IN", "", func(s *config.Settings) any { return s.BargeIn }, config.BargeIn{}},
		{"STREAM_BARGE_IN", "on", func(s *config.Settings) any { return s.BargeIn }, config.BargeIn{}},
		{"STREAM_BARGE_IN", "off", func(s *config.Settings) any { return s.BargeIn }, config.BargeIn{Off: true}},
		{"STREAM_BARGE_IN", "min_ms=400", func(s *config.Settings) any { return s.BargeIn }, config.BargeIn{Min: 400 * time.Millisecond}},
		{"STREAM_BARGE_IN", "Confirm_ms=150, resume_ms=500", func(s *config.Settings) any { return s.BargeIn }, config.BargeIn{Confirm: 150 * time.Millisecond, Resume: 500 * time.Millisecond}},
		{"STREAM_BARGE_IN", "min_ms=1,confirm_ms=2,resume_ms=3", func(s *config.Settings) any { return s.BargeIn }, config.BargeIn{Min: time.Millisecond, Confirm: 2 * time.Millisecond, Resume: 3 * time.Millisecond}},
		{"STREAM_SESSION", session, func(s *config.Settings) any { return string(s.Session) }, session},
		{"STREAM_SESSION", base64.StdEncoding.EncodeToString([]byte(session)), func(s *config.Settings) any { return string(s.Session) }, session},
		{"STREAM_SESSION", base64.RawURLEncoding.EncodeToString([]byte(session)), func(s *config.Settings) any { return string(s.Session) }, session},
		{"STREAM_SESSION", "file:" + sessionFile, func(s *config.Settings) any { return string(s.Session) }, session},
		{"STREAM_INSTRUCTIONS", "Be kind.", func(s *config.Settings) any { return s.Instructions }, "Be kind."},
		{"STREAM_INSTRUCTIONS", "file:" + textFile, func(s *config.Settings) any { return s.Instructions }, "Be brief.\n"},
		{"STREAM_VOICE", "marin", func(s *config.Settings) any { return s.Voice }, "marin"},
		{"STREAM_GREETING", "auto", func(s *config.Settings) any { return s.Greeting }, "auto"},
		{"STREAM_GREETING", "Hello!", func(s *config.Settings) any { return s.Greeting }, "Hello!"},
		{"STREAM_TURN_DETECTION", "server_vad", func(s *config.Settings) any { return string(s.TurnDetection) }, `{"type":"server_vad"}`},
		{"STREAM_TURN_DETECTION", "semantic_vad", func(s *config.Settings) any { return string(s.TurnDetection) }, `{"type":"semantic_vad"}`},
		{"STREAM_TURN_DETECTION", "none", func(s *config.Settings) any { return string(s.TurnDetection) }, "null"},
		{"STREAM_TURN_DETECTION", `{"type":"server_vad","threshold":0.7}`, func(s *config.Settings) any { return string(s.TurnDetection) }, `{"type":"server_vad","threshold":0.7}`},
		{"STREAM_TURN_DETECTION", "", func(s *config.Settings) any { return string(s.TurnDetection) }, ""},
		{"STREAM_NOISE_REDUCTION", "Near_Field", func(s *config.Settings) any { return s.NoiseReduction }, "near_field"},
		{"STREAM_NOISE_REDUCTION", "off", func(s *config.Settings) any { return s.NoiseReduction }, "off"},
		{"STREAM_NOISE_REDUCTION", "", func(s *config.Settings) any { return s.NoiseReduction }, ""},
		{"STREAM_GREETING_PROTECT", "1500", func(s *config.Settings) any { return s.GreetingProtect }, 1500 * time.Millisecond},
		{"STREAM_ECHO_GUARD", "12", func(s *config.Settings) any { return s.EchoGuard }, 12},
		{"STREAM_DTMF", "", func(s *config.Settings) any { return s.Keys }, config.KeysEvent},
		{"STREAM_DTMF", "Model", func(s *config.Settings) any { return s.Keys }, config.KeysModel},
		{"STREAM_DTMF", "mask", func(s *config.Settings) any { return s.Keys }, config.KeysMask},
		{"STREAM_DTMF", "off", func(s *config.Settings) any { return s.Keys }, config.KeysOff},
		{"STREAM_DTMF_TIMEOUT", "", func(s *config.Settings) any { return s.KeysTimeout }, 2500 * time.Millisecond},
		{"STREAM_DTMF_TIMEOUT", "4000", func(s *config.Settings) any { return s.KeysTimeout }, 4 * time.Second},
		{"STREAM_DTMF_TERMINATOR", "", func(s *config.Settings) any { return s.KeysTerminator }, "#"},
		{"STREAM_DTMF_TERMINATOR", "*", func(s *config.Settings) any { return s.KeysTerminator }, "*"},
		{"STREAM_DTMF_TERMINATOR", "None", func(s *config.Settings) any { return s.KeysTerminator }, ""},
		{"STREAM_DTMF_MAX", "", func(s *config.Settings) any { return s.KeysMax }, 64},
		{"STREAM_DTMF_MAX", "4", func(s *config.Settings) any { return s.KeysMax }, 4},
		{"STREAM_IDLE_TIMEOUT", "", func(s *config.Settings) any { return s.IdleTimeout }, time.Duration(0)},
		{"STREAM_IDLE_TIMEOUT", "15", func(s *config.Settings) any { return s.IdleTimeout }, 15 * time.Second},
		{"STREAM_IDLE_PROMPT", "", func(s *config.Settings) any { return s.IdlePrompt }, "auto"},
		{"STREAM_IDLE_PROMPT", "Are you there?", func(s *config.Settings) any { return s.IdlePrompt }, "Are you there?"},
		{"STREAM_IDLE_MAX", "", func(s *config.Settings) any { return s.IdleMax }, 2},
		{"STREAM_IDLE_MAX", "0", func(s *config.Settings) any { return s.IdleMax }, 0},
		{"STREAM_GOODBYE", "", func(s *config.Settings) any { return s.Goodbye }, ""},
		{"STREAM_GOODBYE", "Goodbye!", func(s *config.Settings) any { return s.Goodbye }, "Goodbye!"},
		{"STREAM_RESPONSE_TIMEOUT", "", func(s *config.Settings) any { return s.ResponseTimeout }, 20 * time.Second},
		{"STREAM_RESPONSE_TIMEOUT", "0", func(s *config.Settings) any { return s.ResponseTimeout }, time.Duration(0)},
		{"STREAM_ON_ERROR", "", func(s *config.Settings) any { return s.OnError }, config.Rescue{Kind: config.RescueContinue}},
		{"STREAM_ON_ERROR", "Hangup", func(s *config.Settings) any { return s.OnError }, config.Rescue{Kind: config.RescueHangup}},
		{"STREAM_ON_ERROR", "play:/Sorry.wav", func(s *config.Settings) any { return s.OnError }, config.Rescue{Kind: config.RescuePlay, To: "/Sorry.wav"}},
		{"STREAM_ON_ERROR", "transfer: 1001 XML default", func(s *config.Settings) any { return s.OnError }, config.Rescue{Kind: config.RescueTransfer, To: "1001 XML default"}},
		{"STREAM_FILLER", "", func(s *config.Settings) any { return s.Filler }, ""},
		{"STREAM_FILLER", "say:One moment.", func(s *config.Settings) any { return s.Filler }, "say:One moment."},
		{"STREAM_FILLER_AFTER", "", func(s *config.Settings) any { return s.FillerAfter }, 1500 * time.Millisecond},
		{"STREAM_FILLER_AFTER", "0", func(s *config.Settings) any { return s.FillerAfter }, time.Duration(0)},
		{"STREAM_MAX_DURATION", "90", func(s *config.Settings) any { return s.MaxDuration }, 90 * time.Second},
		{"STREAM_MAX_DURATION", "", func(s *config.Settings) any { return s.MaxDuration }, time.Duration(0)},
	} {
		t.Run(tc.variable+"="+strings.ReplaceAll(tc.value, "/", "_"), func(t *testing.T) {
			t.Parallel()
			s, err := from(t, tc.variable, tc.value)
			if err != nil {
				t.Fatal(err)
			}
			if got := tc.got(&s); !reflect.DeepEqual(got, tc.want) {
				t.Errorf("got %v, want %v", got, tc.want)
			}
			// Nothing but the one setting differs from the defaults.
			if tc.value == "" && !reflect.DeepEqual(s, config.Default().Settings) {
				t.Errorf("an unset variable changed something")
			}
		})
	}
}

func TestClientCertificateNeedsBothVariables(t *testing.T) {
	t.Parallel()
	cert, key := writeFile(t, "cert"), writeFile(t, "key")
	s, err := config.FromVariables(config.Default().Settings, vars{"STREAM_TLS_CERT_FILE": cert, "STREAM_TLS_KEY_FILE": key}.get)
	if err != nil || s.TLS.CertFile != cert || s.TLS.KeyFile != key {
		t.Errorf("got %+v, %v", s.TLS, err)
	}
	for _, alone := range []string{"STREAM_TLS_CERT_FILE", "STREAM_TLS_KEY_FILE"} {
		_, err := from(t, alone, cert)
		if err == nil || err.Error() != "STREAM_TLS_CERT_FILE and STREAM_TLS_KEY_FILE: expected both or neither" {
			t.Errorf("%s alone: %v", alone, err)
		}
	}
}

func TestBadVariablesAreNamed(t *testing.T) {
	t.Parallel()
	pipe := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	big, binary := writeFile(t, strings.Repeat("x", 1<<20+1)), writeFile(t, "\xff\xfe")
	for _, tc := range []struct{ variable, value, want string }{
		{"STREAM_MESSAGE_DEFLATE", "maybe", `STREAM_MESSAGE_DEFLATE "maybe": expected true or false`},
		{"STREAM_HEART_BEAT", "-1", `STREAM_HEART_BEAT "-1": expected a number from 0 to 3600 (seconds)`},
		{"STREAM_HEART_BEAT", "15s", `STREAM_HEART_BEAT "15s": expected a number from 0 to 3600 (seconds)`},
		{"STREAM_HEART_BEAT", "3601", `STREAM_HEART_BEAT "3601": expected a number from 0 to 3600 (seconds)`},
		{"STREAM_SUPPRESS_LOG", "2", `STREAM_SUPPRESS_LOG "2": expected true or false`},
		{"STREAM_BUFFER_SIZE", "30", `STREAM_BUFFER_SIZE "30": expected a multiple of 20 up to 1000 (ms)`},
		{"STREAM_BUFFER_SIZE", "0", `STREAM_BUFFER_SIZE "0": expected a multiple of 20 up to 1000 (ms)`},
		{"STREAM_BUFFER_SIZE", "-20", `STREAM_BUFFER_SIZE "-20": expected a multiple of 20 up to 1000 (ms)`},
		{"STREAM_BUFFER_SIZE", "1020", `STREAM_BUFFER_SIZE "1020": expected a multiple of 20 up to 1000 (ms)`},
		{"STREAM_BUFFER_SIZE", "20ms", `STREAM_BUFFER_SIZE "20ms": expected a multiple of 20 up to 1000 (ms)`},
		{"STREAM_NO_RECONNECT", "never", `STREAM_NO_RECONNECT "never": expected true or false`},
		{"STREAM_TLS_CA_FILE", "/nowhere/ca", `STREAM_TLS_CA_FILE "/nowhere/ca": expected SYSTEM, NONE, a readable file: stat /nowhere/ca: no such file or directory`},
		{"STREAM_TLS_CA_FILE", "system", `STREAM_TLS_CA_FILE "system": expected SYSTEM, NONE, a readable file: system: expected an absolute path`},
		{"STREAM_TLS_CERT_FILE", "/nowhere/c", `STREAM_TLS_CERT_FILE "/nowhere/c": expected a readable file: stat /nowhere/c: no such file or directory`},
		{"STREAM_TLS_KEY_FILE", "/", `STREAM_TLS_KEY_FILE "/": expected a readable file: /: expected a file`},
		{"STREAM_TLS_DISABLE_HOSTNAME_VALIDATION", "x", `STREAM_TLS_DISABLE_HOSTNAME_VALIDATION "x": expected true or false`},
		{"STREAM_DISABLE_AUDIOFILES", "x", `STREAM_DISABLE_AUDIOFILES "x": expected true or false`},
		{"STREAM_PROVIDER", "acme", `STREAM_PROVIDER "acme": expected one of openai, azure-preview, azure, compatible`},
		{"STREAM_INPUT_FORMAT", "mp3", `STREAM_INPUT_FORMAT "mp3": expected pcm16, g711_ulaw or g711_alaw`},
		{"STREAM_OUTPUT_FORMAT", "opus", `STREAM_OUTPUT_FORMAT "opus": expected pcm16, g711_ulaw or g711_alaw`},
		{"STREAM_BARGE_IN", "sometimes", `STREAM_BARGE_IN "sometimes": expected on, off, or min_ms=N, confirm_ms=N and resume_ms=N, each at most once, with N from 0 to 600000`},
		{"STREAM_BARGE_IN", "min_ms=-1", `STREAM_BARGE_IN "min_ms=-1": expected on, off, or min_ms=N, confirm_ms=N and resume_ms=N, each at most once, with N from 0 to 600000`},
		{"STREAM_BARGE_IN", "min_ms=1,min_ms=2", `STREAM_BARGE_IN "min_ms=1,min_ms=2": expected on, off, or min_ms=N, confirm_ms=N and resume_ms=N, each at most once, with N from 0 to 600000`},
		{"STREAM_BARGE_IN", "min_ms=1,", `STREAM_BARGE_IN "min_ms=1,": expected on, off, or min_ms=N, confirm_ms=N and resume_ms=N, each at most once, with N from 0 to 600000`},
		{"STREAM_NOISE_REDUCTION", "none", `STREAM_NOISE_REDUCTION "none": expected near_field, far_field or off`},
		{"STREAM_DTMF", "on", `STREAM_DTMF "on": expected model, event, mask or off`},
		{"STREAM_DTMF_TERMINATOR", "##", `STREAM_DTMF_TERMINATOR "##": expected one of 0 to 9, *, #, A to D, or none`},
		{"STREAM_ON_ERROR", "hangup:now", `STREAM_ON_ERROR "hangup:now": expected continue, hangup, play:<file>, or transfer:<extension> [dialplan [context]]`},
		{"STREAM_ON_ERROR", "play:", `STREAM_ON_ERROR "play:": expected continue, hangup, play:<file>, or transfer:<extension> [dialplan [context]]`},
		{"STREAM_ON_ERROR", "transfer:1 2 3 4", `STREAM_ON_ERROR "transfer:1 2 3 4": expected continue, hangup, play:<file>, or transfer:<extension> [dialplan [context]]`},
		{"STREAM_BARGE_IN", "resume_ms=500,resume_ms=600", `STREAM_BARGE_IN "resume_ms=500,resume_ms=600": expected on, off, or min_ms=N, confirm_ms=N and resume_ms=N, each at most once, with N from 0 to 600000`},
		{"STREAM_GREETING_PROTECT", "long", `STREAM_GREETING_PROTECT "long": expected a number from 0 to 600000 (ms)`},
		{"STREAM_ECHO_GUARD", "61", `STREAM_ECHO_GUARD "61": expected a number from 0 to 60`},
		{"STREAM_VOICE", "a\nb", `STREAM_VOICE "a\nb": expected one line of at most 256 bytes`},
		{"STREAM_INSTRUCTIONS", "file:/nowhere", `STREAM_INSTRUCTIONS "file:/nowhere": stat /nowhere: no such file or directory`},
		{"STREAM_INSTRUCTIONS", "file:relative", `STREAM_INSTRUCTIONS "file:relative": relative: expected an absolute path`},
		{"STREAM_INSTRUCTIONS", "file:" + pipe, `STREAM_INSTRUCTIONS "file:` + pipe + `": ` + pipe + `: expected a file`},
		{"STREAM_INSTRUCTIONS", "file:" + big, `STREAM_INSTRUCTIONS "file:` + big + `": ` + big + `: expected at most 1048576 bytes`},
		{"STREAM_INSTRUCTIONS", "file:" + binary, `STREAM_INSTRUCTIONS "file:` + binary + `": expected UTF-8 text of at most 1048576 bytes`},
		{"STREAM_TURN_DETECTION", "loud", `STREAM_TURN_DETECTION "loud": expected server_vad, semantic_vad, none or a JSON object`},
		{"STREAM_TURN_DETECTION", `[1]`, `STREAM_TURN_DETECTION "[1]": expected server_vad, semantic_vad, none or a JSON object`},
		{"STREAM_DTMF", "loud", `STREAM_DTMF "loud": expected model, event, mask or off`},
		{"STREAM_DTMF_TIMEOUT", "50", `STREAM_DTMF_TIMEOUT "50": expected a number from 100 to 60000 (ms)`},
		{"STREAM_DTMF_TERMINATOR", "##", `STREAM_DTMF_TERMINATOR "##": expected one of 0 to 9, *, #, A to D, or none`},
		{"STREAM_DTMF_MAX", "65", `STREAM_DTMF_MAX "65": expected a number from 1 to 64`},
		{"STREAM_MAX_DURATION", "forever", `STREAM_MAX_DURATION "forever": expected a number from 0 to 86400 (seconds)`},
		// Secrets are not quoted.
		{"STREAM_OPENAI_API_KEY", "forged\r\nkey", `STREAM_OPENAI_API_KEY (value not shown): expected the key alone, visible ASCII characters without spaces, or file:/path of it`},
		{"STREAM_OPENAI_API_KEY", "Bearer forged", `STREAM_OPENAI_API_KEY (value not shown): expected the key alone, visible ASCII characters without spaces, or file:/path of it`},
		{"STREAM_OPENAI_API_KEY", "file:/nowhere", `STREAM_OPENAI_API_KEY (value not shown): stat /nowhere: no such file or directory`},
		{"STREAM_EXTRA_HEADERS", `{"X-A":"forged\nX-B: 1"}`, `STREAM_EXTRA_HEADERS (value not shown): value of header "X-A": expected no line breaks or control characters`},
		{"STREAM_EXTRA_HEADERS", `{"Host":"forged"}`, `STREAM_EXTRA_HEADERS (value not shown): header "Host": it belongs to the connection and can't be set`},
		{"STREAM_EXTRA_HEADERS", `forged`, `STREAM_EXTRA_HEADERS (value not shown): expected a JSON object of strings, {"Name":"value"}`},
		{"STREAM_SESSION", `{"authorization":"forged"`, `STREAM_SESSION (value not shown): expected a JSON object, plain, in base64, or file:/path of it`},
		{"STREAM_SESSION", `forged!`, `STREAM_SESSION (value not shown): expected a JSON object, plain, in base64, or file:/path of it`},
		{"STREAM_SESSION", `null`, `STREAM_SESSION (value not shown): expected a JSON object, plain, in base64, or file:/path of it`},
	} {
		t.Run(tc.variable+"="+strings.ReplaceAll(tc.value, "/", "_"), func(t *testing.T) {
			t.Parallel()
			_, err := from(t, tc.variable, tc.value)
			if err == nil || err.Error() != tc.want {
				t.Errorf("got  %v\nwant %s", err, tc.want)
			}
			if err != nil && strings.Contains(err.Error(), "forged") {
				t.Errorf("a secret in %q", err)
			}
		})
	}
}

func TestLongValuesAreCutInErrors(t *testing.T) {
	t.Parallel()
	_, err := from(t, "STREAM_TURN_DETECTION", strings.Repeat("é", 1000))
	if err == nil || len(err.Error()) > 300 || strings.ContainsRune(err.Error(), '\uFFFD') {
		t.Errorf("got %v", err)
	}
}

func TestEveryVariableHasItsRowInTheTests(t *testing.T) {
	t.Parallel()
	source, err := os.ReadFile("variables_test.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range config.Table() {
		if s.Variable != "" && !strings.Contains(string(source), `"`+s.Variable+`"`) {
			t.Errorf("%s is not tested", s.Variable)
		}
	}
}
