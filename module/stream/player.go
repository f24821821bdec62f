package stream

import (
	"slices"
	"time"

	"mod_openai_audio_stream/module/audio"
	"mod_openai_audio_stream/module/ledger"
)

const (
	flushFade  = 5 * time.Millisecond   // old audio faded out at a flush, so that it does not click
	flushWait  = 150 * time.Millisecond // a channel that takes no frame for so long plays nothing
	minCut     = time.Millisecond       // the server counts in these: less than that is no cut
	maxAnswers = 256                    // that are not heard to their end; audio of further ones is dropped
	maxParts   = 256                    // of an answer; likewise
)

// player turns the model's audio into the agent ring's samples and knows what of it has been heard. It is the
// stream's owner's. Source audio is mono, at sourceHz; ring positions are in samples at the channel's rate.
//
// Here is what it is asked and told. playout.go fills the ring, answer.go knows what of an answer was heard, reel.go keeps
// the audio, local.go has sounds of ours heard among the answers.
type player struct {
	rings    Rings
	look     Look // at the stream, as old as the present call of a method
	sourceHz int
	limit    int64 // source samples that may wait

	refusedHz int              // the channel's, to which not everything can be brought; 0: none
	ringHz    int              // 0: not known, nothing is in the ring
	feedHz    int              // of the audio that is being fed; 0: none yet
	resampler *audio.Resampler // feedHz to ringHz; nil if equal
	scratch   []int16

	answers []*answer // not heard to their end, in the order in which they are heard
	waiting int64     // source samples that are not in the ring
	dropped int64     // source samples that did not fit
	reports []ledger.Playback

	loop      *answer // the sound that is heard again and again while nothing else is to be heard; nil: none
	loopBegun bool    // nothing else was to be heard since there is one
	ended     []soundEnd

	cushion  time.Duration
	flushing *flush
	skipTo   uint64 // ring position before which the channel plays nothing any more
	holders  holder
}

// holder is who holds the agent's audio. It goes on when nobody does.
type holder uint8

const (
	byCommand holder = 1 << iota // pause
	byCaller                     // who may be interrupting
)

// flush is one that the channel has not carried out yet. Until it has, nothing goes into the ring, so that the position
// of the flush can't be taken for that of another.
type flush struct {
	answers  []*answer
	deadline time.Time
}

// position is up to where the ring has been heard.
func (f *flush) position(look Look) uint64 {
	if look.Flushed {
		return look.FlushedAt
	}
	return look.Read
}

func newPlayer(rings Rings, sourceHz int, limit time.Duration) *player {
	return &player{rings: rings, sourceHz: sourceHz, limit: timeSamples(limit, sourceHz)}
}

// setSourceRate changes the rate of the audio to come. Only when the player is not busy.
func (p *player) setSourceRate(hz int) {
	if hz != p.sourceHz {
		p.limit = p.limit * int64(hz) / int64(p.sourceHz)
		p.sourceHz, p.ringHz, p.refusedHz = hz, 0, 0
	}
}

// add queues source audio of one part, which it copies. One response is one answer: the audio goes behind what
// there is of the response. Only if the next answer is being fed already, it begins another one behind all. add returns
// how many samples did not fit.
func (p *player) add(responseID, itemID string, contentIndex int, pcm []int16) (dropped int) {
	room := int(min(int64(len(pcm)), max(p.limit-p.waiting, 0)))
	if room > 0 && p.loopBegun {
		p.endLoop()
	}
	if room > 0 && !p.append(responseID, itemID, contentIndex, pcm[:room]) {
		room = 0
	}
	dropped = len(pcm) - room
	p.dropped += int64(dropped)
	return dropped
}

// append reports false if there are too many answers, or parts of one.
func (p *player) append(responseID, itemID string, contentIndex int, pcm []int16) bool {
	for i := len(p.answers) - 1; i >= 0; i-- {
		if a := p.answers[i]; a.responseID == responseID && !a.done && !a.passed {
			return p.appendTo(a, itemID, contentIndex, pcm)
		}
	}
	if len(p.answers) == maxAnswers {
		return false
	}
	a := &answer{responseID: responseID, sourceHz: p.sourceHz, reel: reel{sourceHz: p.sourceHz}}
	p.answers = append(p.answers, a)
	return p.appendTo(a, itemID, contentIndex, pcm)
}

