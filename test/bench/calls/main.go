// Command calls measures what a stream costs in FreeSWITCH, for any module that has this module's command: it runs calls in
// a FreeSWITCH of its own, first without streams and then with them, against a server in a process of its own. Several
// modules are measured in turn and compared to the first. Nothing passes or fails here; see docs/benchmarks.md.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"time"

	"mod_openai_audio_stream/test/bench/server"
)

// options are the flags.
type options struct {
	prefix, tap, caller, codec string
	modules                    []module
	scenarios, schemes         []string
	counts                     []int // of calls; 0: as many as the machine carries
	runs                       int
	idle, settle, length       time.Duration
}

// module is what is measured.
type module struct{ name, path string }

func main() {
	server.ServeIfAsked()
	var o options
	flag.StringVar(&o.prefix, "freeswitch", "/usr/local/freeswitch", "where FreeSWITCH is installed")
	flag.StringVar(&o.tap, "tap", "build/test/bench/tap/oas_tap.so", "what stands between module and FreeSWITCH")
	flag.StringVar(&o.caller, "caller", "test/testdata/caller.wav", "what the callers say")
	flag.StringVar(&o.codec, "codec", "PCMU@8000h@20i", "of the calls")
	flag.Func("module", "a module, or name=module; again for those that are compared to it", func(text string) error {
		name, path, found := strings.Cut(text, "=")
		if !found {
			name, path = "module "+strconv.Itoa(len(o.modules)+1), text
		}
		o.modules = append(o.modules, module{name, path})
		return nil
	})
	scenarios := flag.String("scenario", "caller,both", "caller: the server never answers; both: it answers all the time")
	schemes := flag.String("scheme", "ws,wss", "ws, wss or both")
	calls := flag.String("calls", "1,100,200", `how many calls; "auto": as many as the machine carries`)
	flag.IntVar(&o.runs, "runs", 1, "how often each is measured")
	flag.DurationVar(&o.idle, "idle", 8*time.Second, "how long the calls are measured without streams")
	flag.DurationVar(&o.settle, "settle", 3*time.Second, "how long is waited before anything is measured")
	flag.DurationVar(&o.length, "length", 15*time.Second, "how long the streams are measured")
	flag.Parse()
	o.scenarios, o.schemes = strings.Split(*scenarios, ","), strings.Split(*schemes, ",")
	err := o.countCalls(*calls)
	if err == nil {
		err = run(o)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func (o *options) countCalls(text string) error {
	for _, word := range strings.Split(text, ",") {
		if word == "auto" {
			o.counts = append(o.counts, 0)
			continue
		}
		n, err := strconv.Atoi(word)
		if err != nil || n < 1 {
			return fmt.Errorf("calls: %q: expected a number or auto", word)
		}
		o.counts = append(o.counts, n)
	}
	return nil
}

func run(o options) error {
	if len(o.modules) == 0 {
		return fmt.Errorf("no module: -module names one")
	}
	if _, err := os.Stat(o.prefix + "/bin/freeswitch"); err != nil {
		fmt.Printf("FreeSWITCH is not installed in %s: what a stream costs there is not measured\n", o.prefix)
		return nil
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	var rows []row
	for _, scheme := range o.schemes {
		for _, scenario := range o.scenarios {
			for _, calls := range o.counts {
				for n := range o.runs {
					for _, m := range o.modules {
						find := measure
						if calls == 0 {
							find = carried
						}
						r, err := find(ctx, o, m, cell{scenario, scheme, calls})
						if err != nil {
							return fmt.Errorf("%s, %s, %s, %d calls: %w", m.name, scenario, scheme, calls, err)
						}
						r.Run = n + 1
						rows = append(rows, r)
						line, err := json.Marshal(r)
						if err != nil {
							return err
						}
						fmt.Println(string(line))
					}
				}
			}
		}
	}
	fmt.Println()
	printRows(rows)
	if len(o.modules) > 1 {
		printRatios(rows, o.modules)
	}
	return nil
}
