// Package farend is a telephone for tests: a SIP and RTP peer on the loopback address that sends audio at exact times
// and keeps every packet that comes, with its sequence number, timestamp and time of arrival.
//
//	phone, err := farend.Listen()
//	call, err := phone.Dial(ctx, farend.Invite{To: "sip:park@127.0.0.1:5080", CallID: "a-uuid"})
//	playing := call.Play(pcm, 8000)
//	err = call.Change(ctx, farend.L16, farend.SendRecv)
//	report := call.Packets().Report()
//
// It judges nothing and mends nothing: no jitter buffer, no concealment, no recorder stands between the wire and the test.
package farend

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"slices"
	"sync"
	"time"

	"github.com/emiago/sipgo"
	"github.com/emiago/sipgo/sip"
)

// Phone is a SIP user agent on 127.0.0.1. Its methods may be called from any goroutine.
type Phone struct {
	conn    net.PacketConn
	agent   *sipgo.UserAgent
	server  *sipgo.Server
	client  *sipgo.Client
	dialogs sipgo.DialogUA
	addr    *net.UDPAddr
	serving sync.WaitGroup
	ctx     context.Context // ends with the phone
	cancel  context.CancelFunc

	mu       sync.Mutex // Protects following.
	calls    map[string]*Call
	answer   *Answer
	incoming chan *Call
	acks     map[string]*sip.Request // the last ACK of each Call-ID, for an answer that comes again
	ended    bool
}

// Answer is how a phone answers the calls it gets.
type Answer struct {
	Formats []Format // it can take, none = PCMU; the first of the offer's that is among them is taken
	Quiet   bool     // silence suppression: no packets while nothing is played
}

// Listen starts a phone that refuses calls until Answering is called. Close ends it.
func Listen() (*Phone, error) {
	conn, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("SIP socket: %w", err)
	}
	p := &Phone{
		conn: conn, addr: conn.LocalAddr().(*net.UDPAddr), calls: map[string]*Call{}, incoming: make(chan *Call, 100),
		acks: map[string]*sip.Request{},
	}
	p.ctx, p.cancel = context.WithCancel(context.Background())
	silent := slog.New(slog.DiscardHandler)
	p.agent, err = sipgo.NewUA(sipgo.WithUserAgent("farend"), sipgo.WithUserAgentHostname("127.0.0.1"),
		sipgo.WithUserAgentTransportLayerOptions(sip.WithTransportLayerLogger(silent)),
		sipgo.WithUserAgentTransactionLayerOptions(sip.WithTransactionLayerLogger(silent),
			sip.WithTransactionLayerUnhandledResponseHandler(p.again)))
	if err == nil {
		p.server, err = sipgo.NewServer(p.agent, sipgo.WithServerLogger(silent))
	}
	if err == nil {
		p.client, err = sipgo.NewClient(p.agent, sipgo.WithClientLogger(silent), sipgo.WithClientAddr(p.Addr()),
			sipgo.WithClientConnectionAddr(p.Addr()))
	}
	if err != nil {
		_ = conn.Close()
		return nil, err
	}
	p.dialogs = sipgo.DialogUA{Client: p.client, ContactHDR: sip.ContactHeader{
		Address: sip.Uri{Scheme: "sip", User: "farend", Host: "127.0.0.1", Port: p.addr.Port}}}
	p.server.OnInvite(p.invited)
	p.server.OnBye(p.byed)
	p.server.OnAck(p.acked)
	p.server.OnRefer(p.referred)
	for _, method := range []sip.RequestMethod{sip.OPTIONS, sip.INFO, sip.UPDATE, sip.NOTIFY, sip.MESSAGE} {
		p.server.OnRequest(method, func(r *sip.Request, tx sip.ServerTransaction) { respond(tx, r, sip.StatusOK, "OK") })
	}
	p.serving.Go(func() { _ = p.server.ServeUDP(conn) }) // ends with the socket
	// Until sipgo knows the socket, a call would open another one on the same address, in vain. Nothing tells of it.
	for {
		if c, err := p.agent.TransportLayer().GetConnection("udp", p.Addr()); err == nil && c != nil {
			return p, nil
		}
		time.Sleep(time.Millisecond)
	}
}

