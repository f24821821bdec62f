package stream

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tidwall/gjson"

	"mod_openai_audio_stream/module/tool"
	"mod_openai_audio_stream/module/transport"
)

// leaves has the model call a function in a response, with a sentence of this length before it.
func (c *call) leaves(conn *fakeConn, name, arguments string, sentence time.Duration) {
	conn.responds("A")
	conn.speaks("A", tone(sentence))
	conn.calls("A", "c1", name, arguments)
	conn.done("A")
	c.after(sentence + 500*time.Millisecond)
}

const toSales = `{"destination":"sales"}`

// A goodbye that was asked for is heard to its end although the server gives its responses no ids, or announces none.
func TestGoodbyeOfASparingServer(t *testing.T) {
	for name, response := range map[string]struct {
		id        string
		announced bool
	}{"no ids": {"", true}, "not announced": {"B", false}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c, conn := act(t, nil, endCall)
				c.leaves(conn, "end_call", "{}", 0)
				if response.announced {
					conn.responds(response.id)
				}
				conn.speaks(response.id, tone(7*time.Second))
				conn.done(response.id)
				c.after(7 * time.Second)
				if did := c.host.did("hangup"); len(did) > 0 {
					t.Fatalf("ended after %v of a goodbye of 7s", c.heardFor())
				}
				c.after(500 * time.Millisecond)
				c.wantEnd("hangup_tool", map[string]int{"connect": 1, "disconnect": 1})
			})
		})
	}
}

// A model that was told that all is well, so that it says a sentence, is told afterwards that nothing came of it.
func TestNothingCameOfIt(t *testing.T) {
	for name, test := range map[string]struct {
		tool, function, arguments string
		why                       func(c *call, conn *fakeConn)
		told                      string
		responses                 int
	}{
		"busy": {attended, "transfer_call", toSales, func(c *call, conn *fakeConn) {
			c.after(5 * time.Second) // no sentence comes, so it rings
			c.host.dialed <- &DialFailure{"USER_BUSY"}
		}, `[The result of transfer_call: {"ok":false,"error":"busy"}]`, 2},
		"called off": {endCall, "end_call", "{}", func(c *call, conn *fakeConn) {
			conn.says(`{"type":"input_audio_buffer.speech_started"}`)
		}, `[The result of end_call: {"ok":false,"error":"the caller spoke: end_call was not carried out"}]`, 1},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c, conn := act(t, nil, test.tool)
				c.host.dialed = make(chan error, 1)
				c.leaves(conn, test.function, test.arguments, 0)
				conn.responds("B") // without a word
				conn.done("B")
				test.why(c, conn)
				c.after(100 * time.Millisecond)
				var told []string
				for _, msg := range conn.of("conversation.item.create") {
					if text := gjson.Get(msg, "item.content.0.text"); text.Exists() {
						told = append(told, text.Str)
					}
				}
				if n := conn.count("response.create"); !slices.Equal(told, []string{test.told}) || n != test.responses {
					t.Errorf("told %q and asked for %d responses, want %q and %d", told, n, test.told, test.responses)
				}
				c.Command("call stop")
			})
		})
	}
}

// The caller hears music from when it begins to ring, though nothing else happens then.
func TestMusicWhileItRings(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, conn := act(t, nil, attended)
		c.host.dialed = make(chan error, 1)
		c.host.sounds = map[string][]int16{tool.HoldMusic: loud8(30 * time.Second)}
		c.leaves(conn, "transfer_call", toSales, time.Second)
		c.after(time.Second)
		loud := slices.ContainsFunc(c.host.rings.heard[16000:], func(v int16) bool { return v == 5000 })
		if !loud {
			t.Error("the caller hears nothing while it rings")
		}
		c.Command("call stop")
	})
}

// A phone that has left is hung up, also when the stream has ended meanwhile.
func TestReferredWhenTheStreamIsOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, conn := act(t, nil, `<tool name="transfer_call" action="transfer" mode="refer">`+
			`<destination key="sales" to="sip:sales@example.com"/></tool>`)
		c.host.referred = make(chan error)
		c.leaves(conn, "transfer_call", toSales, time.Second)
		c.Command("call stop")
		c.host.referred <- nil
		synctest.Wait()
		if did := c.host.did("refer", "hangup"); len(did) != 2 || did[1] != "hangup BLIND_TRANSFER" {
			t.Errorf("did %q, want a refer and a hang-up", did)
		}
	})
}

// A destination rings on when the server has gone: the caller waits for it, not for the model.
func TestServerClosesWhileItRings(t *testing.T) {
	for name, test := range map[string]struct {
		dial   error
		reason string
	}{"answered": {nil, "transfer"}, "busy": {&DialFailure{"USER_BUSY"}, "server_closed"}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c, conn := act(t, nil, attended)
				c.host.dialed = make(chan error, 1)
				c.leaves(conn, "transfer_call", toSales, time.Second)
				conn.closed(transport.CloseNormal, "")
				c.after(10 * time.Second)
				c.host.dialed <- test.dial
				c.after(100 * time.Millisecond)
				if did := c.host.did("bridge"); (len(did) == 1) != (test.dial == nil) {
					t.Errorf("bridged %q", did)
				}
				c.wantEnd(test.reason, map[string]int{"connect": 1, "disconnect": 1})
			})
		})
	}
}
