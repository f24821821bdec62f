package ledger

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

// What was asked for and not heard is owed by the next session.
func TestLossInMidAnswer(t *testing.T) {
	for name, test := range map[string]struct {
		run  func(c *talk)
		want []string // of the next session
	}{
		"nothing was heard": {func(c *talk) {
			_ = c.say("hello")
			c.created("A")
			c.server(`{"type":"response.output_audio_transcript.delta","response_id":"A","item_id":"i1","delta":"Hello"}`)
			c.audio("A", "i1", 1000)
		}, []string{"create hello"}},
		"nothing came yet but words": {func(c *talk) {
			_ = c.say("hello")
			c.created("A")
			c.server(`{"type":"response.output_audio_transcript.done","response_id":"A","item_id":"i1","transcript":"Hello"}`)
		}, []string{"create hello"}},
		"a part was heard": {func(c *talk) {
			_ = c.say("hello")
			c.created("A")
			c.server(`{"type":"response.output_audio_transcript.delta","response_id":"A","item_id":"i1","delta":"Hello you"}`)
			c.audio("A", "i1", 1000)
			c.hear("A", "i1", 200)
		}, []string{"item assistant Hello you"}},
		"it was silenced": {func(c *talk) {
			_ = c.say("hello")
			c.created("A")
			c.audio("A", "i1", 1000)
			c.do(c.Interrupt(c.now))
		}, nil},
		"it was silenced before it was created": {func(c *talk) {
			_ = c.say("hello")
			c.do(c.Interrupt(c.now))
		}, nil},
		"it was sent and not created": {func(c *talk) { _ = c.say("hello") }, []string{"create hello"}},
		"it was not sent":             {func(c *talk) { _ = c.say("one"); _ = c.say("two") }, []string{"create one"}},
		"it was done":                 {func(c *talk) { _ = c.say("hello"); c.answer("A", "i1", 100) }, nil},
		"the server's own":            {func(c *talk) { c.created("A"); c.audio("A", "i1", 1000) }, []string{"create"}},
		"the caller has just stopped": {func(c *talk) { c.speaks("u1"); c.stops("u1") }, []string{"create"}},
		"the caller stopped long ago": {func(c *talk) { c.speaks("u1"); c.stops("u1"); c.after(maxAnswerWait) }, nil},
		"the caller stopped, and the answer before is not done": {func(c *talk) {
			c.created("A")
			c.audio("A", "i1", 1000)
			c.speaks("u1")
			c.stops("u1")
		}, []string{"create"}},
		"the caller speaks": {func(c *talk) { c.speaks("u1") }, nil},
		"the server does not answer by itself": {func(c *talk) {
			c.detects(true, false)
			c.speaks("u1")
			c.stops("u1")
		}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			c := newTalk(t, BargeIn{})
			test.run(c)
			c.lose()
			c.did = nil
			c.connect()
			c.want(test.want...)
		})
	}
}

// The exchange goes on: the repeated answer has the times and the words of the first attempt, and there is one turn.
func TestARepeatedAnswerIsOneTurn(t *testing.T) {
	c := newTalk(t, BargeIn{})
	c.speaks("u1")
	c.stops("u1")
	c.server(`{"type":"conversation.item.input_audio_transcription.completed","item_id":"u1","transcript":"Hi!"}`)
	c.created("A")
	c.audio("A", "i1", 1000)
	c.after(2e9)
	c.lose()
	c.connect()
	c.answer("B", "i1", 500)
	c.want("item user Hi!", "create", "started B", "stopped B", "turn B completed 500ms")
	if got := c.turns[0]; got.Caller != "Hi!" || got.FirstPlay != 2e9 {
		t.Errorf("%+v", got)
	}
	if n := c.Totals().Turns; n != 1 {
		t.Errorf("%d turns, want 1", n)
	}
}

// A turn that was open is reported when its audio has been heard.
func TestAnOpenTurnIsReportedAfterTheLoss(t *testing.T) {
	c := newTalk(t, BargeIn{})
	c.created("A")
	c.audio("A", "i1", 1000)
	c.hear("A", "i1", 200)
	c.lose()
	c.want("started A")
	c.hear("A", "i1", 1000)
	c.stop("A")
	c.want("stopped A", "turn A lost 1s")
}

