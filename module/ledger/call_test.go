package ledger

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"mod_openai_audio_stream/module/realtime"
)

// acting is a conversation with a profile that binds the functions "act" and "look".
func acting(t *testing.T) *talk {
	t.Helper()
	c := newTalk(t, BargeIn{})
	c.Bind(func(name string) bool { return name == "act" || name == "look" })
	return c
}

// functionCall is an item of the model's.
func functionCall(id, name, status string) string {
	return fmt.Sprintf(`{"id":"item of %s","type":"function_call","status":%q,"name":%q,"call_id":%[1]q,"arguments":"{\"a\":1}"}`, id, status, name)
}

// calls has a response call a function.
func (c *talk) calls(response, id string) {
	c.t.Helper()
	c.itemDone(response, functionCall(id, "act", "completed"))
}

func (c *talk) itemDone(response, item string) {
	c.t.Helper()
	c.server(`{"type":"response.output_item.done","response_id":%q,"item":%s}`, response, item)
}

// gives is the output of a function that is to be spoken of, and reports whether its call waited for it.
func (c *talk) gives(id string) bool { return c.outputs(id, true) }

func (c *talk) outputs(id string, reply bool) bool {
	todo, known := c.Output(id, `{"ok":true}`, reply, c.now)
	c.do(todo)
	return known
}

// sends is an output of the client's.
func (c *talk) sends(id string) error {
	return c.client(fmt.Sprintf(`{"type":"conversation.item.create","item":{"type":"function_call_output","call_id":%q,"output":"mine"}}`, id))
}

// A server may speak of a call in many ways. It is run once, when it is complete.
func TestACallIsRunOnce(t *testing.T) {
	const (
		run     = `call c1 act {"a":1} of A`
		added   = `{"type":"response.output_item.added","response_id":"A","item":{"id":"item of c1","type":"function_call","status":"in_progress","name":"act","call_id":"c1","arguments":""}}`
		written = `{"type":"response.function_call_arguments.done","response_id":"A","item_id":"item of c1","call_id":"c1","name":"act","arguments":"{\"a\":1}"}`
		unnamed = `{"type":"response.function_call_arguments.done","response_id":"A","item_id":"item of c1","call_id":"c1","arguments":"{\"a\":1}"}`
		noID    = `{"type":"response.function_call_arguments.done","response_id":"A","item_id":"item of c1","arguments":"{\"a\":1}"}`
		done    = `{"type":"response.done","response":{"id":"A","status":"completed"}}`
		cancel  = `{"type":"response.done","response":{"id":"A","status":"cancelled"}}`
	)
	itemDone := func(name, status string) string {
		return `{"type":"response.output_item.done","response_id":"A","item":` + functionCall("c1", name, status) + `}`
	}
	listed := func(response, item string) string {
		return fmt.Sprintf(`{"type":"response.done","response":{"id":"A","status":%q,"output":[{"type":"message"},%s]}}`, response, functionCall("c1", "act", item))
	}
	for name, test := range map[string]struct {
		events []string
		want   []string
	}{
		"an item":                                           {[]string{itemDone("act", "completed")}, []string{run}},
		"an item without a status":                          {[]string{strings.Replace(itemDone("act", "x"), `"status":"x",`, "", 1)}, []string{run}},
		"everything that a server can say":                  {[]string{added, written, itemDone("act", "completed"), itemDone("act", "completed"), listed("completed", "completed")}, []string{run}},
		"written only":                                      {[]string{written, done}, []string{run}},
		"written, and named by the item before":             {[]string{added, unnamed, done}, []string{run}},
		"written, and known by the item before":             {[]string{added, noID, done}, []string{run}},
		"not before it is sure":                             {[]string{added, written}, nil},
		"listed only":                                       {[]string{listed("completed", "completed")}, []string{run}},
		"listed without a status":                           {[]string{strings.Replace(listed("completed", "x"), `"status":"x",`, "", 1)}, []string{run}},
		"listed by a response that was cut":                 {[]string{listed("cancelled", "completed")}, []string{run}},
		"interrupted":                                       {[]string{added, written, itemDone("act", "incomplete"), listed("cancelled", "incomplete")}, nil},
		"interrupted, and its item says so":                 {[]string{added, written, itemDone("act", "incomplete"), done}, nil},
		"interrupted, and nothing says so":                  {[]string{added, written, cancel}, nil},
		"interrupted, and nothing says so but the response": {[]string{strings.Replace(listed("cancelled", "x"), `"status":"x",`, "", 1)}, nil},
		"a function of the client's":                        {[]string{itemDone("other", "completed"), done}, nil},
		"a call without an id":                              {[]string{strings.ReplaceAll(itemDone("act", "completed"), "c1", ""), done}, nil},
		"a call with an endless id":                         {[]string{strings.ReplaceAll(itemDone("act", "completed"), "c1", strings.Repeat("c", maxCallID+1)), done}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			c := acting(t)
			c.created("A")
			for _, msg := range test.events {
				c.server("%s", msg)
			}
			got := slices.DeleteFunc(c.did, func(line string) bool { return !strings.HasPrefix(line, "call ") })
			if !slices.Equal(got, test.want) {
				t.Errorf("%q, want %q", got, test.want)
			}
			if c.Calling() != (test.want != nil) {
				t.Errorf("calling: %v", c.Calling())
			}
			if test.want != nil && !strings.Contains(strings.Join(c.replayed(), ""), "function_call c1") {
				t.Error("the next session does not learn of it")
			}
		})
	}
}

