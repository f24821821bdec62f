package stream

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"time"

	"mod_openai_audio_stream/module/config"
	"mod_openai_audio_stream/module/transport"
)

const (
	// stockKeep is how long a connection of a stock waits before another one takes its place, or up to a fifth less, so that
	// not all do at the same time. Servers end a session after 30 minutes and more, and one without a word, where that is
	// known, after 15.
	stockKeep = 10 * time.Minute
	// stockFull is how long after it is looked again whether max-sessions leaves room.
	stockFull = 5 * time.Second
	// A stock opens one connection after the other. Where they fail, it waits so long between them, first and at most.
	stockBackoffStart = time.Second
	stockBackoffCap   = time.Minute
)

// errUnwanted is what a connection gets whose stock was given up while it was prepared.
var errUnwanted = errors.New("the profile has changed")

// stock is what a profile's param prewarm asks for: connections that are replaced when they are claimed or end. A goroutine
// of its own looks after it.
type stock struct {
	profile string
	stop    context.CancelFunc
	changed chan struct{} // it has to be looked at

	// The pool's lock protects following.
	file    *config.File
	want    int
	backoff transport.Backoff
	retryAt time.Time // no connection is opened before
	failing bool      // the last one has not worked, which was logged
}

// wake has the stock looked at.
func (s *stock) wake() {
	select {
	case s.changed <- struct{}{}:
	default:
	}
}

// lost notes that a connection has ended by itself, or could not be opened (l is nil, or without one): the next one waits. It
// reports whether that needs no telling again. The pool is locked.
func (s *stock) lost(l *link, worked bool, err error, now time.Time) (told bool) {
	if l != nil && l.conn != nil && now.Sub(l.since) >= steadyLife {
		s.backoff.Reset()
	}
	wait, _ := s.backoff.Next(retryAfter(err))
	s.retryAt = now.Add(wait)
	told, s.failing = s.failing, !worked
	return told
}

// keep makes the stocks what the file asks for, none if it is nil. New ones begin with start. What belonged to those that
// are gone is left over.
func (p *pool) keep(file *config.File, start func(context.Context, *stock)) {
	var want map[string]int
	if file != nil {
		want = file.Prewarm()
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for profile, s := range p.stocks {
		if want[profile] == 0 {
			s.stop()
			delete(p.stocks, profile)
		}
	}
	for profile, n := range want {
		s := p.stocks[profile]
		if s == nil {
			ctx, stop := context.WithCancel(context.Background())
			s = &stock{
				profile: profile, stop: stop, changed: make(chan struct{}, 1),
				backoff: transport.Backoff{Start: stockBackoffStart, Cap: stockBackoffCap, Factor: 2},
			}
			p.stocks[profile] = s
			start(ctx, s)
		}
		s.file, s.want, s.retryAt, s.failing = file, n, time.Time{}, false
		s.wake()
	}
}

// leftOver reports whether a connection belongs to a stock that is gone. The pool is locked.
func (w *waiting) leftOver() bool { return w.stock != nil && w.pool.stocks[w.profile] != w.stock }

// What the manager does with them.

// supply makes the pool what is wanted now: nothing, or the stocks of the configuration. It returns what has no place in it
// any more, to be ended. m.mu is held.
func (m *Manager) supply() []*waiting {
	if m.closing || m.draining {
		m.pool.keep(nil, nil)
		return m.pool.take(math.MaxInt, anyOne)
	}
	m.pool.keep(m.file, func(ctx context.Context, s *stock) {
		m.running.Add(1)
		go guard(m.logBug, func() { // ends with ctx
			defer m.running.Done()
			m.tend(ctx, s)
		})
	})
	return append(m.pool.take(math.MaxInt, (*waiting).leftOver), m.surplus()...)
}

func (m *Manager) logBug(reason string) {
	m.log.Error().Msg("caught a bug, this profile's connections are not replaced until reloadxml names none: " + reason)
}

// tend keeps a stock full until ctx ends.
func (m *Manager) tend(ctx context.Context, s *stock) {
	for ctx.Err() == nil {
		opening, wait := m.replenish(s)
		if opening != nil { // one after the other
			select {
			case <-opening.heard:
			case <-time.After(openWait):
			case <-ctx.Done():
			}
			continue
		}
		var again <-chan time.Time
		if wait > 0 {
			again = time.After(wait)
		}
		select {
		case <-s.changed:
		case <-again:
		case <-ctx.Done():
		}
	}
}

// replenish opens one connection of a stock that lacks some, and ends those that the profile would not open now. If it
// opens none, wait is when to look again; 0: when something has changed.
func (m *Manager) replenish(s *stock) (opening *waiting, wait time.Duration) {
	p := &m.pool
	p.mu.Lock()
	file, want, retryAt := s.file, s.want, s.retryAt
	p.mu.Unlock()
	if wait = time.Until(retryAt); wait > 0 {
		return nil, wait
	}
	w, err := m.ahead(file, s.profile)
	if err != nil {
		return nil, m.unable(s, err)
	}
	w.stock = s
	have := 0
	endAll(p.take(math.MaxInt, func(other *waiting) bool {
		fits := other.terms.same(w.terms) && have < want
		if fits && other.stock == s {
			have++
		}
		return !fits && other.stock == s
	}), "the profile has changed")
	if have == want {
		return nil, 0
	}
	if m.open(w, stockKeep-rand.N(stockKeep/5)) != nil {
		return nil, stockFull // it is no failure that the calls have all places
	}
	return w, 0
}

// unable notes that a connection can't even be prepared, and returns when to try again.
func (m *Manager) unable(s *stock, err error) (wait time.Duration) {
	m.pool.mu.Lock()
	told := s.lost(nil, false, err, time.Now())
	wait = time.Until(s.retryAt)
	m.pool.mu.Unlock()
	if !told {
		m.log.Warn().Msg("no connection can wait for calls: " + err.Error())
	}
	return wait
}
