package stream

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tidwall/gjson"

	"mod_openai_audio_stream/module/command"
)

// press has the caller press keys, one each 200 ms.
func (c *call) press(digits string) {
	for _, digit := range []byte(digits) {
		c.host.rings.press(digit)
		c.after(200 * time.Millisecond)
	}
}

func (c *call) wantKeys(want ...string) {
	c.Helper()
	if got := c.host.of("dtmf"); !slices.Equal(got, want) {
		c.Errorf("dtmf events %q, want %q", got, want)
	}
}

// actions are what was done with the call.
func (h *fakeHost) actions() []string {
	h.fakeActions.mu.Lock()
	defer h.fakeActions.mu.Unlock()
	return slices.Clone(h.done)
}

// pressed is the model's item of keys, and the request for an answer to it.
const pressed = `[The caller pressed the keys: 1 2 3 4]`

// In each mode 1234# does what the mode says, and nothing else.
func TestKeyModes(t *testing.T) {
	for mode, want := range map[string]struct {
		event string
		model bool
	}{
		"event": {event: `{"digits":"1234","count":4,"ended_by":"terminator","masked":false}`},
		"model": {event: `{"digits":"1234","count":4,"ended_by":"terminator","masked":false}`, model: true},
		"mask":  {event: `{"digits":"","count":4,"ended_by":"terminator","masked":true}`},
		"off":   {},
	} {
		for _, by := range []string{"variable", "command"} {
			t.Run(mode+" by "+by, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					variables := map[string]string{}
					if by == "variable" {
						variables["STREAM_DTMF"] = mode
					}
					c := newCall(t, variables)
					conn := c.open()
					if by == "command" {
						if reply := c.Command("call dtmf " + mode); reply != "+OK dtmf "+mode {
							t.Fatal(reply)
						}
					}
					conn.responds("A")
					conn.speaks("A", tone(3*time.Second))
					c.after(time.Second)
					c.press("1234#")
					if want.event != "" {
						c.wantKeys(want.event)
					} else {
						c.wantKeys()
					}
					var sent []string
					for _, msg := range conn.of("conversation.item.create", "response.create", "response.cancel") {
						sent = append(sent, gjson.Get(msg, "type").Str+gjson.Get(msg, "item.content.0.text").Str)
					}
					heard := c.heardFor()
					if !want.model && (len(sent) > 0 || heard < 1900*time.Millisecond) {
						t.Errorf("the model, heard for %v, was told %q", heard, sent)
					}
					if want.model && (heard < 900*time.Millisecond || heard > 1100*time.Millisecond) {
						t.Errorf("the model was heard for %v, want a second: the first key interrupts", heard)
					}
					conn.says(`{"type":"response.done","response":{"id":"A","status":"cancelled"}}`)
					c.after(time.Second)
					for _, msg := range conn.of("response.create") {
						sent = append(sent, gjson.Get(msg, "type").Str)
					}
					if want := []string{"response.cancel", "conversation.item.create" + pressed, "response.create"}; mode == "model" && !slices.Equal(sent, want) {
						t.Errorf("sent %q, want %q", sent, want)
					}
					c.after(5 * time.Second)
					c.Command("call stop")
					c.Close(time.Second)
					if n := len(c.host.of("dtmf")); n > 1 {
						t.Errorf("%d dtmf events", n)
					}
				})
			})
		}
	}
}

