package e2e_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"mod_openai_audio_stream/module/realtime/realtimetest"
	"mod_openai_audio_stream/test/e2e"
)

// failure is the body of an error event.
type failure struct {
	Status  string
	Message struct {
		Retries    int
		Error      string
		WaitTime   int64 `json:"wait_time"`
		HTTPStatus int   `json:"http_status"`
		Code       string
	}
}

func (r *rig) failure(m e2e.Message) (f failure) {
	r.Helper()
	decode(r.T, m.Body, &f)
	if f.Status != "error" || f.Message.Error == "" {
		r.Errorf("error event %s", m.Body)
	}
	return f
}

// What is said while the socket is still connecting arrives, from the first frame after start.
func TestNothingIsLostWhileConnecting(t *testing.T) {
	t.Parallel()
	r := newRigWith(t, `<param name="reconnect-buffer" value="20"/>`) // which is for later
	cfg := quiet
	cfg.Misbehave = realtimetest.Refuse(2, 503, "")
	srv := realtimetest.New(t, cfg)
	r.talker("call", srv.URL(), "STREAM_INSTRUCTIONS", "Be kind.") // audio waits for session.updated
	r.event("call", "connect", 1)
	errors := r.Events("call", "error")
	if len(errors) != 2 {
		t.Fatalf("%d error events, want 2", len(errors))
	}
	for i, m := range errors {
		f := r.failure(m).Message
		if f.Retries != i+1 || f.HTTPStatus != 503 || f.WaitTime <= 0 {
			t.Errorf("error event %d: %s", i, m.Body)
		}
	}
	s := r.session(srv, 0)
	if err := s.WaitAudio(r.ctx, 2*8000); err != nil {
		t.Fatal(err)
	}
	pcm, _, _ := s.CallerPCM()
	status := r.status("call")
	r.checkCaller("call", pcm)
	if status.CallerDropMS != 0 {
		t.Errorf("%d ms of the caller's audio were dropped", status.CallerDropMS)
	}
}

// What will not get better by repeating is not repeated, and is one error event; the rest is.
func TestRefusedUpgrades(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	for status, final := range map[int]bool{
		400: true, 401: true, 404: true,
		403: false, 408: false, 429: false, 500: false, 502: false, 503: false,
	} {
		cfg := quiet
		cfg.Misbehave = realtimetest.Refuse(1, status, "")
		srv := realtimetest.New(t, cfg)
		uuid := fmt.Sprintf("call-%d", status)
		r.talker(uuid, srv.URL())
		if final {
			r.ends(uuid, "error")
		} else {
			r.event(uuid, "connect", 1)
			r.api("+OK", "%s stop", uuid)
			r.ends(uuid, "error", "connect", "disconnect")
		}
		f := r.failure(r.event(uuid, "error", 1)).Message
		wantRetries := 1
		if final {
			wantRetries = 0
		}
		if f.HTTPStatus != status || f.Retries != wantRetries || (f.WaitTime > 0) == final {
			t.Errorf("%d: %+v", status, f)
		}
		if n := len(srv.Attempts()); n != 1+wantRetries {
			t.Errorf("%d: %d attempts", status, n)
		}
	}
}

// A server that says when to come back is not asked earlier.
func TestRetryAfter(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	cfg := quiet
	cfg.Misbehave = realtimetest.Refuse(1, 429, "1")
	srv := realtimetest.New(t, cfg)
	r.talker("call", srv.URL())
	f := r.failure(r.event("call", "error", 1)).Message
	if f.WaitTime < 1000 || f.WaitTime > 1100 {
		t.Errorf("wait_time %d, want the second of Retry-After and at most 100 ms more at random", f.WaitTime)
	}
	r.event("call", "connect", 1)
	attempts := srv.Attempts()
	if waited := attempts[1].Time.Sub(attempts[0].Time); waited.Milliseconds() < 1000 {
		t.Errorf("came back after %v", waited)
	}
}

