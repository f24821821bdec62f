package audio

import (
	"fmt"
	"slices"
)

const (
	// minRate and maxRate are the limits of a rate in Hz.
	minRate = 1000
	maxRate = 384000
	// historyRoom is how many input samples a channel's history takes beyond
	// the filter's length before it is moved down: 20 ms at 48 kHz and a bit.
	historyRoom = 1024
)

// A Resampler converts a stream of int16 samples from one rate to another. It
// is a polyphase windowed-sinc low-pass filter of 80 taps at the lower rate,
// equivalent to speexdsp's at quality 5 (see resample_filter.go), in fixed
// point: the output does not depend on how the input is cut into chunks, nor on
// the processor.
//
// Output sample k stands at the instant of input sample k*inRate/outRate: the
// filter's delay is not heard as leading silence. It is felt as look-ahead, see
// Delay: what has been held back at the end comes from Drain.
//
// A Resampler is not safe for concurrent use. The filter tables behind it are
// shared and immutable.
type Resampler struct {
	filter   *filter // nil: equal rates, pass-through
	channels int

	// Position of the next output: its filter window starts at input sample
	// pos of history, phase/den of a sample late. Equal for all channels.
	pos   int
	phase int

	// Input that outputs still need, one slice a channel, each n samples long
	// so far. A stream starts with silence for the window's past.
	history [2][]int16
	n       int

	// Left sample of a stereo frame whose right one has not come yet.
	half    int16
	hasHalf bool
}

// NewResampler returns a resampler from inRate to outRate, both in Hz, for
// channels 1 (mono) or 2 (interleaved stereo). Every pair of 8000, 11025, 12000,
// 16000, 22050, 24000, 32000, 44100 and 48000 is supported, and other rates from
// 1000 to 384000 when their ratio in lowest terms is simple enough for a table
// of a few megabytes; it is an error otherwise.
//
// The first use of a ratio designs its filter: some microseconds for 8 to
// 24 kHz, tens of milliseconds for 11.025 to 32 kHz.
func NewResampler(inRate, outRate, channels int) (*Resampler, error) {
	if inRate < minRate || inRate > maxRate || outRate < minRate || outRate > maxRate {
		return nil, fmt.Errorf("resample %d to %d Hz: rates go from %d to %d Hz", inRate, outRate, minRate, maxRate)
	}
	if channels != 1 && channels != 2 {
		return nil, fmt.Errorf("resample %d channels: 1 or 2 are supported", channels)
	}
	r := &Resampler{channels: channels}
	if inRate == outRate {
		return r, nil
	}
	g := gcd(inRate, outRate)
	f, err := filterFor(inRate/g, outRate/g)
	if err != nil {
		return nil, fmt.Errorf("resample %d to %d Hz: %w", inRate, outRate, err)
	}
	r.filter = f
	for c := range channels {
		r.history[c] = make([]int16, f.rowTaps+historyRoom)
	}
	r.Reset()
	return r, nil
}

// Delay returns how many input samples per channel are held back: an output
// sample appears once the input reaches Delay samples past its instant. It is 0
// for equal rates, 40 when the rate rises, and 40 output samples' worth of input
// when it falls.
func (r *Resampler) Delay() int {
	if r.filter == nil {
		return 0
	}
	return r.filter.lookAhead
}

// Reset returns to the state of a new resampler; what was held back is dropped.
func (r *Resampler) Reset() {
	r.hasHalf = false
	if r.filter == nil {
		return
	}
	// The first output's window: its own instant is the first input sample.
	past := r.filter.rowTaps - r.filter.lookAhead - 1
	for c := range r.channels {
		clear(r.history[c][:past])
	}
	r.pos, r.phase, r.n = 0, 0, past
}

// Process consumes all of src and appends to dst the output that it completes,
// saturated to int16. Samples of stereo are interleaved in both; src may end in
// the middle of a frame, the rest of which comes first in the next call. dst and
// src must not overlap. It allocates only if dst lacks capacity.
func (r *Resampler) Process(dst, src []int16) []int16 {
	if r.filter == nil {
		return append(dst, src...)
	}
	if r.channels == 1 {
		for len(src) > 0 {
			k := min(r.room(), len(src))
			copy(r.history[0][r.n:], src[:k])
			src = src[k:]
			r.n += k
			dst = r.emit(dst, r.ready())
		}
		return dst
	}
	if r.hasHalf && len(src) > 0 {
		r.hasHalf = false
		dst = r.push(dst, []int16{r.half, src[0]})
		src = src[1:]
	}
	if len(src)%2 != 0 {
		r.half, r.hasHalf = src[len(src)-1], true
		src = src[:len(src)-1]
	}
	return r.push(dst, src)
}

// push is Process for whole stereo frames.
func (r *Resampler) push(dst, src []int16) []int16 {
	for len(src) > 0 {
		k := min(r.room(), len(src)/2)
		left, right := r.history[0][r.n:r.n+k], r.history[1][r.n:r.n+k]
		for i := range left {
			left[i], right[i] = src[2*i], src[2*i+1]
		}
		src = src[2*k:]
		r.n += k
		dst = r.emit(dst, r.ready())
	}
	return dst
}

// Drain ends the stream: it appends to dst what the filter still holds back, as
// if silence followed, and resets. Over a stream of n input samples per channel,
// Process and Drain together give n*outRate/inRate output samples per channel,
// rounded to the nearest. Half a stereo frame is dropped.
func (r *Resampler) Drain(dst []int16) []int16 {
	if r.filter != nil {
		dst = r.drain(dst)
	}
	r.Reset()
	return dst
}

// drain emits the outputs whose instant lies in the input so far.
func (r *Resampler) drain(dst []int16) []int16 {
	f := r.filter
	// The stream ends end samples after the sample that the next output's
	// window is centred on.
	end := r.n - r.pos - (f.rowTaps - f.lookAhead - 1)
	left := max(0, (end*f.den-r.phase+f.num/2)/f.num)
	for silence := f.lookAhead; silence > 0; {
		k := min(silence, r.room())
		for c := range r.channels {
			clear(r.history[c][r.n : r.n+k])
		}
		silence -= k
		r.n += k
		n := min(left, r.ready())
		left -= n
		dst = r.emit(dst, n)
	}
	return dst
}

// room returns how many samples each channel's history can take, at least one.
// It moves the histories down once they are full.
func (r *Resampler) room() int {
	if r.n == len(r.history[0]) {
		for c := range r.channels {
			copy(r.history[c], r.history[c][r.pos:r.n])
		}
		r.n -= r.pos
		r.pos = 0
	}
	return len(r.history[0]) - r.n
}

// ready returns how many outputs per channel have all the input they need.
func (r *Resampler) ready() int {
	f := r.filter
	spare := r.n - r.pos - f.rowTaps
	if spare < 0 {
		return 0
	}
	// Output k's window starts at pos + (phase + k*num)/den, rounded down.
	return ((spare+1)*f.den-1-r.phase)/f.num + 1
}

// emit appends n outputs per channel, which must be ready.
func (r *Resampler) emit(dst []int16, n int) []int16 {
	if n == 0 {
		return dst
	}
	at := len(dst)
	dst = slices.Grow(dst, n*r.channels)[:at+n*r.channels]
	f := r.filter
	for c := range r.channels {
		run := newRun(f, r.phase, &dst[at+c], n, r.channels, &r.history[c][r.pos])
		convolve(&run)
	}
	last := r.phase + n*f.num
	r.pos += last / f.den
	r.phase = last % f.den
	return dst
}

// gcd is the greatest common divisor of positive a and b.
func gcd(a, b int) int {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}
