package stream

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"mod_openai_audio_stream/module/command"
	"mod_openai_audio_stream/module/hostlog"
	"mod_openai_audio_stream/module/transport"
)

// board is FreeSWITCH with every channel that is asked for. A look at a variable takes a while, as in FreeSWITCH, so that
// starts that come at once are under way at once.
type board struct {
	fakeActions
	variables map[string]string
	answer    func(uuid string) error
	onEvent   func(event string)
	onLog     func(text string)
	onFree    func() // called when a channel has become free, before Detach returns

	mu       sync.Mutex // Protects following.
	streams  map[string]*boardStream
	attach   error
	answered int
	attached int
	events   []string // uuid, subclass and body
}

// boardStream is a stream on a board's channel.
type boardStream struct {
	*fakeRings
	board *board
	uuid  string
	boom  bool // SetTotals panics
}

func (h *board) Log(_ int, _, text string) {
	if h.onLog != nil {
		h.onLog(text)
	}
}

func (h *board) LogLevel(string) int { return hostlog.LevelDebug }

func (h *board) Event(subclass, uuid string, body []byte) {
	event := uuid + " " + subclass + " " + string(body)
	if h.onEvent != nil {
		h.onEvent(event)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.events = append(h.events, event)
}

func (h *board) Variable(_, name string) string {
	time.Sleep(time.Millisecond)
	return h.variables[name]
}

func (h *board) Exists(string) bool { return true }

func (h *board) Answer(uuid string) error {
	h.mu.Lock()
	h.answered++
	h.mu.Unlock()
	if h.answer != nil {
		return h.answer(uuid)
	}
	return nil
}

func (h *board) Attach(uuid string, _ command.Mix) (Rings, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.attach != nil {
		return nil, h.attach
	}
	if h.streams[uuid] != nil {
		return nil, ErrBusy
	}
	h.attached++
	s := &boardStream{fakeRings: newFakeRings(8000), board: h, uuid: uuid}
	h.streams[uuid] = s
	return s, nil
}

func (s *boardStream) Detach() {
	s.fakeRings.Detach()
	h := s.board
	h.mu.Lock()
	delete(h.streams, s.uuid)
	h.mu.Unlock()
	if h.onFree != nil {
		h.onFree()
	}
}

func (s *boardStream) SetTotals(totals Totals) {
	if s.boom {
		panic("a bug")
	}
	s.fakeRings.SetTotals(totals)
}

// stream is the one on a channel.
func (h *board) stream(uuid string) *boardStream {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.streams[uuid]
}

// names are the subclasses of a channel's events.
func (h *board) names(uuid string) (names []string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, e := range h.events {
		if words := strings.SplitN(e, " ", 3); words[0] == uuid {
			names = append(names, words[1])
		}
	}
	return names
}

// exchange is a manager on a board, in a bubble.
type exchange struct {
	*testing.T
	*Manager
	board *board

	mu    sync.Mutex // Protects following.
	conns []*fakeConn
}

// newExchange makes one whose servers take every connection at once.
func newExchange(t *testing.T, params string) *exchange {
	x := &exchange{T: t, board: &board{streams: map[string]*boardStream{}, variables: map[string]string{}}}
	x.Manager = NewManager(x.board, func(context.Context, *transport.Options) (Conn, error) {
		conn := newFakeConn()
		conn.says(created)
		x.mu.Lock()
		defer x.mu.Unlock()
		x.conns = append(x.conns, conn)
		return conn, nil
	}, "")
	if err := configure(x.Manager, params); err != nil {
		t.Fatal(err)
	}
	return x
}

func (x *exchange) conn(n int) *fakeConn {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.conns[n]
}

// want runs a command whose reply must begin with this.
func (x *exchange) want(reply, args string) {
	x.Helper()
	if got := x.Command(args); !strings.HasPrefix(got, reply) {
		x.Errorf("%s: %q, want %q...", args, got, reply)
	}
	synctest.Wait()
}

// atOnce runs n starts at the same time and returns how many came to which reply.
func (x *exchange) atOnce(n int, start func(i int) string) map[string]int {
	replies := make(chan string, n)
	for i := range n {
		go func() { replies <- start(i) }()
	}
	counts := map[string]int{}
	for range n {
		counts[<-replies]++
	}
	synctest.Wait()
	return counts
}

// max-sessions is kept when starts come at once, whatever becomes of those before.
func TestMaxSessionsIsExact(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x := newExchange(t, `<param name="max-sessions" value="5"/>`)
		defer x.Close(time.Second)
		starts := map[string]func(i int) string{
			"api":         func(i int) string { return x.Command(fmt.Sprintf("call-%d start ws://h/", i)) },
			"application": func(i int) string { return x.Application(fmt.Sprintf("call-%d", i), "ws://h/") },
		}
		for name, start := range starts {
			x.board.attach = ErrNoMedia
			x.atOnce(50, start)
			x.board.attach, x.board.attached = nil, 0
			counts := x.atOnce(50, start)
			if counts["+OK stream started"] != 5 || x.board.attached != 5 ||
				counts["-ERR 5 streams run already: max-sessions is 5"] != 45 {
				t.Errorf("%s: replies %v, %d streams attached, want 5 and 45 refusals", name, counts, x.board.attached)
			}
			for i := range 50 {
				x.Command(fmt.Sprintf("call-%d stop", i))
			}
		}
		x.want("+OK stream started", "late start ws://h/")
	})
}

