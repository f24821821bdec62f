package e2e_test

import (
	"encoding/json"
	"slices"
	"testing"
	"time"

	"mod_openai_audio_stream/module/realtime/realtimetest"
)

// Before a server ends a session by force, a second one has taken over: it knows the conversation, and no sample of the
// caller's is lost or sent twice.
func TestPlannedRollOver(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	srv := realtimetest.New(t, realtimetest.Config{
		InputRate: 8000, NoVAD: true, SessionLife: 4 * time.Second,
		Answer: realtimetest.Speech(realtimetest.Sine(440, 200*time.Millisecond, 24000), 24000, "I am fine."),
	})
	r.do("create call rate=8000 caller=ramp writer=none")
	r.do("set call STREAM_INSTRUCTIONS Be kind.")
	r.api("+OK", "call start %s mono 8k", srv.URL())
	r.event("call", "connect", 1)
	r.api("+OK", "call send_text SG93IGFyZSB5b3U/") // How are you?
	r.event("call", "openai_speech_stop", 1)

	var event struct {
		Planned bool
		Items   int
	}
	if err := json.Unmarshal([]byte(r.event("call", "reconnect", 1).Body), &event); err != nil {
		t.Fatal(err)
	}
	if !event.Planned || event.Items != 2 {
		t.Errorf("event %+v, want a planned one with 2 items", event)
	}
	old, next := r.session(srv, 0), r.session(srv, 1)
	if end, err := old.WaitEnd(r.ctx); err != nil || end.Code != 1000 {
		t.Errorf("the old session ended with %+v, %v", end, err)
	}
	if err := next.WaitAudio(r.ctx, 8000); err != nil {
		t.Fatal(err)
	}
	want := []string{"session.update", "conversation.item.create", "input_audio_buffer.append"}
	if got := order(next); !slices.Equal(got, want) {
		t.Errorf("the new session got %v, want %v", got, want)
	}
	before, _, _ := old.CallerPCM()
	after, _, _ := next.CallerPCM()
	r.checkCaller("call", append(before, after...))
	r.do("hangup call wait=1")
	r.event("call", "disconnect", 1)
	if c, d := len(r.Events("call", "connect")), len(r.Events("call", "disconnect")); c != 1 || d != 1 {
		t.Errorf("%d connect and %d disconnect events, want one each", c, d)
	}
}