// Ids begin again with the connection. What still plays of the old one is not taken for the new one.
func TestServersThatNumberByConnection(t *testing.T) {
	c := newTalk(t, BargeIn{})
	say := func(id, item, text string) {
		c.created(id)
		c.server(`{"type":"response.output_item.added","response_id":%q,"item":{"id":%q,"type":"message","role":"assistant"}}`, id, item)
		c.audio(id, item, 1000)
		c.server(`{"type":"response.output_audio_transcript.done","response_id":%q,"item_id":%q,"transcript":%q}`, id, item, text)
		c.done(id, "completed")
	}
	say("resp_1", "item_1", "First.")
	old := c.names["resp_1"]
	c.hear("resp_1", "item_1", 100)
	c.lose()
	c.connect()
	c.did = nil
	say("resp_1", "item_1", "Second.")
	if c.names["resp_1"] == old {
		t.Fatal("the player is given one name for two responses")
	}
	c.do(c.Played([]Playback{{Kind: Heard, ResponseID: old, ItemID: "item_1", Played: 1e9}, {Kind: Stopped, ResponseID: old}}, c.now))
	c.hear("resp_1", "item_1", 1000)
	c.stop("resp_1")
	c.want("stopped resp_1", "turn resp_1 completed 1s", "started resp_1", "stopped resp_1", "turn resp_1 completed 1s")
	c.lose()
	c.connect()
	c.want("item assistant First.", "item assistant Second.")
}

// 150 items stay 150 over three connections, whether the server names them again or not, or refuses one.
func TestTheHistoryKeepsItsSize(t *testing.T) {
	for _, names := range []bool{true, false} {
		c := newTalk(t, BargeIn{})
		for i := range 150 {
			_ = c.client(message(fmt.Sprintf("m%d", i)))
		}
		c.did = nil
		for connection := range 3 {
			c.lose()
			if n := c.connect().Items; n != 150 {
				t.Fatalf("connection %d: %d items", connection, n)
			}
			told := c.did
			c.did = nil
			for i, line := range told {
				if line != fmt.Sprintf("item user m%d", i) {
					t.Fatalf("item %d is %q", i, line)
				}
				if names {
					c.server(`{"type":"conversation.item.added","item":{"id":"item_%d","type":"message","role":"user","content":[{"type":"input_text","text":"m%d"}]}}`, i, i)
				}
			}
		}
		if n := len(c.items.all); n != 150 {
			t.Errorf("%d items are remembered", n)
		}
	}
}

func message(text string) string {
	return fmt.Sprintf(`{"type":"conversation.item.create","item":{"type":"message","role":"user","content":[{"type":"input_text","text":%q}]}}`, text)
}

// A restored item that the server refuses takes no place from the next one, and is not tried again.
func TestARefusedItemTakesNoPlace(t *testing.T) {
	c := newTalk(t, BargeIn{})
	_ = c.client(message("none"))
	_ = c.client(message("one"))
	_ = c.client(message("two"))
	c.lose()
	c.connect()
	c.error(c.items.all[0].eventID, "unsupported_content_type", "no")
	c.error(c.items.all[0].eventID, "invalid_value", "no")
	c.server(`{"type":"conversation.item.added","item":{"id":"x","type":"message","role":"user","content":[{"type":"input_text","text":"two"}]}}`)
	c.server(`{"type":"conversation.item.deleted","item_id":"y"}`)
	c.did = nil
	c.lose()
	c.connect()
	c.want("item user two")
	c.server(`{"type":"conversation.item.added","item":{"id":"z","type":"message","role":"user","content":[{"type":"input_text","text":"two"}]}}`)
	c.server(`{"type":"conversation.item.deleted","item_id":"z"}`)
	if len(c.items.all) != 0 {
		t.Error("the item is not known by its new id")
	}
}

