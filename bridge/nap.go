package main

import (
	"runtime"
	"syscall"
	"time"
	"unsafe"
)

// napper sleeps for less than a millisecond at a time.
//
// time.Sleep is no good for that: Go waits in epoll_wait, which counts in milliseconds, and a process whose goroutines all
// sleep wakes not only for the nap but also for the runtime's monitor (sysmon), which then looks around every 20 µs for a
// while. Measured with the processors idle: 40 µs of processor time for each time.Sleep(time.Millisecond), 55 µs for a
// timerfd or a nanosleep that the runtime knows of, 27 µs for one that it does not. That one keeps its processor in Go's
// sense (P), as if it computed, so it must be short, and others must have a processor too.
type napper struct {
	others int // that nap as well
	naps   uint
	scarce bool // all processors may be held by those who nap
}

func (n *napper) nap(d time.Duration) {
	if n.naps%64 == 0 { // it takes a lock of the scheduler's
		n.scarce = runtime.GOMAXPROCS(0) <= 1+n.others
	}
	n.naps++
	if n.scarce {
		time.Sleep(d)
		return
	}
	wait := syscall.NsecToTimespec(d.Nanoseconds())
	// It ends sooner when the runtime wants the thread to stop for a collection: it sends a signal.
	_, _, _ = syscall.RawSyscall(syscall.SYS_NANOSLEEP, uintptr(unsafe.Pointer(&wait)), 0, 0)
	if n.naps%16 == 0 { // it wakes a thread
		runtime.Gosched()
	}
}
