package ledger

import (
	"errors"
	"fmt"
	"testing"
	"time"
)

const bare = `{"type":"response.create"}`

// A server works on one response at a time, so each request waits for the one before it.
func TestRequestsTakeTurns(t *testing.T) {
	c := newTalk(t, BargeIn{})
	_ = c.say("one")
	_ = c.say("two")
	c.want("create one")
	c.created("A")
	c.want()
	c.done("A", "completed")
	c.want("create two", "turn A completed 0s")
}

// The server's own response is faster than ours, which is refused: ours goes after it, once, and the own one is heard.
func TestARequestThatTheServerOvertook(t *testing.T) {
	for name, by := range map[string]string{"named": "for hello", "nameless": ""} {
		t.Run(name, func(t *testing.T) {
			c := newTalk(t, BargeIn{})
			_ = c.say("hello")
			c.created("own")
			c.busy(by)
			c.want("create hello")
			if !c.audio("own", "i1", 100) {
				t.Error("the server's own response is not played")
			}
			c.hear("own", "i1", 100)
			c.done("own", "completed")
			c.want("started own", "create hello")
			c.created("B")
			c.stop("own")
			c.done("B", "completed")
			c.tick(time.Minute)
			c.want("stopped own", "turn own completed 100ms", "turn B completed 0s")
		})
		t.Run(name+", done before the error", func(t *testing.T) {
			c := newTalk(t, BargeIn{})
			_ = c.say("hello")
			c.created("own")
			c.done("own", "completed")
			c.busy(by)
			c.tick(time.Second)
			c.want("create hello", "turn own completed 0s", "create hello")
			c.created("B")
			c.done("B", "completed")
			c.tick(time.Minute)
			c.want("turn B completed 0s")
		})
	}
}

// With a response that nobody told us of there is nothing to wait for but time.
func TestARequestIsRepeatedEverMoreSlowly(t *testing.T) {
	c := newTalk(t, BargeIn{})
	_ = c.say("hello")
	c.did = nil
	for i, wait := range []time.Duration{100, 200, 400, 800, 1600, 3000, 3000} {
		c.busy("")
		c.tick((wait - 1) * time.Millisecond)
		c.want()
		c.tick(time.Millisecond)
		if len(c.did) != 1 {
			t.Errorf("attempt %d: not sent after %d ms", i, wait)
		}
		c.did = nil
	}
	if c.Totals().BenignErrors != 7 {
		t.Error("the errors are not counted as benign")
	}
	c.created("A")
	c.done("A", "completed")
	_ = c.say("again")
	c.busy("")
	c.did = nil
	c.tick(100 * time.Millisecond)
	c.want("create again")
}

// The refusal of the first one comes when the second one is already under way.
func TestALateRefusalBringsTheRightRequestBack(t *testing.T) {
	c := newTalk(t, BargeIn{})
	_ = c.say("one")
	_ = c.say("two")
	c.created("own")
	c.done("own", "completed")
	c.busy("for one")
	c.created("B")
	c.done("B", "completed")
	c.want("create one", "create two", "turn own completed 0s", "create one", "turn B completed 0s")
}

// The server may fail to answer the caller because of a running response. That is no request of ours.
func TestTheServersOwnCollisionRepeatsNothing(t *testing.T) {
	c := newTalk(t, BargeIn{})
	_ = c.say("hello")
	c.created("A")
	c.tick(10 * time.Second)
	c.busy("")
	c.done("A", "completed")
	c.tick(10 * time.Second)
	c.want("create hello", "turn A completed 0s")
}

func TestARefusedRequestBlocksNothing(t *testing.T) {
	for name, test := range map[string]struct {
		refuse func(c *talk)
		within time.Duration
	}{
		"named":                   {func(c *talk) { c.error("for one", "invalid_value", "no") }, 0},
		"nameless":                {func(c *talk) { c.error("", "invalid_value", "no") }, maxDoubt},
		"for an item it named":    {func(c *talk) { c.error("for one", "item_not_found", "") }, 0},
		"never answered":          {func(*talk) {}, maxUnanswered},
		"by an error of no event": {func(c *talk) { c.error("", "", "") }, maxDoubt},
	} {
		t.Run(name, func(t *testing.T) {
			c := newTalk(t, BargeIn{})
			_ = c.say("one")
			_ = c.say("two")
			test.refuse(c)
			c.tick(test.within)
			c.want("create one", "create two")
			c.created("A")
			c.done("A", "completed")
			c.want("turn A completed 0s")
		})
	}
}

