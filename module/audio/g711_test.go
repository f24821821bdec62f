package audio_test

import (
	"math"
	"testing"

	"mod_openai_audio_stream/module/audio"
)

// The references below search G.711's tables of decision values segment by
// segment, in the recommendation's own units, and share nothing with the code
// under test. Ties follow G.191: a negative sample stands for its one's
// complement.

// refULaw: tables 2a and 2b, 14-bit magnitudes. Segment k has 16 steps of 2<<k
// and starts at decision value 33*(2^k - 1), save that the first step of
// segment 0 is half as wide: decision values 0, 1, 3, 5, ..., 31, 35, ...
func refULaw(s int16) byte {
	m, sign := int(s), byte(0x80)
	if s < 0 {
		m, sign = -1-m, 0
	}
	m /= 4
	value := 127 // beyond the virtual decision value 8159: the last step
search:
	for k, low := 0, -1; k < 8; k++ {
		for step := range 16 {
			low += 2 << k
			if m < low {
				value = 16*k + step
				break search
			}
		}
	}
	return sign | ^byte(value)&0x7F
}

// refALaw: tables 1a and 1b, 12-bit magnitudes. Segments 1 and 2 (the first 32
// steps) have steps of 1 in the units of a 12-bit magnitude, each next one twice
// the last.
func refALaw(s int16) byte {
	m, sign := int(s), byte(0x80)
	if s < 0 {
		m, sign = -1-m, 0
	}
	m /= 16
	value, low := 127, 0
search:
	for k := range 8 {
		for step := range 16 {
			low += 1 << max(k-1, 0)
			if m < low {
				value = 16*k + step
				break search
			}
		}
	}
	return (sign | byte(value)) ^ 0x55
}

// middles returns, per code, the midpoint of the samples that encode to it,
// computed from the encoder's reference: G.711's output values y are halfway
// between the decision values.
func middles(encode func(int16) byte, overload int) (out [256]int16) {
	var lowest, highest [256]int
	for i := range lowest {
		lowest[i], highest[i] = math.MaxInt, math.MinInt
	}
	for s := range 32768 {
		code := encode(int16(s))
		lowest[code], highest[code] = min(lowest[code], s), max(highest[code], s)
	}
	for code := range out {
		if lowest[code] == math.MaxInt {
			continue
		}
		high := highest[code] + 1
		if high == 32768 {
			high = overload // the last step ends at the virtual decision value
		}
		low := lowest[code]
		if low == 0 && overload == 4*8159 {
			low = -high // µ-law's first step is centred on zero
		}
		out[code] = int16((low + high) / 2)
		out[code^0x80] = -out[code]
	}
	return out
}

var laws = []struct {
	name      string
	encode    func([]byte, []int16) []byte
	decode    func([]int16, []byte) []int16
	reference func(int16) byte
	overload  int
	silence   byte
}{
	{"ulaw", audio.EncodeULaw, audio.DecodeULaw, refULaw, 4 * 8159, 0xFF},
	{"alaw", audio.EncodeALaw, audio.DecodeALaw, refALaw, 8 * 4096, 0xD5},
}

func TestG711Encode(t *testing.T) {
	t.Parallel()
	for _, law := range laws {
		t.Run(law.name, func(t *testing.T) {
			t.Parallel()
			all := make([]int16, 65536)
			for i := range all {
				all[i] = int16(i - 32768)
			}
			codes := law.encode([]byte{1, 2, 3}, all)[3:]
			for i, s := range all {
				if want := law.reference(s); codes[i] != want {
					t.Fatalf("sample %d: code %#02x, want %#02x", s, codes[i], want)
				}
			}
			if got := law.encode(nil, []int16{0})[0]; got != law.silence {
				t.Errorf("silence is %#02x, want %#02x", got, law.silence)
			}
		})
	}
}

func TestG711Decode(t *testing.T) {
	t.Parallel()
	for _, law := range laws {
		t.Run(law.name, func(t *testing.T) {
			t.Parallel()
			codes := make([]byte, 256)
			for i := range codes {
				codes[i] = byte(i)
			}
			want := middles(law.reference, law.overload)
			samples := law.decode([]int16{7}, codes)[1:]
			for i, s := range samples {
				if s != want[i] {
					t.Errorf("code %#02x: sample %d, want %d", i, s, want[i])
				}
				again := law.encode(nil, []int16{s})[0]
				if again != byte(i) && s != 0 {
					t.Errorf("code %#02x decodes to %d and encodes to %#02x", i, s, again)
				}
			}
		})
	}
}

// Extremes as printed in the tables: the codes of the largest magnitudes and
// their output values (8031 and 4032 in the tables' units).
func TestG711Extremes(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name      string
		got, want int
	}{
		{"ulaw +max code", int(audio.EncodeULaw(nil, []int16{32767})[0]), 0x80},
		{"ulaw -max code", int(audio.EncodeULaw(nil, []int16{-32768})[0]), 0x00},
		{"alaw +max code", int(audio.EncodeALaw(nil, []int16{32767})[0]), 0xAA},
		{"alaw -max code", int(audio.EncodeALaw(nil, []int16{-32768})[0]), 0x2A},
		{"ulaw +max value", int(audio.DecodeULaw(nil, []byte{0x80})[0]), 8031 * 4},
		{"ulaw -max value", int(audio.DecodeULaw(nil, []byte{0x00})[0]), -8031 * 4},
		{"alaw +max value", int(audio.DecodeALaw(nil, []byte{0xAA})[0]), 4032 * 8},
		{"alaw -max value", int(audio.DecodeALaw(nil, []byte{0x2A})[0]), -4032 * 8},
	} {
		if c.got != c.want {
			t.Errorf("%s: %d, want %d", c.name, c.got, c.want)
		}
	}
}

func FuzzG711(f *testing.F) {
	f.Add([]byte{0, 0x7F, 0x80, 0xFF, 0xD5})
	f.Fuzz(func(t *testing.T, codes []byte) {
		for _, law := range laws {
			samples := law.decode(nil, codes)
			if len(samples) != len(codes) {
				t.Fatalf("%s: %d samples from %d codes", law.name, len(samples), len(codes))
			}
			for i, code := range law.encode(nil, samples) {
				if code != codes[i] && samples[i] != 0 {
					t.Fatalf("%s: %#02x became %#02x", law.name, codes[i], code)
				}
			}
		}
	})
}
