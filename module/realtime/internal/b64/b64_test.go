package b64

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"math/rand/v2"
	"testing"
)

func random(n int) []byte {
	r := rand.New(rand.NewPCG(uint64(n), 1))
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return b
}

// checkDecode compares with encoding/base64, and looks behind what was written.
func checkDecode(t *testing.T, src []byte) {
	t.Helper()
	want, wantErr := base64.RawStdEncoding.DecodeString(string(src))
	most := base64.RawStdEncoding.DecodedLen(len(src))
	room := bytes.Repeat([]byte{0xa5}, 3+most+64)
	got, err := AppendDecode(room[:3:3+most], src)
	if fmt.Sprint(err) != fmt.Sprint(wantErr) {
		t.Fatalf("%q: error %v, want %v", src, err, wantErr)
	}
	if err != nil {
		want = nil
	}
	if !bytes.Equal(got[:3], room[:3]) || !bytes.Equal(got[3:], want) {
		t.Fatalf("%q: % x, want % x", src, got[3:], want)
	}
	if !bytes.Equal(room[3+most:], bytes.Repeat([]byte{0xa5}, 64)) {
		t.Fatalf("%q: written beyond the end", src)
	}
}

func checkEncode(t *testing.T, src []byte) {
	t.Helper()
	want := base64.StdEncoding.EncodeToString(src)
	room := bytes.Repeat([]byte{0xa5}, 3+len(want)+64)
	got := AppendEncode(room[:3:3+len(want)], src)
	if !bytes.Equal(got[:3], room[:3]) || string(got[3:]) != want {
		t.Fatalf("% x: %q, want %q", src, got[3:], want)
	}
	if !bytes.Equal(room[3+len(want):], bytes.Repeat([]byte{0xa5}, 64)) {
		t.Fatalf("% x: written beyond the end", src)
	}
}

func TestLengths(t *testing.T) {
	t.Parallel()
	for n := range 300 {
		checkEncode(t, random(n))
		checkDecode(t, []byte(base64.RawStdEncoding.EncodeToString(random(n))))
		checkDecode(t, bytes.Repeat([]byte("A"), n))
	}
}

// All 64 characters at each place of a group, and each byte that is none.
func TestCharacters(t *testing.T) {
	t.Parallel()
	src := bytes.Repeat([]byte("Z"), 3*groupChars)
	for at := range src {
		for c := range 256 {
			src[at] = byte(c)
			checkDecode(t, src)
		}
		src[at] = 'Z'
	}
	number := make([]byte, 3*groupBytes)
	for at := range number {
		for c := range 256 {
			number[at] = byte(c)
			checkEncode(t, number)
		}
		number[at] = 0x6d
	}
}

// A buffer that has room is used, one that has not is left alone.
func TestRoom(t *testing.T) {
	src := random(960)
	text := []byte(base64.RawStdEncoding.EncodeToString(src))
	chars, decoded := make([]byte, 0, 1280), make([]byte, 0, 960)
	if n := testing.AllocsPerRun(100, func() { AppendEncode(chars, src) }); n > 0 {
		t.Errorf("an encoding takes %v allocations", n)
	}
	if n := testing.AllocsPerRun(100, func() { _, _ = AppendDecode(decoded, text) }); n > 0 {
		t.Errorf("a decoding takes %v allocations", n)
	}
	small := []byte("before")
	if got := AppendEncode(small, src); string(got[:6]) != "before" || string(got[6:1286]) != base64.StdEncoding.EncodeToString(src) {
		t.Error("a small buffer did not grow")
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte(base64.RawStdEncoding.EncodeToString(random(100))))
	f.Add(bytes.Repeat([]byte("AA\nEC"), 30))
	f.Fuzz(checkDecode)
}

func FuzzEncode(f *testing.F) {
	f.Add(random(100))
	f.Fuzz(checkEncode)
}

func Benchmark(b *testing.B) {
	frame, chars := random(960), make([]byte, 0, 1280)
	delta, decoded := base64.RawStdEncoding.AppendEncode(nil, random(9600)), make([]byte, 0, 9600)
	b.Run("encode/960", func(b *testing.B) {
		for b.Loop() {
			AppendEncode(chars, frame)
		}
	})
	b.Run("encode/960/encoding-base64", func(b *testing.B) {
		for b.Loop() {
			base64.StdEncoding.AppendEncode(chars, frame)
		}
	})
	b.Run("decode/9600", func(b *testing.B) {
		for b.Loop() {
			_, _ = AppendDecode(decoded, delta)
		}
	})
	b.Run("decode/9600/encoding-base64", func(b *testing.B) {
		for b.Loop() {
			_, _ = base64.RawStdEncoding.AppendDecode(decoded, delta)
		}
	})
}
