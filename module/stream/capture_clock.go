package stream

import "time"

const (
	// A clockStep is by how much the times of a captureClock may be wrong to need no anchor of their own.
	clockStep = 20 * time.Millisecond
	// Frames that have come later than the audio before them says, for so long, followed others that were lost.
	clockLate = 200 * time.Millisecond
	// A server may tell of audio a little after what it was sent: it counts in frames of its own.
	clockBeyond = 100 * time.Millisecond
	// maxAnchors bounds what is remembered: the oldest goes first.
	maxAnchors = 32
)

// anchor is a sample of the caller's audio and the time at which it was captured.
type anchor struct {
	at   int64 // the sample's number
	when time.Time
}

// piece says where the samples from a number on are in what the server was sent.
type piece struct {
	position int64 // of the first one, in samples since the server's session began
	at       int64 // its number
}

// captureClock knows when the caller's audio was captured. It numbers the samples as they are put in line for the
// server, whether they are sent or dropped later.
//
// Frames that follow each other without a break make a run, in which the time goes as the samples do. A frame may come
// late but not early. So each frame says of its run: it has begun so long ago at least, and the one that came soonest is
// right. A run has an anchor. It is taken away when the next run begins if the line of the one before it says the same.
type captureClock struct {
	rateHz int
	first  int64 // number of the first sample that waits to be sent

	anchors []anchor // oldest first
	broken  bool     // the next frame begins a run
	// The frames since late.at have all been late, in the run's time. When they go on, they are a run of their own.
	late      anchor
	lateSince time.Time // zero: the last frame was in time

	pieces []piece // oldest first
	sent   int64   // samples since the server's session began

	voiceAt   int64     // number after the last sample with voice
	voiceSeen time.Time // the time of it when it came; zero: none has
}

// length is the time that n samples take.
func (k *captureClock) length(n int64) time.Duration {
	hz := int64(k.rateHz)
	return time.Duration(n/hz)*time.Second + time.Duration(n%hz)*time.Second/time.Duration(hz)
}

// frame notes that the samples [from, to) of a frame have come.
func (k *captureClock) frame(from, to int64, now time.Time) {
	if k.broken || len(k.anchors) == 0 {
		k.begin(anchor{from, now.Add(-k.length(to - from))})
		k.broken = false
		return
	}
	run := &k.anchors[len(k.anchors)-1]
	begun := now.Add(-k.length(to - run.at))
	switch {
	case begun.Before(run.when):
		run.when = begun
		k.lateSince = time.Time{}
	case begun.Sub(run.when) <= clockStep:
		k.lateSince = time.Time{}
	case k.lateSince.IsZero():
		k.late, k.lateSince = anchor{from, now.Add(-k.length(to - from))}, now
	case now.Sub(k.lateSince) >= clockLate:
		k.begin(k.late)
		k.frame(from, to, now)
	}
}

// silence notes that the samples [from, to) stand for time without frames, up to until.
func (k *captureClock) silence(from, to int64, until time.Time) {
	off := clockStep + 1
	if n := len(k.anchors); n > 0 {
		off = until.Sub(k.anchors[n-1].when.Add(k.length(to - k.anchors[n-1].at))).Abs()
	}
	if off > clockStep {
		k.begin(anchor{from, until.Add(-k.length(to - from))})
	}
	k.breakRun()
}

// breakRun says that what comes next does not follow what came last.
func (k *captureClock) breakRun() {
	k.broken, k.lateSince = true, time.Time{}
}

// begin adds an anchor.
func (k *captureClock) begin(a anchor) {
	k.lateSince = time.Time{}
	if n := len(k.anchors); n > 1 {
		before, last := k.anchors[n-2], k.anchors[n-1]
		if last.when.Sub(before.when.Add(k.length(last.at-before.at))).Abs() <= clockStep {
			k.anchors = k.anchors[:n-1]
		}
	}
	for n := len(k.anchors); n > 0 && k.anchors[n-1].at >= a.at; n-- {
		k.anchors = k.anchors[:n-1] // nothing is left of that run
	}
	k.anchors = appendBounded(k.anchors, a)
}

