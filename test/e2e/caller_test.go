package e2e_test

import (
	"fmt"
	"testing"

	"mod_openai_audio_stream/module/realtime/realtimetest"
)

// The caller's audio arrives whole, in order and unaltered from frames of every length.
func TestCallerAudioIsComplete(t *testing.T) {
	r := newRig(t)
	srv := realtimetest.New(t, realtimetest.Config{InputRate: 8000, NoVAD: true})
	for i, ptime := range []int{10, 20, 30, 40, 60} {
		uuid := fmt.Sprintf("ptime-%d", ptime)
		r.do("create %s rate=8000 ptime=%d caller=ramp writer=none", uuid, ptime)
		r.api("+OK", "%s start %s mono 8k", uuid, srv.URL())
		s := r.session(srv, i)
		if err := s.WaitAudio(r.ctx, 2*8000); err != nil {
			t.Fatal(err)
		}
		pcm, _, _ := s.CallerPCM()
		checkCallerRamp(t, pcm, r.status(uuid))
		r.do("hangup %s wait=1", uuid)
		r.event(uuid, "disconnect", 1)
	}
}

// checkCallerRamp demands the host's ramp without a sample lost or repeated, after silence. Where a stalled machine gave
// no frames in time, the module has filled the gap with silence and counted that.
func checkCallerRamp(t *testing.T, pcm []int16, status streamStatus) {
	t.Helper()
	filled := int64(0)
	if status.GapFilledMS > 0 {
		filled = (status.GapFilledMS + 1) * 8
	}
	first := 0
	for first < len(pcm) && pcm[first] == 0 {
		first++
	}
	if first == len(pcm) {
		t.Fatalf("%d samples of silence", len(pcm))
	}
	next := pcm[first]
	for j := first; j < len(pcm); j++ {
		switch {
		case pcm[j] == next:
			next++
		case pcm[j] == 0 && filled > 0:
			filled--
		default:
			t.Fatalf("sample %d is %d, not %d: lost or repeated; %d ms were filled", j, pcm[j], next, status.GapFilledMS)
		}
	}
}
