package stream

import (
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

// expiring is a session.created of a session that lives for so long.
func expiring(life time.Duration) string {
	return fmt.Sprintf(`{"type":"session.created","session":{"id":"s","expires_at":%d}}`, time.Now().Add(life).Unix())
}

// aging starts a call whose session ends after two minutes, and lets it get so old that the next one is open.
func aging(t *testing.T, variables map[string]string) (c *call, conn *fakeConn) {
	c = newCall(t, variables)
	c.start()
	conn = c.conns[0]
	conn.says(expiring(2 * time.Minute))
	synctest.Wait()
	conn.says(`{"type":"session.updated","session":{}}`)
	return c, conn
}

// The next session does not take over between the caller's last word and the answer, nor before the answer has been
// heard.
func TestRolloverWaitsForTheAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, conn := aging(t, nil)
		c.after(59 * time.Second)
		conn.says(`{"type":"input_audio_buffer.speech_started"}`)
		c.after(3 * time.Second)
		next := c.reopen(1)
		conn.says(`{"type":"input_audio_buffer.speech_stopped"}`)
		c.after(time.Second)
		conn.responds("A")
		conn.speaks("A", tone(2*time.Second))
		conn.done("A")
		c.after(1900 * time.Millisecond)
		if got := c.host.of("reconnect"); len(got) > 0 {
			t.Errorf("taken over before the answer was heard: %q", got)
		}
		c.after(time.Second)
		c.wantHeard(2 * time.Second)
		if got := c.host.of("reconnect"); len(got) != 1 {
			t.Errorf("reconnect events %q, want one", got)
		}
		c.host.rings.give(make([]int16, 160))
		c.after(100 * time.Millisecond)
		if len(next.of("input_audio_buffer.append")) == 0 {
			t.Error("the next session does not get the caller's audio")
		}
		c.Command("call stop")
		c.wantEnd("stop", map[string]int{"connect": 1, "disconnect": 1, "reconnect": 1})
	})
}

// A caller who does not stop speaking does not keep the old session for ever.
func TestRolloverIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, conn := aging(t, nil)
		conn.says(`{"type":"input_audio_buffer.speech_started"}`)
		c.reopen(1)
		c.after(time.Minute)
		if got := c.host.of("reconnect"); len(got) != 1 {
			t.Errorf("reconnect events %q, want one before the session ends", got)
		}
		c.Command("call stop")
	})
}

// A next session that stands ready replaces one that is lost at once.
func TestReadySessionReplacesALostOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, conn := aging(t, nil)
		conn.says(`{"type":"input_audio_buffer.speech_started"}`) // so that it is not quiet
		next := c.reopen(1)
		conn.closed(1006, "")
		synctest.Wait()
		c.host.rings.give(make([]int16, 160))
		c.after(40 * time.Millisecond)
		if len(next.of("input_audio_buffer.append")) == 0 {
			t.Error("the next session does not get the caller's audio")
		}
		if len(c.conns) != 2 {
			t.Errorf("%d connections, want no third", len(c.conns))
		}
		c.Command("call stop")
		c.wantEnd("stop", map[string]int{"connect": 2, "disconnect": 2, "reconnect": 1})
	})
}

// A next session that is refused, or says nothing, is neither kept nor the last attempt.
func TestNextSessionThatFails(t *testing.T) {
	for name, fail := range map[string]func(*fakeConn){
		"refused":        func(next *fakeConn) { next.says(errorEvent("invalid_value", updateEventID)) },
		"fatal":          func(next *fakeConn) { next.says(errorEvent("insufficient_quota", "")) },
		"without answer": func(*fakeConn) {},
		"closed":         func(next *fakeConn) { next.closed(1011, "") },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c, _ := aging(t, map[string]string{"STREAM_VOICE": "marin", "STREAM_PROVIDER": "openai", "STREAM_OPENAI_API_KEY": "k-12345678"})
				next := c.reopen(1)
				fail(next)
				again := c.reopen(2)
				again.says(`{"type":"session.updated","session":{}}`)
				c.after(time.Second)
				if got := c.host.of("reconnect"); len(got) != 1 {
					t.Errorf("reconnect events %q, want one", got)
				}
				if !slices.Contains(again.types(), "session.update") {
					t.Errorf("the next session was told %q", again.types())
				}
				c.Command("call stop")
				c.wantEnd("stop", map[string]int{"connect": 1, "disconnect": 1, "reconnect": 1})
			})
		})
	}
}

// A next session that is ended while it waits for a quiet moment does not take over: the present one goes on.
func TestNextSessionThatFailsWhenReady(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, conn := aging(t, nil)
		conn.says(`{"type":"input_audio_buffer.speech_started"}`)
		next := c.reopen(1)
		next.says(errorEvent("insufficient_quota", ""))
		c.after(100 * time.Millisecond)
		conn.says(`{"type":"input_audio_buffer.speech_stopped"}`)
		conn.responds("A")
		conn.done("A")
		c.reopen(2)
		c.after(10 * time.Second)
		if got := c.host.of("reconnect"); len(got) != 1 {
			t.Errorf("reconnect events %q, want one", got)
		}
		c.Command("call stop")
		c.wantEnd("stop", map[string]int{"connect": 1, "disconnect": 1, "reconnect": 1})
	})
}

// No server keeps a session for longer than its kind does, whatever the clocks say.
func TestExpiryIsBoundedByTheProvider(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCall(t, map[string]string{"STREAM_PROVIDER": "azure", "STREAM_OPENAI_API_KEY": "k-12345678"})
		c.start()
		c.conns[0].says(expiring(100 * time.Hour))
		synctest.Wait()
		time.Sleep(30 * time.Minute)
		synctest.Wait()
		if len(c.conns) != 2 {
			t.Errorf("%d connections after half an hour, want the next one", len(c.conns))
		}
		c.Command("call stop")
	})
}

// The time for the next session comes while the present one is lost: the attempts go on, and nothing else happens.
func TestRolloverIsDueWhileLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCall(t, nil, nil, refusal(503))
		c.configure(`<param name="backoff-attempts" value="0"/>`)
		c.start()
		c.conns[0].says(expiring(20 * time.Second))
		c.after(9 * time.Second)
		c.conns[0].closed(1006, "")
		c.after(5 * time.Second)
		if n := len(c.conns); n < 3 {
			t.Errorf("%d connections, want further attempts", n)
		}
		c.Command("call stop")
	})
}

// A server that says again when the session ends, while the next one waits for a quiet moment, changes nothing.
func TestExpiryIsSaidAgain(t *testing.T) {
	for name, again := range map[string]func() string{
		"later":   func() string { return expiring(2 * time.Minute) },
		"unknown": func() string { return created },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c, conn := aging(t, nil)
				conn.says(`{"type":"input_audio_buffer.speech_started"}`)
				c.reopen(1)
				conn.says(again())
				c.after(50 * time.Second)
				if got := c.host.of("reconnect"); len(got) != 0 {
					t.Errorf("reconnect events %q while the caller speaks", got)
				}
				c.after(10 * time.Second)
				if got := c.host.of("reconnect"); len(got) != 1 {
					t.Errorf("reconnect events %q, want one before the session ends", got)
				}
				c.Command("call stop")
			})
		})
	}
}
