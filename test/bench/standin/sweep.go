package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"os"
	"time"

	"mod_openai_audio_stream/test/bench/machine"
	"mod_openai_audio_stream/test/bench/server"
	"mod_openai_audio_stream/test/e2e"
)

// point is what so many calls cost, each. Lines of these are what a plot is made of.
type point struct {
	Name  string  `json:"name"`
	Calls int     `json:"calls"`
	Muted bool    `json:"muted"`
	CPU   float64 `json:"cpu_ms_per_s_and_call"`        // above the same channels without streams
	Host  float64 `json:"host_cpu_ms_per_s_and_call"`   // of the channels themselves
	KiB   float64 `json:"memory_kib_per_call"`          // above the same channels without streams
	Late  float64 `json:"tick_late_p99_ms"`             // of the host's own clocks, with streams
	Serve float64 `json:"server_cpu_ms_per_s_and_call"` // in its own process
	Idle  float64 `json:"machine_idle"`
	Steal float64 `json:"machine_stolen"`
	Load  float64 `json:"load_average_1_min"`
}

// sweepAndPlot measures one number of calls after the other, each in a host of its own, prints a line of JSON for each, and
// draws them.
func (o options) sweepAndPlot() error {
	var points []point
	for _, path := range o.also {
		earlier, err := readPoints(path)
		if err != nil {
			return err
		}
		points = append(points, earlier...)
	}
	for _, calls := range o.sweep {
		p, err := o.point(calls)
		if err != nil {
			return fmt.Errorf("%d calls: %w", calls, err)
		}
		line, err := json.Marshal(p)
		if err != nil {
			return err
		}
		fmt.Println(string(line))
		points = append(points, p)
	}
	if o.svg == "" {
		return nil
	}
	return os.WriteFile(o.svg, []byte(plot(points)), 0o644)
}

// settle is how long is waited before a measurement.
const settle = 3 * time.Second

// point runs calls whose callers speak and whose server answers all the time, or whose callers are muted and whose server says
// nothing. Each channel has a writer, as a stream without one would be charged with the host's writing.
func (o options) point(calls int) (p point, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*o.length+5*time.Minute)
	defer cancel()
	p = point{Name: o.name, Calls: calls, Muted: o.muted}
	srv, err := server.Start(server.Config{Answer: !o.muted})
	if err != nil {
		return p, err
	}
	defer srv.Close() //nolint:errcheck // its figures have been taken
	h, err := e2e.StartHost(o.host, o.module, io.Discard, nil)
	if err != nil {
		return p, err
	}
	defer h.Quit(ctx) //nolint:errcheck // everything has been measured
	if _, err := h.Do(ctx, "load"); err != nil {
		return p, err
	}
	for i := range calls {
		_, err := h.Do(ctx, "create c%d rate=8000 ptime=20 phase=%d caller=test/testdata/caller.wav loop=1 writer=silence", i, i%20)
		if err != nil {
			return p, err
		}
	}
	without, err := o.window(ctx, h, srv)
	if err != nil {
		return p, err
	}
	mute := map[bool]string{true: " mute_user"}[o.muted]
	for i := range calls {
		if _, err := h.Do(ctx, "api c%d start %sc%d mono 24k%s", i, srv.URL, i, mute); err != nil {
			return p, err
		}
	}
	for i := range calls {
		if _, err := h.WaitEvent(ctx, fmt.Sprintf("c%d", i), "connect", 1); err != nil {
			return p, err
		}
	}
	if _, err := h.Do(ctx, "resetstats"); err != nil {
		return p, err
	}
	with, err := o.window(ctx, h, srv)
	if err != nil {
		return p, err
	}
	m, err := h.Do(ctx, "stats")
	if err != nil {
		return p, err
	}
	var stats struct {
		Late struct {
			P99 float64 `json:"p99_ns"`
		} `json:"tick_late"`
	}
	if err := json.Unmarshal(m.Raw, &stats); err != nil {
		return p, err
	}
	each := func(u machine.Use, process int) float64 {
		return u.Processes[process].Seconds() * 1000 / o.length.Seconds() / float64(calls)
	}
	p.Host, p.Serve = each(without.Use, 0), each(with.Use, 1)
	p.CPU = each(with.Use, 0) - p.Host
	p.KiB = float64(with.process.AnonymousKiB-without.process.AnonymousKiB) / float64(calls)
	p.Late, p.Idle, p.Steal, p.Load = stats.Late.P99/1e6, with.Idle, with.Stolen, machine.Load()
	for _, x := range []*float64{&p.CPU, &p.Host, &p.KiB, &p.Late, &p.Serve, &p.Idle, &p.Steal} {
		*x = math.Round(*x*1000) / 1000
	}
	return p, nil
}

// window is what host and server used while it was measured.
type window struct {
	machine.Use
	process machine.Process
}

func (o options) window(ctx context.Context, h *e2e.Host, srv *server.Process) (w window, err error) {
	if _, err := h.Do(ctx, "wait ms=%d", settle.Milliseconds()); err != nil {
		return w, err
	}
	before, err := machine.Look(h.PID(), srv.PID)
	if err != nil {
		return w, err
	}
	if _, err := h.Do(ctx, "wait ms=%d", o.length.Milliseconds()); err != nil {
		return w, err
	}
	after, err := machine.Look(h.PID(), srv.PID)
	if err != nil {
		return w, err
	}
	w.Use = after.Since(before)
	w.process, err = machine.LookAt(h.PID())
	return w, err
}
