package stream

import (
	"slices"
	"strings"
	"time"
)

// What the caller hears while something is awaited: a function that runs, or an answer that takes its time. A wait lasts from
// the first of these to the first audio of the model's, or until nothing is awaited any more. In a wait there is one filler at
// most, so that it is not begun again by each of several functions.

// fill is what is heard, and after how much silence.
type fill struct {
	what  string // a sound, which is repeated, or say: and a text; "" if nothing
	after time.Duration
}

// sayPrefix begins a fill that the model speaks.
const sayPrefix = "say:"

// running is a function that runs.
type running struct {
	id    string
	since time.Time
	fill  fill
}

// filler decides when a filler begins and ends.
type filler struct {
	slow      fill // where the functions have none of their own
	functions []running

	waitAt  time.Time // when the wait began; zero: nothing is awaited
	quietAt time.Time // since when nobody is heard; zero: somebody is
	dueAt   time.Time // when the filler is to begin; zero: nothing is due
	filled  fill      // what has begun in this wait
}

// functionRuns tells that a function of ours has begun, what fills the time if it lasts, and after how much.
func (f *filler) functionRuns(id, what string, after time.Duration, now time.Time) {
	f.functions = append(f.functions, running{id, now, fill{what, after}})
}

// functionEnds tells that it has ended. What is asked for with its output is to be known to the ledger in the same turn of the
// stream's owner, or the wait ends here.
func (f *filler) functionEnds(id string) {
	f.functions = slices.DeleteFunc(f.functions, func(r running) bool { return r.id == id })
}

// silence is what a filler depends on.
type silence struct {
	awaited bool // an answer is due of which no audio has come
	quiet   bool // neither the caller nor anything of the agent's is heard, and a filler would be
	canSay  bool // the server can be asked for a filler that is spoken
}

// fillerStep is what is to be done.
type fillerStep struct {
	end   fill // this filler: the wait is over; zero: none
	begin fill // this one; zero: none
}

// tick takes what is true now. When dueAt has come, it is to be called again.
func (f *filler) tick(is silence, now time.Time) (do fillerStep) {
	f.dueAt = time.Time{}
	if !is.awaited && len(f.functions) == 0 {
		do.end = f.filled
		f.waitAt, f.quietAt, f.filled = time.Time{}, time.Time{}, fill{}
		return do
	}
	if f.waitAt.IsZero() {
		f.waitAt = now
	}
	if !is.quiet {
		f.quietAt = time.Time{}
		return do
	}
	if f.quietAt.IsZero() {
		f.quietAt = now
	}
	next, since := f.next()
	if f.filled.what != "" || next.what == "" || next.says() && (!is.canSay || next.text() == "") {
		return do
	}
	if at := later(since, f.quietAt).Add(next.after); now.Before(at) {
		f.dueAt = at
		return do
	}
	f.filled = next
	do.begin = next
	return do
}

// next is what would fill the wait, and since when it has been awaited: the first function's that has something, or else what
// there is for any answer.
func (f *filler) next() (fill, time.Time) {
	for _, r := range f.functions {
		if r.fill.what != "" {
			return r.fill, r.since
		}
	}
	return f.slow, f.waitAt
}

func (f fill) says() bool { return strings.HasPrefix(f.what, sayPrefix) }

// text is what a fill that is spoken says.
func (f fill) text() string { return strings.TrimSpace(strings.TrimPrefix(f.what, sayPrefix)) }

// later is the later one of two times.
func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
