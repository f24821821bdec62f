package e2e_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"mod_openai_audio_stream/module/realtime/realtimetest"
)

// bodies are those of a channel's events with this subclass.
func (r *rig) bodies(uuid, subclass string) (bodies []string) {
	for _, m := range r.Events(uuid, subclass) {
		bodies = append(bodies, m.Body)
	}
	return bodies
}

// In each mode 1234# comes to those who are to know of it. The dialplan gets its keys in each, and FreeSWITCH's own log tells
// of them unless they are masked.
func TestKeys(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	srv := realtimetest.New(t, quiet)
	for i, test := range []struct {
		mode, event string
		model, logs bool
	}{
		{"event", `{"digits":"1234","count":4,"ended_by":"terminator","masked":false}`, false, true},
		{"model", `{"digits":"1234","count":4,"ended_by":"terminator","masked":false}`, true, true},
		{"mask", `{"digits":"","count":4,"ended_by":"terminator","masked":true}`, false, false},
		{"off", "", false, true},
	} {
		uuid := "keys-" + test.mode
		r.talker(uuid, srv.URL(), "STREAM_DTMF", test.mode)
		r.event(uuid, "connect", 1)
		s := r.session(srv, i)
		r.do("dtmf %s 1234#", uuid)
		if n := r.channel(uuid).DTMF; n != 5 {
			t.Errorf("%s: the dialplan has %d keys, want 5", test.mode, n)
		}
		if logged := strings.Contains(r.log.String(), uuid+" RECV DTMF 4"); logged != test.logs {
			t.Errorf("%s: the core logs the keys: %t", test.mode, logged)
		}
		if test.event != "" {
			r.event(uuid, "dtmf", 1)
		}
		if test.model {
			if _, err := s.WaitReceived(r.ctx, "response.create", 1); err != nil {
				t.Fatal(err)
			}
		}
		r.api("+OK", "%s stop", uuid)
		r.event(uuid, "end", 1)
		want := []string{test.event}
		if test.event == "" {
			want = nil
		}
		if got := r.bodies(uuid, "dtmf"); !slices.Equal(got, want) {
			t.Errorf("%s: dtmf events %q, want %q", test.mode, got, want)
		}
		items := ""
		for _, e := range s.Received("conversation.item.create") {
			items += string(e.Raw)
		}
		if told := strings.Contains(items, "[The caller pressed the keys: 1 2 3 4]"); told != test.model || (items == "") == test.model {
			t.Errorf("%s: the model was told %s", test.mode, items)
		}
	}
}

