// Package freeswitch runs the module in a real FreeSWITCH, against a Realtime server in the test's own process.
//
// Switch is a private FreeSWITCH on ports of its own. Call is a call of it: its agent leg, on which the module streams, and
// at the other end a telephone of the tests (package farend), or a leg of the same FreeSWITCH. The tests are beside them.
package freeswitch

import (
	"bytes"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"text/template"
	"time"

	"mod_openai_audio_stream/test/farend"
)

// The environment that names what to test, and makes the tones long.
const (
	EnvPrefix = "OAS_FREESWITCH"        // where FreeSWITCH is installed: its prefix
	EnvModule = "OAS_FREESWITCH_MODULE" // the module's .so
	EnvLong   = "OAS_LONG"
)

// Module is the module's name.
const Module = "mod_openai_audio_stream"

// Bound is how long a test waits for something that must come; it decides nothing else.
const Bound = 100 * time.Second

//go:embed freeswitch.xml
var configuration string

// Switch is a running FreeSWITCH. Its methods may be called from any goroutine.
type Switch struct {
	Dir string // its configuration, logs and recordings
	PID int

	phone             *farend.Phone
	machine           *machine
	esl               *esl
	cmd               *exec.Cmd
	out               bytes.Buffer // valid when it has ended
	agentSIP, farSIP  int
	eslPort           int
	rtpFirst, rtpLast int
}

// Config is how a FreeSWITCH is started.
type Config struct {
	Prefix   string   // where it is installed
	Dir      string   // an empty directory for it
	Env      []string // of its environment, beside this process's
	Events   string   // that its event socket sends, as its command "event"; "" = what the tests wait for
	Sessions int      // it takes so many at once, and in a second; 0 = 400
	Refuse   bool     // its list of allowed interfaces (FreeSWITCH 1.11) lacks the module's
}

// Run starts a FreeSWITCH without the module. Close or Kill ends it, whatever the error.
func Run(ctx context.Context, cfg Config) (*Switch, error) {
	s := &Switch{Dir: cfg.Dir}
	if cfg.Sessions == 0 {
		cfg.Sessions = 400
	}
	if cfg.Events == "" {
		cfg.Events = subscribed
	}
	if err := s.start(ctx, cfg); err != nil {
		return s, fmt.Errorf("%w\n%s", err, s.LogTail())
	}
	return s, nil
}

// Start starts a FreeSWITCH that ends with the test, and loads the module.
func Start(tb testing.TB) *Switch {
	tb.Helper()
	s := Prepare(tb)
	s.Load(tb, os.Getenv(EnvModule))
	return s
}

// Prepare starts a FreeSWITCH that ends with the test, without the module.
func Prepare(tb testing.TB) *Switch {
	tb.Helper()
	return prepare(tb, true)
}

// PrepareRefusing is Prepare with a list of allowed interfaces (FreeSWITCH 1.11) that lacks the module's.
func PrepareRefusing(tb testing.TB) *Switch {
	tb.Helper()
	return prepare(tb, false)
}

func prepare(tb testing.TB, allowed bool) *Switch {
	tb.Helper()
	prefix := os.Getenv(EnvPrefix)
	if prefix == "" || os.Getenv(EnvModule) == "" {
		tb.Skipf("%s and %s do not name an installed FreeSWITCH and the module: make test does", EnvPrefix, EnvModule)
	}
	phone, err := farend.Listen()
	if err != nil {
		tb.Fatal(err)
	}
	watched := watchMachine()
	tb.Cleanup(func() {
		watched.close()
		if err := phone.Close(); err != nil {
			tb.Error(err)
		}
	})
	ctx, cancel := context.WithTimeout(context.Background(), Bound)
	defer cancel()
	s, err := Run(ctx, Config{Prefix: prefix, Dir: tb.TempDir(), Refuse: !allowed})
	if err != nil {
		tb.Fatal(err)
	}
	s.phone, s.machine = phone, watched
	tb.Cleanup(func() {
		if err := s.Close(); err != nil {
			tb.Error(err)
		}
		if bad := s.complaints(); bad != "" {
			tb.Errorf("FreeSWITCH complains:\n%s", bad)
		}
		if tb.Failed() {
			tb.Logf("the log of FreeSWITCH ends with:\n%s", s.LogTail())
		}
	})
	return s
}

// Load puts the module's file among FreeSWITCH's modules, as an installation does, and loads it.
func (s *Switch) Load(tb testing.TB, module string) {
	tb.Helper()
	content, err := os.ReadFile(module)
	if err != nil {
		tb.Fatal(err)
	}
	s.Install(tb, content)
	s.API(tb, "+OK", "load %s", Module)
}

// LoadFrom is Load outside of a test.
func (s *Switch) LoadFrom(ctx context.Context, module string) error {
	content, err := os.ReadFile(module)
	if err != nil {
		return err
	}
	if err := s.install(content); err != nil {
		return err
	}
	_, err = s.Do(ctx, "+OK", "load %s", Module)
	return err
}

