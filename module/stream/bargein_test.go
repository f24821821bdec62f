package stream

import (
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tidwall/gjson"
)

// What a server does by itself, as its session says.
const (
	detectsOnly = `{"type":"server_vad","interrupt_response":false,"create_response":false}`
	answersAll  = `{"type":"server_vad","interrupt_response":false,"create_response":true}`
	speechBegan = `{"type":"input_audio_buffer.speech_started","item_id":"u"}`
	speechEnded = `{"type":"input_audio_buffer.speech_stopped","item_id":"u"}`
)

// talkedOver is a call in which an answer of 5 s, numbered at the rate of the channel, has been heard for a second.
func talkedOver(t *testing.T, variables map[string]string, detection string) (c *call, conn *fakeConn, answer []int16) {
	t.Helper()
	c = newCall(t, variables)
	c.configure(`<param name="output-rate" value="8000"/>`)
	if reply := c.Command("call start ws://h/ mono 8k"); reply != "+OK stream started" {
		t.Fatal(reply)
	}
	synctest.Wait()
	conn = c.conns[0]
	conn.says(created)
	conn.says(`{"type":"session.updated","session":{"turn_detection":` + detection + `}}`)
	c.speakFor(500*time.Millisecond, false)
	answer = ramp(40000)
	conn.responds("A")
	conn.speaks("A", answer)
	conn.done("A")
	c.speakFor(time.Second, false)
	return c, conn, answer
}

// heardSamples are those of the agent's that have left.
func (c *call) heardSamples() (loud []int16) {
	for _, v := range c.host.rings.heard {
		if v != 0 {
			loud = append(loud, v)
		}
	}
	return loud
}

// silentNow demands that the frame that the channel took last had nothing of the agent's.
func (c *call) silentNow(want bool) {
	c.Helper()
	heard := c.host.rings.heard
	silent := !slices.ContainsFunc(heard[len(heard)-160:], func(v int16) bool { return v != 0 })
	if silent != want {
		c.Errorf("silent %v, want %v", silent, want)
	}
}

// sentOf are the types of what the server has been sent that is no audio, without the session's.
func sentOf(conn *fakeConn) []string {
	return slices.DeleteFunc(conn.types(), func(kind string) bool {
		return kind == "input_audio_buffer.append" || kind == "session.update"
	})
}

func (c *call) wantSent(conn *fakeConn, want ...string) {
	c.Helper()
	if got := sentOf(conn); !slices.Equal(got, want) {
		c.Errorf("sent %q, want %q", got, want)
	}
}

// A cough is silence at the next frame, and then the answer goes on with the next sample. Nothing is truncated or asked.
func TestACoughIsTakenBack(t *testing.T) {
	for name, detection := range map[string]string{"a server that hears it": detectsOnly, "a server that detects nothing": "null"} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c, conn, answer := talkedOver(t, map[string]string{"STREAM_BARGE_IN": "resume_ms=500"}, detection)
				c.speakFor(40*time.Millisecond, true)
				if detection != "null" {
					c.silentNow(false)
					conn.says(speechBegan)
				}
				c.speakFor(20*time.Millisecond, true)
				c.silentNow(true)
				c.speakFor(140*time.Millisecond, true)
				c.silentNow(true)
				c.speakFor(160*time.Millisecond, false)
				c.silentNow(true)
				c.speakFor(60*time.Millisecond, false)
				c.silentNow(false)
				if detection != "null" {
					c.speakFor(300*time.Millisecond, false)
					conn.says(speechEnded)
				}
				c.speakFor(5*time.Second, false)
				if !slices.Equal(c.heardSamples(), answer) {
					t.Errorf("heard %d samples, want the %d of the answer", len(c.heardSamples()), len(answer))
				}
				c.wantSent(conn)
				if n := len(c.host.of("truncated")); n > 0 || c.host.rings.underruns > 0 {
					t.Errorf("%d truncations, %d underruns", n, c.host.rings.underruns)
				}
				c.Command("call stop")
			})
		})
	}
}

// Words end the answer at the sample at which it paused, and are answered when they are over.
func TestWordsEndThePausedAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, conn, answer := talkedOver(t, map[string]string{"STREAM_BARGE_IN": "resume_ms=500"}, detectsOnly)
		c.speakFor(60*time.Millisecond, true)
		conn.says(speechBegan)
		c.speakFor(20*time.Millisecond, true)
		c.silentNow(true)
		heard := c.heardSamples()
		c.speakFor(420*time.Millisecond, true)
		c.wantSent(conn)
		c.speakFor(500*time.Millisecond, true)
		c.wantSent(conn, "conversation.item.truncate")
		c.speakFor(500*time.Millisecond, false)
		conn.says(speechEnded)
		c.speakFor(100*time.Millisecond, false)
		c.wantSent(conn, "conversation.item.truncate", "response.create")
		if got := c.heardSamples(); !slices.Equal(got, answer[:len(heard)]) {
			t.Errorf("heard %d samples, want the first %d", len(got), len(heard))
		}
		if got, want := gjson.Get(conn.of("conversation.item.truncate")[0], "audio_end_ms").Int(), int64(len(heard)/8); got != want {
			t.Errorf("truncated at %d ms, want %d", got, want)
		}
		conn.responds("B")
		conn.speaks("B", ramp(8000))
		conn.done("B")
		c.speakFor(2*time.Second, false)
		if got := len(c.heardSamples()) - len(heard); got != 8000 {
			t.Errorf("%d samples of the next answer are heard, want 8000", got)
		}
		c.Command("call stop")
	})
}

