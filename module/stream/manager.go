package stream

import (
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"mod_openai_audio_stream/module/audiofile"
	"mod_openai_audio_stream/module/command"
	"mod_openai_audio_stream/module/config"
	"mod_openai_audio_stream/module/footprint"
	"mod_openai_audio_stream/module/hostlog"
	"mod_openai_audio_stream/module/realtime"
	"mod_openai_audio_stream/module/secret"
)

// Manager knows the streams of all channels. Its methods may be called from any goroutine.
type Manager struct {
	host  Host
	dial  DialFunc
	log   zerolog.Logger
	files *audiofile.Store // nil: none are written
	pool  pool             // connections that wait for their calls

	mu       sync.Mutex // Protects following. Never held during a call of host.
	file     *config.File
	draining bool
	closing  bool
	// streams are the channels that are taken: by a stream that runs, or, where nil, by a start under way.
	streams map[string]*Stream
	// latest are the streams whose last event is not out yet, of each channel the last one.
	latest map[string]*Stream
	// lingering are channels that lived on when their stream ended, with files that go with the call.
	lingering map[string]bool

	closed chan struct{} // closed by Close
	// running are starts under way, streams whose last event is not out yet, and what the pool has.
	running sync.WaitGroup
}

// NewManager returns a manager without streams. The files of answers are kept in tempDir, unless it is "".
func NewManager(host Host, dial DialFunc, tempDir string) *Manager {
	m := &Manager{
		host: host, dial: dial, log: hostlog.New(host.Log, "", secret.New(), nil),
		file:      config.Default(),
		streams:   map[string]*Stream{},
		latest:    map[string]*Stream{},
		lingering: map[string]bool{},
		closed:    make(chan struct{}),
	}
	m.pool = pool{dial: dial, running: &m.running, stocks: map[string]*stock{}}
	if tempDir != "" {
		m.files = audiofile.NewStore(tempDir, func(text string) { m.log.Warn().Msg(text) })
	}
	return m
}

// Configure takes the text of a configuration file, nil for the defaults: new streams use it, and the Go runtime keeps to
// its limits. A broken one changes nothing.
func (m *Manager) Configure(text []byte) error {
	file := config.Default()
	if text != nil {
		var err error
		if file, err = config.Parse(text); err != nil {
			return err
		}
	}
	footprint.Limit(file.GoMaxProcs, file.GoGCPercent, file.GoMemoryLimit)
	m.mu.Lock()
	m.file = file
	unwanted := m.supply()
	m.mu.Unlock()
	endAll(unwanted, "the configuration has changed")
	return nil
}

// Command runs one argument string of uuid_openai_audio_stream and returns the reply.
func (m *Manager) Command(args string) string {
	c, err := command.Parse(args)
	if err != nil {
		return m.refuse(c.UUID, err)
	}
	reply, err := m.run(c)
	if err != nil {
		return m.refuse(c.UUID, err)
	}
	return "+OK " + reply
}

// Application starts a stream for the dialplan's application, whose arguments are those of start, and answers the call
// when nothing but the channel itself can keep the stream from starting. It returns the reply of a start.
func (m *Manager) Application(uuid, args string) string {
	c, err := command.ParseStart(uuid, args)
	if err == nil {
		err = m.start(c, func() error { return m.host.Answer(uuid) })
	}
	if err != nil {
		return m.refuse(uuid, err)
	}
	return "+OK " + started
}

// started is the reply to a start.
const started = "stream started"

// refuse logs an error once and makes it a reply.
func (m *Manager) refuse(uuid string, err error) string {
	text := secret.Mask(err.Error())
	m.log.Warn().Str("uuid", uuid).Msg(text)
	return "-ERR " + text
}

func (m *Manager) run(c command.Command) (string, error) {
	switch {
	case c.Verb == command.Start:
		return started, m.start(c, nil)
	case c.Verb == command.Drain:
		return m.drain(!c.Off), nil
	case c.Verb == command.Prewarm:
		return m.prewarm(c)
	case c.Verb == command.Status && c.UUID == "":
		status, err := json.Marshal(m.stats())
		return string(status), err
	}
	s := m.find(c.UUID)
	if s == nil {
		return "", fmt.Errorf("channel %q: no stream: start one first", c.UUID)
	}
	return s.command(c)
}

