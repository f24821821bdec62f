package e2e_test

import (
	"slices"
	"strings"
	"testing"

	"mod_openai_audio_stream/module/realtime/realtimetest"
)

// Bad input is answered with what was wrong, and changes nothing.
func TestRefusals(t *testing.T) {
	r := newRig(t)
	srv := realtimetest.New(t, realtimetest.Config{})
	r.do("create call rate=8000 caller=silence")
	r.do("create mute media=0 rate=8000 caller=silence")
	for args, want := range map[string]string{
		"":                                       "-ERR",
		"call":                                   "-ERR",
		"call fly":                               `-ERR command "fly"`,
		"call start":                             "-ERR start without a URL",
		"call start http://x/ mono":              `-ERR URL "http://x/"`,
		"call start ws://127.0.0.1:1 mono 11025": `-ERR sampling rate "11025": expected 8k, 16k, 24k or a multiple of 8000 up to 48000`,
		"call start ws://127.0.0.1:1 quad":       `-ERR start argument "quad"`,
		"call stop":                              `-ERR channel "call": no stream`,
		"nobody start " + srv.URL():              `-ERR channel "nobody": no such channel`,
		"mute start " + srv.URL():                `-ERR channel "mute": channel without media`,
	} {
		if text := r.do("api uuid_openai_audio_stream %s", args).Text; !strings.HasPrefix(text, want) {
			t.Errorf("%q: %q, want %s...", args, text, want)
		}
	}
	r.do("set call STREAM_BUFFER_SIZE 30")
	r.api(`-ERR STREAM_BUFFER_SIZE "30": expected a multiple of 20`, "call start %s", srv.URL())
	r.do("set call STREAM_BUFFER_SIZE 20")
	r.api("+OK", "call START %s MONO 8K", srv.URL())
	r.api("-ERR", "call start %s", srv.URL())
	r.api("+OK", "call Mute Both")
	r.api("+OK", "call unmute all")
	r.api("+OK", "call pause")
	r.api("+OK", "call resume")
	r.api("+OK {", "call status")
	r.event("call", "connect", 1)
	r.api("+OK", "call stop")
	m := r.event("call", "disconnect", 1)
	if want := `{"status":"disconnected","message":{"code":1000,"reason":"Normal closure"}}`; m.Body != want {
		t.Errorf("disconnect %s, want %s", m.Body, want)
	}
	if n := len(srv.Sessions()); n != 1 {
		t.Errorf("%d sessions of the server, want 1", n)
	}
}

// Without a stream every command but start is refused, in any case of its letters.
func TestCommandsWithoutAStream(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.do("create call rate=8000 caller=silence")
	for _, command := range []string{
		"stop", "STOP", "send_json e30=", "send_text QQ==", "say QQ==", "interrupt", "pause", "Resume", "mute", "mute openai",
		"mute both", "unmute ALL", "status",
	} {
		r.api(`-ERR channel "call": no stream`, "call %s", command)
	}
	r.api(`-ERR mute "nobody": expected user, openai or all`, "call mute nobody")
	r.api(`-ERR pause argument "now": expected nothing more`, "call pause now")
	r.api(`-ERR base64 of 3 characters`, "call send_json @@@")
	r.api(`-ERR message "[]": expected a JSON object`, "call send_json W10=")
}

// The console completes every command.
func TestConsoleCompletion(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	var m struct{ Completions []string }
	decode(t, string(r.do("module").Raw), &m)
	for _, words := range []string{
		"start", "stop", "send_json", "send_text", "say", "interrupt", "pause", "resume", "mute user", "mute openai", "mute all",
		"unmute user", "unmute openai", "unmute all", "status",
	} {
		if want := "uuid_openai_audio_stream ::console::list_uuid " + words; !slices.Contains(m.Completions, want) {
			t.Errorf("no completion %q", want)
		}
	}
	for _, words := range []string{"status", "drain", "drain off"} {
		if want := "uuid_openai_audio_stream " + words; !slices.Contains(m.Completions, want) {
			t.Errorf("no completion %q", want)
		}
	}
	r.do("unload")
	m.Completions = nil
	decode(t, string(r.do("module").Raw), &m)
	if len(m.Completions) != 0 {
		t.Errorf("after unload the console still completes %q", m.Completions)
	}
	r.do("load")
}