// Install replaces the module's file, not what is loaded of it.
func (s *Switch) Install(tb testing.TB, content []byte) {
	tb.Helper()
	if err := s.install(content); err != nil {
		tb.Fatal(err)
	}
}

func (s *Switch) install(content []byte) error {
	path := filepath.Join(s.Dir, "mod", Module+".so")
	if err := os.WriteFile(path+".new", content, 0o700); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}

// Reload unloads the module and loads it again.
func (s *Switch) Reload(tb testing.TB) {
	tb.Helper()
	s.API(tb, "+OK", "unload %s", Module)
	s.API(tb, "+OK", "load %s", Module)
}

func (s *Switch) start(ctx context.Context, cfg Config) error {
	prefix := cfg.Prefix
	for _, dir := range []string{"log", "db", "run", "tmp", "storage", "rec", "mod"} {
		if err := os.Mkdir(filepath.Join(s.Dir, dir), 0o700); err != nil {
			return err
		}
	}
	var modules []string
	for _, dir := range []string{"mod", "lib/freeswitch/mod"} { // as its configure was told
		found, err := filepath.Glob(filepath.Join(prefix, dir, "*.so"))
		if err != nil {
			return err
		}
		modules = append(modules, found...)
	}
	if len(modules) == 0 {
		return fmt.Errorf("no modules in %s/mod or %s/lib/freeswitch/mod: %s must name the prefix of a FreeSWITCH", prefix, prefix, EnvPrefix)
	}
	for _, path := range modules {
		if err := os.Symlink(path, filepath.Join(s.Dir, "mod", filepath.Base(path))); err != nil {
			return err
		}
	}
	if err := s.choosePorts(); err != nil {
		return err
	}
	t, err := template.New("freeswitch.xml").Parse(configuration)
	if err != nil {
		return err
	}
	var xml bytes.Buffer
	err = t.Execute(&xml, map[string]any{"ESL": s.eslPort, "Agent": s.agentSIP, "Far": s.farSIP, "Dir": s.Dir,
		"RTPFirst": s.rtpFirst, "RTPLast": s.rtpLast, "Sessions": cfg.Sessions, "Allowed": !cfg.Refuse})
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(s.Dir, "freeswitch.xml"), xml.Bytes(), 0o600); err != nil {
		return err
	}
	dir := func(name string) string { return filepath.Join(s.Dir, name) }
	s.cmd = exec.Command(filepath.Join(prefix, "bin", "freeswitch"), "-nonat", "-nf", "-nc", "-conf", s.Dir,
		"-log", dir("log"), "-db", dir("db"), "-run", dir("run"), "-temp", dir("tmp"), "-storage", dir("storage"),
		"-mod", dir("mod"))
	s.cmd.Env = append(os.Environ(), cfg.Env...)
	s.cmd.Stdout, s.cmd.Stderr = &s.out, &s.out
	// It must not outlive a test that is killed.
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := s.cmd.Start(); err != nil {
		return fmt.Errorf("start FreeSWITCH: %w", err)
	}
	s.PID = s.cmd.Process.Pid
	for {
		if s.esl, err = dialESL(ctx, fmt.Sprintf("127.0.0.1:%d", s.eslPort), "ClueCon", cfg.Events); err == nil {
			break
		}
		if err := pause(ctx); err != nil {
			return fmt.Errorf("the event socket did not open: %w", err)
		}
	}
	for {
		text, err := s.esl.api(ctx, "sofia status")
		if err != nil || strings.Count(text, "RUNNING") == 2 {
			return err
		}
		if err := pause(ctx); err != nil {
			return fmt.Errorf("the SIP profiles did not start: %w\n%s", err, text)
		}
	}
}

