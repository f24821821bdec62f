package stream

import (
	"mod_openai_audio_stream/module/audio"
	"mod_openai_audio_stream/module/command"
)

// resamplerTo is what converts the present frames to another rate; nil before the first frame.
func (l *lane) resamplerTo(hz int) (*audio.Resampler, error) {
	if l.resampler == nil {
		return nil, nil
	}
	return audio.NewResampler(l.frameHz, hz)
}

// setRate converts to another rate from now on, by what resamplerTo gave. What the old resampler held back is in tail,
// at the old rate. lead is how many samples of silence, at the new rate, have to be put in front to make up for what
// the new one holds back.
func (l *lane) setRate(hz int, r *audio.Resampler) (tail []int16, lead int) {
	if r != nil {
		tail = l.resampler.Drain(nil)
		had := int(rescale(int64(l.lead), l.rateHz, hz))
		l.lead = max(had, heldBack(r, l.frameHz, hz))
		lead = l.lead - had
	}
	l.resampler, l.rateHz = r, hz
	return tail, lead
}

// setRate changes the rate at which audio is sent to hz, and converts what waits: no audio is lost or doubled. It is for
// a server's session of which nothing has been taken yet. An error, for a rate that nothing can be converted to, changes
// nothing.
func (c *capture) setRate(hz int) error {
	if hz == c.rateHz {
		return nil
	}
	waiting, err := audio.NewResampler(c.rateHz, hz)
	if err != nil {
		return err
	}
	ofCaller, err := c.caller.resamplerTo(hz)
	if err != nil {
		return err
	}
	ofCallee, err := c.callee.resamplerTo(hz)
	if err != nil {
		return err
	}
	tail, _ := c.callee.setRate(hz, ofCallee)
	c.calleeWaiting = append(c.calleeWaiting, tail...)
	tail, lead := c.caller.setRate(hz, ofCaller)
	c.emit(tail)

	convert := func(lead int, pcm []int16) []int16 {
		return waiting.Drain(waiting.Process(make([]int16, lead), pcm))
	}
	samples := func(n int64) int64 { return rescale(n, c.rateHz, hz) }
	c.pending = convert(lead, c.pending)
	if c.mix != command.Mono {
		c.beside = convert(lead, c.beside)
		c.calleeWaiting = convert(0, c.calleeWaiting)
	}
	fillEnd := lead + int(samples(int64(c.fillAt+c.fillLen)))
	c.fillAt = lead + int(samples(int64(c.fillAt)))
	c.fillLen = fillEnd - c.fillAt
	c.droppedSamples, c.gapSamples = samples(c.droppedSamples), samples(c.gapSamples)
	c.clock.setRate(hz)
	c.clock.lead(int64(lead))
	c.rateHz = hz
	c.bound(c.limit)
	return nil
}
