package freeswitch_test

import (
	"fmt"
	"testing"

	"mod_openai_audio_stream/module/realtime/realtimetest"
	"mod_openai_audio_stream/test/freeswitch"
)

// FreeSWITCH is told to shut down at once, with calls that talk and calls that are still connecting: it ends as it should.
// Start sees to the end, and to what it may not say on its way.
func TestShutdownWithCalls(t *testing.T) {
	hold := make(chan struct{})
	srv := realtimetest.New(t, realtimetest.Config{NoRecord: true})
	deaf := realtimetest.New(t, realtimetest.Config{Misbehave: realtimetest.Always(realtimetest.Misbehaviour{Hold: hold})})
	t.Cleanup(func() { close(hold) })
	s := freeswitch.Start(t)
	const n = 30
	for i := range n {
		c := s.Loopback(t, fmt.Sprintf("call-%d", i))
		url := srv.URL()
		if i%4 == 0 {
			url = deaf.URL()
		}
		c.Stream("start %s mono 24k", url)
	}
	s.Event(t, fmt.Sprintf("call-%d", n-1), "connect", 1)
}
