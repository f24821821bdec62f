package e2e_test

import (
	"testing"
	"time"

	"mod_openai_audio_stream/module/realtime/realtimetest"
)

// A connection that is lost in the middle of an answer that the caller has heard the beginning of: what was received plays
// out, the new session is told what was said, and is not asked for the answer again.
func TestAnswerAfterALoss(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	sessions := 0 // the first one has so much to say that the loss comes in the middle of it
	srv := realtimetest.New(t, realtimetest.Config{
		InputRate: 8000, NoVAD: true, Speed: 1.5,
		Answer: func(realtimetest.Turn) realtimetest.Reply {
			length := time.Second
			if sessions++; sessions == 1 {
				length = time.Minute
			}
			return realtimetest.Say(realtimetest.Sine(440, length, 24000), 24000, "I am fine.")
		},
	})
	r.do("create call rate=8000 caller=silence writer=none")
	r.api("+OK", "call start %s mono 8k", srv.URL())
	r.event("call", "connect", 1)
	r.api("+OK", "call send_text SG93IGFyZSB5b3U/") // How are you?
	r.event("call", "openai_speech_start", 1)
	r.session(srv, 0).ResetTCP()

	r.event("call", "reconnect", 1)
	var turn struct{ Status string }
	decode(t, r.event("call", "turn", 1).Body, &turn) // after what was received has been heard
	if turn.Status != "lost" {
		t.Errorf("the turn's status is %q, want lost", turn.Status)
	}
	r.api("+OK", "call send_text QW5kIG5vdz8=") // And now?
	next := r.session(srv, 1)
	if _, err := next.WaitReceived(r.ctx, "response.create", 1); err != nil {
		t.Fatal(err)
	}
	r.event("call", "openai_speech_start", 2)
	r.event("call", "openai_speech_stop", 2)
	if n := len(next.Received("response.create")); n != 1 {
		t.Errorf("%d responses were asked for, want the one to the caller's second text", n)
	}
	if items := next.Received("conversation.item.create"); items[0].Get("item.content.0.text").String() != "How are you?" {
		t.Errorf("the first item restored is %s, want the caller's text", items[0].Raw)
	}
}