// drain refuses new streams from now on, or takes them again.
func (m *Manager) drain(on bool) string {
	m.mu.Lock()
	m.draining = on
	n := len(m.streams)
	unwanted := m.supply()
	m.mu.Unlock()
	endAll(unwanted, "draining")
	if !on {
		return "new streams are taken"
	}
	left := "streams"
	if n == 1 {
		left = "stream"
	}
	return fmt.Sprintf("draining, %d %s left", n, left)
}

var (
	errUnloading = errors.New("the module is being unloaded")
	errDraining  = errors.New("draining: no new streams until uuid_openai_audio_stream drain off")
)

// start begins a stream. answer, unless nil, is called as late as it can be. On any error nothing has changed, but that
// the call may have been answered.
func (m *Manager) start(c command.Command, answer func() error) error {
	file, former, err := m.reserve(c.UUID)
	if err != nil {
		return err
	}
	var rings Rings
	committed := false
	defer func() { // also after a panic
		if committed {
			return
		}
		if rings != nil {
			rings.Detach()
			rings.Release()
		}
		m.release(c.UUID)
	}()

	settings, err := file.Resolve(&c, func(name string) string { return m.host.Variable(c.UUID, name) })
	if err != nil {
		return err
	}
	provider, err := realtime.ProviderFor(c.URL, settings.Provider)
	if err != nil {
		return err
	}
	if answer != nil {
		if err := answer(); err != nil {
			return fmt.Errorf("channel %q: %w", c.UUID, err)
		}
	}
	secrets := secret.New(settings.Secrets()...)
	cfg := Config{UUID: c.UUID, Start: c, Settings: settings, Provider: provider, Files: m.files, Secrets: secrets}
	if former != nil {
		<-former.detached
		cfg.Former = former.notify.idle
	}
	if rings, err = m.host.Attach(c.UUID, c.Mix); err != nil {
		rings = nil
		return fmt.Errorf("channel %q: %w", c.UUID, err)
	}
	var s *Stream
	cfg.Leave = func() { m.forget(s) }
	log := hostlog.New(m.host.Log, c.UUID, secrets, newLogLevel(m.host, c.UUID).now)
	s = newStream(cfg, m.host, rings, m.dial, log)
	evicted, ok := m.commit(s)
	if !ok {
		return errUnloading
	}
	committed = true
	endAll(evicted, "a call needs its place")
	if settings.Keys == config.KeysMask {
		s.sensitive.want(true)
		s.sensitive.wait() // so that no key is shown from the answer to this start on
	}
	go guard(func(string) {}, func() { // ends when the stream's last event is out
		defer m.running.Done()
		defer m.settle(s)
		s.run()
		if !settings.DisableAudioFiles {
			m.removeFiles(c.UUID)
		}
		<-s.notify.idle
		s.holding.Wait()
	})
	return nil
}

// reserve takes the channel for a start, and a place among max-sessions with it: what follows is slow, and others start
// meanwhile. commit or release must follow. former is the channel's last stream, nil if all is over with it: it may still
// be leaving the channel, and its events come first.
func (m *Manager) reserve(uuid string) (file *config.File, former *Stream, err error) {
	for {
		var holder *Stream
		file, former, holder, err = m.tryReserve(uuid)
		if holder == nil || !holder.gone() {
			return file, former, err
		}
		<-holder.detached // and forgotten before
	}
}

// tryReserve is reserve but for a stream that holds the channel, and may be about to end.
func (m *Manager) tryReserve(uuid string) (file *config.File, former, holder *Stream, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	holder, taken := m.streams[uuid]
	most := m.file.MaxSessions
	switch {
	case m.closing:
		return nil, nil, nil, errUnloading
	case m.draining:
		return nil, nil, nil, errDraining
	case taken:
		return nil, nil, holder, ErrBusy
	case most > 0 && len(m.streams) >= most:
		return nil, nil, nil, fmt.Errorf("%d streams run already: max-sessions is %d", len(m.streams), most)
	}
	m.streams[uuid] = nil
	m.running.Add(1)
	return m.file, m.latest[uuid], nil, nil
}

