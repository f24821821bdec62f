package realtimetest

import "math"

// detector finds speech in audio by its energy. Its clock is the audio: it counts samples, not time.
type detector struct {
	rateHz  int
	level   float64 // RMS of a frame from which it is loud
	prefix  int64   // samples before the first loud frame that belong to the speech
	silence int64   // samples without a loud frame that end it

	pos      int64   // samples fed
	frame    []int16 // an incomplete one
	speaking bool
	loud     int   // loud frames in a row
	quiet    int64 // samples since the last loud frame
	floor    int64 // speech does not begin before the end of the last
}

// loudFrames is how many in a row begin speech: a click is none.
const loudFrames = 3

// edge is a beginning or an end of speech.
type edge struct {
	start bool
	at    int64 // sample; prefix and silence included
}

// feed takes mono audio and returns the edges in it.
func (d *detector) feed(pcm []int16) (edges []edge) {
	size := max(d.rateHz/100, 1)
	for len(pcm) > 0 {
		n := min(size-len(d.frame), len(pcm))
		d.frame = append(d.frame, pcm[:n]...)
		pcm = pcm[n:]
		if len(d.frame) < size {
			return edges
		}
		d.pos += int64(size)
		if e, ok := d.judge(rms(d.frame) >= d.level, int64(size)); ok {
			edges = append(edges, e)
		}
		d.frame = d.frame[:0]
	}
	return edges
}

func (d *detector) judge(loud bool, size int64) (edge, bool) {
	if loud {
		d.loud++
		d.quiet = 0
	} else {
		d.loud = 0
		d.quiet += size
	}
	switch {
	case !d.speaking && d.loud == loudFrames:
		d.speaking = true
		return edge{start: true, at: max(d.pos-loudFrames*size-d.prefix, d.floor)}, true
	case d.speaking && d.quiet >= d.silence:
		d.speaking = false
		d.floor = d.pos
		return edge{at: d.pos}, true
	}
	return edge{}, false
}

// reset forgets speech that has begun, as a commit by hand does. The clock goes on.
func (d *detector) reset() {
	d.speaking, d.loud, d.quiet = false, 0, 0
	d.floor = d.pos
}

func rms(pcm []int16) float64 {
	var sum float64
	for _, v := range pcm {
		sum += float64(v) * float64(v)
	}
	return math.Sqrt(sum / float64(max(len(pcm), 1)))
}
