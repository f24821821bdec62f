package e2e_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"mod_openai_audio_stream/module/realtime/realtimetest"
)

// A caller who says nothing is asked twice and told goodbye. Each prompt comes when the last word has been heard, although the
// server sends ten times faster than that, and the goodbye is heard to its end. The dialplan goes on.
func TestIdleCaller(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	const word = 2000 // ms: longer than the timeout
	srv := realtimetest.New(t, realtimetest.Config{Answer: realtimetest.Tone(440, word*time.Millisecond), Speed: 10, InputRate: 8000})
	r.do("create call rate=8000 caller=silence writer=none")
	r.set("call", "STREAM_GREETING", "Good morning.", "STREAM_IDLE_TIMEOUT", "1", "STREAM_IDLE_PROMPT", "Hello?", "STREAM_GOODBYE", "Bye.")
	r.run("call", srv.URL()+" mono 8k")
	if end := r.wantLast("call", 1); end.Reason != "idle" || end.Error != "" {
		t.Errorf("ended with %+v, want idle", end)
	}
	var story []string
	for _, name := range r.names("call") {
		if name == "idle" || strings.HasPrefix(name, "openai_speech") {
			story = append(story, strings.TrimPrefix(name, "openai_speech_"))
		}
	}
	if want := []string{"start", "stop", "idle", "start", "stop", "idle", "start", "stop", "idle", "start", "stop"}; !slices.Equal(story, want) {
		t.Errorf("events %v, want %v", story, want)
	}
	for i, want := range []string{`{"count":1}`, `{"count":2}`, `{"count":2,"goodbye":true}`} {
		if got := r.event("call", "idle", i+1).Body; got != want {
			t.Errorf("idle event %d: %s, want %s", i+1, got, want)
		}
	}
	for i, m := range r.Events("call", "turn") {
		var turn struct {
			PlayedMS int64 `json:"played_ms"`
		}
		if decode(t, m.Body, &turn); turn.PlayedMS != word {
			t.Errorf("answer %d was heard for %d ms, want %d", i+1, turn.PlayedMS, word)
		}
	}
	r.returned("call", 1)
	if got, want := r.end("call"), "success idle "; got != want {
		t.Errorf("ended with %q, want %q", got, want)
	}
	// The call has gone on.
	r.set("call", "STREAM_IDLE_TIMEOUT", "0")
	r.api("+OK", "call start %s mono 8k", srv.URL())
	r.event("call", "connect", 2)
	r.api("+OK", "call stop")
}

// A server that begins a response and says nothing is asked once more, and the caller hears that answer.
func TestMuteServerIsAskedAgain(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	cfg := quiet
	cfg.Answer = realtimetest.Tone(440, time.Second)
	cfg.Misbehave = realtimetest.Always(realtimetest.Misbehaviour{Mute: 1})
	srv := realtimetest.New(t, cfg)
	r.talker("call", srv.URL(), "STREAM_RESPONSE_TIMEOUT", "1", "STREAM_GREETING", "Hello there.")
	r.event("call", "openai_speech_stop", 1)
	s := r.session(srv, 0)
	creates, cancels := s.Received("response.create"), s.Received("response.cancel")
	if len(creates) != 2 || string(creates[0].Raw) != string(creates[1].Raw) || len(cancels) != 1 {
		t.Errorf("asked %d times, cancelled %d times, want the same twice and one cancellation", len(creates), len(cancels))
	}
	r.api("+OK", "call stop")
	if end := r.wantLast("call", 1); end.Reason != "stop" || len(r.Events("call", "error")) > 0 {
		t.Errorf("ended with %+v, events %v", end, r.names("call"))
	}
}

// One that stays mute is told of, and the conversation goes on: what is said next has its answer.
func TestMuteServer(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	cfg := quiet
	cfg.Answer = realtimetest.Tone(440, time.Second)
	cfg.Misbehave = realtimetest.Always(realtimetest.Misbehaviour{Mute: 2})
	srv := realtimetest.New(t, cfg)
	r.talker("call", srv.URL(), "STREAM_RESPONSE_TIMEOUT", "1", "STREAM_ON_ERROR", "continue", "STREAM_GREETING", "Hello there.")
	if f := r.failure(r.event("call", "error", 1)); !strings.Contains(f.Message.Error, "said nothing for 1s, twice") {
		t.Errorf("error event %+v", f)
	}
	r.api("+OK", "call send_text aGVsbG8=")
	r.event("call", "openai_speech_stop", 1)
	r.api("+OK", "call stop")
	if end := r.wantLast("call", 1); end.Reason != "stop" {
		t.Errorf("ended with %+v, want stop", end)
	}
}

// An answer that nobody can hear is told of.
func TestSilentAnswer(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	cfg := quiet
	cfg.Answer = func(realtimetest.Turn) realtimetest.Reply {
		return realtimetest.Reply{Items: []realtimetest.ReplyItem{{PCM: make([]int16, 24000), RateHz: 24000}}}
	}
	srv := realtimetest.New(t, cfg)
	r.talker("call", srv.URL(), "STREAM_GREETING", "auto")
	var body struct {
		ResponseID string `json:"response_id"`
		MS         int64
	}
	if decode(t, r.event("call", "silent_answer", 1).Body, &body); body.MS != 1000 || body.ResponseID == "" {
		t.Errorf("%+v, want the second that it lasted", body)
	}
	r.api("+OK", "call stop")
}
