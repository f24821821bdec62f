package stream

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"

	"mod_openai_audio_stream/module/command"
	"mod_openai_audio_stream/module/config"
	"mod_openai_audio_stream/module/hostlog"
	"mod_openai_audio_stream/module/realtime"
	"mod_openai_audio_stream/module/secret"
	"mod_openai_audio_stream/module/transport"
)

const (
	// defaultKeep is how long a connection waits that the command has asked for.
	defaultKeep = 30 * time.Second
	// maxBacklog and maxBacklogBytes bound what a server may say while nobody is there to hear it.
	maxBacklog      = 16
	maxBacklogBytes = 64 << 10
)

// terms are what a connection is opened on. A start may claim one that was opened on its own terms.
type terms struct {
	options     *transport.Options
	provider    *realtime.Provider
	in, out     realtime.Format
	inHz, outHz int
}

func (c *Config) terms() terms {
	set := &c.Settings
	return terms{
		c.transportOptions(), c.Provider, set.InputFormat, set.OutputFormat,
		rateHz(set.InputFormat, c.Start.RateHz), rateHz(set.OutputFormat, set.OutputRate),
	}
}

func (t terms) same(u terms) bool { return reflect.DeepEqual(t, u) }

// pool is the connections that were opened before the calls that will need them.
type pool struct {
	dial    DialFunc
	running *sync.WaitGroup // connections that wait, until their last line is logged

	mu      sync.Mutex // Protects following. Taken after the manager's, never before; never held during a call of host.
	waiting []*waiting // the oldest first
	stocks  map[string]*stock
}

// waiting is a connection that no stream has claimed yet. What the server says meanwhile is kept for the stream that will.
type waiting struct {
	pool    *pool
	profile string
	stock   *stock // that it belongs to; nil: the command has asked for it
	terms   terms
	log     zerolog.Logger

	link     *link                  // the pool's until it is claimed, then the stream's
	heard    chan struct{}          // closed when the server has said something, or the connection has left the pool
	claimant atomic.Pointer[dialer] // of the stream that has it; nil: none has

	// The pool's lock protects following.
	left    bool // the pool
	timer   *time.Timer
	until   time.Time // when timer ends it
	backlog [][]byte
	bytes   int // in the backlog
}

// size is how many connections wait, or are being opened to.
func (p *pool) size() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.waiting)
}

// ready is how many of them are open.
func (p *pool) ready() (n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, w := range p.waiting {
		if w.link.conn != nil {
			n++
		}
	}
	return n
}

// add opens a connection that waits until keep has passed; false if its stock is no longer wanted.
func (p *pool) add(w *waiting, keep time.Duration) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if w.stock != nil && p.stocks[w.profile] != w.stock {
		return false
	}
	p.running.Add(1)
	p.waiting = append(p.waiting, w)
	w.until = time.Now().Add(keep)
	w.timer = time.AfterFunc(keep, func() { guard(w.panicked, w.expire) })
	d := &dialer{p.dial, w.terms.options, w.terms.provider, w.tell, w.panicked}
	w.link = d.start()
	return true
}

// claim takes a connection on these terms out of the pool, an open one if there is one, with what the server has said on it
// so far. What it says from now on goes to d. It is nil if there is none.
func (p *pool) claim(t terms, d *dialer) (l *link, said [][]byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	var found *waiting
	for _, w := range p.waiting {
		if w.terms.same(t) && (found == nil || found.link.conn == nil && w.link.conn != nil) {
			found = w
		}
	}
	if found == nil {
		return nil, nil
	}
	found.claimant.Store(d)
	found.leave()
	p.running.Done()
	said, found.backlog = found.backlog, nil
	return found.link, said
}

// take takes those connections out of the pool of which that is true, n at most, the oldest first. Each must be ended.
func (p *pool) take(n int, which func(*waiting) bool) (taken []*waiting) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, w := range slices.Clone(p.waiting) {
		if len(taken) < n && which(w) {
			w.leave()
			taken = append(taken, w)
		}
	}
	return taken
}

func anyOne(*waiting) bool { return true }

func (w *waiting) is(other *waiting) bool { return w == other }

// leave takes the connection out of the pool, which is locked. It must be in it.
func (w *waiting) leave() {
	p := w.pool
	p.waiting = slices.DeleteFunc(p.waiting, func(other *waiting) bool { return other == w })
	w.left = true
	w.timer.Stop()
	if w.backlog == nil {
		close(w.heard)
	}
	if w.stock != nil {
		w.stock.wake()
	}
}

// end closes a connection that has left the pool, and says why in the log.
func (w *waiting) end(level zerolog.Level, why string) {
	defer w.pool.running.Done()
	w.link.close()
	w.log.WithLevel(level).Str("profile", w.profile).Msg("a connection that waited for a call is closed: " + why)
}

func endAll(taken []*waiting, why string) {
	for _, w := range taken {
		w.end(zerolog.DebugLevel, why)
	}
}

// expire ends the connection because nobody has claimed it.
func (w *waiting) expire() {
	endAll(w.pool.take(1, w.is), "no call has come for it")
}

// panicked is told of a bug in what the connection's goroutines do.
func (w *waiting) panicked(reason string) {
	o := w.hear(linkEvent{err: errors.New("caught a bug: " + reason)}, remark{})
	if o.claimant != nil {
		o.claimant.panicked(reason)
	} else if o.why != "" {
		w.end(zerolog.ErrorLevel, o.why)
	}
}

// tell takes what comes of the connection: for the stream that has claimed it, or to be kept for one.
func (w *waiting) tell(e linkEvent) (kept, over bool) {
	if d := w.claimant.Load(); d != nil {
		return d.tell(e)
	}
	o := w.hear(e, look(e.msg))
	if o.claimant != nil {
		return o.claimant.tell(e)
	}
	if o.why != "" {
		w.end(o.level, o.why)
	}
	return o.kept, o.over
}

