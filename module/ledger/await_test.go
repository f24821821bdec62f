package ledger

import (
	"testing"
	"time"
)

// awaited demands for how long audio has been awaited, -1 for not at all, and whether for the second time.
func (c *talk) awaited(want time.Duration, again bool) {
	c.t.Helper()
	since, retried := c.AwaitedSince()
	got := time.Duration(-1)
	if !since.IsZero() {
		got = c.now.Sub(since)
	}
	if got != want || retried != again {
		c.t.Errorf("audio has been awaited for %v, again %v, want %v, %v", got, retried, want, again)
	}
}

// The audio of an answer is awaited from the request on, then from the beginning of its response on, until it comes.
func TestAwaited(t *testing.T) {
	c := newTalk(t, BargeIn{})
	c.awaited(-1, false)
	_ = c.say("hello")
	c.after(3 * time.Second)
	c.awaited(3*time.Second, false)
	c.created("A")
	c.after(2 * time.Second)
	c.awaited(2*time.Second, false)
	c.audio("A", "i1", 0) // a delta of nothing is no audio
	c.awaited(2*time.Second, false)
	c.audio("A", "i1", 100)
	c.awaited(-1, false)
	c.done("A", "completed")
	c.after(time.Minute)
	c.awaited(-1, false)
}

// The server's own answers are awaited, too.
func TestAwaitedUnasked(t *testing.T) {
	c := newTalk(t, BargeIn{})
	c.speaks("u1")
	c.stops("u1")
	c.awaited(-1, false) // perhaps the server took it for noise
	c.created("A")
	c.after(time.Second)
	c.awaited(time.Second, false)
	c.done("A", "completed")
	c.awaited(-1, false)
}

// Nothing is to be heard of these.
func TestNotAwaited(t *testing.T) {
	for name, begin := range map[string]func(*talk){
		"a function": func(c *talk) {
			c.created("A")
			c.server(`{"type":"response.output_item.added","response_id":"A","item":{"id":"f","type":"function_call","name":"x"}}`)
		},
		"a function without an item": func(c *talk) {
			c.created("A")
			c.server(`{"type":"response.function_call_arguments.delta","response_id":"A","item_id":"f","delta":"{"}`)
		},
		"an MCP call": func(c *talk) {
			c.created("A")
			c.server(`{"type":"response.output_item.added","response_id":"A","item":{"id":"m","type":"mcp_call"}}`)
		},
		"a session of text": func(c *talk) {
			c.server(`{"type":"session.updated","session":{"output_modalities":["text"]}}`)
			_ = c.say("hello")
			c.awaited(-1, false)
			c.created("A")
		},
		"a session of text, in the beta's words": func(c *talk) {
			c.server(`{"type":"session.updated","session":{"modalities":["text"]}}`)
			c.created("A")
		},
		"a response of text": func(c *talk) {
			c.server(`{"type":"response.created","response":{"id":"A","output_modalities":["text"]}}`)
		},
		"text that was asked for": func(c *talk) {
			_ = c.client(`{"type":"response.create","response":{"output_modalities":["text"]}}`)
			c.awaited(-1, false)
			c.created("A")
		},
		"text that comes unannounced": func(c *talk) {
			c.created("A")
			c.server(`{"type":"response.output_text.delta","response_id":"A","item_id":"i","delta":"Hello"}`)
		},
		"out of band": func(c *talk) {
			_ = c.client(`{"type":"response.create","response":{"conversation":"none"}}`)
			c.server(`{"type":"response.created","response":{"id":"A","conversation_id":null}}`)
		},
		"interrupted": func(c *talk) {
			c.created("A")
			c.do(c.Interrupt(c.now))
		},
		"interrupted on its way": func(c *talk) {
			_ = c.say("hello")
			c.do(c.Interrupt(c.now))
		},
		"refused": func(c *talk) {
			_ = c.say("hello")
			c.error("for hello", "invalid_value", "no")
		},
		"lost": func(c *talk) {
			c.created("A")
			c.lose()
		},
		"the caller speaks": func(c *talk) {
			c.detects(false, true)
			c.created("A")
			c.speaks("u1")
		},
	} {
		t.Run(name, func(t *testing.T) {
			c := newTalk(t, BargeIn{Off: name == "the caller speaks"})
			begin(c)
			c.after(time.Second)
			c.awaited(-1, false)
		})
	}
}

