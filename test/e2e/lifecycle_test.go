package e2e_test

import (
	"fmt"
	"runtime"
	"strings"
	"testing"

	"mod_openai_audio_stream/module/realtime/realtimetest"
)

// held is what the process holds.
type held struct {
	Threads, FDs int
	Bugs, Pools  int
	MallocBytes  int64 `json:"malloc_bytes"`
	// Of the Go side, from the module's status.
	Sessions      int
	Goroutines    int
	HeapLiveBytes int64 `json:"heap_live_bytes"`
}

func (r *rig) held() (h held) {
	r.Helper()
	decode(r.T, strings.TrimPrefix(r.api("+OK {", "uuid_openai_audio_stream status"), "+OK "), &h)
	decode(r.T, string(r.do("stats").Raw), &h) // after the status, whose threads are Go's alone
	return h
}

// A session ends between FreeSWITCH's finding it and its locking it, again and again: nobody touches it then.
func TestSessionEndsWhileLocated(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	srv := realtimetest.New(t, realtimetest.Config{NoRecord: true})
	r.do("latelock 5")
	for i := range 20 {
		uuid := fmt.Sprintf("call-%d", i)
		r.do("create %s rate=8000 caller=tone:440 writer=none", uuid)
		r.api("+OK", "%s start %s mono 8k", uuid, srv.URL())
		r.event(uuid, "connect", 1)
		r.do("hangup %s wait=1", uuid)
		r.event(uuid, "end", 1)
	}
}

// Starts and stops, and hang-ups while connecting, leave nothing behind.
func TestChurnLeavesNothing(t *testing.T) {
	t.Parallel()
	r := newRigWith(t, `<param name="go-gc-percent" value="10"/>`) // what is alive is counted often
	srv := realtimetest.New(t, realtimetest.Config{NoRecord: true})
	channels := 0
	create := func() string {
		channels++
		uuid := fmt.Sprintf("call-%d", channels)
		r.do("create %s rate=8000 caller=tone:440 writer=none", uuid)
		return uuid
	}
	cycle := func(stops, hangUps int) {
		steady := create()
		connects := 0
		for i := range stops {
			r.api("+OK", "%s start %s mono 8k", steady, srv.URL())
			if i%10 == 0 { // the others are stopped while they connect
				connects++
				r.event(steady, "connect", connects)
			}
			r.api("+OK", "%s stop", steady)
		}
		r.do("hangup %s wait=1", steady) // the core keeps a channel's media bugs until then
		for range hangUps {
			uuid := create()
			r.api("+OK", "%s start %s mono 8k", uuid, srv.URL())
			r.do("hangup %s wait=1", uuid)
		}
		settle(r, srv)
		r.do("events forget") // the host keeps them for its own wait command
	}
	cycle(100, 40) // threads and pools that stay
	// Sockets close and the pacer lets go of streams in their own time: the figures are taken when they stay the same.
	before := r.held()
	r.poll("the host does not settle", func() bool {
		last := before
		before = r.held()
		return before.Sessions == 0 && before.MallocBytes < 1<<20 && before.FDs == last.FDs &&
			before.Goroutines == last.Goroutines
	})
	cycle(500, 200)
	// The last sockets may still be closing: wait until the host is as it was. The bounds of memory are far below what
	// 700 streams take, and above what pools and arenas come to.
	var after held
	defer func() { t.Logf("before %+v, after %+v", before, after) }()
	r.poll("the host is not as it was", func() bool {
		r.do("api nobody send_text %s", strings.Repeat("AAAA", 16<<10)) // garbage, for Go to collect
		after = r.held()
		return after.FDs <= before.FDs && after.Threads <= before.Threads+2 && after.Goroutines <= before.Goroutines &&
			after.Sessions == 0 && after.Bugs == before.Bugs && after.Pools <= before.Pools+pacerThreads &&
			after.HeapLiveBytes <= before.HeapLiveBytes+maxHeapGrowth && after.MallocBytes <= before.MallocBytes+maxMallocGrowth
	})
}

// pacerThreads is how many threads the pacer has at most, when the machine is busy. Each keeps a codec for each format, and a
// codec has a pool.
var pacerThreads = 2 * max(runtime.NumCPU(), 2)

// Memory, in bytes, that 700 streams may leave behind.
const (
	maxHeapGrowth   = 64 << 10
	maxMallocGrowth = 512 << 10 // less than a kilobyte for each
)

// settle waits until the server has seen the end of every connection.
func settle(r *rig, srv *realtimetest.Server) {
	r.Helper()
	r.wait(srv, "connections stay open", func() bool {
		for _, s := range srv.Sessions() {
			if _, ended := s.Ended(); !ended {
				return false
			}
		}
		return true
	})
}

// The module comes and goes with calls in progress, connected ones and others.
func TestReloadWithCalls(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	srv := realtimetest.New(t, realtimetest.Config{})
	hold := make(chan struct{})
	defer close(hold)
	deaf := realtimetest.New(t, realtimetest.Config{Misbehave: realtimetest.Always(realtimetest.Misbehaviour{Hold: hold})})
	r.do("create call rate=8000 caller=tone:300 writer=none")
	r.do("create waiting rate=8000 caller=tone:300 writer=none")
	for i := 1; i <= 10; i++ {
		r.api("+OK", "call start %s mono 8k", srv.URL())
		r.api("+OK", "waiting start %s mono 8k", deaf.URL())
		r.event("call", "connect", i)
		r.do("unload")
		r.event("call", "disconnect", i)
		r.do("load")
		if h := r.held(); h.Sessions != 0 {
			t.Fatalf("%d streams after a reload", h.Sessions)
		}
	}
	if n := len(r.Events("waiting", "connect")) + len(r.Events("waiting", "disconnect")); n != 0 {
		t.Errorf("%d events of a stream that never was", n)
	}
}
