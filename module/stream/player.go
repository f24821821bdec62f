package stream

import (
	"time"

	"mod_openai_audio_stream/module/audio"
)

// How the agent ring is filled. The ring bridges the time between two refills; the rest of a long answer waits here.
const (
	ringTarget  = time.Second            // at most this much is in the ring, and at most half of the ring
	feedBatch   = 960                    // source samples resampled at once: 40 ms at 24 kHz
	historyKept = 3 * time.Second        // source audio kept behind the cursor, to refill after a change of rate
	flushFade   = 5 * time.Millisecond   // old audio faded out at a flush, so that it does not click
	flushWait   = 150 * time.Millisecond // a channel that takes no frame for so long plays nothing
	cushionStep = 60 * time.Millisecond
	cushionMost = 240 * time.Millisecond
)

// answer is one response of the model as the caller hears it.
type answer struct {
	responseID string
	segments   []*segment
	started    bool // its first sample has been played
	done       bool // no more audio of it will come
	drained    bool // all of it is in the ring: end is valid
	start, end uint64
	underruns  uint64        // the stream's count when it began
	heard      time.Duration // of it, once it has ended
}

// segment is the audio of one content part of one item: the unit of truncation.
type segment struct {
	answer       *answer
	itemID       string
	contentIndex int
	received     int64 // source samples that came
	fed          int64 // source samples that went into the ring

	// Ring samples [base, base+written) at rate are its audio; playedBefore was played at earlier rates.
	base, written uint64
	rateHz        int
	playedBefore  time.Duration
}

// played is how much of the segment lies before the ring position pos.
func (g *segment) played(pos uint64) time.Duration {
	if g.rateHz == 0 || pos <= g.base {
		return g.playedBefore
	}
	return g.playedBefore + samplesTime(min(pos-g.base, g.written), g.rateHz)
}

type chunk struct {
	segment *segment
	pcm     []int16
}

// cut is a segment that a flush ended before it was heard whole.
type cut struct {
	ItemID       string
	ContentIndex int
	Played       time.Duration
	Received     time.Duration
}

// player turns the model's audio into the agent ring's samples and knows what of it has been heard. It belongs to the
// stream's goroutine. Source audio is mono, at sourceHz; ring positions are in samples at the channel's rate.
type player struct {
	rings    Rings
	look     Look // at the stream, as old as the present call of a method
	sourceHz int
	limit    int64 // source samples that may wait
	onStart  func(*answer)
	onStop   func(a *answer, interrupted bool)

	ringHz    int
	resampler *audio.Resampler
	scratch   []int16

	chunks  []chunk // history, then what waits; cursor is the border
	cursor  int     // index into chunks
	offset  int     // samples of chunks[cursor] already fed
	history int64   // source samples behind the cursor
	waiting int64   // source samples ahead of it

	answers  []*answer // not yet heard to their end, oldest first
	feeding  *answer   // whose audio the resampler's state holds
	cushion  time.Duration
	dropped  int64 // source samples
	playedMS int64 // of ended answers

	flushing *flush
	held     bool
}

// flush is one that the channel has not carried out yet.
type flush struct {
	segments []*segment
	answers  []*answer
	deadline time.Time
}

func newPlayer(rings Rings, sourceHz int, limit time.Duration) *player {
	return &player{rings: rings, sourceHz: sourceHz, limit: timeSamples(limit, sourceHz)}
}

// setSourceRate changes the rate of the audio to come. Only when nothing waits.
func (p *player) setSourceRate(hz int) {
	if hz != p.sourceHz {
		p.limit = p.limit * int64(hz) / int64(p.sourceHz)
		p.sourceHz, p.ringHz = hz, 0
	}
}

// add queues source audio, which the player keeps. It returns how many samples did not fit.
func (p *player) add(responseID, itemID string, contentIndex int, pcm []int16) (dropped int) {
	g := p.segmentFor(responseID, itemID, contentIndex)
	room := int(min(int64(len(pcm)), p.limit-p.waiting))
	dropped = len(pcm) - room
	p.dropped += int64(dropped)
	if room == 0 {
		return dropped
	}
	g.received += int64(room)
	p.waiting += int64(room)
	p.chunks = append(p.chunks, chunk{g, pcm[:room]})
	return dropped
}

