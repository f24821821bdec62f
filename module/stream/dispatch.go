package stream

import (
	"errors"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"mod_openai_audio_stream/module/config"
	"mod_openai_audio_stream/module/ledger"
	"mod_openai_audio_stream/module/realtime"
	"mod_openai_audio_stream/module/transport"
)

const (
	// maxUnusable bounds how many unusable messages in a row a server may send.
	maxUnusable = 100
	// maxLogged is how many characters of a server message the log shows.
	maxLogged = 2000
	// logCrit is FreeSWITCH's number for its most urgent level but alert.
	logCrit = 2
)

// What the links tell.

// fromLink takes one event of a link, as the stream's owner.
func (s *Stream) fromLink(e linkEvent) (kept, over bool) {
	kept = true // if a bug keeps handleLink from saying
	over = !s.own(func(now time.Time) { kept = s.handleLink(e, now) })
	return kept, over
}

// handleLink reports whether the event's message is kept.
func (s *Stream) handleLink(e linkEvent, now time.Time) (kept bool) {
	c := &s.conn
	switch l := e.link; {
	case l != c.link && l != c.next:
		if e.conn != nil { // dialled although given up meanwhile
			e.conn.Close(transport.CloseNormal, normalClosure)
		}
	case e.conn != nil:
		l.connected(e.conn, now)
	case e.err != nil && l == c.next:
		s.nextFailed(e.err.Error(), now)
	case e.err != nil:
		s.lost(e.err, now)
	case l == c.next:
		s.nextMessage(e.msg, now)
	default:
		return s.message(e.msg, now)
	}
	return false
}

// catchUp takes what the server has said on a connection that waited for this call.
func (s *Stream) catchUp(now time.Time) {
	l := s.conn.link
	s.log.Debug().Dur("age", now.Sub(l.since)).Msg("taking a connection that waited for this call")
	for _, msg := range s.backlog {
		if !s.handleLink(linkEvent{link: l, msg: msg}, now) {
			transport.Recycle(msg)
		}
	}
	s.backlog = nil
	l.waited = l.conn != nil
}

// tickConnection does what is due of the connection.
func (s *Stream) tickConnection(now time.Time) {
	c := &s.conn
	if !s.endAt.IsZero() {
		return
	}
	if due(&c.retryAt, now) {
		c.connect()
	}
	if c.link != nil {
		s.linkChanged(c.link.due(now), nil, now)
	}
	if c.next != nil {
		s.nextChanged(c.next.due(now), now)
	}
	switch {
	case !c.link.open():
	case c.next == nil && due(&c.rollAt, now):
		c.openNext()
	case c.next.ready() && (s.quiet(now) || !now.Before(c.rollForce)):
		s.takeOver(now, true)
	}
}

// quiet reports whether nobody speaks, and nobody is about to.
func (s *Stream) quiet(now time.Time) bool {
	return s.conn.link.ready() && s.ledger.Quiet(now) && !s.player.busy() && !s.player.flushPending()
}

// linkChanged acts on what the present link has come to. session is the session object of the event that it came by, nil
// if there was none.
func (s *Stream) linkChanged(change linkChange, session []byte, now time.Time) {
	l := s.conn.link
	switch change {
	case linkOpened:
		s.opened(session, now)
	case linkUnsure:
		s.log.Warn().Msg("the server does not answer session.update: going on without")
		s.settled(now)
	case linkSettled:
		s.settled(now)
	case linkRefused:
		text := describeRefusal(l.refusal)
		if !l.fatal {
			text = "session.update refused: " + l.refusal.Message
		}
		s.giveUp(errorMessage{Error: text, Code: l.refusal.Code})
	case linkUseless:
		l.close()
		s.lost(errors.New(describeRefusal(l.refusal)), now)
	}
}

// opened greets a session that the server has opened: it is told what it should be, and what has been said.
func (s *Stream) opened(session []byte, now time.Time) {
	s.conn.opened(now)
	s.event(eventConnect, connectBody())
	update, err := s.sessionUpdate(session)
	if err != nil {
		s.giveUp(errorMessage{Error: "STREAM_SESSION: " + err.Error()})
		return
	}
	s.update = update
	if update == nil && !s.agree(session) {
		return
	}
	change := s.conn.link.configure(update, now)
	s.connected(now, false)
	s.linkChanged(change, nil, now)
}

