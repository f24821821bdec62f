package stream

import (
	"slices"
	"time"
)

// The player's sounds: what of ours is heard in the agent's place. To the player a sound is an answer of no response: it is
// kept, fed, flushed and brought to the channel's rate as the model's answers are. But nothing of it is reported, it does not
// count as audio that waits, and an empty ring within it is no underrun.
//
// A sound that is heard once has its place among the answers, behind what was there before it. A loop has none: it is heard
// while nothing else is to be heard, gives way to a sound, and ends with the first audio of the model's that follows.

// soundEnd is that a sound is over.
type soundEnd struct {
	audio *answer
	whole bool // all of it was heard
}

// soundHz is the rate that a sound had best have.
func (p *player) soundHz() int {
	if p.ringHz != 0 {
		return p.ringHz
	}
	return p.sourceHz
}

func newSoundAudio(hz int) *answer {
	return &answer{local: true, sourceHz: hz, reel: reel{sourceHz: hz}}
}

// queueSound gives a sound of this rate its place, behind all that is there. It returns nil if there is too much already.
func (p *player) queueSound(hz int) *answer {
	if len(p.answers) == maxAnswers {
		return nil
	}
	a := newSoundAudio(hz)
	p.answers = append(p.answers, a)
	return a
}

// setLoop makes a sound of this rate the loop. There must be none.
func (p *player) setLoop(hz int) *answer {
	p.loop = newSoundAudio(hz)
	return p.loop
}

// addSound adds audio to a sound, which it copies. It reports false if the sound is over.
func (p *player) addSound(a *answer, pcm []int16) bool {
	switch {
	case a == p.loop:
	case slices.Contains(p.answers, a):
		p.yield()
	default:
		return false
	}
	return p.appendTo(a, "", 0, pcm)
}

// finishSound says that no more audio of a sound will come. If there is none of it at all, it is over at once.
func (p *player) finishSound(a *answer) {
	a.done, a.open = true, false
	i := slices.Index(p.answers, a)
	if i >= 0 && a.received == 0 {
		p.answers = slices.Delete(p.answers, i, i+1)
		p.end(a)
	}
}

// endLoop ends the loop: what of it has not left is faded out.
func (p *player) endLoop() {
	if p.loop == nil {
		return
	}
	p.yield()
	p.end(p.loop)
	p.loop, p.loopBegun = nil, false
}

// yield takes the loop out of the ring, so that something else is heard at once. All else in the ring has been heard, or the
// loop would not be there.
func (p *player) yield() {
	if l := p.loop; l != nil && l.fed > l.heard && p.flushing == nil {
		p.look = p.rings.Look()
		p.rewind(p.fade())
	}
}

// silent reports whether nothing but a loop is to be heard, as far as is known. Sounds that have not begun to come don't count.
func (p *player) silent() bool {
	return p.flushing == nil && !slices.ContainsFunc(p.answers, func(a *answer) bool { return a.unheard(p.look.Read) })
}

// talking reports whether there is an answer of the model's that has not stopped.
func (p *player) talking() bool {
	return slices.ContainsFunc(p.answers, func(a *answer) bool { return !a.local })
}

// sounding reports whether there is a sound, other than a loop, that is not over.
func (p *player) sounding() bool {
	return slices.ContainsFunc(p.answers, func(a *answer) bool { return a.local })
}

// flushAnswers is flush for the model's answers. Sounds go on after it.
func (p *player) flushAnswers(now time.Time) {
	var sounds []*answer
	for _, a := range p.answers {
		if a.local {
			sounds = append(sounds, a)
		}
	}
	p.answers = slices.DeleteFunc(p.answers, func(a *answer) bool { return a.local })
	p.flush(now)
	p.answers = append(p.answers, sounds...)
}

// ahead is how much of a sound waits.
func (a *answer) ahead() time.Duration { return samplesTime(uint64(a.unfed()), a.sourceHz) }

// takeEnded is which sounds are over since the last time.
func (p *player) takeEnded() []soundEnd {
	ended := p.ended
	p.ended = nil
	return ended
}
