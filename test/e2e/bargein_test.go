package e2e_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"mod_openai_audio_stream/module/realtime/realtimetest"
)

// With STREAM_BARGE_IN off, or before min_ms, an answer plays out although the caller speaks: the module keeps it, and
// the server is told not to cancel it.
func TestBargeInOff(t *testing.T) {
	t.Parallel()
	for _, value := range []string{"off", "min_ms=60000"} {
		t.Run(value, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			// Sent hardly faster than it is heard, so that the caller's next sentence meets a running response.
			srv := realtimetest.New(t, realtimetest.Config{Answer: realtimetest.Tone(440, 4*time.Second), Speed: 1.2, InputRate: 8000})
			r.do("create call rate=8000 caller=../testdata/caller.wav writer=none")
			r.do("set call STREAM_BARGE_IN %s", value)
			r.api("+OK", "call start %s mono 8k", srv.URL()+"&rate=8000")
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
			spoke := 0
			for _, m := range r.Events("call", "json") {
				if strings.Contains(m.Body, "input_audio_buffer.speech_started") {
					spoke++
				}
			}
			if spoke < 2 {
				t.Errorf("the caller spoke %d times: nothing was put to the test", spoke)
			}
		})
	}
}
