package freeswitch_test

import (
	"path/filepath"
	"testing"
	"time"

	"mod_openai_audio_stream/module/realtime/realtimetest"
	"mod_openai_audio_stream/test/freeswitch"
)

// STREAM_ON_ERROR: a model that says nothing for STREAM_RESPONSE_TIMEOUT, twice.

func init() {
	for onError, test := range map[string]func(*testing.T, acting){
		"hangup": testRescueHangup, "play:{dir}/rec/sorry.wav": testRescuePlay, "transfer:rescued XML agent": testRescueTransfer,
	} {
		name := "mute-" + onError[:4]
		server := fast(acts(says(time.Second)))
		server.Misbehave = realtimetest.Always(realtimetest.Misbehaviour{Mute: 2})
		agents[name] = agent{params: map[string]string{"on-error": onError, "response-timeout": "1"}, server: server, test: test}
	}
	rescued := agents["mute-tran"]
	rescued.lines = extension("rescued", "set rescued=${openai_audio_stream_disconnect_reason}", "park")
	agents["mute-tran"] = rescued
}

// wantAskedTwice demands that the model was asked once more before it was given up.
func (c acting) wantAskedTwice() {
	c.TB.Helper()
	if n := len(c.session().Received("response.create")); n != 2 {
		c.TB.Errorf("%d responses asked for, want the greeting, twice", n)
	}
	c.Event("error", 1)
}

func testRescueHangup(t *testing.T, c acting) {
	<-c.Phone.Done()
	if cause := c.Event("CHANNEL_HANGUP_COMPLETE", 1)["Hangup-Cause"]; cause != "NORMAL_TEMPORARY_FAILURE" {
		t.Errorf("hung up with %s", cause)
	}
	c.wantAskedTwice()
	c.wantEnd("error")
}

// The file is heard, whole, and the conversation may go on.
func testRescuePlay(t *testing.T, c acting) {
	freeswitch.WriteWAV(t, filepath.Join(c.Dir, "rec", "sorry.wav"), realtimetest.Sine(musicHz, time.Second, 8000), 8000)
	c.hears(musicHz, 980*time.Millisecond)
	c.wantAskedTwice()
	c.speak()
	c.Event("turn", 1)
	if heard := tones(c.Phone.Packets().PCM(), musicHz, 8000); len(heard) != 1 || (heard[0].length-time.Second).Abs() > 40*time.Millisecond {
		c.Blame(c.since, "the caller heard %v of the file, want 1s in one piece", heard)
	}
}

func testRescueTransfer(t *testing.T, c acting) {
	c.Event("CHANNEL_PARK", 1)
	wantVariable(c.Call, "rescued", "error")
	c.wantAskedTwice()
	c.wantEnd("error")
}