// Of starts on one channel at the same time, one is taken.
func TestOneStreamForAChannel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x := newExchange(t, "")
		defer x.Close(time.Second)
		counts := x.atOnce(50, func(int) string { return x.Command("call start ws://h/") })
		if counts["+OK stream started"] != 1 || counts["-ERR channel has a stream already: stop it first"] != 49 {
			t.Errorf("replies %v, want one +OK, and that the channel is busy", counts)
		}
	})
}

// When the application returns, the stream is off the channel and nothing more is known of it in Go. The next line of the
// dialplan starts the next stream in that moment, and its events come after those of the first.
func TestStartRightAfterTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x := newExchange(t, `<param name="max-sessions" value="1"/>`)
		defer x.Close(time.Second)
		stuck := make(chan struct{})
		x.board.onEvent = func(event string) { // FreeSWITCH takes its time
			if strings.HasPrefix(event, "call disconnect") {
				<-stuck
			}
		}
		replies := make(chan string, 1)
		x.board.onFree = func() {
			x.board.onFree = nil
			go func() { replies <- x.Application("call", "ws://h/") }()
		}
		x.want("+OK", "call start ws://h/")
		x.conn(0).closed(1000, "")
		if reply := <-replies; reply != "+OK stream started" {
			t.Fatal(reply)
		}
		synctest.Wait() // the second one has connected
		close(stuck)
		synctest.Wait()
		x.want("+OK", "call stop")
		want := []string{"json", "connect", "disconnect", "end"}
		if got := x.board.names("call"); !slices.Equal(got, append(want, want...)) {
			t.Errorf("events %q, want twice %q", got, want)
		}
		if body := x.board.events[3]; body != `call end {"reason":"server_closed","error":""}` {
			t.Error(body)
		}
		if len(x.latest) > 0 || len(x.streams) > 0 {
			t.Errorf("%d streams in the table, %d that ended, want none", len(x.streams), len(x.latest))
		}
	})
}

// The same when FreeSWITCH took the stream off the channel, and the stream has not noticed.
func TestStartAfterTheChannelClosedTheStream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x := newExchange(t, "")
		defer x.Close(time.Second)
		x.want("+OK", "call start ws://h/")
		x.board.stream("call").closed = true // and no bell
		x.want("+OK", "call start ws://h/")
		want := []string{"json", "connect", "disconnect", "end", "json", "connect"}
		if got := x.board.names("call"); !slices.Equal(got, want) {
			t.Errorf("events %q, want %q", got, want)
		}
	})
}

