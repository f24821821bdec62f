package main

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// processorTime is what a process has used so far, threads that have ended included: utime and stime of /proc/<pid>/stat,
// but to the nanosecond.
func processorTime(pid int) (time.Duration, error) {
	const scheduled = 2 // CPUCLOCK_SCHED, see clock_getcpuclockid
	var t unix.Timespec
	err := unix.ClockGettime(int32(^pid<<3|scheduled), &t)
	return time.Duration(t.Nano()), err
}

// process is what /proc tells of one.
type process struct{ anonymousKiB, threads int }

func lookAt(pid int) (p process, err error) {
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
			p.anonymousKiB = n
		case "Threads:":
			p.threads = n
		}
	}
	return p, nil
}

// machine is the processors' time so far, in ticks.
type machine struct{ all, idle, stolen float64 }

func lookAtMachine() (m machine, err error) {
	stat, err := os.ReadFile("/proc/stat")
	if err != nil {
		return m, err
	}
	line, _, _ := bytes.Cut(stat, []byte{'\n'})
	for i, word := range strings.Fields(string(line))[1:9] { // guests' time is in the users' already
		n, err := strconv.ParseFloat(word, 64)
		if err != nil {
			return m, err
		}
		m.all += n
		switch i {
		case 3, 4:
			m.idle += n
		case 7:
			m.stolen += n
		}
	}
	return m, nil
}

// share is the part of the time between two looks.
func share(part, all float64) float64 {
	if all == 0 {
		return 0
	}
	return part / all
}

// load is the load average of the last minute.
func load() float64 {
	text, _ := os.ReadFile("/proc/loadavg")
	first, _, _ := strings.Cut(string(text), " ")
	n, _ := strconv.ParseFloat(first, 64)
	return n
}