func (p *player) segmentFor(responseID, itemID string, contentIndex int) *segment {
	var a *answer
	if n := len(p.answers); n > 0 && !p.answers[n-1].done && p.answers[n-1].responseID == responseID {
		a = p.answers[n-1]
	} else {
		// A response that begins while another is open ends it: deltas come in playback order.
		if n > 0 {
			p.answers[n-1].done = true
		}
		a = &answer{responseID: responseID, underruns: p.rings.Look().Underruns}
		p.answers = append(p.answers, a)
	}
	if n := len(a.segments); n > 0 && a.segments[n-1].itemID == itemID && a.segments[n-1].contentIndex == contentIndex {
		return a.segments[n-1]
	}
	g := &segment{answer: a, itemID: itemID, contentIndex: contentIndex}
	a.segments = append(a.segments, g)
	return g
}

// finish says that no more audio of the response will come.
func (p *player) finish(responseID string) {
	for _, a := range p.answers {
		if a.responseID == responseID {
			a.done = true
		}
	}
}

// finishAll says that no more audio of any response will come: the connection is gone.
func (p *player) finishAll() {
	for _, a := range p.answers {
		a.done = true
	}
}

// holds reports whether audio of the response is still to be heard.
func (p *player) holds(responseID string) bool {
	for _, a := range p.answers {
		if a.responseID == responseID && !a.receivedNothing() {
			return true
		}
	}
	return false
}

// busy reports whether audio waits or plays.
func (p *player) busy() bool { return len(p.answers) > 0 }

// unheard reports whether any answer has audio that the caller has not heard.
func (p *player) unheard() bool {
	read := p.rings.Look().Read
	for _, a := range p.answers {
		for _, g := range a.segments {
			if g.fed < g.received || g.base+g.written > read {
				return true
			}
		}
	}
	return false
}

// spoken is how long the answer that plays now has been heard, 0 if none plays.
func (p *player) spoken() time.Duration {
	read := p.rings.Look().Read
	for _, a := range p.answers {
		if d := a.playedAt(read); d > 0 {
			return d
		}
	}
	return 0
}

// hold keeps everything where it is until it is called with false.
func (p *player) hold(on bool) {
	p.held = on
	p.rings.Hold(on)
}

// run does what is due: follows a change of the channel's rate, fills the ring, reports starts and ends. It returns
// when it wants to be called again, the zero time if nothing is under way, and the segments that a flush cut, once the
// channel has carried it out.
func (p *player) run(now time.Time) (next time.Time, cuts []cut) {
	p.look = p.rings.Look()
	cuts = p.settleFlush(now)
	p.followRate()
	p.fill()
	p.report()

	if p.flushing != nil {
		return now.Add(5 * time.Millisecond), cuts
	}
	if !p.busy() {
		return time.Time{}, cuts
	}
	return now.Add(p.pause()), cuts
}

// pause is how long nothing can be due: half of what is in the ring, or up to the next start or end.
func (p *player) pause() time.Duration {
	const shortest, dry = 5 * time.Millisecond, 20 * time.Millisecond
	if p.ringHz == 0 || p.held {
		return dry
	}
	written, read := p.look.Written, p.look.Read
	wait := samplesTime(written-read, p.ringHz)
	if p.waiting > 0 || !p.answers[len(p.answers)-1].done {
		wait /= 2
	}
	for _, a := range p.answers {
		switch {
		case a.started && a.drained && a.end > read:
			wait = min(wait, samplesTime(a.end-read, p.ringHz))
		case !a.started && len(a.segments) > 0 && a.segments[0].written > 0:
			if a.start > read {
				wait = min(wait, samplesTime(a.start-read, p.ringHz))
			} else {
				wait = shortest
			}
		}
	}
	if written == read && p.waiting == 0 {
		return dry // an underrun: the next delta wakes the stream, this only looks for the end
	}
	return max(wait, shortest)
}

// followRate starts again at the channel's present rate with the audio that the caller has not heard yet.
func (p *player) followRate() {
	hz := p.look.RateHz
	if hz == 0 || hz == p.ringHz || p.flushing != nil {
		return
	}
	resampler, err := audio.NewResampler(p.sourceHz, hz)
	if err != nil {
		return // a rate that no channel has; silence until it changes again
	}
	if p.ringHz != 0 {
		p.rewind(p.look.Read, p.look.Written)
	}
	p.ringHz, p.resampler = hz, resampler
	p.rings.SetAgentRate(hz)
}

