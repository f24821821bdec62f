package ledger

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/tidwall/gjson"

	"mod_openai_audio_stream/module/realtime"
)

const (
	// maxResponses bounds the responses that are remembered: late audio of those before counts as that of a new one.
	maxResponses = 64
	// maxParts bounds the parts of a response. The audio of further ones is not played.
	maxParts = 512
	// maxSilence is after how long without a word of a response it counts as done: some servers do not say so.
	maxSilence = time.Minute
)

// state is how far a response is.
type state int

const (
	running state = iota
	done
	lost // with its connection
)

// response is one that the server has begun.
type response struct {
	id         string   // as the server calls it, "" if it does not
	key        string   // as the player calls it: ids may come again on another connection
	connection int      // in which it was begun
	announced  bool     // by a response.created
	ended      bool     // by a response.done
	request    *request // which it answers; nil: the server's own
	outOfBand  bool     // it is no part of the conversation
	state      state
	begunAt    time.Time
	wordAt     time.Time // when the server said something of it last
	unspoken   bool      // nothing of it is to be heard: it is text, or calls a function
	cancelBy   time.Time // it was cancelled, and counts as done from then on; zero: it was not, or is waited for

	parts       []*part // of audio, in the order of their first delta
	speaking    bool    // the player has begun with its audio, and not come to the end
	stopped     bool    // all audio that the player was given has been played or flushed
	discarded   bool    // no further audio of it is played
	interrupted bool
	overCaller  bool // begun while the caller speaks: the server does not cancel it for that

	turn     Turn
	times    times
	reported bool
	acted    bool // it has called a function of ours or MCP's: asking for it again would have that done twice
	reply    bool // the model is to go on after the outputs of its calls
}

// part is the audio of one content part of one item.
type part struct {
	itemID       string
	contentIndex int
	generated    time.Duration // that the server sent
	queued       time.Duration // that the player was given, without what was flushed: it has been heard, or will be
	flushing     time.Duration // of queued: it will not be heard, but the player has not said so yet
	played       time.Duration
	base         time.Duration // of played, when the answer stopped before
	truncated    bool          // the server was told that the rest was not heard
}

func (r *response) over() bool { return r.state != running }

// overBy is when it counts as done if no word of it comes.
func (r *response) overBy() time.Time {
	if !r.cancelBy.IsZero() {
		return r.cancelBy
	}
	return r.wordAt.Add(maxSilence)
}

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

// interruptible reports whether there is something of it to silence, or may be.
func (r *response) interruptible() bool {
	return !r.discarded && (r.unheard() || !r.over() && !r.outOfBand)
}

