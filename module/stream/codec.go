package stream

import (
	"fmt"

	"mod_openai_audio_stream/module/audio"
	"mod_openai_audio_stream/module/realtime"
)

// codec is what the stream and the server have agreed on: how each direction's audio is written.
type codec struct {
	in, out realtime.Format

	decoder audio.PCM16Decoder // keeps the odd byte of a delta for the next one
	wire    []byte
	payload []byte // of G.711
}

// encode is caller audio as the server takes it, valid until pcm changes or the next call.
func (c *codec) encode(pcm []int16) []byte {
	switch c.in {
	case realtime.G711ULaw:
		c.wire = audio.EncodeULaw(c.wire[:0], pcm)
	case realtime.G711ALaw:
		c.wire = audio.EncodeALaw(c.wire[:0], pcm)
	default:
		return audio.PCM16LE(&c.wire, pcm)
	}
	return c.wire
}

// decode appends the audio of a delta to dst. It allocates only if dst lacks room for all that a delta of its length can
// hold. On an error dst is as it was.
func (c *codec) decode(dst []int16, delta []byte) ([]int16, error) {
	if c.out == realtime.PCM16 {
		return c.decoder.DecodeFrom(dst, len(delta)*3/4, func(raw []byte) ([]byte, error) {
			return realtime.DecodeAudio(raw, delta)
		})
	}
	payload, err := realtime.DecodeAudio(c.payload[:0], delta)
	if err != nil {
		return dst, err
	}
	c.payload = payload
	if c.out == realtime.G711ULaw {
		return audio.DecodeULaw(dst, payload), nil
	}
	return audio.DecodeALaw(dst, payload), nil
}

// restart forgets what was left over: the next delta is of other audio.
func (c *codec) restart() { c.decoder.Reset() }

// rateHz is the rate of a direction's audio, hz if the format leaves a choice.
func rateHz(f realtime.Format, hz int) int {
	if f != realtime.PCM16 {
		return realtime.G711RateHz
	}
	return hz
}

// mismatch says why the session's formats would be noise in an ear, "" if they are the stream's.
func (c *codec) mismatch(in, out realtime.AudioFormat) string {
	switch {
	case in.Name != "" && !in.Known:
		return "the server expects " + in.String() + ", which this module does not speak"
	case out.Name != "" && !out.Known:
		return "the server sends " + out.String() + ", which this module does not speak"
	case in.Known && in.Format != c.in:
		return "the server expects " + in.String() + ", STREAM_INPUT_FORMAT is " + c.in.String()
	case out.Known && out.Format != c.out:
		return "the server sends " + out.String() + ", STREAM_OUTPUT_FORMAT is " + c.out.String()
	}
	return ""
}

func rateText(hz int) string { return fmt.Sprintf("%d Hz", hz) }