// rewind moves the cursor back to the first sample that the channel has not taken, and skips the ring's content.
func (p *player) rewind(read, written uint64) {
	back := int64(written-read) * int64(p.sourceHz) / int64(p.ringHz)
	if p.feeding != nil && !p.feeding.drained {
		back += int64(p.resampler.Delay())
	}
	if written > read {
		p.rings.Flush(0)
	}
	for _, a := range p.answers {
		for _, g := range a.segments {
			g.playedBefore = g.played(read)
			g.base, g.written, g.rateHz = written, 0, 0
		}
		if a.drained {
			a.end = written // stays so if what was unheard of it is too short to be played again
		}
		if !a.started {
			a.start = written
		}
	}
	for back = min(back, p.history); back > 0; {
		if p.offset == 0 {
			p.cursor--
			p.offset = len(p.chunks[p.cursor].pcm)
		}
		n := int(min(back, int64(p.offset)))
		p.offset -= n
		g := p.chunks[p.cursor].segment
		g.fed -= int64(n)
		g.answer.drained = false
		p.history -= int64(n)
		p.waiting += int64(n)
		back -= int64(n)
	}
	// An answer of which nothing is played again goes on where it was: its end is still to come.
	if p.feeding != nil && (p.feeding.drained || p.feeding.unfed()) {
		p.feeding = nil
	}
}

// fill tops the ring up.
func (p *player) fill() {
	if p.ringHz == 0 {
		return
	}
	room := p.room()
	for {
		p.skipFed()
		if p.feeding != nil && p.feeding.done && !p.feeding.drained &&
			(p.cursor == len(p.chunks) || p.chunks[p.cursor].segment.answer != p.feeding) {
			if room -= p.drain(room); !p.feeding.drained {
				break
			}
		}
		if p.cursor == len(p.chunks) || p.cushioning() {
			break
		}
		c := &p.chunks[p.cursor]
		most := (room - 2) * p.sourceHz / p.ringHz
		n := min(len(c.pcm)-p.offset, feedBatch, most)
		if n <= 0 {
			break
		}
		if p.feeding != c.segment.answer {
			p.begin(c.segment.answer)
		}
		p.scratch = p.resampler.Process(p.scratch[:0], c.pcm[p.offset:p.offset+n])
		p.put(c.segment, p.scratch)
		room -= len(p.scratch)
		c.segment.fed += int64(n)
		p.offset += n
		p.history += int64(n)
		p.waiting -= int64(n)
	}
	p.forget()
	open := p.feeding != nil && !p.feeding.drained
	p.rings.SetAnswerOpen(open)
}

// room is how many samples the ring may take now.
func (p *player) room() int {
	free, queued := p.look.Free, int(p.look.Written-p.look.Read)
	target := min(int(timeSamples(ringTarget, p.ringHz)), (free+queued)/2)
	return min(free, target-queued)
}

// cushioning reports whether to wait for more audio before an answer begins or goes on: only after the server was too
// slow, and never for an answer that is complete.
func (p *player) cushioning() bool {
	a := p.chunks[p.cursor].segment.answer
	if p.look.Written != p.look.Read || a.done {
		return false
	}
	if n := p.look.Underruns; n > a.underruns {
		a.underruns = n
		p.cushion = min(p.cushion+cushionStep, cushionMost)
	}
	return samplesTime(uint64(p.waiting), p.sourceHz) < p.cushion
}

func (p *player) begin(a *answer) {
	p.feeding = a
	p.resampler.Reset()
	if !a.started {
		a.start = p.look.Written
	}
}

func (p *player) put(g *segment, pcm []int16) {
	if g.rateHz == 0 {
		g.base = p.look.Written
		g.rateHz = p.ringHz
	}
	n := p.rings.Write(pcm)
	g.written += uint64(n)
	p.look.Written += uint64(n)
	p.look.Free -= n
}

// drain adds the end of the answer that the resampler still holds.
func (p *player) drain(room int) int {
	tail := p.resampler.Delay()*p.ringHz/p.sourceHz + 4
	if room < tail {
		return 0
	}
	p.scratch = p.resampler.Drain(p.scratch[:0])
	a := p.feeding
	if n := len(a.segments); n > 0 {
		p.put(a.segments[n-1], p.scratch)
	}
	a.drained = true
	a.end = p.look.Written
	return len(p.scratch)
}

