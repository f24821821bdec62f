package ledger

import (
	"time"

	"github.com/tidwall/gjson"
)

// BargeIn says when the caller's voice silences the model's.
type BargeIn struct {
	Off      bool          // never
	Min      time.Duration // the caller must have heard so much of the answer
	Greeting time.Duration // and so much of the greeting, which answers the request with the event id GreetingID
	Confirm  time.Duration // the caller's own voice must have lasted for so long
	Resume   time.Duration // a voice that ends within it only pauses the answer
	// Answers: the server was told to answer no turn by itself, so that it does not answer what only paused. Where it has
	// agreed to that, it is asked for each answer.
	Answers bool
}

// GreetingID is the event id of the response.create that asks for the greeting.
const GreetingID = "oas_greeting"

const (
	// lateWord is how long after a voice has ended the server's word that it began may still come.
	lateWord = time.Second
	// lastWords is the end of an answer at which a brief word is no murmur of assent but a reply.
	lastWords = 500 * time.Millisecond
)

// byVoice reports whether the server's word is not enough: the caller's own voice decides.
func (b *BargeIn) byVoice() bool { return b.Confirm > 0 || b.Resume > 0 }

// interruption is what the caller's voice may become. The server's word that the caller speaks opens the question, where
// there is something to silence. A server that detects no turns says no such word: then the voice itself opens it.
type interruption struct {
	open   bool // it is not decided
	early  bool // too little of the answer that played then had been heard
	paused bool // the answer is kept where it is

	lasted   time.Duration // how long the caller's own voice has so far; 0: there is none
	former   time.Duration // how long the one before did, and
	formerAt time.Time     // when it had ended

	over    bool          // the caller's turn began when there was something to silence, and has silenced nothing
	longest time.Duration // voice in it
}

// settle ends the question.
func (i *interruption) settle() { i.open, i.paused, i.over = false, false, false }

// Hears tells how long the caller's own voice has lasted, as the channel has it; 0: there is none. It reports whether that
// may decide something. Then Decide is to be called, after Played.
func (l *Ledger) Hears(lasted time.Duration, now time.Time) (decides bool) {
	i := &l.interruption
	before := i.lasted
	i.lasted, i.longest = lasted, max(i.longest, lasted)
	switch {
	case before == 0 && lasted > 0 && l.detection.None && l.barge.byVoice():
		l.question(now)
	case before > 0 && lasted == 0:
		i.former, i.formerAt = before, now
	}
	return i.ripe(&l.barge)
}

// ripe reports whether the voice has lasted for long enough to decide something, or has ended.
func (i *interruption) ripe(b *BargeIn) bool {
	if i.paused {
		return i.lasted == 0 || i.lasted > b.Resume
	}
	return i.open && i.lasted > 0 && i.lasted >= b.Confirm
}

// Decide settles what Hears has found.
func (l *Ledger) Decide(now time.Time) Todo {
	l.decide()
	return l.done(now)
}

func (l *Ledger) decide() {
	i := &l.interruption
	switch {
	case !i.ripe(&l.barge):
	case i.lasted == 0:
		i.paused = false
	case l.tooEarly():
	case i.lasted <= l.barge.Resume:
		i.paused = true
	default:
		l.bargeIn()
	}
}

// Paused reports whether what the caller has not heard is to be kept where it is, because it is not decided whether the
// caller interrupts.
func (l *Ledger) Paused() bool { return l.interruption.paused }

// question opens the question whether the caller interrupts.
func (l *Ledger) question(now time.Time) {
	i := &l.interruption
	if i.lasted == 0 && now.Sub(i.formerAt) < lateWord {
		i.longest = i.former // the server's word is about a voice that has ended
	} else {
		i.longest = i.lasted
	}
	i.open = !l.barge.Off && l.interruptible()
	i.early = l.Unheard() && l.responses.spoken() < l.barge.Min
	i.over = i.open
}

// speaks takes the server's word that the caller speaks.
func (l *Ledger) speaks(now time.Time) {
	l.question(now)
	i, b := &l.interruption, &l.barge
	switch {
	case !i.open || l.tooEarly():
	case !b.byVoice(), i.lasted == 0 && i.longest >= b.Confirm && i.longest > b.Resume:
		l.bargeIn()
	default:
		l.decide()
	}
}

// interruptible reports whether there is something that the caller can interrupt.
func (l *Ledger) interruptible() bool {
	for _, r := range l.responses.all {
		if r.interruptible() {
			return true
		}
	}
	return l.requests.answering()
}

// tooEarly reports whether too little has been heard to be interrupted.
func (l *Ledger) tooEarly() bool {
	i := &l.interruption
	i.early = i.early && l.responses.spoken() < l.barge.Min
	return i.early || l.greets()
}

// greets reports whether the part of the greeting is being heard that can't be interrupted, or is about to be.
func (l *Ledger) greets() bool {
	for _, r := range l.responses.all {
		if r.interruptible() && r.request != nil && r.request.eventID == GreetingID && r.heard() < l.barge.Greeting {
			return true
		}
	}
	return false
}

// bargeIn lets the caller interrupt.
func (l *Ledger) bargeIn() {
	stopped := l.silence(!l.detection.Interrupts)
	if l.connected && l.requests.dropAnswer() { // to words that go on; a new session may never hear the rest of them
		stopped = true
	}
	if stopped {
		l.totals.Interruptions++
	}
	l.interruption.settle()
}

// turnEnds ends the caller's turn, and reports whether it was none: a brief word while the model went on.
func (l *Ledger) turnEnds() (murmur bool) {
	i := &l.interruption
	murmur = i.over && i.longest > 0 && i.longest <= l.barge.Resume && l.left() >= lastWords
	i.former = 0
	i.settle()
	return murmur
}

// left is how long is still to be heard at least.
func (l *Ledger) left() (d time.Duration) {
	for _, r := range l.responses.all {
		switch {
		case r.discarded:
		case !r.over() && !r.outOfBand:
			return lastWords // and nobody knows how much more
		case !r.stopped:
			d += r.queued() - r.heard()
		}
	}
	return d
}

// client notes an event of the client's. Who changes how turns are found sees to their answers.
func (b *BargeIn) client(msg []byte) {
	if eventType(msg) != "session.update" {
		return
	}
	for _, path := range []string{"session.turn_detection", "session.audio.input.turn_detection"} {
		if gjson.GetBytes(msg, path).Exists() {
			b.Answers = false
		}
	}
}

// asks reports whether the server is to be asked for the answers to the caller's turns.
func (l *Ledger) asks() bool { return l.barge.Answers && !l.detection.Creates }
