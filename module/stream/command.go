package stream

import (
	"encoding/json"
	"fmt"
	"time"

	"mod_openai_audio_stream/module/command"
	"mod_openai_audio_stream/module/config"
	"mod_openai_audio_stream/module/ledger"
	"mod_openai_audio_stream/module/realtime"
)

// command does what the API asks of the stream, and returns the reply.
func (s *Stream) command(c command.Command) (reply string, err error) {
	if c.Verb == command.Stop {
		return "stream stopped", s.stop(json.RawMessage(c.JSON), endStop)
	}
	err = s.do(func(now time.Time) error {
		reply, err = s.obey(c, now)
		return err
	})
	if c.Verb == command.DTMF && err == nil {
		s.sensitive.wait() // from the reply on no key is shown that must not be
	}
	return reply, err
}

// obey is run by the stream's owner.
func (s *Stream) obey(c command.Command, now time.Time) (reply string, err error) {
	switch c.Verb {
	case command.SendJSON:
		return s.client("message sent", now, c.JSON)
	case command.SendText:
		return s.client("text sent", now, realtime.UserText(c.Text), realtime.ResponseCreate())
	case command.Say:
		return s.client("text sent", now, realtime.ResponseSay(c.Text))
	case command.Interrupt:
		s.interrupt(now)
		s.interruptSounds(now)
		return "interrupted", nil
	case command.Pause, command.Resume:
		s.paused = c.Verb == command.Pause
		s.pauseCapture()
		s.player.hold(byCommand, s.paused)
		if !s.paused {
			s.endHold(now)
		}
		return string(c.Verb) + "d", nil
	case command.Mute, command.Unmute:
		s.mute(c.Target.User, c.Target.OpenAI, c.Verb == command.Mute, now)
		return string(c.Verb) + "d", nil
	case command.ToolResult:
		return "result taken", s.toolResult(c.CallID, c.Text, now)
	case command.DTMF:
		s.keys.set(config.Keys(c.Keys), now)
		return string(c.Verb) + " " + c.Keys, nil
	case command.Status:
		status, err := json.Marshal(s.stats(now))
		return string(status), err
	}
	return "", fmt.Errorf("command %q: not implemented", c.Verb)
}

// pauseCapture has the server hear the caller, or not: nobody listens any more once the stream plays out.
func (s *Stream) pauseCapture() { s.capture.paused = s.paused || s.transferring || !s.endAt.IsZero() }

// client gives the server events of the client's, all or none. They wait for a connection that is being restored.
func (s *Stream) client(sent string, now time.Time, events ...[]byte) (reply string, err error) {
	if !s.endAt.IsZero() {
		return "", ErrEnded
	}
	todo, held, err := s.ledger.Client(now, events...)
	if err != nil {
		return "", err
	}
	s.act(todo, now)
	if held {
		return "queued", nil
	}
	return sent, nil
}

// interrupt silences the model, as the caller's voice does.
func (s *Stream) interrupt(now time.Time) {
	s.hear(now)
	s.act(s.ledger.Interrupt(now), now)
}

// greet has the model speak first, once per call.
func (s *Stream) greet(now time.Time) {
	greeting := s.cfg.Settings.Greeting
	if greeting == "" || s.greeted {
		return
	}
	s.greeted = true
	msg := realtime.ResponseCreate()
	if greeting != "auto" {
		msg = realtime.ResponseSay(greeting)
	}
	_, _ = s.client("", now, realtime.WithEventID(msg, ledger.GreetingID)) // refused only when much waits already
}

func (s *Stream) mute(user, openai, on bool, now time.Time) {
	if user {
		s.capture.mute(on)
		s.sendAudio()
	}
	if openai {
		if on && !s.muteOpenAI {
			s.hear(now)
			todo := s.ledger.Mute(now)
			if todo.Flush {
				s.player.flushAnswers(now) // sounds play on
				todo.Flush = false
			}
			s.act(todo, now)
		}
		s.muteOpenAI = on
	}
}

// sessionUpdate is the session.update that the settings ask for, nil if they ask for nothing. A server that takes one rate
// only has named it in session, nil if it has said nothing yet.
func (s *Stream) sessionUpdate(session []byte) ([]byte, error) {
	if in, _ := realtime.FormatsOf(session); s.cfg.Provider.Acknowledges && in.Known && in.Format == s.codec.in {
		s.setInputRate(in)
	}
	set := &s.cfg.Settings
	barge := bargeInOf(set)
	o := realtime.SessionOptions{
		Base:           set.Session,
		Instructions:   set.Instructions,
		Voice:          set.Voice,
		TurnDetection:  set.TurnDetection,
		NoiseReduction: set.NoiseReduction,
		KeepAnswer:     keepsAnswer(barge),
		AwaitRequest:   barge.Answers,
		InputFormat:    s.codec.in,
		OutputFormat:   s.codec.out,
		InputRateHz:    s.capture.rateHz,
		OutputRateHz:   s.player.sourceHz,
		EventID:        updateEventID,
	}
	for _, t := range set.Tools {
		if t.Offered() {
			o.Tools = append(o.Tools, t.Definition())
		}
	}
	if o.Empty() {
		return nil, nil
	}
	return realtime.AppendSessionUpdate(nil, s.cfg.Provider, o)
}
