package farend

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/emiago/sipgo"
	"github.com/emiago/sipgo/sip"
)

// Invite is a call to make.
type Invite struct {
	To      string            // a SIP URI; its host must be a loopback address
	CallID  string            // "" = one is made up
	Headers map[string]string // more of the INVITE's
	Formats []Format          // offered, the preferred first; none = PCMU
	Quiet   bool              // silence suppression: no packets while nothing is played
	NoKeys  bool              // telephone-event is not offered
	Refer   *Referral         // what becomes of a REFER; nil: the phone knows none
}

// dialog is what sipgo's two kinds have in common.
type dialog interface {
	Do(context.Context, *sip.Request) (*sip.Response, error)
	WriteRequest(*sip.Request) error
	ReadBye(*sip.Request, sip.ServerTransaction) error
	Bye(context.Context) error
	Close() error
}

// Call is a call of a phone. Its methods may be called from any goroutine.
type Call struct {
	phone  *Phone
	id     string // Call-ID
	dialog dialog
	target sip.Uri // where requests of the dialog go
	media  *media
	noKeys bool

	referral *Referral   // nil: it knows no REFER
	refers   chan string // where it was sent by one

	cancel   func()        // gives an unanswered INVITE up; nil where the other side sent it
	answered chan struct{} // closed when the other side has answered
	done     chan struct{} // closed when the call has ended

	asking sync.Mutex // Held during an INVITE of ours.

	mu      sync.Mutex // Protects following.
	version int        // of our session description
	err     error      // why it ended; nil after a BYE
	ended   bool
}

// Dial makes a call. It returns when there is media: early, or answered. The context bounds it; a refusal is an error.
func (p *Phone) Dial(ctx context.Context, in Invite) (*Call, error) {
	var to sip.Uri
	if err := sip.ParseUri(in.To, &to); err != nil {
		return nil, fmt.Errorf("dial %q: %w", in.To, err)
	}
	if a, err := netip.ParseAddr(to.Host); err != nil || !a.IsLoopback() {
		return nil, fmt.Errorf("dial %q: not a loopback address", in.To)
	}
	if len(in.Formats) == 0 {
		in.Formats = []Format{PCMU}
	}
	m, err := openMedia(in.Quiet)
	if err != nil {
		return nil, err
	}
	c := newCall(p, m, in.NoKeys)
	c.referral = in.Refer
	request := sip.NewRequest(sip.INVITE, to)
	if in.CallID != "" {
		id := sip.CallIDHeader(in.CallID)
		request.AppendHeader(&id)
	}
	request.AppendHeader(sip.NewHeader("Content-Type", "application/sdp"))
	for name, value := range in.Headers {
		request.AppendHeader(sip.NewHeader(name, value))
	}
	request.SetBody(c.describe(in.Formats, SendRecv))
	d, err := p.dialogs.WriteInvite(ctx, request)
	if err != nil {
		m.close()
		return nil, fmt.Errorf("dial %q: %w", in.To, err)
	}
	c.dialog, c.id, c.target = d, callID(d.InviteRequest), to
	if !p.add(c) {
		c.end(errors.New("the phone was closed"))
		return nil, c.err
	}
	return c.waitAnswer(ctx, d, in)
}

func newCall(p *Phone, m *media, noKeys bool) *Call {
	return &Call{phone: p, media: m, noKeys: noKeys, refers: make(chan string, 10), answered: make(chan struct{}), done: make(chan struct{})}
}

// waitAnswer waits for media, and has a goroutine wait on for the answer, which ends with it or with the phone.
func (c *Call) waitAnswer(ctx context.Context, d *sipgo.DialogClientSession, in Invite) (*Call, error) {
	heard := make(chan error, 1)
	waiting, giveUp := context.WithCancel(c.phone.ctx)
	c.cancel = giveUp
	c.phone.serving.Go(func() {
		defer giveUp()
		early := false
		err := d.WaitAnswer(waiting, sipgo.AnswerOptions{OnResponse: func(r *sip.Response) error {
			if len(r.Body()) == 0 || r.StatusCode >= 300 {
				return nil
			}
			if err := c.agree(r.Body()); err != nil {
				return err
			}
			if !early && r.IsProvisional() {
				early = true
				heard <- nil
			}
			return nil
		}})
		if err == nil {
			if contact := d.InviteResponse.Contact(); contact != nil {
				c.mu.Lock()
				c.target = *contact.Address.Clone()
				c.mu.Unlock()
			}
			err = d.Ack(c.phone.ctx)
		}
		if err != nil {
			err = fmt.Errorf("dial %q: %w", in.To, err)
			c.end(err)
		} else {
			close(c.answered)
		}
		if !early {
			heard <- err
		}
	})
	select {
	case err := <-heard:
		if err != nil {
			return nil, err
		}
		return c, nil
	case <-ctx.Done():
		giveUp()
		err := fmt.Errorf("dial %q: no media: %w", in.To, ctx.Err())
		c.end(err)
		return nil, err
	}
}

