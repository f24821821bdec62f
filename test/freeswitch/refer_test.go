package freeswitch_test

import (
	"strings"
	"testing"
	"time"

	"mod_openai_audio_stream/test/farend"
)

// A call that the model has the caller's phone make (RFC 3515).

func init() {
	for name, a := range map[string]struct {
		phone *farend.Referral
		test  func(*testing.T, acting)
	}{
		"refer-taken":   {&farend.Referral{}, testReferTaken},
		"refer-refused": {&farend.Referral{Answer: 603}, testReferRefused},
		"refer-unknown": {nil, testReferRefused},
		"refer-failed":  {&farend.Referral{Target: 486}, testReferFailed},
	} {
		agents[name] = agent{tools: transferTo("refer", "sip:sales@127.0.0.1"), server: handOver, phone: farend.Invite{Refer: a.phone}, test: a.test}
	}
}

// wantReferred demands that the phone was sent to the destination and that the call is over with this result.
func (c acting) wantReferred(result string) {
	c.TB.Helper()
	<-c.Phone.Done()
	select {
	case to := <-c.Phone.Referred():
		if !strings.Contains(to, "sip:sales@127.0.0.1") {
			c.TB.Errorf("the phone was sent to %q", to)
		}
	default:
		c.TB.Error("the call was over before the phone was sent anywhere")
	}
	c.heardOnce(time.Second)
	c.wantEnd("transfer")
	if got := c.Event("CHANNEL_HANGUP_COMPLETE", 1)["variable_openai_audio_stream_transfer_result"]; got != result {
		c.TB.Errorf("the transfer's result is %q, want %q", got, result)
	}
}

// A phone that has got through to where it was sent needs the call no more.
func testReferTaken(_ *testing.T, c acting) { c.wantReferred("transferred") }

// Whoever has taken the REFER is gone, also if the destination is busy.
func testReferFailed(_ *testing.T, c acting) { c.wantReferred("failed") }

// A phone that refuses stays, and the caller goes on with the model.
func testReferRefused(_ *testing.T, c acting) { c.wantBack("refused") }
