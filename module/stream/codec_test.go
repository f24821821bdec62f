package stream

import (
	"encoding/base64"
	"slices"
	"testing"

	"mod_openai_audio_stream/module/audio"
	"mod_openai_audio_stream/module/realtime"
)

var codecFormats = []realtime.Format{realtime.PCM16, realtime.G711ULaw, realtime.G711ALaw}

// A delta's audio goes behind what dst holds, or nowhere.
func TestCodecDecode(t *testing.T) {
	for _, format := range codecFormats {
		t.Run(format.String(), func(t *testing.T) {
			c := codec{in: format, out: format}
			pcm := []int16{0, 8, -8, 1000, -1000, 32000, -32000}
			wire := slices.Clone(c.encode(pcm))
			var want []int16
			switch format {
			case realtime.G711ULaw:
				want = audio.DecodeULaw(nil, wire)
			case realtime.G711ALaw:
				want = audio.DecodeALaw(nil, wire)
			default:
				want = pcm
			}
			got := make([]int16, 1, 64)
			for piece := range slices.Chunk(wire, 3) { // of PCM16 every other one ends within a sample
				delta := base64.RawStdEncoding.AppendEncode(nil, piece)
				before := slices.Clone(got)
				again, err := c.decode(got, append([]byte("AAAA!"), delta...))
				if err == nil || !slices.Equal(again, before) {
					t.Fatalf("a broken delta: %v, %v", again, err)
				}
				if got, err = c.decode(got, delta); err != nil {
					t.Fatal(err)
				}
			}
			if got[0] != 0 || !slices.Equal(got[1:], want) || cap(got) != 64 {
				t.Errorf("%v, want %v", got[1:], want)
			}
			if got, err := c.decode(nil, []byte(`\/\/\/\/\/\/\/\/`)); err != nil || len(got) != 6*len(pcm)/len(wire) {
				t.Errorf("escaped: %v, %v", got, err)
			}
		})
	}
}

// With buffers that have room nothing is allocated, either way.
func TestCodecAllocations(t *testing.T) {
	for _, format := range codecFormats {
		c := codec{in: format, out: format}
		pcm := make([]int16, 480)
		msg := realtime.AppendInputAudio(nil, c.encode(pcm))
		delta := base64.StdEncoding.AppendEncode(nil, c.encode(pcm))
		dst := make([]int16, 0, 512)
		if _, err := c.decode(dst, delta); err != nil {
			t.Fatal(err)
		}
		if n := testing.AllocsPerRun(100, func() { msg = realtime.AppendInputAudio(msg[:0], c.encode(pcm)) }); n > 0 {
			t.Errorf("%v: a message takes %v allocations", format, n)
		}
		if n := testing.AllocsPerRun(100, func() { _, _ = c.decode(dst, delta) }); n > 0 {
			t.Errorf("%v: a delta takes %v allocations", format, n)
		}
	}
}

func BenchmarkCodec(b *testing.B) {
	for _, format := range codecFormats {
		c := codec{in: format, out: format}
		frame, answer := make([]int16, 20*rateHz(format, 24000)/1000), make([]int16, 200*rateHz(format, 24000)/1000)
		b.Run(format.String()+"/encode 20 ms", func(b *testing.B) {
			var msg []byte
			b.ReportAllocs()
			for b.Loop() {
				msg = realtime.AppendInputAudio(msg[:0], c.encode(frame))
			}
		})
		b.Run(format.String()+"/decode 200 ms", func(b *testing.B) {
			delta := base64.StdEncoding.AppendEncode(nil, c.encode(answer))
			dst := make([]int16, 0, len(answer)+1)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := c.decode(dst, delta); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
