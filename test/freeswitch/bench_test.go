package freeswitch_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"mod_openai_audio_stream/module/realtime/realtimetest"
	"mod_openai_audio_stream/test/freeswitch"
)

// BenchmarkMediaCallbacks runs a hundred SIP calls for half a minute and reports what the callbacks of a module that was
// built with OAS_MEASURE have measured. To be run with -benchtime 1x.
func BenchmarkMediaCallbacks(b *testing.B) {
	const calls, length = 100, 30 * time.Second
	caller, rateHz, _, err := realtimetest.ReadWAV("../testdata/caller.wav")
	if err != nil {
		b.Fatal(err)
	}
	var spoken []int16
	for len(spoken) < 2*int(length.Seconds())*rateHz {
		spoken = append(spoken, caller...)
	}
	srv, err := realtimetest.Start(realtimetest.Config{NoRecord: true, Speed: 4, Answer: realtimetest.Tone(440, time.Second)})
	if err != nil {
		b.Fatal(err)
	}
	defer srv.Close()
	s := freeswitch.Start(b)
	for range b.N {
		var all []*freeswitch.Call
		for i := range calls {
			c := s.Call(b, fmt.Sprintf("call-%d", i), freeswitch.Options{})
			c.Play(c.Far, spoken, rateHz)
			all = append(all, c)
		}
		for _, c := range all {
			c.Stream("start %s mono 24k", srv.URL())
		}
		for _, c := range all {
			c.Event("connect", 1)
		}
		time.Sleep(length) // what is measured
		b.ReportMetric(float64(goThreads(b, s.PID)), "threads-of-Go")
		b.ReportMetric(0, "ns/op") // means nothing here
		s.API(b, "+OK", "hupall")
		s.Poll(b, "all calls are gone", func() bool { return strings.HasPrefix(s.API(b, "", "show channels count"), "0 total") })
		s.API(b, "+OK", "unload mod_openai_audio_stream")
	}
	found := regexp.MustCompile(`measured (\w+): (\d+) calls, median (\d+) ns, p99 (\d+) ns, p99.9 (\d+) ns`)
	measured := false
	for _, line := range s.Logged("measured ") {
		if m := found.FindStringSubmatch(line); m != nil {
			measured = true
			for i, name := range []string{"median", "p99", "p99.9"} {
				ns, _ := strconv.ParseFloat(m[3+i], 64)
				b.ReportMetric(ns/1000, m[1]+"-"+name+"-us")
			}
		}
	}
	if !measured {
		b.Skipf("%s was not built with OAS_MEASURE", os.Getenv(freeswitch.EnvModule))
	}
}

// goThreads counts the threads that block signals, as Go's do and FreeSWITCH's do not.
func goThreads(b *testing.B, pid int) (n int) {
	b.Helper()
	paths, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/status", pid))
	if err != nil {
		b.Fatal(err)
	}
	for _, path := range paths {
		status, err := os.ReadFile(path)
		if err == nil && !strings.Contains(string(status), "SigBlk:\t0000000000000000") { // it may have ended meanwhile
			n++
		}
	}
	return n
}
