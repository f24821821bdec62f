package session

import (
	"time"

	"mod_openai_audio_stream/module/audio"
	"mod_openai_audio_stream/module/command"
)

const (
	// A pause in the frames of more than gapAfter is filled with silence up to gapMargin before now: the server's voice
	// detector counts audio, not time, and would wait for the end of a sentence for ever. gapMost bounds one pause.
	gapAfter  = 120 * time.Millisecond
	gapMargin = 40 * time.Millisecond
	gapMost   = 30 * time.Second
	// muteSilence ends the caller's sentence for the server when the caller is muted.
	muteSilence = time.Second
	// The callee's audio waits for calleeCushion before it is mixed, so that the jitter between two media threads
	// does not tear it, and is cut back to it beyond calleeMost.
	calleeCushion = 40 * time.Millisecond
	calleeMost    = 200 * time.Millisecond
)

// lane brings one direction's frames to the stream's rate, mono.
type lane struct {
	rateHz    int
	frameHz   int
	resampler *audio.Resampler
	mono      []int16
}

// convert returns the frame's audio, valid until the next call.
func (l *lane) convert(dst []int16, f *Frame) []int16 {
	pcm := f.PCM
	if f.Channels == 2 {
		l.mono = audio.Downmix(l.mono[:0], pcm)
		pcm = l.mono
	}
	if f.RateHz != l.frameHz {
		r, err := audio.NewResampler(f.RateHz, l.rateHz, 1)
		if err != nil {
			return dst // a rate that no codec has
		}
		if l.resampler != nil {
			dst = l.resampler.Drain(dst)
		} else {
			// What the filter holds back (5 ms) would leave each message a little short of full until the next frame
			// comes: a frame later. Silence in front makes up for it.
			dst = append(dst, make([]int16, (r.Delay()*l.rateHz+f.RateHz-1)/f.RateHz)...)
		}
		l.resampler, l.frameHz = r, f.RateHz
	}
	return l.resampler.Process(dst, pcm)
}

// capture turns the channel's frames into the pieces of audio that are sent. It belongs to the session's goroutine.
type capture struct {
	stream Stream
	mix    command.Mix
	rateHz int
	muted  bool // by mute user or mute_user
	paused bool

	caller, callee lane
	frame          Frame
	pcm            []int16 // one frame's worth, converted
	callerWaiting  []int16 // where there are two, the caller waits for as long as the callee does
	calleeWaiting  []int16
	calleeReady    bool

	// due is the time up to which audio has been accounted for; zero until the first frame.
	due       time.Time
	lastFrame time.Time

	// pending is audio in the stream's channels, at rateHz, that has not been sent. Beyond most samples the oldest is
	// dropped.
	pending []int16
	most    int

	capturedSamples, droppedSamples, gapSamples int64 // per channel, at rateHz
}

func newCapture(stream Stream, mix command.Mix, rateHz int, bound time.Duration) *capture {
	c := &capture{stream: stream, mix: mix, rateHz: rateHz}
	c.caller.rateHz, c.callee.rateHz = rateHz, rateHz
	if mix != command.Mono {
		c.callerWaiting = make([]int16, timeSamples(calleeCushion, rateHz))
	}
	c.bound(bound)
	return c
}

// bound sets how much audio may wait to be sent.
func (c *capture) bound(d time.Duration) {
	c.most = int(timeSamples(d, c.rateHz)) * c.mix.Channels()
	c.trim()
}

func (c *capture) silent() bool { return c.muted || c.paused }

// drain takes what the media threads have left.
func (c *capture) drain(now time.Time) {
	if c.mix != command.Mono {
		for c.stream.ReadCallee(&c.frame) {
			if c.silent() {
				continue
			}
			c.calleeWaiting = c.callee.convert(c.calleeWaiting, &c.frame)
		}
	}
	for c.stream.ReadCaller(&c.frame) {
		n := len(c.frame.PCM) / max(c.frame.Channels, 1)
		// Keeps a slow sound card's drift from adding up to a false gap.
		if earliest := now.Add(-gapMargin); c.due.Before(earliest) {
			c.due = earliest
		}
		c.due = c.due.Add(samplesTime(uint64(n), max(c.frame.RateHz, 1)))
		c.lastFrame = now
		if c.silent() {
			continue
		}
		c.pcm = c.caller.convert(c.pcm[:0], &c.frame)
		c.emit(c.pcm)
	}
	// Only now: after a stall the caller's frames, as many, have just taken theirs.
	if n := len(c.calleeWaiting) - int(timeSamples(calleeMost, c.rateHz)); n > 0 {
		n += int(timeSamples(calleeMost-calleeCushion, c.rateHz))
		c.calleeWaiting = append(c.calleeWaiting[:0], c.calleeWaiting[n:]...)
	}
}

