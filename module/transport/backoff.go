package transport

import (
	"math/rand/v2"
	"time"
)

// What the zero fields of Backoff stand for. The factor is small on purpose: the wait before an attempt is about half of
// the time already lost, so a server that is back after two seconds is found within one more.
const (
	DefaultBackoffStart  = 100 * time.Millisecond
	DefaultBackoffCap    = 3 * time.Second
	DefaultBackoffFactor = 1.5
)

// Backoff says how long to wait before the next attempt: exponentially longer, with jitter, so that a hundred calls that
// lose their server together do not return together. The zero value works. Not for concurrent use.
type Backoff struct {
	Start       time.Duration // the first step
	Cap         time.Duration // the longest step
	Factor      float64       // from one step to the next, at least 1
	MaxAttempts int           // attempts in a row; 0 = no limit

	// Rand returns a number in [0, 1); nil = math/rand.
	Rand func() float64

	attempts int
	step     time.Duration // 0 before the first attempt
}

// Next returns the wait before the next attempt: half of the step, and a random part of the other half. It returns false
// when no attempts are left. After a Retry-After (0 if there was none) the wait is that and the random part, so that no
// call comes too early and not all come at once.
func (b *Backoff) Next(retryAfter time.Duration) (time.Duration, bool) {
	if b.MaxAttempts > 0 && b.attempts >= b.MaxAttempts {
		return 0, false
	}
	b.attempts++
	longest := b.Cap
	if longest <= 0 {
		longest = DefaultBackoffCap
	}
	b.step = b.next(longest)
	random := rand.Float64
	if b.Rand != nil {
		random = b.Rand
	}
	part := time.Duration(random() * float64(b.step) / 2)
	return max(b.step/2, retryAfter) + part, true
}

// next is the step after b.step, no longer than longest.
func (b *Backoff) next(longest time.Duration) time.Duration {
	if b.step == 0 {
		if b.Start <= 0 {
			return min(DefaultBackoffStart, longest)
		}
		return min(b.Start, longest)
	}
	factor := b.Factor
	if factor < 1 {
		factor = DefaultBackoffFactor
	}
	longer := float64(b.step) * factor
	if longer >= float64(longest) { // before the conversion, which could overflow
		return longest
	}
	return time.Duration(longer)
}

// Reset starts again with the first step and the first attempt.
func (b *Backoff) Reset() { b.attempts, b.step = 0, 0 }
