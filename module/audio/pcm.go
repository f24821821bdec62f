package audio

import (
	"encoding/binary"
	"slices"
)

// AppendPCM16LE appends src to dst as 16-bit little-endian bytes, the form of
// the Realtime API's pcm16 and of WAV.
func AppendPCM16LE(dst []byte, src []int16) []byte {
	at := len(dst)
	dst = slices.Grow(dst, 2*len(src))[:at+2*len(src)]
	out := dst[at:]
	for i, s := range src {
		binary.LittleEndian.PutUint16(out[2*i:], uint16(s))
	}
	return dst
}

// DecodePCM16LE appends to dst the 16-bit little-endian samples of src. An odd
// last byte is ignored: use a PCM16Decoder where chunks may split a sample.
func DecodePCM16LE(dst []int16, src []byte) []int16 {
	n := len(src) / 2
	at := len(dst)
	dst = slices.Grow(dst, n)[:at+n]
	out := dst[at:]
	for i := range out {
		out[i] = int16(binary.LittleEndian.Uint16(src[2*i:]))
	}
	return dst
}

// A PCM16Decoder decodes a stream of 16-bit little-endian bytes that may be cut
// anywhere: a server's audio deltas need not end on a whole sample. The zero
// value is ready. It is not safe for concurrent use.
type PCM16Decoder struct {
	odd    byte // first byte of a sample whose second has not come yet
	hasOdd bool
}

// Decode appends to dst the samples that src completes and keeps an odd last
// byte for the next call.
func (d *PCM16Decoder) Decode(dst []int16, src []byte) []int16 {
	if len(src) == 0 {
		return dst
	}
	if d.hasOdd {
		dst = append(dst, int16(uint16(d.odd)|uint16(src[0])<<8))
		d.hasOdd = false
		src = src[1:]
	}
	if len(src)%2 != 0 {
		d.odd, d.hasOdd = src[len(src)-1], true
	}
	return DecodePCM16LE(dst, src)
}

// Reset drops a kept byte.
func (d *PCM16Decoder) Reset() { *d = PCM16Decoder{} }
