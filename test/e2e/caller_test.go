package e2e_test

import (
	"fmt"
	"path/filepath"
	"slices"
	"testing"

	"mod_openai_audio_stream/module/realtime/realtimetest"
)

// The caller's audio arrives whole, in order and unaltered from frames of every length.
func TestCallerAudioIsComplete(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	srv := realtimetest.New(t, quiet)
	for _, ptime := range []int{10, 20, 30, 40, 60} {
		uuid := fmt.Sprintf("ptime-%d", ptime)
		r.do("create %s rate=8000 ptime=%d caller=ramp writer=none", uuid, ptime)
	}
	for i, ptime := range []int{10, 20, 30, 40, 60} {
		uuid := fmt.Sprintf("ptime-%d", ptime)
		r.api("+OK", "%s start %s mono 8k", uuid, srv.URL())
		r.session(srv, i)
	}
	for i, ptime := range []int{10, 20, 30, 40, 60} {
		uuid := fmt.Sprintf("ptime-%d", ptime)
		s := r.session(srv, i)
		if err := s.WaitAudio(r.ctx, 2*8000); err != nil {
			t.Fatal(err)
		}
		pcm, _, _ := s.CallerPCM()
		r.checkCaller(uuid, pcm)
	}
}

// A packet time that changes in mid-call, as by a re-INVITE, costs no sample.
func TestPacketTimeChanges(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	srv := realtimetest.New(t, quiet)
	r.talker("call", srv.URL())
	s := r.session(srv, 0)
	for _, ptime := range []int{30, 10, 60, 20} {
		before := s.AudioBytes()
		if err := s.WaitAudio(r.ctx, before+2*8000*2/10); err != nil {
			t.Fatal(err)
		}
		r.do("codec call ptime=%d", ptime)
	}
	if err := s.WaitAudio(r.ctx, s.AudioBytes()+2*8000*2/10); err != nil {
		t.Fatal(err)
	}
	pcm, _, _ := s.CallerPCM()
	r.checkCaller("call", pcm)
}

// With stereo the caller is left and the callee right; with mixed both are in one channel; on a call with one leg the
// callee is silence. The two are aligned: what was heard and said at the same moment is at most a frame apart.
func TestMixes(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	dir := t.TempDir()
	// Both speak for 100 ms at the same moment, a second after their channels began.
	said, heard := filepath.Join(dir, "said.wav"), filepath.Join(dir, "heard.wav")
	burst := func(level int16) []int16 {
		pcm := make([]int16, 2*8000)
		for i := range 800 {
			pcm[8000+i] = level
		}
		return pcm
	}
	writeWAV(t, said, burst(3000))
	writeWAV(t, heard, burst(7000))
	type mixCase struct {
		mix, writer string
		srv         *realtimetest.Server
	}
	cases := []mixCase{
		{"stereo", heard, nil}, {"stereo", "none", nil}, {"mixed", heard, nil}, {"mixed", "none", nil}, {"mono", heard, nil},
	}
	for i := range cases {
		c := &cases[i]
		cfg := quiet
		if c.mix == "stereo" {
			cfg.Channels = 2
		}
		c.srv = realtimetest.New(t, cfg)
		r.do("create call-%d rate=8000 caller=%s writer=%s", i, said, c.writer)
		r.api("+OK", "call-%d start %s %s 8k", i, c.srv.URL(), c.mix)
	}
	for _, c := range cases {
		s := r.session(c.srv, 0)
		if err := s.WaitAudio(r.ctx, 2*2*8000); err != nil {
			t.Fatal(err)
		}
		pcm, _, channels := s.CallerPCM()
		if channels == 2 { // that was the first of two seconds
			if err := s.WaitAudio(r.ctx, 2*2*2*8000); err != nil {
				t.Fatal(err)
			}
			pcm, _, _ = s.CallerPCM()
		}
		what := fmt.Sprintf("%s, writer %s", c.mix, filepath.Base(c.writer))
		left, right := pcm, []int16(nil)
		if channels == 2 {
			left, right = nil, nil
			for j := 0; j+1 < len(pcm); j += 2 {
				left, right = append(left, pcm[j]), append(right, pcm[j+1])
			}
		}
		caller := runOf(left, 3000)
		switch {
		case c.mix == "mono":
			demandRun(t, what, caller, 800)
			if slices.Max(left) != 3000 {
				t.Errorf("%s: the callee is in it", what)
			}
		case c.mix == "stereo":
			demandRun(t, what+": left", caller, 800)
			if c.writer == "none" {
				if slices.Max(right) != 0 || slices.Min(right) != 0 {
					t.Errorf("%s: the right channel is not silence", what)
				}
				continue
			}
			callee := runOf(right, 7000)
			demandRun(t, what+": right", callee, 800)
			if apart := caller.at - callee.at; apart > frame || apart < -frame {
				t.Errorf("%s: the two are %d samples apart", what, apart)
			}
			if slices.Max(left) != 3000 {
				t.Errorf("%s: the callee is in the left channel", what)
			}
		case c.writer == "none":
			demandRun(t, what, caller, 800)
		default: // where they overlap there is their sum, and each is there for its 100 ms
			both, callee := runOf(left, 10000), runOf(left, 7000)
			demandRun(t, what+": the caller, alone or not", run{caller.at, caller.n + both.n}, 800)
			demandRun(t, what+": the callee, alone or not", run{callee.at, callee.n + both.n}, 800)
			if both.n < 800-frame {
				t.Errorf("%s: together for %d samples of 800, want at most a frame between them", what, both.n)
			}
		}
	}
}

