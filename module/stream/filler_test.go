package stream

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tidwall/gjson"
)

// Schedules of a filler, in ms, and what it does in them.
func TestFiller(t *testing.T) {
	type step struct {
		at      int
		is      silence
		runs    string // the function "f" begins, with this filler after a second; "-": with none
		ends    bool   // it ends
		another string // the same, of the function "g"
	}
	waits, busy, speaks, nothing := silence{true, true, true}, silence{false, true, true}, silence{true, false, true}, silence{canSay: true, quiet: true}
	for name, test := range map[string]struct {
		slow  string // after 1.5 s
		steps []step
		want  string
	}{
		"a slow answer":       {"music", []step{{at: 0, is: waits}, {at: 4000, is: nothing}}, "1500 begin music, 4000 end music"},
		"an answer in time":   {"music", []step{{at: 0, is: waits}, {at: 1400, is: nothing}, {at: 9000, is: nothing}}, ""},
		"no filler":           {"", []step{{at: 0, is: waits}, {at: 9000, is: nothing}}, ""},
		"a slow function":     {"", []step{{at: 0, is: busy, runs: "tick"}, {at: 3000, is: nothing, ends: true}}, "1000 begin tick, 3000 end tick"},
		"a fast function":     {"", []step{{at: 0, is: busy, runs: "tick"}, {at: 900, is: nothing, ends: true}}, ""},
		"its own filler":      {"music", []step{{at: 0, is: waits}, {at: 200, is: busy, runs: "tick"}, {at: 9000, is: nothing, ends: true}}, "1200 begin tick, 9000 end tick"},
		"none of its own":     {"music", []step{{at: 0, is: waits}, {at: 200, is: busy, runs: "-"}, {at: 9000, is: nothing, ends: true}}, "1500 begin music, 9000 end music"},
		"the answer after it": {"", []step{{at: 0, is: busy, runs: "tick"}, {at: 2000, is: waits, ends: true}, {at: 3000, is: nothing}}, "1000 begin tick, 3000 end tick"},
		"one for two functions": {"", []step{{at: 0, is: busy, runs: "tick"}, {at: 2000, is: waits, ends: true}, {at: 2500, is: busy, another: "tock"},
			{at: 9000, is: busy, runs: "tick"}, {at: 9900, is: busy, ends: true}}, "1000 begin tick"},
		"the second one's, if the first has none": {"", []step{{at: 0, is: busy, runs: "-"}, {at: 100, is: busy, another: "tock"}, {at: 9000, is: busy}},
			"1100 begin tock"},
		"a wait of its own after an answer": {"", []step{{at: 0, is: busy, runs: "tick"}, {at: 2000, is: nothing, ends: true}, {at: 3000, is: busy, runs: "tick"},
			{at: 9000, is: busy}}, "1000 begin tick, 2000 end tick, 4000 begin tick"},
		"silence counts, not the wait": {"music", []step{{at: 0, is: speaks}, {at: 3000, is: waits}, {at: 4000, is: speaks}, {at: 5000, is: waits}, {at: 9000, is: waits}},
			"6500 begin music"},
		"noise does not end it":            {"music", []step{{at: 0, is: waits}, {at: 2000, is: speaks}, {at: 3000, is: waits}, {at: 9000, is: nothing}}, "1500 begin music, 9000 end music"},
		"said once":                        {"say:One moment.", []step{{at: 0, is: waits}, {at: 2000, is: speaks}, {at: 3000, is: waits}, {at: 9000, is: waits}}, "1500 begin say:One moment."},
		"nothing to say":                   {"say: ", []step{{at: 0, is: waits}, {at: 9000, is: nothing}}, ""},
		"said when the connection is back": {"say:Hm.", []step{{at: 0, is: silence{true, true, false}}, {at: 3000, is: waits}, {at: 4000, is: waits}}, "3000 begin say:Hm."},
	} {
		t.Run(name, func(t *testing.T) {
			f := filler{slow: fill{test.slow, 1500 * time.Millisecond}}
			var got []string
			zero := time.Unix(0, 0)
			tick := func(is silence, now time.Time) {
				do := f.tick(is, now)
				at := now.Sub(zero).Milliseconds()
				if do.end.what != "" {
					got = append(got, fmt.Sprint(at, " end ", do.end.what))
				}
				if do.begin.what != "" {
					got = append(got, fmt.Sprint(at, " begin ", do.begin.what))
				}
			}
			var is silence
			for _, s := range test.steps {
				now := zero.Add(time.Duration(s.at) * time.Millisecond)
				for !f.dueAt.IsZero() && f.dueAt.Before(now) {
					tick(is, f.dueAt)
				}
				is = s.is
				for id, what := range map[string]string{"f": s.runs, "g": s.another} {
					if what != "" {
						f.functionRuns(id, strings.TrimPrefix(what, "-"), time.Second, now)
					}
				}
				if s.ends {
					f.functionEnds("f")
				}
				tick(is, now)
			}
			if got := strings.Join(got, ", "); got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

// afterASecond is between two frames: what is due then is heard from the next one on.
const afterASecond = 1010 * time.Millisecond

// fillerCall is a call with this filler for slow answers, after a second, whose caller has just said something.
func fillerCall(t *testing.T, what string) (*call, *fakeConn) {
	c, conn := soundCall(t, map[string]string{"STREAM_FILLER": what, "STREAM_FILLER_AFTER": "1010"},
		map[string]fakeSound{"tick.wav": {rest: loud8(2 * time.Second)}, "hold.wav": {rest: loud8(time.Second)}})
	conn.says(`{"type":"input_audio_buffer.speech_started"}`)
	conn.says(`{"type":"input_audio_buffer.speech_stopped"}`)
	synctest.Wait()
	return c, conn
}

// An answer that takes its time: the filler is heard after a second of silence, and up to the answer's first sample, which is
// heard when it would have been. Only the answer is counted.
func TestSlowAnswerIsFilled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, conn := fillerCall(t, "tick.wav")
		c.after(100 * time.Millisecond)
		conn.responds("A")
		c.after(900 * time.Millisecond)
		c.wantHeard(0)
		c.after(2 * time.Second)
		c.wantHeard(2 * time.Second)
		c.wantNothingSaid()
		conn.speaks("A", tone(time.Second))
		conn.done("A")
		c.after(60 * time.Millisecond)
		if n := len(c.host.of("openai_speech_start")); n != 1 {
			t.Error("the answer has not begun")
		}
		c.after(2 * time.Second)
		c.wantHeard(3 * time.Second)
		turn := c.host.of("turn")[0]
		if at := gjson.Get(turn, "first_play_ms").Int(); at < 3000 || at > 3060 {
			t.Errorf("first_play_ms %d, want 3000", at)
		}
		if n := gjson.Get(turn, "played_ms").Int(); n < 990 || n > 1000 {
			t.Errorf("played_ms %d, want 1000", n)
		}
		if got := conn.of("response.cancel", "response.create", "conversation.item.truncate"); len(got) > 0 {
			t.Errorf("sent %q", got)
		}
		c.wantSoundsClosed(2)
	})
}

func (c *call) wantNothingSaid() {
	c.Helper()
	for _, subclass := range []string{"openai_speech_start", "turn", "truncated"} {
		if got := c.host.of(subclass); len(got) > 0 {
			c.Errorf("%s events: %q", subclass, got)
		}
	}
}

// The filler ends with the wait, whatever ends it.
func TestFillerEndsWithTheWait(t *testing.T) {
	for name, end := range map[string]func(c *call, conn *fakeConn){
		"interrupted":       func(c *call, _ *fakeConn) { c.Command("call interrupt") },
		"an answer as text": func(_ *call, conn *fakeConn) { conn.done("A") },
		"a muted answer": func(c *call, conn *fakeConn) {
			c.Command("call mute openai")
			conn.speaks("A", tone(time.Second))
		},
		"the caller goes on": func(_ *call, conn *fakeConn) { conn.says(`{"type":"input_audio_buffer.speech_started"}`) },
		"the server closes":  func(_ *call, conn *fakeConn) { conn.closed(1000, "") },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c, conn := fillerCall(t, "tick.wav")
				conn.responds("A")
				c.after(2 * time.Second)
				c.wantHeard(time.Second)
				end(c, conn)
				c.after(2 * time.Second)
				c.wantHeard(time.Second)
				c.wantSoundsClosed(1)
			})
		})
	}
}

