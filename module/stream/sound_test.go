package stream

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tidwall/gjson"
)

// stream is the call's.
func (c *call) stream() *Stream {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.streams["call"]
}

// own has f done by the stream's owner.
func (c *call) own(f func(s *Stream, now time.Time)) {
	c.Helper()
	s := c.stream()
	if !s.own(func(now time.Time) { f(s, now) }) {
		c.Fatal("the stream has ended")
	}
	synctest.Wait()
}

// plays has sounds played, and returns what has become of each in the order in which that was told.
func (c *call) plays(paths ...string) *[]string {
	ends := new([]string)
	c.own(func(s *Stream, _ time.Time) {
		for _, path := range paths {
			s.playSound(path, func(err error, _ time.Time) { *ends = append(*ends, fmt.Sprint(path, ": ", err)) })
		}
	})
	return ends
}

func (c *call) wantEnds(got *[]string, want ...string) {
	c.Helper()
	if !slices.Equal(*got, want) {
		c.Errorf("ends %q, want %q", *got, want)
	}
}

// wantSoundsClosed demands that the call leaves no sound open.
func (c *call) wantSoundsClosed(opened int) {
	c.Helper()
	c.Close(time.Second)
	time.Sleep(time.Minute) // a read that is slow is waited for by nobody
	synctest.Wait()
	if a := &c.host.fakeActions; a.opened != opened || a.closed != opened {
		c.Errorf("%d sounds opened, %d closed, want %d", a.opened, a.closed, opened)
	}
}

// wantNothingCounted demands that the ledger knows of nothing heard.
func (c *call) wantNothingCounted() {
	c.Helper()
	status := c.Command("call status")
	for _, field := range []string{"audio_out_ms", "agent_waiting_ms", "agent_dropped_ms", "underruns", "turns", "interruptions"} {
		if n := gjson.Get(strings.TrimPrefix(status, "+OK "), field); !n.Exists() || n.Int() != 0 {
			c.Errorf("%s is %q in %s", field, n.Raw, status)
		}
	}
	for _, subclass := range []string{"openai_speech_start", "openai_speech_stop", "truncated", "turn", "error"} {
		if got := c.host.of(subclass); len(got) > 0 {
			c.Errorf("%s events: %q", subclass, got)
		}
	}
}

// loud8 is d of a sound at 8 kHz that never is silent.
func loud8(d time.Duration) []int16 { return repeat(5000, int(timeSamples(d, 8000))) }

var errDisk = errors.New("the disk is gone")

// soundCall is a call whose host has these sounds, after its channel has taken its first frames.
func soundCall(t *testing.T, variables map[string]string, sounds map[string]fakeSound) (*call, *fakeConn) {
	c := newCall(t, variables)
	c.host.played = sounds
	conn := c.open()
	c.after(40 * time.Millisecond)
	return c, conn
}

