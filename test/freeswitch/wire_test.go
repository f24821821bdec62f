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

// beside is what is on the channel beside its writer.
type beside int

const (
	nothing  beside = iota
	recorder        // another media bug, which has FreeSWITCH itself write into a bridge's pauses
	stream
)

// TestWire runs the same calls with a stream and without. What other writers write leaves when it does without, and with
// nothing beside it. The table is for docs/benchmarks.md: go test -v -run TestWire.
func TestWire(t *testing.T) {
	s := freeswitch.Start(t)
	broadcast := func(c *freeswitch.Call, _ *farend.Call) { c.Broadcast(frames(0, 150, 8000), 8000) }
	speak := func(c *freeswitch.Call, b *farend.Call) { <-b.Play(frames(0, 150, 8000), 8000).Done() }
	pause := func(c *freeswitch.Call, b *farend.Call) {
		b.Play(frames(0, 50, 8000), 8000)
		b.Rest(100 * time.Millisecond)
		<-b.Play(frames(100, 100, 8000), 8000).Done()
	}
	var table strings.Builder
	table.WriteString("| call | beside it | packets | of nobody | of the module | frames missing | packets for each 20 ms | markers | timestamp jumps | largest gap, ms |\n" +
		"| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | --- | ---: |\n")
	for _, w := range []wired{
		{"an application plays", "file", nil, false},
		{"a conference", "conference", nil, false},
		{"a file is broadcast to a parked call", "park", broadcast, false},
		{"a bridge", "peer", speak, false},
		{"a bridge whose far side pauses for 100 ms", "peer", pause, true},
	} {
		without, recorded, with := w.run(t, s, nothing), w.run(t, s, recorder), w.run(t, s, stream)
		for i, r := range []counted{without, recorded, with} {
			fmt.Fprintf(&table, "| %s | %s | %d | %d | %d | %d | %.3f | %d | %s | %.1f |\n", w.name, []string{"nothing", "a recorder", "a stream"}[i],
				r.Packets, r.unnumbered, r.own, len(r.missing), float64(r.Packets-1)/max(1, float64(r.Span)/float64(20*time.Millisecond)), len(r.Markers), jumps(r.Report),
				float64(r.LargestGap)/1e6)
		}
		if with.own > 0 {
			t.Errorf("%s: the module wrote %d packets beside the other writer's", w.name, with.own)
		}
		// What FreeSWITCH drops and fills in on a bridge with a media bug is its own, and different each time.
		if !w.bridged() && (with.unnumbered > without.unnumbered || len(with.missing) > len(without.missing) || with.wild > without.wild) {
			t.Errorf("%s: with a stream %d packets more, %d wild timestamps, frames %s missing, %v; without %d, %d, %s, %v", w.name,
				with.unnumbered, with.wild, ranges(with.missing), with.Report, without.unnumbered, without.wild, ranges(without.missing), without.Report)
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

// counted is what came while the other writer wrote: its numbered frames, those of them that did not come, and what else.
type counted struct {
	farend.Report
	unnumbered, wild int
	own              int // among the unnumbered, the module's
	missing          []int
}

// run makes the call and counts.
func (w wired) run(t *testing.T, s *freeswitch.Switch, with beside) counted {
	t.Helper()
	name := strings.NewReplacer(" ", "-").Replace(fmt.Sprintf("%s %d", w.name, with))
	var c *freeswitch.Call
	var b *farend.Call
	if w.bridged() {
		c, b = bridgedOn(t, s, name, farend.PCMU)
	} else {
		c = s.Dial(t, name, w.extension, farend.Invite{})
	}
	switch with {
	case recorder:
		c.Record(c.Agent, freeswitch.Stereo)
	case stream:
		c.Begin(realtimetest.Config{NoVAD: true}, 24000)
	}
	if w.act == nil {
		have := len(c.Phone.Packets())
		c.Until("three seconds", func() bool { return len(c.Phone.Packets()) >= have+160 })
		return counted{Report: c.Phone.Packets()[have+10:].Report()}
	}
	w.act(c, b)
	c.Until("the last frame", func() bool { // and some more packets, where something writes them
		found := farend.Numbers(c.Phone.Packets().PCM(), 160)
		return len(found) > 0 && (found[len(found)-1].N == 149 || found[len(found)-1].N == 199)
	})
	// From the first numbered frame to the last: before and after it the module may speak for itself.
	wire, unnumbered, wild := between(c.Phone.Packets())
	r := counted{Report: wire.Report(), unnumbered: unnumbered, wild: wild, own: ofTheModule(wire)}
	numbers := farend.Numbers(wire.PCM(), 160)
	if w.pauses {
		r.missing = append(farend.Missing(numbers, 0, 49), farend.Missing(numbers, 100, 199)...)
	} else {
		r.missing = farend.Missing(numbers, 0, 149)
	}
	return r
}
