package stream

import (
	"errors"
	"fmt"
	"time"

	"mod_openai_audio_stream/module/config"
	"mod_openai_audio_stream/module/realtime"
)

const (
	// What the model is asked to say where a setting says auto.
	autoPrompt  = "The caller has said nothing for a while. In one short sentence, in the language of the conversation so far, ask whether they are still there."
	autoGoodbye = "The caller does not answer any more. In one short sentence, in the language of the conversation so far, say goodbye."
	// maxAnnouncement bounds how long a stream that is given up plays the file of STREAM_ON_ERROR.
	maxAnnouncement = time.Minute
	// rescueCause is why a call is hung up whose stream has failed.
	rescueCause = "NORMAL_TEMPORARY_FAILURE"
)

// tickSilence does what is due because nobody says anything, and returns when the next thing is.
func (s *Stream) tickSilence(now time.Time) time.Time {
	if !s.endAt.IsZero() {
		return time.Time{}
	}
	return earliest(s.tickWatchdog(now), s.tickIdle(now))
}

// The caller says nothing.

func (s *Stream) tickIdle(now time.Time) time.Time {
	if s.idle.timeout == 0 || !s.endAt.IsZero() {
		return time.Time{}
	}
	p := s.player
	do, next := s.idle.look(idleLook{
		busy: p.busy() || p.flushPending() || s.announcing || !s.ledger.Idle() || s.ledger.Calling() ||
			s.acting.holding || s.transferring || p.holders != 0 || p.look.Held || s.capture.muted || !s.conn.link.ready(),
		playing:   p.left() > 0,
		answerDue: s.ledger.AnswerDue(now),
		speaking:  s.ledger.Speaking(),
		unsaid:    s.ledger.Detection().Kind == "",
		voice:     s.capture.voiceEnd(),
		key:       s.keys.last,
	}, now)
	switch set := &s.cfg.Settings; do {
	case idlePrompt:
		s.event(eventIdle, idleBody{Count: s.idle.prompts})
		s.speak(set.IdlePrompt, autoPrompt, now)
	case idleGoodbye:
		s.event(eventIdle, idleBody{Count: s.idle.prompts, Goodbye: true})
		s.speak(set.Goodbye, autoGoodbye, now)
	case idleEnd:
		s.end(endIdle)
	}
	return next
}

// speak has the model say a text, or, where that is auto, something of a kind.
func (s *Stream) speak(text, kind string, now time.Time) {
	msg := realtime.ResponseSay(text)
	if text == "auto" {
		msg = realtime.ResponseSpeak(kind)
	}
	_, _ = s.client("", now, msg) // refused only when much waits already
}

// The model says nothing.

func (s *Stream) tickWatchdog(now time.Time) time.Time {
	since, retried := s.ledger.AwaitedSince()
	do, next := s.watchdog.look(since, retried, now)
	switch do {
	case watchRetry:
		s.log.Warn().Msg(s.saidNothing() + ": asking once more")
		s.act(s.ledger.Retry(now), now)
		return s.tickWatchdog(now)
	case watchFail:
		s.act(s.ledger.Drop(now), now)
		s.modelFailed(errorMessage{Error: s.saidNothing() + ", twice"}, now)
	}
	return next
}

func (s *Stream) saidNothing() string {
	return fmt.Sprintf("the model has said nothing for %v", s.watchdog.limit)
}

// modelFailed does what STREAM_ON_ERROR says about a model that is silent. The stream goes on unless the call is to end or to
// go elsewhere.
func (s *Stream) modelFailed(failure errorMessage, now time.Time) {
	switch rescue := s.cfg.Settings.OnError; rescue.Kind {
	case config.RescueHangup, config.RescueTransfer:
		s.giveUp(failure)
	default:
		s.log.Error().Msg(failure.Error)
		s.event(eventError, errorBody(failure))
		if rescue.Kind == config.RescuePlay {
			s.announce(rescue.To)
		}
	}
}

// silentAnswer tells of an answer that is over and was audio, but such that nobody can have heard it.
func (s *Stream) silentAnswer(e *realtime.Event) {
	length, silent := s.loudness.done(e.ResponseID)
	if silent && e.Status != "cancelled" {
		s.event(eventSilentAnswer, silentAnswerBody{e.ResponseID, length.Milliseconds()})
	}
}

// The stream has failed.

// announce plays the file of STREAM_ON_ERROR, behind what the caller has still to hear.
func (s *Stream) announce(path string) {
	s.announcing = true
	s.playSound(path, func(err error, _ time.Time) {
		s.announcing = false
		if err != nil {
			s.log.Warn().Err(err).Msg("the file of STREAM_ON_ERROR was not played to its end")
		}
	})
}

// rescue has finish do with the call what STREAM_ON_ERROR says, unless something else is to be done with it.
func (s *Stream) rescue() {
	if s.exitBefore != nil || s.exitAfter != nil {
		return
	}
	switch rescue := s.cfg.Settings.OnError; rescue.Kind {
	case config.RescueHangup:
		s.exitBefore = func() { s.hangUp(rescueCause) }
	case config.RescueTransfer:
		s.exitAfter = func() { s.sendTo(rescue.To) }
	}
}

// tried logs the error of what was tried with a call that may have gone meanwhile.
func (s *Stream) tried(what string, err error) {
	switch {
	case err == nil:
	case errors.Is(err, ErrNoChannel):
		s.log.Info().Msg(what + ": the call has ended")
	default:
		s.log.Error().Err(err).Msg(what)
	}
}
