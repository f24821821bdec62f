package freeswitch_test

import (
	"testing"
	"time"

	"github.com/tidwall/gjson"
)

func init() {
	agents["lookup"] = agent{test: testLookup,
		tools: `<tool name="hours" action="http" url="{service}/hours"><argument name="day" required="true"/></tool>` +
			`<tool name="remember" action="set"><argument name="wish"/></tool>`,
		server: fast(acts(calling("hours", `{"day":"monday"}`),
			calling("remember", `{"wish":"${system touch /tmp/never}\r\nX-Header: y"}`)))}
	agents["unanswered-function"] = agent{test: testUnansweredFunction,
		tools: `<tool name="hours" action="event" timeout="2"/>`, server: fast(acts(calling("hours", "{}")))}
}

// Two functions in one response: each has its output, and the model goes on once. What the model says stays text.
func testLookup(t *testing.T, c acting) {
	asked := <-c.asked
	asked.answer <- `{"open":true}`
	c.Event("turn", 1)
	for field, want := range map[string]string{"uuid": c.Agent, "tool": "hours", "arguments.day": "monday"} {
		if got := gjson.Get(asked.body, field).Str; got != want {
			t.Errorf("the service was asked with %s %q, want %q", field, got, want)
		}
	}
	if told := c.told(); len(told) != 2 || told[0] == told[1] {
		t.Errorf("the model was told %q, want one output of each function", told)
	}
	outputs := map[string]string{"hours": `{"ok":true,"result":{"open":true}}`, "remember": `{"ok":true}`}
	for _, called := range c.session().Sent("response.function_call_arguments.done") {
		name := called.Get("name").String()
		for _, e := range c.session().Received("conversation.item.create") {
			if e.Get("item.call_id").String() == called.Get("call_id").String() && e.Get("item.output").String() != outputs[name] {
				t.Errorf("%s has come to %s, want %s", name, e.Get("item.output"), outputs[name])
			}
		}
	}
	if n := len(c.session().Received("response.create")); n != 2 {
		t.Errorf("%d responses asked for, want the greeting and one", n)
	}
	wantVariable(c.Call, "tool_remember_wish", "{system touch /tmp/never}X-Header: y")
}

// A function that nobody answers has failed after its time, and the model goes on.
func testUnansweredFunction(t *testing.T, c acting) {
	called := c.Event("tool", 1)
	if body := called["_body"]; gjson.Get(body, "name").Str != "hours" {
		t.Errorf("a program is asked for %s", body)
	}
	c.wantTool(2, "timeout")
	if took := time.Duration(gjson.Get(c.Event("tool", 2)["_body"], "ms").Int()) * time.Millisecond; took < 2*time.Second || took > 3*time.Second {
		c.Blame(c.since, "it has failed after %v, want 2s", took)
	}
	c.Event("turn", 1)
	c.wantTold(`{"ok":false,"error":"timeout"}`)
}
