package audio

import (
	"fmt"
	"slices"
)

const (
	// minRate and maxRate are the limits of a rate in Hz.
	minRate = 1000
	maxRate = 384000
	// historyRoom is how many input samples the history takes beyond the
	// filter's length before it is moved down: 20 ms at 48 kHz and a bit.
	historyRoom = 1024
)

// A Resampler converts a mono stream of int16 samples from one rate to another. It
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
	filter *filter // nil: equal rates, pass-through

	// Position of the next output: its filter window starts at input sample
	// pos of history, phase/den of a sample late.
	pos   int
	phase int

	// Input that outputs still need, n samples so far. A stream starts with
	// silence for the window's past.
	history []int16
	n       int
}

// NewResampler returns a resampler from inRate to outRate, both in Hz. Every pair
// of 8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100 and 48000 is
// supported, and other rates from 1000 to 384000 when their ratio in lowest terms
// is simple enough for a table of a few megabytes; it is an error otherwise.
//
// The first use of a ratio designs its filter: some microseconds for 8 to
// 24 kHz, tens of milliseconds for 11.025 to 32 kHz.
func NewResampler(inRate, outRate int) (*Resampler, error) {
	if inRate < minRate || inRate > maxRate || outRate < minRate || outRate > maxRate {
		return nil, fmt.Errorf("resample %d to %d Hz: rates go from %d to %d Hz", inRate, outRate, minRate, maxRate)
	}
	r := &Resampler{}
	if inRate == outRate {
		return r, nil
	}
	g := gcd(inRate, outRate)
	f, err := filterFor(inRate/g, outRate/g)
	if err != nil {
		return nil, fmt.Errorf("resample %d to %d Hz: %w", inRate, outRate, err)
	}
	r.filter = f
	r.history = make([]int16, f.rowTaps+historyRoom)
	r.Reset()
	return r, nil
}

// Delay returns how many input samples are held back: an output
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
	if r.filter == nil {
		return
	}
	// The first output's window: its own instant is the first input sample.
	past := r.filter.rowTaps - r.filter.lookAhead - 1
	clear(r.history[:past])
	r.pos, r.phase, r.n = 0, 0, past
}

// Process consumes all of src and appends to dst the output that it completes,
// saturated to int16. dst and src must not overlap. It allocates only if dst
// lacks capacity.
func (r *Resampler) Process(dst, src []int16) []int16 {
	if r.filter == nil {
		return append(dst, src...)
	}
	for len(src) > 0 {
		k := min(r.room(), len(src))
		copy(r.history[r.n:], src[:k])
		src = src[k:]
		r.n += k
		dst = r.emit(dst, r.ready())
	}
	return dst
}

// Drain ends the stream: it appends to dst what the filter still holds back, as
// if silence followed, and resets. Over a stream of n input samples, Process and
// Drain together give n*outRate/inRate output samples, rounded to the nearest.
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
		clear(r.history[r.n : r.n+k])
		silence -= k
		r.n += k
		n := min(left, r.ready())
		left -= n
		dst = r.emit(dst, n)
	}
	return dst
}

// room returns how many samples the history can take, at least one. It moves the
// history down once it is full.
func (r *Resampler) room() int {
	if r.n == len(r.history) {
		copy(r.history, r.history[r.pos:r.n])
		r.n -= r.pos
		r.pos = 0
	}
	return len(r.history) - r.n
}

// ready returns how many outputs have all the input they need.
func (r *Resampler) ready() int {
	f := r.filter
	spare := r.n - r.pos - f.rowTaps
	if spare < 0 {
		return 0
	}
	// Output k's window starts at pos + (phase + k*num)/den, rounded down.
	return ((spare+1)*f.den-1-r.phase)/f.num + 1
}

// emit appends n outputs, which must be ready.
func (r *Resampler) emit(dst []int16, n int) []int16 {
	if n == 0 {
		return dst
	}
	at := len(dst)
	dst = slices.Grow(dst, n)[:at+n]
	f := r.filter
	run := newRun(f, r.phase, &dst[at], n, &r.history[r.pos])
	convolve(&run)
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
