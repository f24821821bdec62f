package ledger

import (
	"strings"
	"testing"
)

// What the server runs by itself is waited for, and otherwise left alone.
func TestCallsThatTheServerRuns(t *testing.T) {
	const (
		added     = `{"type":"response.output_item.added","response_id":"A","item":{"id":"m1","type":"mcp_call","name":"f","arguments":"","output":null}}`
		itemDone  = `{"type":"response.output_item.done","response_id":"A","item":{"id":"m1","type":"mcp_call","name":"f","arguments":"{}","output":"noon"}}`
		failed    = `{"type":"response.output_item.done","response_id":"A","item":{"id":"m1","type":"mcp_call","output":null,"error":{"type":"x"}}}`
		written   = `{"type":"response.output_item.done","response_id":"A","item":{"id":"m1","type":"mcp_call","name":"f","arguments":"{}","output":null,"error":null}}`
		progress  = `{"type":"response.mcp_call.in_progress","item_id":"m1"}`
		completed = `{"type":"response.mcp_call.completed","item_id":"m1"}`
		failure   = `{"type":"response.mcp_call.failed","item_id":"m1"}`
		done      = `{"type":"response.done","response":{"id":"A","status":"completed"}}`
		cancelled = `{"type":"response.done","response":{"id":"A","status":"cancelled"}}`
		asks      = `{"type":"response.output_item.added","response_id":"A","item":{"id":"m2","type":"mcp_approval_request"}}`
		conv      = `{"type":"conversation.item.added","item":{"id":"m1","type":"mcp_call","name":"f"}}`
	)
	for name, test := range map[string]struct {
		events  []string
		calling bool
	}{
		"is announced":                       {[]string{added, conv}, true},
		"is written":                         {[]string{added, written}, true},
		"is under way":                       {[]string{progress}, true},
		"is under way after the response":    {[]string{added, written, done, progress}, true},
		"is completed":                       {[]string{added, progress, completed, itemDone}, false},
		"has failed":                         {[]string{added, progress, failure, failed}, false},
		"has an output":                      {[]string{added, itemDone}, false},
		"has an error":                       {[]string{added, failed}, false},
		"was cut":                            {[]string{added, cancelled}, false},
		"is to be approved, and nobody will": {[]string{asks}, false},
	} {
		t.Run(name, func(t *testing.T) {
			c := acting(t)
			c.created("A")
			for _, msg := range test.events {
				c.server("%s", msg)
			}
			c.server(`{"type":"response.done","response":{"id":"A","status":"completed"}}`)
			if c.Calling() != test.calling || c.Quiet(c.now) == test.calling {
				t.Errorf("calling %v, quiet %v", c.Calling(), c.Quiet(c.now))
			}
			for _, line := range c.did {
				if !strings.HasPrefix(line, "turn ") {
					t.Errorf("did %s", line)
				}
			}
			if got := c.replayed(); got != nil {
				t.Errorf("the next session is told %q", got)
			}
			if c.Calling() {
				t.Error("the next session calls")
			}
		})
	}
}

// The server says nothing while it waits for its own call, for much longer than for a response.
func TestAResponseThatWaitsForACallOfTheServers(t *testing.T) {
	c := acting(t)
	c.created("A")
	c.server(`{"type":"response.output_item.added","response_id":"A","item":{"id":"m1","type":"mcp_call"}}`)
	c.tick(maxMCP - 1)
	c.do(c.Tick(c.now))
	if c.Spoken("A").Over {
		t.Error("the response was given up")
	}
	c.server(`{"type":"response.mcp_call.completed","item_id":"m1"}`)
	c.tick(maxSilence - 1)
	if c.Spoken("A").Over {
		t.Error("the response was given up after the call")
	}
	c.server(`{"type":"response.mcp_call.in_progress","item_id":"m2"}`)
	c.tick(maxMCP)
	if c.Calling() {
		t.Error("a call without an end is waited for")
	}
	if c.tick(1); !c.Spoken("A").Over {
		t.Error("a response without an end is waited for")
	}
}
