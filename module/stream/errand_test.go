package stream

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tidwall/gjson"
)

const card = `<tool name="card" action="collect" timeout="60" then="charge"/>` +
	`<tool name="charge" action="set"><argument name="number"/></tool>`

// A function that the client answers by itself is over: nobody waits for its keys, nor reports it as late.
func TestClientAnswersAFunction(t *testing.T) {
	for action, test := range map[string]struct{ tool, status string }{
		"event":   {lookups, "hours done"},
		"collect": {card, "card cancelled"},
		"hangup":  {endCall, "end_call cancelled"},
	} {
		t.Run(action, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c, conn := act(t, nil, test.tool)
				name, _, _ := strings.Cut(test.status, " ")
				conn.responds("A")
				conn.speaks("A", tone(time.Second))
				conn.calls("A", "c1", name, "{}")
				synctest.Wait()
				c.own(func(s *Stream, now time.Time) {
					output := `{"type":"conversation.item.create","item":{"type":"function_call_output","call_id":"c1","output":"mine"}}`
					if _, err := s.client("", now, []byte(output)); err != nil {
						t.Error(err)
					}
				})
				conn.done("A")
				c.after(20 * time.Second)
				c.press("1")
				c.after(5 * time.Second)
				did := slices.DeleteFunc(c.host.did("hangup", "set"), func(line string) bool { return strings.Contains(line, sensitiveVariable) })
				if got := conn.outputs(); !slices.Equal(got, []string{"c1 mine"}) || len(did) > 0 {
					t.Errorf("the model was told %q, and done was %q; want the client's output alone", got, did)
				}
				c.wantTool(name+" started", test.status)
				c.wantKeys(`{"digits":"1","count":1,"ended_by":"timeout","masked":false}`)
				c.Command("call stop")
			})
		})
	}
}

// Who is to answer a function gets its arguments as an object, also where the model has written none.
func TestArgumentsOfAnEvent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, conn := act(t, nil, lookups)
		for n, arguments := range []string{"", " ", `{}`} {
			conn.calls("A", fmt.Sprint("c", n), "hours", arguments)
		}
		synctest.Wait()
		events := c.host.of("tool")
		if len(events) != 3 {
			t.Fatalf("tool events %q, want 3", events)
		}
		for n, body := range events {
			if gjson.Get(body, "call_id").Str != fmt.Sprint("c", n) || gjson.Get(body, "arguments").Raw != "{}" {
				t.Errorf("tool event %s, want call c%d with the arguments {}", body, n)
			}
		}
		c.Command("call stop")
	})
}

// The caller who is to press keys hears no filler meanwhile.
func TestNoFillerWhileKeysAreCollected(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, conn := act(t, map[string]string{"STREAM_FILLER": "tick"}, card)
		c.host.sounds = map[string][]int16{"tick": loud8(time.Second)}
		conn.responds("A")
		conn.calls("A", "c1", "card", "{}")
		conn.done("A")
		c.after(20 * time.Second)
		if did := c.host.did("open"); len(did) > 0 {
			t.Errorf("opened %q", did)
		}
		c.Command("call stop")
	})
}

// Commands that never return do not become more and more, although their functions have timed out.
func TestCommandsThatNeverReturn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, conn := act(t, nil, `<tool name="look" action="api" command="hang" timeout="1"/>`)
		c.host.stuck = make(chan struct{})
		for n := range 2 * maxErrands {
			id := fmt.Sprint("R", n)
			conn.responds(id)
			conn.calls(id, fmt.Sprint("c", n), "look", "{}")
			conn.done(id)
			c.after(1100 * time.Millisecond)
		}
		if did := c.host.did("api"); len(did) != maxErrands {
			t.Errorf("%d commands run, want %d at most", len(did), maxErrands)
		}
		if outputs := conn.outputs(); len(outputs) != 2*maxErrands {
			t.Errorf("%d outputs, want one for each call", len(outputs))
		}
		close(c.host.stuck)
		synctest.Wait()
		if status := c.Command("call status"); gjson.Get(status[4:], "late_results").Int() != maxErrands {
			t.Errorf("status %s, want %d late results", status, maxErrands)
		}
		c.Command("call stop")
	})
}

// A function that runs when the stream ends is reported as cancelled, and the model is asked for nothing any more.
func TestFunctionsAtTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, conn := act(t, nil, lookups+`<tool name="song" action="play" file="song.wav"/>`)
		c.host.sounds = map[string][]int16{"song.wav": loud8(time.Minute)}
		conn.responds("A")
		conn.calls("A", "c1", "hours", "{}")
		conn.done("A")
		conn.responds("B")
		conn.calls("B", "c2", "song", "{}")
		conn.done("B")
		c.after(time.Second)
		c.Command("call stop")
		synctest.Wait()
		got := c.host.of("tool")
		slices.Sort(got)
		cancelled := 0
		for _, body := range got {
			if gjson.Get(body, "status").Str == "cancelled" {
				cancelled++
			}
		}
		if len(got) != 4 || cancelled != 2 || len(conn.outputs()) > 0 || conn.count("response.create") > 0 {
			t.Errorf("tool events %q, outputs %q, %d responses asked for; want 2 started, 2 cancelled, and nothing", got,
				conn.outputs(), conn.count("response.create"))
		}
	})
}
