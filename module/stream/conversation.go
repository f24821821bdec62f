package stream

import (
	"fmt"
	"strings"
	"time"

	"mod_openai_audio_stream/module/realtime"
)

// The conversation of a call, as a state machine without I/O: it is told what the server says, what the client sends
// and what the caller has heard, and answers through actions. The races it settles are those of the Realtime API over
// WebSocket, where the client owns playback: the server cancels a response, the client silences and truncates it.

// actions is what the conversation can have done. The stream implements it, a recorder in the tests.
type actions interface {
	// send gives a client event to the server.
	send(msg []byte)
	// flush silences what the caller has not heard, and returns the responses it belonged to.
	flush() (responses []string)
	// truncated reports an item that was cut.
	truncated(c cut)
}

// bargeIn says when the caller's voice silences the model's.
type bargeIn struct {
	off bool
	min time.Duration // the model has to have spoken for so long
}

// conversation belongs to the stream's goroutine.
type conversation struct {
	do       actions
	provider *realtime.Provider
	barge    bargeIn

	// The response that the server works on. active is true also for servers that give no ids.
	active   bool
	activeID string
	// A response.create has been sent and not been answered.
	creating    bool
	created     []byte   // that one
	createQueue [][]byte // further ones, oldest first; at most createMost
	retries     int      // times in a row that one was refused because of a response that we know nothing of

	// serverInterrupts is turn_detection.interrupt_response: the server cancels by itself.
	serverInterrupts bool

	// discarded holds ids of responses whose audio is not played any more, oldest first; at most discardMost.
	discarded []string
	// discardNameless drops audio without an id until the response that was interrupted ends.
	discardNameless bool

	// unheard are the truncations to nothing that were sent last, oldest first; at most unheardMost.
	unheard   []unheardItem
	unheardID int

	benign int // errors that told of a race and nothing else
}

// unheardItem is an item of which nothing was heard, and the event that told the server.
type unheardItem struct{ eventID, itemID string }

const (
	createMost  = 32
	retriesMost = 3
	discardMost = 64
	unheardMost = 8
)

func newConversation(do actions, provider *realtime.Provider, barge bargeIn) *conversation {
	return &conversation{do: do, provider: provider, barge: barge, serverInterrupts: true}
}

// reset forgets what a new session of the server does not know, and asks it for the response that the old one owed.
func (c *conversation) reset() {
	var owed []byte
	switch {
	case c.creating:
		owed = c.created
	case c.active:
		owed = realtime.ResponseCreate()
	}
	c.active, c.activeID, c.creating, c.created = false, "", false, nil
	c.discarded, c.discardNameless = nil, false
	if owed != nil {
		c.createQueue = append([][]byte{owed}, c.createQueue...)
	}
	c.next()
}

// idle reports whether no response runs, or is about to.
func (c *conversation) idle() bool { return !c.active && !c.creating && len(c.createQueue) == 0 }

// wantsAudio reports whether a delta is to be played: late ones of an interrupted response are not.
func (c *conversation) wantsAudio(responseID string) bool {
	if responseID == "" {
		return !c.discardNameless
	}
	for _, id := range c.discarded {
		if id == responseID {
			return false
		}
	}
	return true
}

// speechStarted handles input_audio_buffer.speech_started. heard is how long the present answer has been played,
// pending whether there is audio that the caller has not heard.
func (c *conversation) speechStarted(heard time.Duration, pending bool) {
	if !c.barge.off && (heard >= c.barge.min || !pending) {
		c.interrupt(pending)
	}
}

// interrupt silences the model: at a barge-in, or because it was told to.
func (c *conversation) interrupt(pending bool) {
	if !pending && !c.active {
		return
	}
	for _, id := range c.do.flush() {
		c.discard(id)
	}
	if c.active {
		c.discard(c.activeID)
		if !c.serverInterrupts {
			c.do.send(realtime.ResponseCancel(c.activeID))
		}
	}
}

func (c *conversation) discard(id string) {
	if id == "" {
		c.discardNameless = c.active
		return
	}
	if !c.wantsAudio(id) {
		return
	}
	if len(c.discarded) == discardMost {
		c.discarded = append(c.discarded[:0], c.discarded[1:]...)
	}
	c.discarded = append(c.discarded, id)
}

// cut tells the server how much of an item the caller heard.
func (c *conversation) cut(t cut) {
	c.do.truncated(t)
	if t.ItemID == "" {
		return
	}
	msg := realtime.Truncate(t.ItemID, t.ContentIndex, t.Played.Milliseconds())
	if t.Played < time.Millisecond {
		c.unheardID++
		u := unheardItem{fmt.Sprintf("oas_unheard_%d", c.unheardID), t.ItemID}
		c.unheard = append(c.unheard, u)
		if len(c.unheard) > unheardMost {
			c.unheard = c.unheard[1:]
		}
		msg = realtime.WithEventID(msg, u.eventID)
	}
	c.do.send(msg)
}

// refusedUnheard deletes an item that the server can't truncate, because it has no audio of it yet: the caller heard
// nothing of it, and the model should not believe otherwise.
func (c *conversation) refusedUnheard(eventID string) {
	for i, u := range c.unheard {
		if u.eventID == eventID {
			c.unheard = append(c.unheard[:i], c.unheard[i+1:]...)
			c.do.send(realtime.ItemDelete(u.itemID))
			return
		}
	}
}

// client passes on an event of the client's. Events that start a response wait for the running one; false if too many do.
func (c *conversation) client(msg []byte) bool {
	if !realtime.StartsResponse(msg) {
		c.do.send(msg)
		return true
	}
	if c.idle() {
		c.create(msg)
		return true
	}
	if len(c.createQueue) == createMost {
		return false
	}
	c.createQueue = append(c.createQueue, msg)
	return true
}

func (c *conversation) create(msg []byte) {
	c.creating, c.created = true, msg
	c.do.send(msg)
}

func (c *conversation) next() {
	if c.active || c.creating || len(c.createQueue) == 0 {
		return
	}
	msg := c.createQueue[0]
	c.createQueue = c.createQueue[1:]
	c.create(msg)
}

func (c *conversation) responseCreated(id string) {
	c.active, c.activeID = true, id
	c.creating, c.created, c.retries = false, nil, 0
	c.discardNameless = false
}

// responseDone also stands for servers that end a response only with its audio.
func (c *conversation) responseDone(id string) {
	if id != "" && c.activeID != "" && id != c.activeID {
		return // an out-of-band response
	}
	c.active, c.activeID = false, ""
	c.discardNameless = false
	c.next()
}

// sessionUpdated learns who interrupts.
func (c *conversation) sessionUpdated(e *realtime.Event) {
	c.serverInterrupts = realtime.DetectionOf(e.Session).Interrupts
}

// serverError settles the errors that races cause. It reports whether the error meant nothing.
func (c *conversation) serverError(e *realtime.Error) bool {
	if e.Code == "conversation_already_has_active_response" || strings.Contains(e.Message, "already has an active response") {
		// A response of the server's own was faster. Ours goes again after it; response.done may have passed already.
		if c.creating {
			c.createQueue = append([][]byte{c.created}, c.createQueue...)
			c.creating, c.created = false, nil
			if c.retries++; !c.active && c.retries <= retriesMost {
				c.next()
			}
		}
		c.benign++
		return true
	}
	if c.creating && e.EventID != "" && e.EventID == realtime.EventID(c.created) {
		c.creating, c.created = false, nil
		c.next()
	}
	if c.provider.Benign(e) {
		c.benign++
		c.refusedUnheard(e.EventID)
		return true
	}
	return false
}
