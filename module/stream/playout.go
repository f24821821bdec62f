package stream

import (
	"slices"
	"time"

	"mod_openai_audio_stream/module/audio"
)

// How the agent ring is filled. The ring bridges the time between two refills; the rest of a long answer waits here.
const (
	ringTarget  = 500 * time.Millisecond // at most this much is in the ring; half of it when it is filled up again
	feedBatch   = 960                    // samples resampled at once: 40 ms at 24 kHz
	cushionStep = 60 * time.Millisecond
	maxCushion  = 240 * time.Millisecond
)

// followRate starts again at the channel's present rate with the audio that the caller has not heard yet.
func (p *player) followRate() {
	hz := p.look.RateHz
	if hz == 0 || hz == p.ringHz || p.flushing != nil {
		return
	}
	if !p.convertible(hz) {
		p.refusedHz = hz
		return // a rate that no channel has; silence until it changes again
	}
	p.rewind(0)
	p.ringHz, p.refusedHz, p.feedHz, p.resampler = hz, 0, 0, nil
	p.rings.SetAgentRate(hz)
}

// outOfRate reports whether the channel has come to a rate that followRate has not seen.
func (p *player) outOfRate(hz int) bool {
	return hz != 0 && hz != p.ringHz && hz != p.refusedHz && p.flushing == nil
}

// convertible reports whether all that there is, and all that may come, can be brought to a rate.
func (p *player) convertible(hz int) bool {
	rates := []int{p.sourceHz}
	for _, a := range p.answers {
		rates = append(append(rates, a.sourceHz), a.reel.rates()...)
	}
	if p.loop != nil {
		rates = append(append(rates, p.loop.sourceHz), p.loop.reel.rates()...)
	}
	for _, from := range rates {
		if _, err := audio.NewResampler(from, hz); err != nil {
			return false
		}
	}
	return true
}

// rewind skips what the ring holds, after fading out fade samples of it. What the caller has not heard of it is fed again.
func (p *player) rewind(fade int) {
	if p.queued() > 0 {
		p.rings.Flush(fade)
		p.skipTo = p.look.Written
	}
	p.refeed(p.look.Read)
	if p.resampler != nil {
		p.resampler.Reset()
	}
}

// refeed takes back what was fed and not heard: the ring was heard up to a position, and holds nothing any more.
func (p *player) refeed(pos uint64) {
	for _, a := range p.answers {
		a.hear(pos)
		p.waiting -= a.waits()
		a.refeed()
		p.waiting += a.waits()
	}
	if p.loop != nil {
		p.loop.hear(pos)
		p.loop.refeed()
	}
}

// queued is how many samples in the ring are still to be heard.
func (p *player) queued() int { return int(p.look.Written - max(p.look.Read, p.skipTo)) }

// fill tops the ring up, one answer after the other, and with the loop when all of them were heard.
func (p *player) fill() {
	if p.ringHz == 0 || p.flushing != nil {
		return
	}
	room := p.room()
	open := false
	for i, a := range p.answers {
		if a.passed {
			continue
		}
		room = p.feed(a, room)
		open = a.flowing && !a.local
		if a.flowing || a.open || a.unfed() > 0 || a.local && !a.done || i == len(p.answers)-1 {
			break
		}
		a.passed = true
	}
	if p.loop != nil && p.silent() {
		p.loopBegun = true
		p.feed(p.loop, room)
	}
	p.rings.SetAnswerOpen(open)
}

// room is how many samples the ring may take now.
func (p *player) room() int {
	return min(p.look.Free, int(timeSamples(ringTarget, p.ringHz))-p.queued())
}

// feed puts an answer's audio into the ring, and its end if no more is about to come. It returns the room that is left.
func (p *player) feed(a *answer, room int) int {
	waits := a.waits()
	defer func() { p.waiting += a.waits() - waits }()
	for {
		pcm, hz := a.next()
		if pcm == nil || p.cushioning(a) {
			break
		}
		if hz != p.feedHz {
			if room < p.tail() {
				return room
			}
			room -= p.feedFrom(a, hz)
		}
		n := min(len(pcm), feedBatch, (room-2)*hz/p.ringHz)
		if n <= 0 {
			return room
		}
		p.begin(a)
		pcm = pcm[:n]
		if p.resampler != nil {
			p.scratch = p.resampler.Process(p.scratch[:0], pcm)
			pcm = p.scratch
		}
		room -= p.put(a, pcm)
		a.feed(n)
	}
	if pcm, _ := a.next(); a.flowing && !a.open && pcm == nil && room >= p.tail() {
		room -= p.drain(a)
		a.flowing = false
	}
	return room
}

