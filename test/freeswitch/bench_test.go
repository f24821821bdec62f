package freeswitch_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"testing"
	"time"

	"mod_openai_audio_stream/module/realtime/realtimetest"
	"mod_openai_audio_stream/test/freeswitch"
)

// BenchmarkMediaCallbacks runs a hundred SIP calls for half a minute and reports what the callbacks of a module that was
// built with OAS_MEASURE have measured. To be run with -benchtime 1x.
func BenchmarkMediaCallbacks(b *testing.B) {
	const calls, length = 100, 30 * time.Second
	caller, err := filepath.Abs("../testdata/caller.wav")
	if err != nil {
		b.Fatal(err)
	}
	srv, err := realtimetest.Start(realtimetest.Config{NoRecord: true, Speed: 4, Answer: realtimetest.Tone(440, time.Second)})
	if err != nil {
		b.Fatal(err)
	}
	defer srv.Close()
	s := freeswitch.Start(b)
	threads := func() int {
		all, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*", s.PID))
		if err != nil {
			b.Fatal(err)
		}
		return len(all)
	}
	for range b.N {
		var all []*freeswitch.Call
		for i := range calls {
			c := s.Call(b, fmt.Sprintf("call-%d", i), freeswitch.Options{})
			c.API("+OK", "uuid_broadcast %s endless_playback::%s aleg", c.Far, caller)
			all = append(all, c)
		}
		before := threads()
		for _, c := range all {
			c.Stream("start %s mono 24k", srv.URL())
		}
		for _, c := range all {
			c.Event("connect", 1)
		}
		time.Sleep(length) // what is measured
		b.ReportMetric(float64(threads()-before), "threads-for-the-streams")
		b.ReportMetric(0, "ns/op") // means nothing here
		for _, c := range all {
			c.Hangup()
		}
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