// connected tells the ledger of a new session, and the session what was said before.
func (s *Stream) connected(now time.Time, planned bool) {
	s.capture.restarted()
	todo, restored := s.ledger.Connected(now)
	s.act(todo, now)
	if s.conn.connects > 1 || planned {
		s.event(eventReconnect, reconnectBody{now.Sub(s.conn.lostAt).Milliseconds(), planned, restored.Updates, restored.Items})
	}
}

// settled lets the caller's audio through once the session is as configured.
func (s *Stream) settled(now time.Time) {
	s.greet(now)
	s.sendAudio()
}

// lost acts on the end of the present link, or of an attempt.
func (s *Stream) lost(err error, now time.Time) {
	v := s.conn.lost(err, now)
	if v.wasOpen {
		s.capture.bound(s.cfg.Settings.ReconnectBuffer)
		s.loseConversation(!v.goodOrder && !v.giveUp && s.endAt.IsZero(), now)
		s.event(eventDisconnect, disconnectBody(v.closed.Code, v.closed.Reason))
	}
	switch {
	case !s.endAt.IsZero():
		s.conn.retryAt = time.Time{}
	case v.wasDead:
		s.log.Debug().Msg("the connection that waited for this call was dead: " + err.Error())
		s.conn.connect()
	case v.takeOver:
		s.conn.opened(now)
		s.event(eventConnect, connectBody())
		s.takeOver(now, false)
	case v.goodOrder:
		s.endWhenHeard(endServerClosed, "", now)
	case v.giveUp:
		s.giveUp(v.failure)
	default:
		s.log.Warn().Int("retries", v.failure.Retries).Int64("wait_ms", v.failure.WaitTime).Msg(v.failure.Error)
		v.failure.Error = s.cfg.Secrets.Text(v.failure.Error)
		s.event(eventError, errorBody(v.failure))
	}
}

// loseConversation tells the parts that the session is gone, which worked on the conversation. goesOn: another one follows.
func (s *Stream) loseConversation(goesOn bool, now time.Time) {
	s.hear(now)
	id := s.ledger.Repeatable()
	s.act(s.ledger.Lost(goesOn && id != "" && s.player.withdraw(id), now), now)
	s.codec.restart()
	s.loudness.restart()
	s.recording.end()
}

// What the next session tells: it has a say only about whether it can take over.

func (s *Stream) nextMessage(msg []byte, now time.Time) {
	e, err := realtime.Parse(msg)
	if err != nil {
		return
	}
	l := s.conn.next
	if e.Kind == realtime.KindError {
		s.log.Warn().Str("code", e.Error.Code).Msg("the next session: " + e.Error.Message)
	}
	if e.Kind == realtime.KindSessionCreated {
		l.expires = e.ExpiresAt
	}
	change := l.heard(&e, now)
	if l.fatal {
		change = linkRefused // it must not take over meanwhile
	}
	s.nextChanged(change, now)
}

func (s *Stream) nextChanged(change linkChange, now time.Time) {
	switch l := s.conn.next; change {
	case linkOpened:
		l.configure(s.update, now)
	case linkRefused, linkUseless:
		s.nextFailed(describeRefusal(l.refusal), now)
	}
}

func (s *Stream) nextFailed(text string, now time.Time) {
	s.log.Warn().Msg("the next session failed: " + text)
	s.conn.nextFailed(now)
}

// takeOver makes the next session the present one: because the present one gets old, or because it was lost.
func (s *Stream) takeOver(now time.Time, planned bool) {
	if planned {
		s.loseConversation(true, now)
	}
	old := s.conn.replace(now)
	s.connected(now, planned)
	if old != nil {
		old.close()
	}
	s.settled(now)
}

// What the present session tells.

// message takes one message of the server's, and reports whether it is kept.
func (s *Stream) message(msg []byte, now time.Time) (kept bool) {
	e, err := s.parser.Parse(msg)
	if err != nil {
		s.log.Warn().Err(err).Int("bytes", len(msg)).Msg("unusable message from the server")
		s.unusable = s.countUnusable(s.unusable, err)
		return false
	}
	s.unusable = 0
	if line := s.log.Debug(); line.Enabled() && !s.cfg.Settings.SuppressLog {
		line.Msg("server: " + realtime.Redact(msg, maxLogged))
	}
	l := s.conn.link
	change := l.heard(&e, now)
	if e.Kind == realtime.KindAudioDelta {
		s.linkChanged(change, nil, now)
		s.audioDelta(&e, now)
		return false
	}
	s.notify.event(eventJSON, msg)
	s.linkChanged(change, e.Session, now)
	s.handle(&e, change, now)
	return true
}