// answered makes a call of an INVITE that came.
func (p *Phone) answered(r *sip.Request, tx sip.ServerTransaction, a Answer) (*Call, error) {
	offer, err := parseSDP(r.Body())
	if err != nil {
		return nil, err
	}
	f, err := choose(offer, a.Formats)
	if err != nil {
		return nil, err
	}
	d, err := p.dialogs.ReadInvite(r, tx)
	if err != nil {
		return nil, err
	}
	m, err := openMedia(a.Quiet)
	if err != nil {
		return nil, err
	}
	c := newCall(p, m, offer.events == 0)
	c.dialog, c.id, c.target = d, callID(r), *r.Contact().Address.Clone()
	m.agree(offer.addr, f, offer.events, offer.direction.answered())
	if !p.add(c) {
		c.end(errors.New("the phone was closed"))
		return nil, c.err
	}
	return c, nil
}

// choose takes the first format of an offer that a phone can take, under the offer's payload type.
func choose(offer description, ours []Format) (Format, error) {
	for _, f := range offer.formats {
		for _, our := range ours {
			our = our.whole()
			if f.Name == our.Name && f.RateHz == our.RateHz {
				return f, nil
			}
		}
	}
	return Format{}, fmt.Errorf("none of %v is offered", ours)
}

// reply answers the first INVITE, which waits for the ACK.
func (c *Call) reply(*sip.Request) error {
	d := c.dialog.(*sipgo.DialogServerSession)
	c.media.mu.Lock()
	f, direction := c.media.format, c.media.direction
	c.media.mu.Unlock()
	err := d.RespondSDP(c.describe([]Format{f}, direction))
	if err == nil {
		close(c.answered)
	}
	return err
}

// changed answers an INVITE of the other side in the call: its codec, if it is one that can be taken, and its direction.
func (c *Call) changed(r *sip.Request, tx sip.ServerTransaction) {
	c.media.mu.Lock()
	f, direction := c.media.format, c.media.direction
	c.media.mu.Unlock()
	if len(r.Body()) > 0 {
		offer, err := parseSDP(r.Body())
		if err == nil {
			f, err = choose(offer, every)
		}
		if err != nil {
			respond(tx, r, sip.StatusNotAcceptableHere, err.Error())
			return
		}
		direction = offer.direction.answered()
		c.media.agree(offer.addr, f, offer.events, direction)
	}
	res := sip.NewSDPResponseFromRequest(r, c.describe([]Format{f}, direction))
	res.AppendHeader(sip.HeaderClone(&c.phone.dialogs.ContactHDR))
	_ = tx.Respond(res) // the peer asks again if it got nothing
}

func (c *Call) describe(formats []Format, direction Direction) []byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.version++
	d := description{addr: c.media.addr(), direction: direction}
	for _, f := range formats {
		d.formats = append(d.formats, f.whole())
	}
	if !c.noKeys {
		d.events = eventType
	}
	c.media.offer(d.formats)
	return d.marshal(c.version)
}

// offer notes formats whose packets may come before the answer does.
func (m *media) offer(formats []Format) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, f := range formats {
		m.formats[f.PayloadType] = f
	}
}

// agree takes what the other side answered to our offer.
func (c *Call) agree(body []byte) error {
	answer, err := parseSDP(body)
	if err != nil {
		return err
	}
	c.media.agree(answer.addr, answer.formats[0], answer.events, answer.direction.answered())
	return nil
}

// Change offers another codec or direction in a re-INVITE, and returns when it is agreed. The direction is ours: with
// SendOnly or Inactive the other side is on hold.
func (c *Call) Change(ctx context.Context, f Format, direction Direction) error {
	c.asking.Lock()
	defer c.asking.Unlock()
	c.mu.Lock()
	target := *c.target.Clone()
	c.mu.Unlock()
	for {
		request := sip.NewRequest(sip.INVITE, target)
		request.AppendHeader(sip.NewHeader("Content-Type", "application/sdp"))
		request.SetBody(c.describe([]Format{f}, direction))
		res, err := c.dialog.Do(ctx, request)
		if err != nil {
			return fmt.Errorf("re-INVITE to %v, %s: %w", f, direction, err)
		}
		const pending = 491 // both sides asked at once: a new attempt is due, after a while of chance (RFC 3261, 14.1)
		if res.StatusCode == pending {
			select {
			case <-time.After(50 * time.Millisecond):
				continue
			case <-ctx.Done():
				return fmt.Errorf("re-INVITE to %v, %s: %w", f, direction, ctx.Err())
			}
		}
		ack := sip.NewRequest(sip.ACK, target)
		if !res.IsSuccess() { // acknowledged by the transaction
			return fmt.Errorf("re-INVITE to %v, %s: %d %s", f, direction, res.StatusCode, res.Reason)
		}
		if err := c.dialog.WriteRequest(ack); err != nil {
			return fmt.Errorf("re-INVITE to %v, %s: ACK: %w", f, direction, err)
		}
		c.phone.mu.Lock()
		c.phone.acks[c.id] = ack.Clone()
		c.phone.mu.Unlock()
		return c.agree(res.Body())
	}
}

