package stream

import (
	"time"

	"mod_openai_audio_stream/module/realtime"
)

// turnsMost bounds the exchanges that wait for their response.done or their playback to end.
const turnsMost = 16

// turn is one exchange: what the caller said, what the model answered.
type turn struct {
	responseID string

	speechStopped time.Time // zero when the model spoke unasked
	firstAudio    time.Time
	firstSample   time.Time
	ended         time.Time     // playback's end
	heard         time.Duration // of the answer

	interrupted bool
	responded   bool // response.done came
	status      string
	caller      string // transcripts, when the server gives them
	agent       string
	usage       realtime.Usage
}

// turns keeps the times of the exchanges and the totals of the call. It belongs to the stream's goroutine.
type turns struct {
	open          []*turn
	speechStop    time.Time // of the caller's last sentence that no response has answered yet
	callerText    string
	count         int
	interruptions int
	lateDeltas    int
	audioIn       time.Duration
	usage         realtime.Usage
	latency       time.Duration // sum over answered turns
	response      time.Duration // the same until the server's first audio
	answered      int
	changed       bool // totals are to be stored
}

// turnEvent is the body of ::turn. Times are ms from the end of the caller's speech; absent when there was none.
type turnEvent struct {
	ResponseID   string         `json:"response_id,omitempty"`
	Status       string         `json:"status,omitempty"`
	FirstAudioMS *int64         `json:"first_audio_ms,omitempty"`
	FirstPlayMS  *int64         `json:"first_play_ms,omitempty"`
	EndMS        *int64         `json:"end_ms,omitempty"`
	PlayedMS     int64          `json:"played_ms"`
	Interrupted  bool           `json:"interrupted"`
	Caller       string         `json:"caller_transcript,omitempty"`
	Agent        string         `json:"agent_transcript,omitempty"`
	Usage        realtime.Usage `json:"usage"`
}

func (t *turns) speechStarted() { t.callerText = "" }

func (t *turns) speechStopped(now time.Time) { t.speechStop = now }

func (t *turns) find(responseID string) *turn {
	for _, u := range t.open {
		if u.responseID == responseID {
			return u
		}
	}
	return nil
}

func (t *turns) responseCreated(id string) {
	if len(t.open) == turnsMost {
		t.open = append(t.open[:0], t.open[1:]...)
	}
	t.open = append(t.open, &turn{responseID: id, speechStopped: t.speechStop})
	t.speechStop = time.Time{}
}

func (t *turns) audioDelta(id string, now time.Time) {
	u := t.find(id)
	if u == nil {
		t.responseCreated(id)
		u = t.open[len(t.open)-1]
	}
	if u.firstAudio.IsZero() {
		u.firstAudio = now
	}
}

func (t *turns) playbackStarted(id string, now time.Time) {
	u := t.find(id)
	if u == nil {
		return
	}
	u.firstSample = now
	if !u.speechStopped.IsZero() {
		t.latency += now.Sub(u.speechStopped)
		t.response += u.firstAudio.Sub(u.speechStopped)
		t.answered++
	}
}

func (t *turns) playbackStopped(id string, heard time.Duration, interrupted bool, now time.Time) {
	if u := t.find(id); u != nil {
		u.heard += heard
		u.ended, u.interrupted = now, u.interrupted || interrupted
	}
}

func (t *turns) responseDone(e *realtime.Event) {
	t.usage.Add(e.Usage)
	if u := t.find(e.ResponseID); u != nil {
		u.responded, u.status, u.usage = true, e.Status, e.Usage
		u.interrupted = u.interrupted || e.Status == "cancelled"
	}
	t.changed = true
}

// note picks the transcripts out of an event.
func (t *turns) note(e *realtime.Event) {
	switch e.Kind {
	case realtime.KindInputTranscriptionCompleted:
		if n := len(t.open); n > 0 && t.open[n-1].caller == "" && !t.open[n-1].speechStopped.IsZero() {
			t.open[n-1].caller = e.Transcript
		} else {
			t.callerText = e.Transcript
		}
	case realtime.KindAudioTranscriptDone:
		if u := t.find(e.ResponseID); u != nil {
			u.agent += e.Transcript
		}
	}
}

// tick reports the exchanges that are complete: the response is done, and what was played of it has ended.
func (t *turns) tick(s *Stream) {
	for i := 0; i < len(t.open); {
		u := t.open[i]
		if !u.responded || (!u.firstSample.IsZero() && u.ended.IsZero()) || s.player.holds(u.responseID) {
			i++
			continue
		}
		t.open = append(t.open[:i], t.open[i+1:]...)
		t.count++
		t.changed = true
		s.event("turn", u.event(t))
	}
	if t.changed {
		t.changed = false
		s.settleTotals()
	}
}

func (u *turn) event(t *turns) turnEvent {
	e := turnEvent{ResponseID: u.responseID, Status: u.status, Interrupted: u.interrupted, Agent: u.agent,
		Caller: u.caller, Usage: u.usage, PlayedMS: u.heard.Milliseconds()}
	if e.Caller == "" {
		e.Caller, t.callerText = t.callerText, ""
	}
	since := func(at time.Time) *int64 {
		if u.speechStopped.IsZero() || at.IsZero() {
			return nil
		}
		ms := at.Sub(u.speechStopped).Milliseconds()
		return &ms
	}
	e.FirstAudioMS, e.FirstPlayMS, e.EndMS = since(u.firstAudio), since(u.firstSample), since(u.ended)
	return e
}

// settleTotals stores the call's counters where the shim finds them at hang-up.
func (s *Stream) settleTotals() {
	t := &s.turns
	average := func(sum time.Duration) int64 { return sum.Milliseconds() / int64(max(t.answered, 1)) }
	s.rings.SetTotals(Totals{
		Turns:         int64(t.count),
		AnsweredTurns: int64(t.answered),
		Interruptions: int64(t.interruptions),
		InputTokens:   t.usage.InputTokens,
		OutputTokens:  t.usage.OutputTokens,
		CachedTokens:  t.usage.CachedTokens,
		AudioInMS:     t.audioIn.Milliseconds(),
		AudioOutMS:    s.player.playedMS,
		LatencyMSAvg:  average(t.latency),
		ResponseMSAvg: average(t.response),
		Reconnects:    int64(max(s.connects-1, 0)),
	})
}