// An error without an event id may be about anything that was sent.
func TestAnErrorAboutSomethingElseLosesNoRequest(t *testing.T) {
	c := newTalk(t, BargeIn{})
	_ = c.say("one")
	_ = c.say("two")
	_ = c.say("three")
	for range 3 {
		c.error("", "invalid_value", "no such item")
	}
	c.want("create one")
	c.created("A")
	c.done("A", "completed")
	c.want("create two", "turn A completed 0s")
}

// The user may have named a request in a way that is no name. An error about something else is not about it.
func TestARequestWithoutAName(t *testing.T) {
	for _, id := range []string{`""`, `5`} {
		c := newTalk(t, BargeIn{})
		_ = c.client(`{"type":"response.create","event_id":` + id + `}`)
		_ = c.say("two")
		c.error("", "response_cancel_not_active", "")
		c.want("create")
		c.created("A")
		c.done("A", "completed")
		c.want("create two", "turn A completed 0s")
	}
}

// A request without an event id gets one, so that its refusal can be told from others.
func TestRequestsHaveEventIDs(t *testing.T) {
	c := newTalk(t, BargeIn{})
	_, _ = c.client(bare), c.client(bare)
	c.error(c.requests.asked.eventID, "invalid_value", "no")
	if c.want("create", "create"); c.requests.asked.eventID == "" {
		t.Error("it has no event id")
	}
}

