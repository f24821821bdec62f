package transport

import (
	"bytes"
	"testing"
)

// The example of RFC 6455, 5.7, and every length around those that change the head or the mask's last bytes.
func TestTextFrame(t *testing.T) {
	if got, want := appendText(nil, []byte("Hello"), 0x3d21fa37), "\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58"; string(got) != want {
		t.Errorf("% x, want % x", got, want)
	}
	for _, n := range []int{0, 1, 3, 4, 7, 8, 9, 124, 125, 126, 127, 128, 1300, maxDirect} {
		msg := bytes.Repeat([]byte("abcdefg"), n/7+1)[:n]
		const key = 0x04030201
		got := appendText(nil, msg, key)
		head := []byte{0x81, 0x80 | byte(n), 1, 2, 3, 4}
		if n > 125 {
			head = []byte{0x81, 0x80 | 126, byte(n >> 8), byte(n), 1, 2, 3, 4}
		}
		body := bytes.Clone(msg)
		for i := range body {
			body[i] ^= byte(1 + i%4)
		}
		if want := append(head, body...); !bytes.Equal(got, want) {
			t.Errorf("%d bytes: % x..., want % x...", n, got[:len(head)], want[:len(head)])
		}
	}
}
