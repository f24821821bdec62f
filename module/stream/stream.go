// Package stream runs calls: a Manager that knows them all, and a Stream for each, with one goroutine that owns its
// state. Audio comes and goes through a Rings, everything else through the Host.
package stream

import (
	"encoding/json"
	"errors"
	"time"

	"github.com/rs/zerolog"

	"mod_openai_audio_stream/module/audio"
	"mod_openai_audio_stream/module/audiofile"
	"mod_openai_audio_stream/module/command"
	"mod_openai_audio_stream/module/config"
	"mod_openai_audio_stream/module/realtime"
	"mod_openai_audio_stream/module/secret"
	"mod_openai_audio_stream/module/transport"
)

// ErrEnded is what a command gets whose stream has just ended.
var ErrEnded = errors.New("the stream has ended")

const (
	normalClosure = "Normal closure"
	internalError = "internal error, see the log"
)

// Why a stream ends, as the variable openai_audio_stream_disconnect_reason and the event ::end say it. The list in
// docs/reference.md is the user's. What the channel itself ends has the shim's words, hangup and passthrough_codec
// (include/oas_stream.h, close_reason).
const (
	endStop         = "stop"           // the command
	endServerClosed = "server_closed"  // in good order
	endMaxDuration  = "max_duration"   // STREAM_MAX_DURATION
	endError        = "error"          // given up; there is an error text
	endUnload       = "unload"         // the module's
	endInternal     = "internal_error" // a bug; there is an error text
)

// Config is what a stream is started with; it does not change.
type Config struct {
	UUID     string
	Start    command.Command
	Settings config.Settings
	Provider *realtime.Provider
	Secrets  *secret.Masker   // of the call
	Files    *audiofile.Store // nil: answers are not written
	Former   <-chan struct{}  // closed when the events of the channel's former stream are out; nil: there was none
	Leave    func()           // called once, just before the channel is free for another stream
}

// Stream is one stream. Its exported methods may be called from any goroutine; they wait for the stream's goroutine,
// which never waits for the network or for FreeSWITCH.
type Stream struct {
	cfg      Config
	host     Host
	rings    Rings
	dial     DialFunc
	provider *realtime.Provider
	mask     func(string) string
	log      zerolog.Logger
	notify   *notifier

	commands chan func()    // unbuffered: the sender waits until it is taken or the stream ends
	inbox    chan linkEvent // inboxSize; full: the socket is left unread
	ended    chan struct{}  // closed when the stream takes nothing any more
	detached chan struct{}  // closed when the channel is free for another stream

	// Everything below belongs to the stream's goroutine.
	capture   *capture
	player    *player
	talk      *conversation
	turns     turns
	history   history
	recording recording

	link     *link
	roll     rollover
	backoff  transport.Backoff
	retries  int
	connects int
	openedAt time.Time
	lostAt   time.Time
	openBy   time.Time
	retryAt  time.Time
	gapAt    time.Time
	playAt   time.Time
	stopAt   time.Time
	fatal    *realtime.Error
	// updating: our session.update is on its way, and caller audio waits for the answer.
	updating bool
	update   []byte // the session.update that the settings asked for
	greeted  bool

	speaking    bool // the caller, says the server
	muteOpenAI  bool
	inFormat    realtime.Format
	outFormat   realtime.Format
	outDecoder  audio.PCM16Decoder
	wire        []byte
	payload     []byte
	overflowing bool // the playback limit has been reported for this answer
	badMessages int
	reason      string // why the stream ended; "" while it runs
	failed      string // with what error; "" if with none
}

