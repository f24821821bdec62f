package transport

import (
	"math/rand/v2"
	"time"
)

// Backoff says how long to wait before the next attempt: exponentially longer, with jitter, so that a hundred calls
// that lose their server together do not return together. The zero value is usable. Not for concurrent use.
type Backoff struct {
	Start       time.Duration // the first wait; default 100 ms
	Cap         time.Duration // the longest; default 5 s
	MaxAttempts int           // attempts in a row; 0 = no limit

	// Rand returns a number in [0, 1); nil = math/rand.
	Rand func() float64

	attempts int
}

// Next is the wait before the next attempt, and false when the attempts have run out. The server's Retry-After is kept
// to. The wait is drawn from the upper half of the step.
func (b *Backoff) Next(retryAfter time.Duration) (time.Duration, bool) {
	if b.MaxAttempts > 0 && b.attempts >= b.MaxAttempts {
		return 0, false
	}
	start, most := b.Start, b.Cap
	if start <= 0 {
		start = 100 * time.Millisecond
	}
	if most <= 0 {
		most = 5 * time.Second
	}
	step := most
	if b.attempts < 30 {
		step = min(start<<b.attempts, most)
	}
	b.attempts++
	random := rand.Float64
	if b.Rand != nil {
		random = b.Rand
	}
	wait := step/2 + time.Duration(random()*float64(step)/2)
	return max(wait, retryAfter), true
}

// Reset starts again with the first wait.
func (b *Backoff) Reset() { b.attempts = 0 }
