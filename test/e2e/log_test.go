package e2e_test

import (
	"fmt"
	"strings"
	"testing"

	"mod_openai_audio_stream/module/realtime/realtimetest"
)

// Once FreeSWITCH logs a call's debug lines, be it by its own level or by the channel's, the module writes them; until
// then it does not.
func TestLogLevel(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.do("log 4")
	srv := realtimetest.New(t, quiet)
	for i := range 2 {
		r.talker(fmt.Sprintf("call-%d", i), srv.URL())
		r.event(fmt.Sprintf("call-%d", i), "connect", 1)
	}
	n := 0
	// say sends a message to both calls until a line of the log of this call shows one.
	say := func(uuid string) {
		t.Helper()
		r.poll("no line of "+uuid, func() bool {
			n++
			for i := range 2 {
				r.session(srv, i).Send(fmt.Sprintf(`{"type":"of.tomorrow","n":%d}`, n))
			}
			for line := range strings.Lines(r.log.String()) {
				if strings.Contains(line, uuid+" server: ") && strings.Contains(line, "of.tomorrow") {
					return true
				}
			}
			return false
		})
	}
	r.do("log 7 call-1")
	say("call-1")
	if strings.Contains(r.log.String(), "call-0 server: ") {
		t.Errorf("the other call is logged, too:\n%s", r.log)
	}
	r.do("log 7")
	say("call-0")
}
