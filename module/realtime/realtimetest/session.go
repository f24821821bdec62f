package realtimetest

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/coder/websocket"
	"github.com/tidwall/gjson"

	"mod_openai_audio_stream/module/realtime"
)

// fields is a JSON object.
type fields = map[string]any

// Session is one connection. Its exported methods may be called concurrently; its fields do not change.
type Session struct {
	ID     string
	Number int // from 0, in the order of the upgrades
	URL    *url.URL
	Header http.Header // of the upgrade
	Opened time.Time

	srv    *Server
	conn   *websocket.Conn
	gate   *gateConn
	bad    *Misbehaviour
	in     chan incoming // unbuffered: a session that is busy lets TCP slow the client
	out    outbox
	cancel context.CancelFunc

	// What follows belongs to the session's goroutine.
	config    settings
	input     inputBuffer
	talk      conversation
	responses []*response // running ones, in the order of their beginnings
	turns     int         // answers begun
	spoken    int         // caller turns committed
	refused   int         // response.create, for Misbehaviour.RefuseCreates
	muted     int         // responses, for Misbehaviour.Mute
	eventIDs  int
	expires   time.Time
	expired   bool

	eventMu sync.Mutex // Held while Config.OnEvent runs.

	closeMu sync.Mutex // Held during a closing handshake of ours; protects closed.
	closed  *Closing   // one that the client has answered

	mu            sync.Mutex // Protects following.
	events        []Event
	receivedCount map[string]int
	sentCount     map[string]int
	pings         int
	audio         []byte
	audioBytes    int
	inFormat      realtime.Format
	inRate        int
	channels      int
	answers       []*Answer
	closing       *Closing
}

// incoming is a message of the client's.
type incoming struct {
	typ  websocket.MessageType
	data []byte
}

// message is something to be written: an event, or an action between two of them.
type message struct {
	event  Event
	typ    websocket.MessageType
	data   []byte
	action Action
}

// outbox is what waits to be written. It has no bound: a client that does not read costs the test memory, and does
// not stop the server from listening.
type outbox struct {
	mu    sync.Mutex
	queue []message
	wake  chan struct{} // capacity 1: full means that the writer will look
}

func (o *outbox) put(m message) {
	o.mu.Lock()
	o.queue = append(o.queue, m)
	o.mu.Unlock()
	select {
	case o.wake <- struct{}{}:
	default:
	}
}

func (o *outbox) take() []message {
	o.mu.Lock()
	defer o.mu.Unlock()
	queue := o.queue
	o.queue = nil
	return queue
}

func newSession(srv *Server, conn *websocket.Conn, r *http.Request, bad *Misbehaviour) *Session {
	s := &Session{
		URL: r.URL, Header: r.Header.Clone(), Opened: time.Now(),
		srv: srv, conn: conn, gate: gateOf(r), bad: bad,
		in: make(chan incoming), out: outbox{wake: make(chan struct{}, 1)},
		receivedCount: map[string]int{}, sentCount: map[string]int{},
	}
	s.expires = s.Opened.Add(time.Hour)
	if srv.cfg.SessionLife > 0 {
		s.expires = s.Opened.Add(srv.cfg.SessionLife)
	}
	s.talk.items = map[string]*item{}
	s.configure()
	return s
}

// run is the session's goroutine. It ends with the connection, or with the server.
func (s *Session) run(ctx context.Context) {
	ctx, s.cancel = context.WithCancel(ctx)
	defer s.cancel()
	var io sync.WaitGroup
	defer io.Wait()
	defer s.gate.thaw()
	defer s.cancel()
	io.Go(func() { s.read(ctx) })
	io.Go(func() { s.writer(ctx) })
	s.watch(ctx)
	s.begin()

	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	var ping <-chan time.Time
	if s.srv.cfg.PingEvery > 0 {
		ticker := time.NewTicker(s.srv.cfg.PingEvery)
		defer ticker.Stop()
		ping = ticker.C
	}
	for {
		timer.Reset(time.Until(s.tick(time.Now())))
		select {
		case m := <-s.in:
			s.client(m)
		case <-timer.C:
		case <-ping:
			s.out.put(message{action: func(s *Session) {
				io.Go(func() { _ = s.conn.Ping(ctx) }) // waits for the pong
			}})
		case <-ctx.Done():
			return
		}
	}
}

// begin says the first word.
func (s *Session) begin() {
	if s.bad.Silent {
		return
	}
	if r := s.verdict(); r != nil {
		s.reject(r)
		return
	}
	if !s.bad.NoCreated {
		s.emit("session.created", fields{"session": s.object()})
	}
}