// release gives a reservation back.
func (m *Manager) release(uuid string) {
	m.mu.Lock()
	delete(m.streams, uuid)
	m.mu.Unlock()
	m.running.Done()
}

// commit puts a stream in the place that was reserved, with a connection that waited for it if there is one; false, and
// nothing done, if the module is being unloaded. The connections that have lost their places by it are to be ended.
func (m *Manager) commit(s *Stream) (evicted []*waiting, ok bool) {
	on := s.cfg.terms()
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closing {
		return nil, false
	}
	m.streams[s.cfg.UUID] = s
	m.latest[s.cfg.UUID] = s
	s.conn.link, s.backlog = m.pool.claim(on, s.conn.dialer)
	return m.surplus(), true
}

func (m *Manager) find(uuid string) *Stream {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.streams[uuid]
}

// forget takes a stream out of the table, if it is still the one there. The channel, and a place among max-sessions,
// are free for a start.
func (m *Manager) forget(s *Stream) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.streams[s.cfg.UUID] == s {
		delete(m.streams, s.cfg.UUID)
	}
}

// settle notes that a stream's last event is out.
func (m *Manager) settle(s *Stream) {
	m.forget(s) // if finish could not
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.latest[s.cfg.UUID] == s {
		delete(m.latest, s.cfg.UUID)
	}
}

// lingerEvery is how often it is looked whether a channel with files still lives.
const lingerEvery = 5 * time.Second

// removeFiles removes a channel's files when it has gone: now, or as soon as that is noticed.
func (m *Manager) removeFiles(uuid string) {
	if m.files == nil {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closing {
		return // Close removes all
	}
	if len(m.lingering) == 0 {
		go guard(func(string) {}, m.linger) // ends when no channel lingers, or with the manager
	}
	m.lingering[uuid] = true
}

func (m *Manager) linger() {
	for wait := 100 * time.Millisecond; ; wait = lingerEvery { // after a hang-up the channel is as good as gone
		select {
		case <-m.closed:
			return
		case <-time.After(wait):
		}
		m.mu.Lock()
		var uuids []string
		for uuid := range m.lingering {
			if _, taken := m.streams[uuid]; !taken {
				uuids = append(uuids, uuid)
			}
		}
		m.mu.Unlock()
		for _, uuid := range uuids {
			if m.host.Exists(uuid) {
				continue
			}
			m.files.Remove(uuid)
			m.mu.Lock()
			delete(m.lingering, uuid)
			m.mu.Unlock()
		}
		m.mu.Lock()
		none := len(m.lingering) == 0
		m.mu.Unlock()
		if none {
			return
		}
	}
}

// Close ends every stream and waits until their events are out, timeout at most. It reports whether all were, and logs
// if not.
func (m *Manager) Close(timeout time.Duration) bool {
	m.mu.Lock()
	if !m.closing {
		close(m.closed)
	}
	m.closing = true
	var all []*Stream
	for _, s := range m.streams {
		if s != nil { // a start under way notices by itself
			all = append(all, s)
		}
	}
	unwanted := m.supply()
	m.mu.Unlock()
	endAll(unwanted, "unload")

	done := make(chan struct{})
	go guard(func(string) {}, func() { // ends when every stream has
		for _, s := range all {
			go guard(func(string) {}, func() { _ = s.stop(nil, endUnload) })
		}
		m.running.Wait()
		if m.files != nil {
			<-m.files.Close()
		}
		close(done)
	})
	timer := time.NewTimer(timeout)
	defer timer.Stop()
	select {
	case <-done:
		return true
	case <-timer.C:
	}
	m.mu.Lock()
	left := len(m.latest)
	m.mu.Unlock()
	m.log.Warn().Int("streams", left).Msg("not all has ended in time, the rest is cut off")
	return false
}
