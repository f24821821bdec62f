package ledger

import (
	"fmt"
	"slices"
	"time"

	"mod_openai_audio_stream/module/realtime"
)

// A server works on one response of the default conversation at a time and refuses a second one. So the requests wait
// here for each other, and for the responses that the server begins by itself. Its response.created does not say which
// request it answers. It is taken for the one that was sent. If that one is then refused, because a response runs, the
// response was the server's own, and the request is sent again after it.

const (
	maxWaiting = 32
	// maxUnanswered is after how long a request without any answer counts as refused.
	maxUnanswered = 15 * time.Second
	// maxDoubt is how long it is still waited for after an error that may have been about it.
	maxDoubt = time.Second
	// A request that is refused because of a response that nobody told us of is sent again after retryFirst, then after
	// twice as long each time, up to retryLast.
	retryFirst = 100 * time.Millisecond
	retryLast  = 3 * time.Second
	// maxRefusal is how long after a request an error without an event id may still be about it. Later ones are about
	// the server's own attempt to answer the caller.
	maxRefusal = 3 * time.Second
)

// request is a response.create.
type request struct {
	eventID   string
	msg       []byte
	sentAt    time.Time // in the present connection
	answerBy  time.Time // counts as refused from then on
	since     time.Time // when it was first sent, or when Retry sent it again: so long its answer has been awaited
	retried   bool      // by Retry
	modality  string    // of its response; "" if it does not say
	number    int       // of sending: servers answer in order
	cancelled bool      // its response is not wanted any more

	// A request of our own asks for nothing in particular: one answers all that was there when it was sent.
	turn bool // of our own: it is for the answer to the caller's words, unless they go on
	goOn bool // of our own: it has the model go on, after outputs or with an answer that was lost
}

// own reports whether it is of our own.
func (r *request) own() bool { return r.turn || r.goOn }

func (r *request) sent() bool { return !r.sentAt.IsZero() }

// requests are those that have no answer yet.
type requests struct {
	waiting []*request // for the running response to end, oldest first; at most maxWaiting, and what is owed
	asked   *request   // sent and not answered; nil if none
	asides  []*request // sent and not answered, out of band, oldest first; at most maxWaiting
	expired *request   // the one that counts as refused because there was no answer, until something else happens; nil if none

	refusals int       // in a row, because of a response that we know nothing of
	retryAt  time.Time // nothing is sent before
}

func (q *requests) idle() bool { return q.asked == nil && len(q.waiting) == 0 && len(q.asides) == 0 }

func (q *requests) due() (at time.Time) {
	soon := func(t time.Time) {
		if !t.IsZero() && (at.IsZero() || t.Before(at)) {
			at = t
		}
	}
	if q.asked != nil {
		soon(q.asked.answerBy)
	}
	if len(q.asides) > 0 && q.asides[0].sent() {
		soon(q.asides[0].answerBy)
	}
	soon(q.retryAt)
	return at
}

func (q *requests) expire(now time.Time) {
	if q.asked != nil && !now.Before(q.asked.answerBy) {
		q.asked, q.expired = nil, q.asked
	}
	for len(q.asides) > 0 && q.asides[0].sent() && !now.Before(q.asides[0].answerBy) {
		q.asides = q.asides[1:]
	}
	if !now.Before(q.retryAt) {
		q.retryAt = time.Time{}
	}
}

// answered gives the request that a new response answers, nil if it is the server's own.
func (q *requests) answered(outOfBand bool) *request {
	if !outOfBand {
		r := q.asked
		q.asked, q.expired, q.refusals, q.retryAt = nil, nil, 0, time.Time{}
		return r
	}
	if len(q.asides) == 0 {
		return nil
	}
	r := q.asides[0]
	q.asides = q.asides[1:]
	return r
}

// again puts a request in front of those that wait. One of our own takes the place of another.
func (q *requests) again(r *request) {
	if i := q.ownWaiting(); i >= 0 && r.own() {
		other := q.waiting[i]
		r.turn, r.goOn = r.turn || other.turn, r.goOn || other.goOn
		q.waiting = slices.Delete(q.waiting, i, i+1)
	}
	q.waiting = append([]*request{r}, q.waiting...)
}

// refuse takes the request with this event id out: the server will not answer it.
func (q *requests) refuse(eventID string) {
	if eventID == "" {
		return // an error about something else, and a request may have no id
	}
	if q.expired != nil && q.expired.eventID == eventID {
		q.expired = nil
	}
	if q.asked != nil && q.asked.eventID == eventID {
		q.asked = nil
		return
	}
	for i, r := range q.asides {
		if r.eventID == eventID {
			q.asides = append(q.asides[:i:i], q.asides[i+1:]...)
			return
		}
	}
}