// tick does what is due and returns when the next thing is.
func (s *Session) tick(now time.Time) time.Time {
	if !s.expired && !now.Before(s.expires) {
		s.expired = true
		message := fmt.Sprintf("Your session hit the maximum duration of %g minutes.", s.expires.Sub(s.Opened).Minutes())
		s.fail(nil, "session_expired", message, "")
		s.Close(1001, message)
	}
	next := s.expires
	if s.expired {
		next = now.Add(time.Hour)
	}
	for _, r := range append([]*response(nil), s.responses...) {
		if due := s.advance(r, now); !due.IsZero() && due.Before(next) {
			next = due
		}
	}
	return next
}

// emit sends an event, under the beta's name if that is spoken.
func (s *Session) emit(typ string, f fields) {
	s.eventIDs++
	msg := fmt.Appendf(nil, `{"type":%q,"event_id":"event_%d_%d"`, s.wireName(typ), s.Number, s.eventIDs)
	if len(f) > 0 {
		msg = append(msg, ',')
	}
	s.emitRaw(typ, append(msg, marshal(f)[1:]...), 0)
}

func (s *Session) emitRaw(typ string, data []byte, audioBytes int) {
	if s.bad.Silent {
		return
	}
	if s.bad.Edit != nil {
		if data = s.bad.Edit(typ, data); data == nil {
			return
		}
	}
	e := Event{Type: typ, AudioBytes: audioBytes}
	if audioBytes == 0 {
		e.Raw = data
	}
	s.out.put(message{event: e, typ: websocket.MessageText, data: data})
}

// fail sends an error event about the client's event cause, which may be nil.
func (s *Session) fail(cause []byte, code, message, param string) {
	orNull := func(text string) any {
		if text == "" {
			return nil
		}
		return text
	}
	s.emit("error", fields{"error": fields{"type": "invalid_request_error", "code": orNull(code), "message": message,
		"param": orNull(param), "event_id": orNull(gjson.GetBytes(cause, "event_id").Str)}})
}

// read hands the client's messages to the session until there are no more.
func (s *Session) read(ctx context.Context) {
	defer s.cancel()
	for {
		typ, data, err := s.conn.Read(ctx)
		if err != nil {
			s.noteEnd(err)
			return
		}
		select {
		case s.in <- incoming{typ, data}:
		case <-ctx.Done():
			s.noteEnd(ctx.Err())
			return
		}
	}
}

// writer writes what is in the outbox until the connection ends.
func (s *Session) writer(ctx context.Context) {
	for {
		for _, m := range s.out.take() {
			if ctx.Err() != nil {
				return
			}
			if m.action != nil {
				m.action(s)
				continue
			}
			m.event.Time = time.Now()
			s.note(m.event)
			s.write(m.typ, m.data)
			_, sent := s.Count(m.event.Type)
			for _, action := range s.stepsFor(m.event.Type, false, sent) {
				action(s)
			}
		}
		select {
		case <-s.out.wake:
		case <-ctx.Done():
			return
		}
	}
}

// write writes one message, on the writer's goroutine. A failure shows at the reader.
func (s *Session) write(typ websocket.MessageType, data []byte) {
	if s.bad.Fragment <= 0 {
		_ = s.conn.Write(s.srv.ctx, typ, data)
		return
	}
	w, err := s.conn.Writer(s.srv.ctx, typ)
	if err != nil {
		return
	}
	for len(data) > 0 {
		n := min(s.bad.Fragment, len(data))
		if _, err := w.Write(data[:n]); err != nil {
			return
		}
		data = data[n:]
	}
	_ = w.Close()
}

// Send sends an event, or any text, as it is, after what waits to be sent.
func (s *Session) Send(msg string) {
	typ := gjson.Get(msg, "type").Str
	if e, err := realtime.Parse([]byte(msg)); err == nil && e.Kind != realtime.KindOther {
		typ = e.Kind.String()
	}
	s.out.put(message{event: Event{Type: typ, Raw: []byte(msg)}, typ: websocket.MessageText, data: []byte(msg)})
}

// Do does an action after what waits to be sent.
func (s *Session) Do(a Action) { s.out.put(message{action: a}) }

// Close sends a closing frame after what waits to be sent, and ends the connection when the client has answered it, or
// after five seconds.
func (s *Session) Close(code int, reason string) {
	s.Do(CloseWith(code, reason))
}

func (s *Session) closeNow(code int, reason string) {
	s.closeMu.Lock()
	defer s.closeMu.Unlock()
	if s.conn.Close(websocket.StatusCode(code), reason) == nil {
		s.closed = &Closing{code, reason}
	}
}

// CloseTCP ends the TCP connection at once, without a closing frame.
func (s *Session) CloseTCP() { _ = s.gate.Close() }

// ResetTCP resets the TCP connection at once.
func (s *Session) ResetTCP() { s.gate.reset() }

// Freeze stops the connection in both directions, as a network that drops every packet does. Thaw ends it.
func (s *Session) Freeze() { s.gate.freeze() }

// Thaw ends a freeze; what waited goes on.
func (s *Session) Thaw() { s.gate.thaw() }

func marshal(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic("realtimetest: " + err.Error()) // plain data only
	}
	return b
}