// tail is how much room there must be for what the resampler holds back.
func (p *player) tail() int {
	const rounded = 4
	if p.resampler == nil {
		return rounded
	}
	return p.resampler.Delay()*p.ringHz/p.feedHz + rounded
}

// drain puts what the resampler holds back of an answer, and returns how much that was.
func (p *player) drain(a *answer) int {
	if p.resampler == nil {
		return 0
	}
	p.scratch = p.resampler.Drain(p.scratch[:0])
	if !a.flowing {
		return 0 // it is of nothing
	}
	return p.put(a, p.scratch)
}

// feedFrom prepares the resampler for audio at another rate, and returns how much it put of what came before.
func (p *player) feedFrom(a *answer, hz int) (put int) {
	put = p.drain(a)
	p.feedHz, p.resampler = hz, nil
	if hz != p.ringHz {
		p.resampler, _ = audio.NewResampler(hz, p.ringHz) // followRate has looked whether there is one
	}
	return put
}

// begin notes where in the ring an answer's unheard audio lies.
func (p *player) begin(a *answer) {
	if a.flowing {
		return
	}
	a.flowing = true
	if a.fed == 0 {
		a.underruns = p.look.Underruns
	}
	if a.fed == a.heard {
		a.from, a.end, a.fromSource, a.ringHz = p.look.Written, p.look.Written, a.fed, p.ringHz
	}
}

// put writes what is to be heard of an answer, and returns how much that was.
func (p *player) put(a *answer, pcm []int16) int {
	n := p.rings.Write(pcm)
	p.look.Written += uint64(n)
	p.look.Free -= n
	a.end = p.look.Written
	return n
}

// cushioning reports whether to wait for more audio before an answer begins or goes on: only after the server was too
// slow, and never when no more is about to come.
func (p *player) cushioning(a *answer) bool {
	if p.queued() > 0 || !a.open || a.local {
		return false
	}
	if n := p.look.Underruns; a.fed > 0 && n > a.underruns {
		a.underruns = n
		p.cushion = min(p.cushion+cushionStep, maxCushion)
	}
	return a.unfed() < min(timeSamples(p.cushion, a.sourceHz), p.limit)
}

// pause is how long nothing can be due: half of what is in the ring, or up to the next start or end. It is 0 if nothing
// will be due.
func (p *player) pause() time.Duration {
	const shortest, dry = 5 * time.Millisecond, 20 * time.Millisecond
	switch {
	case p.flushing != nil:
		return shortest
	case len(p.answers) == 0 && p.loop == nil:
		return 0
	case p.ringHz == 0 || p.holders != 0 || p.look.Held:
		return dry
	case p.queued() == 0 && p.waiting == 0:
		return 0 // an underrun, or the answer's next part has not come
	case p.queued() == 0:
		return dry
	}
	wait := samplesTime(uint64(p.queued()), p.ringHz)
	if p.more() {
		wait /= 2
	}
	if len(p.answers) == 0 {
		return max(wait, shortest)
	}
	a, pos := p.answers[0], max(p.look.Read, p.skipTo)
	switch {
	case a.fed == 0: // nothing of it is in the ring
	case !a.started && a.from > pos:
		wait = min(wait, samplesTime(a.from-pos, p.ringHz))
	case !a.started:
		wait = shortest
	case a.end > pos:
		wait = min(wait, samplesTime(a.end-pos, p.ringHz))
	}
	return max(wait, shortest)
}

// more reports whether the ring will have to be filled again.
func (p *player) more() bool {
	return p.loop != nil || slices.ContainsFunc(p.answers, func(a *answer) bool { return a.open || a.unfed() > 0 })
}
