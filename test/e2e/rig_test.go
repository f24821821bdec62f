package e2e_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"mod_openai_audio_stream/module/audio"
	"mod_openai_audio_stream/module/realtime/realtimetest"
	"mod_openai_audio_stream/test/e2e"
)

// bound is how long a test waits for something that must come; it decides nothing else.
const bound = 90 * time.Second

// rig is a host with the module loaded, for one test.
type rig struct {
	*testing.T
	*e2e.Host
	ctx context.Context
	log *logText
}

// logText is what the host has logged so far.
type logText struct {
	mu      sync.Mutex // Protects following.
	text    bytes.Buffer
	changed chan struct{} // closed and replaced at each write
}

func (l *logText) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	close(l.changed)
	l.changed = make(chan struct{})
	return l.text.Write(b)
}

func (l *logText) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

func newRig(t *testing.T) *rig {
	t.Helper()
	return newRigWith(t, "")
}

// newRigWith starts a host that loads the module with this configuration file, "" for none.
func newRigWith(t *testing.T, config string) *rig {
	t.Helper()
	program, module := os.Getenv("OAS_HOST"), os.Getenv("OAS_MODULE")
	if program == "" || module == "" {
		t.Skip("OAS_HOST and OAS_MODULE do not name the stand-in host and its module: make test builds them")
	}
	ctx, cancel := context.WithTimeout(context.Background(), bound)
	t.Cleanup(cancel)
	r := &rig{T: t, ctx: ctx, log: &logText{changed: make(chan struct{})}}
	h, err := e2e.StartHost(program, module, r.log, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Host = h
	t.Cleanup(func() {
		quit, cancel := context.WithTimeout(context.Background(), bound)
		defer cancel()
		if err := h.Quit(quit); err != nil {
			t.Errorf("the host did not end well: %v\n%s", err, r.log)
		}
	})
	r.do("log 7")
	if config != "" {
		r.config(config)
	}
	r.do("load")
	return r
}

func (r *rig) do(format string, args ...any) e2e.Message {
	r.Helper()
	m, err := r.Do(r.ctx, format, args...)
	if err != nil {
		r.Fatalf("%v\n%s", err, r.log)
	}
	return m
}

// api runs a command whose reply must begin with want.
func (r *rig) api(want, format string, args ...any) string {
	r.Helper()
	text := r.do("api "+format, args...).Text
	if !strings.HasPrefix(text, want) {
		r.Fatalf("%s: %q, want %s...", fmt.Sprintf(format, args...), text, want)
	}
	return text
}

func (r *rig) event(uuid, subclass string, n int) e2e.Message {
	r.Helper()
	m, err := r.WaitEvent(r.ctx, uuid, subclass, n)
	if err != nil {
		r.Fatalf("%v\n%s", err, r.log)
	}
	return m
}

func (r *rig) session(srv *realtimetest.Server, n int) *realtimetest.Session {
	r.Helper()
	s, err := srv.Session(r.ctx, n)
	if err != nil {
		r.Fatalf("%v\n%s", err, r.log)
	}
	return s
}

// logged waits until the log contains text.
func (r *rig) logged(text string) {
	r.Helper()
	for {
		r.log.mu.Lock()
		changed, found := r.log.changed, strings.Contains(r.log.text.String(), text)
		r.log.mu.Unlock()
		if found {
			return
		}
		select {
		case <-changed:
		case <-r.ctx.Done():
			r.Fatalf("no %q in the log:\n%s", text, r.log)
		}
	}
}

// config makes this the configuration file from the next load or reloadxml on: settings are <param> elements, or a whole
// file.
func (r *rig) config(settings string) {
	r.Helper()
	if !strings.Contains(settings, "<configuration") {
		settings = "<configuration name=\"openai_audio_stream.conf\">\n<settings>\n" + settings + "\n</settings>\n</configuration>\n"
	}
	path := filepath.Join(r.TempDir(), "openai_audio_stream.conf.xml")
	if err := os.WriteFile(path, []byte(settings), 0o600); err != nil {
		r.Fatal(err)
	}
	r.do("config %s", path)
}

// status is a stream's status.
func (r *rig) status(uuid string) (s streamStatus) {
	r.Helper()
	decode(r.T, strings.TrimPrefix(r.api("+OK {", "%s status", uuid), "+OK "), &s)
	return s
}

// streamStatus is what these tests read of a stream's status.
type streamStatus struct {
	State         string
	AudioInMS     int64  `json:"audio_in_ms"`
	CallerDropMS  int64  `json:"caller_dropped_ms"`
	GapFilledMS   int64  `json:"gap_filled_ms"`
	PlayedMS      int64  `json:"audio_out_ms"`
	AgentWaitMS   int64  `json:"agent_waiting_ms"`
	AgentDropMS   int64  `json:"agent_dropped_ms"`
	Underruns     uint64 `json:"underruns"`
	UnderrunMS    int64  `json:"underrun_ms"`
	Held          bool
	Interruptions int `json:"interruptions"`
}

func decode(t *testing.T, text string, into any) {
	t.Helper()
	if err := json.Unmarshal([]byte(text), into); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
}

// wait waits until cond, which is asked again after whatever happens in the server.
func (r *rig) wait(srv *realtimetest.Server, what string, cond func() bool) {
	r.Helper()
	if err := srv.Wait(r.ctx, cond); err != nil {
		r.Fatalf("%s: %v\n%s", what, err, r.log)
	}
}

// poll asks cond again and again until it is true, through the host, whose answer takes its time.
func (r *rig) poll(what string, cond func() bool) {
	r.Helper()
	for !cond() {
		if r.ctx.Err() != nil {
			r.Fatalf("%s: %v\n%s", what, r.ctx.Err(), r.log)
		}
		r.do("wait ms=5")
	}
}

// base64JSON is a message as send_json takes it.
func base64JSON(msg string) string { return base64.StdEncoding.EncodeToString([]byte(msg)) }

// writeWAV writes mono PCM at 8 kHz.
func writeWAV(t *testing.T, path string, pcm []int16) {
	t.Helper()
	file, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	w, err := audio.NewWAVWriter(file, 8000, 1)
	if err == nil {
		err = errors.Join(w.Write(pcm), w.Close())
	}
	if err != nil {
		t.Fatal(err)
	}
}