// The application answers the call when nothing but the channel itself can refuse, and no sooner.
func TestApplicationRefusesBeforeItAnswers(t *testing.T) {
	for name, test := range map[string]struct {
		variables map[string]string
		before    func(*exchange)
		args      string
		want      string
	}{
		"bad arguments":   {args: "ftp://h/", want: `-ERR URL "ftp://h/"`},
		"no arguments":    {want: "-ERR start without a URL"},
		"a bad setting":   {variables: map[string]string{"STREAM_BUFFER_SIZE": "30"}, want: `-ERR STREAM_BUFFER_SIZE "30"`},
		"a bad provider":  {variables: map[string]string{"STREAM_PROVIDER": "nobody"}, want: `-ERR STREAM_PROVIDER "nobody"`},
		"unknown profile": {args: "profile:nobody", want: `-ERR profile "nobody"`},
		"the limit":       {before: func(x *exchange) { x.want("+OK", "other start ws://h/") }, want: "-ERR 1 streams run already"},
		"a stream before": {before: func(x *exchange) { x.want("+OK", "call start ws://h/") }, want: "-ERR channel has a stream already"},
		"drain":           {before: func(x *exchange) { x.want("+OK", "drain") }, want: "-ERR draining: no new streams until"},
		"unload":          {before: func(x *exchange) { x.Close(time.Second) }, want: "-ERR the module is being unloaded"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				x := newExchange(t, `<param name="max-sessions" value="1"/>`)
				defer x.Close(time.Second)
				if test.before != nil {
					test.before(x)
				}
				for name, value := range test.variables {
					x.board.variables[name] = value
				}
				if test.args == "" && name != "no arguments" {
					test.args = "ws://h/"
				}
				if got := x.Application("call", test.args); !strings.HasPrefix(got, test.want) {
					t.Errorf("%q, want %q...", got, test.want)
				}
				if x.board.answered != 0 {
					t.Error("the call was answered")
				}
			})
		})
	}
}

// Answering runs commands of the dialplan's on the same thread: they find the channel taken, and nothing stands still.
func TestCommandsWhileTheApplicationAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x := newExchange(t, `<param name="max-sessions" value="1"/>`)
		defer x.Close(time.Second)
		x.board.answer = func(uuid string) error {
			if x.board.stream(uuid) != nil {
				t.Error("the stream is on the channel before it is answered")
			}
			x.want("-ERR channel has a stream already", uuid+" start ws://h/")
			x.want("-ERR 1 streams run already", "other start ws://h/")
			x.want(`-ERR channel "call": no stream`, uuid+" stop")
			x.want(`+OK {"sessions":1,"draining":false,`, "status")
			return nil
		}
		if got := x.Application("call", "ws://h/"); got != "+OK stream started" || x.board.answered != 1 {
			t.Errorf("%q, answered %d times", got, x.board.answered)
		}
		x.want("+OK", "call stop")
		x.board.answer = func(string) error { return errors.New("it does not want to") }
		if got := x.Application("call", "ws://h/"); got != `-ERR channel "call": it does not want to` {
			t.Error(got)
		}
		if x.board.attached != 1 {
			t.Error("a channel that could not be answered has got a stream")
		}
		x.board.answer = func(string) error { panic("a bug") }
		func() {
			defer func() { _ = recover() }()
			x.Application("call", "ws://h/")
		}()
		x.want("+OK", "call start ws://h/") // the place is free again
	})
}

