package ledger

import (
	"time"

	"mod_openai_audio_stream/module/realtime"
)

// maxResponses bounds the responses that are remembered: late audio of those before counts as that of a new one.
const maxResponses = 64

// state is how far a response is.
type state int

const (
	running state = iota
	done
	cancelled
	lost // with its connection
)

// response is one that the server has begun.
type response struct {
	id         string
	connection int      // in which it was begun
	request    *request // which it answers; nil: the server's own
	outOfBand  bool     // it is no part of the conversation
	state      state

	parts       []*part // of audio, in the order of their first delta
	started     bool    // its first sample has been played
	stopped     bool    // all audio that the player was given has been played or flushed
	discarded   bool    // no further audio of it is played
	interrupted bool

	turn     Turn
	times    times
	reported bool
}

// part is the audio of one content part of one item.
type part struct {
	itemID       string
	contentIndex int
	generated    time.Duration // that the server sent
	queued       time.Duration // that the player was given, without what was flushed: it has been heard, or will be
	played       time.Duration
	base         time.Duration // of played, when the answer stopped before
}

func (r *response) over() bool { return r.state != running }

// unheard reports whether the player has audio of it that has not been played.
func (r *response) unheard() bool {
	if r.stopped {
		return false
	}
	for _, p := range r.parts {
		if p.queued > p.played {
			return true
		}
	}
	return false
}

func (r *response) played() (d time.Duration) {
	for _, p := range r.parts {
		d += p.played
	}
	return d
}

func (r *response) queued() (d time.Duration) {
	for _, p := range r.parts {
		d += p.queued
	}
	return d
}

func (r *response) part(itemID string, contentIndex int) *part {
	for _, p := range r.parts {
		if p.itemID == itemID && p.contentIndex == contentIndex {
			return p
		}
	}
	return nil
}

// responses are those that the server has begun, oldest first.
type responses struct {
	all     []*response
	running *response // in the default conversation; nil if none
}

// find is the response with this id, the newest if there are several. Audio without an id is that of the running one.
func (rs *responses) find(id string) *response {
	if id == "" {
		return rs.running
	}
	for i := len(rs.all) - 1; i >= 0; i-- {
		if rs.all[i].id == id {
			return rs.all[i]
		}
	}
	return nil
}

func (rs *responses) add(r *response) {
	if len(rs.all) == maxResponses {
		rs.all = append(rs.all[:0], rs.all[1:]...)
	}
	rs.all = append(rs.all, r)
}

func (rs *responses) unheard() bool {
	for _, r := range rs.all {
		if r.unheard() {
			return true
		}
	}
	return false
}

func (rs *responses) idle() bool { return rs.running == nil && !rs.unheard() }

// begin enters a response. outOfBand is what the server says of it, byOrder that it says nothing.
func (l *Ledger) begin(id string, outOfBand, byOrder bool) *response {
	q, rs := &l.requests, &l.responses
	if byOrder {
		outOfBand = len(q.asides) > 0 && (q.asked == nil || q.asides[0].sentAt.Before(q.asked.sentAt))
	}
	r := &response{id: id, connection: l.connection, outOfBand: outOfBand, request: q.answered(outOfBand)}
	r.turn.ResponseID = id
	if r.request != nil {
		r.request.response = r
	}
	rs.add(r)
	if outOfBand {
		return r
	}
	if rs.running != nil {
		l.finish(rs.running, done) // there is only one: its end was not said
	}
	rs.running = r
	r.times.callerStopped, r.times.voiceEnd = l.caller.stoppedAt, l.caller.voiceEnd
	r.turn.Caller, r.turn.callerItem = l.caller.text, l.caller.itemID
	l.caller = caller{speaking: l.caller.speaking}
	l.items.echoesOver()
	if r.request != nil && r.request.cancelled {
		r.discarded, r.interrupted = true, true
		l.send(realtime.ResponseCancel(id))
	}
	return r
}

// end enters that a response is done.
func (l *Ledger) end(e *realtime.Event) {
	l.totals.Usage.Add(e.Usage)
	r := l.responses.find(e.ResponseID)
	if r == nil && e.ResponseID != "" && l.responses.running != nil && l.responses.running.id == "" {
		r = l.responses.running // its id was not said before
	}
	if r == nil || r.over() {
		return
	}
	r.turn.Status, r.turn.Usage = e.Status, e.Usage
	if e.Status == "cancelled" {
		r.interrupted = true
		l.finish(r, cancelled)
		return
	}
	l.finish(r, done)
}

// finish enters that no more will come of a response.
func (l *Ledger) finish(r *response, how state) {
	r.state = how
	if r == l.responses.running {
		l.responses.running = nil
	}
	l.todo.Finished = append(l.todo.Finished, r.id)
}

// Audio tells of one audio delta of length d. It returns the response to play it under, and whether to.
func (l *Ledger) Audio(e *realtime.Event, d time.Duration, now time.Time) (responseID string, play bool) {
	r := l.responses.find(e.ResponseID)
	if r == nil {
		r = l.begin(e.ResponseID, false, true) // a server that does not announce its responses
	}
	p := r.part(e.ItemID, e.ContentIndex)
	if p == nil {
		p = &part{itemID: e.ItemID, contentIndex: e.ContentIndex}
		r.parts = append(r.parts, p)
		if i := l.itemOf(r, e.ItemID); i != nil {
			i.parts = append(i.parts, p)
		}
	}
	p.generated += d
	if r.discarded || r.connection != l.connection {
		l.totals.LateDeltas++
		return r.id, false
	}
	if r.times.firstAudio.IsZero() {
		r.times.firstAudio = now
	}
	return r.id, true
}

// Queued tells that the player has taken audio of length d of the delta that Audio was told of last.
func (l *Ledger) Queued(responseID string, e *realtime.Event, d time.Duration) {
	r := l.responses.find(responseID)
	if r == nil || d == 0 {
		return
	}
	if p := r.part(e.ItemID, e.ContentIndex); p != nil {
		p.queued += d
		r.stopped = false
	}
}