// Close codes and error codes after which a new connection would end the same way end the stream, with one error event.
func TestFatalEnds(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	created := func(actions ...realtimetest.Action) *realtimetest.Misbehaviour {
		m := &realtimetest.Misbehaviour{}
		for _, a := range actions {
			m.Steps = append(m.Steps, realtimetest.AfterSending("session.created", 1, a))
		}
		return m
	}
	for name, c := range map[string]struct {
		bad  *realtimetest.Misbehaviour
		key  string
		want []string
		code string
	}{
		"wrong-key":      {key: "right", want: []string{"error"}, code: "invalid_api_key"},
		"rejected-model": {bad: &realtimetest.Misbehaviour{Reject: &realtimetest.Rejection{Code: "invalid_model", Message: "No.", Close: 4000}}, want: []string{"error"}, code: "invalid_model"},
		"close-3000":     {bad: created(realtimetest.CloseWith(3000, "no")), want: []string{"connect", "disconnect", "error"}},
		"close-4000":     {bad: created(realtimetest.CloseWith(4000, "no")), want: []string{"connect", "disconnect", "error"}},
		"no-quota": {bad: created(realtimetest.SendError("insufficient_quota", "You exceeded your quota."), realtimetest.CloseWith(1011, "")),
			want: []string{"connect", "disconnect", "error"}, code: "insufficient_quota"},
	} {
		cfg := quiet
		cfg.Key = c.key
		if c.bad != nil {
			cfg.Misbehave = realtimetest.Always(*c.bad)
		}
		srv := realtimetest.New(t, cfg)
		r.talker(name, srv.URL(), "STREAM_OPENAI_API_KEY", "sk-wrong")
		r.ends(name, c.want...)
		if f := r.failure(r.event(name, "error", 1)).Message; f.Code != c.code || f.WaitTime != 0 {
			t.Errorf("%s: %+v, want code %q", name, f, c.code)
		}
		if n := len(srv.Attempts()); n != 1 {
			t.Errorf("%s: %d attempts", name, n)
		}
	}
	// A close code that means a moment is another matter.
	cfg := quiet
	cfg.Misbehave = func(attempt int) *realtimetest.Misbehaviour {
		if attempt > 0 {
			return nil
		}
		return created(realtimetest.CloseWith(1011, "restart"))
	}
	r.talker("restarted", realtimetest.New(t, cfg).URL())
	r.event("restarted", "reconnect", 1)
	if got, want := r.connection("restarted"), []string{"connect", "disconnect", "error", "connect", "reconnect"}; !slices.Equal(got, want) {
		t.Errorf("events %v, want %v", got, want)
	}
}

// When the attempts have run out, the stream ends.
func TestAttemptsRunOut(t *testing.T) {
	t.Parallel()
	r := newRigWith(t, `<param name="backoff-attempts" value="3"/><param name="backoff-start" value="10"/>`)
	cfg := quiet
	cfg.Misbehave = realtimetest.Refuse(99, 503, "")
	srv := realtimetest.New(t, cfg)
	r.talker("call", srv.URL())
	r.ends("call", "error", "error", "error", "error")
	for i, m := range r.Events("call", "error") {
		f := r.failure(m).Message
		if f.Retries != min(i+1, 3) || (f.WaitTime == 0) != (i == 3) {
			t.Errorf("error event %d: %s", i, m.Body)
		}
	}
	if n := len(srv.Attempts()); n != 4 {
		t.Errorf("%d attempts, want 4", n)
	}
}