// Each way that a sound plays and ends. It is heard for as long as it should be, and nothing is counted.
func TestPlaySound(t *testing.T) {
	for name, test := range map[string]struct {
		sound fakeSound
		fail  error // of opening
		heard time.Duration
		end   string
	}{
		"heard":           {sound: fakeSound{rest: loud8(2 * time.Second)}, heard: 2 * time.Second, end: "<nil>"},
		"slow to open":    {sound: fakeSound{rest: loud8(time.Second), opening: 4 * time.Second}, heard: time.Second, end: "<nil>"},
		"slow to read":    {sound: fakeSound{rest: loud8(time.Second), reading: 3 * time.Second}, heard: time.Second, end: "<nil>"},
		"dry at first":    {sound: fakeSound{rest: loud8(time.Second), dry: 50}, heard: time.Second, end: "<nil>"},
		"empty":           {end: "<nil>"},
		"fails to open":   {fail: errDisk, end: `sound "a.wav": the disk is gone`},
		"fails to go on":  {sound: fakeSound{rest: loud8(time.Second), end: errDisk}, heard: time.Second, end: `sound "a.wav": the disk is gone`},
		"never opens":     {sound: fakeSound{opening: 30 * time.Second}, end: `sound "a.wav": no audio for 5s`},
		"has nothing":     {sound: fakeSound{starves: true}, end: `sound "a.wav": no audio for 5s`},
		"stalls for good": {sound: fakeSound{rest: loud8(400 * time.Millisecond), starves: true}, heard: 400 * time.Millisecond, end: `sound "a.wav": no audio for 5s`},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c, _ := soundCall(t, nil, map[string]fakeSound{"a.wav": test.sound})
				opened := 1
				if test.fail != nil {
					c.host.fail, opened = map[string]error{"open": test.fail}, 0
				}
				ends := c.plays("a.wav")
				c.after(20 * time.Second)
				c.wantEnds(ends, "a.wav: "+test.end)
				c.wantHeard(test.heard)
				c.wantNothingCounted()
				if got := c.host.done[0]; got != "open a.wav 8000\n" {
					t.Errorf("done: %q", got)
				}
				c.wantSoundsClosed(opened)
			})
		})
	}
}

// A long sound is not read faster than it is heard, but for a second.
func TestSoundIsReadAsItIsHeard(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, _ := soundCall(t, nil, map[string]fakeSound{"a.wav": {rest: loud8(time.Hour)}})
		c.plays("a.wav")
		for range 100 {
			c.after(100 * time.Millisecond)
			s := c.stream()
			if ahead := s.sounds[0].audio.ahead(); ahead > 500*time.Millisecond {
				t.Fatalf("%v ahead of the ring", ahead)
			}
		}
		c.wantHeard(10 * time.Second)
		c.wantSoundsClosed(1)
	})
}

// Sounds and answers are heard in the order in which they came, and the answer's turn is as it would be without.
func TestSoundAmongAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, conn := soundCall(t, nil, map[string]fakeSound{"a.wav": {rest: loud8(time.Second)}, "b.wav": {rest: loud8(time.Second)}})
		conn.responds("A")
		conn.speaks("A", tone(time.Second))
		conn.done("A")
		c.after(200 * time.Millisecond)
		ends := c.plays("a.wav", "b.wav")
		conn.responds("B")
		conn.speaks("B", tone(time.Second))
		conn.done("B")
		c.after(1500 * time.Millisecond)
		c.wantEnds(ends)
		c.after(1500 * time.Millisecond)
		c.wantEnds(ends, "a.wav: <nil>", "b.wav: <nil>")
		c.after(1500 * time.Millisecond)
		c.wantHeard(4 * time.Second)
		for _, turn := range c.host.of("turn") {
			if got := gjson.Get(turn, "played_ms").Int(); got < 990 || got > 1000 || gjson.Get(turn, "interrupted").Bool() {
				t.Errorf("turn %s, want a whole second", turn)
			}
		}
		if n := len(c.host.of("turn")); n != 2 {
			t.Errorf("%d turns, want 2", n)
		}
		c.wantSoundsClosed(2)
	})
}

