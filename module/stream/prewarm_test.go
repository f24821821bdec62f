package stream

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"mod_openai_audio_stream/module/transport"
)

// warmth is an exchange with a profile p, whose server a test can make refuse.
type warmth struct {
	*exchange
	*board
	refuse func(attempt int) error // nil: none is refused
	first  string                  // what the server says first; "" for nothing
	hold   chan struct{}           // if not nil, attempts wait for it

	mu     sync.Mutex // Protects following.
	begun  []time.Time
	logged []string
}

const minimal = `<param name="url" value="ws://h/"/><param name="api-key" value="key-of-the-profile"/>`

// profiles is a configuration file with these settings, and a profile p with these params beside minimal.
func profiles(settings, params string) []byte {
	return []byte(`<configuration name="openai_audio_stream.conf"><settings>` + settings + `</settings><profiles><profile name="p">` +
		minimal + params + `</profile></profiles></configuration>`)
}

func newWarmth(t *testing.T, settings, params string) *warmth {
	t.Helper()
	x := &warmth{exchange: newExchange(t, ""), first: created}
	x.board = x.exchange.board
	x.Manager = NewManager(x, func(ctx context.Context, _ *transport.Options) (Conn, error) {
		x.mu.Lock()
		n := len(x.begun)
		x.begun = append(x.begun, time.Now())
		x.mu.Unlock()
		if x.hold != nil {
			select {
			case <-x.hold:
			case <-ctx.Done():
				return nil, ctx.Err()
			}
		}
		if x.refuse != nil {
			if err := x.refuse(n); err != nil {
				return nil, err
			}
		}
		conn := newFakeConn()
		if x.first != "" {
			conn.says(x.first)
		}
		x.exchange.mu.Lock()
		defer x.exchange.mu.Unlock()
		x.conns = append(x.conns, conn)
		return conn, nil
	}, "")
	x.reload(settings, params)
	return x
}

// Log keeps the lines.
func (x *warmth) Log(level int, _, text string) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.logged = append(x.logged, fmt.Sprintf("%d %s", level, text))
}

// reload is reloadxml.
func (x *warmth) reload(settings, params string) {
	x.Helper()
	if err := x.Configure(profiles(settings, params)); err != nil {
		x.Fatal(err)
	}
	synctest.Wait()
}

// open is how many connections are.
func (x *warmth) open() (n int) {
	x.exchange.mu.Lock()
	defer x.exchange.mu.Unlock()
	for _, c := range x.conns {
		select {
		case <-c.end:
		default:
			n++
		}
	}
	return n
}

func (x *warmth) attempts() int {
	x.mu.Lock()
	defer x.mu.Unlock()
	return len(x.begun)
}

// wants demands how many connections wait, how many are open, and how many were tried to open.
func (x *warmth) wants(waiting, open, attempts int) {
	x.Helper()
	synctest.Wait()
	status := x.Command("status")
	if !strings.Contains(status, fmt.Sprintf(`"prewarmed":%d,`, waiting)) || x.open() != open || x.attempts() != attempts {
		x.Errorf("%.60s, %d connections open of %d attempts, want %d waiting and %d open of %d", status, x.open(), x.attempts(), waiting,
			open, attempts)
	}
}

// says reports how many lines of the log contain text.
func (x *warmth) says(text string) (n int) {
	x.mu.Lock()
	defer x.mu.Unlock()
	for _, line := range x.logged {
		if strings.Contains(line, text) {
			n++
		}
	}
	return n
}

