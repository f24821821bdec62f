package stream

import (
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tidwall/gjson"
)

// act starts a stream whose profile has these tools.
func act(t *testing.T, variables map[string]string, tools string) (*call, *fakeConn) {
	t.Helper()
	c := newCall(t, variables)
	if err := c.Configure([]byte(`<configuration name="openai_audio_stream.conf"><profiles><profile name="p">` +
		`<param name="url" value="ws://h/"/><param name="rate" value="24k"/>` + tools + `</profile></profiles></configuration>`)); err != nil {
		t.Fatal(err)
	}
	if reply := c.Command("call start profile:p"); reply != "+OK stream started" {
		t.Fatal(reply)
	}
	synctest.Wait()
	conn := c.conns[0]
	conn.says(created)
	conn.says(`{"type":"session.updated","session":{}}`)
	synctest.Wait()
	return c, conn
}

// calls has a response call a function.

func (c *fakeConn) calls(response, callID, name, arguments string) {
	item := fmt.Sprintf(`{"id":"f%s","type":"function_call","status":"completed","call_id":%q,"name":%q,"arguments":%q}`, callID, callID, name, arguments)
	c.says(fmt.Sprintf(`{"type":"conversation.item.added","item":%s}`, item))
	c.says(fmt.Sprintf(`{"type":"response.output_item.done","response_id":%q,"item":%s}`, response, item))
}

// outputs are what the functions have answered, by call id, in the order in which they were sent.

func (c *fakeConn) outputs() (outputs []string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, msg := range c.sent {
		if item := gjson.Get(msg, "item"); item.Get("type").Str == "function_call_output" {
			outputs = append(outputs, item.Get("call_id").Str+" "+item.Get("output").Str)
		}
	}
	return outputs
}

func (c *fakeConn) count(kind string) (n int) {
	for _, t := range c.types() {
		if t == kind {
			n++
		}
	}
	return n
}

// did are the actions so far, each with its arguments.

func (a *fakeActions) did(actions ...string) (did []string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, line := range a.done {
		if name, _, _ := strings.Cut(line, " "); slices.Contains(actions, strings.TrimSpace(name)) {
			did = append(did, strings.TrimSpace(line))
		}
	}
	return did
}

func (c *call) wantTool(statuses ...string) {
	c.Helper()
	var got []string
	for _, body := range c.host.of("tool") {
		got = append(got, gjson.Get(body, "name").Str+" "+gjson.Get(body, "status").Str)
	}
	if !slices.Equal(got, statuses) {
		c.Errorf("tool events %q, want %q", got, statuses)
	}
}

const lookups = `<tool name="hours" action="event" timeout="5"/><tool name="price" action="event" timeout="5"/>`

// Two functions in one response: two outputs after it is done, then one response.create.
func TestTwoFunctions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, conn := act(t, nil, lookups)
		conn.responds("A")
		conn.calls("A", "c1", "hours", " ")
		conn.calls("A", "c2", "price", "{}")
		synctest.Wait()
		c.result("c2", `{"eur":3}`)
		if got := conn.outputs(); len(got) > 0 {
			t.Fatalf("told %q before the response was done", got)
		}
		conn.done("A")
		synctest.Wait()
		if n := conn.count("response.create"); n > 0 {
			t.Fatal("asked to go on with one function still running")
		}
		c.result("c1", "nine to five")
		want := []string{`c1 {"ok":true,"result":"nine to five"}`, `c2 {"ok":true,"result":{"eur":3}}`}
		got := conn.outputs()
		slices.Sort(got)
		if n := conn.count("response.create"); !slices.Equal(got, want) || n != 1 {
			t.Errorf("told %q and asked %d times, want %q and once", got, n, want)
		}
		if reply := c.Command("call tool_result c1 " + base64.StdEncoding.EncodeToString([]byte("x"))); !strings.HasPrefix(reply, "-ERR") {
			t.Errorf("a second result: %s", reply)
		}
		if body := c.host.of("tool")[0]; gjson.Get(body, "arguments").Raw != "{}" {
			t.Errorf("who is to answer is told %s", body)
		}
		c.Command("call stop")
	})
}

func (c *call) result(callID, text string) {
	c.Helper()
	if reply := c.Command("call tool_result " + callID + " " + base64.StdEncoding.EncodeToString([]byte(text))); reply != "+OK result taken" {
		c.Error(reply)
	}
	synctest.Wait()
}