// A number that is pressed in a window is in no line of the log, no event and nothing that is sent; and the caller's audio,
// in which its tones might be, is silence. After the window all is as before.
func TestMaskedNumber(t *testing.T) {
	t.Parallel()
	const number = "7391846205538264"
	r := newRig(t)
	srv := realtimetest.New(t, quiet)
	r.do("create call rate=8000 caller=tone:697 writer=none")
	r.set("call", "STREAM_DTMF", "model", "sensitive_dtmf", "false")
	r.run("call", srv.URL()+" mono 8k") // which takes the keys off the channel, and tells of them
	r.event("call", "connect", 1)
	s := r.session(srv, 0)
	const second = 2 * 8000 // bytes
	if err := s.WaitAudio(r.ctx, second); err != nil {
		t.Fatal(err)
	}

	r.api("+OK dtmf mask", "call dtmf mask")
	if got := r.variable("call", "sensitive_dtmf"); got != "true" {
		t.Errorf("sensitive_dtmf is %q in the window", got)
	}
	from := s.AudioBytes()
	for _, digit := range number + "#" {
		r.do("dtmf call %c", digit)
	}
	r.event("call", "dtmf", 1)
	if err := s.WaitAudio(r.ctx, from+2*second); err != nil {
		t.Fatal(err)
	}
	until := s.AudioBytes()
	r.api("+OK dtmf model", "call dtmf model")
	if got := r.variable("call", "sensitive_dtmf"); got != "false" {
		t.Errorf("sensitive_dtmf is %q after the window, want its former value", got)
	}
	r.do("dtmf call 55#")
	r.event("call", "dtmf", 2)
	r.event("call", "DTMF", 3)
	if err := s.WaitAudio(r.ctx, until+3*second); err != nil {
		t.Fatal(err)
	}
	r.api("+OK", "call stop")
	r.event("call", "end", 1)

	want := []string{fmt.Sprintf(`{"digits":"","count":%d,"ended_by":"terminator","masked":true}`, len(number)),
		`{"digits":"55","count":2,"ended_by":"terminator","masked":false}`}
	if got := r.bodies("call", "dtmf"); !slices.Equal(got, want) {
		t.Errorf("dtmf events %q, want %q", got, want)
	}
	if n := len(r.Events("call", "DTMF")); n != 3 {
		t.Errorf("%d events of the core's, want those of the 3 keys after the window", n)
	}
	var shown strings.Builder
	shown.WriteString(r.log.String())
	for _, m := range r.Events("call", "") {
		shown.Write(m.Raw)
	}
	for _, e := range s.Events() {
		shown.Write(e.Raw)
	}
	text := shown.String()
	if !strings.Contains(text, "The caller pressed the keys: 5 5") || !strings.Contains(text, "RECV DTMF 5") {
		t.Error("what is searched for the number has not even the keys after it")
	}
	for _, form := range []string{number, number[:6], number[len(number)-6:], strings.Join(strings.Split(number[:6], ""), " ")} {
		if at := strings.Index(text, form); at >= 0 {
			t.Errorf("%q is shown: ...%s...", form, text[max(at-200, 0):min(at+100, len(text))])
		}
	}
	if n := strings.Count(text, "RECV DTMF"); n != 3 {
		t.Errorf("the core has logged %d keys, want the 3 after the window", n)
	}

	pcm, _, _ := s.CallerPCM()
	loud := func(v int16) bool { return v != 0 }
	window := pcm[from/2 : until/2]
	// What was on its way to the server when the window opened is before it.
	begin := slices.IndexFunc(window, func(v int16) bool { return v == 0 })
	for begin >= 0 && begin+160 < len(window) && slices.ContainsFunc(window[begin:begin+160], loud) {
		begin++
	}
	switch at := slices.IndexFunc(window[max(begin, 0):], loud); {
	case begin < 0 || begin > len(window)/2:
		t.Errorf("the caller's audio is no silence in the window")
	case at >= 0:
		t.Errorf("the caller is heard %d samples after the beginning of the silence", at)
	}
	if !slices.ContainsFunc(pcm[:from/2], loud) || !slices.ContainsFunc(pcm[until/2:], loud) {
		t.Error("the caller is not heard before and after the window")
	}
}

// With STREAM_DTMF=mask the core keeps the keys to itself from the answer to start until the end of the stream.
func TestMaskedByVariable(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	srv := realtimetest.New(t, quiet)
	r.talker("call", srv.URL(), "STREAM_DTMF", "mask")
	if got := r.variable("call", "sensitive_dtmf"); got != "true" {
		t.Errorf("sensitive_dtmf is %q when start is answered", got)
	}
	r.event("call", "connect", 1)
	r.do("dtmf call 12")
	r.api("+OK", "call stop")
	if got := r.variable("call", "sensitive_dtmf"); got != "" {
		t.Errorf("sensitive_dtmf is %q after the stream", got)
	}
	r.event("call", "end", 1)
	if got, want := r.bodies("call", "dtmf"), []string{`{"digits":"","count":2,"ended_by":"stop","masked":true}`}; !slices.Equal(got, want) {
		t.Errorf("dtmf events %q, want %q", got, want)
	}
	if strings.Contains(r.log.String(), "RECV DTMF") {
		t.Error("the core has logged a key")
	}
	// Keys for nobody, and for the next stream.
	r.do("dtmf call 34")
	r.do("set call STREAM_DTMF event")
	r.api("+OK", "call start %s mono 8k", srv.URL())
	r.event("call", "connect", 2)
	r.do("dtmf call 56#")
	r.event("call", "dtmf", 2)
	if got := r.bodies("call", "dtmf")[1]; !strings.Contains(got, `"digits":"56"`) {
		t.Errorf("the next stream tells of %s", got)
	}
}