// A connection that waits is told nothing. The call that claims it tells it what its session is, and asks for the greeting
// when that is agreed.
func TestAPrewarmedConnectionIsClaimed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x := newWarmth(t, "", `<param name="greeting" value="Hello."/><param name="instructions" value="You speak to ${who}."/>`)
		defer x.Close(time.Second)
		x.want(`+OK a connection is opened for profile "p" and kept for 30s`, "prewarm p")
		x.wants(1, 1, 1)
		x.conn(0).says(`{"type":"rate_limits.updated"}`)
		x.conn(0).says(`{"type":"of.another","n":1}`)
		x.conn(0).says(`{"type":"of.another","n":2}`)
		time.Sleep(25 * time.Second)
		if got := x.conn(0).types(); len(got) > 0 {
			t.Errorf("sent %q before the call", got)
		}
		x.board.variables["who"] = "Ann"
		x.want("+OK", "call start profile:p")
		x.wants(0, 1, 1)
		if got := x.conn(0).types(); !slices.Equal(got, []string{"session.update"}) ||
			!strings.Contains(x.conn(0).of("session.update")[0], "You speak to Ann.") {
			t.Errorf("sent %q, want the call's session.update alone", x.conn(0).of("session.update"))
		}
		x.conn(0).says(`{"type":"session.updated","session":{}}`)
		synctest.Wait()
		if got := x.conn(0).types(); !slices.Equal(got, []string{"session.update", "response.create"}) {
			t.Errorf("sent %q, want the greeting after the session.update", got)
		}
		want := []string{"call connect", `call json {"type":"of.another","n":1}`, `call json {"type":"of.another","n":2}`}
		if got := x.board.events; len(got) != 5 || !strings.HasPrefix(got[0], "call json "+created) || !strings.HasPrefix(got[1], want[0]) ||
			got[2] != want[1] || got[3] != want[2] || !strings.Contains(got[4], "session.updated") {
			t.Errorf("events %q", got)
		}
		x.want("+OK", "call stop")
		x.wants(0, 0, 1)
		time.Sleep(time.Minute) // the connection's time as one that waits
		x.wants(0, 0, 1)
	})
}

// A start claims only what it would have dialled itself.
func TestWhichStartClaims(t *testing.T) {
	for name, test := range map[string]struct {
		args      string
		variables map[string]string
		claims    bool
	}{
		"the profile":            {claims: true},
		"another mix":            {args: "profile:p mixed mute_user", claims: true},
		"another conversation":   {variables: map[string]string{"STREAM_VOICE": "ash", "STREAM_BUFFER_SIZE": "40"}, claims: true},
		"the same, typed":        {args: "ws://h/", variables: map[string]string{"STREAM_OPENAI_API_KEY": "key-of-the-profile"}, claims: true},
		"the same key":           {variables: map[string]string{"STREAM_OPENAI_API_KEY": "key-of-the-profile"}, claims: true},
		"the profile's rate":     {args: "profile:p mono 8k", claims: true},
		"another rate":           {args: "profile:p mono 24k"},
		"another URL":            {args: "ws://h/other", variables: map[string]string{"STREAM_OPENAI_API_KEY": "key-of-the-profile"}},
		"another query":          {args: "ws://h/?model=m", variables: map[string]string{"STREAM_OPENAI_API_KEY": "key-of-the-profile"}},
		"no key":                 {args: "ws://h/"},
		"another key":            {variables: map[string]string{"STREAM_OPENAI_API_KEY": "key-of-the-call"}},
		"a header":               {variables: map[string]string{"STREAM_EXTRA_HEADERS": `{"X-Tenant":"a"}`, "STREAM_OPENAI_API_KEY": "key-of-the-profile"}},
		"another provider":       {variables: map[string]string{"STREAM_PROVIDER": "openai"}},
		"another authority":      {variables: map[string]string{"STREAM_TLS_CA_FILE": "NONE"}},
		"a name not validated":   {variables: map[string]string{"STREAM_TLS_DISABLE_HOSTNAME_VALIDATION": "true"}},
		"no compression":         {variables: map[string]string{"STREAM_MESSAGE_DEFLATE": "true"}},
		"a heart beat":           {variables: map[string]string{"STREAM_HEART_BEAT": "5"}},
		"another format":         {variables: map[string]string{"STREAM_INPUT_FORMAT": "g711_ulaw"}},
		"another format to play": {variables: map[string]string{"STREAM_OUTPUT_FORMAT": "g711_alaw"}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				x := newWarmth(t, "", "")
				defer x.Close(time.Second)
				x.want("+OK", "prewarm profile:p 60")
				for name, value := range test.variables {
					x.board.variables[name] = value
				}
				if test.args == "" {
					test.args = "profile:p"
				}
				x.want("+OK", "call start "+test.args)
				if test.claims {
					x.wants(0, 1, 1)
				} else {
					x.wants(1, 2, 2)
				}
			})
		})
	}
}

