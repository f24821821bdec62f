// Package footprint keeps the Go runtime a modest guest: it shares the process with the switch.
package footprint

import (
	"math"
	"runtime"
	"runtime/debug"
)

// defaultProcs is what Go chose by itself.
var defaultProcs = runtime.GOMAXPROCS(0)

// Limit sets how many processors Go uses at once, 0 for Go's own choice; how much the heap grows until it is collected,
// in percent of what lives; and from how much memory in MiB on Go collects sooner, 0 for never.
func Limit(procs, gcPercent, memoryMiB int) {
	if procs == 0 {
		procs = defaultProcs
	}
	if procs != runtime.GOMAXPROCS(0) { // setting it stops the world
		runtime.GOMAXPROCS(procs)
	}
	debug.SetGCPercent(gcPercent)
	limit := int64(math.MaxInt64)
	if memoryMiB > 0 {
		limit = int64(memoryMiB) << 20
	}
	debug.SetMemoryLimit(limit)
}
