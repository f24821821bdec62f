package transport

import (
	"encoding/binary"
	"math/rand/v2"
	"sync"
)

// What Send writes itself does not go through the library: a lock made of channels, a buffer of 4 KB for each connection
// and several layers of calls are cold in the processor's caches each time, 20 ms after they were used last. In a busy
// FreeSWITCH they cost as much as everything else before the system call. One buffer for all connections is not.

const (
	textFrame = 0x81 // the final one of a text message (RFC 6455, 5.2)
	maskBit   = 0x80
	length16  = 126 // the length follows, in two bytes
	frameHead = 2 + 2 + 4
)

var frames = sync.Pool{New: func() any { return new([]byte) }}

// writeText writes a message as one frame, in one Write, so that the library's own frames come before or after it. msg has
// maxDirect bytes at most. No message of several frames may be under way.
func (c *Conn) writeText(msg []byte) error {
	frame := frames.Get().(*[]byte)
	defer frames.Put(frame)
	*frame = appendText((*frame)[:0], msg, rand.Uint32())
	_, err := c.conn.Write(*frame)
	return err
}

// appendText appends a client's text frame of less than 64 KB.
func appendText(dst, msg []byte, key uint32) []byte {
	if cap(dst) < frameHead+len(msg) {
		dst = make([]byte, 0, frameHead+len(msg))
	}
	dst = append(dst, textFrame)
	if len(msg) < length16 {
		dst = append(dst, maskBit|byte(len(msg)))
	} else {
		dst = binary.BigEndian.AppendUint16(append(dst, maskBit|length16), uint16(len(msg)))
	}
	dst = binary.LittleEndian.AppendUint32(dst, key)
	at := len(dst)
	dst = dst[:at+len(msg)]
	mask(dst[at:], msg, key)
	return dst
}

// mask writes src to dst, its bytes masked in turn with those of key, the lowest first (RFC 6455, 5.3).
func mask(dst, src []byte, key uint32) {
	wide := uint64(key)<<32 | uint64(key)
	for ; len(src) >= 8; dst, src = dst[8:], src[8:] {
		binary.LittleEndian.PutUint64(dst, binary.LittleEndian.Uint64(src)^wide)
	}
	for i := range src {
		dst[i] = src[i] ^ byte(wide>>(8*i))
	}
}
