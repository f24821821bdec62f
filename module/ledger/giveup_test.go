package ledger

import (
	"strings"
	"testing"
	"time"
)

// A response that is mute is cancelled, and asked for once more with the same words when the server has let go of it.
func TestRetry(t *testing.T) {
	for name, letsGo := range map[string]bool{"cancelled": true, "not a word": false} {
		t.Run(name, func(t *testing.T) {
			c := newTalk(t, BargeIn{})
			_ = c.say("hello")
			c.created("A")
			c.tick(20 * time.Second)
			c.did = nil
			c.do(c.Retry(c.now))
			c.want("cancel A")
			c.awaited(-1, false)
			if letsGo {
				c.done("A", "cancelled")
			} else {
				c.tick(maxCancel)
			}
			c.want("create hello")
			c.after(time.Second)
			c.awaited(time.Second, true)
			if c.audio("A", "i1", 100) {
				t.Error("audio of the response that was given up is played")
			}
			c.awaited(time.Second, true)
			c.created("B")
			c.awaited(0, true)
			c.audio("B", "i2", 100)
			c.awaited(-1, false)
			c.done("B", "completed")
			c.hear("B", "i2", 100)
			c.stop("B")
			c.want("started B", "stopped B", "turn B completed 100ms")
		})
	}
}

// Where it turns out to be alive, and not to heed that it was cancelled, the caller does not wait for it.
func TestRetryOfAResponseThatActsLate(t *testing.T) {
	c := newTalk(t, BargeIn{})
	_ = c.say("hello")
	c.created("A")
	c.after(5 * time.Second)
	c.do(c.Retry(c.now))
	c.server(`{"type":"response.mcp_call.in_progress","item_id":"m1"}`)
	c.did = nil
	c.tick(maxCancel)
	c.want("create hello")
}

// The answer to the caller's words is asked for, and its times count from those words.
func TestRetryOfAnAnswer(t *testing.T) {
	c := newTalk(t, BargeIn{})
	c.speaks("u1")
	c.stops("u1")
	c.created("A")
	c.after(5 * time.Second)
	c.did = nil
	c.do(c.Retry(c.now))
	c.done("A", "cancelled")
	c.want("cancel A", "create")
	c.after(time.Second)
	c.answer("B", "i1", 100)
	if len(c.turns) != 1 || c.turns[0].FirstPlay != 6*time.Second {
		t.Errorf("turns %+v, want one, of B, that began 6 s after the caller's words", c.turns)
	}
}

// The response that was given up was the server's own, as a late refusal tells: the request is made once more, not twice.
func TestRetryOfARequestThatWasRefused(t *testing.T) {
	c := newTalk(t, BargeIn{})
	_ = c.say("hello")
	c.created("own")
	c.after(5 * time.Second)
	c.do(c.Retry(c.now))
	c.busy("for hello")
	c.did = nil
	c.done("own", "cancelled")
	c.created("B")
	c.done("B", "completed")
	c.want("create hello", "turn B completed 0s")
}

// A request without any answer is sent again, also after it counts as refused, and what the server may have begun without a
// word is cancelled first.
func TestRetryOfARequest(t *testing.T) {
	for name, after := range map[string]time.Duration{"early": 5 * time.Second, "late": maxUnanswered + 5*time.Second} {
		t.Run(name, func(t *testing.T) {
			c := newTalk(t, BargeIn{})
			_ = c.say("hello")
			c.tick(after)
			c.did = nil
			c.awaited(after, false)
			c.do(c.Retry(c.now))
			c.want("cancel", "create hello")
			c.error("", "response_cancel_not_active", "")
			c.tick(after)
			c.awaited(after, true)
			c.do(c.Drop(c.now))
			c.want("cancel")
			c.tick(time.Minute)
			c.awaited(-1, false)
			c.want()
		})
	}
}

// A server that refuses for ever because of a response that nobody told of is mute, too.
func TestRetryOfACollision(t *testing.T) {
	c := newTalk(t, BargeIn{})
	_ = c.say("hello")
	for range 10 {
		c.tick(time.Second)
		c.busy("")
	}
	c.awaited(10*time.Second, false)
	c.did = nil
	c.do(c.Retry(c.now))
	c.want("cancel", "create hello")
	c.created("A")
	c.awaited(0, true)
}

// Given up is given up: the turn is told, and what waits goes on.
func TestDrop(t *testing.T) {
	c := newTalk(t, BargeIn{})
	_ = c.say("one")
	_ = c.say("two")
	c.created("A")
	c.after(20 * time.Second)
	c.did = nil
	c.do(c.Drop(c.now))
	c.want("cancel A")
	c.done("A", "cancelled")
	c.want("create two", "turn A cancelled 0s")
}

// What was asked for out of band can be taken back until it speaks, in whatever state it is.
func TestForgo(t *testing.T) {
	const created = `{"type":"response.created","response":{"id":"X","conversation_id":null}}`
	forgo := func(c *talk, id string) { c.do(c.Forgo(id, c.now)) }
	for name, test := range map[string]struct {
		run   func(c *talk)
		want  []string
		plays bool
	}{
		"before it is created":  {func(c *talk) { forgo(c, "aside"); c.server(created) }, []string{"cancel X"}, false},
		"before it speaks":      {func(c *talk) { c.server(created); forgo(c, "aside") }, []string{"cancel X"}, false},
		"twice":                 {func(c *talk) { c.server(created); forgo(c, "aside"); forgo(c, "aside") }, []string{"cancel X"}, false},
		"when it speaks":        {func(c *talk) { c.server(created); c.audio("X", "x1", 100); forgo(c, "aside") }, nil, true},
		"another":               {func(c *talk) { c.server(created); forgo(c, "other") }, nil, true},
		"while it is not there": {func(c *talk) { c.lose(); forgo(c, "aside"); c.connect() }, nil, true},
		"before there is a connection": {func(c *talk) {
			c.server(created)
			c.done("X", "completed")
			c.lose()
			_ = c.client(aside)
			size := c.heldBytes
			_ = c.client(strings.ReplaceAll(aside, "aside", "other"), aside)
			forgo(c, "aside")
			forgo(c, "aside")
			if c.heldBytes != size {
				t.Errorf("%d bytes are held, want %d", c.heldBytes, size)
			}
			c.connect()
		}, []string{"create"}, true},
		"and then lost": {func(c *talk) { forgo(c, "aside"); c.lose(); c.connect() }, nil, true},
	} {
		t.Run(name, func(t *testing.T) {
			c := newTalk(t, BargeIn{})
			_ = c.client(aside)
			c.want("create")
			test.run(c)
			c.want(test.want...)
			if got := c.audio("X", "x1", 100); got != test.plays {
				t.Errorf("plays %v, want %v", got, test.plays)
			}
			c.done("X", "completed")
			c.tick(time.Minute)
			if !c.requests.idle() {
				t.Error("something is still asked for")
			}
		})
	}
}