// skipFed moves the cursor past chunks that are in the ring whole.
func (p *player) skipFed() {
	for p.cursor < len(p.chunks) && p.offset == len(p.chunks[p.cursor].pcm) {
		p.cursor++
		p.offset = 0
	}
}

// forget lets go of audio that no change of rate can need again.
func (p *player) forget() {
	most := timeSamples(historyKept, p.sourceHz)
	n := 0
	for n < p.cursor && p.history-int64(len(p.chunks[n].pcm)) >= most {
		p.history -= int64(len(p.chunks[n].pcm))
		n++
	}
	if n > 0 {
		p.cursor -= n
		p.chunks = append(p.chunks[:0], p.chunks[n:]...)
		clear(p.chunks[len(p.chunks) : len(p.chunks)+n])
	}
}

// report calls onStart and onStop for what the channel has taken since the last time.
func (p *player) report() {
	read := p.look.Read
	for len(p.answers) > 0 {
		a := p.answers[0]
		if !a.started && a.anyWritten() && read > a.start {
			a.started = true
			p.onStart(a)
		}
		empty := a.done && a.receivedNothing()
		if !empty && !(a.drained && read >= a.end) {
			return
		}
		p.answers = p.answers[1:]
		a.heard = a.playedAt(read)
		p.playedMS += a.heard.Milliseconds()
		if a.started {
			p.onStop(a, false)
		}
		if p.cushion > 0 && p.look.Underruns == a.underruns {
			p.cushion -= cushionStep // the server kept up for a whole answer
		}
	}
}

func (a *answer) anyWritten() bool {
	return len(a.segments) > 0 && (a.segments[0].written > 0 || a.segments[0].playedBefore > 0)
}

func (a *answer) receivedNothing() bool {
	for _, g := range a.segments {
		if g.received > 0 {
			return false
		}
	}
	return true
}

// unfed reports whether audio of the answer waits.
func (a *answer) unfed() bool {
	for _, g := range a.segments {
		if g.fed < g.received {
			return true
		}
	}
	return false
}

func (a *answer) playedAt(pos uint64) (d time.Duration) {
	for _, g := range a.segments {
		d += g.played(pos)
	}
	return d
}

// flush throws away everything that has not been heard. Its outcome comes from run, when the channel has carried it
// out. It returns the responses whose audio it ended.
func (p *player) flush(now time.Time) (responses []string) {
	f := p.flushing
	if f == nil {
		f = &flush{}
	}
	f.deadline = now.Add(flushWait)
	for _, a := range p.answers {
		responses = append(responses, a.responseID)
		f.answers = append(f.answers, a)
		f.segments = append(f.segments, a.segments...)
	}
	p.answers, p.feeding = nil, nil
	clear(p.chunks)
	p.chunks, p.cursor, p.offset, p.history, p.waiting = p.chunks[:0], 0, 0, 0, 0
	fade := 0
	if !p.held {
		fade = int(timeSamples(flushFade, p.ringHz))
	}
	p.rings.SetAnswerOpen(false)
	p.rings.Flush(fade)
	if p.resampler != nil {
		p.resampler.Reset()
	}
	p.flushing = f
	return responses
}

// settleFlush computes what was heard of a flushed answer.
func (p *player) settleFlush(now time.Time) (cuts []cut) {
	f := p.flushing
	if f == nil {
		return nil
	}
	from := p.look.FlushedAt
	if !p.look.Flushed {
		if now.Before(f.deadline) {
			return nil
		}
		from = p.look.Read // nothing takes frames from the ring, so this stands still
	}
	p.flushing = nil
	for _, g := range f.segments {
		received := samplesTime(uint64(g.received), p.sourceHz)
		played := min(g.played(from), received)
		if g.received > 0 && (g.fed < g.received || played < received-time.Millisecond) {
			cuts = append(cuts, cut{g.itemID, g.contentIndex, played, received})
		}
	}
	for _, a := range f.answers {
		a.heard = a.playedAt(from)
		p.playedMS += a.heard.Milliseconds()
		if !a.started && a.anyWritten() && from > a.start {
			a.started = true
			p.onStart(a)
		}
		if a.started {
			p.onStop(a, true)
		}
	}
	return cuts
}

func samplesTime(n uint64, hz int) time.Duration {
	return time.Duration(n) * time.Second / time.Duration(hz)
}

func timeSamples(d time.Duration, hz int) int64 {
	return int64(d) * int64(hz) / int64(time.Second)
}