// The proxy is a setting of the file's alone.
func TestAnotherProxyClaimsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x := newWarmth(t, "", "")
		defer x.Close(time.Second)
		x.want("+OK", "prewarm p")
		x.reload(`<param name="proxy" value="none"/>`, "")
		x.want("+OK", "call start profile:p")
		x.wants(1, 2, 2)
	})
}

// An attempt that is under way is claimed as well, unless a connection is open.
func TestAnAttemptIsClaimed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x := newWarmth(t, "", "")
		defer x.Close(time.Second)
		x.hold = make(chan struct{})
		x.want("+OK", "prewarm p")
		x.wants(0, 0, 1)
		x.want("+OK", "a start profile:p")
		x.wants(0, 0, 1)
		x.want("+OK", "prewarm p")
		close(x.hold)
		x.hold = nil
		x.wants(1, 2, 2)
		if got := x.board.names("a"); !slices.Equal(got, []string{"json", "connect"}) {
			t.Errorf("events %q", got)
		}
		x.hold = make(chan struct{})
		x.want("+OK", "prewarm p")
		x.want("+OK", "b start profile:p") // claims the open one
		x.wants(0, 2, 3)
		x.want("+OK", "c start profile:p")
		x.want("+OK", "c stop")
		x.wants(0, 2, 3)
		x.want("+OK", "prewarm p")
		x.hold = nil
		x.want("+OK", "prewarm p")
		x.want("+OK", "d start profile:p") // the open one again, though it is younger
		x.wants(0, 3, 5)
		if got := x.board.names("d"); !slices.Equal(got, []string{"json", "connect"}) {
			t.Errorf("events %q", got)
		}
	})
}

// A server that says nothing of itself is taken for open when it has been silent for as long as a call waits for that.
func TestASilentServerIsClaimed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x := newWarmth(t, "", `<param name="voice" value="ash"/>`)
		defer x.Close(time.Second)
		x.first = ""
		x.want("+OK", "prewarm p")
		time.Sleep(openWait)
		x.want("+OK", "call start profile:p")
		if got := x.conn(0).types(); !slices.Equal(got, []string{"session.update"}) {
			t.Errorf("sent %q, want the session.update at once", got)
		}
	})
}

// What ends a connection that waits: each leaves a line in the log, and no connection.
func TestTheEndOfAWait(t *testing.T) {
	noisy := func(x *warmth) {
		for range maxBacklog {
			x.conn(0).says(`{"type":"of.another"}`)
		}
	}
	for name, test := range map[string]struct {
		end  func(*warmth)
		says string
	}{
		"its time":          {func(*warmth) { time.Sleep(defaultKeep) }, "no call has come for it"},
		"the server closes": {func(x *warmth) { x.conn(0).closed(1001, "idle") }, "connection closed: 1001 idle"},
		"an error":          {func(x *warmth) { x.conn(0).says(errorEvent("session_expired", "")) }, "because (session_expired)"},
		"no JSON":           {func(x *warmth) { x.conn(0).says("{") }, "broken JSON"},
		"too many messages": {noisy, "the server says more than is kept"},
		"too long a message": {
			func(x *warmth) { x.conn(0).says(`{"type":"x","x":"` + strings.Repeat("x", maxBacklogBytes) + `"}`) }, "a message of 65",
		},
		"messages too long together": {
			func(x *warmth) {
				for range 3 {
					x.conn(0).says(`{"type":"x","x":"` + strings.Repeat("x", maxBacklogBytes/3) + `"}`)
				}
			},
			"the server says more than is kept",
		},
		"drain":  {func(x *warmth) { x.want("+OK draining, 0 streams left", "drain") }, "draining"},
		"unload": {func(x *warmth) { x.Close(time.Second) }, "unload"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				x := newWarmth(t, "", "")
				defer x.Close(time.Second)
				x.want("+OK", "prewarm p")
				x.wants(1, 1, 1)
				test.end(x)
				x.wants(0, 0, 1)
				time.Sleep(time.Hour) // no other takes its place
				x.wants(0, 0, 1)
				if x.says("7 a connection that waited for a call is closed: ") != 1 || x.says(test.says) != 1 {
					t.Errorf("logged %q, want %q once", x.logged, test.says)
				}
			})
		})
	}
}