func appendBounded[T any](list []T, v T) []T {
	if len(list) == maxAnchors {
		list = append(list[:0], list[1:]...)
	}
	return append(list, v)
}

// removed notes that n samples of silence from at on have been taken out of the line. What follows has moved up.
func (k *captureClock) removed(at, n int64) {
	move := func(number *int64) {
		if *number > at {
			*number = max(*number-n, at)
		}
	}
	for i := range k.anchors {
		move(&k.anchors[i].at)
	}
	move(&k.late.at)
	move(&k.voiceAt)
}

// take notes that n samples have left the line, to the server or not.
func (k *captureClock) take(n int64, toServer bool) {
	k.first += n
	if toServer {
		k.sent += n
	} else {
		k.place()
	}
}

// lead notes that n samples of silence have been put in front of what waits.
func (k *captureClock) lead(n int64) {
	k.first -= n
	k.place()
}

// place notes where the next sample that is sent will be.
func (k *captureClock) place() {
	p := piece{k.sent, k.first}
	if n := len(k.pieces); n > 0 && k.pieces[n-1].position == p.position {
		k.pieces[n-1] = p
		return
	}
	k.pieces = appendBounded(k.pieces, p)
}

// restart begins a session of the server's, to which nothing has been sent.
func (k *captureClock) restart() {
	k.sent, k.pieces = 0, k.pieces[:0]
	k.place()
}

// numberTime is when the sample of this number was captured; false if that is forgotten.
func (k *captureClock) numberTime(number int64) (time.Time, bool) {
	for i := len(k.anchors) - 1; i >= 0; i-- {
		if a := k.anchors[i]; a.at <= number {
			return a.when.Add(k.length(number - a.at)), true
		}
	}
	return time.Time{}, false
}

// at is when the sample was captured that is so many ms into what the server was sent in its present session.
func (k *captureClock) at(ms int64) (time.Time, bool) {
	if ms < 0 || ms > (k.length(k.sent)+clockBeyond).Milliseconds() {
		return time.Time{}, false
	}
	position := ms * int64(k.rateHz) / 1000
	for i := len(k.pieces) - 1; i >= 0; i-- {
		if p := k.pieces[i]; p.position <= position {
			return k.numberTime(p.at + position - p.position)
		}
	}
	return time.Time{}, false
}

// voice notes that there is voice in the audio up to a sample, the last one that has come.
func (k *captureClock) voice(to int64) {
	k.voiceAt = to
	k.voiceSeen, _ = k.numberTime(to)
}

// voiceEnd is when the last voice ended; zero if there was none.
func (k *captureClock) voiceEnd() time.Time {
	// By the last sample with voice: at the one after it another run may have begun.
	if last, ok := k.numberTime(k.voiceAt - 1); ok && !k.voiceSeen.IsZero() {
		return last.Add(k.length(1))
	}
	return k.voiceSeen
}

// setRate counts in samples at another rate from now on.
func (k *captureClock) setRate(hz int) {
	scale := func(n *int64) { *n = rescale(*n, k.rateHz, hz) }
	for i := range k.anchors {
		scale(&k.anchors[i].at)
	}
	for i := range k.pieces {
		scale(&k.pieces[i].position)
		scale(&k.pieces[i].at)
	}
	for _, n := range []*int64{&k.first, &k.late.at, &k.sent, &k.voiceAt} {
		scale(n)
	}
	k.rateHz = hz
}

// rescale is how many samples at one rate last as long as n at another, rounded to the nearest.
func rescale(n int64, from, to int) int64 {
	whole, rest := n/int64(from), n%int64(from)
	return whole*int64(to) + (rest*int64(to)+int64(from)/2)/int64(from)
}