// What ends a sound before its end, and what does not.
func TestSoundIsInterrupted(t *testing.T) {
	const speech = `{"type":"input_audio_buffer.speech_started"}`
	for name, test := range map[string]struct {
		variables map[string]string
		act       func(c *call, conn *fakeConn)
		end       string // "": it plays on
	}{
		"by the command":             {act: func(c *call, _ *fakeConn) { c.Command("call interrupt") }, end: "interrupted"},
		"by the caller":              {act: func(_ *call, conn *fakeConn) { conn.says(speech) }, end: "interrupted"},
		"by the caller, who may not": {variables: map[string]string{"STREAM_BARGE_IN": "off"}, act: func(_ *call, conn *fakeConn) { conn.says(speech) }},
		"by the caller, who has to confirm it": {variables: map[string]string{"STREAM_BARGE_IN": "confirm_ms=300"},
			act: func(_ *call, conn *fakeConn) { conn.says(speech) }},
		"mute": {act: func(c *call, _ *fakeConn) { c.Command("call mute openai") }},
		"mute while an answer waits": {act: func(c *call, conn *fakeConn) {
			conn.responds("A")
			conn.speaks("A", tone(time.Second))
			synctest.Wait()
			c.Command("call mute openai")
		}},
		"a lost connection": {act: func(_ *call, conn *fakeConn) { conn.closed(1006, "") }},
		"the stream's end":  {act: func(c *call, _ *fakeConn) { c.Command("call stop") }, end: ErrEnded.Error()},
		"the hang-up":       {act: func(c *call, _ *fakeConn) { c.hangUp() }, end: ErrEnded.Error()},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c, conn := soundCall(t, test.variables, map[string]fakeSound{"a.wav": {rest: loud8(2 * time.Second)}})
				ends := c.plays("a.wav")
				c.after(time.Second)
				test.act(c, conn)
				c.after(200 * time.Millisecond)
				if test.end != "" {
					c.wantEnds(ends, "a.wav: "+test.end)
				} else {
					c.wantEnds(ends)
					c.after(time.Second)
					c.wantEnds(ends, "a.wav: <nil>")
					c.wantHeard(2 * time.Second)
				}
				c.wantSoundsClosed(1)
			})
		})
	}
}

// pause stops sounds as it stops answers; resume lets them go on.
func TestSoundIsPaused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, _ := soundCall(t, nil, map[string]fakeSound{"a.wav": {rest: loud8(2 * time.Second)}})
		ends := c.plays("a.wav")
		c.after(time.Second)
		c.Command("call pause")
		c.after(20 * time.Second)
		c.wantHeard(time.Second)
		c.wantEnds(ends)
		c.Command("call resume")
		c.after(2 * time.Second)
		c.wantHeard(2 * time.Second)
		c.wantEnds(ends, "a.wav: <nil>")
		c.wantSoundsClosed(1)
	})
}

// A stream that is over plays its sounds to their end, if they have one, and no loop.
func TestStreamEndsAfterItsSounds(t *testing.T) {
	for name, test := range map[string]struct {
		play  func(s *Stream)
		lasts time.Duration
	}{
		"a sound": {func(s *Stream) { s.playSound("a.wav", func(error, time.Time) {}) }, 40 * time.Second},
		"two, one after the other": {func(s *Stream) {
			s.playSound("a.wav", func(error, time.Time) { s.playSound("a.wav", func(error, time.Time) {}) })
		}, 80 * time.Second},
		"a sound without an end": {func(s *Stream) { s.playSound("endless.wav", func(error, time.Time) {}) }, maxSoundRest},
		"a loop":                 {func(s *Stream) { s.startLoop("a.wav") }, 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c, conn := soundCall(t, nil, map[string]fakeSound{
					"a.wav": {rest: loud8(40 * time.Second)}, "endless.wav": {rest: loud8(time.Hour)}})
				c.own(func(s *Stream, _ time.Time) { test.play(s) })
				s := c.stream()
				conn.closed(1000, "")
				begun := time.Now()
				for range 100 * 50 {
					if s.gone() {
						break
					}
					c.after(20 * time.Millisecond)
				}
				if lasted := time.Since(begun); (lasted - test.lasts).Abs() > 100*time.Millisecond {
					t.Errorf("the stream lasted %v, want %v", lasted, test.lasts)
				}
				c.Close(time.Second)
			})
		})
	}
}

