package machine

import (
	"errors"
	"time"

	"golang.org/x/sys/unix"
)

// Clock turns this process's times into CLOCK_MONOTONIC, which all processes of the machine have in common.
type Clock struct {
	base           time.Time
	baseNS, realNS int64
}

// NewClock reads the clocks.
func NewClock() (Clock, error) {
	var now, real unix.Timespec
	err := errors.Join(unix.ClockGettime(unix.CLOCK_REALTIME, &real), unix.ClockGettime(unix.CLOCK_MONOTONIC, &now))
	return Clock{time.Now(), now.Nano(), real.Nano()}, err
}

// NS is a time of this process's.
func (c Clock) NS(t time.Time) int64 { return c.baseNS + int64(t.Sub(c.base)) }

// FromReal is a time of CLOCK_REALTIME's, if nobody has set that since.
func (c Clock) FromReal(ns int64) int64 { return c.baseNS + ns - c.realNS }
