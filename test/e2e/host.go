// Package e2e runs the whole module: the shim and the engine as one shared object, in the stand-in host of test/host,
// against a Realtime server. Host drives the stand-in; the tests are beside it, and the demo uses it too.
package e2e

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"sync"
)

// Message is one line that the host prints: a reply to a command, or an event.
type Message struct {
	// Of a reply.
	Reply string `json:"reply"`
	ID    string `json:"id"`
	OK    bool   `json:"ok"`
	Error string `json:"error"`
	Text  string `json:"text"` // what an API function wrote

	// Of an event.
	Event    string            `json:"event"`
	Subclass string            `json:"subclass"`
	UUID     string            `json:"uuid"`
	TimeNS   int64             `json:"t_ns"` // CLOCK_MONOTONIC
	Headers  map[string]string `json:"headers"`
	Body     string            `json:"body"`

	Raw json.RawMessage `json:"-"` // the whole line
}

// Host is a running stand-in host. Its methods may be called from any goroutine.
type Host struct {
	cmd     *exec.Cmd
	stdin   io.WriteCloser
	onEvent func(Message)
	done    chan struct{} // closed when its output has ended

	mu      sync.Mutex // Protects following.
	next    int
	waiting map[string]chan Message
	events  []Message
	changed chan struct{} // closed and replaced at each event
}

// StartHost starts the program at path with the module. onEvent, if not nil, is called for each event in order.
// log gets its log lines.
func StartHost(path, module string, log io.Writer, onEvent func(Message)) (*Host, error) {
	h := &Host{
		cmd: exec.Command(path, "-m", module, "-l", "5"), onEvent: onEvent, done: make(chan struct{}),
		waiting: map[string]chan Message{}, changed: make(chan struct{}),
	}
	h.cmd.Env = append(os.Environ(), "OPENAI_API_KEY="+os.Getenv("OPENAI_API_KEY"))
	h.cmd.Stderr = log
	stdin, err := h.cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	stdout, err := h.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	h.stdin = stdin
	if err := h.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start the host: %w", err)
	}
	go h.read(stdout) // ends with the process
	return h, nil
}

func (h *Host) read(stdout io.Reader) {
	defer close(h.done)
	lines := bufio.NewScanner(stdout)
	lines.Buffer(nil, 64<<20)
	for lines.Scan() {
		var m Message
		if json.Unmarshal(lines.Bytes(), &m) != nil {
			continue
		}
		m.Raw = append([]byte(nil), lines.Bytes()...)
		h.mu.Lock()
		if m.Event != "" {
			h.events = append(h.events, m)
			close(h.changed)
			h.changed = make(chan struct{})
		} else if reply := h.waiting[m.ID]; reply != nil {
			delete(h.waiting, m.ID)
			reply <- m
		}
		h.mu.Unlock()
		if m.Event != "" && h.onEvent != nil {
			h.onEvent(m)
		}
	}
}

// Do runs a command and returns its reply; an error if it failed or the host has ended.
func (h *Host) Do(ctx context.Context, format string, args ...any) (Message, error) {
	line := fmt.Sprintf(format, args...)
	reply := make(chan Message, 1)
	h.mu.Lock()
	h.next++
	id := strconv.Itoa(h.next)
	h.waiting[id] = reply
	_, err := fmt.Fprintf(h.stdin, "#%s %s\n", id, line)
	h.mu.Unlock()
	if err != nil {
		return Message{}, fmt.Errorf("%s: %w", line, err)
	}
	select {
	case m := <-reply:
		if !m.OK {
			return m, fmt.Errorf("%s: %s", line, m.Error)
		}
		return m, nil
	case <-h.done:
		return Message{}, fmt.Errorf("%s: the host has ended", line)
	case <-ctx.Done():
		return Message{}, fmt.Errorf("%s: %w", line, ctx.Err())
	}
}

// API runs the module's API function and returns what it wrote.
func (h *Host) API(ctx context.Context, format string, args ...any) (string, error) {
	m, err := h.Do(ctx, "api "+format, args...)
	return m.Text, err
}

// Events are the events of a channel so far, with this subclass (the module's need no prefix), or of this kind of the core's
// ("" for all).
func (h *Host) Events(uuid, subclass string) (events []Message) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, m := range h.events {
		if m.UUID == uuid && (subclass == "" || m.Subclass == "mod_openai_audio_stream::"+subclass || m.Subclass == subclass || m.Event == subclass) {
			events = append(events, m)
		}
	}
	return events
}

// WaitEvent waits for the n-th event (from 1) of a channel with this subclass.
func (h *Host) WaitEvent(ctx context.Context, uuid, subclass string, n int) (Message, error) {
	for {
		h.mu.Lock()
		changed := h.changed
		h.mu.Unlock()
		if events := h.Events(uuid, subclass); len(events) >= n {
			return events[n-1], nil
		}
		select {
		case <-changed:
		case <-h.done:
			return Message{}, fmt.Errorf("event %s of %s: the host has ended", subclass, uuid)
		case <-ctx.Done():
			return Message{}, fmt.Errorf("event %s of %s, number %d: %w", subclass, uuid, n, ctx.Err())
		}
	}
}

// PID is the host's process.
func (h *Host) PID() int { return h.cmd.Process.Pid }

// Signal sends the host's process a signal.
func (h *Host) Signal(sig os.Signal) error { return h.cmd.Process.Signal(sig) }

// Quit ends the host as the core ends and waits for it. Its error tells of channels that stayed, or of a module that
// called the core after its shutdown.
func (h *Host) Quit(ctx context.Context) error {
	h.mu.Lock()
	_, err := fmt.Fprintln(h.stdin, "quit")
	h.mu.Unlock()
	select {
	case <-h.done:
	case <-ctx.Done():
		err = errors.Join(ctx.Err(), h.cmd.Process.Kill())
		<-h.done
	}
	return errors.Join(err, h.cmd.Wait())
}