// With confirm_ms the answer goes on until the voice has lasted for so long, and is silent at the next frame then.
func TestConfirmedInterruption(t *testing.T) {
	for _, detection := range []string{answersAll, "null"} {
		for _, voice := range []time.Duration{200 * time.Millisecond, 500 * time.Millisecond} {
			t.Run(fmt.Sprintf("%v of voice, detection %s", voice, detection), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					c, conn, answer := talkedOver(t, map[string]string{"STREAM_BARGE_IN": "confirm_ms=300"}, detection)
					before := len(c.heardSamples())
					c.speakFor(100*time.Millisecond, true)
					if detection != "null" {
						conn.says(speechBegan)
					}
					c.speakFor(voice-100*time.Millisecond, true)
					c.speakFor(5*time.Second, false)
					got := c.heardSamples()
					if voice < 300*time.Millisecond {
						c.wantSent(conn)
						if len(got) != len(answer) {
							t.Errorf("heard %d samples, want all %d", len(got), len(answer))
						}
					} else {
						c.wantSent(conn, "conversation.item.truncate")
						// The frame that completes 300 ms of voice is the 15th; the one that the channel takes next is silent.
						if n := len(got) - before; n != 14*160 {
							t.Errorf("silent %d samples after the voice began, want %d", n, 14*160)
						}
					}
					c.Command("call stop")
				})
			})
		}
	}
}

// Who else holds, silences or ends the answer while it is paused does so.
func TestWhilePaused(t *testing.T) {
	voice := 200 * time.Millisecond
	for name, test := range map[string]struct {
		run   func(c *call, conn *fakeConn)
		whole bool // all of the answer is heard
	}{
		"pause": {func(c *call, _ *fakeConn) {
			c.Command("call pause")
			c.speakFor(2*time.Second, false)
			c.silentNow(true)
			c.Command("call resume")
		}, true},
		"pause and resume": {func(c *call, _ *fakeConn) {
			c.Command("call pause")
			c.Command("call resume")
			c.speakFor(20*time.Millisecond, true)
		}, true},
		"interrupt": {func(c *call, conn *fakeConn) {
			c.Command("call interrupt")
			c.speakFor(time.Second, true)
			c.wantSent(conn, "conversation.item.truncate")
		}, false},
		"mute openai": {func(c *call, conn *fakeConn) {
			c.Command("call mute openai")
			c.speakFor(time.Second, true)
			c.wantSent(conn, "conversation.item.truncate")
		}, false},
		"mute user": {func(c *call, _ *fakeConn) {
			c.Command("call mute user")
			c.speakFor(time.Second, true)
			c.silentNow(false)
		}, true},
		"no frame comes any more": {func(c *call, _ *fakeConn) {
			c.after(300 * time.Millisecond)
			c.silentNow(false)
		}, true},
		"the connection is lost": {func(c *call, conn *fakeConn) {
			conn.closed(1006, "")
			c.speakFor(40*time.Millisecond, true)
			c.silentNow(true)
		}, true},
		"the connection is lost, and the caller goes on": {func(c *call, conn *fakeConn) {
			conn.closed(1006, "")
			c.speakFor(time.Second, true)
		}, false},
		"the server ends the conversation": {func(c *call, conn *fakeConn) {
			conn.closed(1000, "")
		}, true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c, conn, answer := talkedOver(t, map[string]string{"STREAM_BARGE_IN": "resume_ms=500"}, detectsOnly)
				c.speakFor(60*time.Millisecond, true)
				conn.says(speechBegan)
				c.speakFor(voice-60*time.Millisecond, true)
				c.silentNow(true)
				heard := len(c.heardSamples())
				test.run(c, conn)
				c.speakFor(6*time.Second, false)
				got := c.heardSamples()
				if test.whole && !slices.Equal(got, answer) {
					t.Errorf("heard %d samples, want all %d", len(got), len(answer))
				}
				if !test.whole && len(got) != heard {
					t.Errorf("heard %d samples, want the %d before the pause", len(got), heard)
				}
				c.Command("call stop")
			})
		})
	}
}

// A stream that stops in a pause tells what was heard.
func TestStopWhilePaused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, conn, _ := talkedOver(t, map[string]string{"STREAM_BARGE_IN": "resume_ms=500"}, detectsOnly)
		c.speakFor(60*time.Millisecond, true)
		conn.says(speechBegan)
		c.speakFor(100*time.Millisecond, true)
		heard := len(c.heardSamples())
		c.Command("call stop")
		c.wantEnd("stop", map[string]int{"connect": 1, "disconnect": 1})
		if got := gjson.Get(c.host.of("turn")[0], "played_ms").Int(); got != int64(heard/8) {
			t.Errorf("played_ms %d, want %d", got, heard/8)
		}
	})
}