// remark is what a message means to a connection that waits.
type remark struct {
	kind    realtime.Kind
	expires time.Time // the session does
	useless string    // why the connection is of no use; "": it is
}

func look(msg []byte) (r remark) {
	if msg == nil {
		return r
	}
	if len(msg) > maxBacklogBytes {
		return remark{useless: fmt.Sprintf("the server has sent a message of %d bytes", len(msg))}
	}
	e, err := realtime.Parse(msg)
	switch {
	case err != nil:
		r.useless = err.Error()
	case e.Kind == realtime.KindError: // nobody has asked for anything: it is about the connection
		r.useless = describeRefusal(&e.Error)
	}
	r.kind, r.expires = e.Kind, e.ExpiresAt
	return r
}

// outcome is what has become of an event: it was kept or not, or claimant is to be told of it.
type outcome struct {
	claimant   *dialer
	kept, over bool
	why        string // the connection was taken out of the pool and is to be ended; "": it was not
	level      zerolog.Level
}

// hear takes an event of the connection's.
func (w *waiting) hear(e linkEvent, what remark) (o outcome) {
	w.pool.mu.Lock()
	defer w.pool.mu.Unlock()
	if w.left {
		return outcome{claimant: w.claimant.Load(), over: true}
	}
	switch {
	case e.err != nil:
		o.why = e.err.Error()
	case e.conn != nil:
		w.link.connected(e.conn, time.Now())
	case what.useless != "":
		o.why = what.useless
	case what.kind == realtime.KindRateLimits: // it comes again with every response
	default:
		if what.kind == realtime.KindSessionCreated {
			w.bound(sessionLife(w.terms.provider, w.link.since, what.expires))
		}
		o.kept = w.keep(e.msg)
		if !o.kept {
			o.why = "the server says more than is kept"
		}
	}
	if o.why != "" {
		o.over, o.level = true, w.lost(e.err)
	}
	return o
}

// keep keeps a message for the stream; false if there are too many. The pool is locked.
func (w *waiting) keep(msg []byte) bool {
	w.bytes += len(msg)
	if len(w.backlog) == maxBacklog || w.bytes > maxBacklogBytes {
		return false
	}
	if w.backlog == nil {
		close(w.heard)
	}
	w.backlog = append(w.backlog, msg)
	return true
}

// bound leaves a call at least half of the session's life; 0: it has no end. The pool is locked.
func (w *waiting) bound(life time.Duration) {
	if half := w.link.since.Add(life / 2); life > 0 && half.Before(w.until) {
		w.until = half
		w.timer.Reset(time.Until(half))
	}
}

// lost takes a connection out of the pool, which is locked, that has ended by itself, and says how loud that is to be told.
// One that has never worked is a matter of the configuration; of a stock only the first in a row is.
func (w *waiting) lost(err error) zerolog.Level {
	w.leave()
	worked, told := w.backlog != nil, false
	if w.stock != nil {
		told = w.stock.lost(w.link, worked, err, time.Now())
	}
	if worked || told {
		return zerolog.DebugLevel
	}
	return zerolog.WarnLevel
}

// What the manager does with it.

// prewarm opens a connection for a call that is about to come.
func (m *Manager) prewarm(c command.Command) (reply string, err error) {
	m.mu.Lock()
	file := m.file
	m.mu.Unlock()
	w, err := m.ahead(file, c.Profile)
	if err != nil {
		return "", err
	}
	keep := c.Keep
	if keep == 0 {
		keep = defaultKeep
	}
	if err := m.open(w, keep); err != nil {
		return "", err
	}
	return fmt.Sprintf("a connection is opened for profile %q and kept for %v", c.Profile, keep), nil
}

// ahead is a connection for a profile, to be opened. It reads the files that the profile names for it.
func (m *Manager) ahead(file *config.File, profile string) (*waiting, error) {
	c := command.Command{Profile: profile, RateHz: command.DefaultRateHz}
	settings, err := file.ResolveConnection(&c)
	if err != nil {
		return nil, err
	}
	provider, err := realtime.ProviderFor(c.URL, settings.Provider)
	if err != nil {
		return nil, err
	}
	cfg := Config{Start: c, Settings: settings, Provider: provider}
	return &waiting{
		pool: &m.pool, profile: profile, terms: cfg.terms(), heard: make(chan struct{}),
		log: hostlog.New(m.host.Log, "", secret.New(settings.Secrets()...), nil),
	}, nil
}

// open opens a connection that waits, if there is a place for it among max-sessions.
func (m *Manager) open(w *waiting, keep time.Duration) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	most, wait := m.file.MaxSessions, m.pool.size()
	switch {
	case m.closing:
		return errUnloading
	case m.draining:
		return errDraining
	case most > 0 && len(m.streams)+wait >= most:
		return fmt.Errorf("%d streams run and %d connections wait for one: max-sessions is %d", len(m.streams), wait, most)
	}
	if !m.pool.add(w, keep) {
		return errUnwanted
	}
	return nil
}

// surplus takes the connections out of the pool whose places among max-sessions streams have now: no call is refused for one
// that only waits. m.mu is held.
func (m *Manager) surplus() []*waiting {
	most, wait := m.file.MaxSessions, m.pool.size()
	if most == 0 || wait == 0 {
		return nil
	}
	running := 0
	for _, s := range m.streams {
		if s != nil { // a start under way may yet claim one
			running++
		}
	}
	return m.pool.take(running+wait-most, anyOne)
}