// run is where a level begins, and how many samples have it.
type run struct{ at, n int }

func runOf(pcm []int16, level int16) (found run) {
	found.at = slices.Index(pcm, level)
	for _, v := range pcm {
		if v == level {
			found.n++
		}
	}
	return found
}

func demandRun(t *testing.T, what string, got run, n int) {
	t.Helper()
	if got.n != n {
		t.Errorf("%s: %d samples at its level, want %d", what, got.n, n)
	}
}

// mute_user and mute user keep the caller's audio from the server. A mute in mid-call ends with one second of silence,
// for the server's voice detector, and then nothing comes.
func TestMuteUser(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	srv := realtimetest.New(t, quiet)
	r.do("create call rate=8000 caller=tone:300 writer=none")
	r.api("+OK", "call start %s mono 8k mute_user", srv.URL())
	r.event("call", "connect", 1)
	s := r.session(srv, 0)
	nothingMore := func(what string) {
		t.Helper()
		r.mark("call", s)
		before := s.AudioBytes()
		r.frames("call", 15)
		r.mark("call", s)
		if after := s.AudioBytes(); after != before {
			t.Errorf("%s: %d bytes of audio came", what, after-before)
		}
	}
	nothingMore("muted from the start")
	for range 2 {
		r.api("+OK", "call unmute user")
		if err := s.WaitAudio(r.ctx, s.AudioBytes()+2*2000); err != nil {
			t.Fatal(err)
		}
		r.api("+OK", "call mute") // the user, by default
		r.wait(srv, "the second of silence", func() bool { return silentTail(s) >= 8000 })
		nothingMore("muted")
		if n := silentTail(s); n > 8000+1 { // a tone passes through zero
			t.Errorf("%d samples of silence, want a second", n)
		}
	}
	r.api("+OK", "call mute user")
	nothingMore("muted twice")
}

// silentTail is how many samples of silence the caller's audio ends with.
func silentTail(s *realtimetest.Session) (n int) {
	pcm, _, _ := s.CallerPCM()
	for n < len(pcm) && pcm[len(pcm)-1-n] == 0 {
		n++
	}
	return n
}

// frames waits until the host has read n more frames of the caller's.
func (r *rig) frames(uuid string, n int) {
	r.Helper()
	said, _ := r.passed(uuid)
	r.do("wait uuid=%s said=%d timeout=60000", uuid, said+n)
}

// passed is how many frames the caller has said and heard.
func (r *rig) passed(uuid string) (said, heard int) {
	r.Helper()
	var m struct {
		Channels []struct{ Said, Heard struct{ Frames int } }
	}
	decode(r.T, string(r.do("channels %s", uuid).Raw), &m)
	return m.Channels[0].Said.Frames, m.Channels[0].Heard.Frames
}

// While FreeSWITCH gives no frames, silence takes their place in real time, so that the server's clock goes on.
func TestGapsAreFilled(t *testing.T) {
	t.Parallel()
	for name, gap := range map[string]func(r *rig){
		"discontinuous transmission": func(r *rig) { r.do("dtx call 500") },
		"comfort noise":              func(r *rig) { r.do("dtx call 500 cng") },
		"hold": func(r *rig) {
			r.do("hold call")
			r.do("wait ms=500")
			r.do("unhold call")
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			srv := realtimetest.New(t, quiet)
			r.talker("call", srv.URL())
			s := r.session(srv, 0)
			if err := s.WaitAudio(r.ctx, 2*2000); err != nil {
				t.Fatal(err)
			}
			gap(r)
			if err := s.WaitAudio(r.ctx, s.AudioBytes()+2*8000); err != nil {
				t.Fatal(err)
			}
			pcm, _, _ := s.CallerPCM()
			for i, v := range pcm[2000:] {
				if name == "comfort noise" && v == -1 { // as the core shows it
					pcm[2000+i] = 0
				}
			}
			silence, status, late := r.checkCallerGap(pcm), r.status("call"), r.late()
			// All is filled but the margin that late frames have.
			if (silence < 400*8 || silence > 520*8) && late > maxLate {
				r.notJudged("how much of a gap is filled", late)
			}
			if silence < 400*8 || silence > 520*8 {
				t.Errorf("%d samples of silence in a gap of 500 ms, the host's clocks late by %v at most; status %+v", silence, late, status)
			}
		})
	}
}