// A call has at least half of its session before it.
func TestASessionWithAShortLife(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x := newWarmth(t, "", "")
		defer x.Close(time.Second)
		x.first = expiring(100 * time.Second)
		x.want("+OK", "prewarm p 600")
		time.Sleep(49 * time.Second)
		x.wants(1, 1, 1)
		time.Sleep(2 * time.Second)
		x.wants(0, 0, 1)
	})
}

// A session is as old as its connection: its successor is opened in time.
func TestAClaimedSessionIsReplacedInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x := newWarmth(t, "", "")
		defer x.Close(time.Second)
		x.first = expiring(2 * time.Minute)
		x.want("+OK", "prewarm p")
		time.Sleep(20 * time.Second)
		x.want("+OK", "call start profile:p")
		time.Sleep(39 * time.Second)
		x.wants(0, 1, 1)
		time.Sleep(2 * time.Second)
		if x.attempts() != 2 {
			t.Errorf("%d connections a minute before the session ends, want its successor", x.attempts())
		}
	})
}

// A connection that was dead when it was claimed costs the call an attempt, and no more.
func TestAClaimedConnectionWasDead(t *testing.T) {
	for _, code := range []int{1000, 1001, 1006, 4000} {
		t.Run(fmt.Sprint(code), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				x := newWarmth(t, "", `<param name="no-reconnect" value="true"/><param name="voice" value="ash"/><param name="greeting" value="Hi."/>`)
				defer x.Close(time.Second)
				x.want("+OK", "prewarm p")
				x.want("+OK", "call start profile:p")
				x.conn(0).closed(code, "")
				x.wants(0, 1, 2)
				x.conn(1).says(`{"type":"session.updated","session":{}}`)
				synctest.Wait()
				if got := x.conn(1).types(); !slices.Equal(got, []string{"session.update", "response.create"}) {
					t.Errorf("sent %q on the second one", got)
				}
				if got := x.board.names("call"); slices.Contains(got, "error") || slices.Contains(got, "end") {
					t.Errorf("events %q, want neither an error nor an end", got)
				}
				x.conn(1).closed(1011, "") // one that was alive
				x.wants(0, 0, 2)
				if got := x.board.names("call"); !slices.Contains(got, "end") {
					t.Errorf("events %q, want an end", got)
				}
			})
		})
	}
}

// One that was alive when it was claimed is lost like any other.
func TestAClaimedConnectionIsLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x := newWarmth(t, "", `<param name="no-reconnect" value="true"/><param name="voice" value="ash"/>`)
		defer x.Close(time.Second)
		x.want("+OK", "prewarm p")
		x.want("+OK", "call start profile:p")
		x.conn(0).says(`{"type":"session.updated","session":{}}`)
		x.conn(0).closed(1006, "")
		x.wants(0, 0, 1)
		if got := x.board.names("call"); !slices.Contains(got, "error") || !slices.Contains(got, "end") {
			t.Errorf("events %q, want an error and an end", got)
		}
	})
}

// Who can't be served is told why, and what was said of a key is not shown.
func TestPrewarmIsRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x := newWarmth(t, `<param name="max-sessions" value="2"/>`, `<param name="instructions" value="${x}"/>`)
		defer x.Close(time.Second)
		x.want(`-ERR profile "nobody": expected one of p`, "prewarm nobody")
		x.want("+OK", "prewarm p")
		x.want("+OK", "call start ws://other/")
		x.want("-ERR 1 streams run and 1 connections wait for one: max-sessions is 2", "prewarm p")
		x.want("+OK draining, 1 stream left", "drain")
		x.want("-ERR draining", "prewarm p")
		x.want("+OK", "drain off")
		x.wants(0, 1, 2)
		x.refuse = func(int) error { return fmt.Errorf("not with %s", "key-of-the-profile") }
		x.want("+OK", "prewarm p")
		if x.says("4 a connection that waited for a call is closed: not with *** profile=p") != 1 || x.says("key-of-the-profile") > 0 {
			t.Errorf("logged %q", x.logged)
		}
		if err := x.Configure(profiles("", `<param name="extra-headers" value="{&quot;X&quot;:&quot;${who}&quot;}"/>`)); err != nil {
			t.Fatal(err)
		}
		x.want(`-ERR profile "p": param "extra-headers": it has ${who}: expected no variables`, "prewarm p")
		x.Close(time.Second)
		x.reload("", "")
		x.want("-ERR the module is being unloaded", "prewarm p")
	})
}