// answering reports whether the answer to the caller's words has been asked for, and has not begun.
func (q *requests) answering() bool { return q.asked != nil && q.asked.turn && !q.asked.cancelled }

// ownWaiting is the index of the request of our own that waits, -1 if there is none. There are no two.
func (q *requests) ownWaiting() int { return slices.IndexFunc(q.waiting, (*request).own) }

// dropAnswer takes back that it was asked for, and reports whether the server is to be told so.
func (q *requests) dropAnswer() (asked bool) {
	if i := q.ownWaiting(); i >= 0 {
		if r := q.waiting[i]; r.goOn {
			r.turn = false
		} else {
			q.waiting = slices.Delete(q.waiting, i, i+1)
		}
	}
	if asked = q.answering(); asked {
		q.asked.cancelled = true
	}
	return asked
}

// newRequest numbers a response.create, unless the user has.
func (l *Ledger) newRequest(msg []byte) *request {
	msg = realtime.WithEventID(msg, l.eventID("response"))
	return &request{eventID: realtime.EventID(msg), msg: msg, modality: realtime.RequestedModality(msg)}
}

// lostAnswer asks for an answer that was lost.
func (l *Ledger) lostAnswer() *request {
	r := l.newRequest(realtime.ResponseCreate())
	r.goOn = true
	return r
}

// ownRequest is the one of our own that waits: a new one if none does.
func (l *Ledger) ownRequest() *request {
	q := &l.requests
	if i := q.ownWaiting(); i >= 0 {
		return q.waiting[i]
	}
	r := l.newRequest(realtime.ResponseCreate())
	q.waiting = append(q.waiting, r)
	return r
}

// eventID is the next id for a client event of this kind.
func (l *Ledger) eventID(kind string) string {
	l.numbers++
	return fmt.Sprintf("oas_%s_%d", kind, l.numbers)
}

// request sends a response.create as soon as it can be: at once if it is out of band.
func (l *Ledger) request(msg []byte, now time.Time) {
	q, r := &l.requests, l.newRequest(msg)
	if realtime.StartsResponse(msg) {
		q.waiting = append(q.waiting, r)
		l.next(now)
		return
	}
	q.asides = append(q.asides, r)
	l.ask(r, now)
}

// next sends the request that waits, if nothing keeps it.
func (l *Ledger) next(now time.Time) {
	q := &l.requests
	if !l.connected || l.responses.running != nil || q.asked != nil || len(q.waiting) == 0 || !q.retryAt.IsZero() {
		return
	}
	q.asked, q.waiting, q.expired = q.waiting[0], q.waiting[1:], nil
	l.ask(q.asked, now)
}

func (l *Ledger) ask(r *request, now time.Time) {
	l.numbers++
	r.sentAt, r.answerBy, r.number = now, now.Add(maxUnanswered), l.numbers
	if r.since.IsZero() {
		r.since = now
	}
	l.send(r.msg)
}

// collided settles that the server refused a request because a response runs. eventID names the request, "" if the
// server does not.
func (l *Ledger) collided(eventID string, now time.Time) {
	q := &l.requests
	r := q.asked
	if r != nil && (eventID == "" || r.eventID == eventID) {
		q.asked = nil
	} else if taken := l.takenFor(eventID, now); taken != nil {
		r, taken.request = taken.request, nil // the server's own
	} else {
		q.refuse(eventID) // a server that knows nothing of out of band
		return
	}
	if r.cancelled {
		return
	}
	q.again(r)
	if l.responses.running == nil {
		q.retryAt = now.Add(min(retryFirst<<min(q.refusals, 10), retryLast))
		q.refusals++
	} else {
		r.since = time.Time{} // nothing is wrong: it has its turn
	}
}

// takenFor is the response that was taken for the answer to the request with this event id, or to the last one if there
// is no id, nil if there is none.
func (l *Ledger) takenFor(eventID string, now time.Time) *response {
	for n := len(l.responses.all) - 1; n >= 0; n-- {
		r := l.responses.all[n]
		if r.connection != l.connection || r.outOfBand || r.request == nil {
			continue
		}
		if eventID == "" && now.Sub(r.request.sentAt) < maxRefusal || eventID != "" && eventID == r.request.eventID {
			return r
		}
	}
	return nil
}