// While a connection comes back, the client's events are held, and sent in their order after the conversation.
func TestEventsAreHeld(t *testing.T) {
	c := newTalk(t, BargeIn{})
	_ = c.client(message("before"))
	_ = c.client(`{"type":"session.update","session":{"n":1}}`)
	c.lose()
	c.did = nil
	if err := c.client(message("one"), bare); err != nil {
		t.Fatal(err)
	}
	_ = c.client(`{"type":"session.update","session":{"n":2}}`)
	_ = c.say("hello")
	c.want()
	if r := c.connect(); r != (Restored{1, 1}) {
		t.Errorf("%+v", r)
	}
	c.want(`update {"n":1}`, "item user before", "item user one", "create", `update {"n":2}`)
	c.created("A")
	c.done("A", "completed")
	c.want("create hello", "turn A completed 0s")
	c.lose()
	c.connect()
	c.want(`update {"n":1}`, `update {"n":2}`, "item user before", "item user one", "create hello")
}

// What is owed is asked for before what was held.
func TestWhatIsOwedComesBeforeWhatWasHeld(t *testing.T) {
	c := newTalk(t, BargeIn{})
	_ = c.say("hello")
	c.lose()
	_ = c.client(message("one"), bare)
	c.did = nil
	c.connect()
	c.want("create hello", "item user one")
}

// The end of the call reports what is open, and asks for nothing more.
func TestTheEnd(t *testing.T) {
	c := newTalk(t, BargeIn{})
	_ = c.say("one")
	_ = c.say("two")
	c.created("A")
	c.audio("A", "i1", 100)
	c.did = nil
	c.do(c.End(c.now))
	c.want("turn A lost 0s")
}

func TestEventsThatAreRefused(t *testing.T) {
	c := unconnected(t, BargeIn{})
	for _, msg := range []string{bare, message("x"), `{"type":"response.cancel"}`} {
		if err := c.client(msg); !errors.Is(err, ErrNotConnected) {
			t.Errorf("%s before the first connection: %v", msg, err)
		}
	}
	c.connect()
	c.lose()
	for _, msg := range []string{`{"type":"response.cancel"}`, `{"type":"conversation.item.delete","item_id":"x"}`, `{}`} {
		if err := c.client(bare, msg); err == nil || errors.Is(err, ErrNotConnected) {
			t.Errorf("%s about a lost connection: %v", msg, err)
		}
	}
	if len(c.held) > 0 {
		t.Error("a part of what was refused is held")
	}
	for range maxHeld {
		if err := c.client(message("x")); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.client(message("x")); !errors.Is(err, ErrTooMuchHeld) || len(c.held) != maxHeld {
		t.Errorf("too many: %v, %d held", err, len(c.held))
	}
}

func TestHeldEventsAreBounded(t *testing.T) {
	c := newTalk(t, BargeIn{})
	c.lose()
	big := message(strings.Repeat("x", maxHeldBytes/3))
	_, _ = c.client(big), c.client(big)
	if err := c.client(big); !errors.Is(err, ErrTooMuchHeld) || len(c.held) != 2 {
		t.Errorf("too much: %v, %d held", err, len(c.held))
	}
	for i := range maxWaiting {
		if err := c.client(bare); err != nil {
			t.Fatalf("request %d: %v", i, err)
		}
	}
	if err := c.client(bare); !errors.Is(err, ErrTooManyResponses) {
		t.Errorf("too many requests: %v", err)
	}
	c.connect()
	if len(c.held) > 0 || c.heldBytes != 0 || len(c.requests.waiting) != maxWaiting-1 {
		t.Errorf("%d of %d bytes held, %d wait", len(c.held), c.heldBytes, len(c.requests.waiting))
	}
}

// What a lost connection was to be sent is not sent to the next one.
func TestNothingIsSentToALostConnection(t *testing.T) {
	c := newTalk(t, BargeIn{})
	_ = c.say("hello")
	c.do(c.Interrupt(c.now))
	c.did = nil
	c.audio("A", "i1", 100) // unannounced, and not wanted: it is to be cancelled
	c.lose()
	c.want("turn A lost 0s")
}
