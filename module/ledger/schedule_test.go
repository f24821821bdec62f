package ledger

import (
	"os"
	"strconv"
	"strings"
	"testing"
)

const stepsOfASchedule = 2000

// logged is how much of a schedule a failure shows.
var logged = number("OAS_LEDGER_LOG", 80)

// Whatever server, client, caller and network do, the ledger keeps its promises. OAS_LEDGER_STEPS is how many steps of
// 20 ms are tried, OAS_LEDGER_SEED the first seed.
func TestRandomSchedules(t *testing.T) {
	steps, seed := number("OAS_LEDGER_STEPS", 40_000), number("OAS_LEDGER_SEED", 1)
	for ; steps > 0; steps -= stepsOfASchedule {
		w := newWorld(uint64(seed))
		w.run()
		if w.said != "" {
			t.Fatalf("%s\nseed %d, step %d, %+v\n%s", w.said, seed, w.step, w.traits, strings.Join(w.log, "\n"))
		}
		seed++
	}
}

func number(name string, standard int) int {
	if n, err := strconv.Atoi(os.Getenv(name)); err == nil {
		return n
	}
	return standard
}

// run tries one schedule, and lets everything come to its end.
func (w *world) run() {
	for w.step < stepsOfASchedule && w.said == "" {
		w.oneStep()
	}
	w.draining = true
	if w.speaking {
		w.speaking = false
		if w.up {
			w.server.speech(false)
		}
	}
	if !w.up {
		w.connect()
	}
	for n := 0; n < 6000 && w.said == "" && !w.drained(); n++ {
		w.oneStep()
	}
	for n := 0; n < 4000 && w.said == "" && !(n > 1000 && w.plain()); n++ {
		w.oneStep()
	}
	if w.said == "" {
		w.checkEnd()
	}
}

// drained reports whether nothing is under way any more.
func (w *world) drained() bool {
	return len(w.down)+len(w.back)+len(w.player.answers) == 0 && w.player.flushing == nil && w.server.running == nil &&
		len(w.server.asides) == 0 && w.l.Quiet(w.now)
}

// check holds after every step.
func (w *world) check() {
	for _, r := range w.l.responses.all {
		for _, p := range r.parts {
			if p.played > p.queued || p.queued > p.generated {
				w.fail("%s: %v played of %v queued of %v", r.key, p.played, p.queued, p.generated)
			}
		}
	}
	if q := &w.l.requests; len(q.waiting) > maxWaiting+2 || len(q.asides) > maxWaiting {
		w.fail("%d and %d requests wait", len(q.waiting), len(q.asides))
	}
	w.checkAwaitedSince()
	w.forgets = w.forgets || len(w.l.items.all) == maxItems
	w.checkCalls()
}

// checkEnd holds when everything has come to its end.
func (w *world) checkEnd() {
	q := &w.l.requests
	if q.asked != nil || len(q.waiting) > 0 || len(q.asides) > 0 {
		w.fail("requests are left: %v asked, %d waiting, %d aside", q.asked != nil, len(q.waiting), len(q.asides))
	}
	if !w.l.Quiet(w.now) {
		w.fail("it is not quiet")
	}
	for _, c := range w.order {
		if w.plain() && c.fate != "started" && c.fate != "refused" && !c.excused {
			w.fail("%s has come to nothing: %q", c.id, c.fate)
		}
	}
	w.checkCallsEnd()
	w.checkAwaitEnd()
	w.apply(w.l.End(w.now))
	if n := w.l.Totals().Turns; n != w.turns {
		w.fail("%d turns in the totals, %d were reported", n, w.turns)
	}
	for id, n := range w.pairs {
		if id != "" && (n == 0) != (w.turned[id] == 0) || w.speech[id] != 0 {
			w.fail("%s: speech began %d times, %d turns", id, n, w.turned[id])
		}
	}
	if n := w.l.Totals().Interruptions; n != w.interruptions && w.plain() {
		w.fail("%d interruptions, want %d", n, w.interruptions)
	}
	for _, i := range w.server.items {
		if w.plain() && !w.everMuted && i.plan > 0 && !i.deleted && !i.aside {
			if off := i.believed - i.taken; off < 0 || off > wholeWithin {
				w.fail("the server believes that %v of %s were heard, and it were %v", i.believed, i.id, i.taken)
			}
		}
	}
}