func TestTooManyOutOfBandAreRefused(t *testing.T) {
	c := newTalk(t, BargeIn{})
	for range maxWaiting {
		if err := c.client(aside); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.client(aside); !errors.Is(err, ErrTooManyResponses) || len(c.requests.asides) != maxWaiting {
		t.Errorf("%v, %d are under way", err, len(c.requests.asides))
	}
}

func TestTooManyRequestsAreRefused(t *testing.T) {
	c := newTalk(t, BargeIn{})
	c.created("A")
	for i := range maxWaiting {
		if err := c.say(fmt.Sprint(i)); err != nil {
			t.Fatal(err)
		}
	}
	before := len(c.items.all)
	err := c.client(`{"type":"conversation.item.create","item":{"type":"message","role":"user","content":[{"type":"input_text","text":"x"}]}}`, bare)
	if !errors.Is(err, ErrTooManyResponses) {
		t.Errorf("%v, want %v", err, ErrTooManyResponses)
	}
	if len(c.requests.waiting) != maxWaiting || len(c.items.all) != before {
		t.Error("the refusal has changed something")
	}
	c.want()
}

const aside = `{"type":"response.create","event_id":"aside","response":{"conversation":"none"}}`

// A response out of band neither waits nor has others wait, nor ends the one that runs, nor is a part of the conversation.
func TestOutOfBand(t *testing.T) {
	for name, created := range map[string][2]string{ // the aside's, the conversation's
		"by null":    {`"conversation_id":null`, `"conversation_id":"conv_1"`},
		"by an id":   {`"conversation_id":null`, `"conversation_id":"conv_2"`},
		"by order":   {`"status":"in_progress"`, `"status":"in_progress"`},
		"by neither": {`"conversation_id":null`, `"status":"in_progress"`},
	} {
		t.Run(name, func(t *testing.T) {
			c := newTalk(t, BargeIn{})
			_ = c.client(aside)
			_ = c.say("hello")
			_ = c.say("you")
			c.want("create", "create hello")
			c.server(`{"type":"response.created","response":{"id":"X",%s}}`, created[0])
			c.server(`{"type":"response.output_audio_transcript.done","response_id":"X","item_id":"x1","transcript":"aside"}`)
			c.server(`{"type":"response.output_item.done","response_id":"X","item":{"id":"x2","type":"function_call","call_id":"c","status":"completed"}}`)
			c.server(`{"type":"response.created","response":{"id":"A",%s}}`, created[1])
			c.audio("X", "x1", 100)
			c.done("X", "completed")
			c.hear("X", "x1", 100)
			c.stop("X")
			c.want("started X", "stopped X", "turn X completed 100ms")
			c.done("A", "completed")
			c.want("create you", "turn A completed 0s")
			if len(c.items.all) > 0 {
				t.Errorf("%q stands in the history", c.items.all[0].text)
			}
		})
	}
}

// Sent again after a loss, in one moment, they are still told apart by their order.
func TestOutOfBandAfterALoss(t *testing.T) {
	c := newTalk(t, BargeIn{})
	_ = c.client(aside)
	_ = c.say("hello")
	c.lose()
	c.tick(time.Hour)
	c.connect()
	c.want("create", "create hello", "create", "create hello")
	c.server(`{"type":"response.created","response":{"id":"X"}}`)
	c.server(`{"type":"response.created","response":{"id":"A"}}`)
	if !c.responses.all[0].outOfBand || c.responses.all[1].outOfBand {
		t.Error("taken for each other")
	}
}

// One that is refused as if it were a second response, or never answered, is not waited for.
func TestOutOfBandThatIsNotAnswered(t *testing.T) {
	c := newTalk(t, BargeIn{})
	c.created("A")
	_ = c.client(aside)
	c.busy("aside")
	_ = c.client(aside)
	c.error("aside", "invalid_value", "")
	_ = c.client(aside)
	c.done("A", "completed")
	if c.Quiet(c.now) {
		t.Error("quiet, although something was asked for")
	}
	c.tick(maxUnanswered)
	if !c.Quiet(c.now) || !c.Due().IsZero() {
		t.Error("still waiting")
	}
}

// A response of which the server says nothing more must not hold the queue for ever.
func TestAResponseThatNeverEnds(t *testing.T) {
	c := newTalk(t, BargeIn{})
	c.created("A")
	_ = c.say("hello")
	c.tick(maxSilence / 2)
	c.server(`{"type":"response.content_part.added","response_id":"A","item_id":"i1"}`)
	c.tick(maxSilence / 2)
	c.audio("A", "i1", 100)
	c.hear("A", "i1", 100)
	c.tick(maxSilence - 1)
	c.want("started A")
	c.tick(1)
	c.stop("A")
	c.want("create hello", "stopped A", "turn A  100ms")
}

// What the caller has said and what functions have come to is answered at once, by one request after the last of them. What
// the caller goes on about is answered when all is said.
func TestOneAnswerToWordsAndOutputs(t *testing.T) {
	const item, turn = "item function_call_output c1", "turn B completed 0s"
	words := func(c *talk) { c.speaks("u"); c.stops("u") } // too low for our own ear
	output := func(c *talk) { c.gives("c1") }
	ends := func(c *talk) { c.done("B", "completed") }
	overtaken := func(c *talk) { c.busy(""); c.created("C") }
	goesOn := func(c *talk) { c.speaks("u"); c.voice(600) }
	cancelled := func(c *talk) { c.done("C", "cancelled") }
	stops := func(c *talk) { c.stops("u") }
	for name, test := range map[string]struct {
		run  []func(c *talk)
		want []string
	}{
		"words, an output": {[]func(*talk){words, output, ends}, []string{item, "create", turn}},
		"an output, words": {[]func(*talk){output, words, ends}, []string{item, "create", turn}},
		"an output after the request for the words": {[]func(*talk){words, ends, output, func(c *talk) { c.answer("C", "i1", 20) }},
			[]string{"create", turn, item, "create", "started C", "stopped C", "turn C completed 20ms"}},
		"the caller goes on before it is asked for": {[]func(*talk){output, words, ends, overtaken, goesOn, cancelled},
			[]string{item, "create", turn, "flush", "cancel C", "create", "turn C cancelled 0s"}},
		"the caller goes on twice, and only an output is answered": {
			[]func(*talk){output, words, ends, overtaken, goesOn, cancelled, stops, goesOn, func(c *talk) { c.created("D") }},
			[]string{item, "create", turn, "flush", "cancel C", "create", "turn C cancelled 0s"}},
		"the request for the words comes back, and the caller goes on": {[]func(*talk){words, ends, output, overtaken, goesOn, cancelled},
			[]string{"create", turn, item, "flush", "cancel C", "create", "turn C cancelled 0s"}},
		"the caller goes on when it was asked for": {
			[]func(*talk){output, words, ends, goesOn, func(c *talk) { c.created("C") }, cancelled, stops},
			[]string{item, "create", turn, "cancel C", "turn C cancelled 0s", "create"}},
		"the connection is lost, and an answer with it": {[]func(*talk){output, words, func(c *talk) { c.lose(); c.connect() }},
			[]string{item, "item function_call c1", "item function_call_output c1", "create"}},
	} {
		t.Run(name, func(t *testing.T) {
			c := newTalk(t, BargeIn{Resume: 500 * ms, Answers: true})
			c.Bind(func(name string) bool { return name == "act" })
			c.detects(false, false)
			c.created("A")
			c.calls("A", "c1")
			c.done("A", "completed")
			c.created("B")
			c.did = nil
			for _, do := range test.run {
				do(c)
			}
			c.want(test.want...)
		})
	}
}
