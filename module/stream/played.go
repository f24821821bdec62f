package stream

import (
	"time"

	"mod_openai_audio_stream/module/ledger"
)

// cut is the last word on a part that a flush ended before it was heard whole.
type cut = ledger.Playback

// playing is what has been told of the answer that is heard.
type playing struct {
	started, cut bool
	heard        time.Duration
	total        time.Duration // of ended answers
}

// played acts on the player's reports.
func (s *Stream) played(reports []ledger.Playback, now time.Time) {
	for _, r := range reports {
		p := &s.playing
		switch r.Kind {
		case ledger.Started:
			p.started = true
			s.turns.playbackStarted(r.ResponseID, now)
			s.event("openai_speech_start", eventStatus{Status: "started"})
		case ledger.Heard:
			p.heard += r.Played
		case ledger.Cut:
			p.heard += r.Played
			p.cut = true
			s.talk.cut(r)
		case ledger.Stopped:
			if p.started {
				s.event("openai_speech_stop", eventStatus{Status: "stopped"})
				s.turns.playbackStopped(r.ResponseID, p.heard, p.cut, now)
			}
			*p = playing{total: p.total + p.heard}
		}
	}
}

// unheard reports whether any answer has audio that the caller has not heard, and how long the first one has been heard.
func (s *Stream) unheard() (pending bool, spoken time.Duration) {
	first := ""
	for i, r := range s.player.progress(nil) {
		if i == 0 {
			first = r.ResponseID
		}
		if r.ResponseID == first {
			spoken += r.Played
		}
		pending = pending || r.Played < r.Received
	}
	return pending, spoken
}

// unheardOf reports whether the player has not told all of a response.
func (s *Stream) unheardOf(responseID string) bool {
	for _, r := range s.player.progress(nil) {
		if r.ResponseID == responseID {
			return true
		}
	}
	return false
}
