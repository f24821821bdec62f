package e2e_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"mod_openai_audio_stream/module/realtime/realtimetest"
)

// set sets channel variables, given as name, value, name, value.
func (r *rig) set(uuid string, variables ...string) {
	r.Helper()
	for i := 0; i < len(variables); i += 2 {
		r.do("set %s %s %s", uuid, variables[i], variables[i+1])
	}
}

// talker creates a channel with these variables and starts a stream on it, which must be taken.
func (r *rig) talker(uuid, url string, variables ...string) {
	r.Helper()
	r.do("create %s rate=8000 caller=ramp writer=none", uuid)
	r.set(uuid, variables...)
	r.api("+OK", "%s start %s mono 8k", uuid, url)
}

// quiet is a server that only listens.
var quiet = realtimetest.Config{InputRate: 8000, NoVAD: true}

// STREAM_MESSAGE_DEFLATE disables permessage-deflate, which is offered otherwise.
func TestMessageDeflate(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	cfg := quiet
	cfg.Deflate = true
	srv := realtimetest.New(t, cfg)
	for i, value := range []string{"", "false", "true", "1", "0"} {
		uuid := fmt.Sprintf("call-%d", i)
		r.talker(uuid, srv.URL(), "STREAM_MESSAGE_DEFLATE", value)
		r.event(uuid, "connect", 1)
		if err := r.session(srv, i).WaitAudio(r.ctx, 320); err != nil { // it works either way
			t.Fatal(err)
		}
		offered := strings.Contains(srv.Attempts()[i].Header.Get("Sec-WebSocket-Extensions"), "permessage-deflate")
		if want := value != "true" && value != "1"; offered != want {
			t.Errorf("%q: permessage-deflate offered: %v, want %v", value, offered, want)
		}
	}
}

// STREAM_HEART_BEAT pings a silent server; one that answers stays, one that does not has died.
func TestHeartBeat(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	alive := realtimetest.New(t, quiet)
	deaf := quiet
	deaf.Misbehave = func(attempt int) *realtimetest.Misbehaviour {
		return &realtimetest.Misbehaviour{IgnorePings: attempt == 0}
	}
	dead := realtimetest.New(t, deaf)
	r.talker("alive", alive.URL(), "STREAM_HEART_BEAT", "1")
	r.talker("dead", dead.URL(), "STREAM_HEART_BEAT", "1")
	m := r.event("dead", "disconnect", 1)
	if !strings.Contains(m.Body, `"code":1006`) || !strings.Contains(m.Body, "ping") {
		t.Errorf("disconnect %s, want code 1006 and a reason that names the ping", m.Body)
	}
	r.event("dead", "connect", 2)
	s := r.session(alive, 0)
	r.wait(alive, "pings", func() bool { return s.Pings() >= 2 })
	if n := len(r.Events("alive", "disconnect")); n != 0 {
		t.Error("the server that answered was given up")
	}
}

// STREAM_SUPPRESS_LOG keeps server messages out of the log; the events come all the same. The log has audio as its
// length.
func TestServerMessagesInTheLog(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	srv := realtimetest.New(t, realtimetest.Config{InputRate: 8000, NoVAD: true, Answer: realtimetest.Tone(440, 100*time.Millisecond)})
	for _, uuid := range []string{"silent", "told"} {
		value := "false"
		if uuid == "silent" {
			value = "true"
		}
		r.talker(uuid, srv.URL(), "STREAM_SUPPRESS_LOG", value)
		r.event(uuid, "connect", 1)
		r.api("+OK", "%s send_json %s", uuid, base64JSON(`{"type":"response.create"}`))
		r.event(uuid, "openai_speech_stop", 1)
		if n := len(r.Events(uuid, "json")); n < 5 {
			t.Errorf("%s: %d json events", uuid, n)
		}
		r.api("+OK", "%s stop", uuid)
		r.event(uuid, "disconnect", 1)
	}
	r.do("log 7") // its reply comes after what was logged before
	r.logged("told server:")
	log := r.log.String()
	for line := range strings.SplitSeq(log, "\n") {
		if strings.Contains(line, "silent server:") {
			t.Errorf("a server message in the log: %s", line)
		}
	}
	for _, text := range []string{"session.created", "response.done", `"delta":"<4800 bytes of audio>"`} {
		if !strings.Contains(log, text) {
			t.Errorf("no %s in the log", text)
		}
	}
}

