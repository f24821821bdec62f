package ledger

import (
	"math/rand/v2"
	"time"
)

// What is awaited in a random schedule: a server that says nothing, somebody who watches for that, and requests that are
// taken back.

// waits are what the world knows of that.
type waits struct {
	patience time.Duration   // with an answer of which nothing comes; 0: endless
	again    bool            // what was given up is to be asked for once more
	retried  map[string]bool // requests that were
	toCancel map[string]bool // responses that are to be cancelled at once
	unclear  bool            // an error without an id may be about a request that was given up
}

// randomWaits has somebody watch where there is need, and now and then where there is none.
func randomWaits(rng *rand.Rand, hangs bool) waits {
	w := waits{retried: map[string]bool{}, toCancel: map[string]bool{}}
	if hangs || rng.IntN(4) == 0 {
		w.patience = (4*maxLatency + time.Duration(rng.IntN(100))) * frame // longer than any server needs that works
	}
	return w
}

// The server.

func (s *server) passesOver() bool {
	return s.w.hangs && !s.w.draining && s.w.rng.IntN(20) == 0
}

func (s *server) hangsOn() bool {
	return s.w.hangs && !s.w.draining && s.w.rng.IntN(12) == 0
}

// cancelled has a response cancelled, which may take its time where it hangs.
func (s *server) cancelled(r *sResponse) {
	switch {
	case !r.hung || s.w.rng.IntN(2) == 0:
		s.cancel(r)
	case !r.cancelled:
		r.cancelled = true
		s.w.later(s.w.rng.IntN(int(2*maxCancel/frame)), func() {
			if s.w.server == s && s.w.up && !r.over {
				s.cancel(r)
			}
		})
	}
}

// The client.

// watch gives up what is awaited for too long: it is asked for once more, and then not any more.
func (w *world) watch() {
	since, retried := w.l.AwaitedSince()
	if w.patience == 0 || since.IsZero() || w.now.Sub(since) < w.patience {
		return
	}
	w.note("given up, again %v", retried)
	q, running := w.l.requests.unanswered(), w.l.responses.running
	if running != nil {
		q = running.request
	}
	if r := w.running; r != nil && running != nil && w.plain() {
		if r.came || w.silenced[r] || r.seenOver {
			w.fail("%s is given up although it speaks, or will not", r.id)
		}
		w.discarded[r], w.silenced[r], w.toCancel[r.id] = true, true, true
	}
	var c *creation
	if q != nil {
		c = w.creations[q.eventID]
		c.doubtful, c.excused = true, c.excused || retried
		if c.again = 1; retried {
			c.again = 0
		} else if c.fate == "active" && !c.answered {
			c.again = 2 // the one under way may be answered, and cancelled
		}
		w.unclear = w.unclear || !c.answered && !w.errorIDs
	}
	if retried {
		w.apply(w.l.Drop(w.now))
	} else {
		w.again, w.owed = true, w.owed || c == nil
		w.apply(w.l.Retry(w.now))
		w.retriedOnce()
	}
	w.checkCancelled()
	if now, _ := w.l.AwaitedSince(); w.plain() && !w.unclear && !now.IsZero() && !now.After(since) {
		w.fail("it is still awaited")
	}
}

// retriedOnce notes which request was made again.
func (w *world) retriedOnce() {
	q := w.l.requests.asked
	if q == nil {
		q = w.l.requests.waiting[0]
	}
	if w.retried[q.eventID] && w.plain() {
		w.fail("%s is asked for a third time", q.eventID)
	}
	w.retried[q.eventID] = true
}

// passedOver excuses the requests for whose answer this response is taken.
func (w *world) passedOver(r *sResponse) {
	for _, c := range w.order {
		if c.fate == "passed over" && c != r.request && c.aside == r.aside {
			c.excused = true
		}
	}
}

// forgo takes back a request out of band.
func (w *world) forgo(c *creation) {
	w.note("forgo %s", c.id)
	c.forgone, c.excused = c.forgone || c.begun == nil || !c.begun.came, true
	if r := c.begun; r != nil && c.answered && w.up && r.connection == w.connects {
		w.seenAside(r)
	}
	w.apply(w.l.Forgo(c.id, w.now))
	w.checkCancelled()
}

// seenAside notes what has to become of a response out of band that is known by now.
func (w *world) seenAside(r *sResponse) {
	if c := r.request; c.forgone && !r.came && !r.seenOver && !w.discarded[r] {
		w.discarded[r], w.toCancel[r.id] = true, true
	}
}

// goesOnSpeaking notes that the caller has not said everything yet: the answer comes when that is so.
func (w *world) goesOnSpeaking() {
	w.turnDue, w.again = false, false
	for _, r := range w.l.requests.waiting {
		if c := w.creations[r.eventID]; c != nil && c.turn {
			c.turn, c.excused = false, c.excused || !c.goOn
		}
	}
}

func (w *world) checkCancelled() {
	for id := range w.toCancel {
		if w.plain() && w.up && w.l.connected {
			w.fail("%s is not cancelled", id)
		}
	}
}

// checkAwaited holds after every step.
func (w *world) checkAwaitedSince() {
	if since, _ := w.l.AwaitedSince(); !since.IsZero() && w.l.requests.expired == nil && !w.l.Awaiting(w.now) {
		w.fail("audio is awaited since %v, and no answer is", since)
	}
}

// checkAwaitEnd holds when everything has come to its end.
func (w *world) checkAwaitEnd() {
	for _, c := range w.order {
		if c.fate == "passed over" && !w.errorIDs {
			c.excused = true // any error may have been about it
		}
	}
	switch {
	case !w.plain():
	case w.turnDue && !w.forgets:
		w.fail("nobody answers the caller")
	case w.again:
		w.fail("what was given up was not asked for once more")
	case w.server.running != nil:
		w.fail("%s runs, and nobody waits for it", w.server.running.id)
	}
}
