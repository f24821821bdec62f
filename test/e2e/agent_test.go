package e2e_test

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"mod_openai_audio_stream/module/realtime/realtimetest"
)

// The model's audio is heard whole on a channel that nothing else writes to, whatever the size of the deltas.
func TestAgentAudioIsComplete(t *testing.T) {
	ramp := make([]int16, 16000) // 2 s at 8 kHz
	for i := range ramp {
		ramp[i] = int16(i + 1)
	}
	for name, cfg := range map[string]realtimetest.Config{
		"deltas of 10 ms":    {Delta: 10 * time.Millisecond},
		"odd deltas":         {DeltaSizes: []int{1, 3, 479, 7, 1001, 321}},
		"one delta":          {WholeDelta: true},
		"writer of its own":  {},
		"bursts of a second": {Delta: time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			cfg.InputRate, cfg.OutputRate, cfg.NoVAD = 8000, 8000, true
			cfg.Answer = realtimetest.Speech(ramp, 8000, "ramp")
			srv := realtimetest.New(t, cfg)
			writer := "none"
			if name == "writer of its own" {
				writer = "silence"
			}
			// A machine that stalls for longer than the ring's second makes an underrun, which the module counts: such a
			// run says nothing of completeness, and is made again.
			for attempt := 1; ; attempt++ {
				uuid := fmt.Sprintf("call-%d", attempt)
				heard := filepath.Join(t.TempDir(), "heard.raw")
				r.do("create %s rate=8000 caller=silence writer=%s record_write=%s", uuid, writer, heard)
				r.api("+OK", "%s start %s mono 8k", uuid, srv.URL()+"&rate=8000&output_rate=8000")
				r.event(uuid, "connect", 1)
				r.api("+OK", "%s send_json %s", uuid, "eyJ0eXBlIjoicmVzcG9uc2UuY3JlYXRlIn0=") // {"type":"response.create"}
				r.event(uuid, "openai_speech_stop", 1)
				if n := len(r.Events(uuid, "openai_speech_start")); n != 1 {
					t.Errorf("%d start events, want 1", n)
				}
				status := r.api("+OK {", "%s status", uuid)
				r.do("hangup %s wait=1", uuid)
				if !strings.Contains(status, `"underruns":0,`) && attempt < 3 {
					t.Log("an underrun: ", status)
					continue
				}
				raw, err := os.ReadFile(heard)
				if err != nil {
					t.Fatal(err)
				}
				checkRamp(t, raw, len(ramp))
				return
			}
		})
	}
}

// checkRamp demands 1, 2, 3 ... n in the recording, once and without anything between, after silence.
func checkRamp(t *testing.T, raw []byte, n int) {
	t.Helper()
	pcm := make([]int16, len(raw)/2)
	if err := binary.Read(bytes.NewReader(raw), binary.LittleEndian, pcm); err != nil {
		t.Fatal(err)
	}
	at := 0
	for at < len(pcm) && pcm[at] == 0 {
		at++
	}
	for i := 0; i < n; i++ {
		if at+i >= len(pcm) || pcm[at+i] != int16(i+1) {
			t.Fatalf("sample %d of the answer (%d of the recording) is not %d", i, at+i, int16(i+1))
		}
	}
}

// The caller's voice silences the model, and the server learns how much was heard.
func TestInterruption(t *testing.T) {
	r := newRig(t)
	srv := realtimetest.New(t, realtimetest.Config{Answer: realtimetest.Tone(440, 30*time.Second), InputRate: 8000})
	r.do("create call rate=8000 caller=../testdata/caller.wav writer=none")
	r.api("+OK", "call start %s mono 8k", srv.URL()+"&rate=8000")
	r.event("call", "openai_speech_start", 1)
	m := r.event("call", "truncated", 1)
	r.event("call", "openai_speech_stop", 1)
	var cut struct {
		ItemID     string `json:"item_id"`
		AudioEndMS int64  `json:"audio_end_ms"`
		Discarded  int64  `json:"discarded_ms"`
	}
	if err := json.Unmarshal([]byte(m.Body), &cut); err != nil {
		t.Fatal(err)
	}
	s := r.session(srv, 0)
	e, err := s.WaitReceived(r.ctx, "conversation.item.truncate", 1)
	if err != nil {
		t.Fatal(err)
	}
	if got := e.Get("audio_end_ms").Int(); got != cut.AudioEndMS || got <= 0 || cut.AudioEndMS+cut.Discarded < 29900 {
		t.Errorf("truncated at %d, the event says %+v", got, cut)
	}
	if _, err := s.WaitSent(r.ctx, "conversation.item.truncated", 1); err != nil {
		t.Error("the server did not accept the truncation: ", err)
	}
}
