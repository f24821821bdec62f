package audio

import (
	"encoding/binary"
	"math/bits"
	"slices"
	"unsafe"

	"golang.org/x/sys/cpu"
)

// AppendPCM16LE appends src to dst as 16-bit little-endian bytes, the form of
// the Realtime API's pcm16 and of WAV.
func AppendPCM16LE(dst []byte, src []int16) []byte {
	if !cpu.IsBigEndian {
		return append(dst, memory(src)...)
	}
	at := len(dst)
	dst = slices.Grow(dst, 2*len(src))[:at+2*len(src)]
	out := dst[at:]
	for i, s := range src {
		binary.LittleEndian.PutUint16(out[2*i:], uint16(s))
	}
	return dst
}

// PCM16LE is src as 16-bit little-endian bytes, to be read while src does not
// change: the memory of src where the processor keeps them so, else a copy in
// spare, which grows as needed.
func PCM16LE(spare *[]byte, src []int16) []byte {
	if !cpu.IsBigEndian {
		return memory(src)
	}
	*spare = AppendPCM16LE((*spare)[:0], src)
	return *spare
}

// memory is the bytes that pcm consists of. The view holds what pcm holds: Go
// keeps an allocation for a pointer of any type into it.
func memory(pcm []int16) []byte {
	return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(pcm))), 2*len(pcm))
}

// DecodePCM16LE appends to dst the 16-bit little-endian samples of src. An odd
// last byte is ignored: use a PCM16Decoder where chunks may split a sample.
func DecodePCM16LE(dst []int16, src []byte) []int16 {
	n := len(src) / 2
	at := len(dst)
	dst = slices.Grow(dst, n)[:at+n]
	copy(memory(dst[at:]), src)
	fromLE(dst[at:])
	return dst
}

// fromLE brings samples whose memory is little-endian bytes into the processor's
// order.
func fromLE(pcm []int16) {
	if cpu.IsBigEndian {
		for i, s := range pcm {
			pcm[i] = int16(bits.ReverseBytes16(uint16(s)))
		}
	}
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

// DecodeFrom is Decode of the bytes that read appends to what it is given, most
// at most. They are written where their samples belong. If read fails, nothing
// has happened: dst is returned, and a kept byte stays.
func (d *PCM16Decoder) DecodeFrom(dst []int16, most int, read func(dst []byte) ([]byte, error)) ([]int16, error) {
	at := len(dst)
	out := slices.Grow(dst, most/2+1) // a byte may be kept from before
	raw := memory(out[at:cap(out)])[:0]
	if d.hasOdd {
		raw = append(raw, d.odd)
	}
	raw, err := read(raw)
	if err != nil {
		return dst, err
	}
	n := len(raw) / 2
	if d.hasOdd = len(raw)%2 != 0; d.hasOdd {
		d.odd = raw[len(raw)-1]
	}
	out = out[:at+n]
	fromLE(out[at:])
	return out, nil
}

// Reset drops a kept byte.
func (d *PCM16Decoder) Reset() { *d = PCM16Decoder{} }