// Addr is the address of its SIP, host and port.
func (p *Phone) Addr() string { return p.addr.String() }

// Answering makes the phone answer calls from now on, which Accept returns.
func (p *Phone) Answering(a Answer) {
	if len(a.Formats) == 0 {
		a.Formats = []Format{PCMU}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.answer = &a
}

// Accept waits for a call that the phone has answered.
func (p *Phone) Accept(ctx context.Context) (*Call, error) {
	select {
	case c := <-p.incoming:
		return c, nil
	case <-ctx.Done():
		return nil, fmt.Errorf("no call came: %w", ctx.Err())
	}
}

// Close ends the phone and its calls, without a word to their other ends: hang up first.
func (p *Phone) Close() error {
	p.mu.Lock()
	p.ended = true
	calls := slices.Collect(maps.Values(p.calls))
	p.mu.Unlock()
	p.cancel()
	for _, c := range calls {
		c.end(errors.New("the phone was closed"))
	}
	err := errors.Join(p.server.Close(), p.client.Close(), p.agent.Close(), p.conn.Close())
	p.serving.Wait()
	if errors.Is(err, net.ErrClosed) {
		err = nil
	}
	return err
}

// add makes the phone know a call; false if the phone has ended.
func (p *Phone) add(c *Call) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.ended {
		p.calls[c.id] = c
	}
	return !p.ended
}

func (p *Phone) remove(c *Call) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.calls, c.id)
	delete(p.acks, c.id)
}

func (p *Phone) call(m sip.Message) *Call {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.calls[callID(m)]
}

func callID(m sip.Message) string {
	if id := m.CallID(); id != nil {
		return id.Value()
	}
	return ""
}

func respond(tx sip.ServerTransaction, r *sip.Request, code int, reason string) {
	_ = tx.Respond(sip.NewResponseFromRequest(r, code, reason, nil)) // the peer asks again if it got nothing
}

// invited answers an INVITE: a new call, or a change of one.
func (p *Phone) invited(r *sip.Request, tx sip.ServerTransaction) {
	if c := p.call(r); c != nil {
		c.changed(r, tx)
		return
	}
	p.mu.Lock()
	answer := p.answer
	p.mu.Unlock()
	if to := r.To(); answer == nil || to == nil || to.Params.Has("tag") {
		respond(tx, r, sip.StatusCallTransactionDoesNotExists, "No such call here")
		return
	}
	c, err := p.answered(r, tx, *answer)
	if err != nil {
		respond(tx, r, sip.StatusNotAcceptableHere, err.Error())
		return
	}
	// Waits for the ACK, sending the answer again until it comes.
	if err := c.reply(r); err != nil {
		c.end(err)
		return
	}
	select {
	case p.incoming <- c:
	default: // nobody accepts so many
	}
}

func (p *Phone) byed(r *sip.Request, tx sip.ServerTransaction) {
	c := p.call(r)
	if c == nil {
		respond(tx, r, sip.StatusCallTransactionDoesNotExists, "No such call here")
		return
	}
	if err := c.dialog.ReadBye(r, tx); err != nil {
		respond(tx, r, sip.StatusOK, "OK")
	}
	c.end(nil)
}

func (p *Phone) acked(r *sip.Request, tx sip.ServerTransaction) {
	if c := p.call(r); c != nil {
		if d, ok := c.dialog.(*sipgo.DialogServerSession); ok {
			_ = d.ReadAck(r, tx) // that of a later INVITE has another number
		}
	}
}

// again acknowledges an answer to an INVITE that came once more.
func (p *Phone) again(r *sip.Response) {
	p.mu.Lock()
	ack := p.acks[callID(r)]
	p.mu.Unlock()
	if ack != nil && r.IsSuccess() && r.CSeq() != nil && r.CSeq().MethodName == sip.INVITE && r.CSeq().SeqNo == ack.CSeq().SeqNo {
		_ = p.client.WriteRequest(ack.Clone(), func(*sipgo.Client, *sip.Request) error { return nil })
	}
}
