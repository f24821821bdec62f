package stream

import (
	"fmt"
	"runtime/debug"
	"sync"

	"github.com/rs/zerolog"

	"mod_openai_audio_stream/module/secret"
	"mod_openai_audio_stream/module/serial"
)

// What bounds the events of one call that FreeSWITCH has not taken yet. Beyond it new ones are dropped and counted:
// FreeSWITCH's own queue is stuck then, and the call must go on.
const (
	maxEvents     = 8192
	maxEventBytes = 64 << 20 // of their bodies
)

// hostCalls bounds how many OS threads may be inside FreeSWITCH for notifications at once, over all calls.
var hostCalls = make(chan struct{}, 8)

// notifier hands a call's events to FreeSWITCH in order, on a goroutine of its own, because FreeSWITCH may take its
// time. It masks the call's secrets in their bodies on the way. Any goroutine may use it.
type notifier struct {
	host    Host
	uuid    string
	secrets *secret.Masker
	log     zerolog.Logger
	calls   *serial.Queue

	mu      sync.Mutex // Protects following.
	closed  bool
	waiting int // events that are not out
	bytes   int // of their bodies
	lost    int // events that were dropped

	idle chan struct{} // closed when, after close, the last event is out
}

// newNotifier returns a notifier for the channel uuid, whose first event waits until after is closed, nil for none: the
// last event of the channel's former stream.
func newNotifier(host Host, uuid string, secrets *secret.Masker, log zerolog.Logger, after <-chan struct{}) *notifier {
	n := &notifier{host: host, uuid: uuid, secrets: secrets, log: log, idle: make(chan struct{})}
	n.calls = serial.NewQueue(n.panicked)
	if after != nil {
		n.calls.Add(func() { <-after })
	}
	return n
}

// panicked tells of a bug in the bridge. The remaining events are still fired.
func (n *notifier) panicked(reason any) {
	guard(func(string) {}, func() {
		n.log.WithLevel(zerolog.PanicLevel).Msg(fmt.Sprintf("caught a bug, an event is lost: %v\n%s", reason, debug.Stack()))
	})
}

// event queues one event. body is JSON, and belongs to the notifier from now on.
func (n *notifier) event(subclass string, body []byte) {
	if n.tryEvent(subclass, body) {
		return
	}
	n.log.Warn().Msg("FreeSWITCH takes no events: new ones are dropped until it does")
}

// tryEvent is event, but for the log line: false if this is the call's first event that is dropped.
func (n *notifier) tryEvent(subclass string, body []byte) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	switch {
	case n.closed:
	case n.waiting >= maxEvents || n.bytes > 0 && n.bytes+len(body) > maxEventBytes:
		n.lost++
		return n.lost > 1
	default:
		n.add(subclass, body)
	}
	return true
}

// add queues an event. The caller holds mu.
func (n *notifier) add(subclass string, body []byte) {
	n.waiting++
	n.bytes += len(body)
	n.calls.Add(func() {
		defer n.taken(len(body))
		hostCalls <- struct{}{}
		defer func() { <-hostCalls }()
		n.host.Event(subclass, n.uuid, n.secrets.Body(body))
	})
}

func (n *notifier) taken(bytes int) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.waiting--
	n.bytes -= bytes
}

// dropped is how many events FreeSWITCH was not given, because too many waited.
func (n *notifier) dropped() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.lost
}

// close queues the last event, however many wait, and takes no more. idle is closed after it.
func (n *notifier) close(subclass string, body []byte) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.closed {
		return
	}
	n.closed = true
	n.add(subclass, body)
	n.calls.Add(func() { close(n.idle) }) // a job of its own: also after a panic in the last event
}