// A session that takes over in a pause changes nothing of it.
func TestRolloverWhilePaused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCall(t, map[string]string{"STREAM_BARGE_IN": "resume_ms=10000"})
		c.configure(`<param name="output-rate" value="8000"/>`)
		c.Command("call start ws://h/ mono 8k")
		synctest.Wait()
		conn := c.conns[0]
		updated := `{"type":"session.updated","session":{"turn_detection":` + detectsOnly + `}}`
		conn.says(expiring(2 * time.Minute))
		conn.says(updated)
		c.after(59 * time.Second)
		answer := ramp(40000)
		conn.responds("A")
		conn.speaks("A", answer)
		conn.done("A")
		c.speakFor(2*time.Second, false)
		c.reopen(1).says(updated)
		conn.says(speechBegan)
		for len(c.host.of("reconnect")) == 0 && time.Since(c.begun) < 2*time.Minute {
			c.speakFor(9*time.Second, true)
			c.speakFor(220*time.Millisecond, false)
			conn.says(speechBegan)
		}
		c.speakFor(10*time.Second, false)
		if got := c.host.of("reconnect"); len(got) != 1 {
			t.Errorf("reconnect events %q, want one", got)
		}
		if got := c.heardSamples(); !slices.Equal(got, answer) {
			t.Errorf("heard %d samples, want all %d", len(got), len(answer))
		}
		c.Command("call stop")
	})
}

// The greeting's first second can't be interrupted; who speaks on does then.
func TestGreetingIsProtected(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCall(t, map[string]string{"STREAM_GREETING": "Hello.", "STREAM_GREETING_PROTECT": "1000"})
		c.configure(`<param name="output-rate" value="8000"/>`)
		c.Command("call start ws://h/ mono 8k")
		synctest.Wait()
		conn := c.conns[0]
		conn.says(created)
		conn.says(`{"type":"session.updated","session":{"turn_detection":` + answersAll + `}}`)
		synctest.Wait()
		if update := conn.of("session.update")[0]; gjson.Get(update, "session.audio.input.turn_detection.interrupt_response").Raw != "false" {
			t.Errorf("the server may interrupt the greeting: %s", update)
		}
		conn.responds("A")
		conn.speaks("A", ramp(40000))
		c.speakFor(300*time.Millisecond, false)
		conn.says(speechBegan)
		c.speakFor(2*time.Second, true)
		c.wantSent(conn, "response.create", "response.cancel", "conversation.item.truncate")
		if got := len(c.heardSamples()); got < 8000 || got > 8000+2*160 {
			t.Errorf("heard %d samples, want 8000 or two frames more", got)
		}
		c.Command("call stop")
	})
}

// What the server is told of turns.
func TestWhoEndsAndBeginsAnswers(t *testing.T) {
	for name, test := range map[string]struct {
		variables map[string]string
		want      string // the turn detection, or "" if no session.update is sent
	}{
		"on":         {map[string]string{"STREAM_BARGE_IN": "on"}, ""},
		"off":        {map[string]string{"STREAM_BARGE_IN": "off"}, `{"interrupt_response":false,"type":"server_vad"}`},
		"min_ms":     {map[string]string{"STREAM_BARGE_IN": "min_ms=10"}, `{"interrupt_response":false,"type":"server_vad"}`},
		"confirm_ms": {map[string]string{"STREAM_BARGE_IN": "confirm_ms=10"}, `{"interrupt_response":false,"type":"server_vad"}`},
		"resume_ms":  {map[string]string{"STREAM_BARGE_IN": "resume_ms=10"}, `{"create_response":false,"interrupt_response":false,"type":"server_vad"}`},
		"resume_ms, the program answers": {map[string]string{"STREAM_BARGE_IN": "resume_ms=10", "STREAM_TURN_DETECTION": `{"type":"semantic_vad","create_response":false}`},
			`{"create_response":false,"interrupt_response":false,"type":"semantic_vad"}`},
		"resume_ms, nothing is detected":     {map[string]string{"STREAM_BARGE_IN": "resume_ms=10", "STREAM_TURN_DETECTION": "none"}, `null`},
		"greeting protect, without greeting": {map[string]string{"STREAM_GREETING_PROTECT": "1000"}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := newCall(t, test.variables)
				conn := c.open()
				updates := conn.of("session.update")
				switch {
				case test.want == "" && len(updates) > 0:
					t.Errorf("sent %q, want nothing", updates)
				case test.want != "" && (len(updates) != 1 || gjson.Get(updates[0], "session.audio.input.turn_detection").Raw != test.want):
					t.Errorf("sent %q, want turn detection %s", updates, test.want)
				}
				c.Command("call stop")
			})
		})
	}
}
