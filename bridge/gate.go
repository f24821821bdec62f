package main

import (
	"sync"
	"time"
)

// gate lets calls into FreeSWITCH until it is closed. One call may be inside another, because FreeSWITCH runs commands
// while it answers a call. That rules out an RWMutex: the inner one would wait for a close that waits for the outer one.
type gate struct {
	mu     sync.Mutex // Protects following.
	inside int
	closed bool
	empty  chan struct{} // closed when the last one has left; nil before close
}

// enter reports whether a call may be made; leave must follow if so.
func (g *gate) enter() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed {
		return false
	}
	g.inside++
	return true
}

func (g *gate) leave() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.inside--
	if g.closed && g.inside == 0 {
		close(g.empty)
	}
}

// close refuses further calls and waits for those under way, but no longer than wait: nothing ends an API command, for
// instance, and the shim has a gate of its own. It is called once.
func (g *gate) close(wait time.Duration) {
	g.mu.Lock()
	g.closed, g.empty = true, make(chan struct{})
	if g.inside == 0 {
		close(g.empty)
	}
	g.mu.Unlock()
	timeout := time.NewTimer(wait)
	defer timeout.Stop()
	select {
	case <-g.empty:
	case <-timeout.C:
	}
}
