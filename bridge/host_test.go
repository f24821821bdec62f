package main

import (
	"errors"
	"maps"
	"os"
	"reflect"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"mod_openai_audio_stream/bridge/hosttest"
	"mod_openai_audio_stream/module/command"
	"mod_openai_audio_stream/module/stream"
)

// newTestHost is the way to a host whose channel "call" ends attaching and answering as told.
func newTestHost(t *testing.T, attach, answer int) *host {
	t.Helper()
	hosttest.Reset(attach, answer)
	if err := openDoorbells(); err != nil {
		t.Fatal(err)
	}
	h := newHost(hosttest.Ops())
	t.Cleanup(func() { h.close(time.Minute) })
	return h
}

func wantNoted(t *testing.T, want string) {
	t.Helper()
	if got := hosttest.Noted(); got != want {
		t.Errorf("the host was asked for\n%swant\n%s", got, want)
	}
}

// Texts come to C whole: a NUL byte, where C would take it for the end, is a space.
func TestTexts(t *testing.T) {
	h := newTestHost(t, hosttest.OK, hosttest.OK)
	h.Log(4, "call", "a\x00b %s ü")
	h.Log(7, "", "")
	h.Event("json", "call", []byte("{\"a\":\"\x00\"}"))
	h.Event("connect", "call", nil)
	wantNoted(t, "log 4 call a b %s ü\nlog 7  \nevent json call {\"a\":\" \"}\nevent connect call \n")
	if value := h.Variable("call", "a_variable"); value != "its value" {
		t.Errorf("the variable is %q", value)
	}
	if value := h.Variable("call", "another"); value != "" {
		t.Errorf("a variable that is not set is %q", value)
	}
	if !h.Exists("call") || h.Exists("nobody") {
		t.Error("the wrong channel exists")
	}
	if call, other := h.LogLevel("call"), h.LogLevel(""); call != 7 || other != 4 {
		t.Errorf("log levels %d and %d, want 7 and 4", call, other)
	}
}

// Each refusal of the host's has its error, and leaves no stream behind.
func TestRefusals(t *testing.T) {
	streams := func() (n int) {
		for _, s := range doorbells.shards {
			n += s.n
		}
		return n
	}
	for status, want := range map[int]error{
		hosttest.Gone: stream.ErrNoChannel, hosttest.NoMedia: stream.ErrNoMedia, hosttest.Busy: stream.ErrBusy, hosttest.Failed: nil,
	} {
		h := newTestHost(t, status, status)
		if s, err := h.Attach("call", command.Mono); s != nil || err == nil || want != nil && !errors.Is(err, want) {
			t.Errorf("status %d: %v, %v, want %v", status, s, err, want)
		}
		if n := streams(); n != 0 {
			t.Errorf("status %d: the doorbells know %d streams", status, n)
		}
	}
	for status, want := range map[int]string{
		hosttest.OK: "", hosttest.Gone: stream.ErrNoChannel.Error(), hosttest.Failed: "could not be answered",
	} {
		text := ""
		if err := newTestHost(t, hosttest.OK, status).Answer("call"); err != nil {
			text = err.Error()
		}
		if !strings.HasPrefix(text, want) || (text == "") != (want == "") {
			t.Errorf("status %d: %q, want %q...", status, text, want)
		}
	}
}

// C and Go have the same events.
func TestEventNames(t *testing.T) {
	if c, g := hosttest.EventNames(), stream.EventNames(); !slices.Equal(slices.Sorted(slices.Values(c)), slices.Sorted(slices.Values(g))) {
		t.Errorf("C knows the events %q, Go %q", c, g)
	}
}

// C and Go have the same totals, and each comes to its place: AudioInMS is audio_in_ms.
func TestTotals(t *testing.T) {
	h := newTestHost(t, hosttest.OK, hosttest.OK)
	s, err := h.Attach("call", command.Mono)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Release()
	var totals stream.Totals
	want := map[string]uint64{}
	fields := reflect.ValueOf(&totals).Elem()
	words := regexp.MustCompile(`[A-Z][a-z]+|[A-Z]{2}`)
	for i := range fields.NumField() {
		fields.Field(i).SetInt(int64(100 + i))
		name := strings.Join(words.FindAllString(fields.Type().Field(i).Name, -1), "_")
		want[strings.ToLower(name)] = uint64(100 + i)
	}
	s.SetTotals(totals)
	if got := hosttest.Totals(); !maps.Equal(got, want) {
		t.Errorf("C has the totals %v, want %v", got, want)
	}
	s.SetTotals(stream.Totals{Turns: -1})
	if got := hosttest.Totals()["turns"]; got != 0 {
		t.Errorf("less than none became %d", got)
	}
	s.Detach()
}

// listener is a stream that never has anything to send.
type listener func(now time.Time) time.Time

func (l listener) Take(now time.Time) (time.Time, bool) { return l(now), false }
func (l listener) Send(time.Time)                       {}

