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
	"encoding/gob"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"syscall"

	"golang.org/x/sys/unix"
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
	if os.Getenv(prioritised) == "" {
		prioritise()
	}
	if err := serve(Config{TLS: os.Args[2] == "true", Answer: os.Args[3] == "true"}); err != nil {
		fmt.Fprintln(os.Stderr, "server:", err)
		os.Exit(1)
	}
	os.Exit(0)
}

// prioritised says that the process has tried to get its priority.
const prioritised = "OAS_SERVER_PRIORITISED"

// prioritise begins the program again with a priority above FreeSWITCH's own, which threads inherit: a server is on another
// machine, and when a message has come there depends neither on the calls nor on what else this machine does. Without the
// right to it nothing happens.
func prioritise() {
	self, err := os.Executable()
	if err != nil {
		return
	}
	runtime.LockOSThread() // the one that is left after exec
	defer runtime.UnlockOSThread()
	attr := &unix.SchedAttr{Size: unix.SizeofSchedAttr, Policy: unix.SCHED_FIFO, Priority: 2}
	if unix.SchedSetAttr(0, attr, 0) == nil {
		_ = unix.Exec(self, os.Args, append(os.Environ(), prioritised+"=1"))
	}
}

// serve is the server's process. It ends with its input.
func serve(cfg Config) error {
	out := gob.NewEncoder(os.Stdout)
	l, err := newLoop(cfg.Answer)
	var url string
	if err == nil {
		url, err = l.listen(cfg.TLS)
	}
	if err != nil {
		return errors.Join(err, out.Encode(hello{Error: err.Error()}))
	}
	if err := out.Encode(hello{URL: url}); err != nil {
		return err
	}
	go l.run() // ends with the process
	for one := make([]byte, 1); ; {
		if _, err := os.Stdin.Read(one); err == io.EOF {
			return nil
		} else if err != nil {
			return err
		}
		if err := out.Encode(l.take()); err != nil {
			return err
		}
	}
}
