package session

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
)

// Manager knows the streams of all channels. Its methods may be called from any goroutine.
type Manager struct {
	host  Host
	dial  DialFunc
	log   zerolog.Logger
	files *audiofile.Store // nil: none are written

	mu       sync.Mutex // Protects following.
	file     *config.File
	sessions map[string]*Session
	closing  bool
	// lingering are channels that lived on when their stream ended, with files that go with the call.
	lingering map[string]bool

	closed  chan struct{}  // closed by Close
	running sync.WaitGroup // sessions whose goroutine has not ended
}

// NewManager returns a manager without streams. The files of answers are kept in tempDir, unless it is "".
func NewManager(host Host, dial DialFunc, tempDir string) *Manager {
	m := &Manager{
		host: host, dial: dial, log: hostlog.New(host.Log, ""),
		file:      config.Default(),
		sessions:  map[string]*Session{},
		lingering: map[string]bool{},
		closed:    make(chan struct{}),
	}
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
	defer m.mu.Unlock()
	m.file = file
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

// refuse logs an error once and makes it a reply.
func (m *Manager) refuse(uuid string, err error) string {
	text := hostlog.Mask(err.Error())
	m.log.Warn().Str("uuid", uuid).Msg(text)
	return "-ERR " + text
}

func (m *Manager) run(c command.Command) (string, error) {
	if c.Verb == command.Start {
		return "stream started", m.start(c)
	}
	if c.Verb == command.Status && c.UUID == "" {
		status, err := json.Marshal(m.status())
		return string(status), err
	}
	s := m.find(c.UUID)
	if s == nil {
		return "", fmt.Errorf("channel %q: no stream: start one first", c.UUID)
	}
	switch c.Verb {
	case command.Stop:
		m.forget(s)
		return "stream stopped", s.stop(json.RawMessage(c.JSON), "stop")
	case command.SendJSON:
		return "message sent", s.do(func() error { return s.sendJSON(c.JSON) })
	case command.SendText:
		return "text sent", s.do(func() error { return s.sendText(c.Text, false) })
	case command.Say:
		return "text sent", s.do(func() error { return s.sendText(c.Text, true) })
	case command.Interrupt:
		return "interrupted", s.do(func() error { s.talk.interrupt(s.player.unheard()); return nil })
	case command.Pause, command.Resume:
		return string(c.Verb) + "d", s.do(func() error { return s.setPaused(c.Verb == command.Pause) })
	case command.Mute, command.Unmute:
		return string(c.Verb) + "d", s.do(func() error {
			return s.setMuted(c.Target.User, c.Target.OpenAI, c.Verb == command.Mute)
		})
	case command.Status:
		var status []byte
		err := s.do(func() (err error) { status, err = json.Marshal(s.status()); return err })
		return string(status), err
	}
	return "", fmt.Errorf("command %q: not implemented", c.Verb)
}

// start begins a stream. On any error nothing has changed.
func (m *Manager) start(c command.Command) error {
	m.mu.Lock()
	file, closing, busy, count := m.file, m.closing, m.sessions[c.UUID] != nil, len(m.sessions)
	m.mu.Unlock()
	switch {
	case closing:
		return errors.New("the module is being unloaded")
	case busy:
		return ErrBusy
	case file.MaxSessions > 0 && count >= file.MaxSessions:
		return fmt.Errorf("%d streams run already: max-sessions is %d", count, file.MaxSessions)
	}
	variable := func(name string) string { return m.host.Variable(c.UUID, name) }
	settings, err := file.Resolve(&c, variable)
	if err != nil {
		return err
	}
	provider, err := realtime.ProviderFor(c.URL, settings.Provider)
	if err != nil {
		return err
	}
	masker := hostlog.NewMasker(settings.Secrets()...)
	stream, err := m.host.Attach(c.UUID, c.Mix)
	if err != nil {
		return fmt.Errorf("channel %q: %w", c.UUID, err)
	}
	cfg := Config{UUID: c.UUID, Start: c, Settings: settings, Provider: provider, Mask: masker.Mask, Files: m.files}
	s := newSession(cfg, m.host, stream, m.dial, hostlog.New(m.host.Log, c.UUID))

	m.mu.Lock()
	if m.closing {
		m.mu.Unlock()
		stream.Detach()
		stream.Release()
		return errors.New("the module is being unloaded")
	}
	m.sessions[c.UUID] = s
	m.running.Add(1)
	m.mu.Unlock()
	go guard(func(string) {}, func() { // ends with the session
		defer m.running.Done()
		defer m.forget(s)
		s.run()
		if !settings.DisableAudioFiles {
			m.removeFiles(c.UUID)
		}
		<-s.notify.idle
	})
	return nil
}

func (m *Manager) find(uuid string) *Session {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.sessions[uuid]
}

// forget takes a session out of the table, if it is still the one there.
func (m *Manager) forget(s *Session) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.sessions[s.cfg.UUID] == s {
		delete(m.sessions, s.cfg.UUID)
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
			if m.sessions[uuid] == nil {
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

// Count is how many streams run.
func (m *Manager) Count() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.sessions)
}

// Close ends every stream and waits until their events are out, timeout at most. It reports whether all were.
func (m *Manager) Close(timeout time.Duration) bool {
	m.mu.Lock()
	if !m.closing {
		close(m.closed)
	}
	m.closing = true
	var all []*Session
	for _, s := range m.sessions {
		all = append(all, s)
	}
	m.mu.Unlock()

	done := make(chan struct{})
	go guard(func(string) {}, func() { // ends when every session has
		for _, s := range all {
			go guard(func(string) {}, func() { _ = s.stop(nil, "unload") })
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
		return false
	}
}