// A function that never answers has failed after its timeout, and the model goes on.
func TestFunctionTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, conn := act(t, nil, lookups)
		conn.responds("A")
		conn.calls("A", "c1", "hours", "{}")
		conn.done("A")
		c.after(4900 * time.Millisecond)
		if got := conn.outputs(); len(got) > 0 {
			t.Fatalf("told %q before the timeout", got)
		}
		c.after(200 * time.Millisecond)
		if got := conn.outputs(); !slices.Equal(got, []string{`c1 {"ok":false,"error":"timeout"}`}) || conn.count("response.create") != 1 {
			t.Errorf("told %q, asked %d times", got, conn.count("response.create"))
		}
		c.wantTool("hours started", "hours timeout")
		c.Command("call stop")
	})
}

// What the model gets wrong is told to it, and nothing is done.
func TestBadArguments(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, conn := act(t, nil, sales+endCall)
		for n, arguments := range []string{`{"destination":"1002"}`, `{"destination":"${system reboot}"}`, `not json`, `{}`} {
			id := fmt.Sprint("R", n)
			conn.responds(id)
			conn.calls(id, fmt.Sprint("c", n), "transfer_call", arguments)
			conn.done(id)
			synctest.Wait()
			conn.responds(id + "b")
			conn.done(id + "b")
			synctest.Wait()
		}
		got := conn.outputs()
		for _, output := range got {
			if gjson.Get(output[3:], "ok").Bool() || gjson.Get(output[3:], "error").Str == "" {
				t.Errorf("told %q", output)
			}
		}
		if len(got) != 4 || conn.count("response.create") != 4 || len(c.host.did("transfer", "set")) > 0 {
			t.Errorf("%d outputs, %d responses asked for, did %q; want 4, 4 and nothing", len(got), conn.count("response.create"),
				c.host.did("transfer", "set"))
		}
		c.Command("call stop")
	})
}

const payment = `<tool name="take_card" action="collect" max="8" timeout="3" then="pay"/>` +
	`<tool name="pay" action="set"><argument name="number" type="string"/></tool>`

// The keys that a function collects go to the function behind it, and the model learns that it has worked.
func TestCollectedKeys(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, conn := act(t, nil, payment)
		conn.responds("A")
		conn.calls("A", "c1", "take_card", "{}")
		conn.calls("A", "c2", "take_card", "{}")
		conn.done("A")
		synctest.Wait()
		for _, digit := range []byte("4111#") {
			c.host.rings.press(digit)
			c.after(100 * time.Millisecond)
		}
		if did := c.host.did("set"); !slices.Contains(did, "set tool_pay_number 4111") {
			t.Errorf("did %q", did)
		}
		want := []string{`c1 {"ok":true}`, `c2 {"ok":false,"error":"another function collects keys"}`}
		if got := conn.outputs(); !slices.Equal(got, want) {
			t.Errorf("told %q, want %q", got, want)
		}
		for _, body := range append(c.host.of("dtmf"), c.host.of("tool")...) {
			if strings.Contains(body, "4111") {
				t.Errorf("an event has the keys: %s", body)
			}
		}
		c.Command("call stop")
	})
}

// What an API command prints is the result, unless it says that it has failed.
func TestAPICommand(t *testing.T) {
	for reply, want := range map[string]string{
		"3 calls\n":            `c1 {"ok":true,"result":"3 calls"}`,
		`{"calls":3}`:          `c1 {"ok":true,"result":{"calls":3}}`,
		"-ERR no such thing\n": `c1 {"ok":false,"error":"no such thing"}`,
	} {
		t.Run(reply, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c, conn := act(t, nil, `<tool name="count" action="api" command="show calls count"/>`)
				c.host.reply = reply
				conn.responds("A")
				conn.calls("A", "c1", "count", "{}")
				conn.done("A")
				synctest.Wait()
				if got := conn.outputs(); !slices.Equal(got, []string{want}) {
					t.Errorf("told %q, want %q", got, want)
				}
				if did := c.host.did("api"); !slices.Equal(did, []string{"api show calls count e30="}) {
					t.Errorf("did %q", did)
				}
				c.Command("call stop")
			})
		})
	}
}

// Music is heard until the model speaks again.
func TestHoldMusic(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, conn := act(t, nil, `<tool name="hold" action="hold" music="music"/>`)
		c.host.sounds = map[string][]int16{"music": slices.Repeat([]int16{500}, 8000)}
		conn.responds("A")
		conn.calls("A", "c1", "hold", "{}")
		conn.done("A")
		c.after(3 * time.Second)
		heard := c.host.rings.heard
		if tail := heard[len(heard)-8000:]; slices.ContainsFunc(tail, func(v int16) bool { return v != 500 }) {
			t.Error("the music is not heard all the time")
		}
		conn.responds("B")
		conn.speaks("B", tone(time.Second))
		conn.done("B")
		c.after(3 * time.Second)
		heard = c.host.rings.heard
		if tail := heard[len(heard)-8000:]; slices.Contains(tail, 500) {
			t.Error("the music goes on behind the answer")
		}
		c.Command("call stop")
	})
}
