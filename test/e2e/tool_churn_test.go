package e2e_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"mod_openai_audio_stream/module/realtime/realtimetest"
)

// Calls that end in any moment of their functions, by a hang-up, a stop or an unload, leave nothing behind, and nothing runs
// on in what is freed.
func TestChurnOfFunctions(t *testing.T) {
	t.Parallel()
	f := newFunctions(t, `<param name="filler" value="tone_stream://%(1000,0,300);loops=-1"/><param name="filler-after" value="20"/>`, `
		<tool name="end_call" action="hangup"/>
		<tool name="blind" action="transfer"><destination key="k" to="1001"/></tool>
		<tool name="ask" action="transfer" mode="attended"><destination key="k" to="ring/colleague"/></tool>
		<tool name="refer" action="transfer" mode="refer"><destination key="k" to="sip:1@h"/></tool>
		<tool name="press" action="dtmf"/>
		<tool name="jingle" action="play" file="tone_stream://x"/>
		<tool name="keep" action="set"><argument name="a"/></tool>
		<tool name="slow" action="http" url="{web}/hang"/>
		<tool name="shop" action="http" url="{web}/shop"/>
		<tool name="look" action="api" command="look"/>
		<tool name="wait" action="hold"/>
		<tool name="pin" action="collect" then="check"/>
		<tool name="check" action="http" url="{web}/pin"><argument name="digits"/></tool>
		<tool name="outside" action="event"/>`)
	f.do("global host_api_look done")
	const to = `{"destination":"k"}`
	everything := []realtimetest.ReplyItem{function("end_call", `{}`), function("blind", to), function("ask", to), function("refer", to),
		function("press", `{"digits":"1w2"}`), function("jingle", `{}`), function("keep", `{"a":"x"}`), function("slow", `{}`),
		function("shop", `{}`), function("look", `{}`), function("wait", `{}`), function("pin", `{}`), function("outside", `{}`)}
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	f.do("create clock rate=8000 caller=silence writer=none") // the others end when they will
	calls := 0
	// Each of some calls does a few things at once, and ends after some frames.
	round := func(unload bool) {
		uuids := make([]string, 3)
		for i := range uuids {
			calls++
			uuids[i] = fmt.Sprint("call-", calls)
			f.do("create %s rate=8000 caller=silence writer=none", uuids[i])
			f.set(uuids[i], "host_refer", []string{"202 200", "202", "603", "202 486"}[rng.IntN(4)])
			f.converse(uuids[i])
			items := []realtimetest.ReplyItem{sentence(time.Duration(rng.IntN(3)) * 40 * time.Millisecond)}[rng.IntN(2):]
			for range 1 + rng.IntN(4) {
				items = append(items, everything[rng.IntN(len(everything))])
			}
			f.tell(uuids[i], items...)
		}
		f.frames("clock", 1+rng.IntN(30))
		if unload {
			f.do("unload")
			f.do("load")
		}
		for _, uuid := range uuids {
			switch rng.IntN(3) { // the call may have ended by itself, so nothing is demanded of the answers
			case 0:
				_, _ = f.Do(f.ctx, "dtmf %s 12#", uuid)
				_, _ = f.Do(f.ctx, "api %s stop", uuid)
			case 1:
				_, _ = f.Do(f.ctx, "answer colleague")
			}
			_, _ = f.Do(f.ctx, "hangup %s wait=1", uuid)
			f.event(uuid, "end", 1)
		}
		_, _ = f.Do(f.ctx, "hangup colleague wait=1")
	}
	cycle := func(n int) {
		for i := range n {
			round(i%5 == 4)
		}
		settle(f.rig, f.srv)
		f.do("events forget")
	}
	cycle(10) // threads and pools that stay
	before := f.held()
	f.poll("the host does not settle", func() bool {
		last := before
		before = f.held()
		return before.Sessions == 0 && before.FDs == last.FDs && before.Goroutines == last.Goroutines
	})
	cycle(20)
	var after held
	defer func() { t.Logf("before %+v, after %+v", before, after) }()
	f.poll("the host is not as it was", func() bool {
		after = f.held()
		return after.FDs <= before.FDs && after.Threads <= before.Threads+2 && after.Goroutines <= before.Goroutines &&
			after.Sessions == 0 && after.Bugs == before.Bugs && after.Pools <= before.Pools+pacerThreads
	})
	f.wantChannels(1)
}
