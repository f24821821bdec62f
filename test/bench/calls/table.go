package main

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"text/tabwriter"
)

// figure is a column of the tables.
type figure struct {
	name string
	of   func(row) (float64, bool)
}

var figures = []figure{
	{"carried", func(r row) (float64, bool) { return float64(r.Calls), r.Carried }},
	{"cpu ms/s", func(r row) (float64, bool) { return r.CPU, true }},
	{"memory KiB", func(r row) (float64, bool) { return r.MemoryKiB, true }},
	{"threads", func(r row) (float64, bool) { return r.Threads, true }},
	{"READ us", median(func(r row) *quantiles { return r.Read })},
	{"p99", p99(func(r row) *quantiles { return r.Read })},
	{"p99.9", p999(func(r row) *quantiles { return r.Read })},
	{"WRITE us", median(func(r row) *quantiles { return r.Write })},
	{"p99", p99(func(r row) *quantiles { return r.Write })},
	{"p99.9", p999(func(r row) *quantiles { return r.Write })},
	{"up ms", median(func(r row) *quantiles { return r.ToServer })},
	{"p99", p99(func(r row) *quantiles { return r.ToServer })},
	{"gap p99 ms", p99(func(r row) *quantiles { return r.Hole })},
	{"longest", most(func(r row) *quantiles { return r.Hole })},
	{"down ms", median(func(r row) *quantiles { return r.ToCaller })},
	{"p99", p99(func(r row) *quantiles { return r.ToCaller })},
}

// About the run; no ratios are made of them.
var circumstances = []figure{
	{"sent %", func(r row) (float64, bool) { return 100 * r.Sent, r.ToServer != nil }},
	{"played %", func(r row) (float64, bool) { return 100 * r.Played, r.Scenario == "both" }},
	{"late %", func(r row) (float64, bool) { return 100 * r.Late, true }},
	{"lost", func(r row) (float64, bool) { return float64(r.Lost), true }},
	{"idle call ms/s", func(r row) (float64, bool) { return r.IdleCPU, true }},
	{"server ms/s", func(r row) (float64, bool) { return r.Server, true }},
	{"machine idle %", func(r row) (float64, bool) { return 100 * r.Idle, true }},
	{"stolen %", func(r row) (float64, bool) { return 100 * r.Stolen, true }},
	{"load", func(r row) (float64, bool) { return r.Load, true }},
}

func pick(of func(row) *quantiles, which func(*quantiles) float64) func(row) (float64, bool) {
	return func(r row) (float64, bool) {
		q := of(r)
		if q == nil {
			return 0, false
		}
		return which(q), true
	}
}

func median(of func(row) *quantiles) func(row) (float64, bool) {
	return pick(of, func(q *quantiles) float64 { return q.Median })
}

func p99(of func(row) *quantiles) func(row) (float64, bool) {
	return pick(of, func(q *quantiles) float64 { return q.P99 })
}

func p999(of func(row) *quantiles) func(row) (float64, bool) {
	return pick(of, func(q *quantiles) float64 { return q.P999 })
}

func most(of func(row) *quantiles) func(row) (float64, bool) {
	return pick(of, func(q *quantiles) float64 { return q.Most })
}

// digits shows a figure with as many as it deserves.
func digits(x float64) string {
	switch {
	case x >= 100 || x <= -100:
		return fmt.Sprintf("%.0f", x)
	case x >= 10 || x <= -10:
		return fmt.Sprintf("%.1f", x)
	}
	return fmt.Sprintf("%.2f", x)
}

// newTable is a table with its heading, to be flushed.
func newTable(first string, columns []figure) *tabwriter.Writer {
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprint(w, first)
	for _, f := range columns {
		fmt.Fprint(w, f.name, "\t")
	}
	fmt.Fprintln(w)
	return w
}

// printRows prints a table for the figures and one for the circumstances of each row.
func printRows(rows []row) {
	for _, columns := range [][]figure{figures, circumstances} {
		w := newTable("module\tscenario\tscheme\tcalls\trun\t", columns)
		for _, r := range rows {
			fmt.Fprintf(w, "%s\t%s\t%s\t%d\t%d\t", r.Module, r.Scenario, r.Scheme, r.Calls, r.Run)
			for _, f := range columns {
				text := "-"
				if x, ok := f.of(r); ok {
					text = digits(x)
				}
				fmt.Fprint(w, text, "\t")
			}
			fmt.Fprintln(w)
		}
		_ = w.Flush()
		fmt.Println()
	}
	fmt.Println(strings.TrimSpace(legend))
}

const legend = `
cpu, memory, threads: of FreeSWITCH, for each call, above the same calls without streams. READ, WRITE: the module's media
callbacks. up: from the callback with the last frame of a message to the server. gap: between two messages of a call. down: from
an answer's first delta written by the server to the first frame with it. sent: the caller's audio that the server got; played:
answers heard. A stolen or busy machine (idle, stolen, load) makes all times longer: then judge by ratios of the same minute.`

// printRatios compares the first module to each other one, in the medians of the runs.
func printRatios(rows []row, modules []module) {
	type key struct {
		scenario, scheme string
		calls            int
	}
	var keys []key
	values := map[key]map[string]map[int][]float64{} // by module and figure
	counts := map[key]int{}
	for _, r := range rows {
		k := key{r.Scenario, r.Scheme, r.Calls}
		if r.Carried {
			k.calls = 0
		}
		if values[k] == nil {
			keys = append(keys, k)
			values[k] = map[string]map[int][]float64{}
		}
		if values[k][r.Module] == nil {
			values[k][r.Module] = map[int][]float64{}
		}
		counts[k] = max(counts[k], r.Run)
		for i, f := range figures {
			if x, ok := f.of(r); ok {
				values[k][r.Module][i] = append(values[k][r.Module][i], x)
			}
		}
	}
	for _, other := range modules[1:] {
		fmt.Printf("\n%s to %s, ratios of the medians of the runs:\n", modules[0].name, other.name)
		w := newTable("scenario\tscheme\tcalls\truns\t", figures)
		for _, k := range keys {
			fmt.Fprintf(w, "%s\t%s\t%d\t%d\t", k.scenario, k.scheme, k.calls, counts[k])
			for i := range figures {
				text := "-"
				a, b := values[k][modules[0].name][i], values[k][other.name][i]
				if len(a) > 0 && len(b) > 0 && middle(b) > 0 {
					text = fmt.Sprintf("%.2f", middle(a)/middle(b))
				}
				fmt.Fprint(w, text, "\t")
			}
			fmt.Fprintln(w)
		}
		_ = w.Flush()
	}
}

func middle(x []float64) float64 {
	x = slices.Sorted(slices.Values(x))
	if n := len(x); n%2 == 0 {
		return (x[n/2-1] + x[n/2]) / 2
	}
	return x[len(x)/2]
}
