package realtimetest

import (
	"encoding/base64"
	"fmt"
	"time"

	"github.com/tidwall/gjson"

	"mod_openai_audio_stream/module/audio"
	"mod_openai_audio_stream/module/realtime"
)

// maxAppend is how much audio one append may carry.
const maxAppend = 15 << 20

// inputBuffer is the caller's audio that is not committed: its first channel, as samples.
type inputBuffer struct {
	format   realtime.Format
	rateHz   int
	channels int
	vad      bool
	detector detector

	part     []byte  // bytes of an incomplete sample
	pcm      []int16 // samples [base, base+len(pcm)) of the session
	base     int64
	passedMS int64  // audio time before sample 0, from other rates
	start    int64  // first sample of the speech that has begun
	itemID   string // its future item
}

// configure takes over the settings. The audio clock goes on through a change of rate; what is not committed is lost.
func (b *inputBuffer) configure(c *settings) {
	if c.inRate != b.rateHz {
		if b.rateHz > 0 {
			b.passedMS = b.ms(b.end())
		}
		b.pcm, b.base, b.part = nil, 0, nil
		b.detector = detector{}
	}
	b.format, b.rateHz, b.channels, b.vad = c.inFormat, c.inRate, c.channels, c.vad
	if b.format != realtime.PCM16 {
		b.channels = 1
	}
	b.detector.rateHz, b.detector.level = c.inRate, c.level
	b.detector.prefix = c.prefixMS * int64(c.inRate) / 1000
	b.detector.silence = c.silenceMS * int64(c.inRate) / 1000
}

func (b *inputBuffer) end() int64 { return b.base + int64(len(b.pcm)) }

// ms is the audio time of a sample, in all audio of the session.
func (b *inputBuffer) ms(sample int64) int64 { return b.passedMS + sample*1000/int64(b.rateHz) }

// add decodes audio, keeps its first channel and returns the edges of speech in it.
func (b *inputBuffer) add(data []byte) []edge {
	var pcm []int16
	switch b.format {
	case realtime.G711ULaw:
		pcm = audio.DecodeULaw(nil, data)
	case realtime.G711ALaw:
		pcm = audio.DecodeALaw(nil, data)
	default:
		if len(b.part) > 0 {
			data = append(b.part, data...)
		}
		whole := len(data) - len(data)%(2*b.channels)
		b.part = append([]byte(nil), data[whole:]...)
		pcm = audio.DecodePCM16LE(nil, data[:whole])
	}
	if b.channels > 1 {
		n := len(pcm) / b.channels
		for i := range n {
			pcm[i] = pcm[i*b.channels]
		}
		pcm = pcm[:n]
	}
	b.pcm = append(b.pcm, pcm...)
	if !b.vad {
		return nil
	}
	return b.detector.feed(pcm)
}

// take is the audio of [from, to), and forgets all before to.
func (b *inputBuffer) take(from, to int64) []int16 {
	from, to = max(from, b.base), min(to, b.end())
	pcm := append([]int16(nil), b.pcm[from-b.base:max(to, from)-b.base]...)
	b.forget(to)
	return pcm
}

func (b *inputBuffer) forget(before int64) {
	if n := before - b.base; n > 0 {
		b.pcm = append(b.pcm[:0], b.pcm[n:]...)
		b.base = before
	}
}

// trim forgets the silence that no speech can reach back to, once there are some seconds of it.
func (b *inputBuffer) trim() {
	keep := b.detector.prefix + int64(b.rateHz)
	if b.vad && !b.detector.speaking && int64(len(b.pcm)) > 3*keep {
		b.forget(b.end() - keep)
	}
}