// Caller audio of a gap is kept up to the bound, and the rest counted; what the server has forgotten it is told before
// any audio.
func TestGap(t *testing.T) {
	t.Parallel()
	r := newRigWith(t, `<param name="reconnect-buffer" value="600"/><param name="connect-timeout" value="60000"/>`)
	release := make(chan struct{})
	cfg := quiet
	cfg.Misbehave = func(attempt int) *realtimetest.Misbehaviour {
		if attempt == 0 {
			return nil
		}
		return &realtimetest.Misbehaviour{Hold: release}
	}
	cfg.Answer = realtimetest.Speech(realtimetest.Sine(440, 100_000_000, 24000), 24000, "I am fine.")
	srv := realtimetest.New(t, cfg)
	r.talker("call", srv.URL(), "STREAM_INSTRUCTIONS", "Be kind.")
	r.event("call", "connect", 1)
	r.api("+OK", "call send_text SG93IGFyZSB5b3U/") // How are you?
	r.event("call", "openai_speech_stop", 1)
	old := r.session(srv, 0)
	saidBefore, _ := r.passed("call")
	old.CloseTCP()
	r.event("call", "disconnect", 1)
	sent := r.status("call").AudioInMS // nothing more is sent until there is a new connection
	saidAfter, _ := r.passed("call")
	r.poll("nothing is dropped", func() bool { return r.status("call").CallerDropMS >= 500 })
	close(release)

	var event struct {
		GapMS    int64 `json:"gap_ms"`
		Planned  bool
		Sessions int `json:"session_updates"`
		Items    int
	}
	decode(t, r.event("call", "reconnect", 1).Body, &event)
	if event.Planned || event.GapMS <= 0 || event.Items != 2 {
		t.Errorf("event %+v, want an unplanned one of 2 items", event)
	}
	next := r.session(srv, 1)
	if err := next.WaitAudio(r.ctx, 2*8000); err != nil {
		t.Fatal(err)
	}
	want := "session.update conversation.item.create input_audio_buffer.append"
	if got := strings.Join(order(next), " "); got != want {
		t.Errorf("the new session got %s, want %s", got, want)
	}
	before, _, _ := old.CallerPCM()
	after, _, _ := next.CallerPCM()
	r.checkCaller("call", before)
	r.checkCaller("call", after)
	// The ramp counts samples. What is missing between the two was dropped and counted, or had been sent when the
	// connection was cut, and the server did not read it.
	last, first := lastSample(before), slices.IndexFunc(after, func(v int16) bool { return v != 0 })
	missing := int64(uint16(after[first] - last - 1))
	underWay, dropped := sent*8-int64(len(before)), r.status("call").CallerDropMS*8
	// Only what was said since, and the two frames that may have been on their way to the module and to the server, can have
	// been under way.
	if limit := int64(saidAfter-saidBefore+2) * frame; underWay > limit {
		t.Errorf("%d samples count as sent and did not come, and only %d were said while the connection was cut", underWay, limit)
	}
	slack := r.status("call").GapFilledMS * 8 // silence that stood for frames which came late
	if slack > 0 && r.late() < maxLate {
		t.Errorf("%d samples of silence, and the host's clocks were late by %v at most", slack, r.late())
	}
	if missing < underWay+dropped-slack || missing > underWay+dropped+8 {
		t.Errorf("%d samples are missing, want the %d that were dropped and the %d that were under way", missing, dropped, underWay)
	}
}

// What the caller says while the connection is lost and comes back reaches the server, all of it: none was under way, and
// the gap is shorter than the buffer.
func TestNothingIsLostWhileReconnecting(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	cfg := quiet
	cfg.Misbehave = func(attempt int) *realtimetest.Misbehaviour {
		if attempt > 0 {
			return nil
		}
		return &realtimetest.Misbehaviour{Steps: []realtimetest.Step{realtimetest.AfterReceiving("input_audio_buffer.append", 5, realtimetest.Drop)}}
	}
	srv := realtimetest.New(t, cfg)
	// Long messages: the module knows of the loss before it sends the next one.
	r.talker("call", srv.URL(), "STREAM_BUFFER_SIZE", "200", "STREAM_INSTRUCTIONS", "Be kind.")
	r.event("call", "disconnect", 1)
	sent := r.status("call").AudioInMS * 8
	r.event("call", "reconnect", 1)
	next := r.session(srv, 1)
	if err := next.WaitAudio(r.ctx, 2*8000); err != nil {
		t.Fatal(err)
	}
	before, _, _ := r.session(srv, 0).CallerPCM()
	after, _, _ := next.CallerPCM()
	if lost, late := sent-int64(len(before)), r.late(); lost != 0 && late >= maxLate {
		r.notJudged("the module sent more before it was told of the loss", late)
	} else if lost != 0 {
		t.Errorf("%d samples count as sent and did not come, and the host's clocks were late by %v at most", lost, late)
	}
	r.checkCaller("call", append(slices.Clone(before), after...))
	if status := r.status("call"); status.CallerDropMS != 0 {
		t.Errorf("%d ms of the caller's audio were dropped", status.CallerDropMS)
	}
}

// lastSample is the last one that is not silence.
func lastSample(pcm []int16) int16 {
	for i := len(pcm) - 1; i >= 0; i-- {
		if pcm[i] != 0 {
			return pcm[i]
		}
	}
	return 0
}

// order is the types of the client's events, each run of equal ones as one.
func order(s *realtimetest.Session) (types []string) {
	for _, e := range s.Received("") {
		if n := len(types); n == 0 || types[n-1] != e.Type {
			types = append(types, e.Type)
		}
	}
	return types
}