// One filler fills the time of a function, of the answer to it, and of the next function. It is not begun again.
func TestFillerOfFunctions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, conn := soundCall(t, nil, map[string]fakeSound{"tick.wav": {rest: loud8(time.Hour)}, "tock.wav": {rest: loud8(time.Hour)}})
		c.own(func(s *Stream, now time.Time) { s.filler.functionRuns("1", "tick.wav", afterASecond, now) })
		c.after(2 * time.Second)
		c.own(func(s *Stream, now time.Time) {
			s.filler.functionEnds("1")
			_, _ = s.client("", now, []byte(`{"type":"response.create"}`))
		})
		c.after(500 * time.Millisecond)
		conn.responds("A")
		c.after(500 * time.Millisecond)
		conn.done("A")
		c.own(func(s *Stream, now time.Time) { s.filler.functionRuns("2", "tock.wav", afterASecond, now) })
		c.Command("call interrupt")
		c.after(2 * time.Second)
		c.wantHeard(4 * time.Second)
		c.own(func(s *Stream, _ time.Time) { s.filler.functionEnds("2") })
		c.after(time.Second)
		c.wantHeard(4 * time.Second)
		c.wantSoundsClosed(1)
	})
}

// Hold music is no filler: it keeps one from beginning, and the end of a wait leaves it.
func TestFillerLeavesHoldMusic(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, conn := fillerCall(t, "tick.wav")
		conn.responds("A")
		c.after(1500 * time.Millisecond)
		c.own(func(s *Stream, _ time.Time) { s.startLoop("hold.wav") })
		c.after(time.Second)
		conn.done("A")
		c.after(time.Second)
		c.wantHeard(2500 * time.Millisecond)
		conn.says(`{"type":"input_audio_buffer.speech_stopped"}`)
		c.after(2 * time.Second)
		c.wantHeard(4500 * time.Millisecond)
		if got := strings.Join(c.host.done, ""); strings.Count(got, "tick.wav") != 1 {
			t.Errorf("done %q, want the filler once", got)
		}
		c.Command("call stop")
		c.Close(time.Second)
		time.Sleep(time.Second)
		synctest.Wait()
	})
}