// appendAudio handles input_audio_buffer.append.
func (s *Session) appendAudio(msg []byte) {
	encoded := gjson.GetBytes(msg, "audio")
	data, err := base64.StdEncoding.DecodeString(encoded.Str)
	if encoded.Type != gjson.String || err != nil {
		s.note(Event{Time: time.Now(), Client: true, Type: "input_audio_buffer.append", Raw: msg})
		s.fail(msg, "invalid_value", "Invalid 'audio'. Expected base64-encoded audio bytes (mono PCM16 at 24kHz) but got an invalid value.", "audio")
		return
	}
	s.mu.Lock()
	s.audioBytes += len(data)
	if !s.srv.cfg.NoRecord {
		s.audio = append(s.audio, data...)
	}
	s.mu.Unlock()
	s.note(Event{Time: time.Now(), Client: true, Type: "input_audio_buffer.append", AudioBytes: len(data)})
	if len(data) > maxAppend {
		s.fail(msg, "string_above_max_length", "Invalid 'audio': audio too long.", "audio")
		return
	}
	for _, e := range s.input.add(data) {
		if e.start {
			s.speechStarted(e.at)
		} else {
			s.speechStopped(e.at)
		}
	}
	s.input.trim()
}

func (s *Session) speechStarted(at int64) {
	b := &s.input
	b.start, b.itemID = at, s.talk.newID("item", s.Number)
	s.emit("input_audio_buffer.speech_started", fields{"audio_start_ms": b.ms(at), "item_id": b.itemID})
	if s.config.interrupt {
		if r := s.active(); r != nil {
			s.interrupt(r, "turn_detected", s.bad.LateDeltas)
		}
	}
}

func (s *Session) speechStopped(at int64) {
	b := &s.input
	s.emit("input_audio_buffer.speech_stopped", fields{"audio_end_ms": b.ms(at), "item_id": b.itemID})
	s.commit(b.itemID, b.take(b.start, at))
	b.itemID = ""
	if !s.config.createResponse {
		return
	}
	if r := s.active(); r != nil { // interrupt_response is false
		s.failActive(nil, r)
		return
	}
	s.respond(nil)
}

// commit makes an item of what the caller said.
func (s *Session) commit(itemID string, pcm []int16) {
	s.spoken++
	s.talk.heard, s.talk.heardRate = pcm, s.input.rateHz
	previous := s.talk.last()
	s.emit("input_audio_buffer.committed", fields{"item_id": itemID, "previous_item_id": previous})
	s.addItem(&item{id: itemID, typ: "message", role: "user", raw: fields{"id": itemID, "object": "realtime.item", "type": "message",
		"status": "completed", "role": "user", "content": []any{fields{"type": "input_audio", "transcript": nil}}}}, previous)
	if !s.config.transcribe {
		return
	}
	text := fmt.Sprintf("caller turn %d", s.spoken)
	if s.srv.cfg.Heard != nil {
		text = s.srv.cfg.Heard(s.spoken)
	}
	const event = "conversation.item.input_audio_transcription."
	s.emit(event+"delta", fields{"item_id": itemID, "content_index": 0, "delta": text})
	s.emit(event+"completed", fields{"item_id": itemID, "content_index": 0, "transcript": text,
		"usage": fields{"type": "duration", "seconds": float64(len(pcm)) / float64(s.input.rateHz)}})
}

// commitByHand handles input_audio_buffer.commit.
func (s *Session) commitByHand(msg []byte) {
	b := &s.input
	if n := b.end() - b.base; n*1000 < 100*int64(b.rateHz) {
		s.fail(msg, "input_audio_buffer_commit_empty", fmt.Sprintf(
			"Error committing input audio buffer: buffer too small. Expected at least 100ms of audio, but buffer only has %.2fms of audio.",
			float64(n)*1000/float64(b.rateHz)), "")
		return
	}
	id := b.itemID
	if id == "" {
		id = s.talk.newID("item", s.Number)
	}
	pcm := b.take(b.base, b.end())
	b.itemID = ""
	b.detector.reset()
	s.commit(id, pcm)
}

// clear handles input_audio_buffer.clear.
func (s *Session) clear() {
	s.input.forget(s.input.end())
	s.input.detector.reset()
	s.input.itemID = ""
	s.emit("input_audio_buffer.cleared", fields{})
}
