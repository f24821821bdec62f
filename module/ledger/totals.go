package ledger

import (
	"time"

	"mod_openai_audio_stream/module/realtime"
)

// Totals are the counts of the conversation so far.
type Totals struct {
	Turns         int // that are over
	Interruptions int // of an answer, by the caller or by command
	LateDeltas    int // audio that came when it was not wanted any more
	BenignErrors  int // that told of two things at once, and of nothing else
	LateOutputs   int // of our functions, when they were not wanted any more
	AudioOut      time.Duration
	Usage         realtime.Usage

	// Answered counts the answers to something that the caller said, as far as they were heard. latency and response are
	// the sums of their times.
	Answered          int
	latency, response time.Duration
}

// LatencyAvg is the mean time from the server's word that the caller had stopped to the first sample played, 0 if none was.
func (t *Totals) LatencyAvg() time.Duration { return mean(t.latency, t.Answered) }

// ResponseAvg is the mean time from the end of the caller's voice, or, where that is not known, from the server's word, to
// the first sample played, 0 if none was.
func (t *Totals) ResponseAvg() time.Duration { return mean(t.response, t.Answered) }

func mean(sum time.Duration, n int) time.Duration {
	if n == 0 {
		return 0
	}
	return sum / time.Duration(n)
}

// started adds the times of an answer that has just begun to play.
func (t *Totals) started(at *times) {
	latency := between(at.callerStopped, at.firstSample)
	if latency == NoTime {
		return
	}
	t.Answered++
	t.latency += latency
	if response := between(at.voiceEnd, at.firstSample); response != NoTime {
		latency = response
	}
	t.response += latency
}

// Totals are the counts up to now. An exchange under way counts as a turn.
func (l *Ledger) Totals() Totals {
	t := l.totals
	for _, r := range l.responses.all {
		if !r.reported && (!r.outOfBand || len(r.parts) > 0) {
			t.Turns++
		}
	}
	return t
}
