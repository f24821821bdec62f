package ledger

import (
	"time"

	"mod_openai_audio_stream/module/realtime"
)

// Ledger is one conversation. It is told what the server says, what the client asks and what the channel has played, and
// answers each time with what is to be done. It belongs to one goroutine.
type Ledger struct {
	provider *realtime.Provider
	barge    BargeIn

	connected  bool
	connection int                // counts them: ids are good for one
	detection  realtime.Detection // of the caller's turns, as the session has it
	modality   string             // of the session's responses; "" if it does not say
	requests   requests
	responses  responses
	items      items
	calls      calls
	caller     caller
	// interruption is what that may become.
	interruption interruption
	unheard      []truncation // to nothing, which a server may refuse: the last maxUnheard of them
	numbers      int          // for event ids
	held         [][]byte     // client events that wait for the connection
	heldBytes    int
	totals       Totals
	todo         Todo // collected by the method that runs, and by Audio before it
}

// caller is what the server's voice detector says of the caller.
type caller struct {
	speaking bool
	itemID   string // of what was said last
	text     string // its transcript, if it came before the answer
	// stoppedAt is when the server said that the caller stopped, zero once that has its answer. The voice itself ended at
	// voiceEnd, zero if that is not known.
	stoppedAt, voiceEnd time.Time
	// answerBy is until when the server's own answer to it is expected; zero: none is.
	answerBy time.Time
}

// truncation is a conversation.item.truncate on its way.
type truncation struct{ eventID, itemID string }

const (
	maxUnheard = 64
	// maxAnswerWait is how long after the caller's words the server's answer still counts as about to come. Servers
	// create a response within a second, and none at all for what they take for noise.
	maxAnswerWait = 5 * time.Second
)

// New returns the ledger of a conversation that has not begun.
func New(provider *realtime.Provider, barge BargeIn) *Ledger {
	return &Ledger{provider: provider, barge: barge, detection: realtime.Detection{Interrupts: true, Creates: true}}
}

// Todo is what is to be done, in the order of the fields.
type Todo struct {
	Flush    bool     // silence what the caller has not heard
	PartDone []string // responses of which no more audio will come for now, as Audio named them
	Finished []string // responses of which no more audio will come, as Audio named them
	Send     [][]byte // client events for the server
	Calls    []Call   // functions of ours to run
	Answered []string // ids of calls that the client has answered itself: their functions need not go on
	Reports  []Report // for the user
}

// Report is something that the user is told: a SpeechStarted, SpeechStopped, Truncated or Turn.
type Report interface{ isReport() }

// SpeechStarted says that the first sample of an answer has been played.
type SpeechStarted struct{ ResponseID string }

// SpeechStopped says that the last sample of an answer has been played, or that the rest was flushed.
type SpeechStopped struct{ ResponseID string }

// Truncated says that the rest of a part of an item will not be heard.
type Truncated struct {
	ItemID           string
	ContentIndex     int
	Played, Received time.Duration
}

func (SpeechStarted) isReport() {}
func (SpeechStopped) isReport() {}
func (Truncated) isReport()     {}
func (Turn) isReport()          {}

func (l *Ledger) send(msg []byte) { l.todo.Send = append(l.todo.Send, msg) }

func (l *Ledger) report(r Report) { l.todo.Reports = append(l.todo.Reports, r) }

// done ends a method: what has become possible is done, and what was collected is the answer.
func (l *Ledger) done(now time.Time) Todo {
	l.reportTurns() // and what was not heard, before the server goes on
	l.answerCalls()
	l.next(now)
	todo := l.todo
	l.todo = Todo{}
	return todo
}

// Due is when Tick has something to do; the zero time if nothing.
func (l *Ledger) Due() time.Time {
	due := l.requests.due()
	soon := func(at time.Time) {
		if !at.IsZero() && (due.IsZero() || at.Before(due)) {
			due = at
		}
	}
	for _, r := range l.responses.all {
		soon(l.overBy(r))
	}
	for _, m := range l.calls.mcp {
		soon(m.wordAt.Add(maxMCP))
	}
	return due
}

// overBy is when a response counts as done if no word of it comes; zero: never.
func (l *Ledger) overBy(r *response) time.Time {
	if r.over() || r.cancelBy.IsZero() && l.calls.acts(r) {
		return time.Time{}
	}
	return r.overBy()
}

// Tick does what is due.
func (l *Ledger) Tick(now time.Time) Todo {
	l.requests.expire(now)
	for _, r := range l.responses.all {
		if by := l.overBy(r); !by.IsZero() && !now.Before(by) {
			l.over(r, done)
		}
	}
	l.calls.forgetMCP(func(m *mcpCall) bool { return now.Sub(m.wordAt) >= maxMCP })
	return l.done(now)
}

// Interrupt silences the model because it was told to. The server goes on listening, so a response that runs is cancelled.
func (l *Ledger) Interrupt(now time.Time) Todo {
	stopped := l.silence(true)
	if r := l.requests.asked; r != nil && !r.cancelled {
		r.cancelled, stopped = true, true
	}
	l.requests.expired = nil
	if stopped {
		l.totals.Interruptions++
	}
	l.interruption.settle()
	return l.done(now)
}

// Mute silences what the caller has not heard. What the model says further is not given to the player while it lasts.
func (l *Ledger) Mute(now time.Time) Todo {
	if l.Unheard() {
		l.flush()
	}
	return l.done(now)
}

// silence stops the answer that plays or is about to, and reports whether there is one. cancel: the server does not by
// itself.
func (l *Ledger) silence(cancel bool) (stopped bool) {
	for _, r := range l.responses.all {
		if !r.interruptible() {
			continue
		}
		r.discarded, r.interrupted, stopped = true, true, true
		if !r.over() && r.connection == l.connection && (cancel || r.outOfBand || r.overCaller) {
			l.send(realtime.ResponseCancel(r.id))
		}
	}
	if stopped {
		l.flush()
	}
	return stopped
}

// flush silences what has not been heard. The player tells later how much that was.
func (l *Ledger) flush() {
	l.todo.Flush = true
	for _, r := range l.responses.all {
		for _, p := range r.parts {
			p.flushing = p.queued - p.played
		}
	}
}