// Hold puts the other side on hold: SendOnly, with what is played as its music, or Inactive.
func (c *Call) Hold(ctx context.Context, direction Direction) error {
	return c.Change(ctx, c.Format(), direction)
}

// Unhold ends a hold.
func (c *Call) Unhold(ctx context.Context) error { return c.Change(ctx, c.Format(), SendRecv) }

// Format is what the call sends now.
func (c *Call) Format() Format {
	c.media.mu.Lock()
	defer c.media.mu.Unlock()
	return c.media.format
}

// ID is the Call-ID.
func (c *Call) ID() string { return c.id }

// Answered is closed when the call is answered; not if it ends before.
func (c *Call) Answered() <-chan struct{} { return c.answered }

// Done is closed when the call has ended, whoever ended it.
func (c *Call) Done() <-chan struct{} { return c.done }

// Hangup ends the call; one that has ended is left alone.
func (c *Call) Hangup(ctx context.Context) error {
	select {
	case <-c.done:
		return nil
	default:
	}
	select {
	case <-c.answered:
	default:
		if c.cancel != nil {
			return c.giveUp(ctx)
		}
	}
	err := c.dialog.Bye(ctx)
	select {
	case <-c.done: // the other side was first
		err = nil
	default:
	}
	c.end(err)
	if err != nil {
		return fmt.Errorf("BYE: %w", err)
	}
	return nil
}

// giveUp cancels the INVITE and waits for the other side's word on it.
func (c *Call) giveUp(ctx context.Context) error {
	c.cancel()
	select {
	case <-c.done:
		return nil
	case <-c.answered: // meanwhile
		return c.Hangup(ctx)
	case <-ctx.Done():
		return fmt.Errorf("CANCEL: %w", ctx.Err())
	}
}

// end ends the call here, once.
func (c *Call) end(err error) {
	c.mu.Lock()
	if c.ended {
		c.mu.Unlock()
		return
	}
	c.ended, c.err = true, err
	c.mu.Unlock()
	c.phone.remove(c)
	_ = c.dialog.Close()
	c.media.close()
	close(c.done)
}

// Play sends this after what is being played already.
func (c *Call) Play(pcm []int16, rateHz int) *Playing {
	return c.enqueue(&Playing{done: make(chan struct{}), pcm: slices.Clone(pcm), rateHz: rateHz})
}

// Rest sends nothing for this long, in whole packets, after what is being played already.
func (c *Call) Rest(length time.Duration) *Playing {
	return c.enqueue(&Playing{done: make(chan struct{}), rest: length})
}

func (c *Call) enqueue(p *Playing) *Playing {
	c.media.mu.Lock()
	defer c.media.mu.Unlock()
	select {
	case <-c.media.closed:
		p.err = errors.New("the call has ended")
		close(p.done)
	default:
		c.media.queue = append(c.media.queue, p)
	}
	return p
}

// Press sends a key by RFC 4733, for this long, instead of audio. The channel is closed when it has been let go.
func (c *Call) Press(digit byte, length time.Duration) (<-chan struct{}, error) {
	code := slices.Index([]byte("0123456789*#ABCD"), digit)
	if code < 0 {
		return nil, fmt.Errorf("no key %q on a telephone", digit)
	}
	c.media.mu.Lock()
	defer c.media.mu.Unlock()
	if c.media.events == 0 {
		return nil, errors.New("the other side takes no telephone-event")
	}
	k := &key{code: byte(code), length: int(length * time.Duration(c.media.format.RateHz) / time.Second), done: make(chan struct{})}
	c.media.keys = append(c.media.keys, k)
	return k.done, nil
}

// Stall stops sending for this long: the packets of that time are never sent, and what is played goes on where it was.
func (c *Call) Stall(length time.Duration) {
	c.media.mu.Lock()
	defer c.media.mu.Unlock()
	c.media.pausedTo = max(c.media.due, Now()) + length
}

// Packets is what has come so far, in order of arrival.
func (c *Call) Packets() Packets {
	c.media.mu.Lock()
	defer c.media.mu.Unlock()
	return slices.Clone(c.media.packets)
}

// Sent is what has been sent so far.
func (c *Call) Sent() []Sent {
	c.media.mu.Lock()
	defer c.media.mu.Unlock()
	return slices.Clone(c.media.sent)
}

// Late is by how much the packets that were due from one time until before another left late, at most.
func (c *Call) Late(from, until time.Duration) (most time.Duration) {
	for _, s := range c.Sent() {
		if s.Due >= from && s.Due < until {
			most = max(most, s.Late)
		}
	}
	return most
}

// Wait waits until cond, which is asked again after each packet in either direction, is true. Of a call that has ended
// it asks once more.
func (c *Call) Wait(ctx context.Context, cond func() bool) error {
	for {
		c.media.mu.Lock()
		changed := c.media.changed
		c.media.mu.Unlock()
		if cond() {
			return nil
		}
		select {
		case <-changed:
		case <-c.done:
			if cond() {
				return nil
			}
			return errors.New("the call has ended")
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
