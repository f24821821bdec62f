package audio

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
)

const (
	wavHeaderSize = 44
	// wavUnknown stands in a header whose size is not known yet. Readers take
	// it as "to the end of the file", so a recording that was never closed can
	// still be heard.
	wavUnknown = math.MaxUint32
	// wavMaxData keeps the RIFF chunk's 32-bit size below wavUnknown and even.
	wavMaxData = math.MaxUint32 - wavHeaderSize - 3
)

// ErrWAVFull is returned by WAVWriter.Write once the file's 32-bit sizes can
// take no more: some 6 hours of 48 kHz stereo.
var ErrWAVFull = errors.New("wav file is full (4 GiB)")

// A WAVWriter writes 16-bit PCM samples as a WAV (RIFF) file. It is not safe for
// concurrent use. After an error from w the writer is unusable but for Close.
type WAVWriter struct {
	w     io.WriteSeeker
	start int64  // position of the header in w
	data  uint32 // bytes of samples written

	frame int    // bytes of a sample of all channels
	buf   []byte // of a header, and of samples that have to be turned
}

// NewWAVWriter writes a header at w's current position and returns a writer for
// the samples. rateHz is positive and channels 1 to 32767; interleaved samples
// follow by Write. The header says "unknown length" until Close.
func NewWAVWriter(w io.WriteSeeker, rateHz, channels int) (*WAVWriter, error) {
	if rateHz <= 0 || channels <= 0 || channels > math.MaxUint16/2 || int64(rateHz) > math.MaxUint32/int64(2*channels) {
		return nil, fmt.Errorf("wav: %d Hz with %d channels cannot be written", rateHz, channels)
	}
	start, err := w.Seek(0, io.SeekCurrent)
	if err != nil {
		return nil, fmt.Errorf("wav: find start: %w", err)
	}
	ww := &WAVWriter{w: w, start: start, frame: 2 * channels, buf: make([]byte, 0, wavHeaderSize)}

	le := binary.LittleEndian
	h := append(ww.buf, "RIFF"...)
	h = le.AppendUint32(h, wavUnknown)
	h = append(h, "WAVEfmt "...)
	h = le.AppendUint32(h, 16) // size of the format chunk
	h = le.AppendUint16(h, 1)  // WAVE_FORMAT_PCM
	h = le.AppendUint16(h, uint16(channels))
	h = le.AppendUint32(h, uint32(rateHz))
	h = le.AppendUint32(h, uint32(rateHz)*uint32(ww.frame)) // bytes a second
	h = le.AppendUint16(h, uint16(ww.frame))
	h = le.AppendUint16(h, 16) // bits of a sample
	h = append(h, "data"...)
	h = le.AppendUint32(h, wavUnknown)
	if _, err := w.Write(h); err != nil {
		return nil, fmt.Errorf("wav: write header: %w", err)
	}
	return ww, nil
}

// Write writes samples, interleaved if there are several channels. It writes all
// of them or returns an error: ErrWAVFull, with nothing written, or w's own.
func (ww *WAVWriter) Write(samples []int16) error {
	if uint64(len(samples)) > uint64(wavMaxData-ww.data)/2 {
		return ErrWAVFull
	}
	if len(samples) == 0 {
		return nil
	}
	k, err := ww.w.Write(PCM16LE(&ww.buf, samples))
	ww.data += uint32(max(k, 0))
	if err != nil {
		return fmt.Errorf("wav: write samples: %w", err)
	}
	return nil
}

// Close writes the sizes into the header and leaves w positioned at the end of
// the samples. It does not close w. Closing again writes the same once more.
func (ww *WAVWriter) Close() error {
	for _, size := range []struct {
		at    int64
		value uint32
	}{
		{4, ww.data + wavHeaderSize - 8},
		{wavHeaderSize - 4, ww.data},
	} {
		if _, err := ww.w.Seek(ww.start+size.at, io.SeekStart); err != nil {
			return fmt.Errorf("wav: seek to header: %w", err)
		}
		if _, err := ww.w.Write(binary.LittleEndian.AppendUint32(ww.buf[:0], size.value)); err != nil {
			return fmt.Errorf("wav: write size: %w", err)
		}
	}
	if _, err := ww.w.Seek(ww.start+wavHeaderSize+int64(ww.data), io.SeekStart); err != nil {
		return fmt.Errorf("wav: seek to end: %w", err)
	}
	return nil
}