// What waits counts, but no call is refused for it: it has its place.
func TestMaxSessionsCountsWhatWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x := newWarmth(t, `<param name="max-sessions" value="2"/>`, "")
		defer x.Close(time.Second)
		x.want("+OK", "prewarm p")
		x.want("+OK", "prewarm p")
		x.want("-ERR 0 streams run and 2 connections wait", "prewarm p")
		x.want("+OK", "a start profile:p") // claims one
		x.wants(1, 2, 2)
		x.want("+OK", "b start ws://other/") // can't
		x.wants(0, 2, 3)
		if x.says("a call needs its place") != 1 {
			t.Errorf("logged %q", x.logged)
		}
		x.want("-ERR 2 streams run already: max-sessions is 2", "c start profile:p")
		x.want("-ERR 2 streams run and 0 connections wait", "prewarm p")
		x.want("+OK", "a stop")
		x.want("+OK", "prewarm p")
		x.wants(1, 2, 4)
		x.reload(`<param name="max-sessions" value="1"/>`, "")
		x.wants(0, 1, 4)
	})
}

// Starts that come at once share what waits, and neither they nor it exceed max-sessions.
func TestStartsAtOnceShareWhatWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x := newWarmth(t, `<param name="max-sessions" value="5"/>`, "")
		defer x.Close(time.Second)
		for range 5 {
			x.want("+OK", "prewarm p")
		}
		counts := x.atOnce(20, func(i int) string { return x.Command(fmt.Sprintf("call-%d start profile:p", i)) })
		if counts["+OK stream started"] != 5 {
			t.Errorf("replies %v, want 5 streams", counts)
		}
		x.wants(0, 5, 5)
	})
}

// Whatever happens at once, nothing is left behind: the bubble waits for every goroutine.
func TestPrewarmInAnyOrder(t *testing.T) {
	for seed := range uint64(10) {
		synctest.Test(t, func(t *testing.T) {
			x := newWarmth(t, `<param name="max-sessions" value="6"/>`, `<param name="prewarm" value="3"/>`)
			var all sync.WaitGroup
			for i := range 8 {
				r := rand.New(rand.NewPCG(seed, uint64(i)))
				all.Go(func() {
					for range 40 {
						time.Sleep(time.Duration(r.IntN(1000)) * time.Millisecond)
						switch r.IntN(8) {
						case 0, 1:
							x.Command("prewarm p " + fmt.Sprint(1+r.IntN(5)))
						case 2, 3:
							x.Command(fmt.Sprintf("call-%d start profile:p", i))
						case 4:
							x.Command(fmt.Sprintf("call-%d start ws://other/", i))
						case 5:
							x.Command(fmt.Sprintf("call-%d stop", i))
						case 6:
							if i == 0 {
								x.Command([]string{"drain", "drain off"}[r.IntN(2)])
							}
						case 7:
							if x.exchange.mu.Lock(); len(x.conns) > 0 {
								x.conns[r.IntN(len(x.conns))].closed(1006, "")
							}
							x.exchange.mu.Unlock()
						}
						if n := x.pool.size(); n > 6 {
							t.Errorf("%d connections wait", n)
						}
					}
				})
			}
			all.Wait()
			if !x.Close(time.Minute) {
				t.Error("not all has ended")
			}
			synctest.Wait()
			if x.open() > 0 || x.pool.size() > 0 {
				t.Errorf("%d connections are left open", x.open())
			}
		})
	}
}
