package realtime

import (
	"fmt"
	"strings"
)

// Format is how audio is coded on the wire.
type Format int

// The formats.
const (
	PCM16    Format = iota // 16-bit little-endian
	G711ULaw               // 8 kHz
	G711ALaw               // 8 kHz
)

// G711RateHz is the only rate of G.711.
const G711RateHz = 8000

// maxRateHz bounds the rates that a session is believed to have.
const maxRateHz = 192000

// formatNames are the formats' names in the beta protocol and in the GA protocol.
var formatNames = [...][2]string{
	PCM16:    {"pcm16", "audio/pcm"},
	G711ULaw: {"g711_ulaw", "audio/pcmu"},
	G711ALaw: {"g711_alaw", "audio/pcma"},
}

// String is the format's name in the settings, and in the beta protocol.
func (f Format) String() string {
	if f < 0 || int(f) >= len(formatNames) {
		return fmt.Sprintf("format %d", int(f))
	}
	return formatNames[f][0]
}

// MediaType is the format's name in the GA protocol.
func (f Format) MediaType() string {
	if f < 0 || int(f) >= len(formatNames) {
		return f.String()
	}
	return formatNames[f][1]
}

// ParseFormat reads a format's name, that of either protocol, in any case.
func ParseFormat(name string) (Format, error) {
	for f, names := range formatNames {
		if strings.EqualFold(name, names[0]) || strings.EqualFold(name, names[1]) {
			return Format(f), nil
		}
	}
	return 0, fmt.Errorf("audio format %q: expected pcm16, g711_ulaw or g711_alaw", name)
}
