package stream

import (
	"time"

	"mod_openai_audio_stream/module/audio"
	"mod_openai_audio_stream/module/command"
)

const (
	// A caller from whom nothing comes for gapAfter counts as silent. From then on silence is sent in real time, up to
	// gapMargin before now, so that a frame which is a little late finds its place. maxGap bounds one pause.
	gapAfter  = 120 * time.Millisecond
	gapMargin = 40 * time.Millisecond
	maxGap    = 30 * time.Second
	// How often to look for frames that do not come, and while silence is sent in their place.
	lookEvery = 40 * time.Millisecond
	fillEvery = 20 * time.Millisecond
	// sentenceEnd is the part of a pause in which a server's voice detector finds the end of a sentence. It is sent as
	// it was. The time line is put right in what follows.
	sentenceEnd = time.Second
	// quietPeak is -50 dBFS: no sample of a pause is above it, and speech in a telephone is.
	quietPeak = 100
	// muteSilence ends the caller's sentence for the server when the caller is muted.
	muteSilence = time.Second
	// The callee's audio waits for calleeCushion before it is mixed, so that the jitter between two media threads
	// does not tear it, and is cut back to it beyond maxCallee.
	calleeCushion = 40 * time.Millisecond
	maxCallee     = 200 * time.Millisecond
)

// capture turns the channel's frames into the pieces of audio that are sent. It is the stream's owner's.
//
// A server's voice detector counts audio, not time: without silence in a pause it would wait for the end of a sentence
// for ever. So the caller's time line is kept. Each frame moves due, up to which audio has been accounted for, by its
// length, and due follows the clock:
//
//   - Frames come: due is at most now. A jump ahead of it is a burst of frames for which silence was sent. They replace
//     what of it still waits here. The rest is a debt, and due stays ahead by it.
//   - None has come for gapAfter in which somebody looked: a gap. Silence is sent until the next frame. Time in which
//     nobody looked because the process did not run is no evidence: the frames of that time come late.
//   - A pause has lasted for sentenceEnd, with or without frames: due is brought back to now. A debt is taken off the
//     silence; for frames that were lost silence is added.
type capture struct {
	rings  Rings
	mix    command.Mix
	rateHz int
	muted  bool // by mute user or mute_user
	paused bool
	masked bool // what the caller says is silence, sample for sample: it may be keys that nobody is to know

	caller, callee lane
	frame          Frame
	pcm            []int16 // one frame's worth, converted
	calleeWaiting  []int16
	calleeReady    bool

	due        time.Time     // zero until the first look
	lastFrame  time.Time     // when it came
	lastLook   time.Time     // when somebody looked for frames
	nextLook   time.Time     // when it is due
	watched    time.Duration // of the time since lastFrame, without a frame
	covered    time.Time     // up to which the present gap has been dealt with
	quietSince time.Time     // since when frames have been quiet; zero if the last one was not or nothing is to be put right

	// pending is the caller's audio at rateHz that has not been sent, and beside the callee's where the mix wants it, up
	// to calleeCushion shorter. Beyond most samples the oldest is dropped.
	pending, beside []int16
	most            int
	limit           time.Duration // the same as a time
	taken           []int16       // what take returns of both
	clock           captureClock  // when the samples in line were captured
	voice           audio.Voice   // hears the caller's own audio, before the guard, and before it is mixed or lies in line
	guard           echoGuard
	// The silence of the last gap lies in pending at fillAt.
	fillAt, fillLen int

	droppedSamples, gapSamples int64 // per channel, at rateHz; gapSamples without what was replaced or taken off
}

func newCapture(rings Rings, mix command.Mix, rateHz int, bound time.Duration) *capture {
	c := &capture{rings: rings, mix: mix, rateHz: rateHz}
	c.caller.rateHz, c.callee.rateHz, c.clock.rateHz = rateHz, rateHz, rateHz
	c.restarted()
	if mix != command.Mono {
		// The caller waits for as long as the callee does.
		c.pending = make([]int16, timeSamples(calleeCushion, rateHz))
	}
	c.bound(bound)
	return c
}

// bound sets how much audio may wait to be sent.
func (c *capture) bound(d time.Duration) {
	c.limit, c.most = d, int(timeSamples(d, c.rateHz))
	c.trim()
}

// restarted says that the server has begun a session, which counts its audio from 0. What waits will be sent to it.
func (c *capture) restarted() { c.clock.restart() }

// timeAt is the time at which the audio was captured that is ms into what the server has been sent since restarted. It is
// false for what has not been sent, and for what is too long ago to be remembered. Silence that stood for frames has the
// time for which it stood.
func (c *capture) timeAt(ms int64) (time.Time, bool) { return c.clock.at(ms) }

// voiceEnd is the time at which the last voice of the caller's ended, as far as frames have come; zero if there was
// none. A caller who is muted has no voice.
func (c *capture) voiceEnd() time.Time { return c.clock.voiceEnd() }

// voiceLasted is how long the voice has lasted that the caller speaks with now, from its first block; 0 if there is none.
func (c *capture) voiceLasted(now time.Time) time.Duration {
	lasted := c.voice.Lasted()
	if lasted == 0 || now.Sub(c.voiceEnd()) >= voiceGap { // or the frames have stopped
		return 0
	}
	return lasted
}

