package stream

import (
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tidwall/gjson"
)

// until lets time pass until there are n events of a subclass, and returns how long that took; limit at most.
func (c *call) until(subclass string, n int, limit time.Duration) time.Duration {
	c.Helper()
	begin := time.Now()
	for len(c.host.of(subclass)) < n {
		if time.Since(begin) > limit {
			c.Fatalf("%d %s events after %v, want %d", len(c.host.of(subclass)), subclass, limit, n)
		}
		c.after(20 * time.Millisecond)
	}
	return time.Since(begin)
}

// within demands that something took want, a frame or two more at most.
func (c *call) within(what string, got, want time.Duration) {
	c.Helper()
	if got < want-20*time.Millisecond || got > want+60*time.Millisecond {
		c.Errorf("%s after %v, want %v", what, got, want)
	}
}

// answers is a whole response, sent as fast as can be.
func (c *call) answers(conn *fakeConn, id string, d time.Duration) {
	conn.responds(id)
	conn.speaks(id, tone(d))
	conn.done(id)
	synctest.Wait()
}

// voice lets the caller make a sound for d.
func (c *call) voice(d time.Duration) {
	for range d / (20 * time.Millisecond) {
		frame := make([]int16, c.host.rings.rateHz/50)
		for i := range frame {
			frame[i] = int16(6000 - 12000*(i/8%2))
		}
		c.host.rings.give(frame)
		c.after(20 * time.Millisecond)
	}
}

// quiet lets the caller's phone send silence for d.
func (c *call) quiet(d time.Duration) {
	for range d / (20 * time.Millisecond) {
		c.host.rings.give(make([]int16, c.host.rings.rateHz/50))
		c.after(20 * time.Millisecond)
	}
}

const detecting = `{"type":"session.created","session":{"id":"s","audio":{"input":{"turn_detection":{"type":"server_vad"}}}}}`

// openIdle opens a call whose server detects the caller's turns.
func openIdle(t *testing.T, variables map[string]string) (*call, *fakeConn) {
	c := newCall(t, variables)
	c.start()
	conn := c.conns[0]
	conn.says(detecting)
	synctest.Wait()
	return c, conn
}

func speechStarts(conn *fakeConn) {
	conn.says(`{"type":"input_audio_buffer.speech_started","item_id":"u"}`)
}
func speechStops(conn *fakeConn) {
	conn.says(`{"type":"input_audio_buffer.speech_stopped","item_id":"u"}`)
}

// asked are the instructions of the responses that were asked for.
func (c *fakeConn) asked() (texts []string) {
	for _, msg := range c.of("response.create") {
		texts = append(texts, gjson.Get(msg, "response.instructions").Str)
	}
	return texts
}

var idleTexts = map[string]string{"STREAM_IDLE_TIMEOUT": "10", "STREAM_IDLE_PROMPT": "Hello?", "STREAM_GOODBYE": "Bye."}

// with is idleTexts with more variables, names and values.
func with(more ...string) map[string]string {
	v := map[string]string{}
	for name, value := range idleTexts {
		v[name] = value
	}
	for i := 0; i < len(more); i += 2 {
		v[more[i]] = more[i+1]
	}
	return v
}

// A caller who says nothing is asked twice, each time counted from the last sample that was heard although all of it came at
// once, then told goodbye; the stream ends when that has been heard.
func TestIdle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, conn := openIdle(t, idleTexts)
		c.answers(conn, "A", 5*time.Second)
		c.within("asked", c.until("idle", 1, time.Minute), 15*time.Second)
		c.answers(conn, "B", 2*time.Second)
		c.within("asked again", c.until("idle", 2, time.Minute), 12*time.Second)
		c.answers(conn, "C", time.Second)
		c.within("told goodbye", c.until("idle", 3, time.Minute), 11*time.Second)
		c.answers(conn, "D", 7*time.Second)
		c.within("ended", c.until("end", 1, time.Minute), 7*time.Second)
		c.wantHeard(15 * time.Second)
		if got, want := c.host.of("idle"), []string{`{"count":1}`, `{"count":2}`, `{"count":2,"goodbye":true}`}; !slices.Equal(got, want) {
			t.Errorf("idle events %q, want %q", got, want)
		}
		asked := conn.asked()
		for i, want := range []string{"\nHello?", "\nHello?", "\nBye."} {
			if i >= len(asked) || !strings.HasSuffix(asked[i], want) {
				t.Errorf("asked for %q, want number %d to end in %q", asked, i, want)
			}
		}
		c.wantEnd("idle", map[string]int{"connect": 1, "disconnect": 1})
	})
}

