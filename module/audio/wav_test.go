package audio_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"math"
	"testing"

	"mod_openai_audio_stream/module/audio"
)

// memory is an io.WriteSeeker over a byte slice. It fails once its budget of
// bytes is spent; a negative budget is unlimited.
type memory struct {
	data   []byte
	at     int
	budget int
}

var errFull = errors.New("disk full")

func (m *memory) Write(p []byte) (int, error) {
	n := len(p)
	if m.budget >= 0 {
		n = min(n, m.budget)
		m.budget -= n
	}
	if need := m.at + n - len(m.data); need > 0 {
		m.data = append(m.data, make([]byte, need)...)
	}
	m.at += copy(m.data[m.at:], p[:n])
	if n < len(p) {
		return n, errFull
	}
	return n, nil
}

func (m *memory) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekStart:
		m.at = int(offset)
	case io.SeekCurrent:
		m.at += int(offset)
	case io.SeekEnd:
		m.at = len(m.data) + int(offset)
	}
	return int64(m.at), nil
}

func TestWAVWriter(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name           string
		rate, channels int
		samples        int
		prefix         string // in the file before the WAV's own start
	}{
		{"mono", 8000, 1, 5000, ""},
		{"stereo", 48000, 2, 10000, ""},
		{"empty", 16000, 1, 0, ""},
		{"within a file", 24000, 1, 3, "before"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			m := &memory{budget: -1}
			m.Write([]byte(c.prefix))
			w, err := audio.NewWAVWriter(m, c.rate, c.channels)
			if err != nil {
				t.Fatal(err)
			}
			samples := noise(c.samples, 9)
			half := len(samples) / 2
			for _, part := range [][]int16{samples[:half], nil, samples[half:]} {
				if err := w.Write(part); err != nil {
					t.Fatal(err)
				}
			}
			for range 2 { // the second Close changes nothing
				if err := w.Close(); err != nil {
					t.Fatal(err)
				}
				if m.at != len(m.data) {
					t.Errorf("left at %d of %d", m.at, len(m.data))
				}
			}

			// The layout by offset: "Multimedia Programming Interface and Data
			// Specifications 1.0" (IBM, Microsoft 1991), RIFF WAVE.
			f := m.data[len(c.prefix):]
			le16, le32 := binary.LittleEndian.Uint16, binary.LittleEndian.Uint32
			for _, field := range []struct {
				name      string
				got, want int
			}{
				{"file size", len(f), 44 + 2*c.samples},
				{"riff size", int(le32(f[4:])), 36 + 2*c.samples},
				{"fmt size", int(le32(f[16:])), 16},
				{"format", int(le16(f[20:])), 1},
				{"channels", int(le16(f[22:])), c.channels},
				{"rate", int(le32(f[24:])), c.rate},
				{"bytes a second", int(le32(f[28:])), c.rate * 2 * c.channels},
				{"frame size", int(le16(f[32:])), 2 * c.channels},
				{"bits", int(le16(f[34:])), 16},
				{"data size", int(le32(f[40:])), 2 * c.samples},
			} {
				if field.got != field.want {
					t.Errorf("%s is %d, want %d", field.name, field.got, field.want)
				}
			}
			if tags := string(f[:4]) + string(f[8:16]) + string(f[36:40]); tags != "RIFFWAVEfmt data" {
				t.Errorf("tags %q", tags)
			}
			if !bytes.Equal(f[44:], audio.AppendPCM16LE(nil, samples)) {
				t.Error("samples differ")
			}
		})
	}
}

// A recording that was never closed says "to the end of the file".
func TestWAVWriterUnclosed(t *testing.T) {
	t.Parallel()
	m := &memory{budget: -1}
	w, err := audio.NewWAVWriter(m, 8000, 1)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Write([]int16{1}); err != nil {
		t.Fatal(err)
	}
	if size := binary.LittleEndian.Uint32(m.data[40:]); size != 0xFFFFFFFF {
		t.Errorf("data size %#x", size)
	}
}

func TestWAVWriterErrors(t *testing.T) {
	t.Parallel()
	for _, c := range [][2]int{{0, 1}, {8000, 0}, {8000, 40000}, {math.MaxInt32, 2}} {
		if _, err := audio.NewWAVWriter(&memory{budget: -1}, c[0], c[1]); err == nil {
			t.Errorf("%d Hz, %d channels: no error", c[0], c[1])
		}
	}
	if _, err := audio.NewWAVWriter(&memory{budget: 43}, 8000, 1); !errors.Is(err, errFull) {
		t.Errorf("header: %v", err)
	}
	w, err := audio.NewWAVWriter(&memory{budget: 44 + 4}, 8000, 1)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Write([]int16{1, 2, 3}); !errors.Is(err, errFull) {
		t.Errorf("samples: %v", err)
	}
	if err := w.Close(); !errors.Is(err, errFull) {
		t.Errorf("close: %v", err)
	}
}

func TestWAVWriterFull(t *testing.T) {
	t.Parallel()
	m := &memory{budget: -1}
	w, err := audio.NewWAVWriter(m, 8000, 1)
	if err != nil {
		t.Fatal(err)
	}
	w.Skip(math.MaxUint32 - 44 - 3 - 4)
	for i, want := range []error{nil, nil, audio.ErrWAVFull, audio.ErrWAVFull} {
		if err := w.Write([]int16{1}); !errors.Is(err, want) {
			t.Errorf("sample %d: %v, want %v", i, err, want)
		}
	}
	if len(m.data) != 44+4 {
		t.Errorf("%d bytes written", len(m.data))
	}
}
