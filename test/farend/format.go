package farend

import (
	"encoding/binary"
	"fmt"
	"time"

	"mod_openai_audio_stream/module/audio"
)

// Format is a codec as a call's SDP names it. The zero value is PCMU in packets of 20 ms.
type Format struct {
	Name        string        // of the rtpmap: PCMU, PCMA, L16, opus, G729, ...; "" = PCMU
	RateHz      int           // of the rtpmap; 0 = 8000
	Channels    int           // 0 = 1
	Ptime       time.Duration // of a packet; 0 = 20 ms
	PayloadType uint8         // 0 = the static one of Name, 96 for L16, 98 for others
	Params      string        // fmtp, "" = none
	// LittleEndian is L16 against RFC 3551, as FreeSWITCH sends and reads it on a call that began with another codec: it
	// decides once whether to swap bytes.
	LittleEndian bool
}

// The codecs of the tests. What is neither PCMU, PCMA, L16 nor Opus is opaque: its packets are kept, not decoded. Of Opus
// only silence is sent.
var (
	PCMU  = Format{Name: "PCMU"}
	PCMA  = Format{Name: "PCMA"}
	L16   = Format{Name: "L16", RateHz: 16000} // wide band, as a phone offers it
	Opus  = Format{Name: "opus", RateHz: 48000, Channels: 2}
	G729  = Format{Name: "G729"}
	every = []Format{PCMU, PCMA, L16, Opus, G729}
)

// With is the same codec in packets of another length.
func (f Format) With(ptime time.Duration) Format {
	f.Ptime = ptime
	return f
}

func (f Format) String() string {
	f = f.whole()
	return fmt.Sprintf("%s/%d %v", f.Name, f.RateHz, f.Ptime)
}

// whole fills in what was left out.
func (f Format) whole() Format {
	if f.Name == "" {
		f.Name = "PCMU"
	}
	if f.RateHz == 0 {
		f.RateHz = 8000
	}
	if f.Channels == 0 {
		f.Channels = 1
	}
	if f.Ptime == 0 {
		f.Ptime = 20 * time.Millisecond
	}
	if f.PayloadType == 0 {
		switch f.Name {
		case "PCMU":
		case "PCMA":
			f.PayloadType = 8
		case "G729":
			f.PayloadType = 18
		case "L16":
			f.PayloadType = 96
		default:
			f.PayloadType = 98
		}
	}
	return f
}

// Samples is how many samples of one channel a packet has.
func (f Format) Samples() int {
	f = f.whole()
	return int(f.Ptime * time.Duration(f.RateHz) / time.Second)
}

// Silence is a packet's payload without sound.
func (f Format) silence() []byte {
	switch f = f.whole(); f.Name {
	case "PCMU", "PCMA", "L16":
		return f.encode(make([]int16, f.Samples()))
	case "G729": // two frames of ten bytes in 20 ms
		return make([]byte, int(f.Ptime/(10*time.Millisecond))*10)
	case "opus":
		return []byte{0xf8, 0xff, 0xfe} // CELT, one frame of 20 ms of silence, mono
	default:
		return make([]byte, 32)
	}
}

func (f Format) encode(pcm []int16) []byte {
	switch f.Name {
	case "PCMU":
		return audio.EncodeULaw(nil, pcm)
	case "PCMA":
		return audio.EncodeALaw(nil, pcm)
	case "L16":
		b := make([]byte, 2*len(pcm))
		for i, v := range pcm {
			f.order().PutUint16(b[2*i:], uint16(v))
		}
		return b
	default:
		return f.silence()
	}
}

// decode is a payload's samples, nil for an opaque codec.
func (f Format) decode(payload []byte) []int16 {
	switch f.Name {
	case "PCMU":
		return audio.DecodeULaw(nil, payload)
	case "PCMA":
		return audio.DecodeALaw(nil, payload)
	case "L16":
		pcm := make([]int16, len(payload)/2)
		for i := range pcm {
			pcm[i] = int16(f.order().Uint16(payload[2*i:]))
		}
		return pcm
	default:
		return nil
	}
}

func (f Format) order() binary.ByteOrder {
	if f.LittleEndian {
		return binary.LittleEndian
	}
	return binary.BigEndian
}
