package stream

import (
	"context"
	"fmt"
	"io"
	"sync"
	"time"
)

// fakeActions writes down what is done with the call. The zero value does everything.
type fakeActions struct {
	mu     sync.Mutex // Protects following.
	done   []string
	fail   map[string]error // of the action with this name
	reply  string           // of API
	dialed chan error       // if not nil, Dial waits for it
	// If not nil, Refer waits for it, whatever its context says; API for the other.
	referred chan error
	stuck    chan struct{}
	sounds   map[string][]int16   // what OpenSound plays
	played   map[string]fakeSound // the same, if it is not just that
	opened   int                  // sounds
	closed   int
	before   func(action string)
}

func (a *fakeActions) do(action string, args ...any) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.before != nil {
		a.before(action)
	}
	a.done = append(a.done, fmt.Sprintln(append([]any{action}, args...)...))
	return a.fail[action]
}

func (a *fakeActions) Hangup(_, cause string) error { return a.do("hangup", cause) }

func (a *fakeActions) Transfer(_, extension, dialplan, context string) error {
	return a.do("transfer", extension, dialplan, context)
}

func (a *fakeActions) Refer(_ context.Context, _, uri string) error {
	err := a.do("refer", uri)
	if a.referred != nil {
		err = <-a.referred
	}
	return err
}

func (a *fakeActions) SendDTMF(_, digits string) error         { return a.do("dtmf", digits) }
func (a *fakeActions) SetVariable(_, name, value string) error { return a.do("set", name, value) }

func (a *fakeActions) API(_, command, arguments string) (string, error) {
	err := a.do("api", command, arguments)
	if a.stuck != nil {
		<-a.stuck
	}
	return a.reply, err
}

func (a *fakeActions) Dial(ctx context.Context, _, dialString string, timeout time.Duration) (string, error) {
	if err := a.do("dial", dialString, timeout); err != nil || a.dialed == nil {
		return "peer", err
	}
	select {
	case err := <-a.dialed:
		return "peer", err
	case <-ctx.Done():
		return "", ctx.Err()
	case <-time.After(timeout):
		return "", &DialFailure{"NO_ANSWER"}
	}
}

func (a *fakeActions) Bridge(_, peer string) error { return a.do("bridge", peer) }

func (a *fakeActions) OpenSound(_, path string, rateHz int) (Sound, error) {
	if err := a.do("open", path, rateHz); err != nil {
		return nil, err
	}
	a.mu.Lock()
	sound, ok := a.played[path]
	if !ok {
		sound.rest = a.sounds[path]
	}
	sound.actions = a
	a.opened++
	a.mu.Unlock()
	time.Sleep(sound.opening)
	return &sound, nil
}

// fakeSound plays samples once.
type fakeSound struct {
	rest    []int16
	end     error         // at the end; nil: io.EOF
	starves bool          // in the place of an end it finds nothing any more
	opening time.Duration // how long it takes
	reading time.Duration // how long each Read takes
	dry     int           // so many reads find nothing, at first
	panics  bool          // Read does

	actions *fakeActions
}

func (s *fakeSound) Read(pcm []int16) (int, error) {
	time.Sleep(s.reading)
	switch {
	case s.panics:
		panic("a bug")
	case s.dry > 0:
		s.dry--
		return 0, nil
	case len(s.rest) > 0:
		n := copy(pcm, s.rest)
		s.rest = s.rest[n:]
		return n, nil
	case s.starves:
		return 0, nil
	case s.end != nil:
		return 0, s.end
	}
	return 0, io.EOF
}

func (s *fakeSound) Close() {
	s.actions.mu.Lock()
	defer s.actions.mu.Unlock()
	s.actions.closed++
}
