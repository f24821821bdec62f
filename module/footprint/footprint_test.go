package footprint_test

import (
	"math"
	"runtime"
	"runtime/debug"
	"testing"

	"mod_openai_audio_stream/module/footprint"
)

// Limits hold, and 0 takes them away again.
func TestLimit(t *testing.T) {
	procs := runtime.GOMAXPROCS(0)
	t.Cleanup(func() { footprint.Limit(0, 100, 0) })
	want := func(wantProcs, wantGC int, wantMemory int64) {
		t.Helper()
		gc := debug.SetGCPercent(wantGC)
		if got, memory := runtime.GOMAXPROCS(0), debug.SetMemoryLimit(-1); got != wantProcs || gc != wantGC || memory != wantMemory {
			t.Errorf("%d processors, %d %%, %d bytes, want %d, %d, %d", got, gc, memory, wantProcs, wantGC, wantMemory)
		}
	}
	footprint.Limit(procs+1, 50, 512)
	want(procs+1, 50, 512<<20)
	footprint.Limit(0, 100, 0)
	want(procs, 100, math.MaxInt64)
}
