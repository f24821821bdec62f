package stream

import (
	"encoding/json"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"

	"mod_openai_audio_stream/module/audiofile"
	"mod_openai_audio_stream/module/command"
	"mod_openai_audio_stream/module/config"
	"mod_openai_audio_stream/module/ledger"
	"mod_openai_audio_stream/module/realtime"
	"mod_openai_audio_stream/module/secret"
	"mod_openai_audio_stream/module/transport"
)

// ErrEnded is what a command gets whose stream has just ended, or only plays out what it has received.
var ErrEnded = errors.New("the stream has ended")

const internalError = "internal error, see the log"

// Why a stream ends, as the variable openai_audio_stream_disconnect_reason and the event ::end say it. The list in
// docs/reference.md is the user's. What the channel itself ends has the shim's words, hangup and passthrough_codec
// (include/oas_stream.h, close_reason).
const (
	endStop         = "stop"           // the command
	endServerClosed = "server_closed"  // in good order
	endMaxDuration  = "max_duration"   // STREAM_MAX_DURATION
	endIdle         = "idle"           // the caller said nothing, STREAM_IDLE_TIMEOUT
	endError        = "error"          // given up; there is an error text
	endUnload       = "unload"         // the module's
	endInternal     = "internal_error" // a bug; there is an error text
	endHangupTool   = "hangup_tool"    // the model ended the call
	endTransfer     = "transfer"       // the model sent it elsewhere
)

const (
	// maxPlayout bounds how long a stream that is over plays out what it has received, beyond the length of that.
	maxPlayout = 5 * time.Second
	// quietEvery is how often it is looked whether it is quiet enough for the next session to take over.
	quietEvery = 50 * time.Millisecond
	// settleEvery is how old the totals may be that a call's record gets.
	settleEvery = 100 * time.Millisecond
)

// Config is what a stream is started with; it does not change.
type Config struct {
	UUID     string
	Start    command.Command
	Settings config.Settings
	Provider *realtime.Provider
	Secrets  *secret.Masker   // the call's
	Files    *audiofile.Store // nil: answers are not written
	Former   <-chan struct{}  // closed when the events of the channel's former stream are out; nil: there was none
	Leave    func()           // called once, just before the channel is free for another stream
}

// Stream is one channel's conversation. Whoever has something for it becomes its owner for as long as that takes (owner.go):
// the reader of its connection, a command, its timer, the goroutine that serves its channel. An owner never waits for the
// network or for FreeSWITCH. The exported methods may be called from any goroutine.
type Stream struct {
	cfg    Config
	host   Host
	rings  Rings
	log    zerolog.Logger
	notify *notifier
	url    string // without its query, which may carry a key

	over     chan struct{} // closed when there is a reason to end
	detached chan struct{} // closed when the channel is free for another stream
	news     atomic.Bool   // the channel has something new that no owner has taken yet

	holding sync.WaitGroup // the goroutines of goHolding

	mu sync.Mutex // The owner has it. Protects following.

	// First the parts.
	conn      connection
	ledger    *ledger.Ledger
	capture   *capture
	player    *player
	parser    realtime.Parser
	codec     codec
	recording *recording
	acting    acting
	keys      keys
	sensitive *sensitive
	loudness  loudness
	idle      idle
	watchdog  watchdog
	sounds    []*sound // that play, or are about to
	filler    filler

	audioIn   time.Duration // sent
	totals    Totals        // as the rings have them
	settledAt time.Time

	timer  *time.Timer // calls wake
	wakeAt time.Time   // when it will; zero: it will not

	// What is due.
	gapAt     time.Time // for capture, which only serve looks after
	playAt    time.Time // for player and sounds
	stopAt    time.Time // STREAM_MAX_DURATION
	endAt     time.Time // the end, at the latest, when what was received has been played out; zero: it is not over
	endReason string    // of it, with endFailed
	endFailed string

	backlog       [][]byte // what the server said on a connection that waited for this call
	update        []byte   // the session.update that the settings asked for
	paused        bool     // by the command
	transferring  bool     // a transfer is tried: the model does not hear the caller
	greeted       bool
	said          int // fillers that the model was asked to speak
	muteOpenAI    bool
	overflowing   bool // the playback limit has been reported for this answer
	unusable      int  // messages in a row that were
	unusableAudio int  // deltas in a row whose audio was
	progress      []ledger.Playback
	announcing    bool // the file of STREAM_ON_ERROR is to be heard, or is heard

	reason string // why the stream ended; "" while it runs
	failed string // with what error; "" if with none
	isOver bool   // over is closed

	// What becomes of the call, nil if it just goes on. finish calls the first one while the stream is on the channel, the
	// second one when the channel is free for another stream. They may block.
	exitBefore, exitAfter func()
	dismissed             bool // by stop: what becomes of the call is somebody else's business
}

