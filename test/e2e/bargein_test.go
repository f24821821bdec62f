package e2e_test

import (
	"encoding/json"
	"os"
	"path/filepath"
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

// overheard is a call in which an answer of 3 s, numbered, is heard, and the caller says something after half a second
// of it.
type overheard struct {
	*rig
	s     *realtimetest.Session
	heard string
}

const overheardLength = 3 * 8000

func overhear(t *testing.T, bargeIn string, said time.Duration) *overheard {
	t.Helper()
	o := &overheard{rig: newRigWith(t, `<param name="output-rate" value="8000"/>`), heard: filepath.Join(t.TempDir(), "heard.raw")}
	srv := realtimetest.New(t, realtimetest.Config{Answer: realtimetest.Speech(countTo(overheardLength), 8000, "ramp"),
		InputRate: 8000, OutputRate: 8000})
	voice := filepath.Join(t.TempDir(), "voice.wav")
	writeWAV(t, voice, realtimetest.Sine(300, said, 8000))
	o.do("create call rate=8000 caller=silence writer=none record_write=%s", o.heard)
	o.do("set call STREAM_BARGE_IN %s", bargeIn)
	o.api("+OK", "call start %s mono 8k", srv.URL()+"&rate=8000&output_rate=8000")
	o.event("call", "connect", 1)
	o.s = o.session(srv, 0)
	o.api("+OK", "call send_json %s", base64JSON(responseCreate))
	o.event("call", "openai_speech_start", 1)
	_, begin := o.passed("call")
	o.do("wait uuid=call heard=%d timeout=60000", begin+25)
	o.do("caller call %s", voice)
	o.poll("the caller is not heard", func() bool { return spoke(o.rig, "call") == 1 })
	return o
}

// recorded is what was heard in the call, which ends.
func (o *overheard) recorded() []int16 {
	o.Helper()
	if n := o.status("call").Underruns; n > 0 {
		o.notJudged("an answer with holes of the machine's", o.late())
	}
	o.do("hangup call wait=1")
	raw, err := os.ReadFile(o.heard)
	if err != nil {
		o.Fatal(err)
	}
	return samples(o.T, raw)
}

// sent demands how often the server has been sent an event, when all that was sent has come.
func (o *overheard) sent(kind string, want int) {
	o.Helper()
	o.mark("call", o.s)
	if got, _ := o.s.Count(kind); got != want {
		o.Errorf("%d %s, want %d", got, kind, want)
	}
}

// With resume_ms a cough is a pause in the answer, of which not a sample is lost: nothing is truncated, cancelled, or asked
// of the model.
func TestACoughPausesTheAnswer(t *testing.T) {
	t.Parallel()
	o := overhear(t, "resume_ms=500", 200*time.Millisecond)
	o.event("call", "turn", 1)
	o.poll("the cough does not end", func() bool { return jsonEvents(o.rig, "call", "input_audio_buffer.speech_stopped") == 1 })
	for kind, want := range map[string]int{"response.create": 1, "response.cancel": 0, "conversation.item.truncate": 0} {
		o.sent(kind, want)
	}
	if n := o.status("call").Interruptions; n != 0 {
		t.Errorf("%d interruptions", n)
	}
	pause := checkAnswer(t, o.recorded(), overheardLength, 1)
	// From 40 ms of the voice on, until 200 ms after its end: 18 frames. Two more on the way there and back.
	if n := pause[0] / frame; (n < 14 || n > 20) && o.late() < 20*time.Millisecond {
		t.Errorf("a pause of %d frames for 200 ms of voice", n)
	}
}

// With resume_ms a second of speech ends the answer at the sample at which it paused, and has an answer of its own.
func TestSpeechEndsThePausedAnswer(t *testing.T) {
	t.Parallel()
	o := overhear(t, "resume_ms=500", time.Second)
	var cut truncation
	decode(t, o.event("call", "truncated", 1).Body, &cut)
	o.event("call", "openai_speech_start", 2)
	o.sent("response.create", 2)
	o.sent("conversation.item.truncate", 1)
	if n := o.status("call").Interruptions; n != 1 {
		t.Errorf("%d interruptions, want 1", n)
	}
	last, quiet := 0, 0
	for _, v := range o.recorded() {
		if quiet++; v != 0 {
			quiet = 0
		}
		if last > 0 && quiet == frame {
			break // what follows is the next answer
		}
		if int(v) == last+1 {
			last++
		}
	}
	if got := int64(last) / 8; got != cut.AudioEndMS {
		t.Errorf("paused at sample %d, the server is told %d ms", last, cut.AudioEndMS)
	}
}

// With confirm_ms the caller's voice must last for an interruption.
func TestConfirmedBargeIn(t *testing.T) {
	for name, test := range map[string]struct {
		said time.Duration
		cut  bool
	}{"200 ms": {200 * time.Millisecond, false}, "500 ms": {500 * time.Millisecond, true}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := overhear(t, "confirm_ms=300", test.said)
			o.event("call", "turn", 1)
			truncated := 0
			if test.cut {
				truncated = 1
			}
			o.sent("conversation.item.truncate", truncated)
			if n := o.status("call").Interruptions; n != truncated {
				t.Errorf("%d interruptions, want %d", n, truncated)
			}
			if !test.cut {
				o.event("call", "openai_speech_start", 2) // the server answers what it heard
			}
		})
	}
}
