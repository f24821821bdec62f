package e2e_test

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"mod_openai_audio_stream/module/realtime/realtimetest"
)

// A stall is made on purpose: of the whole process, of the machine, on which the server runs too, or of one channel's
// thread.
var stalls = map[string]func(r *rig, server *relay, uuid string, d time.Duration){
	"process": func(r *rig, _ *relay, _ string, d time.Duration) { r.stop(d) },
	"machine": func(r *rig, server *relay, _ string, d time.Duration) {
		defer server.hold()()
		r.stop(d)
	},
	"thread": func(r *rig, _ *relay, uuid string, d time.Duration) {
		r.do("stall %s %d", uuid, d.Milliseconds())
		r.do("wait ms=%d", d.Milliseconds())
	},
}

// stop keeps the host's process from running for d.
func (r *rig) stop(d time.Duration) {
	r.Helper()
	if err := r.Signal(syscall.SIGSTOP); err != nil {
		r.Fatal(err)
	}
	time.Sleep(d)
	if err := r.Signal(syscall.SIGCONT); err != nil {
		r.Fatal(err)
	}
}

// relay stands between the module and a server, and can hold what each of them sends.
type relay struct {
	url string
	mu  sync.RWMutex // held for writing while nothing passes
}

func newRelay(t *testing.T, srv *realtimetest.Server) *relay {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	l := &relay{url: strings.Replace(srv.URL(), srv.Addr(), listener.Addr().String(), 1)}
	go func() { // ends with the listener
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			server, err := net.Dial("tcp", srv.Addr())
			if err != nil {
				client.Close()
				continue
			}
			go l.pass(client, server) // each ends with one of the connections
			go l.pass(server, client)
		}
	}()
	return l
}

func (l *relay) pass(to, from net.Conn) {
	defer to.Close()
	defer from.Close()
	for chunk := make([]byte, 32<<10); ; {
		n, err := from.Read(chunk)
		l.mu.RLock()
		_, failed := to.Write(chunk[:n])
		l.mu.RUnlock()
		if err != nil || failed != nil {
			return
		}
	}
}

// hold lets nothing pass until the function that it returns is called.
func (l *relay) hold() (release func()) {
	l.mu.Lock()
	return l.mu.Unlock
}

// eachStall runs test for each kind of stall, from a few frames to longer than the playback ring.
func eachStall(t *testing.T, cfg realtimetest.Config, test func(r *rig, srv *realtimetest.Server, url string, stall func(uuid string))) {
	for name, stall := range stalls {
		for _, d := range []time.Duration{60 * time.Millisecond, 500 * time.Millisecond, 2 * time.Second} {
			t.Run(fmt.Sprintf("%s for %v", name, d), func(t *testing.T) {
				t.Parallel()
				r := newRig(t)
				srv := realtimetest.New(t, cfg)
				l := newRelay(t, srv)
				test(r, srv, l.url, func(uuid string) { stall(r, l, uuid, d) })
			})
		}
	}
}

// After a stall of the process nothing of the caller's is lost, repeated or displaced, and no silence stands in the
// middle of words. A thread that alone is late looks like a pause: there silence is counted, and taken off later.
func TestCallerAfterAStall(t *testing.T) {
	t.Parallel()
	eachStall(t, quiet, func(r *rig, srv *realtimetest.Server, url string, stall func(string)) {
		r.talker("call", url)
		s := r.session(srv, 0)
		for range 3 {
			if err := s.WaitAudio(r.ctx, s.AudioBytes()+2*2000); err != nil {
				r.Fatal(err)
			}
			stall("call")
		}
		// The channel has read so many frames; all of them are to come.
		said, _ := r.passed("call")
		r.poll("the caller's frames do not come", func() bool {
			pcm, _, _ := s.CallerPCM()
			return rampEnd(pcm) >= (said-1)*frame
		})
		pcm, _, _ := s.CallerPCM()
		r.checkCaller("call", pcm)
	})
}

// rampEnd is how far the ramp has come, in samples of the channel's time. It must not begin after its first 65536.
func rampEnd(pcm []int16) (n int) {
	for i, v := range pcm {
		if n == 0 && v != 0 {
			n = int(uint16(v)) + 1
		} else if n > 0 && v == int16(uint16(n)) && (v != 0 || pcm[i-1] == -1) {
			n++
		}
	}
	return n
}

