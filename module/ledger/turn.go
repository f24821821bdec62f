package ledger

import (
	"time"

	"mod_openai_audio_stream/module/realtime"
)

// Turn is one exchange that is over: the response is done, and what was to be heard of it has been.
type Turn struct {
	ResponseID string
	Status     string // of the response, as the server said it; "lost" if the connection was lost before it was done
	Played     time.Duration
	// FirstAudio, FirstPlay and End count from the moment in which the server said that the caller had stopped,
	// Response from the real end of the caller's voice to the first sample played. NoTime where there is none.
	FirstAudio, FirstPlay, End, Response time.Duration
	Interrupted                          bool
	Caller, Agent                        string // transcripts, "" where the server gives none
	Usage                                realtime.Usage

	callerItem string
}

// NoTime stands for a time that is not known: the model spoke unasked, or nothing was heard.
const NoTime time.Duration = -1

// statusLost is the status of a response that ended with its connection.
const statusLost = "lost"

// times are the moments of a turn; zero where there was none.
type times struct {
	callerStopped, voiceEnd, firstAudio, firstSample, ended time.Time
}

// between is the time from one moment to another, NoTime if one of them is missing.
func between(from, to time.Time) time.Duration {
	if from.IsZero() || to.IsZero() {
		return NoTime
	}
	return max(to.Sub(from), 0)
}

// reportTurns reports the exchanges that are over.
func (l *Ledger) reportTurns() {
	for _, r := range l.responses.all {
		if !r.reported && r.over() && !r.unheard() && (r.queued() == 0 || r.stopped) {
			l.truncateRest(r)
			l.reportTurn(r)
		}
	}
}

func (l *Ledger) reportTurn(r *response) {
	if r.reported || r.outOfBand && len(r.parts) == 0 {
		return
	}
	r.reported = true
	l.totals.Turns++
	t, at := &r.turn, &r.times
	t.Played, t.Interrupted = r.heard(), r.interrupted
	t.FirstAudio, t.FirstPlay, t.End = between(at.callerStopped, at.firstAudio),
		between(at.callerStopped, at.firstSample), between(at.callerStopped, at.ended)
	t.Response = between(at.voiceEnd, at.firstSample)
	l.report(*t)
}