// The answer of a server that says neither when responses begin nor when they end.
func TestACallOfAServerThatAnnouncesNothing(t *testing.T) {
	c := acting(t)
	_ = c.say("hello")
	c.calls("A", "c1")
	c.gives("c1")
	c.want("create hello", `call c1 act {"a":1} of A`, "turn A  0s", "item function_call_output c1", "create")
	if !c.Spoken("A").Over {
		t.Error("its end is waited for")
	}
	c.calls("A", "c2") // which nobody wants to hear of
	c.outputs("c2", false)
	c.created("B")
	c.done("B", "completed")
	c.want(`call c2 act {"a":1} of A`, "item function_call_output c2", "turn B completed 0s")
}

// Nor does it say whether they are out of band.
func TestACallOfAServerThatAnnouncesNothingOutOfBand(t *testing.T) {
	c := acting(t)
	_ = c.client(`{"type":"response.create","response":{"conversation":"none"}}`)
	c.calls("A", "c1")
	c.want("create")
	if c.Calling() {
		t.Error("it was taken")
	}
}

func TestCallsOutOfBandAreTheClients(t *testing.T) {
	c := acting(t)
	_ = c.client(`{"type":"response.create","response":{"conversation":"none"}}`)
	c.server(`{"type":"response.created","response":{"id":"A","conversation_id":null}}`)
	c.server(`{"type":"response.output_item.added","response_id":"A","item":%s}`, functionCall("c1", "act", "in_progress"))
	c.server(`{"type":"response.function_call_arguments.done","response_id":"A","call_id":"c1","name":"act","arguments":"{}"}`)
	c.calls("A", "c1")
	c.server(`{"type":"response.done","response":{"id":"A","status":"completed","conversation_id":null,"output":[%s]}}`, functionCall("c1", "act", "completed"))
	c.want("create")
	if c.gives("c1") || c.Calling() {
		t.Error("it was taken")
	}
}

func TestAnOutputWaitsForTheResponseThatCalls(t *testing.T) {
	c := acting(t)
	c.created("A")
	c.calls("A", "c1")
	c.want(`call c1 act {"a":1} of A`)
	if !c.gives("c1") {
		t.Error("it was not waited for")
	}
	c.want()
	c.done("A", "completed")
	c.want("item function_call_output c1", "create", "turn A completed 0s")
	if c.Calling() {
		t.Error("it still calls")
	}
}

func TestOneCallHasOneOutput(t *testing.T) {
	c := acting(t)
	c.created("A")
	c.calls("A", "c1")
	c.gives("c1")
	if c.gives("c1") {
		t.Error("a second one is taken")
	}
	c.done("A", "completed")
	c.did = nil
	if c.gives("c1") || c.gives("c2") {
		t.Error("one is taken that nobody waits for")
	}
	c.calls("A", "c1")
	c.lose()
	c.connect()
	c.created("B")
	c.calls("B", "c1")
	c.done("B", "completed")
	c.want("item function_call c1", "item function_call_output c1", "create", "turn B completed 0s")
	if n := c.Totals().LateOutputs; n != 2 {
		t.Errorf("%d late outputs, want 2", n)
	}
}

