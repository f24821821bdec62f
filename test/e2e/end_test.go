package e2e_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"mod_openai_audio_stream/module/realtime/realtimetest"
	"mod_openai_audio_stream/test/e2e"
)

// names are the subclasses of the module's events of a channel so far.
func (r *rig) names(uuid string) (names []string) {
	for _, m := range r.Events(uuid, "") {
		if name, ours := strings.CutPrefix(m.Subclass, "mod_openai_audio_stream::"); ours {
			names = append(names, name)
		}
	}
	return names
}

// wantLast demands that the n-th ::end is the last of the channel's events so far, and returns it.
func (r *rig) wantLast(uuid string, n int) (end struct{ Reason, Error string }) {
	r.Helper()
	decode(r.T, r.event(uuid, "end", n).Body, &end)
	r.do("events flush")
	names, ends := r.names(uuid), 0
	for _, name := range names {
		if name == "end" {
			ends++
		}
	}
	if ends != n || names[len(names)-1] != "end" {
		r.Errorf("%s: events %v, want %d ::end, the last one at the end", uuid, names, n)
	}
	return end
}

// Whatever ends a stream, one ::end says so after all its other events, with the words that the channel's variables have;
// from then on a start works.
func TestEnd(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	speaking := quiet
	speaking.Answer = realtimetest.Tone(440, time.Minute)
	srv := realtimetest.New(t, speaking)
	sessions := 0
	for _, test := range []struct {
		name      string
		variables []string
		end       func(uuid string, s *realtimetest.Session)
		want      string
		gone      bool // the channel has, so that nothing starts on it
	}{
		{name: "stop", end: func(uuid string, _ *realtimetest.Session) { r.api("+OK", "%s stop", uuid) }, want: "stop"},
		{name: "hang-up", end: func(uuid string, _ *realtimetest.Session) { r.do("hangup %s wait=1", uuid) }, want: "hangup", gone: true},
		{name: "server", end: func(_ string, s *realtimetest.Session) { s.Close(1000, "") }, want: "server_closed"},
		{name: "time", variables: []string{"STREAM_MAX_DURATION", "1"}, end: func(string, *realtimetest.Session) {}, want: "max_duration"},
		{name: "given up", variables: []string{"STREAM_NO_RECONNECT", "1"}, end: func(_ string, s *realtimetest.Session) { s.CloseTCP() }, want: "error"},
		{name: "unload", end: func(string, *realtimetest.Session) { r.do("unload"); r.do("load") }, want: "unload"},
	} {
		uuid := strings.ReplaceAll(test.name, " ", "-")
		r.talker(uuid, srv.URL(), test.variables...)
		r.event(uuid, "connect", 1)
		s := r.session(srv, sessions)
		sessions++
		if test.want == "stop" || test.want == "hangup" { // in the middle of an answer, whose file is to be announced
			r.api("+OK", "%s send_json %s", uuid, base64JSON(`{"type":"response.create"}`))
			r.event(uuid, "openai_speech_start", 1)
		}
		test.end(uuid, s)
		end := r.wantLast(uuid, 1)
		if end.Reason != test.want || (end.Error != "") != (test.want == "error") {
			t.Errorf("%s: ended with %+v, want %s", test.name, end, test.want)
		}
		if (test.want == "stop" || test.want == "hangup") && !slices.Contains(r.names(uuid), "play") {
			t.Errorf("%s: events %v, want a play", test.name, r.names(uuid))
		}
		if test.gone {
			continue
		}
		if got := r.variable(uuid, "openai_audio_stream_disconnect_reason"); got != end.Reason {
			t.Errorf("%s: the variable says %q, the event %q", test.name, got, end.Reason)
		}
		if got := r.variable(uuid, "openai_audio_stream_error"); got != end.Error {
			t.Errorf("%s: the variable says %q, the event %q", test.name, got, end.Error)
		}
		r.api("+OK", "%s start %s mono 8k", uuid, srv.URL())
		r.session(srv, sessions)
		sessions++
		r.do("api %s stop", uuid) // the limit of time may be faster
		r.wantLast(uuid, 2)
	}
}

// A stream that never got a connection has one, too.
func TestEndWithoutAConnection(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	srv := realtimetest.New(t, realtimetest.Config{Misbehave: realtimetest.Refuse(1, 401, "")})
	r.talker("call", srv.URL())
	if end := r.wantLast("call", 1); end.Reason != "error" || !strings.Contains(end.Error, "401") {
		t.Errorf("ended with %+v", end)
	}
	if got, want := r.names("call"), []string{"error", "end"}; !slices.Equal(got, want) {
		t.Errorf("events %v, want %v", got, want)
	}
}

// Of two lines of a dialplan the second one starts when the first one's stream has just ended by itself. The channel is
// free, and the events of the second come after those of the first.
func TestStartInTheNextMoment(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	cfg := quiet
	const channels, lines, words = 4, 10, 200 // so many that FreeSWITCH has some of them still to take at the end
	cfg.Misbehave = realtimetest.Always(realtimetest.Misbehaviour{Steps: []realtimetest.Step{
		realtimetest.AfterSending("session.created", 1, func(s *realtimetest.Session) {
			for range words {
				s.Send(`{"type":"of.tomorrow"}`)
			}
			s.Close(1000, "")
		}),
	}})
	srv := realtimetest.New(t, cfg)
	line := "openai_audio_stream " + srv.URL()
	for i := range channels {
		r.do("create call-%d rate=8000 caller=silence writer=none", i)
		r.do("app call-%d %s", i, strings.Join(slices.Repeat([]string{line}, lines), " ; "))
	}
	one := append([]string{"json", "connect"}, slices.Repeat([]string{"json"}, words)...)
	one = append(one, "disconnect", "end")
	for i := range channels {
		uuid := fmt.Sprintf("call-%d", i)
		r.returned(uuid, lines)
		if got, want := r.end(uuid), "success server_closed "; got != want {
			t.Errorf("%s: ended with %q, want %q", uuid, got, want)
		}
		r.wantLast(uuid, lines)
		if got, want := r.names(uuid), slices.Repeat(one, lines); !slices.Equal(got, want) {
			t.Errorf("%s: %d events, want %d of %d streams, in their order", uuid, len(got), len(want), lines)
		}
	}
}

