package e2e_test

import (
	"testing"
	"time"

	"mod_openai_audio_stream/module/realtime/realtimetest"
)

// A connection that is lost in the middle of an answer: the new session is told what was said, and owes the answer.
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
	next := r.session(srv, 1)
	if _, err := next.WaitReceived(r.ctx, "response.create", 1); err != nil {
		t.Fatal(err)
	}
	items := next.Received("conversation.item.create")
	if len(items) != 1 || items[0].Get("item.content.0.text").String() != "How are you?" {
		t.Errorf("restored %d items, want the caller's text", len(items))
	}
	r.event("call", "openai_speech_start", 2)
	r.event("call", "openai_speech_stop", 2)
}