// Two calls have two outputs, in their order, and one answer.
func TestTheOutputsOfOneResponse(t *testing.T) {
	for name, test := range map[string]struct {
		outputs func(c *talk)
		want    []string
	}{
		"in their order":       {func(c *talk) { c.gives("c1"); c.gives("c2") }, []string{"item function_call_output c1", "item function_call_output c2", "create"}},
		"in the wrong order":   {func(c *talk) { c.gives("c2"); c.gives("c1") }, []string{"item function_call_output c1", "item function_call_output c2", "create"}},
		"the first is silent":  {func(c *talk) { c.outputs("c1", false); c.gives("c2") }, []string{"item function_call_output c1", "item function_call_output c2", "create"}},
		"the last is silent":   {func(c *talk) { c.gives("c1"); c.outputs("c2", false) }, []string{"item function_call_output c1", "item function_call_output c2", "create"}},
		"both are silent":      {func(c *talk) { c.outputs("c1", false); c.outputs("c2", false) }, []string{"item function_call_output c1", "item function_call_output c2"}},
		"one is missing":       {func(c *talk) { c.gives("c1") }, []string{"item function_call_output c1"}},
		"the first is missing": {func(c *talk) { c.gives("c2") }, nil},
		"the client gives the second": {func(c *talk) { _ = c.sends("c2"); c.gives("c1") },
			[]string{"item function_call_output c2", "answered c2", "item function_call_output c1", "create"}},
	} {
		for _, early := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s, early %v", name, early), func(t *testing.T) {
				if early && strings.HasPrefix(name, "the client") {
					t.Skip("then they are sent in their order")
				}
				c := acting(t)
				c.created("A")
				c.calls("A", "c1")
				c.calls("A", "c2")
				if early {
					test.outputs(c)
				}
				c.done("A", "completed")
				c.did = slices.DeleteFunc(c.did, func(line string) bool { return line[0] == 'c' && line != "create" || line[0] == 't' })
				if !early {
					test.outputs(c)
				}
				c.want(test.want...)
			})
		}
	}
}

// The caller speaks, and the server answers by itself: the output goes in, and the model goes on after that answer, once.
func TestTheCallerSpeaksWhileAFunctionRuns(t *testing.T) {
	c := acting(t)
	c.created("A")
	c.calls("A", "c1")
	c.done("A", "completed")
	c.speaks("u1")
	c.stops("u1")
	c.created("B")
	c.did = nil
	c.gives("c1")
	c.want("item function_call_output c1")
	c.calls("B", "c2")
	c.gives("c2")
	c.want(`call c2 act {"a":1} of B`)
	c.done("B", "completed")
	c.want("item function_call_output c2", "create", "turn B completed 0s")
}

// One request does for the calls of several responses, if it is sent after all their outputs.
func TestOneAnswerToTheOutputsOfTwoResponses(t *testing.T) {
	for name, collides := range map[string]bool{"both wait": false, "the first comes back": true} {
		t.Run(name, func(t *testing.T) {
			c := acting(t)
			for _, id := range []string{"A", "B"} {
				c.created(id)
				c.calls(id, "of "+id)
				c.done(id, "completed")
			}
			if !collides {
				c.created("C")
			}
			c.gives("of A")
			c.gives("of B")
			if collides {
				c.busy("oas_response_2")
				c.created("C")
			}
			c.did = nil
			c.done("C", "completed")
			c.want("create", "turn C completed 0s")
			c.created("D")
			c.done("D", "completed")
			c.want("turn D completed 0s")
		})
	}
}

// The request collides with a response that the server began by itself: it is sent again, not doubled.
func TestTheAnswerToAnOutputCollides(t *testing.T) {
	c := acting(t)
	c.created("A")
	c.calls("A", "c1")
	c.done("A", "completed")
	c.gives("c1")
	c.created("B")
	c.did = nil
	c.busy("oas_response_2")
	c.done("B", "completed")
	c.want("create", "turn B completed 0s")
	c.created("C")
	c.done("C", "completed")
	c.want("turn C completed 0s")
}

func TestAFunctionRunsOnWhileTheConnectionIsLost(t *testing.T) {
	for name, test := range map[string]struct {
		before, between, after func(c *talk)
	}{
		"and ends after it":  {after: func(c *talk) { c.gives("c1") }},
		"and ends meanwhile": {between: func(c *talk) { c.gives("c1") }},
		"and has ended":      {before: func(c *talk) { c.gives("c1") }},
	} {
		t.Run(name, func(t *testing.T) {
			do := func(f func(*talk), c *talk) {
				if f != nil {
					f(c)
				}
			}
			c := acting(t)
			_ = c.say("hello")
			c.created("A") // and is not done before it is lost
			c.calls("A", "c1")
			do(test.before, c)
			c.want("create hello", `call c1 act {"a":1} of A`)
			c.lose()
			do(test.between, c)
			c.want("turn A lost 0s")
			c.connect()
			c.calls("", "c1")
			do(test.after, c)
			c.want("item function_call c1", "item function_call_output c1", "create")
			c.answer("B", "i1", 100)
			c.did = nil
			c.lose()
			c.connect()
			c.want("item function_call c1", "item function_call_output c1")
		})
	}
}

