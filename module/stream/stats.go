package stream

import (
	"runtime/metrics"
	"time"
)

// Stats is what is true of a stream now: what the status command answers, as JSON, and where the log's summary and the
// call's record come from. Times are ms.
type Stats struct {
	State         string `json:"state"` // connecting, open, waiting (for the next attempt) or ending (it plays out)
	URL           string `json:"url"`
	Provider      string `json:"provider"`
	RateHz        int    `json:"rate_hz"`
	ChannelRateHz int    `json:"channel_rate_hz"`
	AudioInMS     int64  `json:"audio_in_ms"`
	CallerWaitMS  int64  `json:"caller_waiting_ms"`
	CallerDropMS  int64  `json:"caller_dropped_ms"`
	GapFilledMS   int64  `json:"gap_filled_ms"`
	PlayedMS      int64  `json:"audio_out_ms"`
	AgentWaitMS   int64  `json:"agent_waiting_ms"`
	AgentDropMS   int64  `json:"agent_dropped_ms"`
	Underruns     uint64 `json:"underruns"`
	UnderrunMS    int64  `json:"underrun_ms"`
	Turns         int    `json:"turns"`
	Interruptions int    `json:"interruptions"`
	LateDeltas    int    `json:"late_deltas"`
	Functions     int    `json:"functions_running"`
	Reconnects    int    `json:"reconnects"`
	BenignErrors  int    `json:"benign_errors"`
	EventsDropped int    `json:"events_dropped"`
	LateResults   int    `json:"late_results"`
	DTMF          string `json:"dtmf"`
	KeysDropped   int    `json:"keys_dropped"`
	Paused        bool   `json:"paused"`
	Held          bool   `json:"held"`
	UserMuted     bool   `json:"user_muted"`
	OpenAIMuted   bool   `json:"openai_muted"`

	totals Totals
}

func (s *Stream) stats(now time.Time) Stats {
	s.hear(now)
	c, p, t := s.capture, s.player, s.ledger.Totals()
	look := s.rings.Look()
	st := Stats{
		State: s.state(), URL: s.url, Provider: s.cfg.Provider.Name, RateHz: c.rateHz, ChannelRateHz: look.RateHz,
		AudioInMS:    s.audioIn.Milliseconds(),
		CallerWaitMS: samplesTime(uint64(c.ready()), c.rateHz).Milliseconds(),
		CallerDropMS: samplesTime(uint64(c.droppedSamples), c.rateHz).Milliseconds() + look.DroppedMS,
		GapFilledMS:  samplesTime(uint64(c.gapSamples), c.rateHz).Milliseconds(),
		PlayedMS:     t.AudioOut.Milliseconds(),
		AgentWaitMS:  samplesTime(uint64(p.waiting), p.sourceHz).Milliseconds(),
		AgentDropMS:  samplesTime(uint64(p.dropped), p.sourceHz).Milliseconds(),
		Underruns:    look.Underruns,
		UnderrunMS:   look.UnderrunMS,
		Turns:        t.Turns, Interruptions: t.Interruptions, LateDeltas: t.LateDeltas, BenignErrors: t.BenignErrors,
		Functions:     len(s.acting.errands),
		Reconnects:    max(s.conn.connects-1, 0),
		EventsDropped: s.notify.dropped(),
		LateResults:   s.acting.late + t.LateOutputs,
		DTMF:          string(s.keys.mode),
		KeysDropped:   look.KeysLost,
		Paused:        p.holders&byCommand != 0, Held: look.Held, UserMuted: c.muted, OpenAIMuted: s.muteOpenAI,
	}
	st.totals = Totals{
		Turns: int64(t.Turns), AnsweredTurns: int64(t.Answered), Interruptions: int64(t.Interruptions),
		InputTokens: t.Usage.InputTokens, OutputTokens: t.Usage.OutputTokens, CachedTokens: t.Usage.CachedTokens,
		AudioInMS: st.AudioInMS, AudioOutMS: st.PlayedMS,
		LatencyMSAvg: t.LatencyAvg().Milliseconds(), ResponseMSAvg: t.ResponseAvg().Milliseconds(),
		Reconnects: int64(st.Reconnects),
	}
	return st
}

func (s *Stream) state() string {
	switch {
	case !s.endAt.IsZero():
		return "ending"
	case s.conn.link == nil:
		return "waiting"
	case s.conn.link.open():
		return "open"
	}
	return "connecting"
}

// settle stores the totals where the shim finds them when the channel hangs up.
func (s *Stream) settle(now time.Time) {
	s.settledAt = now
	if t := s.stats(now).totals; t != s.totals {
		s.totals = t
		s.rings.SetTotals(t)
	}
}

// summary logs what the call was, once.
func (s *Stream) summary() {
	st := s.stats(time.Now())
	s.log.Info().Str("reason", s.reason).
		Int64("audio_in_ms", st.AudioInMS).
		Int64("audio_out_ms", st.PlayedMS).
		Int64("caller_dropped_ms", st.CallerDropMS).
		Int64("gap_filled_ms", st.GapFilledMS).
		Int64("agent_dropped_ms", st.AgentDropMS).
		Uint64("underruns", st.Underruns).
		Int("reconnects", st.Reconnects).
		Int("benign_errors", st.BenignErrors).
		Int("events_dropped", st.EventsDropped).
		Msg("stream ended")
}

// moduleStats is what the status command answers without a uuid, as JSON: what the Go side holds of the process.
type moduleStats struct {
	Sessions      int    `json:"sessions"` // starts under way among them
	Draining      bool   `json:"draining"`
	Prewarmed     int    `json:"prewarmed"` // connections that are open and wait for a call
	Goroutines    uint64 `json:"goroutines"`
	Threads       uint64 `json:"threads"`
	HeapLiveBytes uint64 `json:"heap_live_bytes"` // at the last collection
	MemoryBytes   uint64 `json:"memory_bytes"`    // all that Go has mapped
}

func (m *Manager) stats() moduleStats {
	samples := []metrics.Sample{
		{Name: "/sched/goroutines:goroutines"}, {Name: "/sched/threads/total:threads"},
		{Name: "/gc/heap/live:bytes"}, {Name: "/memory/classes/total:bytes"},
	}
	metrics.Read(samples)
	value := func(i int) uint64 {
		if samples[i].Value.Kind() != metrics.KindUint64 {
			return 0 // Go before 1.26 does not count its threads
		}
		return samples[i].Value.Uint64()
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	return moduleStats{len(m.streams), m.draining, m.pool.ready(), value(0), value(1), value(2), value(3)}
}