// appendTo has the audio kept at the channel's rate, which for a telephone's is a third of the memory; at its own if that
// is the lower one. Audio that has come is as narrow as the channel was then, should a re-INVITE bring a better one.
func (p *player) appendTo(a *answer, itemID string, contentIndex int, pcm []int16) bool {
	keepHz := a.sourceHz
	if p.ringHz != 0 {
		keepHz = min(keepHz, p.ringHz)
	}
	waits := a.waits()
	ok := a.append(itemID, contentIndex, pcm, keepHz)
	p.waiting += a.waits() - waits
	return ok
}

// partDone says that no audio of the response will come for now. The answer goes on with the next part, if there is one;
// meanwhile an empty ring is no underrun, and the next answer may begin.
func (p *player) partDone(responseID string) {
	for _, a := range p.answers {
		if a.responseID == responseID {
			a.open = false
		}
	}
}

// finish says that no more audio of the response will come. When all of it has been heard, it has stopped.
func (p *player) finish(responseID string) {
	for _, a := range p.answers {
		if a.responseID == responseID {
			a.done, a.open = true, false
		}
	}
}

// withdraw takes back a response of which nothing has been heard, without a trace: nothing is ever reported of it. It
// returns false, and does nothing, when that is not possible any more: some of it has been heard or flushed, or it is in
// the ring behind another answer's audio, other than a sound's. It returns true for a response that the player has nothing of.
func (p *player) withdraw(responseID string) bool {
	is := func(a *answer) bool { return a.responseID == responseID }
	if p.flushing != nil && slices.ContainsFunc(p.flushing.answers, is) {
		return false
	}
	p.look = p.rings.Look()
	inRing, behind := false, false
	for _, a := range p.answers {
		switch {
		case is(a) && (a.begun(p.look.Read) || a.fed > 0 && behind):
			return false
		case is(a):
			inRing = inRing || a.fed > 0
		case !a.local:
			behind = behind || a.heardAt(p.look.Read) < a.fed
		}
	}
	if inRing {
		// What lies behind it in the ring is put there again. A frame that the channel takes at this very moment is lost.
		p.rewind(0)
		p.rings.SetAnswerOpen(false)
	}
	for _, a := range p.answers {
		if is(a) {
			p.waiting -= a.waits()
			a.reel.drop()
		}
	}
	p.answers = slices.DeleteFunc(p.answers, is)
	return true
}

// busy reports whether there is an answer, or a sound other than a loop, that has not stopped.
func (p *player) busy() bool { return len(p.answers) > 0 }

// left is how long what is left to be heard lasts.
func (p *player) left() time.Duration {
	look := p.rings.Look()
	left := samplesTime(uint64(p.waiting), p.sourceHz)
	if look.RateHz > 0 {
		left += samplesTime(look.Written-look.Read, look.RateHz)
	}
	return left
}

// flushPending reports whether the channel has still to carry out a flush.
func (p *player) flushPending() bool { return p.flushing != nil }

// hold keeps everything where it is until each who has held it has let go.
func (p *player) hold(who holder, on bool) {
	was := p.holders
	if p.holders &^= who; on {
		p.holders |= who
	}
	if (p.holders == 0) != (was == 0) {
		p.rings.Hold(p.holders != 0)
	}
}

// run does what is due: follows a change of the channel's rate, fills the ring. It returns when it wants to be called
// again, the zero time if nothing can be due before another method is called, and what was played and flushed since the
// last call. The reports are the caller's until the next call.
func (p *player) run(now time.Time) (next time.Time, played []ledger.Playback) {
	p.look = p.rings.Look()
	p.reports = p.reports[:0]
	if f := p.flushing; f != nil && (p.look.Flushed || !now.Before(f.deadline)) {
		p.settleFlush() // after the deadline nothing takes frames from the ring: its position stands still
	}
	p.followRate()
	p.fill()
	p.report()
	if p.loop != nil {
		p.loop.hear(p.look.Read)
	}
	if wait := p.pause(); wait > 0 {
		next = now.Add(wait)
	}
	return next, p.reports
}

