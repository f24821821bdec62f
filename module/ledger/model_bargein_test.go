package ledger

import (
	"math/rand/v2"
	"slices"
	"time"
)

// When the caller of a random schedule interrupts, by what the world knows of the voice and of what is to be heard.

func randomBargeIn(rng *rand.Rand) BargeIn {
	b := []BargeIn{{}, {}, {Off: true}, {Min: time.Second}, {Confirm: 300 * time.Millisecond}, {Resume: 500 * time.Millisecond},
		{Resume: 500 * time.Millisecond, Answers: true}, {Min: time.Second, Resume: 300 * time.Millisecond, Answers: true},
		{Min: time.Second, Confirm: 200 * time.Millisecond, Resume: 400 * time.Millisecond}}[rng.IntN(9)]
	if rng.IntN(4) == 0 {
		b.Greeting = time.Second
	}
	return b
}

// voice is the caller's own, as a detector has it, and what the ledger has to make of it.
type voice struct {
	lasted, former, longest time.Duration
	formerAt                time.Time
	quiet                   int // steps since it was heard
	length                  time.Duration
	open, early, paused     bool
	over                    bool
}

const lapse = 10 // steps

// step lets the detector hear 20 ms.
func (v *voice) step(speaking bool, now time.Time) {
	v.length += frame
	if speaking {
		if v.lasted == 0 {
			v.length = frame
		}
		v.lasted, v.quiet = v.length, 0
		return
	}
	if v.quiet++; v.quiet == lapse && v.lasted > 0 {
		v.former, v.formerAt, v.lasted = v.lasted, now, 0
	}
}

// interruptible reports whether there is something that the caller may silence. Where the server does not say what
// responses there are, the ledger's guess is as good as the world's.
func (w *world) interruptible() bool {
	if !w.plain() {
		return w.l.interruptible()
	}
	q := w.l.requests.asked
	return slices.ContainsFunc(slices.Concat(w.player.flushing, w.player.answers), func(a *played) bool {
		return a.unheard() > 0 && !w.discarded[a.response]
	}) || w.running != nil && w.l.connected && !w.silenced[w.running] || q != nil && w.creations[q.eventID].turn && !q.cancelled
}

func (w *world) unheard() bool {
	return slices.ContainsFunc(slices.Concat(w.player.flushing, w.player.answers), func(a *played) bool { return a.unheard() > 0 })
}

func (w *world) tooEarly() bool {
	w.voice.early = w.voice.early && w.spoken() < w.barge.Min
	return w.voice.early || w.l.greets()
}

// wonders opens the question whether the caller interrupts.
func (w *world) wonders() {
	v := &w.voice
	if v.longest = v.lasted; v.lasted == 0 && w.now.Sub(v.formerAt) < lateWord {
		v.longest = v.former
	}
	v.open = !w.barge.Off && w.interruptible()
	v.early = w.unheard() && w.spoken() < w.barge.Min
	v.over = v.open
}

// interrupts reports whether a voice of this length does, now that it is in question, and pauses the answer if not yet.
func (w *world) interrupts(lasted time.Duration) bool {
	v, b := &w.voice, &w.barge
	switch {
	case !v.open && !v.paused, v.paused && lasted <= b.Resume, !v.paused && b.byVoice() && (lasted == 0 || lasted < b.Confirm):
		return false
	case w.tooEarly():
		return false
	case b.byVoice() && lasted <= b.Resume:
		v.paused = v.lasted > 0
		return false
	}
	v.open, v.paused, v.over = false, false, false
	return true
}

// expectSpeech is what has to come of the server's word that the caller speaks.
func (w *world) expectSpeech() (check func()) {
	w.look()
	w.wonders()
	lasted := w.voice.lasted
	if lasted == 0 {
		lasted = w.voice.longest
	}
	return w.expectSilence(w.interrupts(lasted), false)
}

// expectVoice is what has to come of the caller's voice.
func (w *world) expectVoice() (check func()) {
	w.look()
	v := &w.voice
	began := v.lasted == 0
	v.step(w.speaking, w.now)
	v.longest = max(v.longest, v.lasted)
	if w.deaf && w.barge.byVoice() && began && v.lasted > 0 && w.l.detection.None {
		w.wonders()
	}
	may := v.lasted > 0 && w.interrupts(v.lasted)
	v.paused = v.paused && v.lasted > 0
	return w.expectSilence(may, false)
}

// expectAnswer is what has to come of the end of the caller's turn.
func (w *world) expectAnswer() (check func()) {
	v, l := &w.voice, w.l
	murmur := v.over && v.longest > 0 && v.longest <= w.barge.Resume && l.left() >= lastWords
	v.open, v.paused, v.over, v.former = false, false, false, 0
	w.turnDue = w.turnDue || l.barge.Answers && !murmur && !l.detection.Creates
	return func() {
		if w.l.AnswerDue(w.now) != w.l.detection.Creates {
			w.fail("the server's answer is due %v", !w.l.detection.Creates)
		}
	}
}

// checkPause holds whatever the server is like.
func (w *world) checkPause() {
	switch on := w.l.Paused(); {
	case on && (w.voice.lasted == 0 || w.voice.lasted > w.barge.Resume && !w.l.greets()):
		w.fail("paused at a voice of %v", w.voice.lasted)
	case on != w.voice.paused && w.plain() && !w.everMuted:
		w.fail("paused %v at a voice of %v", on, w.voice.lasted)
	}
}