func (c *capture) silent() bool { return c.muted || c.paused }

// drain takes what the media threads have left. It returns when to look for a gap.
func (c *capture) drain(now time.Time) time.Time {
	if c.due.IsZero() {
		c.begin(now)
	}
	if c.mix != command.Mono {
		for c.rings.ReadCallee(&c.frame) {
			if c.silent() {
				continue
			}
			c.calleeWaiting = c.callee.convert(c.calleeWaiting, &c.frame)
		}
	}
	if c.guard.on() {
		c.guard.look(c.rings.Look().Read, now)
	}
	for c.rings.ReadCaller(&c.frame) {
		if c.silent() {
			c.begin(now)
			continue
		}
		c.add(now)
	}
	// Only now: after a stall the caller's frames, as many, have just taken theirs.
	if n := len(c.calleeWaiting) - int(timeSamples(maxCallee, c.rateHz)); n > 0 {
		n += int(timeSamples(maxCallee-calleeCushion, c.rateHz))
		c.calleeWaiting = append(c.calleeWaiting[:0], c.calleeWaiting[n:]...)
	}
	return c.nextLook
}

// begin starts the time line at now.
func (c *capture) begin(now time.Time) {
	c.due, c.quietSince = now, time.Time{}
	c.clock.breakRun()
	c.voice.Lapse()
	c.heard(now)
}

// heard notes that there is a frame.
func (c *capture) heard(now time.Time) {
	c.lastFrame, c.lastLook, c.covered, c.watched = now, now, now, 0
	c.nextLook = now.Add(lookEvery)
}

// add takes the frame that was read.
func (c *capture) add(now time.Time) {
	late := now.Sub(c.lastFrame) > gapAfter
	if now.Sub(c.lastFrame) >= voiceGap {
		c.voice.Lapse()
	}
	c.heard(now)
	if c.masked {
		clear(c.frame.PCM) // before the resampler, which holds some of it back
	}
	c.pcm = c.caller.convert(c.pcm[:0], &c.frame)
	voice := !c.masked && c.voice.Detect(c.pcm, c.rateHz)
	length := samplesTime(uint64(len(c.frame.PCM)/max(c.frame.Channels, 1)), max(c.frame.RateHz, 1))
	if c.pausing(now, late) && c.correct(now, length) {
		c.clock.breakRun()
		return
	}
	c.due = c.due.Add(length)
	if c.guard.on() {
		c.guard.lower(c.pcm, c.rateHz, now)
	}
	pcm := c.pcm
	if ahead := c.due.Sub(now); ahead > 0 {
		// Only silence can be too much: what is ahead beyond it came early, or the caller's clock is fast.
		if filled := samplesTime(uint64(c.gapSamples), c.rateHz); ahead > filled {
			ahead, c.due = filled, now.Add(filled)
		}
		pcm = pcm[c.replace(pcm, int(timeSamples(ahead, c.rateHz))):]
	}
	if behind := now.Add(-maxGap); c.due.Before(behind) {
		c.due = behind
	}
	c.emit(pcm)
	end := c.end()
	c.clock.frame(end-int64(len(c.pcm)), end, now.Add(-c.caller.behind()))
	if voice {
		c.clock.voice(end)
	}
}

// end is the number of the sample that comes next, in the clock's count.
func (c *capture) end() int64 { return c.clock.first + int64(len(c.pending)) }

// pausing reports whether the caller, from whom frames come, has been quiet for so long that the time line may be put
// right, if it needs to be. late: after a stall the frames say little of now.
func (c *capture) pausing(now time.Time, late bool) bool {
	lag := now.Sub(c.due)
	if lag >= 0 && lag < gapAfter || !isQuiet(c.pcm) {
		c.quietSince = time.Time{}
		return false
	}
	if c.quietSince.IsZero() || late {
		c.quietSince = now
	}
	return now.Sub(c.quietSince) >= sentenceEnd
}

// correct puts the time line right at a quiet frame. It reports whether the frame was taken off for that.
func (c *capture) correct(now time.Time, length time.Duration) bool {
	switch lag := now.Sub(c.due); {
	case lag >= gapAfter:
		c.fill(now, lag-gapMargin)
	case lag <= -length && c.calleeIsQuiet():
		c.gapSamples = max(c.gapSamples-int64(len(c.pcm)), 0)
		n := min(len(c.pcm), len(c.calleeWaiting))
		c.calleeWaiting = append(c.calleeWaiting[:0], c.calleeWaiting[n:]...)
		return true
	}
	return false
}

// calleeIsQuiet reports whether nothing is lost when the callee's audio is not sent.
func (c *capture) calleeIsQuiet() bool { return isQuiet(c.calleeWaiting) }

func isQuiet(pcm []int16) bool { return isBelow(pcm, quietPeak) }

