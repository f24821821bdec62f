package transport_test

import (
	"slices"
	"testing"
	"time"

	"mod_openai_audio_stream/module/transport"
)

// waits are the first n waits of b, without a Retry-After.
func waits(t *testing.T, b *transport.Backoff, n int) (all []time.Duration) {
	t.Helper()
	for range n {
		wait, ok := b.Next(0)
		if !ok {
			t.Fatalf("the attempts ran out after %d", len(all))
		}
		all = append(all, wait)
	}
	return all
}

func constant(x float64) func() float64 { return func() float64 { return x } }

const ms = time.Millisecond

func TestBackoffGrowsToItsCap(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name    string
		backoff transport.Backoff
		want    []time.Duration
	}{
		{
			"shortest waits", transport.Backoff{Start: 100 * ms, Cap: time.Second, Factor: 2, Rand: constant(0)},
			[]time.Duration{50 * ms, 100 * ms, 200 * ms, 400 * ms, 500 * ms, 500 * ms},
		},
		{
			"longest waits", transport.Backoff{Start: 100 * ms, Cap: time.Second, Factor: 2, Rand: constant(1)},
			[]time.Duration{100 * ms, 200 * ms, 400 * ms, 800 * ms, time.Second, time.Second},
		},
		{
			"defaults", transport.Backoff{Rand: constant(1)},
			[]time.Duration{100 * ms, 150 * ms, 225 * ms},
		},
		{
			"start beyond the cap", transport.Backoff{Start: time.Minute, Cap: time.Second, Rand: constant(1)},
			[]time.Duration{time.Second, time.Second},
		},
		{
			"factor below one", transport.Backoff{Start: 100 * ms, Factor: 0.5, Rand: constant(1)},
			[]time.Duration{100 * ms, 150 * ms},
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			if got := waits(t, &tc.backoff, len(tc.want)); !slices.Equal(got, tc.want) {
				t.Errorf("got %v, want %v", got, tc.want)
			}
		})
	}
}

func TestBackoffStaysAtItsDefaultCap(t *testing.T) {
	t.Parallel()
	all := waits(t, &transport.Backoff{Rand: constant(1)}, 10_000)
	if last := all[len(all)-1]; last != transport.DefaultBackoffCap || slices.Max(all) != last || !slices.IsSorted(all) {
		t.Errorf("the last wait is %v, the longest %v", last, slices.Max(all))
	}
}

func TestBackoffRunsOutAndStartsAgain(t *testing.T) {
	t.Parallel()
	b := transport.Backoff{MaxAttempts: 3, Rand: constant(1)}
	first := waits(t, &b, 3)
	if wait, ok := b.Next(time.Second); ok || wait != 0 {
		t.Errorf("a fourth attempt after %v", wait)
	}
	b.Reset()
	if again := waits(t, &b, 3); !slices.Equal(again, first) {
		t.Errorf("after Reset %v, before %v", again, first)
	}
}

func TestBackoffNeverComesBeforeRetryAfter(t *testing.T) {
	t.Parallel()
	for _, random := range []float64{0, 0.5, 0.999} {
		b := transport.Backoff{Start: 100 * ms, Rand: constant(random)}
		got, ok := b.Next(7 * time.Second)
		if want := 7*time.Second + time.Duration(random*float64(50*ms)); !ok || got != want {
			t.Errorf("at %v: got %v, want %v", random, got, want)
		}
		if got, _ := b.Next(ms); got < 75*ms {
			t.Errorf("a Retry-After shorter than the wait made it %v", got)
		}
	}
}

func TestBackoffSpreadsCallsThatFailTogether(t *testing.T) {
	t.Parallel()
	different := map[time.Duration]bool{}
	for range 100 {
		var b transport.Backoff
		wait, _ := b.Next(0)
		if wait < 50*ms || wait > 100*ms {
			t.Errorf("got %v", wait)
		}
		different[wait] = true
	}
	if len(different) < 90 {
		t.Errorf("100 calls wait %d different times", len(different))
	}
}
