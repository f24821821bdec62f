package freeswitch_test

import (
	"strconv"
	"testing"
	"time"

	"mod_openai_audio_stream/module/realtime/realtimetest"
	"mod_openai_audio_stream/test/freeswitch"
)

func init() {
	for _, extension := range []string{"park", "sleep", "playback", "file", "conference", "bridge"} {
		calls["Writer/"+extension] = func(t testing.TB) { testWriter(t, extension) }
	}
}

// The agent is heard whole whatever the dialplan does on its channel, and packets go out at their rate, no faster.
func testWriter(t testing.TB, extension string) {
	c := shared.Call(t, uuidOf(t), freeswitch.Options{Extension: extension})
	answer := freeswitch.Signal(3*time.Second, 24000)
	c.Begin(realtimetest.Config{NoVAD: true, Answer: realtimetest.Speech(answer, 24000, "tone")}, 24000)
	if extension == "bridge" {
		c.Event("CHANNEL_BRIDGE", 1)
	}
	packets := func() int {
		c.API("+OK", "uuid_set_media_stats %s", c.Far)
		n, err := strconv.Atoi(c.API("", "uuid_getvar %s rtp_audio_in_media_packet_count", c.Far))
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	heard := c.Record(c.Far, freeswitch.Hears)
	before, began := packets(), time.Now()
	c.Ask()
	c.Event("openai_speech_stop", 1)
	n, took := packets()-before, time.Since(began)
	pcm, _, _ := heard.Stop()
	check(t, "server to caller", freeswitch.PCMU(freeswitch.Resample(answer, 24000, 8000)), pcm, 8000, 35)
	// Twice as many would be one from the module beside each of the application's.
	if most := int(took/(20*time.Millisecond))*5/4 + 10; n > most {
		t.Errorf("%d packets in %v, want at most %d", n, took, most)
	}
}