// What waits for the next session is sent after the output, as it would have been.
func TestAnOutputComesBeforeWhatIsOwed(t *testing.T) {
	c := acting(t)
	c.created("A")
	c.calls("A", "c1")
	_ = c.say("two")
	c.lose()
	c.outputs("c1", false)
	c.did = nil
	c.connect()
	c.want("item function_call c1", "item function_call_output c1", "create two")
}

// Asking again for a response that has acted would have it act again, so it is not taken back either.
func TestAResponseThatCalledIsNotRepeated(t *testing.T) {
	for name, call := range map[string]func(c *talk){
		"a function of ours": func(c *talk) { c.calls("A", "c1") },
		"of MCP's": func(c *talk) {
			c.server(`{"type":"response.output_item.added","response_id":"A","item":{"id":"m1","type":"mcp_call"}}`)
		},
	} {
		t.Run(name, func(t *testing.T) {
			c := acting(t)
			_ = c.say("hello")
			c.created("A")
			c.audio("A", "i1", 1000)
			call(c)
			if key := c.Repeatable(); key != "" {
				t.Errorf("%s is to be taken back", key)
			}
			c.lose()
			c.did = nil
			c.connect()
			for _, line := range c.did {
				if strings.HasPrefix(line, "create") {
					t.Error(line)
				}
			}
		})
	}
}

// A server refuses the output of a call that it does not know. Then it is not sent.
func TestAnOutputWithoutItsCallIsDropped(t *testing.T) {
	for name, forget := range map[string]func(c *talk){
		"it was deleted": func(c *talk) {
			c.server(`{"type":"conversation.item.deleted","item_id":"item of c1"}`)
		},
		"it was forgotten": func(c *talk) {
			for range maxItems {
				_ = c.client(system)
			}
			c.lose()
			c.connect()
		},
		"the next session refused it": func(c *talk) {
			c.lose()
			todo, _ := c.Connected(c.now)
			c.error(realtime.EventID(todo.Send[0]), "invalid_value", "no")
		},
	} {
		t.Run(name, func(t *testing.T) {
			c := acting(t)
			c.created("A")
			c.calls("A", "c1")
			c.done("A", "completed")
			forget(c)
			c.did = nil
			if !c.gives("c1") {
				t.Error("its function was not waited for")
			}
			c.want()
			if c.Calling() {
				t.Error("it still calls")
			}
			if n := c.Totals().LateOutputs; n != 1 {
				t.Errorf("%d late outputs, want 1", n)
			}
		})
	}
}

// A conversation may grow beyond what is kept of it while a function runs. The server has not forgotten its call.
func TestAnOutputAfterALongConversation(t *testing.T) {
	c := acting(t)
	c.created("A")
	c.calls("A", "c1")
	c.done("A", "completed")
	for range maxItems {
		_ = c.client(system)
	}
	c.did = nil
	c.gives("c1")
	c.want("item function_call_output c1", "create")
}

// The same holds for outputs that were sent long ago, of any function.
func TestANewSessionIsToldOfNoOutputWithoutItsCall(t *testing.T) {
	c := newTalk(t, BargeIn{})
	c.server(callDone)
	_ = c.client(output)
	for range maxItems - 1 {
		_ = c.client(system)
	}
	if got := c.replayed(); len(got) != maxItems-1 || got[0] != "item system Be kind." {
		t.Errorf("%d items, the first is %q", len(got), got[0])
	}
}

// Only the one call too many is the client's.
func TestTooManyCalls(t *testing.T) {
	c := acting(t)
	c.created("A")
	for n := range maxCalls + 1 {
		c.calls("A", fmt.Sprint("c", n))
	}
	c.done("A", "completed")
	if c.gives(fmt.Sprint("c", maxCalls)) {
		t.Error("the one too many was taken")
	}
	c.did = nil
	_ = c.sends(fmt.Sprint("c", maxCalls))
	c.want("item function_call_output c64")
}

func TestNobodyIsQuietWhileAFunctionRuns(t *testing.T) {
	c := acting(t)
	quiet := func(want bool) {
		t.Helper()
		if c.Quiet(c.now) != want || c.Calling() == want {
			t.Errorf("quiet %v, calling %v", c.Quiet(c.now), c.Calling())
		}
	}
	c.created("A")
	c.calls("A", "c1")
	c.done("A", "completed")
	c.tick(time.Hour) // its owner knows how long it may take
	quiet(false)
	c.outputs("c1", false)
	quiet(true)
}

// Nothing goes out after the end.
func TestAnOutputAfterTheEnd(t *testing.T) {
	c := acting(t)
	c.created("A")
	c.calls("A", "c1")
	c.do(c.End(c.now))
	c.did = nil
	if c.gives("c1") || c.Calling() {
		t.Error("it is waited for")
	}
	c.want()
}