// newStream builds a stream around attached rings. It has an owner until run has begun, which must be called.
func newStream(cfg Config, host Host, rings Rings, dial DialFunc, log zerolog.Logger) *Stream {
	s := &Stream{
		cfg: cfg, host: host, rings: rings, log: log,
		notify:   newNotifier(host, cfg.UUID, cfg.Secrets, log, cfg.Former),
		over:     make(chan struct{}),
		detached: make(chan struct{}),
	}
	s.mu.Lock()
	s.timer = time.AfterFunc(time.Hour, s.wake)
	s.timer.Stop()
	u := *cfg.Start.URL
	u.RawQuery = ""
	s.url = u.String()
	set := &s.cfg.Settings
	s.codec = codec{in: set.InputFormat, out: set.OutputFormat}
	s.capture = newCapture(rings, cfg.Start.Mix, rateHz(set.InputFormat, cfg.Start.RateHz), set.ConnectBuffer)
	s.capture.muted = cfg.Start.MuteUser
	s.capture.guard = newEchoGuard(set.EchoGuard)
	s.player = newPlayer(rings, rateHz(set.OutputFormat, set.OutputRate), set.PlaybackBuffer)
	s.ledger = ledger.New(cfg.Provider, bargeInOf(set))
	s.acting = newActing(set.Tools)
	s.ledger.Bind(s.acting.ours)
	s.keys = keys{mode: set.Keys, rules: keyRules{set.KeysMax, set.KeysTerminator, set.KeysTimeout}}
	s.sensitive = newSensitive(host, cfg.UUID, log)
	s.idle = idle{timeout: set.IdleTimeout, most: set.IdleMax, goodbye: set.Goodbye != ""}
	s.watchdog = watchdog{set.ResponseTimeout}
	s.filler.slow = fill{set.Filler, set.FillerAfter}
	s.recording = newRecording(s.files(), cfg.UUID, s.player.sourceHz, func(b playBody) { s.event(eventPlay, b) })
	s.conn = connection{
		dialer:   &dialer{dial, cfg.transportOptions(), cfg.Provider, s.fromLink, s.panicked},
		provider: cfg.Provider, noReconnect: set.NoReconnect,
		backoff: transport.Backoff{Start: set.BackoffStart, Cap: set.BackoffCap, MaxAttempts: set.BackoffAttempts},
	}
	return s
}

// files is where answers are written, nil if they are not.
func (s *Stream) files() *audiofile.Store {
	if s.cfg.Settings.DisableAudioFiles {
		return nil
	}
	return s.cfg.Files
}

// transportOptions is how the server is dialled.
func (c *Config) transportOptions() *transport.Options {
	set := &c.Settings
	return &transport.Options{
		URL:            c.Start.URL,
		Header:         set.Header(c.Provider.KeyHeader),
		Subprotocols:   c.Provider.Subprotocols,
		TLS:            set.TLS,
		Proxy:          set.Proxy,
		DisableDeflate: set.DisableDeflate,
		ConnectTimeout: set.ConnectTimeout,
		HeartBeat:      set.HeartBeat,
	}
}

// goHolding runs f on a goroutine, which holds something of FreeSWITCH's, a sound or a leg that rings: it lets go of that soon
// after the stream's end, and before the module's. The owner's.
func (s *Stream) goHolding(f func()) { s.holding.Go(func() { guard(s.panicked, f) }) }

// run begins the stream, and takes it apart when it is over.
func (s *Stream) run() {
	s.owned(func(now time.Time) {
		if d := s.cfg.Settings.MaxDuration; d > 0 {
			s.stopAt = now.Add(d)
		}
		if s.conn.link == nil {
			s.conn.connect()
		} else {
			s.catchUp(now)
		}
	})
	s.rings.Serve(s)
	<-s.over
	s.finish()
}

// tick does what is due and returns when the next thing is; zero: nothing will be before something happens.
func (s *Stream) tick(now time.Time) time.Time {
	if s.rings.Look().Closed {
		s.channelClosed()
		return time.Time{}
	}
	if due(&s.stopAt, now) {
		s.end(endMaxDuration)
	}
	s.tickConnection(now)
	s.tickKeys(now)
	s.act(s.ledger.Tick(now), now)
	s.heedVoice(now)
	// The player is asked on every round: an event may have given it work.
	s.play(now)
	silenceAt := s.tickSilence(now)
	s.tickActing(now)
	s.tickFiller(now)
	heard := !s.player.busy() && !s.player.flushPending() && !s.announcing && !s.acting.farewell.armed()
	endAt := s.endAt
	if s.transferring {
		endAt = time.Time{} // the caller waits for somebody else
	}
	if !endAt.IsZero() && (heard || !now.Before(endAt)) {
		s.end(s.endReason)
	}
	if now.Sub(s.settledAt) >= settleEvery {
		s.settle(now)
	}
	next := earliest(s.acting.due(), s.keys.due(), s.stopAt, s.playAt, endAt, s.filler.dueAt, s.ledger.Due())
	if s.endAt.IsZero() {
		next = earliest(next, s.conn.due(), silenceAt)
		if s.conn.next.ready() {
			next = earliest(next, now.Add(quietEvery))
		}
	}
	return next
}

