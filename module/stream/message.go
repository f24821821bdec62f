package stream

import (
	"encoding/json"
	"time"

	"mod_openai_audio_stream/module/audio"
	"mod_openai_audio_stream/module/realtime"
)

// badMessagesMost bounds how many unusable messages in a row a server may send.
const badMessagesMost = 100

// message takes one message of the server's.
func (s *Stream) message(msg []byte) {
	e, err := realtime.Parse(msg)
	if err != nil {
		s.badMessages++
		s.log.Warn().Err(err).Int("bytes", len(msg)).Msg("unusable message from the server")
		if s.badMessages == badMessagesMost {
			s.giveUp(errorMessage{Error: "the server sends nothing usable: " + s.mask(err.Error())})
		}
		return
	}
	s.badMessages = 0
	if !s.cfg.Settings.SuppressLog {
		s.log.Debug().Msg("server: " + s.mask(realtime.Redact(msg, logMost)))
	}
	if e.Kind != realtime.KindAudioDelta {
		if e.Kind != realtime.KindError || !s.fatalError(&e.Error) {
			s.notify.event("json", msg)
		}
	}
	if s.link.state == linkOpening && e.Kind != realtime.KindError {
		s.opened(time.Now())
	}
	s.handle(&e)
}

// fatalError notes an error that ends the stream when the server closes, and reports whether it is one.
func (s *Stream) fatalError(e *realtime.Error) bool {
	if !s.provider.FatalError(e.Code) && !(s.link.state == linkOpening && e.Code != "" && !s.provider.Benign(e)) {
		return false
	}
	s.serverFatal(e)
	return true
}

// handle acts on one event.
func (s *Stream) handle(e *realtime.Event) {
	switch e.Kind {
	case realtime.KindAudioDelta:
		s.audioDelta(e)
	case realtime.KindAudioDone:
		s.player.finish(e.ResponseID)
		s.outDecoder.Reset()
		s.endRecording()
	case realtime.KindSessionCreated, realtime.KindSessionUpdated:
		if e.Kind == realtime.KindSessionCreated {
			s.roll.plan(time.Now(), e.ExpiresAt, s.provider.MaxSession)
		}
		s.sessionSettled(e)
	case realtime.KindSpeechStarted:
		s.speaking = true
		s.turns.speechStarted()
		s.talk.speechStarted(s.player.spoken(), s.player.unheard())
	case realtime.KindSpeechStopped:
		s.speaking = false
		s.turns.speechStopped(time.Now())
	case realtime.KindResponseCreated:
		s.overflowing = false
		s.talk.responseCreated(e.ResponseID)
		s.turns.responseCreated(e.ResponseID)
	case realtime.KindResponseDone:
		s.player.finish(e.ResponseID)
		s.endRecording()
		s.turns.responseDone(e)
		s.talk.responseDone(e.ResponseID)
	case realtime.KindError:
		s.serverError(e)
	}
	s.history.note(e)
	s.turns.note(e)
}

func (s *Stream) serverError(e *realtime.Event) {
	if s.fatal != nil {
		return // the closing frame that follows ends the stream; see linkLost
	}
	if s.updating && (e.Error.EventID == updateEventID || e.Error.EventID == "") {
		s.giveUp(errorMessage{Error: "session.update refused: " + s.mask(e.Error.Message), Code: e.Error.Code})
		return
	}
	if !s.talk.serverError(&e.Error) {
		s.log.Warn().Str("code", e.Error.Code).Msg("server: " + s.mask(e.Error.Message))
	}
}

// audioDelta queues one piece of the model's voice.
func (s *Stream) audioDelta(e *realtime.Event) {
	if !s.talk.wantsAudio(e.ResponseID) {
		s.turns.lateDeltas++
		return
	}
	var err error
	if s.payload, err = realtime.DecodeAudio(s.payload[:0], e.Delta); err != nil {
		s.badMessages++
		s.log.Warn().Err(err).Msg("audio that is no base64")
		return
	}
	if s.muteOpenAI {
		return
	}
	var pcm []int16
	switch s.outFormat {
	case realtime.G711ULaw:
		pcm = audio.DecodeULaw(nil, s.payload)
	case realtime.G711ALaw:
		pcm = audio.DecodeALaw(nil, s.payload)
	default:
		pcm = s.outDecoder.Decode(make([]int16, 0, len(s.payload)/2+1), s.payload)
	}
	s.record(e, pcm)
	s.turns.audioDelta(e.ResponseID, time.Now())
	if dropped := s.player.add(e.ResponseID, e.ItemID, e.ContentIndex, pcm); dropped > 0 && !s.overflowing {
		s.overflowing = true
		limit := s.cfg.Settings.PlaybackBuffer
		s.event("error", eventStatus{Status: "error", Message: errorMessage{
			Error: "the answer is longer than the playback buffer of " + limit.String() + ": its end is dropped"}})
	}
}

// sessionSettled reads the formats that the server says it uses, and refuses what would be noise in the caller's ear.
func (s *Stream) sessionSettled(e *realtime.Event) {
	s.talk.sessionUpdated(e)
	if e.Kind == realtime.KindSessionUpdated || s.update == nil {
		in, out := realtime.FormatsOf(e.Session)
		if what := s.mismatch(in, out, e.Kind == realtime.KindSessionUpdated); what != "" {
			s.giveUp(errorMessage{Error: what})
			return
		}
		if out.RateHz > 0 && !s.player.busy() {
			s.player.setSourceRate(out.RateHz)
		}
	}
	if e.Kind == realtime.KindSessionUpdated && s.updating {
		s.updated()
	}
}