// max-sessions holds when the starts come at once.
func TestStartsAtOnce(t *testing.T) {
	t.Parallel()
	r := newRigWith(t, `<param name="max-sessions" value="5"/>`)
	srv := realtimetest.New(t, quiet)
	const calls, maxSessions = 50, 5
	for i := range calls {
		r.do("create call-%d rate=8000 caller=silence writer=none", i)
	}
	texts := make(chan string, calls)
	for i := range calls {
		go func() {
			m, err := r.Do(r.ctx, "bg api call-%d start %s mono 8k", i, srv.URL())
			if err != nil {
				t.Error(err)
			}
			texts <- strings.TrimSpace(m.Text)
		}()
	}
	replies := map[string]int{}
	for range calls {
		replies[<-texts]++
	}
	if replies["+OK stream started"] != maxSessions || replies["-ERR 5 streams run already: max-sessions is 5"] != calls-maxSessions {
		t.Errorf("replies %v, want %d +OK, and the limit %d times", replies, maxSessions, calls-maxSessions)
	}
	if h := r.held(); h.Sessions != maxSessions || h.Bugs != maxSessions {
		t.Errorf("%d streams, %d media bugs, want %d", h.Sessions, h.Bugs, maxSessions)
	}
}

// answered reports whether a call has been answered.
func (r *rig) answered(uuid string) bool {
	r.Helper()
	var m struct{ Channels []struct{ Answered bool } }
	decode(r.T, string(r.do("channels %s", uuid).Raw), &m)
	return m.Channels[0].Answered
}

// The application that refuses leaves the call unanswered, so that the dialplan can let it ring elsewhere.
func TestApplicationRefusesUnanswered(t *testing.T) {
	t.Parallel()
	r := newRigWith(t, `<param name="max-sessions" value="1"/>`)
	srv := realtimetest.New(t, quiet)
	r.talker("other", srv.URL())
	r.do("create call rate=8000 media=early caller=silence writer=none")
	refused := 0
	refuse := func(data, want string) {
		t.Helper()
		refused++
		r.run("call", data)
		r.returned("call", refused)
		if got, want := r.end("call"), "error refused "+want; !strings.HasPrefix(got, want) {
			t.Errorf("%q ended with %q, want %q...", data, got, want)
		}
		if r.answered("call") {
			t.Errorf("%q: the call was answered", data)
		}
	}
	refuse(srv.URL(), "1 streams run already: max-sessions is 1")
	r.api("+OK", "uuid_openai_audio_stream drain")
	refuse(srv.URL(), "draining: no new streams until uuid_openai_audio_stream drain off")
	r.api("+OK", "uuid_openai_audio_stream drain off")
	r.api("+OK", "other stop")
	r.event("other", "end", 1)
	refuse("", "start without a URL")
	refuse("profile:nobody", `profile "nobody"`)
	r.do("set call STREAM_BUFFER_SIZE 30")
	refuse(srv.URL(), `STREAM_BUFFER_SIZE "30"`)
	r.do("set call STREAM_BUFFER_SIZE")

	r.run("call", srv.URL())
	r.event("call", "connect", 1)
	if !r.answered("call") {
		t.Error("the call was not answered")
	}
	if got := r.names("call"); slices.Contains(got, "end") {
		t.Errorf("events %v: an end of what never began", got)
	}
}

// A module whose application runs is not unloaded. The way out is to drain it.
func TestDrain(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	srv := realtimetest.New(t, quiet)
	unload := func() e2e.Message {
		m, _ := r.Do(r.ctx, "unload") // its error is in the message
		return m
	}
	r.do("create call rate=8000 caller=silence writer=none")
	r.do("create other rate=8000 caller=silence writer=none")
	r.run("call", srv.URL())
	r.event("call", "connect", 1)
	if m := unload(); m.OK || !strings.Contains(m.Error, "Module in use") {
		t.Fatalf("unload: %s", m.Raw)
	}
	r.api("+OK draining, 1 stream left", "uuid_openai_audio_stream drain")
	r.api("-ERR draining: no new streams until uuid_openai_audio_stream drain off", "other start %s", srv.URL())
	r.do("reloadxml")
	r.api(`+OK {"sessions":1,"draining":true,`, "uuid_openai_audio_stream status")
	r.api(`+OK {"state":"open"`, "call status")
	r.session(srv, 0).Close(1000, "")
	r.poll("streams are left", func() bool { return r.held().Sessions == 0 })
	// The application leaves its channel with the frame after.
	r.poll("the module is in use", func() bool { return unload().OK })
	r.do("load")
	r.api("+OK", "other start %s", srv.URL())
	r.api("+OK draining, 1 stream left", "uuid_openai_audio_stream drain")
	r.api("+OK new streams are taken", "uuid_openai_audio_stream drain off")
	r.api("+OK", "call start %s", srv.URL())
	r.api(`-ERR drain "on": expected off or nothing`, "uuid_openai_audio_stream drain on")
}
