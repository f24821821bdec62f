package e2e_test

import (
	"strconv"
	"testing"
	"time"

	"mod_openai_audio_stream/module/realtime/realtimetest"
)

// Each total of a call is a variable of its channel, over all its streams. An average is that of the turns that answered
// the caller: one that the model began by itself weighs nothing.
func TestTotalsOfAChannel(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	cfg := quiet
	cfg.OutputRate = 8000
	cfg.Answer = realtimetest.Tone(440, 300*time.Millisecond)
	srv := realtimetest.New(t, cfg)
	r.do("create call rate=8000 caller=tone:440 writer=none")
	var input, output, cached, latency, response int64
	for i := range 3 {
		r.api("+OK", "call start %s mono 8k", srv.URL())
		r.event("call", "connect", i+1)
		s := r.session(srv, i)
		if i > 0 {
			r.poll("no caller audio is sent", func() bool { return r.status("call").AudioInMS >= 200 }) // enough to be a voice
			s.Send(`{"type":"input_audio_buffer.speech_started"}`)
			s.Send(`{"type":"input_audio_buffer.speech_stopped"}`)
			r.poll("the module has not heard", func() bool { return jsonEvents(r, "call", "input_audio_buffer.speech_stopped") == i })
			r.do("wait ms=%d", 300*i) // so that the answers differ
		}
		r.api("+OK", "call send_json %s", base64JSON(responseCreate))
		var turn struct {
			FirstPlayMS int64 `json:"first_play_ms"`
			ResponseMS  int64 `json:"response_ms"`
			Usage       struct {
				Input  int64 `json:"input_tokens"`
				Output int64 `json:"output_tokens"`
				Cached int64 `json:"cached_tokens"`
			}
		}
		decode(t, r.event("call", "turn", i+1).Body, &turn)
		input, output, cached = input+turn.Usage.Input, output+turn.Usage.Output, cached+turn.Usage.Cached
		latency, response = latency+turn.FirstPlayMS, response+turn.ResponseMS
		r.api("+OK", "call stop")
	}
	for name, want := range map[string]int64{
		"turns": 3, "answered_turns": 2, "interruptions": 0, "input_tokens": input, "output_tokens": output,
		"cached_tokens": cached, "audio_out_ms": 900, "reconnects": 0,
	} {
		if got := r.variable("call", "openai_audio_stream_"+name); got != strconv.FormatInt(want, 10) {
			t.Errorf("openai_audio_stream_%s is %q, want %d", name, got, want)
		}
	}
	for name, want := range map[string]int64{"latency_ms_avg": latency / 2, "response_ms_avg": response / 2} {
		got, err := strconv.ParseInt(r.variable("call", "openai_audio_stream_"+name), 10, 64)
		if err != nil || got < want-1 || got > want+1 { // each is rounded
			t.Errorf("openai_audio_stream_%s is %d, want %d", name, got, want)
		}
	}
	if latency <= 2*300 || input == 0 {
		t.Errorf("latencies %d ms, %d input tokens: not what was meant to be tested", latency, input)
	}
	if got := r.variable("call", "openai_audio_stream_audio_in_ms"); got == "" || got == "0" {
		t.Errorf("audio_in_ms is %q", got)
	}
}
