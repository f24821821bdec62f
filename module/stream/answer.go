package stream

import "mod_openai_audio_stream/module/ledger"

// answer is one response of the model as the caller hears it: a row of source samples, each of which was heard, is in
// the ring, or waits. 0 <= heard <= fed <= received. What a resampler holds back counts as fed.
//
// A sound of ours is one, too, of no response (local.go).
type answer struct {
	responseID string // "" of a sound
	local      bool   // it is a sound
	sourceHz   int
	parts      []*part

	open    bool // more audio is about to come
	done    bool // no more audio will come
	passed  bool // all of it is in the ring, and the next answer is being fed
	started bool // its start has been reported
	flowing bool // the resampler holds its end back

	heard    int64
	fed      int64
	received int64

	reel reel
	rows []row // whose the samples from heard on are

	// Ring samples [from, end) are the source samples from fromSource on.
	from, end  uint64
	fromSource int64
	ringHz     int

	underruns uint64 // the stream's count when it began, or was last cushioned
}

// part is the audio of one content part of one item: the unit of truncation. Its numbers are in source samples.
type part struct {
	itemID       string
	contentIndex int
	received     int64
	heard        int64
}

// row is a number of samples in a row that are of one part.
type row struct {
	part *part
	n    int64
}

// append adds audio, to be kept at keepHz. It reports false if there are too many parts.
func (a *answer) append(itemID string, contentIndex int, pcm []int16, keepHz int) bool {
	g := a.part(itemID, contentIndex)
	if g == nil {
		return false
	}
	a.open = true
	n := int64(len(pcm))
	a.reel.write(pcm, a.received, keepHz)
	a.received += n
	g.received += n
	if k := len(a.rows); k > 0 && a.rows[k-1].part == g {
		a.rows[k-1].n += n
		return true
	}
	a.rows = append(a.rows, row{g, n})
	return true
}

func (a *answer) part(itemID string, contentIndex int) *part {
	for i := len(a.parts) - 1; i >= 0; i-- {
		if g := a.parts[i]; g.itemID == itemID && g.contentIndex == contentIndex {
			return g
		}
	}
	if len(a.parts) == maxParts {
		return nil
	}
	g := &part{itemID: itemID, contentIndex: contentIndex}
	a.parts = append(a.parts, g)
	return g
}

// unfed is how much of the answer waits.
func (a *answer) unfed() int64 { return a.received - a.fed }

// waits is unfed for an answer of the model's, whose audio is limited and counted.
func (a *answer) waits() int64 {
	if a.local {
		return 0
	}
	return a.unfed()
}

// unheard reports whether more of the answer is to be heard than lies before a ring position, or is about to come.
func (a *answer) unheard(pos uint64) bool {
	return a.open || a.flowing || a.heardAt(pos) < a.received
}

// next is audio to be fed, as it lies in memory, and its rate; nil if none can be fed now.
func (a *answer) next() (pcm []int16, hz int) {
	pcm, hz = a.reel.next()
	if len(pcm) == 0 && a.reel.held && !a.open {
		a.reel.end()
		if a.flowing { // else fed is where the ring goes on
			a.fed = a.reel.place(a.received)
		}
		pcm, hz = a.reel.next()
	}
	if len(pcm) == 0 {
		return nil, 0
	}
	return pcm, hz
}

// feed notes that n samples of next have been fed.
func (a *answer) feed(n int) {
	a.reel.read(n)
	a.fed = a.reel.place(a.received)
}

// refeed takes back what was fed and not heard.
func (a *answer) refeed() {
	if a.heard < a.received {
		a.passed = false
	}
	a.reel.seek(a.heard)
	a.fed = a.heard
	a.flowing = false
}

// heardAt is how much of the answer lies before a ring position. The resampler's output at position k stands at the
// instant of its input at the same time, so that its delay is of no account.
func (a *answer) heardAt(pos uint64) int64 {
	if a.heard == a.fed || pos <= a.from {
		return a.heard
	}
	if pos >= a.end && !a.flowing {
		return a.fed
	}
	n := a.fromSource + int64(pos-a.from)*int64(a.sourceHz)/int64(a.ringHz)
	return max(a.heard, min(n, a.fed))
}

// begun reports whether any sample of the answer lies before a ring position.
func (a *answer) begun(pos uint64) bool {
	return a.started || a.heard > 0 || a.fed > 0 && pos > a.from || a.heardAt(pos) > 0
}

// hear notes that the ring was heard up to a position, and lets go of that audio.
func (a *answer) hear(pos uint64) {
	for n := a.heardAt(pos) - a.heard; n > 0; {
		c := &a.rows[0]
		k := min(n, c.n)
		c.part.heard += k
		c.n -= k
		a.heard += k
		n -= k
		if c.n == 0 {
			a.rows = a.rows[1:]
		}
	}
	a.reel.forget(a.heard)
}

func (a *answer) report(g *part, kind ledger.PlaybackKind) ledger.Playback {
	return ledger.Playback{
		Kind: kind, ResponseID: a.responseID, ItemID: g.itemID, ContentIndex: g.contentIndex,
		Played:   samplesTime(uint64(g.heard), a.sourceHz),
		Received: samplesTime(uint64(g.received), a.sourceHz),
	}
}

// progress appends how much of each part lies before a ring position. Nothing is told of a sound.
func (a *answer) progress(to []ledger.Playback, pos uint64) []ledger.Playback {
	if a.local {
		return to
	}
	a.hear(pos)
	for _, g := range a.parts {
		r := a.report(g, ledger.Heard)
		if !a.started {
			r.Played = 0
		}
		to = append(to, r)
	}
	return to
}
