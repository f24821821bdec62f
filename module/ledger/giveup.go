package ledger

import (
	"slices"
	"time"

	"mod_openai_audio_stream/module/realtime"
)

// What does not come in time is given up.

// maxCancel is how long the end of a response is waited for that was cancelled because nothing came of it.
const maxCancel = 2 * time.Second

// Retry cancels what AwaitedSince tells of, and asks for it once more.
func (l *Ledger) Retry(now time.Time) Todo {
	q := &l.requests
	if r := l.responses.running; r != nil {
		l.cancel(r, now)
		l.repeat(r)
		r.request = nil
	} else if r := l.withdraw(); r != nil {
		q.again(r)
	} else {
		return l.done(now)
	}
	q.waiting[0].retried, q.waiting[0].since = true, time.Time{}
	return l.done(now)
}

// Drop cancels what AwaitedSince tells of, and that is all.
func (l *Ledger) Drop(now time.Time) Todo {
	if r := l.responses.running; r != nil {
		l.cancel(r, now)
	} else {
		l.withdraw()
	}
	return l.done(now)
}

// cancel ends a response, whether the server says so or not.
func (l *Ledger) cancel(r *response, now time.Time) {
	r.discarded, r.cancelBy = true, now.Add(maxCancel)
	l.send(realtime.ResponseCancel(r.id))
}

// withdraw takes out the request that is unanswered. The server may have begun its response, or another one that keeps it,
// without a word: that is cancelled.
func (l *Ledger) withdraw() *request {
	q := &l.requests
	r := q.unanswered()
	switch {
	case r == nil:
		return nil
	case r == q.asked || r == q.expired:
		q.asked, q.expired = nil, nil
	default:
		q.waiting = q.waiting[1:]
	}
	q.retryAt, q.refusals = time.Time{}, 0
	l.send(realtime.ResponseCancel(""))
	return r
}

// unanswered is the request that was sent and not answered by a response, nil if there is none. It may have been refused
// because of a response that we know nothing of.
func (q *requests) unanswered() *request {
	switch {
	case q.asked != nil:
		return q.asked
	case q.expired != nil:
		return q.expired
	case len(q.waiting) > 0 && !q.waiting[0].since.IsZero():
		return q.waiting[0]
	}
	return nil
}

// Forgo takes back the request for a response out of band that was made with this event id, unless audio of that has come.
func (l *Ledger) Forgo(eventID string, now time.Time) Todo {
	is := func(r *request) bool { return r != nil && r.eventID == eventID }
	held := func(msg []byte) bool {
		return eventType(msg) == "response.create" && !realtime.StartsResponse(msg) && realtime.EventID(msg) == eventID
	}
	if i := slices.IndexFunc(l.held, held); i >= 0 {
		l.heldBytes -= len(l.held[i])
		l.held = slices.Delete(l.held, i, i+1)
	}
	q := &l.requests
	if i := slices.IndexFunc(q.asides, is); i >= 0 {
		q.asides[i].cancelled = true // an answer to it is on its way
	}
	for _, r := range l.responses.all {
		if r.outOfBand && is(r.request) && !r.over() && !r.discarded && len(r.parts) == 0 {
			r.discarded, r.interrupted = true, true
			l.send(realtime.ResponseCancel(r.id))
		}
	}
	return l.done(now)
}
