package freeswitch

import (
	"fmt"
	"runtime"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"mod_openai_audio_stream/test/farend"
)

// A thread of machine looks so often whether it runs, and notes when it did not for longer than a media thread can wait
// without a packet's being late.
const (
	lookEvery  = 2 * time.Millisecond
	stolenFrom = 15 * time.Millisecond
)

// stolen is a time in which a processor did not run a thread that wanted it.
type stolen struct {
	at, length time.Duration // on the clock of farend.Now
	cpu        int
}

// machine measures what this machine withholds from a thread of ordinary priority, processor by processor. What a test
// cannot blame on the module it may blame on this, and on nothing that the module did.
type machine struct {
	stop    chan struct{}
	running sync.WaitGroup

	mu     sync.Mutex // Protects following.
	stolen []stolen
}

// watchMachine starts measuring. Close ends it.
func watchMachine() *machine {
	m := &machine{stop: make(chan struct{})}
	for cpu := range runtime.NumCPU() {
		m.running.Go(func() { m.watch(cpu) }) // ends with stop
	}
	return m
}

func (m *machine) close() {
	close(m.stop)
	m.running.Wait()
}

// watch binds its thread to one processor for as long. The thread must not end with it: a FreeSWITCH that it once started
// would be killed (Pdeathsig).
func (m *machine) watch(cpu int) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var before, one unix.CPUSet
	one.Set(cpu)
	if unix.SchedGetaffinity(0, &before) != nil || unix.SchedSetaffinity(0, &one) != nil {
		return // a processor that this process may not use
	}
	defer func() { _ = unix.SchedSetaffinity(0, &before) }() // it was allowed before
	last := farend.Now()
	for {
		select {
		case <-m.stop:
			return
		default:
		}
		sleep := unix.NsecToTimespec(int64(lookEvery))
		_ = unix.Nanosleep(&sleep, nil) // not time.Sleep, which another thread would have to end
		now := farend.Now()
		if over := now - last - lookEvery; over > stolenFrom {
			m.mu.Lock()
			m.stolen = append(m.stolen, stolen{now, over, cpu})
			m.mu.Unlock()
		}
		last = now
	}
}

// busy says what the machine withheld from one time to another, "" if nothing that matters.
func (m *machine) busy(from, until time.Duration) string {
	m.mu.Lock()
	defer m.mu.Unlock()
	n, worst := 0, stolen{}
	for _, s := range m.stolen {
		if s.at > from && s.at-s.length < until {
			n++
			if s.length > worst.length {
				worst = s
			}
		}
	}
	if n == 0 {
		return ""
	}
	return fmt.Sprintf("%d times a processor did not run a thread that was due for %v and more, processor %d for %v",
		n, stolenFrom, worst.cpu, worst.length.Round(time.Millisecond))
}

// NotJudged ends a test without a verdict, because of what was measured of the machine. The words before the colon are what
// a summary counts.
func NotJudged(tb testing.TB, format string, args ...any) {
	tb.Helper()
	tb.Skipf("not judged: "+format, args...)
}

// Busy says why what happened to the call from a time on is not the module's to answer for, "" if it is: the machine did
// not run threads that were due, or the phone itself came late.
func (c *Call) Busy(from time.Duration) string {
	if c.Phone != nil {
		if late := c.Phone.Late(from, farend.Now()); late > stolenFrom {
			return fmt.Sprintf("the phone sent a packet %v late", late.Round(time.Millisecond))
		}
	}
	return c.machine.busy(from, farend.Now())
}

// Blame is an Errorf about what the time of a thread can spoil: on a machine that was too busy since from there is no
// verdict.
func (c *Call) Blame(from time.Duration, format string, args ...any) {
	c.TB.Helper()
	if why := c.Busy(from); why != "" && !c.TB.Failed() {
		c.TB.Logf(format, args...)
		NotJudged(c.TB, "%s", why)
	}
	c.TB.Errorf(format, args...)
}
