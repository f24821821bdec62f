package freeswitch_test

import (
	"encoding/json"
	"testing"
	"time"

	"mod_openai_audio_stream/module/realtime/realtimetest"
	"mod_openai_audio_stream/test/farend"
)

func init() {
	calls["ACoughPausesTheAnswer"] = func(t testing.TB) { speakOver(t, 200*time.Millisecond, false) }
	calls["SpeechEndsThePausedAnswer"] = func(t testing.TB) { speakOver(t, time.Second, true) }
}

// With resume_ms the caller's voice pauses the answer. After a cough all of it has left on the wire; longer speech ends it
// where it paused.
func speakOver(t testing.TB, voice time.Duration, ends bool) {
	const rateHz, length = 8000, 5 * time.Second
	since := farend.Now()
	c := shared.Dial(t, uuidOf(t), "park", farend.Invite{})
	c.Set("STREAM_BARGE_IN", "resume_ms=500")
	session := c.Begin(realtimetest.Config{InputRate: rateHz, Speed: 10, Answer: realtimetest.Tone(1000, length)}, rateHz)
	c.Ask()
	c.Event("openai_speech_start", 1)
	said := append(make([]int16, rateHz), realtimetest.Sine(300, voice, rateHz)...)
	c.Say(append(said, make([]int16, rateHz)...), rateHz)
	c.Event("openai_speech_stop", 1)
	c.Event("turn", 1)
	parts := loudParts(c.Phone.Packets().PCM(), rateHz)
	truncated := shared.Events(c.Agent, "truncated")
	if !ends {
		if len(truncated) > 0 || session.Answers()[0].TruncatedMS >= 0 {
			t.Error("the answer was truncated")
		}
		for kind, want := range map[string]int{"response.create": 1, "response.cancel": 0} {
			if n, _ := session.Count(kind); n != want {
				t.Errorf("%d %s, want %d", n, kind, want)
			}
		}
		if len(parts) != 2 || (parts[0]+parts[1]-length).Abs() > 40*time.Millisecond {
			c.Blame(since, "the caller heard %v, want the answer of %v in two parts", parts, length)
		}
		return
	}
	var cut struct {
		AudioEndMS int64 `json:"audio_end_ms"`
	}
	if len(truncated) != 1 {
		t.Fatalf("%d truncations, want 1", len(truncated))
	}
	if err := json.Unmarshal([]byte(truncated[0]["_body"]), &cut); err != nil {
		t.Fatal(err)
	}
	told := time.Duration(cut.AudioEndMS) * time.Millisecond
	if len(parts) == 0 || (parts[0]-told).Abs() > 20*time.Millisecond {
		c.Blame(since, "the caller heard %v, the server was told %v", parts, told)
	}
}
