package main

import (
	"context"
	"errors"
	"fmt"
	"os"
)

// The machine carries the calls while a fifth of it is idle, and nearly no frame is late.
const (
	leftIdle   = 0.2
	lateFrames = 0.001
	closeness  = 1.06 // of the answer
)

// carried looks for the most calls that the machine carries, with the server on it, between a number that it carries and one
// that it does not.
func carried(ctx context.Context, o options, m module, c cell) (best row, err error) {
	low, high := 0, 0
	for try := 100; high == 0 || float64(high) > closeness*float64(low); {
		c.calls = try
		r, err := measure(ctx, o, m, c)
		if err != nil && !errors.Is(err, context.DeadlineExceeded) { // so late that they cannot even be connected
			return r, err
		}
		fmt.Fprintf(os.Stderr, "%s, %s, %s: %d calls leave %.0f %% of the machine idle, %.2f %% of the frames late\n",
			m.name, c.scenario, c.scheme, try, 100*r.Idle, 100*r.Late)
		if err == nil && r.Idle >= leftIdle && r.Late <= lateFrames {
			low, best = try, r
		} else {
			high = try
		}
		switch {
		case high == 0: // as far as the idle part leads, and a little further
			try = int(float64(try) * min(1.5, (1-leftIdle)/(1-r.Idle)*1.03+0.03))
		case low == 0:
			try = try / 2
		default:
			try = (low + high) / 2
		}
		if try == 0 {
			return r, fmt.Errorf("not one call is carried")
		}
	}
	best.Carried = true
	return best, nil
}
