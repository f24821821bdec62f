package audio

import (
	"math/bits"
	"slices"
)

// G.711 (ITU-T G.711, 11/88) carries a sample in 8 bits: a sign, a segment of 3
// bits whose step doubles from one to the next, and 4 bits within the segment.
// Where a sample falls exactly between two codes the recommendation is silent;
// this follows the ITU's own reference code (G.191, module G711): a negative
// sample is encoded as its one's complement, so ties go towards zero on both
// sides.
const (
	// ulawBias shifts µ-law's segment ends to powers of two (33 in the
	// recommendation's 14-bit units, here of 16 bits).
	ulawBias = 33 << 2
	// ulawClip is the largest magnitude that µ-law encodes, before the bias.
	ulawClip = 0x7FFF - ulawBias
	// alawToggle inverts every other bit of an A-law code, as section 3.2 of
	// the recommendation has it sent.
	alawToggle = 0x55
)

var (
	ulawTable = decodeTable(decodeULaw)
	alawTable = decodeTable(decodeALaw)
)

// EncodeULaw appends to dst the µ-law code of each 16-bit sample of src. Only
// the upper 14 bits of a sample matter to it.
func EncodeULaw(dst []byte, src []int16) []byte {
	at := len(dst)
	dst = slices.Grow(dst, len(src))[:at+len(src)]
	for i, s := range src {
		dst[at+i] = encodeULaw(s)
	}
	return dst
}

// DecodeULaw appends to dst the 16-bit sample of each µ-law code of src.
func DecodeULaw(dst []int16, src []byte) []int16 { return decode(dst, src, &ulawTable) }

// EncodeALaw appends to dst the A-law code of each 16-bit sample of src. Only
// the upper 13 bits of a sample matter to it, and the upper 12 near zero.
func EncodeALaw(dst []byte, src []int16) []byte {
	at := len(dst)
	dst = slices.Grow(dst, len(src))[:at+len(src)]
	for i, s := range src {
		dst[at+i] = encodeALaw(s)
	}
	return dst
}

// DecodeALaw appends to dst the 16-bit sample of each A-law code of src.
func DecodeALaw(dst []int16, src []byte) []int16 { return decode(dst, src, &alawTable) }

func decode(dst []int16, src []byte, table *[256]int16) []int16 {
	at := len(dst)
	dst = slices.Grow(dst, len(src))[:at+len(src)]
	out := dst[at:]
	for i, code := range src {
		out[i] = table[code]
	}
	return dst
}

func decodeTable(decode func(code byte) int16) (table [256]int16) {
	for code := range table {
		table[code] = decode(byte(code))
	}
	return table
}

// encodeULaw: the position of the highest bit of the biased magnitude is the
// segment, the four bits below it the step; the whole is sent inverted.
func encodeULaw(s int16) byte {
	sign := s >> 15 // 0 or -1
	m := uint16(min(s^sign, ulawClip)) + ulawBias
	segment := bits.Len16(m) - 8
	code := byte(segment<<4) | byte(m>>(segment+3))&0x0F
	return ^(code | byte(sign)&0x80)
}

// decodeULaw gives the middle of the code's step.
func decodeULaw(code byte) int16 {
	code = ^code
	m := (int16(code&0x0F)<<3+ulawBias)<<(code>>4&7) - ulawBias
	if code&0x80 != 0 {
		return -m
	}
	return m
}

// encodeALaw: as µ-law, without bias; segment 0 has the step of segment 1.
func encodeALaw(s int16) byte {
	sign := s >> 15 // 0 or -1
	m := uint16(s ^ sign)
	segment := max(bits.Len16(m)-8, 0)
	code := byte(segment<<4) | byte(m>>(max(segment, 1)+3))&0x0F
	return (code | ^byte(sign)&0x80) ^ alawToggle
}

// decodeALaw gives the middle of the code's step.
func decodeALaw(code byte) int16 {
	code ^= alawToggle
	segment := code >> 4 & 7
	m := int16(code&0x0F)<<4 + 8
	if segment > 0 {
		m = (m + 0x100) << (segment - 1)
	}
	if code&0x80 == 0 {
		return -m
	}
	return m
}