// What ends a series.
func TestKeySeries(t *testing.T) {
	body := func(digits, endedBy string) string {
		return fmt.Sprintf(`{"digits":%q,"count":%d,"ended_by":%q,"masked":false}`, digits, len(digits), endedBy)
	}
	for name, test := range map[string]struct {
		variables map[string]string
		run       func(*call)
		want      []string
	}{
		"the timeout between keys": {
			run: func(c *call) {
				c.press("12")
				c.after(2200 * time.Millisecond) // 2.4 s
				c.press("3")
				c.after(2200 * time.Millisecond)
				c.wantKeys()
				c.after(200 * time.Millisecond)
			},
			want: []string{body("123", "timeout")},
		},
		"another timeout": {
			variables: map[string]string{"STREAM_DTMF_TIMEOUT": "500"},
			run: func(c *call) {
				c.press("1")
				c.after(400 * time.Millisecond)
				c.press("2")
				c.after(400 * time.Millisecond)
			},
			want: []string{body("1", "timeout"), body("2", "timeout")},
		},
		"the length, and a terminator that belongs to it": {
			variables: map[string]string{"STREAM_DTMF_MAX": "3"},
			run:       func(c *call) { c.press("123#45"); c.after(3 * time.Second) },
			want:      []string{body("123", "max"), body("45", "timeout")},
		},
		"the length, and a terminator long after it": {
			variables: map[string]string{"STREAM_DTMF_MAX": "3"},
			run:       func(c *call) { c.press("123"); c.after(3 * time.Second); c.press("#") },
			want:      []string{body("123", "max"), body("", "terminator")},
		},
		"another terminator": {
			variables: map[string]string{"STREAM_DTMF_TERMINATOR": "*"},
			run:       func(c *call) { c.press("1#*") },
			want:      []string{body("1#", "terminator")},
		},
		"no terminator": {
			variables: map[string]string{"STREAM_DTMF_TERMINATOR": "none"},
			run:       func(c *call) { c.press("1#"); c.after(3 * time.Second) },
			want:      []string{body("1#", "timeout")},
		},
		"all keys, and what is none": {
			run:  func(c *call) { c.press("0123456789*abcdABCDwWF\x00\xff#") },
			want: []string{body("0123456789*ABCDABCD", "terminator")},
		},
		"the stream stops": {run: func(c *call) { c.press("12"); c.Command("call stop") }, want: []string{body("12", "stop")}},
		"the stream stops before the last key was taken": {
			run: func(c *call) {
				c.press("1")
				c.host.rings.mu.Lock()
				c.host.rings.keys = []Key{{Digit: '2'}} // without a bell
				c.host.rings.mu.Unlock()
				c.Command("call stop")
			},
			want: []string{body("12", "stop")},
		},
		"the caller is out": {run: func(c *call) { c.press("12"); c.hangUp() }, want: []string{body("12", "stop")}},
		"off": {
			run: func(c *call) {
				c.press("12")
				c.Command("call dtmf off")
				c.press("34#")
				c.Command("call dtmf event")
				c.press("56#")
			},
			want: []string{body("12", "stop"), body("56", "terminator")},
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := newCall(t, test.variables)
				c.open()
				test.run(c)
				synctest.Wait()
				c.wantKeys(test.want...)
				c.Close(time.Second)
			})
		})
	}
}

// A terminator alone is a key, too; keys while the connection comes back wait as other words do.
func TestKeysForTheModel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCall(t, map[string]string{"STREAM_DTMF": "model"})
		conn := c.open()
		c.press("#")
		conn.closed(1006, "lost")
		synctest.Wait()
		c.press("7#")
		next := c.reopen(1)
		c.after(time.Second)
		texts := func(conn *fakeConn) (texts []string) {
			for _, msg := range conn.of("conversation.item.create") {
				texts = append(texts, gjson.Get(msg, "item.content.0.text").Str)
			}
			return texts
		}
		if got, want := texts(conn), []string{"[The caller pressed the keys: #]"}; !slices.Equal(got, want) {
			t.Errorf("the model was told %q, want %q", got, want)
		}
		if got := texts(next); !slices.Contains(got, "[The caller pressed the keys: 7]") {
			t.Errorf("the next session was told %q", got)
		}
		c.Close(time.Second)
	})
}