// pause is the time between two looks at what tells nothing of itself.
func pause(ctx context.Context) error {
	select {
	case <-time.After(50 * time.Millisecond):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// choosePorts finds ports that nothing uses now.
func (s *Switch) choosePorts() error {
	var open []io.Closer
	defer func() {
		for _, c := range open {
			_ = c.Close()
		}
	}()
	for _, port := range []*int{&s.eslPort, &s.agentSIP, &s.farSIP} {
		l, err := net.Listen("tcp4", "127.0.0.1:0")
		if err != nil {
			return err
		}
		open = append(open, l)
		*port = l.Addr().(*net.TCPAddr).Port
	}
	// Below the range that the kernel gives out; FreeSWITCH itself passes over a port that it cannot bind.
	const block = 600
	s.rtpFirst = 12000 + block*rand.IntN(32)
	s.rtpLast = s.rtpFirst + block - 2
	return nil
}

// Kill ends FreeSWITCH at once.
func (s *Switch) Kill() {
	if s.cmd != nil && s.cmd.Process != nil {
		_ = s.cmd.Process.Kill()
		_ = s.cmd.Wait()
	}
	if s.esl != nil {
		_ = s.esl.conn.Close()
	}
}

// Close ends FreeSWITCH as an operator does.
func (s *Switch) Close() error {
	if s.cmd == nil || s.cmd.Process == nil {
		return nil
	}
	ended := make(chan error, 1)
	go func() { ended <- s.cmd.Wait() }()
	if s.esl != nil {
		s.esl.mu.Lock()
		_, _ = fmt.Fprint(s.esl.conn, "bgapi fsctl shutdown now\n\n")
		s.esl.mu.Unlock()
		defer s.esl.conn.Close()
	} else {
		_ = s.cmd.Process.Signal(syscall.SIGTERM)
	}
	select {
	case err := <-ended:
		if err != nil {
			return fmt.Errorf("FreeSWITCH ended with %w\n%s", err, s.out.String())
		}
		return nil
	case <-time.After(Bound):
		// A stack trace of the module's goroutines on the way.
		_ = s.cmd.Process.Signal(syscall.SIGABRT)
		return errors.Join(errors.New("FreeSWITCH did not end"), <-ended)
	}
}

// Stop stops the process for so long, all of its threads, as a machine does that has other work. It returns how long it
// was.
func (s *Switch) Stop(tb testing.TB, length time.Duration) time.Duration {
	tb.Helper()
	began := farend.Now()
	err := syscall.Kill(s.PID, syscall.SIGSTOP)
	time.Sleep(length) // what is simulated
	if err = errors.Join(err, syscall.Kill(s.PID, syscall.SIGCONT)); err != nil {
		tb.Fatal(err)
	}
	return farend.Now() - began
}

func (s *Switch) log() string {
	b, _ := os.ReadFile(filepath.Join(s.Dir, "log", "freeswitch.log"))
	return string(b)
}

// Logged is the lines of the log that contain text.
func (s *Switch) Logged(text string) (lines []string) {
	for line := range strings.Lines(s.log()) {
		if strings.Contains(line, text) {
			lines = append(lines, strings.TrimSpace(line))
		}
	}
	return lines
}

var complaint = regexp.MustCompile(`(?m)^.*(\[CRIT\]|\[ALERT\]|caught a bug|has no write codec).*$`)

func (s *Switch) complaints() string { return strings.Join(complaint.FindAllString(s.log(), 20), "\n") }

// LogTail is the end of the log.
func (s *Switch) LogTail() string {
	lines := strings.SplitAfter(s.log(), "\n")
	return strings.Join(lines[max(0, len(lines)-60):], "")
}

// API runs a command, whose answer must begin with want, and returns the answer.
func (s *Switch) API(tb testing.TB, want, format string, args ...any) string {
	tb.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), Bound)
	defer cancel()
	text, err := s.Do(ctx, want, format, args...)
	if err != nil {
		tb.Fatal(err)
	}
	return text
}

// Do is API outside of a test.
func (s *Switch) Do(ctx context.Context, want, format string, args ...any) (string, error) {
	command := fmt.Sprintf(format, args...)
	text, err := s.esl.api(ctx, command)
	if err == nil && !strings.HasPrefix(text, want) {
		err = fmt.Errorf("%s: %q does not begin with %q", command, text, want)
	}
	return text, err
}

// Event waits for the n-th event (from 1) of a channel, by its name, or by its subclass if it is one of the module's.
func (s *Switch) Event(tb testing.TB, uuid, name string, n int) Event {
	tb.Helper()
	s.wait(tb, fmt.Sprintf("event %s of %s, number %d", name, uuid, n), func() bool { return len(s.Events(uuid, name)) >= n })
	return s.Events(uuid, name)[n-1]
}

// Await is Event outside of a test, without the event.
func (s *Switch) Await(ctx context.Context, uuid, name string) error {
	err := s.esl.wait(ctx, func() bool { return len(s.Events(uuid, name)) > 0 })
	if err != nil {
		return fmt.Errorf("event %s of %s: %w", name, uuid, err)
	}
	return nil
}

// Events is those of a channel so far.
func (s *Switch) Events(uuid, name string) []Event { return s.esl.of(uuid, name) }

func (s *Switch) wait(tb testing.TB, what string, cond func() bool) {
	tb.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), Bound)
	defer cancel()
	if err := s.esl.wait(ctx, cond); err != nil {
		tb.Fatalf("%s: %v", what, err)
	}
}

// Poll looks again and again until cond is true.
func (s *Switch) Poll(tb testing.TB, what string, cond func() bool) {
	tb.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), Bound)
	defer cancel()
	for !cond() {
		if err := pause(ctx); err != nil {
			tb.Fatalf("%s: %v", what, err)
		}
	}
}

// ESLPort is where its event socket listens; the password is ClueCon.
func (s *Switch) ESLPort() int { return s.eslPort }
