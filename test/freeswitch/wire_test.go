package freeswitch_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"mod_openai_audio_stream/module/realtime/realtimetest"
	"mod_openai_audio_stream/test/farend"
	"mod_openai_audio_stream/test/freeswitch"
)

// wired is a call of which every packet is counted, with a stream that says nothing and without one.
type wired struct {
	name, extension string
	// act has something written to the channel; nil where the dialplan writes all the time.
	act    func(c *freeswitch.Call, b *farend.Call)
	pauses bool // after 50 frames; the next has number 100
}

func (w wired) bridged() bool { return w.extension == "peer" }

// TestWire runs the same calls with a stream and without. What other writers write leaves when it does without, and with
// nothing beside it. The table is for docs/benchmarks.md: go test -v -run TestWire.
func TestWire(t *testing.T) {
	s := freeswitch.Start(t)
	broadcast := func(c *freeswitch.Call, _ *farend.Call) { c.Broadcast(frames(0, 150, 8000), 8000) }
	speak := func(c *freeswitch.Call, b *farend.Call) { <-b.Play(frames(0, 150, 8000), 8000).Done() }
	pause := func(c *freeswitch.Call, b *farend.Call) {
		<-b.Play(frames(0, 50, 8000), 8000).Done()
		b.Stall(100 * time.Millisecond)
		<-b.Play(frames(100, 100, 8000), 8000).Done()
	}
	var table strings.Builder
	table.WriteString("| call | stream | packets | for each 20 ms | markers | timestamp jumps | largest gap, ms | burst, packets |\n" +
		"| --- | --- | ---: | ---: | ---: | --- | ---: | ---: |\n")
	for _, w := range []wired{
		{"an application plays", "file", nil, false},
		{"a conference", "conference", nil, false},
		{"a file is broadcast to a parked call", "park", broadcast, false},
		{"a bridge", "peer", speak, false},
		{"a bridge whose far side pauses for 100 ms", "peer", pause, true},
	} {
		since := farend.Now()
		without, lostWithout := w.run(t, s, false)
		with, lost := w.run(t, s, true)
		for i, r := range []farend.Report{without, with} {
			fmt.Fprintf(&table, "| %s | %s | %d | %.3f | %d | %s | %.1f | %.1f |\n", w.name, []string{"no", "yes"}[i], r.Packets,
				float64(r.Packets-1)/max(1, float64(r.Span)/float64(20*time.Millisecond)), len(r.Markers), jumps(r), float64(r.LargestGap)/1e6, r.Burst)
		}
		// One packet may be on either edge of the time.
		c := &freeswitch.Call{Switch: s, TB: t}
		if len(lost) > len(lostWithout) || len(with.Jumps) > len(without.Jumps) || len(with.Markers) > len(without.Markers) || with.Excess() > without.Excess()+2 {
			complain := func(format string, args ...any) { c.Blame(since, format, args...) }
			if c.Stolen(since) == 0 || with.Excess() > without.Excess()+2+2*float64(c.Stolen(since)) {
				complain = t.Errorf
			}
			complain("%s: with a stream %v, %.1f in excess, frames %s missing; without %v, %.1f, %s", w.name,
				with, with.Excess(), ranges(lost), without, without.Excess(), ranges(lostWithout))
		}
	}
	t.Logf("Packets that a telephone gets, FreeSWITCH with a silent stream and without:\n\n%s", table.String())
}

// jumps writes how many samples the timestamps jumped, in order.
func jumps(r farend.Report) string {
	var all []string
	for _, j := range r.Jumps {
		all = append(all, fmt.Sprint(j.Samples))
	}
	return strings.Join(all, " ")
}

// run makes the call and returns what came while the other writer wrote, and which of its numbered frames did not.
func (w wired) run(t *testing.T, s *freeswitch.Switch, stream bool) (r farend.Report, missing []int) {
	t.Helper()
	name := strings.NewReplacer(" ", "-").Replace(fmt.Sprintf("%s %t", w.name, stream))
	var c *freeswitch.Call
	var b *farend.Call
	if w.bridged() {
		c, b = bridgedOn(t, s, name, farend.PCMU)
	} else {
		c = s.Dial(t, name, w.extension, farend.Invite{})
	}
	if stream {
		c.Begin(realtimetest.Config{NoVAD: true}, 24000)
	}
	if w.act == nil {
		have := len(c.Phone.Packets())
		c.Until("three seconds", func() bool { return len(c.Phone.Packets()) >= have+160 })
		return c.Phone.Packets()[have+10:].Report(), nil
	}
	w.act(c, b)
	c.Until("the last frame", func() bool { // and some more packets, where something writes them
		found := farend.Numbers(c.Phone.Packets().PCM(), 160)
		return len(found) > 0 && (found[len(found)-1].N == 149 || found[len(found)-1].N == 199)
	})
	// From the first numbered frame to the last: before and after it the module may speak for itself.
	var first, last int
	for i, p := range c.Phone.Packets() {
		if len(farend.Numbers(p.Samples(), 160)) > 0 {
			if last = i; first == 0 {
				first = i
			}
		}
	}
	wire := c.Phone.Packets()[first : last+1]
	numbers := farend.Numbers(wire.PCM(), 160)
	if w.pauses {
		return wire.Report(), append(farend.Missing(numbers, 0, 49), farend.Missing(numbers, 100, 199)...)
	}
	return wire.Report(), farend.Missing(numbers, 0, 149)
}
