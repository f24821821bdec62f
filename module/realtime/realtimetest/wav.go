package realtimetest

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"

	"mod_openai_audio_stream/module/audio"
)

// ReadWAV reads a WAV file of 16-bit PCM: a caller's or a model's recording. Channels are interleaved.
func ReadWAV(path string) (pcm []int16, rateHz, channels int, err error) {
	b, err := os.ReadFile(path) //nolint:gosec // a test names its own files
	if err != nil {
		return nil, 0, 0, err
	}
	if pcm, rateHz, channels, err = parseWAV(b); err != nil {
		return nil, 0, 0, fmt.Errorf("%s: %w", path, err)
	}
	return pcm, rateHz, channels, nil
}

func parseWAV(b []byte) (pcm []int16, rateHz, channels int, err error) {
	if len(b) < 12 || string(b[:4]) != "RIFF" || string(b[8:12]) != "WAVE" {
		return nil, 0, 0, errors.New("no WAV file")
	}
	for b = b[12:]; len(b) >= 8; {
		id, size := string(b[:4]), int64(binary.LittleEndian.Uint32(b[4:]))
		body := b[8:]
		if size > int64(len(body)) {
			size = int64(len(body)) // a recording that was not closed
		}
		switch {
		case id == "fmt " && size >= 16:
			// 0xfffe is an extensible header, which sox writes for some formats.
			if coding, bits := binary.LittleEndian.Uint16(body), binary.LittleEndian.Uint16(body[14:]); coding != 1 && coding != 0xfffe || bits != 16 {
				return nil, 0, 0, fmt.Errorf("coding %d of %d bits: expected 16-bit PCM", coding, bits)
			}
			channels, rateHz = int(binary.LittleEndian.Uint16(body[2:])), int(binary.LittleEndian.Uint32(body[4:]))
		case id == "data":
			if channels == 0 || rateHz == 0 {
				return nil, 0, 0, errors.New("data without a format")
			}
			return audio.DecodePCM16LE(nil, body[:size]), rateHz, channels, nil
		}
		b = body[min(size+size%2, int64(len(body))):]
	}
	return nil, 0, 0, errors.New("no data")
}
