// Command standin measures what streaming costs FreeSWITCH's media threads: it runs calls in the stand-in host against the
// test server and prints how long the module's callbacks took, and how late the host's own clocks were. Nothing passes or
// fails here; see docs/benchmarks.md.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"mod_openai_audio_stream/module/realtime/realtimetest"
	"mod_openai_audio_stream/test/bench/machine"
	"mod_openai_audio_stream/test/bench/server"
	"mod_openai_audio_stream/test/e2e"
)

// options are the flags.
type options struct {
	host, module string
	calls        int
	length       time.Duration
	sweep        []int
	muted        bool
	name, svg    string
	also         []string
	greeted      int
}

func main() {
	server.ServeIfAsked()
	var o options
	flag.StringVar(&o.host, "host", "", "the stand-in host's program")
	flag.StringVar(&o.module, "module", "", "the module built for it")
	flag.IntVar(&o.calls, "calls", 100, "how many calls stream at once")
	flag.DurationVar(&o.length, "length", 15*time.Second, "how long is measured")
	flag.Func("sweep", "measure what a call costs instead, at these numbers of calls: 100,200,400", func(text string) error {
		for _, word := range strings.Split(text, ",") {
			n, err := strconv.Atoi(word)
			if err != nil {
				return err
			}
			o.sweep = append(o.sweep, n)
		}
		return nil
	})
	flag.BoolVar(&o.muted, "muted", false, "of a sweep: callers are muted and the server says nothing; otherwise it answers all the time")
	flag.StringVar(&o.name, "name", "this module", "of a sweep, in the plot")
	flag.StringVar(&o.svg, "svg", "", "where the plot of a sweep goes")
	flag.Func("also", "lines that an earlier sweep printed, for the plot; may be given again", func(path string) error {
		o.also = append(o.also, path)
		return nil
	})
	flag.IntVar(&o.greeted, "greetings", 0, "measure instead how long so many callers wait for a greeting, without and with prewarm")
	flag.Parse()
	measured := o.run
	if len(o.sweep)+len(o.also) > 0 {
		measured = o.sweepAndPlot
	}
	if o.greeted > 0 {
		measured = o.greetings
	}
	if err := measured(); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func (o options) run() error {
	program, module, calls, length := o.host, o.module, o.calls, o.length
	ctx, cancel := context.WithTimeout(context.Background(), length+2*time.Minute)
	defer cancel()
	now, err := machine.NewClock()
	if err != nil {
		return err
	}
	tone := realtimetest.Tone(440, 5*time.Second)
	journal := &journal{clock: now, calls: map[string]*callJournal{}}
	srv, err := realtimetest.Start(realtimetest.Config{
		InputRate: 24000, NoRecord: true, Speed: 4, OnEvent: journal.note,
		Answer: func(t realtimetest.Turn) realtimetest.Reply {
			// A model thinks for a while of its own, so its answer meets the channel's clock at any point of a frame.
			time.Sleep(rand.N(20 * time.Millisecond))
			return tone(t)
		},
	})
	if err != nil {
		return err
	}
	defer srv.Close()
	dir, err := os.MkdirTemp("", "oas-bench")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	h, err := e2e.StartHost(program, module, io.Discard, nil)
	if err != nil {
		return err
	}
	steps := []string{"load"}
	for i := range calls {
		// Spread over the 20 ms of a frame, as real calls are; every other one parked, so that the module writes to it.
		writer := [...]string{"silence", "none"}[i%2]
		steps = append(steps,
			fmt.Sprintf("create c%d rate=8000 ptime=20 phase=%d caller=test/testdata/caller.wav loop=1 writer=%s frames=%s/c%d.csv",
				i, i%20, writer, dir, i),
			fmt.Sprintf("api c%d start %s&call=c%d mono 24k", i, srv.URL(), i))
	}
	for _, step := range steps {
		if _, err := h.Do(ctx, "%s", step); err != nil {
			return err
		}
	}
	for i := range calls {
		if _, err := h.WaitEvent(ctx, fmt.Sprintf("c%d", i), "connect", 1); err != nil {
			return err
		}
	}
	if _, err := h.Do(ctx, "resetstats"); err != nil {
		return err
	}
	from := now.NS(time.Now())
	if _, err := h.Do(ctx, "wait ms=%d", length.Milliseconds()); err != nil {
		return err
	}
	m, err := h.Do(ctx, "stats")
	if err != nil {
		return err
	}
	if err := h.Quit(ctx); err != nil {
		return err
	}
	fmt.Printf("%d calls, 8 kHz, 20 ms frames, caller audio sent at 24 kHz, for %v\n", calls, length)
	if err := printStats(m.Raw); err != nil {
		return err
	}
	var toServer, toCaller, toSilence []time.Duration
	for name, c := range journal.calls {
		f, err := readFrames(filepath.Join(dir, name+".csv"))
		if err != nil {
			return err
		}
		toServer, toCaller = c.toServer(toServer, f, from), c.toCaller(toCaller, f, from)
		toSilence = c.toSilence(toSilence, f, from)
	}
	printQuantiles("caller to server", toServer)
	printQuantiles("server to caller", toCaller)
	printQuantiles("interruption", toSilence)
	return nil
}

func printStats(raw []byte) error {
	var stats map[string]json.RawMessage
	if err := json.Unmarshal(raw, &stats); err != nil {
		return err
	}
	for _, name := range []string{"read", "write_replace", "tick_late"} {
		var f struct {
			Count  int64 `json:"count"`
			Median int64 `json:"median_ns"`
			P99    int64 `json:"p99_ns"`
			P999   int64 `json:"p999_ns"`
		}
		if err := json.Unmarshal(stats[name], &f); err != nil {
			return err
		}
		fmt.Printf("%-18s %8d times   median %8.2f us   p99 %8.2f us   p99.9 %7.2f us\n", name, f.Count,
			float64(f.Median)/1e3, float64(f.P99)/1e3, float64(f.P999)/1e3)
	}
	fmt.Printf("threads %s, descriptors %s, resident %s KiB, processor time user %s ms, system %s ms\n", stats["threads"],
		stats["fds"], stats["rss_kb"], stats["cpu_user_ms"], stats["cpu_system_ms"])
	return nil
}
