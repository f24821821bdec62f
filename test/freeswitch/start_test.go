package freeswitch_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"mod_openai_audio_stream/module/realtime/realtimetest"
	"mod_openai_audio_stream/test/farend"
	"mod_openai_audio_stream/test/freeswitch"
)

func init() {
	for _, extension := range []string{"on_answer", "on_media", "early", "dialplan", "application"} {
		calls["Start/"+extension] = func(t testing.TB) { testStart(t, extension) }
	}
	calls["Start/before media"] = testStartBeforeMedia
	calls["Start/refused unanswered"] = testRefusedUnanswered
	calls["Start/two lines"] = testTwoLines
}

// A stream is started by each of the dialplan's means, answered or in early media, and both sides are heard.
func testStart(t testing.TB, extension string) {
	answer := freeswitch.Signal(time.Second, 24000)
	srv := realtimetest.New(t, realtimetest.Config{NoVAD: true, Answer: realtimetest.Speech(answer, 24000, "tone")})
	since := farend.Now()
	c := shared.Dial(t, uuidOf(t), extension, farend.Invite{Headers: map[string]string{"X-Server": srv.URL()}})
	c.Event("connect", 1)
	if extension == "early" || extension == "dialplan" {
		if reply := c.API("", "uuid_getvar %s api_result", c.Agent); !strings.HasPrefix(reply, "+OK") {
			t.Errorf("api_result is %q, want +OK ...", reply)
		}
	}
	answered := len(c.Events(c.Agent, "CHANNEL_ANSWER")) > 0
	if early := extension == "early" || extension == "on_media"; early == answered {
		t.Errorf("answered %t in extension %s", answered, extension)
	}
	session := c.Session(srv, 0)
	read := c.Record(c.Agent, freeswitch.Hears)
	played := freeswitch.Signal(time.Second, 8000)
	c.Ask()
	c.Say(freeswitch.Padded(played, 8000), 8000)
	c.Event("openai_speech_stop", 1)
	from, _, _ := read.Stop()
	checkWire(t, "server to caller", freeswitch.PCMU(freeswitch.Resample(answer, 24000, 8000)), c.Wire(), 8000, 35)
	caller, _, _ := session.CallerPCM()
	checkCaller(t, c, since, "caller to server", freeswitch.Resample(freeswitch.ULaw(played), 8000, 24000),
		freeswitch.Resample(from, 8000, 24000), caller, 24000, 35)
}

// An application that refuses leaves the call as it was.
func testRefusedUnanswered(t testing.TB) {
	c := shared.Call(t, uuidOf(t), freeswitch.Options{Extension: "refused"})
	t.Cleanup(c.Hangup)
	if reason := c.API("", "uuid_getvar %s openai_audio_stream_disconnect_reason", c.Agent); reason != "refused" {
		t.Errorf("the application ended with %q, want refused", reason)
	}
	if n := len(c.Events(c.Agent, "CHANNEL_ANSWER")); n != 0 {
		t.Error("the call was answered")
	}
}

// A server refuses the first of two lines of a dialplan, and the second one starts in the next moment.
func testTwoLines(t testing.TB) {
	srv := realtimetest.New(t, realtimetest.Config{NoVAD: true, Misbehave: realtimetest.Refuse(1, 401, "")})
	c := shared.Call(t, uuidOf(t), freeswitch.Options{Extension: "two_lines", Vars: []string{"sip_h_X-Server=" + srv.URL()}})
	t.Cleanup(c.Hangup)
	c.Event("connect", 1)
	if n := len(srv.Attempts()); n != 2 {
		t.Errorf("%d attempts to connect, want one of each line", n)
	}
	var body struct{ Reason, Error string }
	if err := json.Unmarshal([]byte(c.Event("end", 1)["_body"]), &body); err != nil || body.Reason != "error" || !strings.Contains(body.Error, "401") {
		t.Errorf("the first line ended with %+v, %v", body, err)
	}
}

// A start on a channel without media says so, and one after it has some works.
func testStartBeforeMedia(t testing.TB) {
	srv := realtimetest.New(t, realtimetest.Config{NoVAD: true})
	c := shared.Dial(t, uuidOf(t), "no_media", farend.Invite{Headers: map[string]string{"X-Server": srv.URL()}})
	reply := c.API("", "uuid_getvar %s api_result", c.Agent)
	if !strings.HasPrefix(reply, "-ERR") || !strings.Contains(reply, "without media") {
		t.Errorf("api_result is %q, want -ERR ... without media ...", reply)
	}
	c.Stream("start %s mono 24k", srv.URL())
	c.Event("connect", 1)
	if reply := c.API("-ERR", "uuid_openai_audio_stream %s start %s mono 24k", c.Agent, srv.URL()); !strings.Contains(reply, "has a stream already") {
		t.Errorf("the answer to a second start is %q", reply)
	}
}
