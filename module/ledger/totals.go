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
	AudioOut      time.Duration
	Usage         realtime.Usage

	latency, response   time.Duration // sums over the answers
	latencies, answered int           // how many are in each
}

// LatencyAvg is the mean time from the server's word that the caller had stopped to the first sample played, 0 if none was.
func (t *Totals) LatencyAvg() time.Duration { return mean(t.latency, t.latencies) }

// ResponseAvg is the mean time from the end of the caller's voice to the first sample played, 0 if none is known.
func (t *Totals) ResponseAvg() time.Duration { return mean(t.response, t.answered) }

func mean(sum time.Duration, n int) time.Duration {
	if n == 0 {
		return 0
	}
	return sum / time.Duration(n)
}

// started adds the latencies of an answer that has just begun to play.
func (t *Totals) started(at *times) {
	if d := between(at.callerStopped, at.firstSample); d != NoTime {
		t.latency += d
		t.latencies++
	}
	if d := between(at.voiceEnd, at.firstSample); d != NoTime {
		t.response += d
		t.answered++
	}
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