// due reports whether the time *t has come, and clears it.
func due(t *time.Time, now time.Time) bool {
	if t.IsZero() || now.Before(*t) {
		return false
	}
	*t = time.Time{}
	return true
}

// channelClosed ends the stream because the channel let go of it.
func (s *Stream) channelClosed() {
	reason, failed := s.rings.Closing()
	if failed != "" {
		s.giveUp(errorMessage{Error: failed})
	}
	s.reason, s.failed = reason, failed
}

// end begins the end of the stream: it has no owner after the present one. Only the first reason counts.
func (s *Stream) end(reason string) { s.fail(reason, "") }

// fail ends the stream with an error.
func (s *Stream) fail(reason, text string) {
	switch {
	case s.reason != "":
	case s.endAt.IsZero():
		s.reason, s.failed = reason, text
	default:
		s.reason, s.failed = s.endReason, s.endFailed
	}
}

// endWhenHeard ends the stream as soon as the caller has heard what was received, and not much later.
func (s *Stream) endWhenHeard(reason, failed string, now time.Time) {
	if !s.endAt.IsZero() {
		return
	}
	s.endReason, s.endFailed = reason, failed
	s.endAt = now.Add(s.player.left() + maxPlayout)
	if s.player.sounding() {
		s.endAt = later(s.endAt, now.Add(maxSoundRest))
	}
	s.pauseCapture()
}

// giveUp reports the error that the stream ends with, and ends it when the caller has heard what was received.
func (s *Stream) giveUp(failure errorMessage) {
	if !s.endAt.IsZero() {
		return
	}
	failure.Retries = s.conn.retries
	s.log.Error().Msg(failure.Error)
	failure.Error = s.cfg.Secrets.Text(failure.Error)
	s.event(eventError, errorBody(failure))
	s.endWhenHeard(endError, failure.Error, time.Now())
	if rescue := s.cfg.Settings.OnError; rescue.Kind == config.RescuePlay {
		s.endAt = s.endAt.Add(maxAnnouncement)
		s.announce(rescue.To)
	}
}

// finish takes the stream apart: channel first, so that it is free, then the socket, then the last events. A bug in one
// step must not keep the next from being done: others wait for the channel and for the last event. Nobody becomes the
// owner of a stream that is over, so what belongs to the owner is finish's.
func (s *Stream) finish() {
	step := func(f func()) {
		guard(func(reason string) { s.logBug("caught a bug while ending: " + reason) }, f)
	}
	now := time.Now()
	s.timer.Stop()
	step(func() { s.stopErrands(now) })
	step(func() { s.capture.drain(now) })
	step(func() { s.played(s.player.stop(), now) })
	step(func() { s.endSounds(now) })
	step(func() { s.act(s.ledger.End(now), now) })
	step(s.recording.end)
	step(func() { s.stopKeys(now) })
	step(func() { s.settle(now) })
	if s.failed != "" && !s.dismissed {
		s.rescue()
	}
	step(func() { s.rings.SetEnd(s.reason, s.failed, s.exitAfter != nil) })
	if s.exitBefore != nil {
		step(s.exitBefore)
	}
	step(s.cfg.Leave)
	step(s.rings.Detach)
	close(s.detached)
	step(func() {
		if s.conn.link.open() {
			s.event(eventDisconnect, disconnectBody(transport.CloseNormal, normalClosure))
		}
		s.conn.close()
	})
	if s.exitAfter != nil {
		step(s.exitAfter)
	}
	step(s.summary)
	step(s.rings.Release)
	step(s.recording.wait)
	s.notify.close(eventEnd, marshal(endBody{s.reason, s.failed}))
}

func (s *Stream) logBug(text string) {
	s.host.Log(logCrit, s.cfg.UUID, s.cfg.Secrets.Text(text))
}

// gone reports whether the stream ends, or has only not noticed yet that its channel closed the rings. If so, detached
// will be closed soon.
func (s *Stream) gone() bool {
	return s.do(func(time.Time) error {
		if !s.rings.Look().Closed {
			return ErrBusy
		}
		s.channelClosed()
		return nil
	}) != ErrBusy
}

// stop ends the stream, after sending last if there is one. It returns when the channel is free.
func (s *Stream) stop(last json.RawMessage, reason string) error {
	err := s.do(func(time.Time) error {
		if last != nil && s.conn.link.open() {
			_ = s.conn.link.conn.Send(last) // best effort: the connection may be going down
		}
		s.end(reason)
		s.dismissed = true
		return nil
	})
	<-s.detached
	return err
}