// fillGap appends silence for time in which FreeSWITCH gave no frames (comfort noise, lost packets, hold). It returns
// when to look again.
func (c *capture) fillGap(now time.Time) time.Time {
	if c.due.IsZero() {
		c.due, c.lastFrame = now, now
	}
	if lag := now.Sub(c.due); lag >= gapAfter {
		fill := lag - gapMargin
		c.due = c.due.Add(fill)
		if now.Sub(c.lastFrame) <= gapMost && !c.silent() {
			n := int(timeSamples(fill, c.rateHz))
			c.gapSamples += int64(n)
			c.silence(n)
		}
	}
	return c.due.Add(gapAfter)
}

// mute stops the caller's audio or lets it through again. On the way in, the server gets a second of silence.
func (c *capture) mute(on bool) {
	if on && !c.muted && !c.paused {
		c.silence(int(timeSamples(muteSilence, c.rateHz)))
	}
	c.muted = on
	c.calleeWaiting = c.calleeWaiting[:0]
}

func (c *capture) silence(n int) {
	for n > 0 {
		k := min(n, c.rateHz/50)
		if cap(c.pcm) < k {
			c.pcm = make([]int16, k)
		}
		c.pcm = c.pcm[:k]
		clear(c.pcm)
		c.emit(c.pcm)
		n -= k
	}
}

// emit adds caller audio, with the callee's beside it where the mix wants it.
func (c *capture) emit(caller []int16) {
	n := len(caller)
	c.capturedSamples += int64(n)
	if c.mix != command.Mono {
		c.callerWaiting = append(c.callerWaiting, caller...)
		caller = c.callerWaiting[:n]
	}
	switch c.mix {
	case command.Mono:
		c.pending = append(c.pending, caller...)
	case command.Mixed:
		c.pending = audio.Mix(c.pending, caller, c.takeCallee(len(caller)))
	case command.Stereo:
		c.pending = audio.Interleave(c.pending, caller, c.takeCallee(len(caller)))
	}
	if c.mix != command.Mono {
		c.callerWaiting = append(c.callerWaiting[:0], c.callerWaiting[n:]...)
	}
	c.trim()
}

// takeCallee returns n samples of the callee, silence where there are fewer; valid until drain runs again.
func (c *capture) takeCallee(n int) []int16 {
	have := len(c.calleeWaiting)
	if !c.calleeReady && have >= n+int(timeSamples(calleeCushion, c.rateHz)) {
		c.calleeReady = true
	}
	out := make([]int16, n)
	if !c.calleeReady {
		return out
	}
	k := copy(out, c.calleeWaiting)
	c.calleeWaiting = append(c.calleeWaiting[:0], c.calleeWaiting[k:]...)
	c.calleeReady = k == n
	return out
}

func (c *capture) trim() {
	if over := len(c.pending) - c.most; over > 0 {
		over += over % c.mix.Channels()
		c.droppedSamples += int64(over / c.mix.Channels())
		c.pending = append(c.pending[:0], c.pending[over:]...)
	}
}

// take removes the next n samples per channel, nil if there are fewer. The result is valid until drain or fillGap runs.
func (c *capture) take(from *int, n int) []int16 {
	n *= c.mix.Channels()
	if len(c.pending)-*from < n {
		return nil
	}
	pcm := c.pending[*from : *from+n]
	*from += n
	return pcm
}

// sent forgets the first n samples (of all channels together).
func (c *capture) sent(n int) {
	if n > 0 {
		c.pending = append(c.pending[:0], c.pending[n:]...)
	}
}
