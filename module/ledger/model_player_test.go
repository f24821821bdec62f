package ledger

import (
	"math/rand/v2"
	"time"
)

const frame = 20 * time.Millisecond

// fakePlayer plays 20 ms a step and tells of it as playback.go says.
type fakePlayer struct {
	rng      *rand.Rand
	answers  []*played
	flushing []*played
	flushAt  int // steps until the flush is carried out
	held     bool
}

// played is a response as the player knows it.
type played struct {
	key      string
	response *sResponse
	parts    []*playedPart
	started  bool
	finished bool
}

type playedPart struct {
	item         *sItem
	itemID       string
	taken, heard time.Duration
}

func (a *played) unheard() (d time.Duration) {
	for _, p := range a.parts {
		d += p.taken - p.heard
	}
	return d
}

func (a *played) heard() (d time.Duration) {
	for _, p := range a.parts {
		d += p.heard
	}
	return d
}

func (p *fakePlayer) find(key string) *played {
	for _, a := range p.answers {
		if a.key == key {
			return a
		}
	}
	return nil
}

// add takes audio; sometimes there is no room for all of it.
func (p *fakePlayer) add(key string, r *sResponse, i *sItem, itemID string, d time.Duration) time.Duration {
	a := p.find(key)
	if a == nil {
		a = &played{key: key, response: r}
		p.answers = append(p.answers, a)
	}
	if p.rng.IntN(50) == 0 {
		d, i.dropped = d/frame/2*frame, true
	}
	if d == 0 {
		return 0
	}
	n := len(a.parts)
	if n == 0 || a.parts[n-1].item != i {
		a.parts = append(a.parts, &playedPart{item: i, itemID: itemID})
		n++
	}
	a.parts[n-1].taken += d
	i.taken += d
	return d
}

func (p *fakePlayer) finish(key string) {
	if a := p.find(key); a != nil {
		a.finished = true
	}
}

// withdraw takes a response's audio back if none of it has been played.
func (p *fakePlayer) withdraw(key string) bool {
	for n, a := range p.answers {
		if a.key == key && a.heard() == 0 {
			for _, part := range a.parts {
				part.item.taken -= part.taken
			}
			p.answers = append(p.answers[:n:n], p.answers[n+1:]...)
			return true
		}
	}
	return false
}

func (p *fakePlayer) flush() {
	p.flushing = append(p.flushing, p.answers...)
	p.answers = nil
	p.flushAt = p.rng.IntN(4)
}

// step plays a frame.
func (p *fakePlayer) step() (told []Playback) {
	if p.flushing != nil {
		if p.flushAt--; p.flushAt < 0 {
			for _, a := range p.flushing {
				told = append(told, a.flushed()...)
			}
			p.flushing = nil
		} else {
			for _, a := range p.flushing {
				if a.unheard() > 0 && !p.held {
					return append(told, a.play(p.rng)...)
				}
			}
		}
		return told
	}
	for !p.held && len(p.answers) > 0 {
		a := p.answers[0]
		if a.unheard() > 0 {
			return append(told, a.play(p.rng)...)
		}
		if !a.finished && len(p.answers) == 1 {
			return told // else it stops for the next one, and may go on after it
		}
		if a.started {
			told = append(told, a.tell()...)
			told = append(told, Playback{Kind: Stopped, ResponseID: a.key})
		}
		p.answers = p.answers[1:]
	}
	return told
}

func (a *played) play(rng *rand.Rand) (told []Playback) {
	if !a.started {
		a.started = true
		told = append(told, Playback{Kind: Started, ResponseID: a.key})
	}
	for _, p := range a.parts {
		if p.heard < p.taken {
			p.heard += frame
			a.response.heard += frame
			break
		}
	}
	if rng.IntN(3) == 0 {
		told = append(told, a.tell()...)
	}
	return told
}

// tell says how much of each part has been played.
func (a *played) tell() (told []Playback) {
	for _, p := range a.parts {
		told = append(told, Playback{Kind: Heard, ResponseID: a.key, ItemID: p.itemID, Played: p.heard, Received: p.taken})
	}
	return told
}

// flushed tells the last words of an answer that is silenced.
func (a *played) flushed() (told []Playback) {
	for _, p := range a.parts {
		last := Playback{Kind: Heard, ResponseID: a.key, ItemID: p.itemID, Played: p.heard, Received: p.taken}
		if p.heard < p.taken {
			p.item.taken -= p.taken - p.heard
			last.Kind = Cut
		}
		told = append(told, last)
	}
	return append(told, Playback{Kind: Stopped, ResponseID: a.key})
}
