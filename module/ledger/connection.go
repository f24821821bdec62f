package ledger

import (
	"slices"
	"time"
)

// A new connection is a new session of the server's: it knows nothing of the conversation. It is told what was said, as
// far as it was heard, and asked for what the old one owed.

// Restored is what a new session has been told.
type Restored struct{ Updates, Items int }

// Connected tells that the server has opened a session. Unless it is the first one, it is told the conversation so far.
func (l *Ledger) Connected(now time.Time) (todo Todo, restored Restored) {
	l.connected = true
	if l.connection++; l.connection == 1 {
		return l.done(now), restored
	}
	for _, msg := range l.items.updates {
		l.send(msg)
	}
	items := l.items.replay(l.provider, func() string { return l.eventID("restore") })
	for _, msg := range items {
		l.send(msg)
	}
	restored = Restored{len(l.items.updates), len(items)}
	l.answerCalls()
	q := &l.requests
	q.asides = slices.DeleteFunc(q.asides, func(r *request) bool { return r.cancelled })
	for _, r := range q.asides {
		l.ask(r, now)
	}
	l.next(now)
	held := l.held
	l.held, l.heldBytes = nil, 0
	for _, msg := range held {
		l.client(msg, now)
	}
	return l.done(now), restored
}

// Repeatable is the response under way of which nothing has been heard although audio has come, "" if there is none. If
// the player can take that audio back, and the connection is lost, the response is asked for again.
func (l *Ledger) Repeatable() string {
	if r := l.responses.running; r != nil && !r.discarded && !r.acted && r.queued() > 0 && r.heard() == 0 {
		return r.key
	}
	return ""
}

// Lost tells that the connection is gone. withdrawn: the player has taken back the response that Repeatable named. What
// was asked for and not heard is owed by the next session; of what was heard in part the rest is not.
func (l *Ledger) Lost(withdrawn bool, now time.Time) Todo {
	q := &l.requests
	answerDue := now.Before(l.caller.answerBy)
	l.caller.speaking, l.caller.answerBy = false, time.Time{}
	l.interruption.open = false // an answer that is paused goes on with the end of the voice
	switch r := l.responses.running; {
	case r != nil && !r.discarded && !r.acted && (withdrawn || r.queued() == 0):
		l.repeat(r)
	case q.asked != nil && !q.asked.cancelled:
		q.again(q.asked)
	case answerDue:
		q.again(l.lostAnswer())
	}
	for _, r := range q.asides {
		r.sentAt = time.Time{}
	}
	for _, r := range q.waiting {
		r.since = time.Time{} // the next session has its own time for it
	}
	q.asked, q.expired, q.retryAt, q.refusals = nil, nil, time.Time{}, 0
	l.loseResponses()
	l.calls.mcp = nil
	l.connected, l.unheard, l.todo.Send = false, nil, nil
	return l.done(now)
}

// repeat has the next session asked for a response of which nothing was heard. The exchange goes on.
func (l *Ledger) repeat(r *response) {
	again := r.request
	if again == nil {
		again = l.lostAnswer()
	}
	l.requests.again(again)
	for _, p := range r.parts {
		p.queued = 0
	}
	r.reported = true
	l.caller.stoppedAt, l.caller.voiceEnd = r.times.callerStopped, r.times.voiceEnd
	l.caller.itemID, l.caller.text = r.turn.callerItem, r.turn.Caller
}

// loseResponses ends those that run: the server that worked on them is gone.
func (l *Ledger) loseResponses() {
	for _, r := range l.responses.all {
		if !r.over() {
			r.turn.Status = statusLost
			l.over(r, lost)
		}
	}
}

// End tells that the conversation is over, after the player has told what was heard of it. All exchanges are reported.
func (l *Ledger) End(now time.Time) Todo {
	l.connected = false
	l.loseResponses()
	l.calls.open, l.calls.mcp = nil, nil
	for _, r := range l.responses.all {
		l.reportTurn(r)
	}
	return l.done(now)
}
