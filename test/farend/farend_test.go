package farend_test

import (
	"context"
	"os"
	"runtime"
	"runtime/pprof"
	"slices"
	"strings"
	"testing"
	"time"

	"mod_openai_audio_stream/test/farend"
)

// TestMain demands that the tests leave no goroutine behind.
func TestMain(m *testing.M) {
	before := runtime.NumGoroutine()
	code := m.Run()
	for deadline := time.Now().Add(10 * time.Second); runtime.NumGoroutine() > before; {
		if time.Now().After(deadline) {
			_ = pprof.Lookup("goroutine").WriteTo(os.Stderr, 1)
			code = 1
			break
		}
		runtime.Gosched()
	}
	os.Exit(code)
}

func phone(t *testing.T) *farend.Phone {
	t.Helper()
	p, err := farend.Listen()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
	return p
}

// pair is a call and its other end.
func pair(t *testing.T, in farend.Invite, a farend.Answer) (caller, callee *farend.Call) {
	t.Helper()
	one, other := phone(t), phone(t)
	other.Answering(a)
	in.To = "sip:someone@" + other.Addr()
	caller, err := one.Dial(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	if callee, err = other.Accept(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := caller.Hangup(context.Background()); err != nil {
			t.Error(err)
		}
		<-callee.Done()
	})
	return caller, callee
}

func wait(t *testing.T, c *farend.Call, what string, cond func() bool) {
	t.Helper()
	if err := c.Wait(t.Context(), cond); err != nil {
		t.Fatalf("%s: %v", what, err)
	}
}

// What one plays the other gets: every number, in order, at the packet rate, and the caller's Call-ID and codec.
func TestCall(t *testing.T) {
	for _, f := range []farend.Format{farend.PCMU, farend.PCMA, farend.L16, farend.PCMU.With(40 * time.Millisecond)} {
		t.Run(strings.NewReplacer("/", " ").Replace(f.String()), func(t *testing.T) {
			t.Parallel()
			id := "call " + f.Name
			caller, callee := pair(t, farend.Invite{CallID: strings.ReplaceAll(id, " ", "-"), Formats: []farend.Format{f}, Quiet: true},
				farend.Answer{Formats: []farend.Format{farend.PCMA, farend.PCMU, farend.L16}, Quiet: true})
			if caller.ID() != callee.ID() || !strings.HasPrefix(caller.ID(), "call-") {
				t.Errorf("Call-IDs %q and %q", caller.ID(), callee.ID())
			}
			const count = 25
			n := f.Samples()
			began := farend.Now()
			for from, to := range map[*farend.Call]*farend.Call{caller: callee, callee: caller} {
				playing := from.Play(farend.Numbered(100, count, n), from.Format().RateHz)
				wait(t, to, "all packets", func() bool { return len(to.Packets()) == count })
				<-playing.Done()
				if err := playing.Err(); err != nil {
					t.Error(err)
				}
				r := to.Packets().Report()
				if r.Lost+r.Duplicates+r.Late+len(r.Jumps) != 0 || r.Streams != 1 || !slices.Equal(r.Markers, []int{0}) {
					t.Errorf("%v", r)
				}
				numbers := farend.Numbers(to.Packets().PCM(), n)
				if len(numbers) != count || numbers[0] != (farend.Number{N: 100}) || numbers[count-1] != (farend.Number{N: 100 + count - 1, At: (count - 1) * n}) {
					t.Errorf("numbers %v", numbers)
				}
				if !slices.Equal(to.Packets().PCM(), to.Packets().Played()) {
					t.Error("the timestamps put the sound elsewhere than the sequence numbers")
				}
				late := from.Late(began, farend.Now())
				if limit := 1 + float64(late)/float64(from.Format().Ptime); r.Burst > limit {
					t.Errorf("a burst of %.2f packets from a sender that was late by %v at most", r.Burst, late)
				}
			}
		})
	}
}

// A phone without silence suppression fills the time; one that stalls sends nothing, and says so with a marker.
func TestStall(t *testing.T) {
	t.Parallel()
	caller, callee := pair(t, farend.Invite{}, farend.Answer{Quiet: true})
	wait(t, callee, "silence", func() bool { return len(callee.Packets()) >= 5 })
	playing := caller.Play(farend.Numbered(0, 10, 160), 8000)
	<-playing.Done()
	caller.Stall(200 * time.Millisecond)
	before := len(caller.Sent())
	<-caller.Play(farend.Numbered(10, 10, 160), 8000).Done()
	wait(t, callee, "what was sent", func() bool { return len(callee.Packets()) >= len(caller.Sent()) })
	numbers := farend.Numbers(callee.Packets().PCM(), 160)
	if missing := farend.Missing(numbers, 0, 19); missing != nil {
		t.Errorf("missing %v", missing)
	}
	r := callee.Packets().Report()
	if len(r.Jumps) != 1 || r.Jumps[0].Samples < 9*160 || !r.Jumps[0].Marked || len(r.Markers) != 2 || r.Lost != 0 {
		t.Errorf("%v, after %d packets", r, before)
	}
	if r.LargestGap < 180*time.Millisecond {
		t.Errorf("the largest gap is %v", r.LargestGap)
	}
	if played, sent := len(callee.Packets().Played()), len(callee.Packets().PCM()); played-sent != r.Jumps[0].Samples {
		t.Errorf("%d samples played, %d sent, want a difference of %d", played, sent, r.Jumps[0].Samples)
	}
}

