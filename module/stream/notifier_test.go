package stream

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"mod_openai_audio_stream/module/hostlog"
	"mod_openai_audio_stream/module/secret"
)

// notified is a notifier of the channel "call" whose first event waits until the channel is closed.
func notified(h *fakeHost, secrets ...string) (n *notifier, former chan struct{}) {
	former = make(chan struct{})
	masker := secret.New(secrets...)
	return newNotifier(h, "call", masker, hostlog.New(h.Log, "call", masker, nil), former), former
}

// The last event comes even when FreeSWITCH has taken none for so long that others were dropped. Those are counted, and
// the log says it once.
func TestNotifierKeepsTheLast(t *testing.T) {
	host := &fakeHost{}
	n, former := notified(host)
	for i := range 2 * maxEvents {
		n.event("json", fmt.Appendf(nil, "%d", i))
	}
	n.close("end", nil)
	n.event("json", nil)
	close(former)
	<-n.idle
	made := len(host.events) - 1
	if made != maxEvents || n.dropped() != 2*maxEvents-made || host.events[made] != "end " || host.events[made-1] != fmt.Sprintf("json %d", made-1) {
		t.Errorf("%d events before the last one, %q, %d dropped", made, host.events[made], n.dropped())
	}
	if len(host.logged) != 1 || !strings.HasPrefix(host.logged[0], "4 FreeSWITCH takes no events") {
		t.Errorf("logged %q, want one warning", host.logged)
	}
}

// What waits is bounded in bytes too. A single event may be longer.
func TestNotifierBoundsWhatWaits(t *testing.T) {
	host := &fakeHost{}
	n, former := notified(host)
	large, small := make([]byte, maxEventBytes), make([]byte, 10)
	n.event("large", append(large, 0))
	n.event("small", small)
	n.event("small", small)
	if n.dropped() != 2 {
		t.Errorf("%d dropped, want 2", n.dropped())
	}
	close(former)
	n.calls.Add(func() { n.event("small", small) }) // the large one is out
	for range 2 {
		done := make(chan struct{})
		n.calls.Add(func() { close(done) })
		<-done
	}
	if len(host.of("large")) != 1 || len(host.of("small")) != 1 || n.dropped() != 2 {
		t.Errorf("%d events, %d dropped, want two and two", len(host.events), n.dropped())
	}
}

// An event's body is masked on its way out, and by nothing but the call's own secrets.
func TestNotifierMasksBodies(t *testing.T) {
	host := &fakeHost{}
	n, former := notified(host, "the-key-of-the-call")
	body := []byte(`{"a":"the-key-of-the-call","password":"sk-1234567890"}`)
	n.event("json", body)
	n.close("end", []byte(`{"error":"the-key-of-the-call"}`))
	close(former)
	<-n.idle
	want := []string{`json {"a":"***","password":"sk-1234567890"}`, `end {"error":"***"}`}
	if !slices.Equal(host.events, want) {
		t.Errorf("events %q, want %q", host.events, want)
	}
}

// panickyHost panics at each event, and at each line of the log if told so.
type panickyHost struct {
	fakeHost
	inLog bool
}

func (h *panickyHost) Event(string, string, []byte) { panic("a bug") }

func (h *panickyHost) Log(level int, uuid, text string) {
	if h.inLog {
		panic("another bug")
	}
	h.fakeHost.Log(level, uuid, text)
}

// A bug in an event, be it the last one, is logged, and whoever waits for the last event does not wait for ever.
func TestNotifierOutlivesBugs(t *testing.T) {
	for _, inLog := range []bool{false, true} {
		host := &panickyHost{inLog: inLog}
		n := newNotifier(host, "call", secret.New(), hostlog.New(host.Log, "call", secret.New(), nil), nil)
		n.event("json", nil)
		n.close("end", nil)
		<-n.idle
		if inLog {
			continue
		}
		if len(host.logged) != 2 || !strings.HasPrefix(host.logged[1], "2 caught a bug, an event is lost: a bug") ||
			!strings.Contains(host.logged[1], "panickyHost") {
			t.Errorf("logged %q, want two bugs with their stacks", host.logged)
		}
	}
}
