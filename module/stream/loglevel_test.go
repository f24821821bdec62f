package stream

import (
	"testing"
	"testing/synctest"
	"time"

	"mod_openai_audio_stream/module/hostlog"
)

// levelHost is a host whose log level is asked for, and which may be slow to answer.
type levelHost struct {
	fakeHost
	level int
	asked int
	hold  chan struct{} // nil: it answers at once
}

func (h *levelHost) LogLevel(string) int {
	h.asked++
	if h.hold != nil {
		<-h.hold
	}
	return h.level
}

// The host is asked at most once a second, and only when a line was about to be written.
func TestLogLevelIsAskedForNowAndThen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		host := &levelHost{level: hostlog.LevelWarning}
		l := newLogLevel(host, "call")
		for range 1000 {
			if got := l.now(); got != hostlog.LevelWarning {
				t.Fatalf("level %d", got)
			}
		}
		time.Sleep(time.Hour)
		if host.asked != 1 {
			t.Errorf("asked %d times, want once", host.asked)
		}
		host.level = hostlog.LevelDebug
		l.now()
		synctest.Wait()
		for range 1000 {
			if got := l.now(); got != hostlog.LevelDebug {
				t.Fatalf("level %d", got)
			}
		}
		if host.asked != 2 {
			t.Errorf("asked %d times, want twice", host.asked)
		}
	})
}

// Nobody waits for the host. While its answer is due, a rare line is not withheld, and debug is as before.
func TestLogLevelDoesNotWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		host := &levelHost{level: hostlog.LevelError}
		l := newLogLevel(host, "call")
		host.hold = make(chan struct{})
		time.Sleep(2 * time.Second)
		for range 10 {
			if got := l.now(); got != hostlog.LevelInfo {
				t.Errorf("level %d while the answer is due, want %d", got, hostlog.LevelInfo)
			}
			synctest.Wait()
		}
		if host.asked != 2 {
			t.Errorf("asked %d times, want twice", host.asked)
		}
		close(host.hold)
		synctest.Wait()
		if got := l.now(); got != hostlog.LevelError {
			t.Errorf("level %d after the answer", got)
		}
	})
}

// What FreeSWITCH does not log does not reach it; what it logs from now on does, within about a second.
func TestStreamLogsAsMuchAsTheHost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCall(t, nil)
		c.host.quieter = hostlog.LevelDebug - hostlog.LevelInfo
		logged := func() int {
			c.host.mu.Lock()
			defer c.host.mu.Unlock()
			return len(c.host.logged)
		}
		conn := c.open()
		for range 20 {
			conn.says(`{"type":"of.tomorrow"}`)
			time.Sleep(200 * time.Millisecond)
			synctest.Wait()
		}
		if n := logged(); n != 0 {
			t.Errorf("%d lines, want none", n)
		}
		c.host.mu.Lock()
		c.host.quieter = 0
		c.host.mu.Unlock()
		for range 6 {
			conn.says(`{"type":"of.tomorrow"}`)
			time.Sleep(200 * time.Millisecond)
			synctest.Wait()
		}
		if logged() == 0 {
			t.Error("no line after a second")
		}
		c.Command("call stop")
		c.wantEnd("stop", map[string]int{"connect": 1, "disconnect": 1})
	})
}
