package farend

import (
	"context"
	"fmt"

	"github.com/emiago/sipgo/sip"
)

// Referral is how a phone takes a REFER (RFC 3515). It makes no call to where it is sent, but says how that went.
type Referral struct {
	Answer int  // status that answers the REFER; 0 = 202, it is accepted
	Target int  // status that the last NOTIFY has, of the call that was asked for; 0 = 200
	Silent bool // no NOTIFY comes
}

// referred answers a REFER of a call, and tells the other side how it went.
func (p *Phone) referred(r *sip.Request, tx sip.ServerTransaction) {
	c := p.call(r)
	if c == nil {
		respond(tx, r, sip.StatusCallTransactionDoesNotExists, "No such call here")
		return
	}
	if c.referral == nil {
		respond(tx, r, sip.StatusMethodNotAllowed, "No REFER here")
		return
	}
	to := ""
	if h := r.GetHeader("Refer-To"); h != nil {
		to = h.Value()
	}
	answer, target := c.referral.Answer, c.referral.Target
	if answer == 0 {
		answer = sip.StatusAccepted
	}
	if target == 0 {
		target = sip.StatusOK
	}
	select {
	case c.refers <- to:
	default: // nobody asks for so many
	}
	respond(tx, r, answer, "")
	if answer != sip.StatusAccepted || c.referral.Silent {
		return
	}
	p.serving.Go(func() { // ends with the phone
		if c.notify(p.ctx, "SIP/2.0 100 Trying", "active;expires=60") == nil {
			_ = c.notify(p.ctx, fmt.Sprintf("SIP/2.0 %d Over", target), "terminated;reason=noresource")
		}
	})
}

// notify tells the other side how the call is going that it has asked for.
func (c *Call) notify(ctx context.Context, fragment, state string) error {
	c.mu.Lock()
	request := sip.NewRequest(sip.NOTIFY, *c.target.Clone())
	c.mu.Unlock()
	request.AppendHeader(sip.NewHeader("Event", "refer"))
	request.AppendHeader(sip.NewHeader("Subscription-State", state))
	request.AppendHeader(sip.NewHeader("Content-Type", "message/sipfrag;version=2.0"))
	request.SetBody([]byte(fragment + "\r\n"))
	_, err := c.dialog.Do(ctx, request)
	return err
}

// Referred has where the phone was sent by a REFER: the header Refer-To.
func (c *Call) Referred() <-chan string { return c.refers }