// STREAM_BUFFER_SIZE is the audio in a message.
func TestBufferSize(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	srv := realtimetest.New(t, quiet)
	for i, ms := range []string{"", "40", "200"} {
		uuid := fmt.Sprintf("call-%d", i)
		r.talker(uuid, srv.URL(), "STREAM_BUFFER_SIZE", ms)
		s := r.session(srv, i)
		if _, err := s.WaitReceived(r.ctx, "input_audio_buffer.append", 5); err != nil {
			t.Fatal(err)
		}
		want := map[string]int{"": 320, "40": 640, "200": 3200}[ms]
		for _, e := range s.Received("input_audio_buffer.append") {
			if e.AudioBytes != want {
				t.Errorf("%q: a message of %d bytes, want %d", ms, e.AudioBytes, want)
			}
		}
	}
}

// The upgrade carries the extra headers, and the key of the nearest place that has one.
func TestHeadersAndKeys(t *testing.T) {
	t.Setenv("OPENAI_API_KEY", "sk-environment")
	file := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(file, []byte("sk-in-a-file\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	srv := realtimetest.New(t, quiet)
	type keyCase struct{ key, headers, authorization, other string }
	run := func(r *rig, cases ...keyCase) {
		r.Helper()
		for i, c := range cases {
			uuid := fmt.Sprintf("call-%d", i)
			before := len(srv.Attempts())
			r.talker(uuid, srv.URL(), "STREAM_OPENAI_API_KEY", c.key, "STREAM_EXTRA_HEADERS", c.headers)
			r.event(uuid, "connect", 1)
			h := srv.Attempts()[before].Header
			if got := h.Get("Authorization"); got != c.authorization {
				r.Errorf("%+v: Authorization %q", c, got)
			}
			if got := h.Get("X-Tenant"); got != c.other {
				r.Errorf("%+v: X-Tenant %q", c, got)
			}
			r.do("hangup %s wait=1", uuid)
		}
	}
	r := newRig(t)
	run(r,
		keyCase{"sk-variable", ``, "Bearer sk-variable", ""},
		keyCase{"file:" + file, ``, "Bearer sk-in-a-file", ""},
		keyCase{"", `{"Authorization":"Bearer sk-header","X-Tenant":"seven"}`, "Bearer sk-header", "seven"},
		keyCase{"sk-variable", `{"authorization":"Bearer sk-header","x-tenant":"seven"}`, "Bearer sk-variable", "seven"},
		keyCase{"", `{"X-Tenant":"seven"}`, "Bearer sk-environment", "seven"},
		keyCase{"", ``, "Bearer sk-environment", ""},
	)
	r = newRigWith(t, `<param name="api-key" value="sk-module"/><param name="extra-headers" value='{"X-Tenant":"all"}'/>`)
	run(r,
		keyCase{"", ``, "Bearer sk-module", "all"},
		keyCase{"sk-variable", `{"X-Tenant":"seven"}`, "Bearer sk-variable", "seven"},
		keyCase{"", `{"Authorization":"Bearer sk-header"}`, "Bearer sk-header", ""},
	)
	run(newRigWith(t, `<param name="api-key" value="file:`+file+`"/>`), keyCase{"", ``, "Bearer sk-in-a-file", ""})
}

// STREAM_NO_RECONNECT ends the stream with its first failure.
func TestNoReconnect(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	cfg := quiet
	cfg.Misbehave = realtimetest.Refuse(1, 503, "")
	srv := realtimetest.New(t, cfg)
	r.talker("refused", srv.URL(), "STREAM_NO_RECONNECT", "true")
	r.ends("refused", "error")
	r.talker("lost", srv.URL(), "STREAM_NO_RECONNECT", "1")
	r.event("lost", "connect", 1)
	r.session(srv, 0).CloseTCP()
	r.ends("lost", "connect", "disconnect", "error")
	if n := len(srv.Attempts()); n != 2 {
		t.Errorf("%d attempts, want 2", n)
	}
}

// ends waits until the channel has no stream any more, and demands these events of connection, in this order.
func (r *rig) ends(uuid string, want ...string) {
	r.Helper()
	r.poll(uuid+" does not end", func() bool {
		return strings.Contains(r.do("api %s status", uuid).Text, "no stream")
	})
	counts := map[string]int{}
	for _, name := range want { // the last ones come when the channel is free already
		counts[name]++
		r.event(uuid, name, counts[name])
	}
	r.do("events flush")
	if got := r.connection(uuid); !slices.Equal(got, want) {
		r.Errorf("%s: events %v, want %v\n%s", uuid, got, want, r.log)
	}
}

// connection is the names of the channel's events about its connection.
func (r *rig) connection(uuid string) (names []string) {
	for _, m := range r.Events(uuid, "") {
		name := strings.TrimPrefix(m.Subclass, "mod_openai_audio_stream::")
		if slices.Contains([]string{"connect", "disconnect", "error", "reconnect"}, name) {
			names = append(names, name)
		}
	}
	return names
}

// A binary message, which the protocol does not have, ends nothing: what comes after it is heard.
func TestBinaryMessage(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	cfg := quiet
	cfg.Answer = realtimetest.Tone(440, 300*time.Millisecond)
	cfg.Misbehave = realtimetest.Always(realtimetest.Misbehaviour{Steps: []realtimetest.Step{
		realtimetest.AfterSending("session.created", 1, realtimetest.SendBinary([]byte{0, 0xff, '{'}))}})
	srv := realtimetest.New(t, cfg)
	r.talker("call", srv.URL())
	r.event("call", "connect", 1)
	r.api("+OK", "call send_json %s", base64JSON(responseCreate))
	r.event("call", "openai_speech_stop", 1)
	if played := r.status("call").PlayedMS; played != 300 {
		t.Errorf("%d ms were played, want 300", played)
	}
	if n := len(r.Events("call", "disconnect")); n != 0 {
		t.Errorf("%d disconnect events", n)
	}
}

// A bad value is refused with the variable's name and the value, unless that is a secret, and nothing is started.
func TestBadVariables(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	srv := realtimetest.New(t, quiet)
	r.do("create call rate=8000 caller=silence")
	for _, c := range []struct {
		name, value string
		secret      bool
	}{
		{"STREAM_MESSAGE_DEFLATE", "perhaps", false},
		{"STREAM_HEART_BEAT", "-1", false},
		{"STREAM_HEART_BEAT", "soon", false},
		{"STREAM_SUPPRESS_LOG", "2", false},
		{"STREAM_BUFFER_SIZE", "30", false},
		{"STREAM_BUFFER_SIZE", "0", false},
		{"STREAM_BUFFER_SIZE", "20ms", false},
		{"STREAM_EXTRA_HEADERS", `["forged-secret"]`, true},
		{"STREAM_EXTRA_HEADERS", `{"X-A":7,"X-B":"forged-secret"}`, true},
		{"STREAM_EXTRA_HEADERS", `{"X-A":"forged-secret\r\nX-B: injected"}`, true},
		{"STREAM_EXTRA_HEADERS", `{"X-A\r\nX-B":"forged-secret"}`, true},
		{"STREAM_EXTRA_HEADERS", `{"Host":"forged-secret"}`, true},
		{"STREAM_NO_RECONNECT", "never", false},
		{"STREAM_TLS_CA_FILE", "/no/such/file", false},
		{"STREAM_TLS_CERT_FILE", "/no/such/file", false},
		{"STREAM_TLS_KEY_FILE", "/no/such/file", false},
		{"STREAM_TLS_DISABLE_HOSTNAME_VALIDATION", "maybe", false},
		{"STREAM_DISABLE_AUDIOFILES", "maybe", false},
		{"STREAM_OPENAI_API_KEY", "forged-secret with a blank", true},
		{"STREAM_OPENAI_API_KEY", "file:/no/such/file", true},
		{"STREAM_PROVIDER", "nobody", false},
		{"STREAM_INPUT_FORMAT", "mp3", false},
		{"STREAM_OUTPUT_FORMAT", "mp3", false},
		{"STREAM_BARGE_IN", "sometimes", false},
		{"STREAM_SESSION", `{"forged-secret"`, true},
		{"STREAM_TURN_DETECTION", "guess", false},
		{"STREAM_MAX_DURATION", "-5", false},
	} {
		r.do("set call %s %s", c.name, c.value)
		want := fmt.Sprintf("-ERR %s %q: ", c.name, c.value)
		if c.secret {
			want = "-ERR " + c.name + " (value not shown): "
		}
		text := r.api(want, "call start %s", srv.URL())
		if !strings.Contains(text, "expected") && !strings.Contains(text, "no such file") && !strings.Contains(text, "can't be set") {
			t.Errorf("%s does not say what is expected", text)
		}
		if strings.Contains(text, "forged") {
			t.Errorf("%s repeats a secret", text)
		}
		if text := r.do("api call status").Text; !strings.Contains(text, "no stream") {
			t.Errorf("%s %q started a stream: %s", c.name, c.value, text)
		}
		r.do("set call %s", c.name)
	}
	if n := len(srv.Attempts()); n != 0 {
		t.Errorf("%d attempts to connect", n)
	}
	// The channel is as it was.
	r.api("+OK", "call start %s", srv.URL())
	r.event("call", "connect", 1)
}
