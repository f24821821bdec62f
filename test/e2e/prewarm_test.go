package e2e_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"mod_openai_audio_stream/module/realtime/realtimetest"
)

// prewarmed waits until so many connections wait for a call.
func (r *rig) prewarmed(n int) {
	r.Helper()
	r.poll(fmt.Sprintf("there are not %d connections that wait", n), func() bool {
		return strings.Contains(r.api("+OK {", "uuid_openai_audio_stream status"), fmt.Sprintf(`"prewarmed":%d,`, n))
	})
}

// withProfile is a configuration file with a profile p for a server that demands the key.
func withProfile(srv *realtimetest.Server, params string) string {
	return `<configuration name="openai_audio_stream.conf"><profiles><profile name="p">
<param name="url" value="` + strings.ReplaceAll(srv.URL(), "&", "&amp;") + `"/><param name="api-key" value="sk-of-the-profile"/>
<param name="greeting" value="Hello."/><param name="instructions" value="You speak to ${caller}."/>` + params + `
</profile></profiles></configuration>`
}

// A connection that was opened while the phone rang is the call's when it is answered: the server sees one, which is told one
// session, the call's, before it is asked for the greeting, and which carries the conversation.
func TestPrewarm(t *testing.T) {
	t.Parallel()
	srv := realtimetest.New(t, realtimetest.Config{Key: "sk-of-the-profile", InputRate: 8000})
	r := newRigWith(t, withProfile(srv, ""))
	r.api(`+OK a connection is opened for profile "p" and kept for 30s`, "uuid_openai_audio_stream prewarm p")
	r.prewarmed(1)
	s := r.session(srv, 0)

	r.do("create call rate=8000 caller=ramp writer=none")
	r.set("call", "caller", "Ann")
	r.api("+OK", "call start profile:p")
	r.event("call", "openai_speech_start", 1)
	if err := s.WaitAudio(r.ctx, 320); err != nil {
		t.Fatal(err)
	}
	r.prewarmed(0)
	if n := len(srv.Attempts()); n != 1 {
		t.Errorf("%d connections, want one", n)
	}
	updates := s.Received("session.update")
	if len(updates) != 1 || !strings.Contains(string(updates[0].Raw), "You speak to Ann.") {
		t.Errorf("%d session.update, want the call's alone", len(updates))
	}
	var types []string
	for _, e := range s.Received("") {
		if !slices.Contains(types, e.Type) {
			types = append(types, e.Type)
		}
	}
	if len(types) < 2 || types[0] != "session.update" {
		t.Errorf("the server was told %q, want the session first", types)
	}
	if n := len(r.Events("call", "connect")); n != 1 {
		t.Errorf("%d connect events", n)
	}
	r.api("+OK", "call stop")
	r.event("call", "end", 1)
	settle(r, srv)
}

// A key that is refused after the upgrade, as OpenAI does it, is told in the log and leaves nothing that waits.
func TestPrewarmWithAWrongKey(t *testing.T) {
	t.Parallel()
	srv := realtimetest.New(t, realtimetest.Config{Key: "another"})
	r := newRigWith(t, withProfile(srv, ""))
	r.api("+OK", "uuid_openai_audio_stream prewarm p")
	r.logged("a connection that waited for a call is closed: server: ")
	r.prewarmed(0)
	settle(r, srv)
	if log := r.log.String(); strings.Contains(log, "sk-of-the-profile") {
		t.Errorf("the key is in the log:\n%s", log)
	}
}

// Connections that wait, are claimed, run out of time, die, are drained or unloaded leave nothing behind.
func TestPrewarmLeavesNothing(t *testing.T) {
	t.Parallel()
	srv := realtimetest.New(t, realtimetest.Config{InputRate: 8000, NoRecord: true})
	const stock = 5
	r := newRigWith(t, withProfile(srv, ""))
	plain, filled := withProfile(srv, ""), withProfile(srv, fmt.Sprintf(`<param name="prewarm" value="%d"/>`, stock))
	reload := func(config string) {
		r.config(config)
		r.do("reloadxml")
		r.do("events flush")
	}
	calls, expired := 0, 0
	cycle := func(rounds int) {
		for range rounds {
			reload(filled)
			r.prewarmed(stock)
			for range 2 * stock { // some of them claim what is being opened
				calls++
				uuid := fmt.Sprintf("call-%d", calls)
				r.do("create %s rate=8000 caller=tone:440 writer=none", uuid)
				r.api("+OK", "%s start profile:p", uuid)
				r.event(uuid, "connect", 1)
				r.do("hangup %s wait=1", uuid)
				r.event(uuid, "end", 1)
			}
			r.api("+OK draining, 0 streams left", "uuid_openai_audio_stream drain")
			r.prewarmed(0)
			r.api("+OK", "uuid_openai_audio_stream drain off")
			r.prewarmed(stock)
			reload(plain)
			r.api("+OK", "uuid_openai_audio_stream prewarm p 1")
			expired++
			r.poll("it has not run out of time", func() bool {
				return strings.Count(r.log.String(), "no call has come for it") == expired
			})
			reload(filled)
			r.do("unload")
			settle(r, srv)
			r.config(plain)
			r.do("load")
			r.do("events forget")
		}
	}
	cycle(1) // threads and pools that stay
	before := r.held()
	r.poll("the host does not settle", func() bool {
		last := before
		r.do("api nobody send_text %s", strings.Repeat("AAAA", 16<<10)) // Go's first collection begins goroutines that stay
		before = r.held()
		return before.HeapLiveBytes > 0 && before.FDs == last.FDs && before.Goroutines == last.Goroutines
	})
	cycle(3)
	var after held
	defer func() { t.Logf("before %+v, after %+v", before, after) }()
	r.poll("the host is not as it was", func() bool {
		after = r.held()
		return after.FDs <= before.FDs && after.Goroutines <= before.Goroutines && after.Sessions == 0 && after.Bugs == before.Bugs
	})
}
