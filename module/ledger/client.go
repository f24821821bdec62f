package ledger

import (
	"errors"
	"fmt"
	"time"

	"github.com/tidwall/gjson"

	"mod_openai_audio_stream/module/realtime"
)

// While a lost connection comes back, the client's events are held, up to this much.
const (
	maxHeld      = 64
	maxHeldBytes = 256 << 10
)

// What Client refuses.
var (
	ErrNotConnected     = errors.New("the stream is not connected yet: wait for the connect event")
	ErrTooManyResponses = fmt.Errorf("%d response.create events wait already: wait for response.done", maxWaiting)
	ErrTooMuchHeld      = fmt.Errorf("%d events or %d KB wait for the connection already: wait for the reconnect event",
		maxHeld, maxHeldBytes>>10)
)

// heldTypes are the events that belong to the conversation. All others are about the connection that is gone.
var heldTypes = map[string]bool{"conversation.item.create": true, "response.create": true, "session.update": true}

// Client takes events of the client's, all of them or, with an error, none. held: they wait for the connection, and are
// sent in their order when the conversation has been restored.
func (l *Ledger) Client(now time.Time, events ...[]byte) (todo Todo, held bool, err error) {
	if l.connection == 0 {
		return Todo{}, false, ErrNotConnected
	}
	creates, asides, size := 0, 0, 0
	for _, msg := range events {
		kind := eventType(msg)
		if !l.connected && !heldTypes[kind] {
			return Todo{}, false, fmt.Errorf("%q: the connection that it is about is gone: wait for the reconnect event", kind)
		}
		switch {
		case realtime.StartsResponse(msg):
			creates++
		case kind == "response.create":
			asides++
		}
		if id := answers(kind, msg); l.calls.seen(id) && l.calls.waiting(id) == nil {
			return Todo{}, false, fmt.Errorf("call %q has had its output: each takes one", id)
		}
		size += len(msg)
	}
	for _, msg := range l.held {
		if realtime.StartsResponse(msg) {
			creates++
		}
	}
	switch {
	case creates > 0 && len(l.requests.waiting)+creates > maxWaiting, asides > 0 && len(l.requests.asides)+asides > maxWaiting:
		return Todo{}, false, ErrTooManyResponses
	case !l.connected && (len(l.held)+len(events) > maxHeld || l.heldBytes+size > maxHeldBytes):
		return Todo{}, false, ErrTooMuchHeld
	case !l.connected:
		for _, msg := range events {
			l.held = append(l.held, append([]byte(nil), msg...))
		}
		l.heldBytes += size
		return Todo{}, true, nil
	}
	for _, msg := range events {
		l.client(msg, now)
	}
	return l.done(now), false, nil
}

// client sends one event, or has it wait for its turn.
func (l *Ledger) client(msg []byte, now time.Time) {
	kind := eventType(msg)
	if kind == "response.create" {
		l.request(msg, now)
		return
	}
	l.barge.client(msg)
	if id := answers(kind, msg); id != "" && l.clientOutput(id, msg) {
		return
	}
	l.send(msg)
	l.items.client(msg)
}

func eventType(msg []byte) string { return gjson.GetBytes(msg, "type").Str }
