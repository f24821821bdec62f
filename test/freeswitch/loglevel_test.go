package freeswitch_test

import (
	"bufio"
	"bytes"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"

	"mod_openai_audio_stream/module/realtime/realtimetest"
	"mod_openai_audio_stream/test/freeswitch"
)

// logListener collects what FreeSWITCH's event socket says of the log, at the level debug.
type logListener struct {
	mu   sync.Mutex // Protects following.
	text bytes.Buffer
}

func listenToLog(t *testing.T, s *freeswitch.Switch) *logListener {
	t.Helper()
	conn, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", s.ESLPort()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if _, err := fmt.Fprint(conn, "auth ClueCon\n\nlog debug\n\n"); err != nil {
		t.Fatal(err)
	}
	l := &logListener{}
	go func() { // ends with the connection
		for lines := bufio.NewScanner(conn); lines.Scan(); {
			l.mu.Lock()
			l.text.WriteString(lines.Text() + "\n")
			l.mu.Unlock()
		}
	}()
	return l
}

func (l *logListener) has(text string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Contains(l.text.String(), text)
}

// The debug lines of a call come when FreeSWITCH's log level is raised, or that of its channel alone. Asking for the level
// must not change it: with FreeSWITCH's at -1 the channel's counts for nothing.
func TestLogLevel(t *testing.T) {
	t.Parallel()
	s := freeswitch.Start(t)
	s.API(t, "+OK", "fsctl loglevel warning")
	log := listenToLog(t, s)
	calls := []*freeswitch.Call{s.Loopback(t, "of-the-level"), s.Loopback(t, "of-the-channel")}
	var sessions []*realtimetest.Session
	for _, c := range calls {
		sessions = append(sessions, c.Begin(realtimetest.Config{NoVAD: true}, 24000))
	}
	n := 0
	// say has both servers say something until the log shows this one's.
	say := func(name string) {
		s.Poll(t, "no line of "+name, func() bool {
			n++
			for i, session := range sessions {
				session.Send(fmt.Sprintf(`{"type":"of.tomorrow","to":%q,"n":%d}`, calls[i].Agent, n))
			}
			return log.has(`"to":"` + name + `"`)
		})
	}
	s.API(t, "+OK", "uuid_loglevel of-the-channel debug")
	say("of-the-channel")
	if log.has(`"to":"of-the-level"`) {
		t.Error("the other call is logged, too")
	}
	s.API(t, "+OK", "fsctl loglevel debug")
	say("of-the-level")
}
