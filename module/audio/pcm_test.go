package audio_test

import (
	"bytes"
	"errors"
	"slices"
	"testing"

	"mod_openai_audio_stream/module/audio"
)

func TestPCM16LE(t *testing.T) {
	t.Parallel()
	samples := []int16{0, 1, -1, 32767, -32768, 0x1234}
	encoded := []byte{0, 0, 1, 0, 0xFF, 0xFF, 0xFF, 0x7F, 0, 0x80, 0x34, 0x12}
	if got := audio.AppendPCM16LE([]byte{9}, samples); !bytes.Equal(got, append([]byte{9}, encoded...)) {
		t.Errorf("encoded % x", got)
	}
	if got := audio.DecodePCM16LE([]int16{9}, encoded); !slices.Equal(got, append([]int16{9}, samples...)) {
		t.Errorf("decoded %v", got)
	}
	if got := audio.DecodePCM16LE(nil, encoded[:3]); !slices.Equal(got, samples[:1]) {
		t.Errorf("an odd byte decoded to %v", got)
	}
}

func TestPCM16DecoderReset(t *testing.T) {
	t.Parallel()
	var d audio.PCM16Decoder
	if got := d.Decode(nil, []byte{1, 2, 3}); !slices.Equal(got, []int16{0x0201}) {
		t.Errorf("decoded %v", got)
	}
	if got := d.Decode(nil, nil); len(got) != 0 {
		t.Errorf("nothing decoded to %v", got)
	}
	d.Reset()
	if got := d.Decode(nil, []byte{4, 0}); !slices.Equal(got, []int16{4}) {
		t.Errorf("after Reset: %v", got)
	}
}

// FuzzPCM16Decoder: wherever a stream is cut, its samples are the same.
func FuzzPCM16Decoder(f *testing.F) {
	f.Add([]byte{1, 2, 3, 4, 5}, uint8(0))
	f.Add([]byte{1, 2, 3, 4, 5, 6, 7}, uint8(2))
	f.Add([]byte{1, 2, 3, 4}, uint8(3))
	f.Fuzz(func(t *testing.T, stream []byte, size uint8) {
		want := audio.DecodePCM16LE(nil, stream)
		var d audio.PCM16Decoder
		var got []int16
		for chunk := range slices.Chunk(stream, 1+int(size)) {
			got = d.Decode(got, chunk)
		}
		if !slices.Equal(got, want) {
			t.Fatalf("chunks of %d: %v, want %v", 1+int(size), got, want)
		}
		d.Reset()
		got = got[:0]
		for chunk := range slices.Chunk(stream, 1+int(size)) {
			before := slices.Clone(got)
			refused := errors.New("refused")
			var err error
			if got, err = d.DecodeFrom(got, len(chunk), func(raw []byte) ([]byte, error) {
				return append(raw, chunk[:len(chunk)/2]...)[:0], refused
			}); err != refused || !slices.Equal(got, before) {
				t.Fatalf("a failed reading: %v and %v, were %v", err, got, before)
			}
			if got, err = d.DecodeFrom(got, len(chunk), func(raw []byte) ([]byte, error) { return append(raw, chunk...), nil }); err != nil {
				t.Fatal(err)
			}
		}
		if !slices.Equal(got, want) {
			t.Fatalf("read in chunks of %d: %v, want %v", 1+int(size), got, want)
		}
		var spare []byte
		if view := audio.PCM16LE(&spare, got); !bytes.Equal(view, stream[:len(stream)&^1]) {
			t.Fatalf("seen as % x, want % x", view, stream)
		}
		if again := audio.AppendPCM16LE(nil, got); !bytes.Equal(again, stream[:len(stream)&^1]) {
			t.Fatalf("encoded again % x, want % x", again, stream)
		}
	})
}

func TestMix(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		a, b []int16
		want []int16
	}{
		{"sum", []int16{1, -2}, []int16{10, 20}, []int16{11, 18}},
		{"saturates", []int16{20000, -20000, 32767}, []int16{20000, -20000, -32768}, []int16{32767, -32768, -1}},
		{"first shorter", []int16{1}, []int16{2, 3}, []int16{3, 3}},
		{"second shorter", []int16{2, 3}, nil, []int16{2, 3}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if got := audio.Mix([]int16{7}, c.a, c.b); !slices.Equal(got[1:], c.want) || got[0] != 7 {
				t.Errorf("got %v, want 7 and %v", got, c.want)
			}
		})
	}
}

func TestInterleave(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name        string
		left, right []int16
		want        []int16
	}{
		{"equal", []int16{1, 2}, []int16{3, 4}, []int16{1, 3, 2, 4}},
		{"left shorter", nil, []int16{3, 4}, []int16{0, 3, 0, 4}},
		{"right shorter", []int16{1, 2}, []int16{3}, []int16{1, 3, 2, 0}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			// A used buffer: what it held must not show through as sound.
			dst := append(make([]int16, 0, 9), 7, 8, 8, 8, 8)[:1]
			if got := audio.Interleave(dst, c.left, c.right); !slices.Equal(got[1:], c.want) || got[0] != 7 {
				t.Errorf("got %v, want 7 and %v", got, c.want)
			}
		})
	}
}

func TestDownmix(t *testing.T) {
	t.Parallel()
	stereo := []int16{20000, 20000, -32768, -32768, 32767, -32768, 1, 2, 5}
	want := []int16{7, 20000, -32768, -1, 1}
	if got := audio.Downmix([]int16{7}, stereo); !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestConversionsDoNotAllocate(t *testing.T) {
	samples := noise(320, 8)
	pcm := audio.AppendPCM16LE(nil, samples)
	bytesDst, samplesDst := make([]byte, 0, 1000), make([]int16, 0, 1000)
	var d audio.PCM16Decoder
	for name, f := range map[string]func(){
		"AppendPCM16LE": func() { audio.AppendPCM16LE(bytesDst, samples) },
		"DecodePCM16LE": func() { audio.DecodePCM16LE(samplesDst, pcm) },
		"PCM16Decoder":  func() { d.Decode(samplesDst, pcm[1:]) },
		"DecodeFrom": func() {
			_, _ = d.DecodeFrom(samplesDst, len(pcm), func(raw []byte) ([]byte, error) { return append(raw, pcm...), nil })
		},
		"PCM16LE":    func() { pcm = audio.PCM16LE(&bytesDst, samples) },
		"EncodeULaw": func() { audio.EncodeULaw(bytesDst, samples) },
		"DecodeALaw": func() { audio.DecodeALaw(samplesDst, pcm) },
		"Mix":        func() { audio.Mix(samplesDst, samples, samples) },
		"Interleave": func() { audio.Interleave(samplesDst, samples, samples) },
		"Downmix":    func() { audio.Downmix(samplesDst, samples) },
	} {
		if n := testing.AllocsPerRun(50, f); n != 0 {
			t.Errorf("%s allocates %v times", name, n)
		}
	}
}