// replace puts the first of pcm in the place of as much silence that has not been sent, n samples at most. The silence
// that stays is before it: what comes last is the newest. It returns how many samples were placed.
func (c *capture) replace(pcm []int16, n int) int {
	n = min(n, len(pcm), c.fillLen)
	if n > 0 {
		copy(c.pending[c.fillAt:], c.pending[c.fillAt+n:])
		copy(c.pending[len(c.pending)-n:], pcm)
		c.clock.removed(c.clock.first+int64(c.fillAt), int64(n))
		c.fillLen -= n
		c.gapSamples -= int64(n)
		c.due = c.due.Add(-samplesTime(uint64(n), c.rateHz))
	}
	return n
}

// fillGap takes what has come, and sends silence if FreeSWITCH gives no frames (comfort noise, lost packets, hold). It
// returns when to look again.
func (c *capture) fillGap(now time.Time) time.Time {
	c.drain(now)
	if since := now.Sub(c.lastLook); since > gapAfter {
		c.watched = 0 // nobody looked for so long that the frames of that time may still be on their way
	} else {
		c.watched += min(since, lookEvery)
	}
	c.lastLook, c.nextLook = now, now.Add(lookEvery)
	switch pause := now.Sub(c.lastFrame); {
	case c.silent():
		c.begin(now)
	case pause > maxGap:
		c.due, c.covered = now.Add(-gapMargin), now.Add(-gapMargin)
	case c.watched >= gapAfter:
		c.nextLook = now.Add(fillEvery)
		missing, lag := now.Add(-gapMargin).Sub(c.covered), c.covered.Sub(c.due)
		if pause >= sentenceEnd && (lag > 0 || c.calleeIsQuiet()) || lag > 0 && lag <= gapAfter {
			missing += lag
		}
		c.covered = now.Add(-gapMargin)
		c.fill(now, missing)
	}
	return c.nextLook
}

// fill adds silence for a time in which there were no frames, up to gapMargin before now.
func (c *capture) fill(now time.Time, d time.Duration) {
	n := int(timeSamples(d, c.rateHz))
	if n <= 0 {
		return
	}
	if c.fillAt+c.fillLen != len(c.pending) {
		c.fillAt, c.fillLen = len(c.pending), 0
	}
	c.fillLen += n
	c.gapSamples += int64(n)
	c.due = c.due.Add(samplesTime(uint64(n), c.rateHz))
	c.silence(n)
	c.clock.silence(c.end()-int64(n), c.end(), now.Add(-gapMargin))
}

// mute stops the caller's audio or lets it through again. On the way in, the server gets a second of silence.
func (c *capture) mute(on bool) {
	if on && !c.muted && !c.paused {
		c.silence(int(timeSamples(muteSilence, c.rateHz)))
		c.clock.breakRun()
	}
	c.muted = on
	c.calleeWaiting = c.calleeWaiting[:0]
}

// silence adds n samples, 20 ms at a time so that the callee's audio finds its place.
func (c *capture) silence(n int) {
	for zeros := make([]int16, c.rateHz/50); n > 0; n -= len(zeros) {
		c.emit(zeros[:min(n, len(zeros))])
	}
}

// emit adds caller audio, with the callee's beside it where the mix wants it.
func (c *capture) emit(caller []int16) {
	c.pending = append(c.pending, caller...)
	if c.mix != command.Mono {
		c.beside = append(c.beside, c.takeCallee(len(caller))...)
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

// ready is how many samples per channel may be sent.
func (c *capture) ready() int {
	if c.mix != command.Mono {
		return len(c.beside)
	}
	return len(c.pending)
}

func (c *capture) trim() {
	if over := c.ready() - c.most; over > 0 {
		c.droppedSamples += int64(over)
		c.forget(over, false)
	}
}

// take removes the next n samples per channel, nil if there are fewer. The result is valid until the next call or until
// drain or fillGap runs.
func (c *capture) take(from *int, n int) []int16 {
	if c.ready()-*from < n {
		return nil
	}
	at := *from
	*from += n
	switch c.mix {
	case command.Mixed:
		c.taken = audio.Mix(c.taken[:0], c.pending[at:*from], c.beside[at:*from])
		return c.taken
	case command.Stereo:
		c.taken = audio.Interleave(c.taken[:0], c.pending[at:*from], c.beside[at:*from])
		return c.taken
	}
	return c.pending[at:*from]
}

// sent forgets the first n samples per channel, which the server has been sent.
func (c *capture) sent(n int) { c.forget(n, true) }

func (c *capture) forget(n int, sent bool) {
	if n == 0 {
		return
	}
	c.pending = dropFirst(c.pending, n)
	if c.mix != command.Mono {
		c.beside = dropFirst(c.beside, n)
	}
	c.fillLen -= min(max(n-c.fillAt, 0), c.fillLen)
	c.fillAt = max(c.fillAt-n, 0)
	c.clock.take(int64(n), sent)
}

// dropFirst is pcm without its first n samples. What has waited for a connection does not hold its memory for the rest of
// the call.
func dropFirst(pcm []int16, n int) []int16 {
	rest := len(pcm) - n
	if cap(pcm) > 4096 && rest < cap(pcm)/8 {
		return append(make([]int16, 0, 2*rest), pcm[n:]...)
	}
	return append(pcm[:0], pcm[n:]...)
}
