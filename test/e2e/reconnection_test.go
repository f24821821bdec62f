package e2e_test

import (
	"encoding/json"
	"testing"

	"mod_openai_audio_stream/module/realtime/realtimetest"
)

// What is said while the socket is still connecting arrives, from the first frame after start.
func TestNothingIsLostWhileConnecting(t *testing.T) {
	r := newRig(t)
	srv := realtimetest.New(t, realtimetest.Config{InputRate: 8000, NoVAD: true, Misbehave: realtimetest.Refuse(2, 503, "")})
	r.do("create call rate=8000 caller=ramp writer=none")
	r.api("+OK", "call start %s mono 8k", srv.URL())
	r.event("call", "connect", 1)
	errors := r.Events("call", "error")
	if len(errors) != 2 {
		t.Fatalf("%d error events, want 2", len(errors))
	}
	for i, m := range errors {
		var body struct {
			Status  string
			Message struct {
				Retries    int
				Error      string
				WaitTime   int64 `json:"wait_time"`
				HTTPStatus int   `json:"http_status"`
			}
		}
		if err := json.Unmarshal([]byte(m.Body), &body); err != nil {
			t.Fatal(err)
		}
		if body.Status != "error" || body.Message.Retries != i+1 || body.Message.HTTPStatus != 503 ||
			body.Message.WaitTime <= 0 || body.Message.Error == "" {
			t.Errorf("error event %d: %s", i, m.Body)
		}
	}
	s := r.session(srv, 0)
	if err := s.WaitAudio(r.ctx, 2*8000); err != nil {
		t.Fatal(err)
	}
	pcm, _, _ := s.CallerPCM()
	for j := 1; j < len(pcm); j++ {
		if pcm[j] != pcm[j-1]+1 && !(pcm[j] <= 0 && pcm[j-1] > 0) {
			t.Fatalf("sample %d is %d after %d: lost or repeated", j, pcm[j], pcm[j-1])
		}
	}
}
