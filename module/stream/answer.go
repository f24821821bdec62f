package stream

import "mod_openai_audio_stream/module/ledger"

// answer is one response of the model as the caller hears it: a row of source samples, each of which was heard, is in
// the ring, or waits. 0 <= heard <= fed <= received.
type answer struct {
	responseID string
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

	// The samples from heard on.
	chunks []chunk
	first  int // the chunk with the sample at heard; those before it are gone
	into   int // samples of it that were heard
	cursor int // the chunk with the sample at fed
	offset int // samples of it that were fed

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

type chunk struct {
	part *part
	pcm  []int16
}

// append adds audio. It reports false if there are too many parts.
func (a *answer) append(itemID string, contentIndex int, pcm []int16) bool {
	g := a.part(itemID, contentIndex)
	if g == nil {
		return false
	}
	a.open = true
	a.received += int64(len(pcm))
	g.received += int64(len(pcm))
	// Short deltas share a chunk: a server that sends single samples does not make the queue long.
	if n := len(a.chunks); n > a.cursor && a.chunks[n-1].part == g && len(a.chunks[n-1].pcm)+len(pcm) <= feedBatch {
		a.chunks[n-1].pcm = append(a.chunks[n-1].pcm, pcm...)
		return true
	}
	a.chunks = append(a.chunks, chunk{g, pcm})
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

// next is the audio to be fed, as it lies in one chunk. Only when some waits.
func (a *answer) next() []int16 { return a.chunks[a.cursor].pcm[a.offset:] }

// feed notes that n samples of next have been fed.
func (a *answer) feed(n int) {
	a.fed += int64(n)
	if a.offset += n; a.offset == len(a.chunks[a.cursor].pcm) {
		a.cursor++
		a.offset = 0
	}
}

// refeed takes back what was fed and not heard.
func (a *answer) refeed() {
	if a.heard < a.received {
		a.passed = false
	}
	a.fed, a.cursor, a.offset = a.heard, a.first, a.into
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
		c := &a.chunks[a.first]
		k := min(n, int64(len(c.pcm)-a.into))
		c.part.heard += k
		a.heard += k
		n -= k
		if a.into += int(k); a.into == len(c.pcm) {
			*c = chunk{}
			a.first++
			a.into = 0
		}
	}
	if a.first >= 32 && 2*a.first >= len(a.chunks) {
		n := copy(a.chunks, a.chunks[a.first:])
		clear(a.chunks[n:])
		a.chunks = a.chunks[:n]
		a.cursor -= a.first
		a.first = 0
	}
}

func (a *answer) report(g *part, kind ledger.PlaybackKind) ledger.Playback {
	return ledger.Playback{
		Kind: kind, ResponseID: a.responseID, ItemID: g.itemID, ContentIndex: g.contentIndex,
		Played:   samplesTime(uint64(g.heard), a.sourceHz),
		Received: samplesTime(uint64(g.received), a.sourceHz),
	}
}

// progress appends how much of each part lies before a ring position.
func (a *answer) progress(to []ledger.Playback, pos uint64) []ledger.Playback {
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
