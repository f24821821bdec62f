package ledger

import (
	"strings"
	"testing"
)

func TestTheClientAnswersACall(t *testing.T) {
	c := acting(t)
	c.created("A")
	c.calls("A", "c1")
	c.did = nil
	if err := c.client(`{"type":"conversation.item.create","item":{"type":"function_call_output","call_id":"c1","output":"mine"}}`, `{"type":"response.create"}`); err != nil {
		t.Fatal(err)
	}
	c.want("answered c1") // and nothing is sent
	if c.gives("c1") {
		t.Error("a second output is taken")
	}
	if err := c.sends("c1"); err == nil || !strings.Contains(err.Error(), `"c1" has had its output`) {
		t.Error(err)
	}
	c.done("A", "completed")
	c.want("item function_call_output c1", "create", "turn A completed 0s")
	if err := c.sends("c1"); err == nil {
		t.Error("a second output is sent")
	}
	if err := c.sends("other"); err != nil {
		t.Error(err)
	}
	c.want("item function_call_output other")
}

// A program that listens to the server may be faster than the server's last word on the call.
func TestTheClientAnswersBeforeTheCallIsComplete(t *testing.T) {
	c := acting(t)
	c.created("A")
	c.server(`{"type":"response.function_call_arguments.done","response_id":"A","call_id":"c1","name":"act","arguments":"{}"}`)
	_ = c.sends("c1")
	if err := c.sends("c1"); err == nil || c.gives("c1") {
		t.Error("a second output is taken")
	}
	c.calls("A", "c1")
	c.done("A", "completed")
	c.want("answered c1", "item function_call_output c1", "turn A completed 0s")
}

func TestTheClientAnswersAFunctionOfItsOwnAtOnce(t *testing.T) {
	c := acting(t)
	c.created("A")
	c.server(`{"type":"response.function_call_arguments.done","response_id":"A","call_id":"c1","name":"other","arguments":"{}"}`)
	_ = c.sends("c1")
	c.want("item function_call_output c1")
	if c.gives("c1") {
		t.Error("it was taken")
	}
}

// Both answer while there is no connection.
func TestTheClientsOutputIsHeldAndComesTooLate(t *testing.T) {
	c := acting(t)
	c.created("A")
	c.calls("A", "c1")
	c.done("A", "completed")
	c.lose()
	_ = c.sends("c1")
	c.gives("c1")
	c.did = nil
	c.connect()
	c.want("item function_call c1", "item function_call_output c1", "create")
	if n := c.Totals().LateOutputs; n != 1 {
		t.Errorf("%d late outputs, want 1", n)
	}
}
