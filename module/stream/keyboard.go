package stream

import (
	"strings"
	"time"

	"mod_openai_audio_stream/module/config"
	"mod_openai_audio_stream/module/realtime"
)

// What the keys of the caller do to the stream.

// takeKeys takes the keys that have come, before the audio that comes with them. What they ask for is tickKeys's.
func (s *Stream) takeKeys(now time.Time) {
	for {
		key, ok := s.rings.ReadKey()
		if !ok {
			break
		}
		s.keys.press(key.Digit, now)
	}
	s.capture.masked = s.keys.silent(now)
}

// tickKeys does what the keys ask for.
func (s *Stream) tickKeys(now time.Time) {
	for _, news := range s.keys.run(s.player.busy(), now) {
		if news.over != nil {
			s.keysOver(news.over, now)
		} else {
			s.interrupt(now)
		}
	}
	s.sensitive.want(s.keys.masks())
}

// keysOver tells of a series of keys who is to know.
func (s *Stream) keysOver(p *series, now time.Time) {
	s.reportKeys(p)
	switch {
	case p.asked != nil:
		if p.asked.done != nil {
			p.asked.done(p.digits, p.endedBy, now)
		}
	case p.mode == config.KeysModel && p.endedBy != endedByStop:
		s.tellKeys(p.digits, now)
	}
}

// reportKeys fires the event of a series, unless nothing was pressed.
func (s *Stream) reportKeys(p *series) {
	if p.digits != "" || p.endedBy == endedByTerminator {
		s.event(eventDTMF, newDTMFBody(p))
	}
}

// tellKeys tells the model of keys, and has it answer. A terminator alone is a key like others.
func (s *Stream) tellKeys(digits string, now time.Time) {
	if digits == "" {
		digits = s.cfg.Settings.KeysTerminator
	}
	text := "[The caller pressed the keys: " + strings.Join(strings.Split(digits, ""), " ") + "]"
	if _, err := s.client("", now, realtime.UserText(text), realtime.ResponseCreate()); err != nil {
		s.log.Warn().Err(err).Msg("the model is not told of the caller's keys")
	}
}

// collect has the next keys gathered for a function, masked: their digits are for c.done alone, which the owner calls. It is
// false, and nothing has changed, if another function waits for keys.
func (s *Stream) collect(c *collection, now time.Time) bool { return s.keys.collect(c, now) }

// cancelCollect ends what collect has begun, if it is not over, without a word to its function.
func (s *Stream) cancelCollect(c *collection, now time.Time) {
	if s.keys.asked == c {
		s.keys.cancel(now)
	}
}

// stopKeys tells of what was being pressed when the stream ended, and no longer has FreeSWITCH keep keys out of its log.
func (s *Stream) stopKeys(now time.Time) {
	s.takeKeys(now)
	for _, news := range s.keys.stop(now) {
		if news.over != nil {
			s.reportKeys(news.over)
		}
	}
	s.sensitive.want(false)
	s.sensitive.wait()
}