// countUnusable counts one more in a row, and gives up on a server that sends nothing else.
func (s *Stream) countUnusable(n int, err error) int {
	if n++; n == maxUnusable {
		s.giveUp(errorMessage{Error: "the server sends nothing usable: " + err.Error()})
	}
	return n
}

// handle acts on one event that is no audio.
func (s *Stream) handle(e *realtime.Event, change linkChange, now time.Time) {
	var voiceEnd time.Time
	switch e.Kind {
	case realtime.KindError:
		s.serverError(&e.Error, change, now)
		return
	case realtime.KindSessionCreated:
		s.conn.age(e.ExpiresAt)
		if change == linkSame && s.update == nil {
			s.agree(e.Session) // another event opened the session, and nothing has told it other formats
		}
	case realtime.KindSessionUpdated:
		s.agree(e.Session)
	case realtime.KindSpeechStarted:
		s.hear(now)
	case realtime.KindSpeechStopped:
		s.hear(now)
		voiceEnd = s.voiceEnd(e)
	case realtime.KindResponseCreated:
		s.overflowing = false
	case realtime.KindAudioDone:
		s.codec.restart()
		s.recording.done(e)
	case realtime.KindResponseDone:
		s.recording.done(e)
		s.silentAnswer(e)
	}
	s.act(s.ledger.Server(e, voiceEnd, now), now)
	if b := &s.cfg.Settings.BargeIn; e.Kind == realtime.KindSpeechStarted && *b == (config.BargeIn{}) {
		s.interruptSounds(now)
	}
}

func (s *Stream) serverError(e *realtime.Error, change linkChange, now time.Time) {
	if change != linkSame || s.conn.link.fatal {
		return // said, or about to be
	}
	todo, benign := s.ledger.Error(e, now)
	s.act(todo, now)
	if !benign {
		s.log.Warn().Str("code", e.Code).Msg("server: " + e.Message)
	}
}

// samples are for the audio of one delta.
var samples = sync.Pool{New: func() any { return new([]int16) }}

// audioDelta queues one piece of the model's voice.
func (s *Stream) audioDelta(e *realtime.Event, now time.Time) {
	scratch := samples.Get().(*[]int16)
	defer samples.Put(scratch)
	pcm, err := s.codec.decode((*scratch)[:0], e.Delta)
	*scratch = pcm
	if err != nil {
		s.log.Warn().Err(err).Msg("audio that is no base64")
		s.unusableAudio = s.countUnusable(s.unusableAudio, err)
		return
	}
	s.unusableAudio = 0
	s.recording.write(e, pcm)
	length := samplesTime(uint64(len(pcm)), s.player.sourceHz)
	s.loudness.add(e.ResponseID, pcm, length)
	id, play := s.ledger.Audio(e, length, now)
	if !play || s.muteOpenAI {
		return
	}
	dropped := s.player.add(id, e.ItemID, e.ContentIndex, pcm)
	s.ledger.Queued(id, e, samplesTime(uint64(len(pcm)-dropped), s.player.sourceHz))
	if dropped > 0 && !s.overflowing {
		s.overflowing = true
		limit := s.cfg.Settings.PlaybackBuffer
		s.event(eventError, errorBody(errorMessage{
			Error: "the answer is longer than the playback buffer of " + limit.String() + ": its end is dropped"}))
	}
}

// agree takes the formats that a session object names, and refuses those that would be noise in an ear.
func (s *Stream) agree(session []byte) bool {
	in, out := realtime.FormatsOf(session)
	if what := s.codec.mismatch(in, out); what != "" {
		s.giveUp(errorMessage{Error: what})
		return false
	}
	s.setInputRate(in)
	if out.RateHz > 0 && !s.player.talking() {
		s.player.setSourceRate(out.RateHz)
		s.recording.setRate(out.RateHz)
	}
	return true
}