// A key counts as a word, whatever becomes of it, also during the goodbye.
func TestIdleCallerPressesKeys(t *testing.T) {
	for _, mode := range []string{"event", "off"} {
		t.Run(mode, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c, conn := openIdle(t, with("STREAM_DTMF", mode, "STREAM_IDLE_MAX", "1"))
				c.after(6 * time.Second)
				c.host.rings.press('1')
				c.within("asked after a key", c.until("idle", 1, time.Minute), 10*time.Second)
				c.answers(conn, "A", time.Second)
				c.within("told goodbye", c.until("idle", 2, time.Minute), 11*time.Second)
				conn.responds("B")
				conn.speaks("B", tone(5*time.Second))
				c.after(time.Second)
				c.host.rings.press('1')
				conn.done("B")
				c.after(5 * time.Second)
				if ends := c.host.of("end"); len(ends) > 0 {
					t.Fatal("the stream has ended although the caller has pressed a key")
				}
				c.within("asked again", c.until("idle", 3, time.Minute), 9*time.Second)
				c.Command("call stop")
			})
		})
	}
}

// Without texts the model finds its own words, and calls no function. Without a goodbye the stream just ends.
func TestIdleInItsOwnWords(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, conn := openIdle(t, map[string]string{"STREAM_IDLE_TIMEOUT": "5", "STREAM_IDLE_MAX": "1"})
		c.within("asked", c.until("idle", 1, time.Minute), 5*time.Second)
		for _, msg := range conn.of("response.create") {
			if !strings.Contains(gjson.Get(msg, "response.instructions").Str, "still there") || gjson.Get(msg, "response.tool_choice").Str != "none" {
				t.Errorf("asked for %s", msg)
			}
		}
		c.answers(conn, "A", time.Second)
		c.within("ended", c.until("end", 1, time.Minute), 6*time.Second)
		if got := len(conn.of("response.create")); got != 1 {
			t.Errorf("%d responses asked for, want one", got)
		}
		c.wantEnd("idle", map[string]int{"connect": 1, "disconnect": 1})
	})
}

// A word of the caller's begins the silence anew, and the count of the prompts.
func TestIdleCallerSpeaks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, conn := openIdle(t, idleTexts)
		c.until("idle", 1, time.Minute)
		c.answers(conn, "A", time.Second)
		c.after(8 * time.Second)
		speechStarts(conn)
		c.voice(6 * time.Second) // more than what is left
		speechStops(conn)
		c.answers(conn, "B", 3*time.Second)
		c.within("asked", c.until("idle", 2, time.Minute), 13*time.Second)
		if got := c.host.of("idle")[1]; got != `{"count":1}` {
			t.Errorf("idle event %s, want the first of a new count", got)
		}
		c.Command("call stop")
	})
}

// A caller whose answer the server takes its time for waits, and is not asked.
func TestIdleAnswerDue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, conn := openIdle(t, with("STREAM_IDLE_TIMEOUT", "2"))
		speechStarts(conn)
		c.voice(time.Second)
		speechStops(conn)
		c.after(4 * time.Second)
		conn.responds("A")
		c.after(15 * time.Second) // it reasons
		if got := c.host.of("idle"); len(got) > 0 {
			t.Errorf("asked while an answer was due: %q", got)
		}
		conn.speaks("A", tone(time.Second))
		conn.done("A")
		c.within("asked", c.until("idle", 1, time.Minute), 3*time.Second)
		c.Command("call stop")
	})
}

// noises are so many turns in a row that only the server hears that the next one is not believed.
func (c *call) noises(conn *fakeConn) {
	for range maxUnheard {
		speechStarts(conn)
		speechStops(conn)
		synctest.Wait()
	}
	c.after(answerWait)
}

// answerWait is how long an answer to the caller's words may be due.
const answerWait = 5 * time.Second

// A caller whom only the server hears is not left: for a time.
func TestIdleLowVoice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, conn := openIdle(t, with("STREAM_IDLE_MAX", "1"))
		c.until("idle", 1, time.Minute)
		c.answers(conn, "A", time.Second)
		c.after(6 * time.Second)
		speechStarts(conn)
		c.quiet(15 * time.Second) // longer than the timeout
		speechStops(conn)
		c.answers(conn, "B", 3*time.Second)
		c.within("told goodbye", c.until("idle", 2, time.Minute), 13*time.Second)
		c.answers(conn, "C", 3*time.Second)
		c.after(time.Second)
		speechStarts(conn)
		c.quiet(8 * time.Second) // longer than a goodbye is waited for
		speechStops(conn)
		c.answers(conn, "D", 3*time.Second)
		c.after(12 * time.Second)
		if got := c.host.of("end"); len(got) > 0 {
			t.Errorf("left: %q", got)
		}
		c.Command("call stop")
	})
}

