package stream

import (
	"time"

	"mod_openai_audio_stream/module/audio"
)

// lane brings one direction's frames to the stream's rate, mono.
type lane struct {
	rateHz    int
	frameHz   int // of the last frame; 0 before the first
	resampler *audio.Resampler
	lead      int // samples of silence that were put in front
	mono      []int16
}

// convert appends the frame's audio to dst.
func (l *lane) convert(dst []int16, f *Frame) []int16 {
	pcm := f.PCM
	if f.Channels == 2 {
		l.mono = audio.Downmix(l.mono[:0], pcm)
		pcm = l.mono
	}
	if f.RateHz != l.frameHz {
		r, err := audio.NewResampler(f.RateHz, l.rateHz)
		if err != nil {
			return dst // a rate that no codec has
		}
		if l.resampler != nil {
			dst = l.resampler.Drain(dst)
		} else {
			// What the filter holds back (5 ms) would leave each message a little short of full until the next frame
			// comes: a frame later. Silence in front makes up for it.
			l.lead = heldBack(r, f.RateHz, l.rateHz)
			dst = append(dst, make([]int16, l.lead)...)
		}
		l.resampler, l.frameHz = r, f.RateHz
	}
	return l.resampler.Process(dst, pcm)
}

// behind is how long ago the end of what convert has given was at the end of a frame.
func (l *lane) behind() time.Duration {
	if l.resampler == nil {
		return 0
	}
	return samplesTime(uint64(l.resampler.Delay()), l.frameHz)
}

// heldBack is how many output samples a resampler is behind its input.
func heldBack(r *audio.Resampler, from, to int) int {
	return (r.Delay()*to + from - 1) / from
}
