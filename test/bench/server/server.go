// Package server is a Realtime server for measuring, in a process of its own, so that its processor time is nobody else's:
// it reads no more of a message than whether it is the caller's audio, notes when it came, and answers, if it is to, all
// the time. What a server must be tested against is package realtimetest.
//
//	func main() {
//		server.ServeIfAsked()
//		...
//		srv, err := server.Start(server.Config{Answer: true})
package server

import (
	"crypto/tls"
	"encoding/gob"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"sync"
	"syscall"
)

// asked is the word with which a program runs itself as the server.
const asked = "serve-realtime"

// Config is how the server behaves.
type Config struct {
	TLS    bool // with a certificate that nobody has signed
	Answer bool // every call, all the time
}

// Journal is what happened in a call. Times are in ns of CLOCK_MONOTONIC.
type Journal struct {
	Audio    []Audio // the caller's
	Answered []int64 // when the first delta of an answer was written
	Said     int64   // ms of answers written
}

// Audio is a message of the caller's audio.
type Audio struct {
	At    int64
	Bytes int // of PCM
}

// Process is a running server.
type Process struct {
	URL string // of a session; a call's name is to be added
	PID int

	cmd    *exec.Cmd
	ask    io.WriteCloser
	answer *gob.Decoder
}

// hello is the first thing that the process says.
type hello struct {
	URL   string
	Error string
}

// Start runs the program that calls it again, as a server; its main must begin with ServeIfAsked. Close ends it.
func Start(cfg Config) (*Process, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	p := &Process{cmd: exec.Command(self, asked, fmt.Sprint(cfg.TLS), fmt.Sprint(cfg.Answer))}
	p.cmd.Stderr = os.Stderr
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if p.ask, err = p.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	p.answer = gob.NewDecoder(out)
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start the server: %w", err)
	}
	p.PID = p.cmd.Process.Pid
	var h hello
	if err := p.answer.Decode(&h); err != nil {
		return nil, errors.Join(fmt.Errorf("the server: %w", err), p.Close())
	}
	if h.Error != "" {
		return nil, errors.Join(fmt.Errorf("the server: %s", h.Error), p.Close())
	}
	p.URL = h.URL
	return p, nil
}

// Take returns what has happened since the last Take, by the names of the calls.
func (p *Process) Take() (map[string]*Journal, error) {
	if _, err := p.ask.Write([]byte{'\n'}); err != nil {
		return nil, err
	}
	calls := map[string]*Journal{}
	err := p.answer.Decode(&calls)
	return calls, err
}

// Close ends the process.
func (p *Process) Close() error {
	err := p.ask.Close()
	return errors.Join(err, p.cmd.Wait())
}

// ServeIfAsked does not return where Start has started this process.
func ServeIfAsked() {
	if len(os.Args) != 4 || os.Args[1] != asked {
		return
	}
	if err := serve(Config{TLS: os.Args[2] == "true", Answer: os.Args[3] == "true"}); err != nil {
		fmt.Fprintln(os.Stderr, "server:", err)
		os.Exit(1)
	}
	os.Exit(0)
}

// book is the journals of all calls.
type book struct {
	mu    sync.Mutex // Protects following.
	calls map[string]*page
}

// page is a call's journal.
type page struct {
	mu sync.Mutex // Protects following.
	j  Journal
}

func (b *book) page(name string) *page {
	b.mu.Lock()
	defer b.mu.Unlock()
	p := b.calls[name]
	if p == nil {
		p = &page{}
		b.calls[name] = p
	}
	return p
}

func (b *book) take() map[string]*Journal {
	b.mu.Lock()
	defer b.mu.Unlock()
	taken := map[string]*Journal{}
	for name, p := range b.calls {
		p.mu.Lock()
		j := p.j
		p.j = Journal{}
		p.mu.Unlock()
		taken[name] = &j
	}
	return taken
}

// serve is the server's process. It ends with its input.
func serve(cfg Config) error {
	out := gob.NewEncoder(os.Stdout)
	b := &book{calls: map[string]*page{}}
	var certificate *tls.Certificate
	var err error
	if cfg.TLS {
		certificate, err = selfSigned()
	}
	var url string
	if err == nil {
		url, err = listen(b, certificate, cfg.Answer)
	}
	if err != nil {
		return errors.Join(err, out.Encode(hello{Error: err.Error()}))
	}
	if err := out.Encode(hello{URL: url}); err != nil {
		return err
	}
	for one := make([]byte, 1); ; {
		if _, err := os.Stdin.Read(one); err == io.EOF {
			return nil
		} else if err != nil {
			return err
		}
		if err := out.Encode(b.take()); err != nil {
			return err
		}
	}
}
