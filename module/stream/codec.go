package stream

import (
	"fmt"
	"sync"

	"mod_openai_audio_stream/module/audio"
	"mod_openai_audio_stream/module/realtime"
)

// codec is what the stream and the server have agreed on: how each direction's audio is written.
type codec struct {
	in, out realtime.Format

	decoder audio.PCM16Decoder // keeps the odd byte of a delta for the next one
	wire    []byte
}

// decoded is what a delta is decoded in: some ten kilobytes, for a moment. All streams share a few.
type decoded struct {
	payload []byte
	pcm     []int16
}

var spareDecoded = sync.Pool{New: func() any { return new(decoded) }}

// encode is caller audio as the server takes it, valid until the next call.
func (c *codec) encode(pcm []int16) []byte {
	switch c.in {
	case realtime.G711ULaw:
		c.wire = audio.EncodeULaw(c.wire[:0], pcm)
	case realtime.G711ALaw:
		c.wire = audio.EncodeALaw(c.wire[:0], pcm)
	default:
		c.wire = audio.AppendPCM16LE(c.wire[:0], pcm)
	}
	return c.wire
}

// decode is the audio of a delta, in memory that free gives back.
func (c *codec) decode(base64 []byte) (d *decoded, err error) {
	d = spareDecoded.Get().(*decoded)
	if d.payload, err = realtime.DecodeAudio(d.payload[:0], base64); err != nil {
		d.free()
		return nil, err
	}
	switch c.out {
	case realtime.G711ULaw:
		d.pcm = audio.DecodeULaw(d.pcm[:0], d.payload)
	case realtime.G711ALaw:
		d.pcm = audio.DecodeALaw(d.pcm[:0], d.payload)
	default:
		d.pcm = c.decoder.Decode(d.pcm[:0], d.payload)
	}
	return d, nil
}

// free ends the use of the delta's audio.
func (d *decoded) free() { spareDecoded.Put(d) }

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
