package stream

import (
	"time"

	"mod_openai_audio_stream/module/config"
	"mod_openai_audio_stream/module/ledger"
	"mod_openai_audio_stream/module/realtime"
)

// The caller's voice over the model's: the settings of it, and what the channel tells the ledger. What comes of it is the
// ledger's to say (module/ledger/bargein.go).

// voiceGap is how long after its last voiced frame a voice still goes on: longer than between two syllables.
const voiceGap = 200 * time.Millisecond

// bargeInOf is when the caller may interrupt.
func bargeInOf(set *config.Settings) ledger.BargeIn {
	b := &set.BargeIn
	user := realtime.SessionOptions{Base: set.Session, TurnDetection: set.TurnDetection}
	barge := ledger.BargeIn{
		Off: b.Off, Min: b.Min, Confirm: b.Confirm, Resume: b.Resume,
		Answers: b.Resume > 0 && user.Detection().Creates,
	}
	if set.Greeting != "" {
		barge.Greeting = set.GreetingProtect
	}
	return barge
}

// keepsAnswer reports whether the server must leave it to the module to end an answer.
func keepsAnswer(b ledger.BargeIn) bool {
	return b.Off || b.Min > 0 || b.Confirm > 0 || b.Resume > 0 || b.Greeting > 0
}

// heedVoice lets the ledger decide what the caller's voice has come to.
func (s *Stream) heedVoice(now time.Time) {
	if s.voiceDecides(now) {
		s.hear(now)
		s.act(s.ledger.Decide(now), now)
	}
}

// voiceDecides tells the ledger of the caller's voice, and reports whether it may have come to something.
func (s *Stream) voiceDecides(now time.Time) bool {
	return s.ledger.Hears(s.capture.voiceLasted(now), now)
}
