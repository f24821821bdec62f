package ledger

import (
	"time"

	"mod_openai_audio_stream/module/realtime"
)

// What can be asked of the ledger at any time. What it says of audio is as true as the last Playback.

// Speaking reports whether the caller speaks, as the server says.
func (l *Ledger) Speaking() bool { return l.caller.speaking }

// AnswerDue reports whether a word of the caller's waits for the answer that the server gives by itself, if it is one.
func (l *Ledger) AnswerDue(now time.Time) bool { return now.Before(l.caller.answerBy) }

// Idle reports whether no response was asked for or runs, and all audio has been heard.
func (l *Ledger) Idle() bool { return l.requests.idle() && l.responses.idle() }

// Calling reports whether a call is under way: of one of our functions, or one that the server runs.
func (l *Ledger) Calling() bool { return len(l.calls.open)+len(l.calls.mcp) > 0 }

// Quiet reports whether nobody speaks or is about to: none of the four above.
func (l *Ledger) Quiet(now time.Time) bool {
	return !l.Speaking() && !l.AnswerDue(now) && l.Idle() && !l.Calling()
}

// Answering is the response that the model works on, by the name that Call and Audio give it; "" if there is none.
func (l *Ledger) Answering() string {
	if r := l.responses.running; r != nil {
		return r.key
	}
	return ""
}

// Unheard reports whether there is audio that the caller has not heard.
func (l *Ledger) Unheard() bool { return l.responses.unheard() }

// Awaiting reports whether the caller, who has said what there was to say, is to hear an answer and hears none yet: one is
// due, was asked for, waits to be asked for, or runs without audio. Responses out of band are no answers.
func (l *Ledger) Awaiting(now time.Time) bool {
	if l.caller.speaking {
		return false
	}
	q, r := &l.requests, l.responses.running
	return l.AnswerDue(now) || q.asked != nil && !q.asked.cancelled || len(q.waiting) > 0 ||
		r != nil && !r.discarded && r.generated() == 0
}

// AwaitedSince is since when the server owes audio: since the response began that runs, or, where none has, since it was sent
// the request. The zero time if it owes none: what is merely due, or waits for its turn, or is text, is not owed. retried: it
// was asked for again by Retry. While the caller speaks nothing is owed.
func (l *Ledger) AwaitedSince() (since time.Time, retried bool) {
	if l.caller.speaking {
		return time.Time{}, false
	}
	if r := l.responses.running; r != nil {
		if !r.mute() {
			return time.Time{}, false
		}
		return later(r.begunAt, l.caller.stoppedAt), r.request != nil && r.request.retried
	}
	r := l.requests.unanswered()
	if r == nil || r.cancelled || l.isWritten("", r) {
		return time.Time{}, false
	}
	return later(r.since, l.caller.stoppedAt), r.retried
}

// Spoken is what has become of a response.
type Spoken struct {
	Known       bool // it is one of the last that the server has begun; else the rest says nothing
	Over        bool // it is done, or was lost with its connection
	Audio       bool // it has had audio
	Unheard     bool // some of it is still to be heard
	Interrupted bool
}

// Spoken tells what has become of a response, by the name that Call or Audio gave it.
func (l *Ledger) Spoken(responseID string) Spoken {
	r := l.responses.played(responseID)
	if r == nil {
		return Spoken{}
	}
	return Spoken{Known: true, Over: r.over(), Audio: r.generated() > 0, Unheard: r.unheard(), Interrupted: r.interrupted}
}

// Detection is how the server finds the caller's turns.
func (l *Ledger) Detection() realtime.Detection { return l.detection }

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}
