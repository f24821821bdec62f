package e2e_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"mod_openai_audio_stream/module/realtime/realtimetest"
	"mod_openai_audio_stream/test/e2e"
)

// Every event has the documented body, and the channel's headers.
func TestEventBodies(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	cfg := quiet
	cfg.Answer = realtimetest.Tone(440, 200*time.Millisecond)
	cfg.Misbehave = realtimetest.Refuse(1, 403, "")
	srv := realtimetest.New(t, cfg)
	r.talker("call", srv.URL(), "my_variable", "is here")
	r.event("call", "connect", 1)
	r.api("+OK", "call send_json %s", base64JSON(`{"type":"response.create"}`))
	r.event("call", "turn", 1)
	s := r.session(srv, 0)
	s.Send(`{"type" : "of.tomorrow", "text":"ünï \"code\" 😀", "n":[1, 2.50]}`)
	s.Close(1000, "enough, says the server")
	r.event("call", "disconnect", 1)

	for subclass, want := range map[string]string{
		"connect":             `{"status":"connected"}`,
		"disconnect":          `{"status":"disconnected","message":{"code":1000,"reason":"enough, says the server"}}`,
		"openai_speech_start": `{"status":"started"}`,
		"openai_speech_stop":  `{"status":"stopped"}`,
	} {
		events := r.Events("call", subclass)
		if len(events) != 1 || events[0].Body != want {
			t.Errorf("%s: %d events, the first %q, want one %s", subclass, len(events), events[0].Body, want)
		}
	}

	var failed map[string]any
	decode(t, r.event("call", "error", 1).Body, &failed)
	message, _ := failed["message"].(map[string]any)
	if got := slices.Sorted(maps.Keys(message)); !slices.Equal(got, []string{"error", "http_status", "retries", "wait_time"}) ||
		failed["status"] != "error" || message["http_status"] != 403.0 || message["retries"] != 1.0 {
		t.Errorf("error event %v", failed)
	}

	// Server messages come as they were, in order, but for audio.
	var want []string
	for _, e := range s.Sent("") {
		if e.Raw != nil {
			want = append(want, string(e.Raw))
		}
	}
	var got []string
	for _, m := range r.Events("call", "json") {
		got = append(got, m.Body)
	}
	if !slices.Equal(got, want) {
		t.Errorf("json events\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}

	for _, m := range r.Events("call", "") {
		if !strings.HasPrefix(m.Subclass, "mod_openai_audio_stream::") {
			continue
		}
		for name, want := range map[string]string{
			"Event-Name": "CUSTOM", "Event-Subclass": m.Subclass, "Unique-ID": "call", "variable_my_variable": "is here",
		} {
			if got := m.Headers[name]; got != want {
				t.Errorf("%s: header %s is %q, want %q", m.Subclass, name, got, want)
			}
		}
	}
}

// However a stream ends, its connect is followed by exactly one disconnect, and by nothing more.
func TestOneDisconnect(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	srv := realtimetest.New(t, quiet)
	n := 0
	for name, end := range map[string]func(uuid string, s *realtimetest.Session){
		"stop": func(uuid string, _ *realtimetest.Session) { r.api("+OK", "%s stop", uuid) },
		"stop with a word": func(uuid string, _ *realtimetest.Session) {
			r.api("+OK", "%s stop %s", uuid, base64JSON(`{"type":"bye"}`))
		},
		"hang-up": func(uuid string, _ *realtimetest.Session) { r.do("hangup %s wait=1", uuid) },
		"server":  func(_ string, s *realtimetest.Session) { s.Close(1000, "") },
		"stop and server": func(uuid string, s *realtimetest.Session) {
			s.Close(1000, "")
			_ = r.do("api %s stop", uuid) // which of the two comes first is for the machine to say
		},
		"unload": func(string, *realtimetest.Session) { r.do("unload"); r.do("load") },
	} {
		uuid := fmt.Sprintf("call-%d", n)
		r.talker(uuid, srv.URL())
		r.event(uuid, "connect", 1)
		s := r.session(srv, n)
		n++
		end(uuid, s)
		r.event(uuid, "disconnect", 1)
		r.ends(uuid, "connect", "disconnect")
		closing, err := s.WaitEnd(r.ctx)
		if err != nil || closing.Code == 1006 {
			t.Errorf("%s: the server saw %+v, %v; want a closing frame", name, closing, err)
		}
		if received, _ := s.Count("bye"); name == "stop with a word" && received != 1 {
			t.Errorf("%d last words came, want one", received)
		}
	}
}

// An event that comes when its channel has gone says whose it was.
func TestEventsOfAChannelThatHasGone(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	srv := realtimetest.New(t, quiet)
	for i := 0; ; i++ {
		uuid := fmt.Sprintf("call-%d", i)
		r.talker(uuid, srv.URL())
		r.event(uuid, "connect", 1)
		r.do("hangup %s wait=1", uuid)
		m := r.event(uuid, "disconnect", 1) // found by its Unique-ID
		if hasChannel(m) {
			continue // it was in time; the next one may not be
		}
		if m.Headers["Unique-ID"] != uuid || !strings.Contains(m.Body, `"disconnected"`) {
			t.Errorf("event %+v", m)
		}
		return
	}
}

func hasChannel(m e2e.Message) bool { return m.Headers["Channel-Name"] != "" }
