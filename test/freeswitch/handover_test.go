package freeswitch_test

import (
	"strings"
	"testing"
	"time"
)

// A call that the model sends elsewhere.

// handOver is what the model says and calls.
var handOver = fast(acts(says(time.Second), calling("transfer_call", `{"destination":"sales","summary":"wants flowers"}`)))

// transferTo is the function of a mode with one destination.
func transferTo(mode, to string) string {
	return `<tool name="transfer_call" action="transfer" mode="` + mode + `"><destination key="sales" to="` + to + `"/></tool>`
}

// colleagueHz is the tone of whoever answers instead of the model.
const colleagueHz = 1500

func init() {
	agents["blind"] = agent{tools: transferTo("blind", "sold XML agent"), server: handOver, test: testBlind,
		lines: extension("sold", "set sold=${openai_audio_stream_transfer_destination} ${openai_audio_stream_transfer_result} "+
			"${openai_audio_stream_disconnect_reason} ${openai_audio_stream_transfer_summary}", "park")}
	agents["busy"] = agent{tools: transferTo("attended", "loopback/engaged/agent"), server: handOver, test: testBusy,
		lines: extension("engaged", "hangup USER_BUSY")}
	agents["unanswered"] = agent{server: handOver, test: testUnanswered, lines: extension("unanswered", "ring_ready", "sleep 600000"),
		tools: strings.Replace(transferTo("attended", "loopback/unanswered/agent"), "<tool ", `<tool timeout="1" `, 1)}
	agents["answered"] = agent{tools: transferTo("attended", "{loopback_bowout=false}loopback/colleague/agent"), server: handOver, test: testAnswered,
		lines: extension("colleague", "answer", "playback tone_stream://%(10000,0,1500);loops=-1")}
	agents["abandoned"] = agent{tools: transferTo("attended", "loopback/abandoned/agent"), server: handOver, test: testAbandoned,
		lines: extension("abandoned", "ring_ready", "sleep 600000")}
}

// heardOnce demands that the caller heard the model's sentence, whole, before it went.
func (c acting) heardOnce(want time.Duration) {
	c.TB.Helper()
	if heard := tones(c.Phone.Packets().PCM(), modelHz, 8000); len(heard) != 1 || (heard[0].length-want).Abs() > 40*time.Millisecond {
		c.Blame(c.since, "the caller heard %v of the sentence before it, want %v in one piece", heard, want)
	}
}

// A blind transfer: the next line of the dialplan knows of it.
func testBlind(t *testing.T, c acting) {
	c.Event("CHANNEL_PARK", 1)
	wantVariable(c.Call, "sold", "sales transferred transfer wants flowers")
	c.heardOnce(time.Second)
	c.wantEnd("transfer")
}

// A destination that is busy, or rings for too long, brings the caller back to the model, and they go on.
func testBusy(_ *testing.T, c acting) { c.wantBack("busy") }

func testUnanswered(t *testing.T, c acting) {
	c.wantBack("no_answer")
	c.Poll(t, "the destination's legs end", func() bool {
		return strings.HasPrefix(c.API("", "show channels like loopback/unanswered"), "0 total")
	})
}

// wantBack demands that the model was told why nobody took the caller, and that the two converse again.
func (c acting) wantBack(result string) {
	c.TB.Helper()
	c.Event("turn", 2)
	c.wantTool(2, "failed")
	c.wantTold(`{"ok":false,"error":"` + result + `"}`)
	wantVariable(c.Call, "openai_audio_stream_transfer_result", result)
	c.speak()
	c.Event("turn", 3)
}

// A destination that answers is connected with the caller.
func testAnswered(t *testing.T, c acting) {
	c.Event("CHANNEL_BRIDGE", 1)
	have := len(c.Phone.Packets())
	c.Until("the colleague is heard", func() bool {
		return len(tones(c.Phone.Packets()[have:].PCM(), colleagueHz, 8000)) > 0
	})
	wantVariable(c.Call, "openai_audio_stream_transfer_result", "answered")
	c.wantEnd("transfer")
	c.heardOnce(time.Second)
}

// A caller who hangs up while a destination rings leaves no leg behind.
func testAbandoned(t *testing.T, c acting) {
	legs := func() string { return c.API("", "show channels like loopback/abandoned") }
	c.Poll(t, "the destination rings", func() bool { return strings.HasPrefix(legs(), "uuid") })
	c.Hangup()
	c.Poll(t, "the destination's legs end", func() bool { return strings.HasPrefix(legs(), "0 total") })
	c.wantEnd("hangup")
}
