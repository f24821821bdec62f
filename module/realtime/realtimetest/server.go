package realtimetest

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"sync"
	"testing"
	"time"

	"mod_openai_audio_stream/module/realtime"
)

// Config is how a server behaves. The zero value is a well-behaved OpenAI on a free port, which speaks back what it
// hears as fast as the socket takes it.
type Config struct {
	// Addr is where it listens; "" = 127.0.0.1 and a free port.
	Addr string
	// TLS makes it a wss server.
	TLS *tls.Config
	// Deflate accepts permessage-deflate when a client offers it.
	Deflate bool
	// Key, if not "", is demanded as a bearer token or api-key header. Another one is refused as OpenAI does it: after
	// the upgrade, by an error event and close code 3000.
	Key string
	// Strict refuses what OpenAI refuses and most others do not: PCM at another rate than 24 kHz, a format without its
	// rate, a session without its type, a URL without a model.
	Strict bool
	// Beta speaks the names and the flat session of the beta protocol.
	Beta bool

	// What the caller's audio is until a session.update says otherwise; InputRate in Hz, 0 = 24000, for PCM only. The
	// URL's parameter rate goes before it.
	InputFormat realtime.Format
	InputRate   int
	// Channels is how many the caller's PCM interleaves; 0 = 1. Speech is detected in the first. The URL's parameter
	// channels goes before it.
	Channels int
	// What the answers are until a session.update says otherwise. The URL's parameter output_rate goes before it.
	OutputFormat realtime.Format
	OutputRate   int
	// NoVAD starts sessions with turn_detection null.
	NoVAD bool
	// VADLevel is the RMS of 10 ms, of 32768, from which they count as speech; 0 = 300.
	VADLevel int

	// Answer makes the answers; nil = Echo. It is called on the session's goroutine.
	Answer Answerer
	// Speed is how many times faster than real time an answer is sent; 0 = at once. OpenAI has 2 to 7.
	Speed float64
	// Delta is how much audio is in a delta; 0 = 200 ms.
	Delta time.Duration
	// DeltaSizes are the sizes of deltas in bytes, used in turn, instead of Delta. They may be odd.
	DeltaSizes []int
	// WholeDelta puts all of an item's audio into one delta.
	WholeDelta bool
	// Latency is the time from response.created to the first delta.
	Latency time.Duration
	// Heard is the transcript of the caller's n-th turn, from 1, sent when the session asks for transcription; nil =
	// "caller turn n".
	Heard func(n int) string

	// SessionLife is after how long a session is ended by force; 0 = 60 minutes. expires_at tells.
	SessionLife time.Duration
	// PingEvery is the time between the server's pings; 0 = none. OpenAI has 20 s.
	PingEvery time.Duration
	// Misbehave is asked at each connection, counted from 0 and refused ones included; nil, or a nil answer, is none. It
	// may be called concurrently.
	Misbehave func(attempt int) *Misbehaviour

	// OnOpen is called when a session begins, before its first event, and OnEnd when it has ended, after its last. Both
	// are called on the session's goroutine.
	OnOpen, OnEnd func(*Session)
	// OnEvent is called for each event of either side, one at a time for a session, on the session's goroutines: it
	// must be quick.
	OnEvent func(*Session, Event)
	// NoRecord keeps no events and no audio, for benchmarks: only OnEvent sees them.
	NoRecord bool
}

// Server is a running server. All methods may be called concurrently.
type Server struct {
	cfg      Config
	http     *http.Server
	listener *gateListener
	addr     string
	ctx      context.Context // ends with the server
	cancel   context.CancelFunc
	handlers sync.WaitGroup

	mu       sync.Mutex // Protects following.
	attempts []Attempt
	sessions []*Session
	changed  chan struct{} // closed and replaced when something happened that is waited for
	waiting  int
	ended    bool // no request is answered any more
}

// Attempt is a request for an upgrade, refused or not.
type Attempt struct {
	Time   time.Time
	URL    *url.URL
	Header http.Header
	Status int // of the answer; 0 while there is none
}

// New starts a server that ends with the test.
func New(tb testing.TB, cfg Config) *Server {
	tb.Helper()
	srv, err := Start(cfg)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(srv.Close)
	return srv
}

