package session

import (
	"sync"
)

// notifyMost bounds the events of one call that FreeSWITCH has not taken yet. Beyond it new ones are dropped and
// counted: FreeSWITCH's own queue is stuck then, and the call must go on.
const notifyMost = 8192

// hostCalls bounds how many OS threads may be inside FreeSWITCH for notifications at once, over all calls.
var hostCalls = make(chan struct{}, 8)

// notifier hands a call's events, log lines and variables to FreeSWITCH in order, off the session's goroutine, because
// FreeSWITCH may take its time. Any goroutine may use it.
type notifier struct {
	mu      sync.Mutex // Protects following.
	queue   []func()
	running bool
	closed  bool
	dropped int

	idle chan struct{} // closed by close when the last call has been made
}

func newNotifier() *notifier { return &notifier{idle: make(chan struct{})} }

// post queues one call into FreeSWITCH.
func (n *notifier) post(call func()) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.closed {
		return
	}
	if len(n.queue) >= notifyMost {
		n.dropped++
		return
	}
	n.queue = append(n.queue, call)
	if !n.running {
		n.running = true
		go guard(func(string) {}, n.run) // ends when the queue is empty
	}
}

// close takes no more calls. What was posted is still made; idle is closed after it.
func (n *notifier) close() {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.closed {
		return
	}
	n.closed = true
	if !n.running {
		close(n.idle)
	}
}

func (n *notifier) run() {
	for {
		n.mu.Lock()
		if len(n.queue) == 0 {
			n.running = false
			if n.closed {
				close(n.idle)
			}
			n.mu.Unlock()
			return
		}
		call := n.queue[0]
		n.queue[0] = nil
		n.queue = n.queue[1:]
		n.mu.Unlock()

		hostCalls <- struct{}{}
		// A panic here is a bug of the bridge; the call's remaining notifications still go out.
		guard(func(string) {}, call)
		<-hostCalls
	}
}
