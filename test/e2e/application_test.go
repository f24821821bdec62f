package e2e_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"mod_openai_audio_stream/module/realtime/realtimetest"
)

// variable is a channel variable in the host.
func (r *rig) variable(uuid, name string) string {
	r.Helper()
	var m struct{ Value string }
	if err := json.Unmarshal(r.do("get %s %s", uuid, name).Raw, &m); err != nil {
		r.Fatal(err)
	}
	return m.Value
}

// run starts the application on the channel's thread.
func (r *rig) run(uuid, data string) {
	r.Helper()
	r.do("app %s openai_audio_stream %s", uuid, data)
}

// returned waits until the application has returned for the n-th time.
func (r *rig) returned(uuid string, n int) {
	r.Helper()
	r.event(uuid, "CHANNEL_EXECUTE_COMPLETE", n)
}

// end is what the application leaves for the next line of the dialplan.
func (r *rig) end(uuid string) string {
	r.Helper()
	return fmt.Sprintf("%s %s %s", r.variable(uuid, "openai_audio_stream_result"),
		r.variable(uuid, "openai_audio_stream_disconnect_reason"), r.variable(uuid, "openai_audio_stream_error"))
}

// The application answers, talks, and returns with its result when the stream is stopped; the channel lives on.
func TestApplication(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	srv := realtimetest.New(t, realtimetest.Config{Answer: realtimetest.Tone(440, 300*time.Millisecond)})
	r.do("create call rate=8000 media=early caller=silence writer=none")
	r.do("set call STREAM_GREETING Hello there")
	r.run("call", srv.URL()+" mono 24k")
	r.event("call", "openai_speech_stop", 1)
	r.event("call", "turn", 1)
	r.api("+OK", "call stop")
	r.returned("call", 1)
	if got, want := r.end("call"), "success stop "; got != want {
		t.Errorf("ended with %q, want %q", got, want)
	}
	for name, want := range map[string]string{"turns": "1", "interruptions": "0", "audio_out_ms": "300", "reconnects": "0"} {
		if got := r.variable("call", "openai_audio_stream_"+name); got != want {
			t.Errorf("openai_audio_stream_%s is %q, want %q", name, got, want)
		}
	}
	first, err := r.session(srv, 0).WaitReceived(r.ctx, "response.create", 1)
	if err != nil || !strings.Contains(string(first.Raw), "Hello there") {
		t.Errorf("greeting: %s, %v", first.Raw, err)
	}

	// A second conversation on the same channel adds to the call's totals.
	r.run("call", srv.URL()+" mono 24k")
	r.event("call", "openai_speech_stop", 2)
	r.event("call", "turn", 2)
	r.session(srv, 1).Close(1000, "enough")
	r.returned("call", 2)
	if got, want := r.end("call"), "success server_closed "; got != want {
		t.Errorf("ended with %q, want %q", got, want)
	}
	if got := r.variable("call", "openai_audio_stream_turns"); got != "2" {
		t.Errorf("%s turns, want 2", got)
	}
}

// Whatever ends the stream, the dialplan goes on and knows why.
func TestApplicationEnds(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	srv := realtimetest.New(t, realtimetest.Config{Misbehave: realtimetest.Refuse(1, 401, "")})
	r.do("create call rate=8000 caller=silence writer=none")
	for i, test := range []struct{ data, want string }{
		{"", "error refused start without a URL"},
		{"ftp://x", `error refused URL "ftp://x"`},
		{srv.URL(), "error error "},
	} {
		r.run("call", test.data)
		r.returned("call", i+1)
		if got := r.end("call"); !strings.HasPrefix(got, test.want) {
			t.Errorf("%q ended with %q, want %q...", test.data, got, test.want)
		}
	}
	if text := r.variable("call", "openai_audio_stream_error"); !strings.Contains(text, "401") {
		t.Errorf("error %q does not name the status", text)
	}

	r.do("set call STREAM_MAX_DURATION 1")
	r.run("call", srv.URL())
	r.returned("call", 4)
	if got, want := r.end("call"), "success max_duration "; got != want {
		t.Errorf("ended with %q, want %q", got, want)
	}

	// A hang-up ends the application as well; the channel could not go away otherwise.
	r.do("set call STREAM_MAX_DURATION")
	r.run("call", srv.URL())
	r.event("call", "connect", 2)
	r.do("hangup call wait=1")
	r.event("call", "disconnect", 2)
}