// A word that both hear makes the server believed again.
func TestIdleBelievedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, conn := openIdle(t, idleTexts)
		c.noises(conn)
		speechStarts(conn)
		c.voice(time.Second)
		c.quiet(100 * time.Millisecond) // what a resampler holds back of the voice is out
		speechStops(conn)
		c.answers(conn, "A", time.Second)
		c.after(9 * time.Second)
		speechStarts(conn)
		c.quiet(time.Second)
		speechStops(conn)
		c.answers(conn, "B", 2*time.Second)
		c.within("asked", c.until("idle", 1, time.Minute), 12*time.Second)
		c.Command("call stop")
	})
}

// What only one of the two detectors takes for a voice, again and again, is a noise: it ends no silence, nor does what the
// model says to it.
func TestIdleNoise(t *testing.T) {
	t.Run("the server's", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			c, conn := openIdle(t, idleTexts)
			c.noises(conn)
			c.after(6 * time.Second)
			speechStarts(conn)
			c.quiet(time.Second)
			speechStops(conn)
			c.answers(conn, "A", 3*time.Second)
			c.within("asked", c.until("idle", 1, time.Minute), 6*time.Second)
			c.Command("call stop")
		})
	})
	t.Run("the server's, without an end", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			c, conn := openIdle(t, idleTexts)
			c.after(time.Second)
			speechStarts(conn)
			c.within("asked", c.until("idle", 1, time.Minute), maxUnheardTurn+10*time.Second)
			c.Command("call stop")
		})
	})
	t.Run("the server's, without an end, once more", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			c, conn := openIdle(t, idleTexts)
			c.noises(conn)
			c.after(time.Second)
			speechStarts(conn)
			c.within("asked", c.until("idle", 1, time.Minute), 9*time.Second)
			c.Command("call stop")
		})
	})
	t.Run("the server's, again and again", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			c, conn := openIdle(t, idleTexts)
			c.noises(conn)
			for range 5 {
				if got := c.host.of("idle"); len(got) > 0 {
					t.Fatalf("asked too early: %q", got)
				}
				speechStarts(conn)
				c.quiet(time.Second)
				speechStops(conn)
				c.quiet(time.Second)
			}
			c.within("asked", c.until("idle", 1, time.Minute), 0)
			c.Command("call stop")
		})
	})
	t.Run("the server's, after the module's", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			c, conn := openIdle(t, idleTexts)
			c.noises(conn)
			c.voice(time.Second)
			c.quiet(4 * time.Second)
			speechStarts(conn)
			c.quiet(time.Second)
			speechStops(conn)
			c.within("asked", c.until("idle", 1, time.Minute), 4*time.Second)
			c.Command("call stop")
		})
	})
	t.Run("once", func(t *testing.T) { // and then the model says something for another reason
		synctest.Test(t, func(t *testing.T) {
			c, conn := openIdle(t, idleTexts)
			c.noises(conn)
			speechStarts(conn)
			speechStops(conn)
			c.answers(conn, "A", time.Second)
			c.after(6 * time.Second)
			c.answers(conn, "B", 2*time.Second)
			c.within("asked", c.until("idle", 1, time.Minute), 12*time.Second)
			c.Command("call stop")
		})
	})
	t.Run("the module's", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			c, _ := openIdle(t, idleTexts)
			c.after(6 * time.Second)
			c.voice(time.Second)
			c.within("asked", c.until("idle", 1, time.Minute), 3*time.Second)
			c.Command("call stop")
		})
	})
}

// A server that detects no turns says nothing of the caller's voice: the module's detector is all there is.
func TestIdleWithoutDetection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCall(t, idleTexts)
		conn := c.open()
		conn.says(`{"type":"session.updated","session":{"turn_detection":null}}`)
		c.after(6 * time.Second)
		c.voice(2 * time.Second)
		c.within("asked", c.until("idle", 1, time.Minute), 10*time.Second)
		c.answers(conn, "A", time.Second)
		c.until("idle", 2, time.Minute)
		if got := c.host.of("idle")[1]; got != `{"count":2}` {
			t.Errorf("idle event %s: a voice counted twice", got)
		}
		c.Command("call stop")
	})
}

