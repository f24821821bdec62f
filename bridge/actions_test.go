package main

import (
	"context"
	"errors"
	"io"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"mod_openai_audio_stream/bridge/hosttest"
	"mod_openai_audio_stream/module/stream"
)

// actions are all that can be done with the call and ends at once, by the name that the host notes.
func actions(h *host) map[string]func() error {
	ctx := context.Background()
	return map[string]func() error{
		"hangup":   func() error { return h.Hangup("call", "USER_BUSY") },
		"transfer": func() error { return h.Transfer("call", "1001", "XML", "") },
		"refer":    func() error { return h.Refer(ctx, "call", "sip:1001@example.com") },
		"dtmf":     func() error { return h.SendDTMF("call", "12w#") },
		"set":      func() error { return h.SetVariable("call", "a", "b\x00c") },
		"api":      func() error { _, err := h.API("call", "lua", "a b"); return err },
		"dial":     func() error { _, err := h.Dial(ctx, "call", "user/1001", 90*time.Second); return err },
		"bridge":   func() error { return h.Bridge("call", "peer") },
		"open": func() error {
			s, err := h.OpenSound("call", "beep.wav", 8000)
			if err == nil {
				s.Close()
			}
			return err
		},
	}
}

// Each action comes to the host with what it was told, and each of the host's answers has its error.
func TestActions(t *testing.T) {
	want := map[string]string{
		"hangup": "USER_BUSY", "transfer": "1001/XML/", "refer": "sip:1001@example.com", "dtmf": "12w#", "set": "a=b c",
		"api": "lua a b", "dial": "user/1001 90000 ms", "bridge": "peer", "open": "beep.wav",
	}
	for _, status := range []int{hosttest.OK, hosttest.Gone, hosttest.Failed} {
		h := newTestHost(t, hosttest.OK, status)
		for name, act := range actions(h) {
			hosttest.Reset(hosttest.OK, status)
			err := act()
			if noted, _, _ := strings.Cut(hosttest.Noted(), "\n"); noted != name+" call "+want[name] {
				t.Errorf("the host was asked for %q, want %s call %s", noted, name, want[name])
			}
			if gone := errors.Is(err, stream.ErrNoChannel); (err == nil) != (status == hosttest.OK) || gone != (status == hosttest.Gone) {
				t.Errorf("%s, status %d: %v", name, status, err)
			}
		}
	}
}

// After the close nothing is asked for.
func TestActionsAfterClose(t *testing.T) {
	hosttest.Reset(hosttest.OK, hosttest.OK)
	h := newHost(hosttest.Ops())
	h.close(0)
	for name, act := range actions(h) {
		if err := act(); !errors.Is(err, stream.ErrNoChannel) {
			t.Errorf("%s: %v", name, err)
		}
	}
	wantNoted(t, "")
}

// Why nobody answered is part of the error.
func TestUnanswered(t *testing.T) {
	h := newTestHost(t, hosttest.OK, hosttest.Unanswered)
	var dial *stream.DialFailure
	if _, err := h.Dial(t.Context(), "call", "user/1001", time.Second); !errors.As(err, &dial) || dial.Cause != "USER_BUSY" {
		t.Errorf("dial: %v", err)
	}
	var refer *stream.ReferFailure
	if err := h.Refer(t.Context(), "call", "sip:1001@example.com"); !errors.As(err, &refer) || *refer != (stream.ReferFailure{Status: 486, Lost: true}) {
		t.Errorf("refer: %v", err)
	}
}

// Who waits for a phone is let go when its context ends, when the host is closed, and when its time is over; a phone that
// answers just then is hung up.
func TestAttemptsEnd(t *testing.T) {
	for name, wait := range map[string]func(*host, context.Context) error{
		"dial call wait":      func(h *host, ctx context.Context) error { return dialFor(h, ctx, "wait", time.Hour) },
		"dial call late":      func(h *host, ctx context.Context) error { return dialFor(h, ctx, "late", time.Hour) },
		"refer call sip:wait": func(h *host, ctx context.Context) error { return h.Refer(ctx, "call", "sip:wait") },
	} {
		h := newTestHost(t, hosttest.OK, hosttest.OK)
		ctx, cancel := context.WithCancel(t.Context())
		if err := during(name, func() error { return wait(h, ctx) }, cancel); !errors.Is(err, context.Canceled) {
			t.Errorf("%s, cancelled: %v", name, err)
		}
		if hungUp := strings.Contains(hosttest.Noted(), "hangup peer ORIGINATOR_CANCEL"); hungUp != strings.HasSuffix(name, "late") {
			t.Errorf("%s: hung up %v", name, hungUp)
		}
		hosttest.Reset(hosttest.OK, hosttest.OK)
		h = newHost(hosttest.Ops())
		err := during(name, func() error { return wait(h, t.Context()) }, func() { h.close(time.Minute) })
		if !errors.Is(err, errUnloading) {
			t.Errorf("%s, closed: %v", name, err)
		}
	}
	h := newTestHost(t, hosttest.OK, hosttest.OK)
	var failure *stream.DialFailure
	if err := dialFor(h, t.Context(), "wait", time.Millisecond); !errors.As(err, &failure) || failure.Cause != "NO_ANSWER" {
		t.Errorf("its time over: %v", err)
	}
}

func dialFor(h *host, ctx context.Context, dialString string, timeout time.Duration) error {
	_, err := h.Dial(ctx, "call", dialString, timeout)
	return err
}

// during runs act, end once the host has noted it, and returns act's error.
func during(noted string, act func() error, end func()) error {
	result := make(chan error)
	go func() { result <- act() }()
	for !strings.Contains(hosttest.Noted(), noted) {
		runtime.Gosched()
	}
	end()
	return <-result
}

// Close does not wait for what nothing ends.
func TestCloseIsBounded(t *testing.T) {
	h := newHost(hosttest.Ops())
	if !h.enter() {
		t.Fatal("the gate is closed")
	}
	h.close(time.Millisecond)
	h.leave()
}

func TestAPIReply(t *testing.T) {
	for _, status := range []int{hosttest.OK, hosttest.Failed} {
		h := newTestHost(t, hosttest.OK, status)
		if reply, err := h.API("call", "lua", ""); reply != "its reply" || (err == nil) != (status == hosttest.OK) {
			t.Errorf("status %d: %q, %v", status, reply, err)
		}
	}
}

// A sound is read in pieces of any length, to its end, and closed once.
func TestSound(t *testing.T) {
	h := newTestHost(t, hosttest.OK, hosttest.OK)
	s, err := h.OpenSound("call", "beep.wav", 8000)
	if err != nil {
		t.Fatal(err)
	}
	var got []int16
	for buf := make([]int16, 333); ; {
		n, err := s.Read(buf)
		got = append(got, buf[:n]...)
		if err != nil {
			if err != io.EOF {
				t.Error(err)
			}
			break
		}
	}
	want := make([]int16, 8000)
	for i := range want {
		want[i] = int16(i + 1)
	}
	if !slices.Equal(got, want) {
		t.Errorf("read %d samples, want 1 to 8000", len(got))
	}
	s.Close()
	s.Close()
	if _, err := s.Read(make([]int16, 1)); err != io.EOF {
		t.Errorf("a closed sound reads: %v", err)
	}
	wantNoted(t, "open call beep.wav\nclose  \n")
}
