package ledger

import (
	"time"

	"mod_openai_audio_stream/module/realtime"
)

// rounding is how much of a part that was played whole may seem to be missing.
const rounding = 5 * time.Millisecond

// Played tells what the channel has played.
func (l *Ledger) Played(played []Playback, now time.Time) Todo {
	for _, p := range played {
		r := l.responses.played(p.ResponseID)
		if r == nil {
			continue
		}
		switch p.Kind {
		case Started:
			l.started(r, now)
		case Heard:
			l.heard(r, p)
		case Cut:
			l.heard(r, p)
			l.cut(r, p)
		case Stopped:
			l.stopped(r, now)
		}
	}
	return l.done(now)
}

func (l *Ledger) started(r *response, now time.Time) {
	if r.speaking {
		return
	}
	r.speaking = true
	if r.times.firstSample.IsZero() {
		r.times.firstSample = now
		l.totals.started(&r.times)
	}
	l.report(SpeechStarted{r.id})
}

func (l *Ledger) heard(r *response, p Playback) {
	part := r.part(p.ItemID, p.ContentIndex)
	if part == nil {
		return
	}
	if played := min(part.base+p.Played, part.queued); played > part.played {
		l.totals.AudioOut += played - part.played
		part.played = played
	}
}

// cut enters that the rest of what the player has of a part will not be heard.
func (l *Ledger) cut(r *response, p Playback) {
	part := r.part(p.ItemID, p.ContentIndex)
	if part == nil {
		return
	}
	l.truncate(r, part, part.queued)
	part.queued = max(part.queued-(p.Received-p.Played), part.played) // more of it may have come since the flush
	part.flushing = 0
}

// truncateRest tells the server of audio that the player has never had: it came too late, or was not to be heard.
func (l *Ledger) truncateRest(r *response) {
	for _, p := range r.parts {
		if r.state == done && !p.truncated && p.generated-p.played > wholeWithin {
			l.truncate(r, p, p.generated)
		}
	}
}

// truncate tells the server how much of an item the caller heard.
func (l *Ledger) truncate(r *response, part *part, received time.Duration) {
	part.truncated = true
	l.report(Truncated{part.itemID, part.contentIndex, part.played, received})
	if !l.connected || r.connection != l.connection || part.itemID == "" || r.outOfBand {
		return // the server knows no such item
	}
	msg := realtime.Truncate(part.itemID, part.contentIndex, part.played.Milliseconds())
	if part.played < time.Millisecond {
		t := truncation{l.eventID("unheard"), part.itemID}
		if len(l.unheard) == maxUnheard {
			l.unheard = l.unheard[1:]
		}
		l.unheard = append(l.unheard, t)
		msg = realtime.WithEventID(msg, t.eventID)
	}
	l.send(msg)
}

// refusedTruncation deletes an item that the server can't truncate, because it has no audio of it yet: the caller heard
// nothing of it, and the model should not believe otherwise.
func (l *Ledger) refusedTruncation(eventID string) {
	for i, t := range l.unheard {
		if t.eventID == eventID {
			l.unheard = append(l.unheard[:i:i], l.unheard[i+1:]...)
			l.send(realtime.ItemDelete(t.itemID))
			return
		}
	}
}

func (l *Ledger) stopped(r *response, now time.Time) {
	r.stopped = true
	r.times.ended = now
	for _, p := range r.parts {
		p.base, p.flushing = p.played, 0
		if p.queued-p.played < rounding {
			p.queued = p.played
		} else {
			r.stopped = false // it came since the flush, and is played from its beginning
		}
	}
	if r.speaking {
		r.speaking = false
		l.report(SpeechStopped{r.id})
	}
}
