package ledger

import (
	"time"

	"mod_openai_audio_stream/module/realtime"
)

// BargeIn says when the caller's voice silences the model's.
type BargeIn struct {
	Off bool          // never
	Min time.Duration // the caller must have heard so much of the answer
}

// Ledger is one conversation. It is told what the server says, what the client asks and what the channel has played, and
// answers each time with what is to be done. It belongs to one goroutine.
type Ledger struct {
	provider *realtime.Provider
	barge    BargeIn

	connected  bool
	connection int                // counts them: ids are good for one
	detection  realtime.Detection // of the caller's turns, as the session has it
	requests   requests
	responses  responses
	items      items
	caller     caller
	unheard    []truncation // to nothing, which a server may refuse: the last maxUnheard of them
	numbers    int          // for event ids
	held       [][]byte     // client events that wait for the connection
	heldBytes  int
	totals     Totals
	todo       Todo // collected by the method that runs
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
	maxUnheard = 8
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
	Finished []string // responses of which no more audio will come
	Send     [][]byte // client events for the server
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
	l.next(now)
	l.reportTurns()
	todo := l.todo
	l.todo = Todo{}
	return todo
}

// Due is when Tick has something to do; the zero time if nothing.
func (l *Ledger) Due() time.Time { return l.requests.due() }

// Tick does what is due.
func (l *Ledger) Tick(now time.Time) Todo {
	l.requests.expire(now)
	return l.done(now)
}

// Quiet reports whether nobody speaks or is about to: no word of the caller's waits for its answer, no response was asked
// for or runs, and all audio has been heard.
func (l *Ledger) Quiet(now time.Time) bool {
	return !l.caller.speaking && !now.Before(l.caller.answerBy) && l.requests.idle() && l.responses.idle()
}

// Unheard reports whether there is audio that the caller has not heard. It is as true as the last Playback.
func (l *Ledger) Unheard() bool { return l.responses.unheard() }

// Detection is how the server finds the caller's turns.
func (l *Ledger) Detection() realtime.Detection { return l.detection }

// Interrupt silences the model because it was told to. The server goes on listening, so a response that runs is cancelled.
func (l *Ledger) Interrupt(now time.Time) Todo {
	l.silence(true)
	if r := l.requests.asked; r != nil {
		r.cancelled = true
	}
	return l.done(now)
}

// Mute silences what the caller has not heard. What the model says further is not given to the player while it lasts.
func (l *Ledger) Mute(now time.Time) Todo {
	l.todo.Flush = l.Unheard()
	return l.done(now)
}

// silence stops the answer that plays or is about to. cancel: the server does not by itself.
func (l *Ledger) silence(cancel bool) {
	stopped := false
	for _, r := range l.responses.all {
		if r.discarded || !r.unheard() && (r.over() || r.outOfBand) {
			continue
		}
		r.discarded, r.interrupted, stopped = true, true, true
		if !r.over() && r.connection == l.connection && (cancel || r.outOfBand) {
			l.send(realtime.ResponseCancel(r.id))
		}
	}
	if stopped {
		l.todo.Flush = true
		l.totals.Interruptions++
	}
}