// speak has the caller speak for d, and returns how much of it the server was not sent as silence; the time line is whole.
func (c *call) speak(conn *fakeConn, d time.Duration) (loud time.Duration) {
	c.Helper()
	before := len(conn.of("input_audio_buffer.append"))
	c.speakFor(d, true)
	sent := conn.of("input_audio_buffer.append")[before:]
	n := 0
	for _, msg := range sent {
		if strings.ContainsFunc(gjson.Get(msg, "audio").Str, func(r rune) bool { return r != 'A' && r != '=' }) {
			n++
		}
	}
	if all := time.Duration(len(sent)) * 20 * time.Millisecond; all < d-20*time.Millisecond || all > d+20*time.Millisecond {
		c.Errorf("%v of audio were sent for %v", all, d)
	}
	return time.Duration(n) * 20 * time.Millisecond
}

// While keys are masked the server hears silence: in a window throughout, with the variable alone from a key until the
// series is over. The tail of a tone is silence as well.
func TestMaskedAudio(t *testing.T) {
	const edge = 40 * time.Millisecond // a message, and what the resampler holds back
	wantLoud := func(c *call, conn *fakeConn, what string, d, want time.Duration) {
		c.Helper()
		if got := c.speak(conn, d); got < want-edge || got > want+edge {
			c.Errorf("%s: %v of %v were heard, want %v", what, got, d, want)
		}
	}
	synctest.Test(t, func(t *testing.T) {
		c := newCall(t, map[string]string{"STREAM_DTMF": "mask"})
		conn := c.open()
		wantLoud(c, conn, "before a key", time.Second, time.Second)
		c.host.rings.press('1')
		wantLoud(c, conn, "after a key", 2400*time.Millisecond, 0)
		c.host.rings.press('2')
		wantLoud(c, conn, "until the timeout, and a tail", 4*time.Second, 500*time.Millisecond)
		c.host.rings.press('#')
		wantLoud(c, conn, "after a terminator", 2*time.Second, time.Second)
		c.Close(time.Second)
	})
	synctest.Test(t, func(t *testing.T) {
		c := newCall(t, nil)
		conn := c.open()
		c.Command("call dtmf mask")
		wantLoud(c, conn, "in a window", 5*time.Second, 0)
		c.Command("call dtmf event")
		wantLoud(c, conn, "after it", 2*time.Second, time.Second)
		c.host.rings.press('1')
		wantLoud(c, conn, "a key", time.Second, time.Second)
		var ended bool
		c.own(func(s *Stream, now time.Time) {
			s.collect(&collection{keyRules: keyRules{4, "#", 3 * time.Second}, done: func(string, string, time.Time) { ended = true }}, now)
		})
		wantLoud(c, conn, "while keys are collected", 2900*time.Millisecond, 0)
		wantLoud(c, conn, "after the collection", 2*time.Second, 900*time.Millisecond)
		if !ended {
			t.Error("the collection goes on")
		}
		c.Close(time.Second)
	})
}

// With two channels of audio only the caller's is masked, and the callee stays beside it.
func TestMaskKeepsTheCallee(t *testing.T) {
	m := newMicrophone(command.Stereo, time.Minute)
	m.masked = true
	for range 50 {
		m.speak(repeat(5000, 160))
		m.answer(repeat(7000, 160))
		m.step(20 * time.Millisecond)
	}
	if caller, callee := count(m.pending, 5000), count(m.beside, 7000); caller != 0 || callee < 40*160 {
		t.Errorf("%d samples of the caller's, %d of the callee's", caller, callee)
	}
	if silence := samplesTime(uint64(len(m.pending)), 8000); silence < 900*time.Millisecond {
		t.Errorf("%v of silence for a second", silence)
	}
}