// report tells of the answers that have begun and ended since the last time.
func (p *player) report() {
	for len(p.answers) > 0 {
		a := p.answers[0]
		p.hear(a, p.look.Read)
		if a.heard < a.received || a.flowing || !a.done && !a.passed {
			return
		}
		p.end(a)
		p.answers = slices.Delete(p.answers, 0, 1)
		if p.cushion > 0 && p.look.Underruns == a.underruns && !a.local {
			p.cushion -= cushionStep // the server kept up for a whole answer
		}
	}
}

// hear notes what has been heard of an answer, up to a ring position.
func (p *player) hear(a *answer, pos uint64) {
	begun := a.begun(pos)
	a.hear(pos)
	if begun && !a.started {
		a.started = true
		if a.local {
			return
		}
		p.reports = append(p.reports, ledger.Playback{Kind: ledger.Started, ResponseID: a.responseID})
	}
}

// end tells what has become of an answer: of its parts, then of all.
func (p *player) end(a *answer) {
	a.reel.drop()
	if a.local {
		p.ended = append(p.ended, soundEnd{audio: a, whole: a.done && a.heard == a.received})
		return
	}
	for _, g := range a.parts {
		r := a.report(g, ledger.Heard)
		if r.Received-r.Played >= minCut {
			r.Kind = ledger.Cut
		}
		p.reports = append(p.reports, r)
	}
	p.reports = append(p.reports, ledger.Playback{Kind: ledger.Stopped, ResponseID: a.responseID})
}

// progress appends a Heard for each part of each answer that has not stopped, as of now. An answer whose start run has
// not told yet counts as unheard.
func (p *player) progress(to []ledger.Playback) []ledger.Playback {
	look := p.rings.Look()
	if p.flushing != nil {
		pos := p.flushing.position(look)
		for _, a := range p.flushing.answers {
			to = a.progress(to, pos)
		}
	}
	for _, a := range p.answers {
		to = a.progress(to, look.Read)
	}
	return to
}

// flush throws away everything that has not been heard, but for a loop, which goes on after it. Its outcome comes from run, when the channel has carried it
// out.
func (p *player) flush(now time.Time) {
	if len(p.answers) == 0 {
		return
	}
	if p.flushing == nil {
		p.flushing = &flush{deadline: now.Add(flushWait)}
		p.rings.SetAnswerOpen(false)
		p.rings.Flush(p.fade())
		p.skipTo = p.look.Written
		if p.resampler != nil {
			p.resampler.Reset()
		}
	}
	for _, a := range p.answers {
		a.reel.drop() // it is not needed to tell what was heard
	}
	p.flushing.answers = append(p.flushing.answers, p.answers...)
	clear(p.answers)
	p.answers, p.waiting = p.answers[:0], 0
}

// fade is how many samples of old audio are faded out.
func (p *player) fade() int {
	if p.holders != 0 {
		return 0
	}
	return int(timeSamples(flushFade, p.ringHz))
}

// settleFlush tells what was heard of the flushed answers, and has the sounds go on that were to be kept.
func (p *player) settleFlush() {
	f := p.flushing
	p.flushing = nil
	for _, a := range f.answers {
		p.hear(a, f.position(p.look))
		p.end(a)
	}
	p.refeed(f.position(p.look))
}

// stop ends the player in the midst of whatever it does, as the stream ends, and tells what has become of each answer.
// The reports are the caller's.
func (p *player) stop() []ledger.Playback {
	p.look = p.rings.Look()
	p.reports = nil
	if p.flushing != nil {
		p.settleFlush() // no time is left to wait for it
	}
	for _, a := range p.answers {
		p.hear(a, p.look.Read)
		p.end(a)
	}
	p.answers, p.waiting = nil, 0
	p.endLoop()
	return p.reports
}

func samplesTime(n uint64, hz int) time.Duration {
	return time.Duration(n) * time.Second / time.Duration(hz)
}

func timeSamples(d time.Duration, hz int) int64 {
	return int64(d) * int64(hz) / int64(time.Second)
}