// served passes on each call of the stream's listener.
func served(s stream.Rings) <-chan struct{} {
	calls := make(chan struct{}, 100)
	s.Serve(listener(func(time.Time) time.Time {
		calls <- struct{}{}
		return time.Time{}
	}))
	<-calls // the one at the start
	return calls
}

// The doorbell wakes who has something new, and nobody else.
func TestDoorbell(t *testing.T) {
	h := newTestHost(t, hosttest.OK, hosttest.OK)
	other, err := h.Attach("other", command.Mono)
	if err != nil {
		t.Fatal(err)
	}
	defer other.Release()
	wakesOther := served(other)
	hosttest.HangUp()
	<-wakesOther
	if !other.Look().Closed {
		t.Error("the stream that was hung up is not closed")
	}

	s, err := h.Attach("call", command.Mono)
	if err != nil {
		t.Fatal(err)
	}
	pcm := make([]int16, 160)
	for i := range pcm {
		pcm[i] = int16(i)
	}
	wakes := served(s)
	for range 3 { // the doorbell sleeps in between, or not
		hosttest.Capture(pcm, 8000)
		<-wakes
		var f stream.Frame
		if !s.ReadCaller(&f) || f.RateHz != 8000 || f.Channels != 1 || len(f.PCM) != len(pcm) || f.PCM[159] != 159 {
			t.Fatalf("%d samples at %d Hz, %d channels, want the frame", len(f.PCM), f.RateHz, f.Channels)
		}
		if s.ReadCaller(&f) || s.Look().Closed {
			t.Error("a second frame, or the end")
		}
	}
	s.Detach()
	<-wakes
	if !s.Look().Closed {
		t.Error("the stream that was detached is not closed")
	}
	s.Release()
	if len(wakesOther) > 0 {
		t.Error("a stream was woken for another")
	}
}

// Keys come in order, each once, and wake the stream; those that find no room are counted.
func TestKeys(t *testing.T) {
	h := newTestHost(t, hosttest.OK, hosttest.OK)
	s, err := h.Attach("call", command.Mono)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Release()
	defer s.Detach()
	wakes := served(s)
	if key, ok := s.ReadKey(); ok {
		t.Errorf("%v before any was pressed", key)
	}
	const room = 64
	for round := range 3 { // the second and the third go round in the ring
		for i := range room + round {
			hosttest.Press(byte('0'+i), 120*time.Millisecond)
		}
		<-wakes
		for i := range room {
			if key, ok := s.ReadKey(); !ok || key != (stream.Key{Digit: byte('0' + i), Length: 120 * time.Millisecond}) {
				t.Fatalf("round %d: key %d is %v, %t", round, i, key, ok)
			}
		}
		if key, ok := s.ReadKey(); ok {
			t.Errorf("round %d: %v after all", round, key)
		}
	}
	if lost := s.Look().KeysLost; lost != 0+1+2 {
		t.Errorf("%d keys are counted as lost, want 3", lost)
	}
}

// A stream from whom nothing comes is called when it wants to be, also while frames keep its doorbell awake.
func TestDoorbellKeepsTime(t *testing.T) {
	const wait = 50 * time.Millisecond
	for _, busy := range []bool{false, true} {
		h := newTestHost(t, hosttest.OK, hosttest.OK)
		s, err := h.Attach("call", command.Mono)
		if err != nil {
			t.Fatal(err)
		}
		begun, called, early := time.Now(), make(chan struct{}), true
		s.Serve(listener(func(now time.Time) time.Time {
			switch {
			case now.Sub(begun) < wait && busy:
				hosttest.Capture(make([]int16, 1), 8000) // which rings
			case now.Sub(begun) >= wait && early:
				early = false
				close(called)
			}
			return begun.Add(wait)
		}))
		<-called
		s.Detach()
		s.Release()
	}
}

// Close waits for whoever is inside. A call inside a call is refused meanwhile, and does not wait for it.
func TestGate(t *testing.T) {
	h := newHost(hosttest.Ops())
	hosttest.Reset(hosttest.OK, hosttest.OK)
	if first, second := h.enter(), h.enter(); !first || !second {
		t.Fatal("the gate is closed")
	}
	h.leave()
	closed := make(chan struct{})
	go func() { h.close(time.Minute); close(closed) }()
	for h.enter() { // until close has begun
		h.leave()
		runtime.Gosched()
	}
	h.Log(4, "call", "too late")
	if h.Variable("call", "a_variable") != "" || h.LogLevel("call") != -1 || h.Exists("call") || h.Answer("call") == nil {
		t.Error("the host is called after the close")
	}
	if _, err := h.Attach("call", command.Mono); err == nil {
		t.Error("a stream is attached after the close")
	}
	select {
	case <-closed:
		t.Error("close did not wait")
	default:
	}
	h.leave()
	<-closed
	wantNoted(t, "")
}