// FreeSWITCH's own variable is set for as long as keys are masked, and given its former value back: once it is answered to
// whoever asked for it.
func TestSensitiveVariable(t *testing.T) {
	const on = "set sensitive_dtmf true\n"
	for name, test := range map[string]struct {
		variables map[string]string
		run       func(*call)
		want      []string
	}{
		"by the variable, until the stream ends": {
			variables: map[string]string{"STREAM_DTMF": "mask"},
			run: func(c *call) {
				c.Command("call start ws://h/")
				if got := c.host.actions(); !slices.Equal(got, []string{on}) {
					c.Errorf("when start was answered: %q", got)
				}
				c.press("1#")
			},
			want: []string{on, "set sensitive_dtmf \n"},
		},
		"by the variable, until a command": {
			variables: map[string]string{"STREAM_DTMF": "mask", "sensitive_dtmf": "false"},
			run:       func(c *call) { c.open(); c.Command("call dtmf event"); c.press("1#") },
			want:      []string{on, "set sensitive_dtmf false\n"},
		},
		"by a command": {
			run: func(c *call) {
				c.open()
				c.Command("call dtmf mask")
				if got := c.host.actions(); !slices.Equal(got, []string{on}) {
					c.Errorf("when the command was answered: %q", got)
				}
				c.Command("call dtmf mask")
				c.Command("call dtmf model")
				c.Command("call dtmf mask")
			},
			want: []string{on, "set sensitive_dtmf \n", on, "set sensitive_dtmf \n"},
		},
		"for a collection": {
			run: func(c *call) {
				c.open()
				c.own(func(s *Stream, now time.Time) {
					s.collect(&collection{keyRules: keyRules{4, "#", time.Second}, done: func(string, string, time.Time) {}}, now)
				})
				c.press("12#34#")
			},
			want: []string{on, "set sensitive_dtmf \n"},
		},
		"somebody else's is left alone": {
			variables: map[string]string{"STREAM_DTMF": "mask"},
			run:       func(c *call) { c.open(); c.host.SetVariable("call", "sensitive_dtmf", "no") },
			want:      []string{on, "set sensitive_dtmf no\n"},
		},
		"not masked": {variables: map[string]string{"STREAM_DTMF": "model"}, run: func(c *call) { c.open(); c.press("1#") }},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := newCall(t, test.variables)
				test.run(c)
				c.Command("call stop")
				if got := c.host.actions(); !slices.Equal(got, test.want) {
					t.Errorf("set %q, want %q", got, test.want)
				}
				c.Close(time.Second)
			})
		})
	}
}

