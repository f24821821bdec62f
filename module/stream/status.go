package stream

import "runtime/metrics"

// moduleStatus is what the status command answers without a uuid, as JSON: what the Go side holds of the process.
type moduleStatus struct {
	Sessions      int    `json:"sessions"` // starts under way among them
	Draining      bool   `json:"draining"`
	Goroutines    uint64 `json:"goroutines"`
	Threads       uint64 `json:"threads"`
	HeapLiveBytes uint64 `json:"heap_live_bytes"` // at the last collection
	MemoryBytes   uint64 `json:"memory_bytes"`    // all that Go has mapped
}

func (m *Manager) status() moduleStatus {
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
	return moduleStatus{len(m.streams), m.draining, value(0), value(1), value(2), value(3)}
}

// status is what the status command answers, as JSON.
type status struct {
	State         string `json:"state"` // connecting, open or waiting
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
	Reconnects    int    `json:"reconnects"`
	BenignErrors  int    `json:"benign_errors"`
	Paused        bool   `json:"paused"`
	Held          bool   `json:"held"`
	UserMuted     bool   `json:"user_muted"`
	OpenAIMuted   bool   `json:"openai_muted"`
}

func (s *Stream) status() status {
	c, p := s.capture, s.player
	u := *s.cfg.Start.URL
	u.RawQuery = "" // it may carry a key
	look := s.rings.Look()
	st := status{
		State: "waiting", URL: u.String(), Provider: s.provider.Name, RateHz: c.rateHz,
		ChannelRateHz: look.RateHz,
		AudioInMS:     s.turns.audioIn.Milliseconds(),
		CallerWaitMS:  samplesTime(uint64(c.ready()), c.rateHz).Milliseconds(),
		CallerDropMS:  s.callerDroppedMS(),
		GapFilledMS:   samplesTime(uint64(c.gapSamples), c.rateHz).Milliseconds(),
		PlayedMS:      s.playing.total.Milliseconds(),
		AgentWaitMS:   samplesTime(uint64(p.waiting), p.sourceHz).Milliseconds(),
		AgentDropMS:   samplesTime(uint64(p.dropped), p.sourceHz).Milliseconds(),
		Underruns:     look.Underruns,
		UnderrunMS:    look.UnderrunMS,
		Turns:         s.turns.count, Interruptions: s.turns.interruptions, LateDeltas: s.turns.lateDeltas,
		Reconnects: max(s.connects-1, 0), BenignErrors: s.talk.benign,
		Paused: c.paused, Held: look.Held, UserMuted: c.muted, OpenAIMuted: s.muteOpenAI,
	}
	if s.link != nil {
		st.State = "connecting"
		if s.link.state == linkOpen {
			st.State = "open"
		}
	}
	return st
}