// updated lets the caller's audio through once the session is as configured.
func (s *Stream) updated() {
	s.updating = false
	s.greet()
	s.sendAudio()
}

// mismatch compares the session's formats with the stream's. Rates count only when the server has been told ours.
func (s *Stream) mismatch(in, out realtime.AudioFormat, told bool) string {
	switch {
	case in.Name != "" && !in.Known:
		return "the server expects " + in.String() + ", which this module does not speak"
	case out.Name != "" && !out.Known:
		return "the server sends " + out.String() + ", which this module does not speak"
	case in.Known && in.Format != s.inFormat:
		return "the server expects " + in.String() + ", STREAM_INPUT_FORMAT is " + s.inFormat.String()
	case out.Known && out.Format != s.outFormat:
		return "the server sends " + out.String() + ", STREAM_OUTPUT_FORMAT is " + s.outFormat.String()
	case told && s.inFormat == realtime.PCM16 && in.RateHz > 0 && in.RateHz != s.capture.rateHz:
		return "the server expects " + in.String() + ", start asked for " + rateText(s.capture.rateHz)
	}
	return ""
}

// sessionActions is what the conversation may do to its stream.
type sessionActions Stream

func (a *sessionActions) send(msg []byte) {
	s := (*Stream)(a)
	if s.link == nil || s.link.state != linkOpen {
		return // a new session knows nothing of what it was about
	}
	if err := s.link.conn.Send(msg); err != nil {
		s.log.Warn().Err(err).Msg("client event not sent")
	}
}

func (a *sessionActions) flush() []string { return (*Stream)(a).player.flush(time.Now()) }

func (a *sessionActions) truncated(c cut) {
	s := (*Stream)(a)
	s.turns.interruptions++
	s.history.truncate(c)
	s.event("truncated", truncatedEvent{c.ItemID, c.ContentIndex, c.Played.Milliseconds(),
		(c.Received - c.Played).Milliseconds()})
}

func (s *Stream) answerStarted(a *answer) {
	s.turns.playbackStarted(a.responseID, time.Now())
	s.event("openai_speech_start", eventStatus{Status: "started"})
}

func (s *Stream) answerStopped(a *answer, interrupted bool) {
	s.event("openai_speech_stop", eventStatus{Status: "stopped"})
	s.turns.playbackStopped(a.responseID, a.heard, interrupted, time.Now())
}

// The commands of the API. Each runs on the stream's goroutine through do.

func (s *Stream) sendJSON(msg []byte) error {
	if s.link == nil || s.link.state != linkOpen {
		return errNotConnected
	}
	if !s.talk.client(msg) {
		return errTooManyResponses
	}
	s.history.noteClient(msg)
	return nil
}

// sendText has the model speak a text of the user's, or answer to it.
func (s *Stream) sendText(text string, verbatim bool) error {
	if verbatim {
		return s.sendJSON(realtime.ResponseSay(text))
	}
	if err := s.sendJSON(realtime.UserText(text)); err != nil {
		return err
	}
	return s.sendJSON(realtime.ResponseCreate())
}

func (s *Stream) setPaused(on bool) error {
	s.capture.paused = on
	s.player.hold(on)
	return nil
}

func (s *Stream) setMuted(user, openai, on bool) error {
	if user {
		s.capture.mute(on)
		s.sendAudio()
	}
	if openai {
		if on && !s.muteOpenAI {
			s.player.flush(time.Now())
		}
		s.muteOpenAI = on
	}
	return nil
}

// summary logs what the call was, once.
func (s *Stream) summary() {
	c, p := s.capture, s.player
	s.log.Info().Str("reason", s.reason).
		Int64("audio_in_ms", s.turns.audioIn.Milliseconds()).
		Int64("audio_out_ms", p.playedMS).
		Int64("caller_dropped_ms", s.callerDroppedMS()).
		Int64("gap_filled_ms", samplesTime(uint64(c.gapSamples), c.rateHz).Milliseconds()).
		Int64("agent_dropped_ms", samplesTime(uint64(p.dropped), p.sourceHz).Milliseconds()).
		Uint64("underruns", s.rings.Look().Underruns).
		Int("reconnects", max(s.connects-1, 0)).
		Int("benign_errors", s.talk.benign).
		Msg("stream ended")
}

func (s *Stream) callerDroppedMS() int64 {
	return samplesTime(uint64(s.capture.droppedSamples), s.capture.rateHz).Milliseconds() + s.rings.Look().DroppedMS
}

// Event bodies, as documented in docs/reference.md.

type eventStatus struct {
	Status  string `json:"status"`
	Message any    `json:"message,omitempty"`
}

type closeMessage struct {
	Code   int    `json:"code"`
	Reason string `json:"reason"`
}

type errorMessage struct {
	Retries    int    `json:"retries"`
	Error      string `json:"error"`
	WaitTime   int64  `json:"wait_time"`
	HTTPStatus int    `json:"http_status"`
	Code       string `json:"code,omitempty"`
}

type truncatedEvent struct {
	ItemID       string `json:"item_id"`
	ContentIndex int    `json:"content_index"`
	PlayedMS     int64  `json:"audio_end_ms"`
	DiscardedMS  int64  `json:"discarded_ms"`
}

type endEvent struct {
	Reason string `json:"reason"`
	Error  string `json:"error"` // "" if there was none
}

func (s *Stream) event(subclass string, body any) { s.notify.event(subclass, marshal(body)) }

func marshal(body any) []byte {
	b, err := json.Marshal(body)
	if err != nil {
		return []byte("{}")
	}
	return b
}
