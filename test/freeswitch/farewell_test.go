package freeswitch_test

import (
	"slices"
	"testing"
	"time"

	"mod_openai_audio_stream/module/realtime/realtimetest"
	"mod_openai_audio_stream/test/farend"
)

func init() {
	const hangUp = `<tool name="end_call" action="hangup"/>`
	goodbye := fast(acts(says(7*time.Second), calling("end_call", "{}")))
	agents["goodbye"] = agent{tools: hangUp, server: goodbye, test: testGoodbye}
	agents["goodbye-interrupted"] = agent{tools: hangUp, server: goodbye, test: testGoodbyeInterrupted}
	agents["goodbye-missing"] = agent{tools: hangUp, test: testGoodbyeMissing, server: fast(func(turn realtimetest.Turn) realtimetest.Reply {
		if turn.N == 0 {
			return realtimetest.Reply{Items: []realtimetest.ReplyItem{calling("end_call", "{}")}}
		}
		return realtimetest.Reply{Status: "failed", Reason: "server_error"}
	})}
}

// loudUntil is when the last packet with sound came.
func loudUntil(wire farend.Packets) (at time.Duration) {
	for _, p := range wire {
		if slices.ContainsFunc(p.Samples(), func(v int16) bool { return v > 300 || v < -300 }) {
			at = p.Arrival
		}
	}
	return at
}

// A goodbye of 7 s that comes in 0.3 s is heard whole, and the BYE follows its last sample.
func testGoodbye(t *testing.T, c acting) {
	<-c.Phone.Done()
	ended := farend.Now()
	wire := c.Phone.Packets()
	if heard := loudParts(wire.PCM(), 8000); len(heard) != 1 || (heard[0]-7*time.Second).Abs() > 20*time.Millisecond {
		c.Blame(c.since, "the caller heard %v, want 7s in one piece", heard)
	}
	last := loudUntil(wire)
	after := ended - last
	t.Logf("BYE %v after the last packet with sound", after)
	if after < 200*time.Millisecond || after > 600*time.Millisecond {
		c.Blame(last-100*time.Millisecond, "the BYE came %v after the last packet with sound, want 0.2 to 0.6 s", after)
	}
	c.wantEnd("hangup_tool")
}

// A caller who speaks during the goodbye keeps the call.
func testGoodbyeInterrupted(t *testing.T, c acting) {
	c.wantTool(1, "started")
	c.speak()
	c.wantTool(2, "cancelled")
	c.Event("turn", 2)
	c.wantTold(`{"ok":false,"error":"the caller spoke: end_call was not carried out"}`)
	select {
	case <-c.Phone.Done():
		t.Error("the call was ended all the same")
	default:
	}
}

// A model that ends the call without a word, and says none when asked, ends it all the same.
func testGoodbyeMissing(t *testing.T, c acting) {
	<-c.Phone.Done()
	ended := time.Now()
	asked := c.session().Received("response.create")
	if len(asked) != 2 || asked[1].Get("response.tool_choice").String() != "none" {
		t.Fatalf("asked for %d responses, want the greeting, and a goodbye without functions", len(asked))
	}
	after := ended.Sub(asked[1].Time)
	t.Logf("BYE %v after the goodbye was asked for", after)
	if after < 4900*time.Millisecond || after > 6*time.Second {
		c.Blame(c.since, "the BYE came %v after the goodbye was asked for, want 5s", after)
	}
	c.wantEnd("hangup_tool")
}