// While it drains the module takes no new streams, and those that run go on.
func TestDrain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x := newExchange(t, "")
		defer x.Close(time.Second)
		x.want("+OK", "a start ws://h/")
		x.want("+OK", "b start ws://h/")
		x.want("+OK draining, 2 streams left", "drain")
		x.want("-ERR draining: no new streams until uuid_openai_audio_stream drain off", "c start ws://h/")
		x.want("+OK", "a stop")
		x.want("-ERR draining", "a start ws://h/")
		if err := configure(x.Manager, ""); err != nil { // reloadxml
			t.Fatal(err)
		}
		x.want("+OK draining, 1 stream left", "DRAIN")
		x.want(`+OK {"sessions":1,"draining":true,`, "status")
		x.want(`+OK {"state":"open"`, "b status")
		x.want("+OK", "b stop")
		x.want(`+OK {"sessions":0,"draining":true,`, "status")
		x.want(`-ERR drain "on": expected off or nothing`, "drain on")
		x.want("+OK new streams are taken", "drain off")
		x.want(`+OK {"sessions":0,"draining":false,`, "status")
		x.want("+OK", "a start ws://h/")
	})
}

// A start that is under way when the module is unloaded is refused, and lets the channel go.
func TestUnloadDuringAStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x := newExchange(t, "")
		reply := make(chan string, 1)
		go func() { reply <- x.Command("call start ws://h/") }()
		synctest.Wait() // it looks at a variable
		if !x.Close(time.Second) {
			t.Error("not all has ended")
		}
		if got := <-reply; got != "-ERR the module is being unloaded" {
			t.Error(got)
		}
		if x.board.stream("call") != nil || len(x.board.events) > 0 {
			t.Errorf("the stream is on the channel, or has events: %q", x.board.events)
		}
	})
}

// A bug at the end of a stream keeps neither the channel nor the last event.
func TestABugAtTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x := newExchange(t, "")
		defer x.Close(time.Second)
		x.want("+OK", "call start ws://h/")
		x.board.stream("call").boom = true
		x.want("+OK", "call stop")
		x.want("+OK", "call start ws://h/")
		want := []string{"json", "connect", "disconnect", "end", "json", "connect"}
		if got := x.board.names("call"); !slices.Equal(got, want) {
			t.Errorf("events %q, want %q", got, want)
		}
	})
}

// Nor does a bug in telling the log of it.
func TestABugInTellingOfABugAtTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x := newExchange(t, "")
		defer x.Close(time.Second)
		x.want("+OK", "call start ws://h/")
		x.board.stream("call").boom = true
		x.board.onLog = func(string) { panic("another bug") }
		x.want("+OK", "call stop")
		x.board.onLog = nil
		x.want("+OK", "call start ws://h/")
		want := []string{"json", "connect", "disconnect", "end", "json", "connect"}
		if got := x.board.names("call"); !slices.Equal(got, want) {
			t.Errorf("events %q, want %q", got, want)
		}
	})
}

// A bug on a connection's goroutine ends the stream, whatever comes of telling of it.
func TestABugInTellingOfABugOfTheConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x := newExchange(t, "")
		defer x.Close(time.Second)
		x.dial = func(context.Context, *transport.Options) (Conn, error) { panic("a bug") }
		x.board.onLog = func(string) { panic("another bug") }
		x.want("+OK", "call start ws://h/")
		if got := x.board.names("call"); !slices.Contains(got, "end") {
			t.Errorf("events %q, want an end", got)
		}
	})
}

// What was being written when the stream ended is announced before its end is.
func TestEndComesAfterTheLastFile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x := newExchange(t, "")
		x.Manager = NewManager(x.board, x.dial, t.TempDir())
		defer x.Close(time.Second)
		x.want("+OK", "call start ws://h/ mono 24k")
		for _, msg := range []string{
			`{"type":"response.created","response":{"id":"r"}}`,
			`{"type":"response.output_audio.delta","response_id":"r","item_id":"i","delta":"AAAAAAAA"}`,
		} {
			x.conn(0).says(msg)
		}
		synctest.Wait()
		x.want("+OK", "call stop")
		want := []string{"json", "connect", "json", "disconnect", "play", "turn", "end"}
		got := x.board.names("call")
		if slices.Sort(got[3:6]); !slices.Equal(got, want) { // the file may be complete first
			t.Errorf("events %q, want %q", got, want)
		}
	})
}