// setInputRate resamples the caller's audio to the rate that the server has named.
func (s *Stream) setInputRate(in realtime.AudioFormat) {
	if s.codec.in != realtime.PCM16 || in.RateHz == 0 || in.RateHz == s.capture.rateHz {
		return
	}
	asked := s.capture.rateHz
	if err := s.capture.setRate(in.RateHz); err != nil {
		s.giveUp(errorMessage{Error: "the server expects " + in.String() + ": " + err.Error()})
		return
	}
	s.log.WithLevel(zerolog.NoLevel).Msg("the server expects " + in.String() + ", start asked for " + rateText(asked) +
		": the caller's audio is resampled")
}

// voiceEnd is when the caller's voice ended that the server has just found the end of: the silence that it waits for
// before the place that it names. A server that judges by what was said names no silence.
func (s *Stream) voiceEnd(e *realtime.Event) time.Time {
	if d := s.ledger.Detection(); d.Kind == realtime.ServerVAD && d.SilenceMS > 0 && e.AudioEndMS > d.SilenceMS {
		if at, ok := s.capture.timeAt(e.AudioEndMS - d.SilenceMS); ok {
			return at
		}
	}
	return s.capture.voiceEnd()
}

// What the channel has played.

// play lets the player do what is due, and tells the ledger what has been heard.
func (s *Stream) play(now time.Time) {
	next, played := s.player.run(now)
	s.playAt = next
	s.played(played, now)
	soundAt, again := s.tendSounds(now)
	s.playAt = earliest(s.playAt, soundAt)
	if again {
		s.playAt = now
	}
}

func (s *Stream) played(played []ledger.Playback, now time.Time) {
	if len(played) > 0 {
		s.act(s.ledger.Played(played, now), now)
	}
}

// hear tells the ledger how much has been heard up to now.
func (s *Stream) hear(now time.Time) {
	s.progress = s.player.progress(s.progress[:0])
	s.played(s.progress, now)
}

// What the caller says.

// messages are for one piece of the caller's audio.
var messages = sync.Pool{New: func() any { return new([]byte) }}

// sendAudio sends the caller's audio that is complete, in messages of the configured length.
func (s *Stream) sendAudio() {
	if !s.conn.link.ready() {
		return
	}
	n := int(timeSamples(s.cfg.Settings.BufferSize, s.capture.rateHz))
	if s.capture.ready() < n {
		return
	}
	msg := messages.Get().(*[]byte)
	defer messages.Put(msg)
	taken := 0
	for {
		before := taken
		pcm := s.capture.take(&taken, n)
		if pcm == nil {
			break
		}
		*msg = realtime.AppendInputAudio((*msg)[:0], s.codec.encode(pcm))
		if err := s.conn.link.conn.Send(*msg); err != nil {
			taken = before // it waits in the capture buffer; the reader reports the connection's end
			break
		}
		s.audioIn += samplesTime(uint64(n), s.capture.rateHz)
	}
	s.capture.sent(taken)
}

// What is to be done.

// act does what the ledger says.
func (s *Stream) act(t ledger.Todo, now time.Time) {
	if t.Flush {
		s.player.flush(now)
	}
	s.player.hold(byCaller, s.ledger.Paused()) // after a flush: nothing of what it silences may be heard
	for _, id := range t.PartDone {
		s.player.partDone(id)
	}
	for _, id := range t.Finished {
		s.player.finish(id)
	}
	for _, msg := range t.Send {
		s.send(msg)
	}
	for _, r := range t.Reports {
		switch r := r.(type) {
		case ledger.SpeechStarted:
			s.event(eventSpeechStart, speechBody("started"))
			s.endHold(now)
		case ledger.SpeechStopped:
			s.event(eventSpeechStop, speechBody("stopped"))
		case ledger.Truncated:
			s.event(eventTruncated, newTruncatedBody(r))
		case ledger.Turn:
			s.event(eventTurn, newTurnBody(r))
		}
	}
	for _, c := range t.Calls {
		s.call(c, now)
	}
	for _, id := range t.Answered {
		s.answered(id, now)
	}
}

// send gives the server a client event.
func (s *Stream) send(msg []byte) {
	if !s.conn.link.open() {
		return // a new session knows nothing of what it was about
	}
	if err := s.conn.link.conn.Send(msg); err != nil {
		s.log.Warn().Err(err).Msg("client event not sent")
	}
}

func (s *Stream) event(subclass string, body any) { s.notify.event(subclass, marshal(body)) }
