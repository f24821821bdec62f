package freeswitch_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"mod_openai_audio_stream/module/realtime/realtimetest"
	"mod_openai_audio_stream/test/freeswitch"
)

// Calls that are hung up at any moment, while connecting too, leave no thread and no descriptor behind.
func TestHangups(t *testing.T) {
	t.Parallel()
	s := freeswitch.Start(t)
	held := make(chan struct{})
	t.Cleanup(func() { close(held) })
	srv := realtimetest.New(t, realtimetest.Config{
		NoVAD: true, Answer: realtimetest.Tone(440, 20*time.Second),
		// Every third connection is never answered.
		Misbehave: func(attempt int) *realtimetest.Misbehaviour {
			if attempt%3 == 0 {
				return &realtimetest.Misbehaviour{Hold: held}
			}
			return nil
		},
	})
	const calls = 40
	batch := func(name string) {
		var all sync.WaitGroup
		for n := range calls {
			uuid := fmt.Sprintf("%s-%d", name, n)
			all.Go(func() { hangUp(t, s.Call(t, uuid, freeswitch.Options{}), srv, n%4) })
		}
		all.Wait()
		s.Poll(t, "all channels and streams end", func() bool {
			return strings.HasPrefix(s.API(t, "", "show channels count"), "0 total")
		})
	}
	batch("warm") // FreeSWITCH and Go keep some threads
	threads, files := count(t, s, "task"), count(t, s, "fd")
	batch("hung")
	s.Poll(t, "threads and descriptors go back to what they were", func() bool {
		return count(t, s, "task") <= threads && count(t, s, "fd") <= files
	})
	t.Logf("%d threads and %d descriptors after the first %d calls, %d and %d after as many more",
		threads, files, calls, count(t, s, "task"), count(t, s, "fd"))
}

// hangUp starts a stream and hangs up: at once, some audio later, while the agent speaks, or when it begins to.
func hangUp(t testing.TB, c *freeswitch.Call, srv *realtimetest.Server, when int) {
	defer c.Hangup()
	c.Stream("start %s mono 24k", srv.URL())
	switch when {
	case 1: // some 0 to 40 commands later
		for range rand.IntN(40) {
			c.Stream("status")
		}
	case 2:
		c.API("", "uuid_openai_audio_stream %s say aGVsbG8=", c.Agent)
		for range rand.IntN(200) {
			c.Stream("status")
		}
	case 3:
		c.API("", "uuid_openai_audio_stream %s stop", c.Agent)
	}
}

func count(t testing.TB, s *freeswitch.Switch, what string) int {
	t.Helper()
	entries, err := os.ReadDir(fmt.Sprintf("/proc/%d/%s", s.PID, what))
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}
