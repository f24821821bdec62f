// Package machine is what the benches know of the machine: its clock, its processors, its processes.
package machine

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Use is what processes and the machine have used so far, or between two looks at them.
type Use struct {
	Processes    []time.Duration // of processors, in the order of the look
	Idle, Stolen float64         // of all processors, between two looks as a part of the time: by nobody, by the hypervisor
	all          float64
}

// Look looks at processes and the machine.
func Look(pids ...int) (u Use, err error) {
	for _, pid := range pids {
		// utime and stime of /proc/<pid>/stat, threads that have ended included, but to the nanosecond.
		const scheduled = 2 // CPUCLOCK_SCHED, see clock_getcpuclockid
		var t unix.Timespec
		if err := unix.ClockGettime(int32(^pid<<3|scheduled), &t); err != nil {
			return u, err
		}
		u.Processes = append(u.Processes, time.Duration(t.Nano()))
	}
	stat, err := os.ReadFile("/proc/stat")
	if err != nil {
		return u, err
	}
	line, _, _ := bytes.Cut(stat, []byte{'\n'})
	for i, word := range strings.Fields(string(line))[1:9] { // guests' time is in the users' already
		n, err := strconv.ParseFloat(word, 64)
		if err != nil {
			return u, err
		}
		u.all += n
		switch i {
		case 3, 4:
			u.Idle += n
		case 7:
			u.Stolen += n
		}
	}
	return u, nil
}

// Since is what was used since an earlier look at the same processes.
func (u Use) Since(before Use) Use {
	used := Use{all: max(1, u.all-before.all)}
	for i := range u.Processes {
		used.Processes = append(used.Processes, u.Processes[i]-before.Processes[i])
	}
	used.Idle, used.Stolen = (u.Idle-before.Idle)/used.all, (u.Stolen-before.Stolen)/used.all
	return used
}

// Process is what /proc tells of one.
type Process struct{ AnonymousKiB, Threads int }

// LookAt looks at a process.
func LookAt(pid int) (p Process, err error) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return p, err
	}
	for line := range strings.Lines(string(status)) {
		words := strings.Fields(line)
		if len(words) < 2 {
			continue
		}
		n, _ := strconv.Atoi(words[1])
		switch words[0] {
		case "RssAnon:":
			p.AnonymousKiB = n
		case "Threads:":
			p.Threads = n
		}
	}
	return p, nil
}

// Load is the load average of the last minute.
func Load() float64 {
	text, _ := os.ReadFile("/proc/loadavg")
	first, _, _ := strings.Cut(string(text), " ")
	n, _ := strconv.ParseFloat(first, 64)
	return n
}
