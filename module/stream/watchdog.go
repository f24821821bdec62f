package stream

import "time"

// watchdog waits for the model's first audio, as long as it may take. It is the stream's owner's.
type watchdog struct {
	limit time.Duration // 0: for ever
}

// watchDo is what is to be done.
type watchDo int

const (
	watchOn    watchDo = iota
	watchRetry         // ask once more
	watchFail          // the model says nothing any more
)

// look returns what is to be done about an answer whose audio is awaited since a time, zero for none, and when to look again.
// retried: it was asked for again.
func (w watchdog) look(since time.Time, retried bool, now time.Time) (do watchDo, next time.Time) {
	if w.limit == 0 || since.IsZero() {
		return watchOn, time.Time{}
	}
	if at := since.Add(w.limit); now.Before(at) {
		return watchOn, at
	}
	if retried {
		return watchFail, time.Time{}
	}
	return watchRetry, time.Time{}
}
