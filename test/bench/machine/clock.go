package machine

import (
	"time"

	"golang.org/x/sys/unix"
)

// Clock turns this process's times into CLOCK_MONOTONIC, which all processes of the machine have in common.
type Clock struct {
	base   time.Time
	baseNS int64
}

// NewClock reads both clocks.
func NewClock() (Clock, error) {
	var now unix.Timespec
	err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &now)
	return Clock{time.Now(), now.Nano()}, err
}

// NS is a time of this process's.
func (c Clock) NS(t time.Time) int64 { return c.baseNS + int64(t.Sub(c.base)) }