// Start starts a server. Close or Kill ends it.
func Start(cfg Config) (*Server, error) {
	if cfg.Addr == "" {
		cfg.Addr = "127.0.0.1:0"
	}
	cfg.Answer = orElse(cfg.Answer, Echo)
	listener, err := new(net.ListenConfig).Listen(context.Background(), "tcp", cfg.Addr)
	if err != nil {
		return nil, fmt.Errorf("realtime test server: %w", err)
	}
	srv := &Server{cfg: cfg, addr: listener.Addr().String(), changed: make(chan struct{})}
	srv.listener = &gateListener{Listener: listener, conns: map[*gateConn]struct{}{}}
	srv.ctx, srv.cancel = context.WithCancel(context.Background())
	srv.http = &http.Server{
		Handler:           http.HandlerFunc(srv.upgrade),
		ReadHeaderTimeout: 10 * time.Second,
		ErrorLog:          discardLog,
		ConnContext:       func(ctx context.Context, c net.Conn) context.Context { return context.WithValue(ctx, connKey{}, c) },
	}
	var serve net.Listener = srv.listener
	if cfg.TLS != nil {
		serve = tls.NewListener(serve, cfg.TLS)
	}
	srv.handlers.Add(1)
	go func() { // ends with the listener
		defer srv.handlers.Done()
		_ = srv.http.Serve(serve)
	}()
	return srv, nil
}

func orElse(a, b Answerer) Answerer {
	if a == nil {
		return b
	}
	return a
}

// Addr is the host and port it listens on.
func (srv *Server) Addr() string { return srv.addr }

// URL is what a client dials, with a model in it.
func (srv *Server) URL() string {
	scheme := "ws"
	if srv.cfg.TLS != nil {
		scheme = "wss"
	}
	return scheme + "://" + srv.addr + "/v1/realtime?model=gpt-realtime-test"
}

// closeGrace is how long Close waits for the clients' side of the closing handshake.
const closeGrace = time.Second

// Close ends the server as a restart would: no new connections, close code 1001 for those it has. It waits until they
// have ended, a second at most.
func (srv *Server) Close() {
	_ = srv.listener.Close()
	var closing sync.WaitGroup
	for _, s := range srv.Sessions() {
		closing.Go(func() {
			ctx, cancel := context.WithTimeout(srv.ctx, closeGrace)
			defer cancel()
			s.Close(1001, "going away")
			_, _ = s.WaitEnd(ctx)
		})
	}
	closing.Wait()
	srv.Kill()
}

// Kill ends the server as the end of its process would: every connection is reset. Another one may then be started on
// the same address.
func (srv *Server) Kill() {
	srv.mu.Lock()
	srv.ended = true
	srv.mu.Unlock()
	srv.cancel()
	_ = srv.listener.Close()
	_ = srv.http.Close()
	srv.listener.resetAll()
	srv.handlers.Wait()
}

// Attempts is a copy of what has been asked for so far, refused upgrades included.
func (srv *Server) Attempts() []Attempt {
	srv.mu.Lock()
	defer srv.mu.Unlock()
	return append([]Attempt(nil), srv.attempts...)
}

// Sessions is every session so far, ended ones included, in the order of their upgrades.
func (srv *Server) Sessions() []*Session {
	srv.mu.Lock()
	defer srv.mu.Unlock()
	return append([]*Session(nil), srv.sessions...)
}

// Session waits for the n-th session, from 0.
func (srv *Server) Session(ctx context.Context, n int) (*Session, error) {
	var s *Session
	err := srv.Wait(ctx, func() bool {
		if all := srv.Sessions(); len(all) > n {
			s = all[n]
		}
		return s != nil
	})
	if err != nil {
		return nil, fmt.Errorf("session %d: %w", n, err)
	}
	return s, nil
}

// Wait waits until cond is true, which is asked again after whatever happens in any session. cond may call everything
// but what waits. The error is the context's.
func (srv *Server) Wait(ctx context.Context, cond func() bool) error {
	srv.mu.Lock()
	srv.waiting++
	srv.mu.Unlock()
	defer func() {
		srv.mu.Lock()
		srv.waiting--
		srv.mu.Unlock()
	}()
	for {
		srv.mu.Lock()
		changed := srv.changed
		srv.mu.Unlock()
		if cond() {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// notify wakes those who wait.
func (srv *Server) notify() {
	srv.mu.Lock()
	defer srv.mu.Unlock()
	if srv.waiting > 0 {
		close(srv.changed)
		srv.changed = make(chan struct{})
	}
}