// A loop is opened again at its end, and ends when it is told to, with the stream, or with the model's next audio.
func TestLoop(t *testing.T) {
	for name, end := range map[string]func(c *call, conn *fakeConn){
		"stopped": func(c *call, _ *fakeConn) { c.own(func(s *Stream, now time.Time) { s.stopLoop(now) }) },
		"an answer": func(c *call, conn *fakeConn) {
			conn.responds("A")
			conn.speaks("A", make([]int16, 24000))
			conn.done("A")
		},
		"the stream's end": func(c *call, _ *fakeConn) { c.Command("call stop") },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c, conn := soundCall(t, nil, map[string]fakeSound{"music": {rest: loud8(time.Second)}})
				c.own(func(s *Stream, _ time.Time) { s.startLoop("music") })
				c.after(4500 * time.Millisecond)
				c.wantHeard(4500 * time.Millisecond)
				c.wantNothingCounted()
				end(c, conn)
				c.after(3 * time.Second)
				c.wantHeard(4500 * time.Millisecond)
				c.wantSoundsClosed(6)
			})
		})
	}
}

// A loop that can't be played is told to the log, and is not opened again and again.
func TestLoopThatFails(t *testing.T) {
	for name, test := range map[string]struct {
		sound  fakeSound
		logged string
	}{
		"empty":          {fakeSound{}, "0s of audio, expected 100ms at least"},
		"too short":      {fakeSound{rest: loud8(50 * time.Millisecond)}, "50ms of audio, expected 100ms at least"},
		"fails to go on": {fakeSound{rest: loud8(time.Second), end: errDisk}, errDisk.Error()},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c, _ := soundCall(t, nil, map[string]fakeSound{"music": test.sound})
				c.own(func(s *Stream, _ time.Time) { s.startLoop("music") })
				c.after(5 * time.Second)
				if n := len(c.stream().sounds); n > 0 {
					t.Errorf("%d sounds play", n)
				}
				c.wantSoundsClosed(1)
				if !slices.ContainsFunc(c.host.logged, func(line string) bool { return strings.Contains(line, test.logged) }) {
					t.Errorf("logged %q", c.host.logged)
				}
			})
		})
	}
}

// A new loop takes the place of the old one, whose reader, slow as it is, spoils nothing.
func TestLoopTakesTheOthersPlace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, _ := soundCall(t, nil, map[string]fakeSound{
			"slow": {opening: time.Second, end: errDisk}, "music": {rest: loud8(time.Second)}})
		c.own(func(s *Stream, _ time.Time) { s.startLoop("slow") })
		c.own(func(s *Stream, _ time.Time) { s.startLoop("music") })
		c.after(3 * time.Second)
		c.wantHeard(3 * time.Second)
		c.own(func(s *Stream, now time.Time) { s.stopLoop(now); s.stopLoop(now) })
		c.after(time.Second)
		c.wantHeard(3 * time.Second)
		c.wantSoundsClosed(1 + 4)
	})
}

// The connection is lost while an answer waits behind a sound: the answer is taken back and asked for again.
func TestAnswerBehindASoundIsAskedForAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, conn := soundCall(t, nil, map[string]fakeSound{"a.wav": {rest: loud8(600 * time.Millisecond)}})
		c.plays("a.wav")
		c.after(300 * time.Millisecond)
		conn.responds("A")
		conn.speaks("A", tone(400*time.Millisecond))
		c.after(100 * time.Millisecond)
		conn.closed(1006, "")
		conn = c.reopen(1)
		if got := conn.of("response.create"); len(got) != 1 {
			t.Errorf("sent %q, want the response once more", got)
		}
		conn.responds("B")
		conn.speaks("B", tone(time.Second))
		conn.done("B")
		c.after(3 * time.Second)
		c.wantHeard(1600 * time.Millisecond)
		c.wantSoundsClosed(1)
	})
}

// A bug in reading a sound ends its stream only, and the sound is closed.
func TestSoundWithABug(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, _ := soundCall(t, nil, map[string]fakeSound{"a.wav": {panics: true}})
		ends := c.plays("a.wav")
		c.after(time.Second)
		c.wantEnds(ends, "a.wav: "+ErrEnded.Error())
		c.wantSoundsClosed(1)
		if got := c.host.rings.reason; got != endInternal {
			t.Errorf("ended with %q", got)
		}
	})
}