const filled = `"conversation":"none"`

// saying is the event that asks for a spoken filler, which must have been sent n times.
func (c *call) saying(conn *fakeConn, n int) (msg string) {
	c.Helper()
	count := 0
	for _, m := range conn.of("response.create") {
		if strings.Contains(m, filled) {
			msg = m
			count++
		}
	}
	if count != n {
		c.Errorf("asked for %d spoken fillers, want %d: %q", count, n, conn.of("response.create"))
	}
	return msg
}

const fillerCreated = `{"type":"response.created","response":{"id":"F","conversation_id":null}}`

// A filler that is spoken is no part of the conversation, is said once, and is heard to its end; the answer follows.
func TestSpokenFiller(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, conn := fillerCall(t, "say: One moment. ")
		conn.responds("A")
		c.after(1100 * time.Millisecond)
		msg := c.saying(conn, 1)
		if got := gjson.Get(msg, "response.instructions").Str; !strings.HasSuffix(got, "\nOne moment.") || gjson.Get(msg, "response.input").Raw != "[]" {
			t.Errorf("sent %s", msg)
		}
		conn.says(fillerCreated)
		conn.speaks("F", tone(time.Second))
		conn.says(`{"type":"response.done","response":{"id":"F","conversation_id":null,"status":"completed"}}`)
		c.after(500 * time.Millisecond)
		conn.speaks("A", tone(time.Second))
		conn.done("A")
		c.after(2 * time.Second)
		c.wantHeard(2 * time.Second)
		c.saying(conn, 1)
		if got := conn.of("response.cancel", "conversation.item.truncate"); len(got) > 0 {
			t.Errorf("sent %q", got)
		}
		turns := c.host.of("turn")
		if len(turns) != 2 || gjson.Get(turns[0], "first_play_ms").Exists() || gjson.Get(turns[1], "first_play_ms").Int() < 2000 {
			t.Errorf("turns %q, want the filler's without times, and the answer's", turns)
		}
		c.Command("call stop")
		c.Close(time.Second)
		if n := c.host.rings.totals.AnsweredTurns; n != 1 {
			t.Errorf("%d answered turns, want 1", n)
		}
	})
}

// It is cut when the caller interrupts, but the server knows no item of it that could be truncated.
func TestSpokenFillerIsInterrupted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, conn := fillerCall(t, "say:One moment.")
		c.after(1100 * time.Millisecond)
		conn.says(fillerCreated)
		conn.speaks("F", tone(time.Second))
		c.after(500 * time.Millisecond)
		conn.says(`{"type":"input_audio_buffer.speech_started"}`)
		c.after(time.Second)
		if heard := c.heardFor(); heard > 600*time.Millisecond {
			t.Errorf("heard %v, want half a second", heard)
		}
		if got := conn.of("conversation.item.truncate"); len(got) > 0 {
			t.Errorf("sent %q", got)
		}
		c.Command("call stop")
		c.Close(time.Second)
	})
}

// One that comes after the answer it was to fill the time for is not heard.
func TestSpokenFillerThatIsLate(t *testing.T) {
	for name, created := range map[string]bool{"before it is created": false, "before it speaks": true} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c, conn := fillerCall(t, "say:One moment.")
				conn.responds("A")
				c.after(1100 * time.Millisecond)
				if c.saying(conn, 1); created {
					conn.says(fillerCreated)
				}
				conn.speaks("A", tone(time.Second))
				synctest.Wait()
				if !created {
					conn.says(fillerCreated)
				}
				conn.speaks("F", tone(time.Second))
				conn.done("A")
				c.after(3 * time.Second)
				c.wantHeard(time.Second)
				if got := conn.of("response.cancel"); len(got) != 1 || gjson.Get(got[0], "response_id").Str != "F" {
					t.Errorf("sent %q, want the filler's cancellation", got)
				}
				c.Command("call stop")
				c.Close(time.Second)
			})
		})
	}
}