// A collection's digits are for its function alone, however it ends.
func TestCollect(t *testing.T) {
	type outcome struct{ digits, endedBy string }
	for name, test := range map[string]struct {
		run    func(*call)
		want   []outcome
		events []string
	}{
		"terminator": {
			run: func(c *call) { c.press("4929#") }, want: []outcome{{"4929", "terminator"}},
			events: []string{`{"digits":"","count":4,"ended_by":"terminator","masked":true}`},
		},
		"max, and its terminator": {
			run: func(c *call) { c.press("49291234#") }, want: []outcome{{"49291234", "max"}},
			events: []string{`{"digits":"","count":8,"ended_by":"max","masked":true}`},
		},
		"max, and its terminator, which is another one": {
			run: func(c *call) {
				c.own(func(s *Stream, _ time.Time) { s.keys.asked.terminator = "*" })
				c.press("49291234*")
				c.after(3 * time.Second)
			},
			want:   []outcome{{"49291234", "max"}},
			events: []string{`{"digits":"","count":8,"ended_by":"max","masked":true}`},
		},
		"timeout": {
			run: func(c *call) { c.press("49"); c.after(5 * time.Second) }, want: []outcome{{"49", "timeout"}},
			events: []string{`{"digits":"","count":2,"ended_by":"timeout","masked":true}`},
		},
		"nothing was pressed": {run: func(c *call) { c.after(6 * time.Second) }, want: []outcome{{"", "timeout"}}},
		"a terminator alone": {
			run: func(c *call) { c.press("#") }, want: []outcome{{"", "terminator"}},
			events: []string{`{"digits":"","count":0,"ended_by":"terminator","masked":true}`},
		},
		"cancelled": {
			run: func(c *call) {
				c.press("49")
				c.own(func(s *Stream, now time.Time) { s.cancelCollect(s.keys.asked, now) })
				c.after(6 * time.Second)
			},
			events: []string{`{"digits":"","count":2,"ended_by":"stop","masked":true}`},
		},
		"the stream ends": {
			run:    func(c *call) { c.press("49"); c.Command("call stop") },
			events: []string{`{"digits":"","count":2,"ended_by":"stop","masked":true}`},
		},
		"a command meanwhile": {
			run: func(c *call) { c.press("49"); c.Command("call dtmf off"); c.press("29#1#") }, want: []outcome{{"4929", "terminator"}},
			events: []string{`{"digits":"","count":4,"ended_by":"terminator","masked":true}`},
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := newCall(t, map[string]string{"STREAM_DTMF": "model"})
				conn := c.open()
				var got []outcome
				c.own(func(s *Stream, now time.Time) {
					ask := func() bool {
						return s.collect(&collection{
							keyRules: keyRules{8, "#", 5 * time.Second},
							done:     func(digits, endedBy string, _ time.Time) { got = append(got, outcome{digits, endedBy}) },
						}, now)
					}
					if !ask() || ask() {
						t.Error("want one collection at a time")
					}
				})
				test.run(c)
				c.Close(time.Second)
				c.wantKeys(test.events...)
				if !slices.Equal(got, test.want) {
					t.Errorf("collected %q, want %q", got, test.want)
				}
				if told := conn.of("conversation.item.create", "response.create", "response.cancel"); len(told) > 0 {
					t.Errorf("the model was told %q", told)
				}
				c.host.mu.Lock()
				defer c.host.mu.Unlock()
				for _, line := range c.host.logged {
					if strings.Contains(line, "4929") {
						t.Errorf("logged: %s", line)
					}
				}
			})
		})
	}
}

// The wait for the first key does not begin before the question has been heard.
func TestCollectWaitsForTheQuestion(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCall(t, nil)
		conn := c.open()
		conn.responds("A")
		conn.speaks("A", tone(8*time.Second))
		conn.done("A")
		synctest.Wait()
		ended := ""
		c.own(func(s *Stream, now time.Time) {
			s.collect(&collection{keyRules: keyRules{8, "#", 5 * time.Second}, done: func(_, endedBy string, _ time.Time) { ended = endedBy }}, now)
		})
		c.after(12 * time.Second)
		if ended != "" {
			t.Errorf("ended by %s, 4 s after the question", ended)
		}
		c.after(1500 * time.Millisecond)
		if ended != "timeout" {
			t.Errorf("ended by %q, 5.5 s after the question", ended)
		}
		c.Close(time.Second)
	})
}

// Who types while the question is asked hears it to its end: the model is not told of these keys, nor interrupted by them.
func TestCollectedKeysDoNotInterrupt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCall(t, map[string]string{"STREAM_DTMF": "model"})
		conn := c.open()
		conn.responds("A")
		conn.speaks("A", tone(3*time.Second))
		conn.done("A")
		c.own(func(s *Stream, now time.Time) {
			s.collect(&collection{keyRules: keyRules{8, "#", 5 * time.Second}, done: func(string, string, time.Time) {}}, now)
		})
		c.after(time.Second)
		c.press("4929#")
		c.after(3 * time.Second)
		c.wantHeard(3 * time.Second)
		c.Close(time.Second)
	})
}

// A key is activity, whatever becomes of it.
func TestKeysAreActivity(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCall(t, map[string]string{"STREAM_DTMF": "off"})
		c.open()
		c.after(time.Second)
		pressed := time.Now()
		c.press("5")
		c.own(func(s *Stream, _ time.Time) {
			if got := s.keys.last; !got.Equal(pressed) {
				t.Errorf("the last key was at %v, want %v", got, pressed)
			}
		})
		c.Close(time.Second)
	})
}
