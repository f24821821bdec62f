package stream

import (
	"slices"

	"mod_openai_audio_stream/module/audio"
	"mod_openai_audio_stream/module/block"
)

// reel is the audio of an answer that has not been heard: what waits, and what is in the ring and might have to be put
// there again. It is kept at the rate of the channel, or of the source if that is lower, in blocks that go back as soon as
// they were heard. A reel is written and read in places of the source, in source samples from the answer's begin.
//
// A run is audio that one resampler made without a break. Its sample k stands at the instant of the source's sample
// k*sourceHz/hz.
type reel struct {
	sourceHz int

	hz        int   // of the run that is being written; 0: none
	run       int64 // where it began
	kept      int64 // its samples
	resampler *audio.Resampler
	held      bool // the resampler holds the run's end back

	strips []strip
	cursor int // the strip that is being read
	offset int // samples of it that were read
}

// strip is a part of a run, in one block.
type strip struct {
	block block.Block
	n     int
	hz    int
	run   int64
	at    int64 // samples of the run before it
}

// place is where a sample of the strip stands.
func (p *strip) place(i int, sourceHz int) int64 {
	return p.run + (p.at+int64(i))*int64(sourceHz)/int64(p.hz)
}

// write appends source audio that begins at a place, to be kept at hz, which is not above the source's. It copies.
func (t *reel) write(pcm []int16, place int64, hz int) {
	if hz != t.hz {
		t.end()
		t.hz, t.run, t.kept = hz, place, 0
		if hz != t.sourceHz {
			t.resampler, _ = audio.NewResampler(t.sourceHz, hz) // the player has looked whether there is one
		}
	}
	for len(pcm) > 0 {
		to := t.space()
		n := min(len(to), len(pcm))
		if t.resampler == nil {
			t.wrote(copy(to, pcm[:n]))
		} else {
			// n samples of the source become (n-1)*hz/sourceHz + 1 at most, and one becomes one at most.
			n = min(len(pcm), 1+(len(to)-1)*t.sourceHz/hz)
			t.wrote(len(t.resampler.Process(to[:0], pcm[:n])))
			t.held = true
		}
		pcm = pcm[n:]
	}
}

// end ends the run, with what the resampler holds back.
func (t *reel) end() {
	if t.held {
		for pcm := t.resampler.Drain(make([]int16, 0, 64)); len(pcm) > 0; {
			n := copy(t.space(), pcm)
			t.wrote(n)
			pcm = pcm[n:]
		}
	}
	t.hz, t.resampler, t.held = 0, nil, false
}

// space is where the run goes on: room for one sample at least.
func (t *reel) space() []int16 {
	if n := len(t.strips); n > 0 {
		if p := &t.strips[n-1]; p.run == t.run && p.hz == t.hz && p.n < block.Samples {
			return p.block.PCM[p.n:]
		}
	}
	t.strips = append(t.strips, strip{block: block.Get(), hz: t.hz, run: t.run, at: t.kept})
	return t.strips[len(t.strips)-1].block.PCM
}

func (t *reel) wrote(n int) {
	t.strips[len(t.strips)-1].n += n
	t.kept += int64(n)
}

// next is audio to be read, as it lies in one block, and its rate; nil if there is none.
func (t *reel) next() (pcm []int16, hz int) {
	for t.cursor < len(t.strips)-1 && t.offset == t.strips[t.cursor].n {
		t.cursor++
		t.offset = 0
	}
	if t.cursor == len(t.strips) {
		return nil, 0
	}
	p := &t.strips[t.cursor]
	return p.block.PCM[t.offset:p.n], p.hz
}

// read notes that n samples of next were read.
func (t *reel) read(n int) { t.offset += n }

// place is where next stands; all, if there is nothing to be read.
func (t *reel) place(all int64) int64 {
	if pcm, _ := t.next(); len(pcm) == 0 {
		return all
	}
	return t.strips[t.cursor].place(t.offset, t.sourceHz)
}

// seek goes back: the next to be read is the first sample that does not stand before a place.
func (t *reel) seek(place int64) {
	for i := range t.strips {
		p := &t.strips[i]
		at := -floorDiv(-(place-p.run)*int64(p.hz), int64(t.sourceHz)) - p.at
		if at < int64(p.n) {
			t.cursor, t.offset = i, int(max(at, 0))
			return
		}
		t.cursor, t.offset = i, p.n
	}
}

func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}

// forget gives back what stands before a place, which has been read.
func (t *reel) forget(place int64) {
	for t.cursor > 0 && t.strips[1].place(0, t.sourceHz) <= place {
		t.strips[0].block.Put()
		t.strips[0] = strip{}
		t.strips = t.strips[1:]
		t.cursor--
	}
}

// rates are those at which there is audio.
func (t *reel) rates() (hz []int) {
	for i := range t.strips {
		if !slices.Contains(hz, t.strips[i].hz) {
			hz = append(hz, t.strips[i].hz)
		}
	}
	return hz
}

// drop gives everything back: nothing is written or read any more.
func (t *reel) drop() {
	for i := range t.strips {
		t.strips[i].block.Put()
	}
	*t = reel{sourceHz: t.sourceHz}
}
