package main

import (
	"math"
	"slices"
	"time"

	"mod_openai_audio_stream/test/bench/server"
)

// row is what was measured of a module in a cell. What was not measured is absent.
type row struct {
	Module   string `json:"module"`
	Scenario string `json:"scenario"`
	Scheme   string `json:"scheme"`
	Calls    int    `json:"calls"`
	Carried  bool   `json:"carried"` // the calls are as many as the machine carries
	Run      int    `json:"run"`

	// Above the same calls without streams.
	CPU       float64 `json:"cpu_ms_per_s_and_call"`
	MemoryKiB float64 `json:"memory_kib_per_call"`
	Threads   float64 `json:"threads_per_call"`
	IdleCPU   float64 `json:"idle_call_cpu_ms_per_s"` // the same calls themselves
	Server    float64 `json:"server_cpu_ms_per_s_and_call"`

	Read     *quantiles `json:"read_us,omitempty"`
	Write    *quantiles `json:"write_replace_us,omitempty"`
	ToServer *quantiles `json:"caller_to_server_ms,omitempty"`
	Hole     *quantiles `json:"uplink_gap_ms,omitempty"`
	ToCaller *quantiles `json:"server_to_caller_ms,omitempty"`

	Sent   float64 `json:"caller_audio_sent"`  // part of the window's length
	Played float64 `json:"answers_played"`     // part of what was to be heard; scenario both
	Late   float64 `json:"late_read_frames"`   // part of the frames that came 30 ms and more after the last one
	Lost   int     `json:"lost_connections"`   // events disconnect and error
	Idle   float64 `json:"machine_idle"`       // of all processors
	Stolen float64 `json:"machine_stolen"`     // by the hypervisor
	Load   float64 `json:"load_average_1_min"` // of the whole machine, this bench included
}

// quantiles of a number of times, in the unit that the row names.
type quantiles struct {
	Count  int     `json:"count"`
	Median float64 `json:"median"`
	P99    float64 `json:"p99"`
	P999   float64 `json:"p999"`
	Most   float64 `json:"most"`
}

func quantilesOf(d []time.Duration, unit time.Duration) *quantiles {
	if len(d) == 0 {
		return nil
	}
	slices.Sort(d)
	q := func(p float64) float64 { return float64(d[int(p*float64(len(d)-1))]) / float64(unit) }
	return &quantiles{len(d), q(0.5), q(0.99), q(0.999), q(1)}
}

// processor is what FreeSWITCH used with streams, above what it used without them.
func (r *row) processor(without, with window) {
	calls := float64(r.Calls)
	each := func(w window, process int) float64 {
		return w.use.Processes[process].Seconds() * 1000 / w.length().Seconds() / calls
	}
	r.IdleCPU = each(without, 0)
	r.CPU = each(with, 0) - r.IdleCPU
	r.Server = each(with, 1)
	r.MemoryKiB = (with.anonymousKiB - without.anonymousKiB) / calls
	r.Threads = float64(with.process.Threads-without.process.Threads) / calls
	r.Idle, r.Stolen, r.Load = with.use.Idle, with.use.Stolen, with.load
}

// lateFrom is what makes a frame late: two ticks of the timers without it.
const lateFrom = 30 * time.Millisecond

// media is how long the module took, and what passed between caller and server.
func (r *row) media(tapes []tape, journals []*server.Journal, w window, answered bool) {
	var read, write, up, holes, down []time.Duration
	var bytes, loudFrames, late float64
	for i, t := range tapes {
		j := journals[i]
		up = append(up, toServer(t.read, j.Audio, w.from, w.until)...)
		t.read, t.write = between(t.read, w.from, w.until), between(t.write, w.from, w.until)
		for n, c := range t.read {
			read = append(read, c.took)
			if n > 0 && time.Duration(c.at-t.read[n-1].at) >= lateFrom {
				late++
			}
		}
		for _, c := range t.write {
			write = append(write, c.took)
			if c.peak >= loud {
				loudFrames++
			}
		}
		last := int64(0)
		for _, a := range j.Audio {
			if a.At < w.from || a.At >= w.until {
				continue
			}
			bytes += float64(a.Bytes)
			if last != 0 {
				holes = append(holes, time.Duration(a.At-last))
			}
			last = a.At
		}
		for _, at := range j.Answered {
			if d, ok := untilLoud(t.write, at); ok {
				down = append(down, d)
			}
		}
	}
	r.Read, r.Write = quantilesOf(read, time.Microsecond), quantilesOf(write, time.Microsecond)
	r.ToServer, r.Hole = quantilesOf(up, time.Millisecond), quantilesOf(holes, time.Millisecond)
	r.ToCaller = quantilesOf(down, time.Millisecond)
	all := w.length().Seconds() * float64(r.Calls)
	r.Sent = bytes / 48000 / all
	if answered {
		r.Played = loudFrames * 0.02 / (all * server.Speaking)
	}
	if len(read) > 0 {
		r.Late = late / float64(len(read))
	}
	r.round()
}

// round leaves as many digits as can mean something.
func (r *row) round() {
	to := func(x *float64, digits float64) { *x = math.Round(*x*digits) / digits }
	for _, x := range []*float64{&r.CPU, &r.MemoryKiB, &r.Threads, &r.IdleCPU, &r.Server} {
		to(x, 1000)
	}
	for _, x := range []*float64{&r.Sent, &r.Played, &r.Late, &r.Idle, &r.Stolen} {
		to(x, 10000)
	}
	for _, q := range []*quantiles{r.Read, r.Write, r.ToServer, r.Hole, r.ToCaller} {
		if q != nil {
			for _, x := range []*float64{&q.Median, &q.P99, &q.P999, &q.Most} {
				to(x, 1000)
			}
		}
	}
}