func (r *response) heard() (d time.Duration) {
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

func (r *response) generated() (d time.Duration) {
	for _, p := range r.parts {
		d += p.generated
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

// mute reports whether audio of it is to come, and none has.
func (r *response) mute() bool {
	return !r.over() && !r.discarded && !r.unspoken && r.generated() == 0
}

// responses are those that the server has begun, oldest first.
type responses struct {
	all     []*response
	running *response // in the default conversation; nil if none
}

// played is the response that the player calls so, nil if there is none.
func (rs *responses) played(key string) *response {
	for i := len(rs.all) - 1; i >= 0; i-- {
		if rs.all[i].key == key {
			return rs.all[i]
		}
	}
	return nil
}

// begun is the newest response that the present server calls so, nil if there is none.
func (l *Ledger) begun(id string) *response {
	for i := len(l.responses.all) - 1; i >= 0; i-- {
		if r := l.responses.all[i]; r.id == id && r.connection == l.connection {
			return r
		}
	}
	return nil
}

// response is the one that an event with this id is about, nil if there is none: the running one if there is no id.
func (l *Ledger) response(id string) *response {
	running := l.responses.running
	if id == "" {
		return running
	}
	r := l.begun(id)
	if r == nil && running != nil && running.id == "" {
		r = running
		r.id, r.turn.ResponseID = id, id // not said before
	}
	return r
}

func (l *Ledger) addResponse(r *response) {
	rs := &l.responses
	if r.key = r.id; r.id == "" || rs.played(r.key) != nil {
		l.numbers++
		r.key = fmt.Sprintf("%s#%d", r.id, l.numbers)
	}
	if len(rs.all) == maxResponses {
		l.over(rs.all[0], done)
		l.reportTurn(rs.all[0])
		rs.all = append(rs.all[:0], rs.all[1:]...)
	}
	rs.all = append(rs.all, r)
}

func (rs *responses) unheard() bool {
	return slices.ContainsFunc(rs.all, (*response).unheard)
}

func (rs *responses) idle() bool {
	return !slices.ContainsFunc(rs.all, func(r *response) bool { return !r.over() || r.unheard() })
}

// begin enters a response. outOfBand is what the server says of it, byOrder that it says nothing.
func (l *Ledger) begin(id string, outOfBand, byOrder bool, now time.Time) *response {
	q, rs := &l.requests, &l.responses
	if byOrder {
		outOfBand = len(q.asides) > 0 && (q.asked == nil || q.asides[0].number < q.asked.number)
	}
	r := &response{id: id, connection: l.connection, outOfBand: outOfBand, request: q.answered(outOfBand), begunAt: now, wordAt: now}
	r.turn.ResponseID = id
	l.addResponse(r)
	if r.request != nil && r.request.cancelled {
		r.discarded, r.interrupted = true, true
		l.send(realtime.ResponseCancel(id))
	}
	if outOfBand {
		return r
	}
	if rs.running != nil {
		l.over(rs.running, done) // there is only one: its end was not said
	}
	rs.running = r
	r.overCaller = l.caller.speaking
	r.times.callerStopped, r.times.voiceEnd = l.caller.stoppedAt, l.caller.voiceEnd
	r.turn.Caller, r.turn.callerItem = l.caller.text, l.caller.itemID
	l.caller = caller{speaking: l.caller.speaking}
	return r
}

// end enters that a response is done.
func (l *Ledger) end(e *realtime.Event, now time.Time) {
	r := l.response(e.ResponseID)
	if r == nil && e.ResponseID == "" {
		r = l.begun("") // it has ended with its audio
	}
	if r != nil && r.ended {
		return
	}
	l.totals.Usage.Add(e.Usage)
	if l.listed(e, now); r == nil && e.ResponseID != "" {
		r = l.begun(e.ResponseID) // by its calls
	}
	if r == nil {
		return
	}
	r.ended, r.turn.Status, r.turn.Usage = true, e.Status, e.Usage
	r.interrupted = r.interrupted || e.Status == "cancelled"
	if e.Status != "completed" {
		l.calls.forgetMCP(func(m *mcpCall) bool { return m.response == r })
	}
	l.over(r, done)
}

// audioDone ends a part of a response, and all of it if the server has no other word for that: if it has not announced
// it, or gives no ids.
func (l *Ledger) audioDone(e *realtime.Event) {
	r := l.response(e.ResponseID)
	if r == nil {
		return
	}
	l.todo.PartDone = append(l.todo.PartDone, r.key)
	if r.id == "" || !r.announced {
		l.over(r, done)
	}
}

// over enters that no more will come of a response.
func (l *Ledger) over(r *response, s state) {
	if r.over() {
		return
	}
	r.state = s
	if r == l.responses.running {
		l.responses.running = nil
	}
	l.callsOver(r)
	if len(r.parts) > 0 {
		l.todo.Finished = append(l.todo.Finished, r.key)
	}
}

// Audio tells of one audio delta of length d. It returns the name of its response for the player, and whether to play it.
func (l *Ledger) Audio(e *realtime.Event, d time.Duration, now time.Time) (response string, play bool) {
	r := l.response(e.ResponseID)
	if r == nil {
		r = l.begin(e.ResponseID, false, true, now) // a server that does not announce its responses
	}
	p := r.part(e.ItemID, e.ContentIndex)
	if p == nil && len(r.parts) == maxParts {
		l.totals.LateDeltas++
		return r.key, false
	}
	if p == nil {
		p = &part{itemID: e.ItemID, contentIndex: e.ContentIndex}
		r.parts = append(r.parts, p)
		if i := l.itemOf(r, e.ItemID); i != nil {
			i.parts = append(i.parts, p)
		}
	}
	p.generated += d
	r.wordAt = now
	if r.discarded || r.ended {
		l.totals.LateDeltas++
		return r.key, false
	}
	if r.over() {
		r.state = running // it only seemed to be
		if l.responses.running == nil && !r.outOfBand {
			l.responses.running = r
		}
	}
	if r.times.firstAudio.IsZero() {
		r.times.firstAudio = now
	}
	return r.key, true
}

// Queued tells that the player has taken audio of length d of the delta that Audio was told of last.
func (l *Ledger) Queued(response string, e *realtime.Event, d time.Duration) {
	r := l.responses.played(response)
	if r == nil || d == 0 {
		return
	}
	if p := r.part(e.ItemID, e.ContentIndex); p != nil {
		p.queued += d
		r.stopped = false
	}
}

// enterUnspoken enters that a response is not to be heard: it turns out to be text, or the call of a function.
func (l *Ledger) enterUnspoken(e *realtime.Event) {
	switch e.Kind {
	case realtime.KindTextDelta, realtime.KindTextDone, realtime.KindArgumentsDelta, realtime.KindArgumentsDone:
	case realtime.KindOutputItemAdded, realtime.KindOutputItemDone:
		if typ := gjson.GetBytes(e.Item, "type").Str; typ != "function_call" && !strings.HasPrefix(typ, "mcp_") {
			return
		}
	default:
		return
	}
	if r := l.response(e.ResponseID); r != nil {
		r.unspoken = true
	}
}

// isWritten reports whether a response is, or will be, text alone. said is what the server says of it, "" if nothing;
// request is what asked for it, nil if nothing did.
func (l *Ledger) isWritten(said string, request *request) bool {
	if said == "" && request != nil {
		said = request.modality
	}
	if said == "" {
		said = l.modality
	}
	return said == realtime.Written
}