// A rest is as long as it should be, and nothing is lost around it.
func TestRest(t *testing.T) {
	t.Parallel()
	caller, callee := pair(t, farend.Invite{}, farend.Answer{})
	caller.Play(farend.Numbered(0, 10, 160), 8000)
	caller.Rest(100 * time.Millisecond)
	<-caller.Play(farend.Numbered(10, 10, 160), 8000).Done()
	wait(t, callee, "all frames", func() bool { return len(farend.Numbers(callee.Packets().PCM(), 160)) == 20 })
	if r := callee.Packets().Report(); len(r.Jumps) != 1 || r.Jumps[0].Samples != 800 || !r.Jumps[0].Marked {
		t.Errorf("%v", r)
	}
}

// Holds and other codecs: the other side is told, and sends what was agreed.
func TestChange(t *testing.T) {
	t.Parallel()
	caller, callee := pair(t, farend.Invite{}, farend.Answer{})
	change := func(f farend.Format, d farend.Direction) {
		t.Helper()
		if err := caller.Change(t.Context(), f, d); err != nil {
			t.Fatal(err)
		}
	}
	more := func(c *farend.Call, n int) {
		t.Helper()
		have := len(c.Packets())
		wait(t, c, "more packets", func() bool { return len(c.Packets()) >= have+n })
	}
	more(caller, 3)
	if err := caller.Hold(t.Context(), farend.SendOnly); err != nil {
		t.Fatal(err)
	}
	held := len(caller.Packets())
	more(callee, 5) // its music
	if n := len(caller.Packets()) - held; n > 1 {
		t.Errorf("%d packets came while the other side was on hold", n)
	}
	if err := caller.Hold(t.Context(), farend.Inactive); err != nil {
		t.Fatal(err)
	}
	silent := len(callee.Packets())
	if err := caller.Unhold(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := len(callee.Packets()) - silent; n > 1 {
		t.Errorf("%d packets left an inactive call", n)
	}
	more(caller, 3)
	change(farend.L16, farend.SendRecv)
	wait(t, caller, "L16", func() bool { return len(caller.Packets().Of("L16")) >= 5 })
	wait(t, callee, "L16", func() bool { return len(callee.Packets().Of("L16")) >= 5 })
	// An opaque codec's packets are kept.
	change(farend.G729, farend.SendRecv)
	wait(t, caller, "G729", func() bool { return len(caller.Packets().Of("G729")) >= 2 })
	if callee.Format().Name != "G729" {
		t.Errorf("the callee sends %v", callee.Format())
	}
	// The callee asks.
	if err := callee.Change(t.Context(), farend.PCMA, farend.SendRecv); err != nil {
		t.Fatal(err)
	}
	wait(t, callee, "PCMA", func() bool { return len(callee.Packets().Of("PCMA")) >= 2 })
}

// A key is one event: one timestamp, a marker on its first packet, three ends.
func TestPress(t *testing.T) {
	t.Parallel()
	caller, callee := pair(t, farend.Invite{}, farend.Answer{})
	up, err := caller.Press('#', 100*time.Millisecond)
	if err != nil {
		t.Fatal(err)
	}
	<-up
	var events farend.Packets
	wait(t, callee, "the event", func() bool {
		events = events[:0]
		for _, p := range callee.Packets() {
			if p.PayloadType == 101 {
				events = append(events, p)
			}
		}
		return len(events) == 7
	})
	for i, p := range events {
		end, duration := p.Payload[1]&0x80 != 0, int(p.Payload[2])<<8|int(p.Payload[3])
		if p.Payload[0] != 11 || p.Timestamp != events[0].Timestamp || p.Marker != (i == 0) || end != (i >= 4) ||
			duration != min(160*(i+1), 800) {
			t.Errorf("packet %d of the event: marker %t, %v", i, p.Marker, p.Payload)
		}
	}
	if _, err := caller.Press('x', time.Second); err == nil {
		t.Error("there is no key x")
	}
}

// A call that nobody takes, and one that the other side ends.
func TestEnds(t *testing.T) {
	t.Parallel()
	one, other := phone(t), phone(t)
	if _, err := one.Dial(t.Context(), farend.Invite{To: "sip:x@" + other.Addr()}); err == nil || !strings.Contains(err.Error(), "481") {
		t.Errorf("refused with %v", err)
	}
	if _, err := one.Dial(t.Context(), farend.Invite{To: "sip:x@192.0.2.1"}); err == nil {
		t.Error("a call left this machine")
	}
	other.Answering(farend.Answer{Formats: []farend.Format{farend.L16}})
	if _, err := one.Dial(t.Context(), farend.Invite{To: "sip:x@" + other.Addr()}); err == nil || !strings.Contains(err.Error(), "488") {
		t.Errorf("refused with %v", err)
	}
	other.Answering(farend.Answer{})
	caller, err := one.Dial(t.Context(), farend.Invite{To: "sip:x@" + other.Addr()})
	if err != nil {
		t.Fatal(err)
	}
	callee, err := other.Accept(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	<-caller.Answered()
	if err := callee.Hangup(t.Context()); err != nil {
		t.Error(err)
	}
	<-caller.Done()
	if err := caller.Hangup(t.Context()); err != nil {
		t.Error(err)
	}
	p := caller.Play(make([]int16, 160), 8000)
	<-p.Done()
	if p.Err() == nil {
		t.Error("played into a call that has ended")
	}
}