// A panic at an entry point becomes what the entry point makes of it, and a line of the log with the stack.
func TestCaught(t *testing.T) {
	loadEngine(t)
	var reason string
	func() {
		defer caught(func(r string) { reason = r })
		panic("a bug")
	}()
	if reason != "a bug" {
		t.Errorf("reason %q", reason)
	}
	if got := hosttest.Noted(); !strings.Contains(got, "log 2  caught a bug: a bug\n") || !strings.Contains(got, "host_test.go") {
		t.Errorf("noted %q, want the stack", got)
	}
}

// loadEngine loads the engine from C, and shuts it down with the test.
func loadEngine(t *testing.T) {
	t.Helper()
	hosttest.Reset(hosttest.OK, hosttest.OK)
	path, err := os.Executable() // linked without a build id, perhaps
	if err != nil {
		t.Fatal(err)
	}
	if status := hosttest.Load(path, t.TempDir()); status != hosttest.OK {
		t.Fatalf("load: status %d", status)
	}
	t.Cleanup(func() { hosttest.Shutdown(5000) })
}

// The entry points, called from C: a stream's life, in words, and what they answer when the engine does not run.
func TestEntryPoints(t *testing.T) {
	const unloading = "-ERR the module is being unloaded"
	if got := []string{hosttest.Command("status"), hosttest.Application("call", "ws://h/")}; got[0] != unloading || got[1] != unloading {
		t.Errorf("before the load: %q", got)
	}
	if got := hosttest.Configure(nil); got != "the engine does not run" {
		t.Errorf("configure before the load: %q", got)
	}
	loadEngine(t)
	if status := hosttest.Load("/nowhere", ""); status != hosttest.Failed {
		t.Errorf("a second load: status %d, want %d", status, hosttest.Failed)
	}
	broken := "<nonsense"
	if got := hosttest.Configure(&broken); got == "" {
		t.Error("a broken configuration is taken")
	}
	if got := hosttest.Configure(nil); got != "" {
		t.Error(got)
	}

	// Nothing listens at port 1: the stream waits for its next attempt.
	if got := hosttest.Command("call start ws://127.0.0.1:1/"); got != "+OK stream started" {
		t.Fatal(got)
	}
	if got := hosttest.Command("call stop"); got != "+OK stream stopped" {
		t.Error(got)
	}
	hosttest.Shutdown(5000)
	if got := hosttest.Noted(); strings.Count(got, "event end call {\"reason\":\"stop\",\"error\":\"\"}\n") != 1 ||
		strings.Count(got, "attach call") != 1 || strings.Count(got, "detach call") != 1 {
		t.Errorf("the host was asked for\n%swant one attach, one detach, one end", got)
	}
	if got := hosttest.Command("status"); got != unloading {
		t.Errorf("after the shutdown: %q", got)
	}
}

// The application's entry point answers from inside. FreeSWITCH may come back in then, on the same thread.
func TestAnswerComesBackIn(t *testing.T) {
	loadEngine(t)
	hosttest.DuringAnswer("call start ws://127.0.0.1:1/")
	if got := hosttest.Application("call", "ws://127.0.0.1:1/"); got != "+OK stream started" {
		t.Fatal(got)
	}
	if got := hosttest.Noted(); !strings.Contains(got, "answer call \nlog 4 call channel has a stream already") ||
		!strings.Contains(got, "reply call -ERR channel has a stream already: stop it first\nattach call") {
		t.Errorf("the host was asked for\n%s", got)
	}
	hosttest.Reset(hosttest.OK, hosttest.Failed)
	if got := hosttest.Application("other", "ws://127.0.0.1:1/"); !strings.HasPrefix(got, `-ERR channel "other": could not be answered`) {
		t.Error(got)
	}
	if got := hosttest.Noted(); strings.Contains(got, "attach") {
		t.Errorf("the host was asked for\n%swant no attach", got)
	}
}

// Each stream has a slot of its own, and one that is given back is given out again.
func TestSlots(t *testing.T) {
	type place struct {
		s    *shard
		slot uint32
	}
	places := map[place]bool{}
	for round := range 2 {
		for range streamsPerShard + 1 {
			s, slot, err := pickSlot()
			if err != nil {
				t.Fatal(err)
			}
			if p := (place{s, slot}); places[p] {
				t.Fatalf("slot %d twice", slot)
			}
			places[place{s, slot}] = true
		}
		if len(places) != streamsPerShard+1 {
			t.Errorf("round %d: %d slots", round, len(places))
		}
		for p := range places {
			p.s.release(p.slot)
		}
		clear(places)
	}
	for _, s := range doorbells.shards {
		if s.n != 0 || s.used.Load() > 2*streamsPerShard {
			t.Errorf("%d slots are taken, of %d that were ever", s.n, s.used.Load())
		}
	}
}
