package ledger

import (
	"time"

	"mod_openai_audio_stream/module/realtime"
)

// Played tells what the channel has played.
func (l *Ledger) Played(played []Playback, now time.Time) Todo {
	for _, p := range played {
		r := l.responses.find(p.ResponseID)
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
	if r.started {
		return // audio of it came when it had stopped
	}
	r.started = true
	r.times.firstSample = now
	l.totals.started(&r.times)
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

// cut tells the server how much of an item the caller heard.
func (l *Ledger) cut(r *response, p Playback) {
	part := r.part(p.ItemID, p.ContentIndex)
	if part == nil {
		return
	}
	l.report(Truncated{p.ItemID, p.ContentIndex, part.played, part.queued})
	part.queued = part.played
	if !l.connected || r.connection != l.connection || p.ItemID == "" || r.outOfBand {
		return // the server knows no such item
	}
	msg := realtime.Truncate(p.ItemID, p.ContentIndex, part.played.Milliseconds())
	if part.played < time.Millisecond {
		t := truncation{l.eventID("unheard"), p.ItemID}
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
		p.queued, p.base = p.played, p.played // all but what the resampler keeps for itself
	}
	if r.started {
		l.report(SpeechStopped{r.id})
	}
}