// newStream builds a stream around attached rings. run must be called.
func newStream(cfg Config, host Host, rings Rings, dial DialFunc, log zerolog.Logger) *Stream {
	s := &Stream{
		cfg: cfg, host: host, rings: rings, dial: dial, provider: cfg.Provider, mask: cfg.Secrets.Text, log: log,
		notify:   newNotifier(host, cfg.UUID, cfg.Secrets, log, cfg.Former),
		commands: make(chan func()),
		inbox:    make(chan linkEvent, inboxSize),
		ended:    make(chan struct{}),
		detached: make(chan struct{}),
	}
	set := &s.cfg.Settings
	rate := cfg.Start.RateHz
	s.inFormat, s.outFormat = set.InputFormat, set.OutputFormat
	if s.inFormat != realtime.PCM16 {
		rate = realtime.G711RateHz
	}
	s.capture = newCapture(rings, cfg.Start.Mix, rate, set.ConnectBuffer)
	s.capture.muted = cfg.Start.MuteUser
	s.player = newPlayer(rings, s.outputRate(), set.PlaybackBuffer)
	s.player.onStart, s.player.onStop = s.answerStarted, s.answerStopped
	s.talk = newConversation((*sessionActions)(s), s.provider, bargeIn{off: set.BargeIn.Off, min: set.BargeIn.Min})
	s.backoff = transport.Backoff{Start: set.BackoffStart, Cap: set.BackoffCap, MaxAttempts: set.BackoffAttempts}
	return s
}

func (s *Stream) outputRate() int {
	if s.outFormat != realtime.PCM16 {
		return realtime.G711RateHz
	}
	return s.cfg.Settings.OutputRate
}

// run is the stream's goroutine. It ends when the stream does.
func (s *Stream) run() {
	defer s.finish()
	guard(s.panicked, s.loop)
}

func (s *Stream) loop() {
	now := time.Now()
	if d := s.cfg.Settings.MaxDuration; d > 0 {
		s.stopAt = now.Add(d)
	}
	s.gapAt = s.capture.fillGap(now)
	s.connect()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for s.reason == "" {
		select {
		case <-s.rings.Wake():
			if s.rings.Look().Closed {
				s.channelClosed()
				continue
			}
			s.gapAt = s.capture.drain(time.Now())
			s.sendAudio()
		case e := <-s.inbox:
			s.handleLink(e)
		case f := <-s.commands:
			f()
		case <-timer.C:
		}
		if s.reason == "" {
			timer.Reset(s.tick(time.Now()))
		}
	}
}

// tick does what is due and returns the time until the next thing is.
func (s *Stream) tick(now time.Time) time.Duration {
	if !now.Before(s.gapAt) {
		s.gapAt = s.capture.fillGap(now)
		s.sendAudio()
	}
	if due(&s.openBy, now) && s.link != nil && s.link.state == linkOpening {
		s.opened(now)
	}
	if due(&s.retryAt, now) && s.link == nil {
		s.connect()
	}
	if due(&s.stopAt, now) {
		s.end(endMaxDuration)
	}
	// The player is asked on every round: an event may have given it work.
	var cuts []cut
	s.playAt, cuts = s.player.run(now)
	for _, c := range cuts {
		s.talk.cut(c)
	}
	s.turns.tick(s)
	s.tickRollover(now)

	next := s.gapAt
	for _, t := range []time.Time{s.openBy, s.retryAt, s.stopAt, s.playAt, s.roll.due()} {
		if !t.IsZero() && t.Before(next) {
			next = t
		}
	}
	return max(next.Sub(now), 0)
}

// due reports whether the time *t has come, and clears it.
func due(t *time.Time, now time.Time) bool {
	if t.IsZero() || now.Before(*t) {
		return false
	}
	*t = time.Time{}
	return true
}

// sendAudio sends the caller's audio that is complete, in messages of the configured length.
func (s *Stream) sendAudio() {
	if s.link == nil || s.link.state != linkOpen || s.updating {
		return
	}
	n := int(timeSamples(s.cfg.Settings.BufferSize, s.capture.rateHz))
	taken := 0
	for {
		before := taken
		pcm := s.capture.take(&taken, n)
		if pcm == nil {
			break
		}
		s.wire = encode(s.inFormat, s.wire[:0], pcm)
		if err := s.link.conn.Send(realtime.AppendInputAudio(nil, s.wire)); err != nil {
			taken = before // it waits in the capture buffer; the reader reports the connection's end
			break
		}
		s.turns.audioIn += samplesTime(uint64(n), s.capture.rateHz)
	}
	s.capture.sent(taken)
}