// A text alone is no exception that the session's audio does not end: each response has its own.
func TestAwaitedAfterText(t *testing.T) {
	c := newTalk(t, BargeIn{})
	c.server(`{"type":"session.updated","session":{"output_modalities":["text"]}}`)
	_ = c.client(`{"type":"response.create","response":{"output_modalities":["audio"]}}`)
	c.awaited(0, false)
	c.server(`{"type":"response.created","response":{"id":"A","output_modalities":["audio"]}}`)
	c.awaited(0, false)
}

// The time in which the caller speaks does not count.
func TestAwaitedAfterSpeech(t *testing.T) {
	c := newTalk(t, BargeIn{Off: true})
	c.detects(false, false)
	c.created("A")
	c.after(10 * time.Second)
	c.speaks("u1")
	c.after(10 * time.Second)
	c.stops("u1")
	c.after(time.Second)
	c.awaited(time.Second, false)
}

// A request that has waited for another response is not late.
func TestAwaitedBehindAnother(t *testing.T) {
	c := newTalk(t, BargeIn{})
	_ = c.say("hello")
	c.created("own")
	c.busy("for hello")
	c.audio("own", "i1", 100)
	c.after(10 * time.Second)
	c.done("own", "completed")
	c.awaited(0, false)
}

// What the caller says next has its own answer: the one that never came is not asked for any more.
func TestAwaitedNoLonger(t *testing.T) {
	for name, next := range map[string]func(*talk){
		"the caller speaks": func(c *talk) { c.speaks("u1"); c.stops("u1") },
		"interrupt":         func(c *talk) { c.do(c.Interrupt(c.now)) },
		"a new connection":  func(c *talk) { c.lose(); c.connect() },
		"refused late":      func(c *talk) { c.error("for hello", "invalid_value", "no") },
	} {
		t.Run(name, func(t *testing.T) {
			c := newTalk(t, BargeIn{})
			_ = c.say("hello")
			c.tick(maxUnanswered)
			next(c)
			c.awaited(-1, false)
		})
	}
}

// An answer is awaited until its first audio, or until there will be none.
func TestAwaiting(t *testing.T) {
	c := newTalk(t, BargeIn{})
	awaiting := func(want bool, when string) {
		t.Helper()
		if got := c.Awaiting(c.now); got != want {
			t.Errorf("awaiting %v %s", got, when)
		}
	}
	awaiting(false, "at first")
	c.speaks("u1")
	awaiting(false, "while the caller speaks")
	c.stops("u1")
	awaiting(true, "when the caller has stopped")
	c.created("A")
	awaiting(true, "while the response says nothing")
	c.audio("A", "i1", 1000)
	awaiting(false, "from its first audio on")
	c.done("A", "completed")
	_ = c.client(aside)
	c.server(`{"type":"response.created","response":{"id":"X","conversation_id":null}}`)
	awaiting(false, "for what is out of band")
	_ = c.say("hello")
	awaiting(true, "when it was asked for")
	c.lose()
	awaiting(true, "while the connection comes back")
	c.connect()
	c.created("B")
	c.do(c.Interrupt(c.now))
	awaiting(false, "when it was interrupted")
	c.done("B", "cancelled")
	c.speaks("u2")
	c.stops("u2")
	c.after(maxAnswerWait)
	awaiting(false, "when none came: it was noise")
	c.created("C")
	c.done("C", "completed")
	awaiting(false, "when it has no audio")
}

// The response that the model works on has a name also where the server gives it no id.
func TestAnswering(t *testing.T) {
	c := acting(t)
	for _, id := range []string{"A", ""} {
		c.created(id)
		if name := c.Answering(); name == "" || c.Spoken(name) != (Spoken{Known: true}) {
			t.Errorf("the response %q is called %q, of which %+v is known", id, name, c.Spoken(name))
		}
		c.done(id, "completed")
		if name := c.Answering(); name != "" {
			t.Errorf("the model works on %q, want nothing", name)
		}
	}
}