// What was sent in the place of late frames is taken off the next pause, and the clock is not pushed ahead: over the
// call as much has come as time has passed.
func TestTimeLineAfterAStall(t *testing.T) {
	t.Parallel()
	eachStall(t, quiet, func(r *rig, srv *realtimetest.Server, url string, stall func(string)) {
		r.talker("call", url)
		s := r.session(srv, 0)
		if err := s.WaitAudio(r.ctx, 2*2000); err != nil {
			r.Fatal(err)
		}
		stall("call")
		r.frames("call", 10)
		r.do("resetstats")  // this stall was meant to be; another one says that the machine stood still
		const missing = 200 // frames
		r.do("dtx call %d", missing*20)
		r.frames("call", 20) // the last of them come after it
		said, _ := r.passed("call")
		r.mark("call", s)
		pcm, _, _ := s.CallerPCM()
		begin := slices.IndexFunc(pcm, func(v int16) bool { return v != 0 })
		elapsed := (said+missing)*frame - int(uint16(pcm[begin]))
		if off := (len(pcm) - begin - elapsed) / 8; off < -120 || off > 60 {
			if late := r.late(); late >= maxLate {
				r.notJudged("a stall in the pause is made up for in the next one", late)
			}
			r.Errorf("the time line is off by %d ms after %d; %+v", off, elapsed/8, r.status("call"))
		}
		r.checkCallerGap(pcm)
	})
}

// An answer is whole after a stall: where the ring ran dry there is silence, which is counted, and nothing is lost. Never
// more packets go out than packet times have passed.
func TestAnswerAfterAStall(t *testing.T) {
	t.Parallel()
	cfg := quiet
	cfg.OutputRate, cfg.Answer = 8000, realtimetest.Speech(countTo(24000), 8000, "ramp")
	eachStall(t, cfg, func(r *rig, _ *realtimetest.Server, url string, stall func(string)) {
		heard, frames := filepath.Join(r.TempDir(), "heard.raw"), filepath.Join(r.TempDir(), "frames")
		r.do("create call rate=8000 caller=silence writer=none record_write=%s frames=%s", heard, frames)
		r.api("+OK", "call start %s mono 8k", url)
		r.event("call", "connect", 1)
		r.api("+OK", "call send_json %s", base64JSON(responseCreate))
		r.event("call", "openai_speech_start", 1)
		stall("call")
		r.event("call", "openai_speech_stop", 1)
		status := r.status("call")
		if status.PlayedMS != 3000 {
			r.Errorf("%d ms were played, want 3000", status.PlayedMS)
		}
		r.do("hangup call wait=1")
		raw, err := os.ReadFile(heard)
		if err != nil {
			r.Fatal(err)
		}
		checkUnderruns(r.T, samples(r.T, raw), 24000, status)
		checkRate(r.T, "a parked channel", frames, false, 0)
	})
}

// The first thing after a stall is an interruption: nothing of the answer is heard beyond it, and the next one is.
func TestMuteAfterAStall(t *testing.T) {
	t.Parallel()
	cfg := quiet
	cfg.OutputRate, cfg.Speed = 8000, 50
	cfg.Answer = realtimetest.InTurn(
		realtimetest.Say(realtimetest.Sine(440, 20*time.Second, 8000), 8000, "cut"),
		realtimetest.Say(realtimetest.Sine(440, 300*time.Millisecond, 8000), 8000, "heard"))
	eachStall(t, cfg, func(r *rig, _ *realtimetest.Server, url string, stall func(string)) {
		r.talker("call", url)
		r.event("call", "connect", 1)
		r.api("+OK", "call send_json %s", base64JSON(responseCreate))
		r.event("call", "openai_speech_start", 1)
		r.poll("the answer does not come", func() bool { return jsonEvents(r, "call", "response.done") == 1 })
		stall("call")
		r.api("+OK", "call mute openai")
		_, heard := r.passed("call")
		r.event("call", "openai_speech_stop", 1)
		if status := r.status("call"); status.AgentWaitMS != 0 || status.PlayedMS >= int64(heard+3)*20 {
			r.Errorf("after %d packets the rest of the answer waits or was heard: %+v", heard, status)
		}
		before := r.status("call").PlayedMS
		r.api("+OK", "call unmute openai")
		r.api("+OK", "call send_json %s", base64JSON(responseCreate))
		r.event("call", "openai_speech_stop", 2)
		if played := r.status("call").PlayedMS - before; played != 300 {
			r.Errorf("%d ms of the next answer were heard, want 300", played)
		}
	})
}
