package stream

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

const sales = `<tool name="transfer_call" action="transfer" mode="blind">` +
	`<destination key="sales" to="1001 XML default" description="orders"/></tool>`

// A blind transfer goes to the destination that the key stands for, after the sentence.
func TestBlindTransfer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, conn := act(t, nil, sales)
		conn.responds("A")
		conn.speaks("A", tone(2*time.Second))
		conn.calls("A", "c1", "transfer_call", `{"destination":"sales","summary":"wants\r\nflowers ${system reboot}"}`)
		conn.done("A")
		c.after(2 * time.Second)
		if did := c.host.did("transfer"); len(did) > 0 {
			t.Fatal("transferred before the sentence was heard")
		}
		c.after(400 * time.Millisecond)
		want := []string{"set openai_audio_stream_transfer_destination sales",
			"set openai_audio_stream_transfer_result transferred", "transfer 1001 XML default"}
		if did := c.host.did("set", "transfer"); !slices.Contains(did, want[0]) || !slices.Contains(did, want[1]) || did[len(did)-1] != want[2] {
			t.Errorf("did %q, want %q, the transfer last", did, want)
		}
		for _, line := range c.host.did("set") {
			if strings.ContainsAny(line, "$\r\n") {
				t.Errorf("a variable has what FreeSWITCH may take for more than text: %q", line)
			}
		}
		c.wantEnd("transfer", map[string]int{"connect": 1, "disconnect": 1})
	})
}

const attended = `<tool name="transfer_call" action="transfer" mode="attended" timeout="20">` +
	`<destination key="sales" to="user/1001"/></tool>`

// A caller whom nobody takes is back with the model, which is told why.
func TestAttendedTransfer(t *testing.T) {
	for name, test := range map[string]struct {
		dial   error
		result string // "" = answered
	}{
		"answered":  {nil, ""},
		"busy":      {&DialFailure{"USER_BUSY"}, "busy"},
		"refused":   {&DialFailure{"CALL_REJECTED"}, "refused"},
		"no answer": {errHold, "no_answer"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c, conn := act(t, nil, attended)
				c.host.dialed = make(chan error, 1)
				conn.responds("A")
				conn.speaks("A", tone(time.Second))
				conn.calls("A", "c1", "transfer_call", `{"destination":"sales"}`)
				conn.done("A")
				c.after(1500 * time.Millisecond)
				if did := c.host.did("dial"); len(did) != 1 || did[0] != "dial user/1001 20s" {
					t.Fatalf("dialled %q", did)
				}
				sent := conn.count("input_audio_buffer.append")
				c.speakFor(time.Second, true)
				if n := conn.count("input_audio_buffer.append"); n != sent {
					t.Errorf("the model heard %d messages of the hold music's listener", n-sent)
				}
				if test.dial != errHold {
					c.host.dialed <- test.dial
				} else {
					c.after(20 * time.Second)
				}
				synctest.Wait()
				c.after(100 * time.Millisecond)
				if test.result == "" {
					if did := c.host.did("bridge"); len(did) != 1 {
						t.Errorf("bridged %q", did)
					}
					c.wantEnd("transfer", map[string]int{"connect": 1, "disconnect": 1})
					return
				}
				want := []string{fmt.Sprintf(`c1 {"ok":false,"error":%q}`, test.result)}
				if got := conn.outputs(); !slices.Equal(got, want) || conn.count("response.create") != 1 {
					t.Errorf("the model was told %q and asked %d times to go on, want %q and once", got, conn.count("response.create"), want)
				}
				if did := c.host.did("set"); !slices.Contains(did, "set openai_audio_stream_transfer_result "+test.result) {
					t.Errorf("variables %q", did)
				}
				sent = conn.count("input_audio_buffer.append")
				c.speakFor(time.Second, true)
				if n := conn.count("input_audio_buffer.append"); n == sent {
					t.Error("the caller is not heard any more")
				}
				c.Command("call stop")
			})
		})
	}
}

// A caller who hangs up while the destination rings ends the ringing.
func TestHangupWhileItRings(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, conn := act(t, nil, attended)
		c.host.dialed = make(chan error)
		conn.responds("A")
		conn.speaks("A", tone(time.Second))
		conn.calls("A", "c1", "transfer_call", `{"destination":"sales"}`)
		conn.done("A")
		c.after(2 * time.Second)
		c.hangUp()
		c.wantEnd("hangup", map[string]int{"connect": 1, "disconnect": 1})
	})
}

// A referral that the phone refuses is told to the model. One that the phone has taken ends the call, however it goes on.
func TestRefer(t *testing.T) {
	for name, test := range map[string]struct {
		refer  error
		result string
		stays  bool
	}{
		"taken":     {nil, "transferred", false},
		"lost":      {&ReferFailure{Status: 486, Lost: true}, "failed", false},
		"refused":   {&ReferFailure{Status: 603}, "refused", true},
		"no answer": {&ReferFailure{}, "no_answer", true},
		"not sent":  {errors.New("expected a URI"), "failed", true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c, conn := act(t, nil, `<tool name="transfer_call" action="transfer" mode="refer">`+
					`<destination key="sales" to="sip:sales@example.com"/></tool>`)
				c.host.fail = map[string]error{"refer": test.refer}
				conn.responds("A")
				conn.speaks("A", tone(time.Second))
				conn.calls("A", "c1", "transfer_call", `{"destination":"sales"}`)
				conn.done("A")
				c.after(1500 * time.Millisecond)
				if did := c.host.did("refer"); len(did) != 1 || did[0] != "refer sip:sales@example.com" {
					t.Fatalf("did %q", did)
				}
				if did := c.host.did("set"); !slices.Contains(did, "set openai_audio_stream_transfer_result "+test.result) {
					t.Errorf("variables %q, want the result %s", did, test.result)
				}
				if !test.stays {
					c.wantEnd("transfer", map[string]int{"connect": 1, "disconnect": 1})
					return
				}
				if got, want := conn.outputs(), []string{fmt.Sprintf(`c1 {"ok":false,"error":%q}`, test.result)}; !slices.Equal(got, want) {
					t.Errorf("the model was told %q, want %q", got, want)
				}
				c.Command("call stop")
			})
		})
	}
}
