package b64

import "golang.org/x/sys/cpu"

// encode writes the characters of the groups that src begins with, all but the
// last bytes, to dst and returns how many groups it took.
func encode(dst, src []byte) int {
	const ahead = 4 // the last group is read with so many bytes behind it
	if !cpu.X86.HasAVX2 || len(src) < groupBytes+ahead {
		return 0
	}
	groups := (len(src) - ahead) / groupBytes
	encodeAVX2(&dst[0], &src[0], groups)
	return groups
}

// decode writes the bytes of the groups that src begins with to dst, and
// returns how many groups it took: all but the last characters, or those before
// a character that is none of the alphabet's. dst takes all of src.
func decode(dst, src []byte) int {
	const over = 8 // the last group is written with so many bytes behind it
	if !cpu.X86.HasAVX2 || len(dst) < groupBytes+over {
		return 0
	}
	return decodeAVX2(&dst[0], &src[0], (len(dst)-over)/groupBytes)
}

//go:noescape
func encodeAVX2(dst, src *byte, groups int)

//go:noescape
func decodeAVX2(dst, src *byte, groups int) (done int)
