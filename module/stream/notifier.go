package stream

import (
	"sync"

	"mod_openai_audio_stream/module/serial"
)

// notifyMost bounds the events of one call that FreeSWITCH has not taken yet. Beyond it new ones are dropped and
// counted: FreeSWITCH's own queue is stuck then, and the call must go on.
const notifyMost = 8192

// hostCalls bounds how many OS threads may be inside FreeSWITCH for notifications at once, over all calls.
var hostCalls = make(chan struct{}, 8)

// notifier hands a call's events to FreeSWITCH in order, off the stream's goroutine, because FreeSWITCH may take its
// time. Any goroutine may use it.
type notifier struct {
	calls *serial.Queue

	mu      sync.Mutex // Protects following.
	closed  bool
	dropped int

	idle chan struct{} // closed when, after close, the last call has been made
}

// newNotifier returns a notifier whose first call waits until after is closed, nil for none: the last call of the
// channel's former stream.
func newNotifier(after <-chan struct{}) *notifier {
	// A panic in a call is a bug of the bridge; the remaining ones are still made.
	n := &notifier{calls: serial.NewQueue(func(any) {}), idle: make(chan struct{})}
	if after != nil {
		n.calls.Add(func() { <-after })
	}
	return n
}

// post queues one call into FreeSWITCH.
func (n *notifier) post(call func()) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.closed {
		return
	}
	if n.calls.Len() >= notifyMost {
		n.dropped++
		return
	}
	n.add(call)
}

func (n *notifier) add(call func()) {
	n.calls.Add(func() {
		hostCalls <- struct{}{}
		defer func() { <-hostCalls }()
		call()
	})
}

// close posts the last call, however many wait, and takes no more. idle is closed after it.
func (n *notifier) close(last func()) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.closed {
		return
	}
	n.closed = true
	n.add(last)
	n.calls.Add(func() { close(n.idle) })
}
