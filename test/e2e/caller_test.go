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
		first := 0
		for first < len(pcm) && pcm[first] == 0 {
			first++
		}
		for j := first + 1; j < len(pcm); j++ {
			if pcm[j] != pcm[j-1]+1 && !(pcm[j] <= 0 && pcm[j-1] > 0) {
				t.Fatalf("%s: sample %d is %d after %d: lost or repeated", uuid, j, pcm[j], pcm[j-1])
			}
		}
		r.do("hangup %s wait=1", uuid)
		r.event(uuid, "disconnect", 1)
	}
}
