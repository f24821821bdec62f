package e2e_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"mod_openai_audio_stream/module/realtime/realtimetest"
)

// once makes the first connection of a server misbehave, and none after it.
func once(steps ...realtimetest.Step) func(int) *realtimetest.Misbehaviour {
	return func(attempt int) *realtimetest.Misbehaviour {
		if attempt > 0 {
			return nil
		}
		return &realtimetest.Misbehaviour{Steps: steps}
	}
}

const greeting = "Example Limited, good day."

// A greeting of which nothing was heard when the connection was lost is asked for again, with the words that it was asked for
// at first.
func TestLossBeforeAGreetingIsHeard(t *testing.T) {
	t.Parallel()
	for name, step := range map[string]realtimetest.Step{
		"requested": realtimetest.AfterReceiving("response.create", 1, realtimetest.Drop),
		"created":   realtimetest.AfterSending("response.created", 1, realtimetest.Drop),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			cfg := quiet
			cfg.Latency = time.Minute // of the first answer, which is lost
			cfg.Misbehave = once(step)
			cfg.Answer = realtimetest.Tone(440, 300*time.Millisecond)
			srv := realtimetest.New(t, cfg)
			r.talker("call", srv.URL(), "STREAM_GREETING", greeting)
			r.event("call", "reconnect", 1)
			first, err := r.session(srv, 0).WaitReceived(r.ctx, "response.create", 1)
			if err != nil {
				t.Fatal(err)
			}
			next := r.session(srv, 1)
			again, err := next.WaitReceived(r.ctx, "response.create", 1)
			if err != nil {
				t.Fatal(err)
			}
			if got, want := again.Get("response").Raw, first.Get("response").Raw; got != want || !strings.Contains(want, greeting) {
				t.Errorf("asked again for %s, at first for %s", got, want)
			}
			r.mark("call", next)
			if n, _ := next.Count("response.create"); n != 1 {
				t.Errorf("asked again %d times", n)
			}
		})
	}
}

// Of a greeting that is being heard when the connection is lost, what has come plays out, and the rest is not asked for: the
// caller would hear the beginning twice.
func TestLossWhileAGreetingIsHeard(t *testing.T) {
	t.Parallel()
	r := newRigWith(t, `<param name="output-rate" value="8000"/>`)
	cfg := quiet
	cfg.OutputRate, cfg.Speed = 8000, 1.5
	cfg.Answer = realtimetest.Speech(countTo(32000), 8000, greeting)
	srv := realtimetest.New(t, cfg)
	heard := filepath.Join(t.TempDir(), "heard.raw")
	r.do("create call rate=8000 caller=silence writer=none record_write=%s", heard)
	r.set("call", "STREAM_GREETING", greeting)
	r.api("+OK", "call start %s mono 8k", srv.URL())
	r.event("call", "openai_speech_start", 1)
	old := r.session(srv, 0)
	old.Close(1011, "restart") // behind the audio: what was sent has come
	r.event("call", "reconnect", 1)
	r.event("call", "openai_speech_stop", 1)
	next := r.session(srv, 1)
	r.mark("call", next)
	if n, _ := next.Count("response.create"); n != 0 {
		t.Errorf("%d requests for an answer that was being heard", n)
	}
	if n := len(r.Events("call", "openai_speech_start")); n != 1 {
		t.Errorf("%d answers were heard", n)
	}
	status := r.status("call")
	r.do("hangup call wait=1")
	raw, err := os.ReadFile(heard)
	if err != nil {
		t.Fatal(err)
	}
	answers := old.Answers()
	if len(answers) != 1 || answers[0].Sent == 0 || answers[0].Sent == 32000 {
		t.Fatalf("the server sent %+v, want part of one answer", answers)
	}
	checkAnswer(t, samples(t, raw), answers[0].Sent, int(status.Underruns))
}

// The output of a function that becomes known while the connection is lost is taken, and reaches the server behind the call
// that it answers, with the request that follows it.
func TestFunctionOutputWhileReconnecting(t *testing.T) {
	t.Parallel()
	r := newRigWith(t, `<param name="connect-timeout" value="60000"/>`)
	release := make(chan struct{})
	cfg := quiet
	cfg.Misbehave = func(attempt int) *realtimetest.Misbehaviour {
		if attempt == 0 {
			return nil
		}
		return &realtimetest.Misbehaviour{Hold: release}
	}
	var answers atomic.Int32 // of both sessions
	cfg.Answer = func(realtimetest.Turn) realtimetest.Reply {
		if answers.Add(1) == 1 {
			return realtimetest.Reply{Items: []realtimetest.ReplyItem{{Function: "opening_hours", Arguments: "{}"}}}
		}
		return realtimetest.Say(realtimetest.Sine(440, 300*time.Millisecond, 24000), 24000, "From nine to five.")
	}
	srv := realtimetest.New(t, cfg)
	r.talker("call", srv.URL(), "STREAM_SESSION", `{"tools":[{"type":"function","name":"opening_hours","parameters":{"type":"object"}}]}`)
	r.event("call", "connect", 1)
	r.api("+OK", "call send_text SG93IGFyZSB5b3U/") // How are you?
	r.poll("the function is not called", func() bool { return jsonEvents(r, "call", "response.done") == 1 })
	old := r.session(srv, 0)
	done := old.Sent("response.output_item.done")
	callID := done[len(done)-1].Get("item.call_id").String()
	old.CloseTCP()
	r.event("call", "disconnect", 1)
	for _, msg := range []string{
		`{"type":"conversation.item.create","item":{"type":"function_call_output","call_id":"` + callID + `","output":"{\"open\":\"9 to 17\"}"}}`,
		responseCreate,
	} {
		if reply := strings.TrimSpace(r.api("+OK", "call send_json %s", base64JSON(msg))); reply != "+OK queued" {
			t.Errorf("answered by %q, want +OK queued", reply)
		}
	}
	close(release)
	r.event("call", "reconnect", 1)
	next := r.session(srv, 1)
	if _, err := next.WaitReceived(r.ctx, "response.create", 1); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range next.Received("") {
		switch item := e.Get("item"); {
		case e.Type == "conversation.item.create":
			got = append(got, item.Get("type").String())
			if id := item.Get("call_id"); id.Exists() && id.String() != callID {
				t.Errorf("call_id %q, want %q", id.String(), callID)
			}
		case e.Type == "response.create":
			got = append(got, e.Type)
		}
	}
	if want := []string{"message", "function_call", "function_call_output", "response.create"}; !slices.Equal(got, want) {
		t.Errorf("the new session got %v, want %v", got, want)
	}
	r.event("call", "openai_speech_stop", 1)
	r.mark("call", next)
	if n, _ := next.Count("response.create"); n != 1 {
		t.Errorf("%d requests for an answer, want one", n)
	}
}
