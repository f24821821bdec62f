package e2e_test

import (
	"encoding/json"
	"testing"
	"time"

	"mod_openai_audio_stream/module/realtime/realtimetest"
)

// spoke is how often the server has said that the caller begins to speak.
func spoke(r *rig, uuid string) int { return jsonEvents(r, uuid, "input_audio_buffer.speech_started") }

// With STREAM_BARGE_IN off an answer plays out although the caller speaks: the module keeps it, and the server is told
// not to cancel it.
func TestBargeInOff(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	// Sent hardly faster than it is heard, so that the caller's words meet a running response.
	srv := realtimetest.New(t, realtimetest.Config{Answer: realtimetest.Tone(440, 4*time.Second), Speed: 1.2, InputRate: 8000})
	r.do("create call rate=8000 caller=silence writer=none")
	r.do("set call STREAM_BARGE_IN off")
	r.api("+OK", "call start %s mono 8k", srv.URL()+"&rate=8000")
	r.event("call", "connect", 1)
	r.api("+OK", "call send_json %s", base64JSON(responseCreate))
	r.event("call", "openai_speech_start", 1)
	r.do("caller call tone:300")
	r.poll("the caller is not heard", func() bool { return spoke(r, "call") == 1 })
	over := len(r.Events("call", "openai_speech_stop")) > 0
	r.event("call", "openai_speech_stop", 1)
	var turn struct {
		PlayedMS    int64 `json:"played_ms"`
		Interrupted bool
	}
	if err := json.Unmarshal([]byte(r.event("call", "turn", 1).Body), &turn); err != nil {
		t.Fatal(err)
	}
	if turn.Interrupted || turn.PlayedMS != 4000 || len(r.Events("call", "truncated")) > 0 {
		t.Errorf("the answer of 4 s did not play out: %+v", turn)
	}
	if over {
		r.notJudged("the answer was over before the caller spoke", r.late())
	}
}

// answerWithMin is a call with STREAM_BARGE_IN=min_ms in which an answer of this length begins. begin is the number of
// frames that had been heard by then.
func answerWithMin(t *testing.T, minMS int, length time.Duration) (r *rig, begin int) {
	t.Helper()
	r = newRig(t)
	srv := realtimetest.New(t, realtimetest.Config{Answer: realtimetest.Tone(440, length), InputRate: 8000})
	r.do("create call rate=8000 caller=silence writer=none")
	r.do("set call STREAM_BARGE_IN min_ms=%d", minMS)
	r.api("+OK", "call start %s mono 8k", srv.URL()+"&rate=8000")
	r.event("call", "connect", 1)
	r.api("+OK", "call send_json %s", base64JSON(responseCreate))
	r.event("call", "openai_speech_start", 1)
	_, begin = r.passed("call")
	return r, begin
}

// With min_ms a caller who speaks a little earlier does not interrupt, and one who speaks when so much has been heard does.
func TestBargeInAfter(t *testing.T) {
	t.Parallel()
	const minMS = 2000
	r, begin := answerWithMin(t, minMS, 30*time.Second)
	r.do("wait uuid=call heard=%d timeout=60000", begin+(minMS-500)/20)
	r.do("caller call tone:300")
	r.poll("the caller is not heard", func() bool { return spoke(r, "call") == 1 })
	if _, heard := r.passed("call"); (heard-begin)*20 > minMS-100 {
		r.notJudged("the caller's first words came too late", r.late())
	}
	r.do("caller call silence")
	r.do("wait uuid=call heard=%d timeout=60000", begin+minMS/20+2)
	if n := len(r.Events("call", "truncated")); n != 0 {
		t.Errorf("%d truncations by words before %d ms", n, minMS)
	}
	r.do("caller call tone:300")
	m := r.event("call", "truncated", 1)
	var cut struct {
		AudioEndMS int64 `json:"audio_end_ms"`
	}
	decode(t, m.Body, &cut)
	if n := spoke(r, "call"); n != 2 || cut.AudioEndMS < minMS {
		t.Errorf("cut at %d ms by the caller's words number %d, want the second ones after %d", cut.AudioEndMS, n, minMS)
	}
	r.event("call", "openai_speech_stop", 1)
}

// With min_ms a caller who begins to speak before the time and is still speaking when it comes interrupts then.
func TestBargeInAcrossTheTime(t *testing.T) {
	t.Parallel()
	const minMS = 1000
	r, begin := answerWithMin(t, minMS, 4*time.Second)
	r.do("caller call tone:300 loop=1")
	r.poll("the caller is not heard", func() bool { return spoke(r, "call") == 1 })
	if _, heard := r.passed("call"); (heard-begin)*20 > minMS-100 {
		r.notJudged("the caller's first words came too late", r.late())
	}
	r.event("call", "turn", 1) // a truncation comes before it
	if len(r.Events("call", "truncated")) == 0 {
		t.Fatal("the answer played out, although the caller spoke all the time")
	}
	var cut truncation
	decode(t, r.event("call", "truncated", 1).Body, &cut)
	if cut.AudioEndMS < minMS {
		t.Errorf("cut at %d ms, want not before %d", cut.AudioEndMS, minMS)
	}
	if n := spoke(r, "call"); n != 1 {
		t.Errorf("the caller began to speak %d times", n)
	}
}
