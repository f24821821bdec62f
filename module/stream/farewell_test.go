package stream

import (
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tidwall/gjson"
)

const endCall = `<tool name="end_call" action="hangup" description="Ends the call"/>`

// A goodbye of 7 s that the server sends at once is heard to its end, and then the call is ended.
func TestHangupWhenHeard(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, conn := act(t, nil, endCall)
		conn.responds("A")
		conn.speaks("A", tone(7*time.Second))
		conn.calls("A", "c1", "end_call", "{}")
		conn.done("A")
		c.after(7 * time.Second)
		if did := c.host.did("hangup"); len(did) > 0 {
			t.Fatalf("ended before the goodbye was heard: %q", did)
		}
		c.after(400 * time.Millisecond)
		if did := c.host.did("hangup"); len(did) != 1 || did[0] != "hangup NORMAL_CLEARING" {
			t.Errorf("did %q, want one hang-up", did)
		}
		c.wantHeard(7 * time.Second)
		c.wantTool("end_call started", "end_call done")
		c.wantEnd("hangup_tool", map[string]int{"connect": 1, "disconnect": 1})
	})
}

// The caller who speaks keeps the call, twice.
func TestHangupCalledOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, conn := act(t, nil, endCall)
		for n := range 3 {
			id := fmt.Sprint("R", n)
			conn.responds(id)
			conn.speaks(id, tone(3*time.Second))
			conn.calls(id, fmt.Sprint("c", n), "end_call", "{}")
			conn.done(id)
			c.after(time.Second)
			conn.says(`{"type":"input_audio_buffer.speech_started"}`)
			c.after(time.Second)
			conn.says(`{"type":"input_audio_buffer.speech_stopped"}`)
			c.after(time.Second)
			if did := c.host.did("hangup"); (n == 2) != (len(did) == 1) {
				t.Fatalf("after %d times: %q", n+1, did)
			}
		}
		outputs := conn.outputs()
		if len(outputs) != 2 || gjson.Get(outputs[0][3:], "ok").Bool() {
			t.Errorf("the model was told %q, want twice that it failed", outputs)
		}
		if n := conn.count("response.create"); n != 0 {
			t.Errorf("%d responses asked for: the caller speaks", n)
		}
		c.wantTool("end_call started", "end_call cancelled", "end_call started", "end_call cancelled", "end_call started", "end_call done")
		c.wantEnd("hangup_tool", map[string]int{"connect": 1, "disconnect": 1})
	})
}

// Speech that does not interrupt changes nothing.
func TestHangupWithoutBargeIn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, conn := act(t, map[string]string{"STREAM_BARGE_IN": "off"}, endCall)
		conn.responds("A")
		conn.speaks("A", tone(3*time.Second))
		conn.calls("A", "c1", "end_call", "{}")
		conn.done("A")
		c.after(time.Second)
		conn.says(`{"type":"input_audio_buffer.speech_started"}`)
		c.after(3 * time.Second)
		c.wantHeard(3 * time.Second)
		c.wantEnd("hangup_tool", map[string]int{"connect": 1, "disconnect": 1})
	})
}

// A model that ends the call without a word is asked for one, and waited for.
func TestHangupWithoutAWord(t *testing.T) {
	for name, speaks := range map[string]bool{"says goodbye": true, "says nothing": false} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c, conn := act(t, nil, endCall)
				conn.responds("A")
				conn.calls("A", "c1", "end_call", "{}")
				conn.done("A")
				c.after(100 * time.Millisecond)
				if got := conn.outputs(); !slices.Equal(got, []string{`c1 {"ok":true}`}) || conn.count("response.create") != 1 {
					t.Fatalf("sent %q and %q, want an output and one response.create", got, conn.types())
				}
				if last := conn.sent[len(conn.sent)-1]; gjson.Get(last, "response.tool_choice").Str != "none" {
					t.Errorf("asked for a goodbye by %s", last)
				}
				if speaks {
					conn.responds("B")
					conn.speaks("B", tone(7*time.Second))
					conn.done("B")
					c.after(7 * time.Second)
				} else {
					c.after(4800 * time.Millisecond)
				}
				if did := c.host.did("hangup"); len(did) > 0 {
					t.Fatal("ended too early")
				}
				c.after(500 * time.Millisecond)
				c.wantEnd("hangup_tool", map[string]int{"connect": 1, "disconnect": 1})
			})
		})
	}
}

// Where no reply is wanted, none is asked for, and whoever goes on talking, an answering machine, stops nothing.
func TestTransferWithoutAWord(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, conn := act(t, nil, `<tool name="voicemail" action="transfer" reply="never"><destination key="m" to="machine"/></tool>`)
		conn.responds("A")
		conn.calls("A", "c1", "voicemail", `{"destination":"m"}`)
		conn.says(`{"type":"input_audio_buffer.speech_started"}`)
		conn.done("A")
		c.after(400 * time.Millisecond)
		if did := c.host.did("transfer"); !slices.Equal(did, []string{"transfer machine"}) {
			t.Errorf("did %q, want a transfer", did)
		}
		if n := conn.count("response.create"); n != 0 {
			t.Errorf("%d responses asked for", n)
		}
		c.wantEnd("transfer", map[string]int{"connect": 1, "disconnect": 1})
	})
}