func encode(f realtime.Format, dst []byte, pcm []int16) []byte {
	switch f {
	case realtime.G711ULaw:
		return audio.EncodeULaw(dst, pcm)
	case realtime.G711ALaw:
		return audio.EncodeALaw(dst, pcm)
	}
	return audio.AppendPCM16LE(dst, pcm)
}

// channelClosed ends the stream because the channel let go of the stream.
func (s *Stream) channelClosed() {
	reason, failed := s.rings.Closing()
	if failed != "" {
		s.giveUp(errorMessage{Error: failed})
	}
	s.reason = reason
}

// end begins the end of the stream: the loop leaves after the present event. Only the first reason counts.
func (s *Stream) end(reason string) {
	if s.reason == "" {
		s.reason = reason
	}
}

// fail ends the stream with an error.
func (s *Stream) fail(reason, text string) {
	if s.reason == "" {
		s.reason, s.failed = reason, text
	}
}

// finish takes the stream apart: channel first, so that it is free, then the socket, then the last events. A bug in one
// step must not keep the next from being done: others wait for the channel and for the last event.
func (s *Stream) finish() {
	step := func(f func()) {
		guard(func(reason string) { s.host.Log(logCrit, s.cfg.UUID, s.mask(reason)) }, f)
	}
	s.fail(endInternal, internalError) // unless there is a reason already
	close(s.ended)
	step(func() { s.capture.drain(time.Now()) })
	step(s.endRecording)
	step(s.settleTotals)
	step(func() { s.rings.SetEnd(s.reason, s.failed) })
	step(s.cfg.Leave)
	step(s.rings.Detach)
	close(s.detached)
	step(s.roll.cancel)
	if l := s.link; l != nil {
		step(func() { s.closeLink(l) })
	}
	step(s.summary)
	step(s.rings.Release)
	step(s.recording.wait)
	s.notify.close("end", marshal(endEvent{s.reason, s.failed}))
}

// closeLink closes a connection on the stream's own account.
func (s *Stream) closeLink(l *link) {
	l.close()
	if l.state == linkOpen {
		s.event("disconnect", eventStatus{Status: "disconnected", Message: closeMessage{1000, normalClosure}})
	}
	s.link = nil
}

func (s *Stream) panicked(reason string) {
	// Also reached from the link's goroutine, so the stream is told by its own means; even after a bug in the rest.
	defer func() {
		go guard(func(string) {}, func() { // ends with the command or the stream
			_ = s.do(func() error { s.fail(endInternal, internalError); return nil })
		})
	}()
	s.host.Log(logCrit, s.cfg.UUID, s.mask("caught a bug, this stream ends: "+reason))
	s.event("error", eventStatus{Status: "error", Message: errorMessage{Error: internalError}})
}

// do runs f on the stream's goroutine and returns its error.
func (s *Stream) do(f func() error) error {
	done := make(chan error, 1)
	select {
	case s.commands <- func() { done <- f() }:
	case <-s.ended:
		return ErrEnded
	}
	select {
	case err := <-done:
		return err
	case <-s.ended: // f panicked, or it was the last thing that the stream did
		select {
		case err := <-done:
			return err
		default:
			return ErrEnded
		}
	}
}

// gone reports whether the stream ends, or has only not noticed yet that its channel closed the stream. If so, detached
// will be closed soon.
func (s *Stream) gone() bool {
	return s.do(func() error {
		if !s.rings.Look().Closed {
			return ErrBusy
		}
		s.channelClosed()
		return nil
	}) != ErrBusy
}

// stop ends the stream, after sending last if there is one. It returns when the channel is free.
func (s *Stream) stop(last json.RawMessage, reason string) error {
	err := s.do(func() error {
		if last != nil && s.link != nil && s.link.state == linkOpen {
			_ = s.link.conn.Send(last) // best effort: the connection may be going down
		}
		s.end(reason)
		return nil
	})
	<-s.detached
	return err
}
