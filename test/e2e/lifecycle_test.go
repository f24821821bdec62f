package e2e_test

import (
	"encoding/json"
	"testing"

	"mod_openai_audio_stream/module/realtime/realtimetest"
)

// Starts and stops, and hang-ups while connecting, leave nothing behind.
func TestChurnLeavesNothing(t *testing.T) {
	r := newRig(t)
	srv := realtimetest.New(t, realtimetest.Config{NoRecord: true})
	r.do("create steady rate=8000 caller=tone:440 writer=none")
	cycle := func(n int) {
		for range n {
			r.api("+OK", "steady start %s mono 8k", srv.URL())
			r.api("+OK", "steady stop")
		}
		for i := range n / 2 {
			r.do("create brief-%d rate=8000 caller=silence", i)
			r.api("+OK", "brief-%d start %s mono 8k", i, srv.URL())
			r.do("hangup brief-%d wait=1", i)
		}
	}
	figures := func() (f struct{ Threads, FDs int }) {
		m := r.do("stats")
		if err := json.Unmarshal(m.Raw, &f); err != nil {
			t.Fatal(err)
		}
		return f
	}
	cycle(50) // threads and pools that stay
	settle(t, r, srv)
	before := figures()
	cycle(500)
	settle(t, r, srv)
	// The last sockets may still be closing: wait until the host is as it was.
	for ctx := r.ctx; ; {
		after := figures()
		if after.FDs <= before.FDs && after.Threads <= before.Threads+2 {
			return
		}
		if ctx.Err() != nil {
			t.Fatalf("descriptors %d, were %d; threads %d, were %d", after.FDs, before.FDs, after.Threads, before.Threads)
		}
	}
}

// settle waits until the server has seen the end of every connection.
func settle(t *testing.T, r *rig, srv *realtimetest.Server) {
	t.Helper()
	err := srv.Wait(r.ctx, func() bool {
		for _, s := range srv.Sessions() {
			if _, ended := s.Ended(); !ended {
				return false
			}
		}
		return true
	})
	if err != nil {
		open := 0
		for _, s := range srv.Sessions() {
			if _, ended := s.Ended(); !ended {
				open++
			}
		}
		t.Fatalf("%d of %d connections stay open: %v", open, len(srv.Sessions()), err)
	}
}

// The module comes and goes with calls in progress.
func TestReloadWithCalls(t *testing.T) {
	r := newRig(t)
	srv := realtimetest.New(t, realtimetest.Config{})
	r.do("create call rate=8000 caller=tone:300 writer=none")
	for i := 1; i <= 10; i++ {
		r.api("+OK", "call start %s mono 8k", srv.URL())
		r.event("call", "connect", i)
		r.do("unload")
		r.event("call", "disconnect", i)
		r.do("load")
	}
}
