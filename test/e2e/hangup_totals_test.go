package e2e_test

import (
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"mod_openai_audio_stream/module/realtime/realtimetest"
)

// total is one of the call's totals as the hang-up's own event has it, which is what a CDR sees.
func (r *rig) total(uuid, name string) int64 {
	r.Helper()
	headers := r.event(uuid, "CHANNEL_HANGUP_COMPLETE", 1).Headers
	n, err := strconv.ParseInt(headers["variable_openai_audio_stream_"+name], 10, 64)
	if err != nil {
		r.Errorf("%s: %v", name, err)
	}
	return n
}

// checkTotal demands that a total of milliseconds is what was really heard or sent, as far as can be known when the channel
// goes.
func (r *rig) checkTotal(name string, got int64, samples int) {
	r.Helper()
	if want := int64(samples) / 8; got < want-200 || got > want+200 {
		r.Errorf("%s is %d, and it was %d ms", name, got, want)
	}
}

// A caller who hangs up in the middle of an answer has heard that part of it and said what the server was sent.
func TestTotalsInTheMiddleOfAnAnswer(t *testing.T) {
	t.Parallel()
	r := newRigWith(t, `<param name="output-rate" value="8000"/>`)
	cfg := quiet
	cfg.OutputRate = 8000
	cfg.Answer = realtimetest.InTurn(realtimetest.Say(countTo(4000), 8000, "short"), realtimetest.Say(countTo(32000), 8000, "long"))
	srv := realtimetest.New(t, cfg)
	heard := filepath.Join(t.TempDir(), "heard.raw")
	r.do("create call rate=8000 caller=ramp writer=none record_write=%s", heard)
	r.api("+OK", "call start %s mono 8k", srv.URL())
	r.event("call", "connect", 1)
	for n := 1; n <= 2; n++ {
		r.api("+OK", "call send_json %s", base64JSON(responseCreate))
		r.event("call", "openai_speech_start", n)
		if n == 1 {
			r.event("call", "turn", 1)
		}
	}
	r.frames("call", 50)
	over := len(r.Events("call", "openai_speech_stop")) > 1
	r.do("hangup call wait=1")
	if over {
		r.notJudged("the answer was over before the hang-up", r.late())
	}
	s := r.session(srv, 0)
	if _, err := s.WaitEnd(r.ctx); err != nil {
		t.Fatal(err)
	}
	raw, err := os.ReadFile(heard)
	if err != nil {
		t.Fatal(err)
	}
	audible := 0
	for _, v := range samples(t, raw) {
		if v != 0 {
			audible++
		}
	}
	r.checkTotal("audio_out_ms", r.total("call", "audio_out_ms"), audible)
	r.checkTotal("audio_in_ms", r.total("call", "audio_in_ms"), s.AudioBytes()/2)
	if turns := r.total("call", "turns"); turns != 2 {
		t.Errorf("%d turns, want the one that was heard out and the one that the hang-up ended", turns)
	}
}

// A caller who was never answered has said something all the same.
func TestTotalsWithoutATurn(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	srv := realtimetest.New(t, quiet)
	r.talker("call", srv.URL())
	s := r.session(srv, 0)
	if err := s.WaitAudio(r.ctx, 2*8000); err != nil {
		t.Fatal(err)
	}
	r.do("hangup call wait=1")
	if _, err := s.WaitEnd(r.ctx); err != nil {
		t.Fatal(err)
	}
	r.checkTotal("audio_in_ms", r.total("call", "audio_in_ms"), s.AudioBytes()/2)
	if out, turns := r.total("call", "audio_out_ms"), r.total("call", "turns"); out != 0 || turns != 0 {
		t.Errorf("%d ms were heard in %d turns, want nothing", out, turns)
	}
}