// The silence does not count while the caller can't be expected to say anything.
func TestIdleStopped(t *testing.T) {
	for name, test := range map[string]struct{ begin, end func(*call) }{
		"paused":  {func(c *call) { c.Command("call pause") }, func(c *call) { c.Command("call resume") }},
		"muted":   {func(c *call) { c.Command("call mute") }, func(c *call) { c.Command("call unmute") }},
		"on hold": {func(c *call) { c.host.rings.phoneHolds(true) }, func(c *call) { c.host.rings.phoneHolds(false) }},
		"reconnecting": {func(c *call) { c.conns[0].closed(1006, "") }, func(c *call) {
			c.attempt(1).says(detecting)
			synctest.Wait()
		}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c, _ := openIdle(t, idleTexts)
				c.after(5 * time.Second)
				test.begin(c)
				if name == "reconnecting" {
					c.after(time.Second)
				} else {
					c.after(30 * time.Second)
				}
				if got := c.host.of("idle"); len(got) > 0 {
					t.Errorf("asked meanwhile: %q", got)
				}
				test.end(c)
				// It is looked once a second whether a hold is over.
				if took := c.until("idle", 1, time.Minute); took < 9980*time.Millisecond || took > 11060*time.Millisecond {
					t.Errorf("asked %v after, want 10 s", took)
				}
				c.Command("call stop")
			})
		})
	}
}

// A goodbye that does not come is not waited for.
func TestIdleGoodbyeNeverComes(t *testing.T) {
	for name, test := range map[string]struct {
		says func(*fakeConn)
		want time.Duration
	}{
		"no response":            {func(*fakeConn) {}, goodbyeWait},
		"no audio":               {func(c *fakeConn) { c.responds("A") }, goodbyeWait},
		"a response of nothing":  {func(c *fakeConn) { c.responds("A"); c.done("A") }, goodbyeWait},
		"no end":                 {func(c *fakeConn) { c.responds("A"); c.speaks("A", tone(time.Minute)) }, maxGoodbye},
		"audio, and then no end": {func(c *fakeConn) { c.responds("A"); c.speaks("A", tone(2*time.Second)) }, 2*time.Second + goodbyeWait},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c, conn := openIdle(t, with("STREAM_IDLE_MAX", "0"))
				c.within("told goodbye", c.until("idle", 1, time.Minute), 10*time.Second)
				test.says(conn)
				synctest.Wait()
				c.within("ended", c.until("end", 1, time.Minute), test.want)
				c.wantEnd("idle", map[string]int{"connect": 1, "disconnect": 1})
			})
		})
	}
}

// A caller who speaks during the goodbye is back in the conversation.
func TestIdleBackDuringGoodbye(t *testing.T) {
	for name, test := range map[string]struct {
		barge string
		early time.Duration // the module hears the caller so much earlier than the server does
	}{
		"interrupts":             {"on", 200 * time.Millisecond},
		"the server hears first": {"on", -200 * time.Millisecond},
		"does not interrupt":     {"off", 200 * time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c, conn := openIdle(t, with("STREAM_IDLE_MAX", "0", "STREAM_BARGE_IN", test.barge))
				conn.says(strings.Replace(detecting, "created", "updated", 1)) // with off it is waited for
				synctest.Wait()
				c.until("idle", 1, time.Minute)
				c.answers(conn, "A", 7*time.Second)
				c.after(2 * time.Second)
				c.voice(test.early)
				speechStarts(conn)
				c.quiet(-test.early)
				c.voice(time.Second)
				speechStops(conn)
				c.answers(conn, "B", 2*time.Second)
				c.after(11 * time.Second)
				if got := c.host.of("end"); len(got) > 0 {
					t.Fatalf("ended although the caller was back: %q", got)
				}
				c.until("idle", 2, time.Minute)
				c.Command("call stop")
				c.wantEnd("stop", map[string]int{"connect": 1, "disconnect": 1})
			})
		})
	}
}

// A noise during the goodbye, which silences it, keeps nobody in the line.
func TestIdleNoiseDuringGoodbye(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, conn := openIdle(t, with("STREAM_IDLE_MAX", "0"))
		c.noises(conn)
		c.until("idle", 1, time.Minute)
		c.answers(conn, "A", 7*time.Second)
		c.after(2 * time.Second)
		speechStarts(conn)
		c.quiet(time.Second)
		speechStops(conn)
		synctest.Wait()
		if took := c.until("end", 1, time.Minute); took > goodbyeWait {
			t.Errorf("ended %v after the noise", took)
		}
		c.wantEnd("idle", map[string]int{"connect": 1, "disconnect": 1})
	})
}

// Off unless it is asked for.
func TestIdleOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, _ := openIdle(t, nil)
		c.after(5 * time.Minute)
		if got := c.host.of("idle"); len(got) > 0 {
			t.Errorf("idle events %q", got)
		}
		c.Command("call stop")
	})
}
