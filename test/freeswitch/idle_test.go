package freeswitch_test

import (
	"testing"
	"time"

	"github.com/tidwall/gjson"

	"mod_openai_audio_stream/module/realtime/realtimetest"
)

func init() {
	agents["idle"] = agent{test: testIdle, server: realtimetest.Config{Answer: acts(says(3 * time.Second)), Speed: 10},
		params: map[string]string{"idle-timeout": "1", "idle-prompt": "Are you there?", "idle-max": "2", "goodbye": "Goodbye."}}
}

// A caller who says nothing is asked twice, each time a second after the last sample of the model's, however fast that came.
// Then the model says goodbye, and the dialplan goes on.
func testIdle(t *testing.T, c acting) {
	c.Event("CHANNEL_PARK", 1)
	c.wantEnd("idle")
	wantVariable(c.Call, "openai_audio_stream_disconnect_reason", "idle")
	heard := sounds(c.Phone.Packets().PCM(), 8000)
	want := []time.Duration{3 * time.Second, time.Second, time.Second, time.Second} // the greeting, two prompts, the goodbye
	if len(heard) != len(want) {
		c.Blame(c.since, "the caller heard %v, want %v", heard, want)
		return
	}
	for i, p := range heard {
		if (p.length - want[i]).Abs() > 20*time.Millisecond {
			c.Blame(c.since, "the caller heard %v, want %v", heard, want)
		}
		if i == 0 {
			continue
		}
		silence := p.from - heard[i-1].from - heard[i-1].length
		t.Logf("silence of %v", silence)
		if silence < 980*time.Millisecond || silence > 1300*time.Millisecond {
			c.Blame(c.since, "%v of silence before sentence %d, want 1 to 1.3 s", silence, i+1)
		}
	}
	for n, wanted := range []string{`{"count":1,"goodbye":false}`, `{"count":2,"goodbye":false}`, `{"count":2,"goodbye":true}`} {
		got, want := gjson.Parse(c.Event("idle", n+1)["_body"]), gjson.Parse(wanted)
		if got.Get("count").Int() != want.Get("count").Int() || got.Get("goodbye").Bool() != want.Get("goodbye").Bool() {
			t.Errorf("event %d is %s, want %s", n+1, got, want)
		}
	}
}
