package e2e_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"mod_openai_audio_stream/module/realtime/realtimetest"
	"mod_openai_audio_stream/test/e2e"
)

// bound is how long a test waits for something that must come; it decides nothing else.
const bound = 90 * time.Second

// rig is a host with the module loaded, for one test.
type rig struct {
	*testing.T
	*e2e.Host
	ctx context.Context
	log *bytes.Buffer
}

func newRig(t *testing.T) *rig {
	t.Helper()
	program, module := os.Getenv("OAS_HOST"), os.Getenv("OAS_MODULE")
	if program == "" || module == "" {
		t.Skip("OAS_HOST and OAS_MODULE do not name the stand-in host and its module: make test builds them")
	}
	ctx, cancel := context.WithTimeout(context.Background(), bound)
	t.Cleanup(cancel)
	r := &rig{T: t, ctx: ctx, log: &bytes.Buffer{}}
	h, err := e2e.StartHost(program, module, r.log, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Host = h
	t.Cleanup(func() {
		quit, cancel := context.WithTimeout(context.Background(), bound)
		defer cancel()
		if err := h.Quit(quit); err != nil {
			t.Errorf("the host did not end well: %v\n%s", err, r.log)
		}
	})
	r.do("load")
	return r
}

func (r *rig) do(format string, args ...any) e2e.Message {
	r.Helper()
	m, err := r.Do(r.ctx, format, args...)
	if err != nil {
		r.Fatalf("%v\n%s", err, r.log)
	}
	return m
}

func (r *rig) api(want, format string, args ...any) string {
	r.Helper()
	text := r.do("api "+format, args...).Text
	if !strings.HasPrefix(text, want) {
		r.Fatalf("%s: %q, want %s...", fmt.Sprintf(format, args...), text, want)
	}
	return text
}

func (r *rig) event(uuid, subclass string, n int) e2e.Message {
	r.Helper()
	m, err := r.WaitEvent(r.ctx, uuid, subclass, n)
	if err != nil {
		r.Fatalf("%v\n%s", err, r.log)
	}
	return m
}

func (r *rig) session(srv *realtimetest.Server, n int) *realtimetest.Session {
	r.Helper()
	s, err := srv.Session(r.ctx, n)
	if err != nil {
		r.Fatal(err)
	}
	return s
}

// The caller's audio arrives whole, in order and unaltered from frames of every length.
func TestCallerAudioIsComplete(t *testing.T) {
	r := newRig(t)
	srv := realtimetest.New(t, realtimetest.Config{InputRate: 8000, NoVAD: true})
	for i, ptime := range []int{10, 20, 30, 40, 60} {
		uuid := fmt.Sprintf("ptime-%d", ptime)
		r.do("create %s rate=8000 ptime=%d caller=ramp writer=none", uuid, ptime)
		r.api("+OK", "%s start %s mono 8k", uuid, srv.URL())
		s := r.session(srv, i)
		if err := s.WaitAudio(r.ctx, 2*8000); err != nil {
			t.Fatal(err)
		}
		pcm, _, _ := s.CallerPCM()
		first := 0
		for first < len(pcm) && pcm[first] == 0 {
			first++
		}
		for j := first + 1; j < len(pcm); j++ {
			if pcm[j] != pcm[j-1]+1 && !(pcm[j] <= 0 && pcm[j-1] > 0) {
				t.Fatalf("%s: sample %d is %d after %d: lost or repeated", uuid, j, pcm[j], pcm[j-1])
			}
		}
		r.do("hangup %s wait=1", uuid)
		r.event(uuid, "disconnect", 1)
	}
}

// What is said while the socket is still connecting arrives, from the first frame after start.
func TestNothingIsLostWhileConnecting(t *testing.T) {
	r := newRig(t)
	srv := realtimetest.New(t, realtimetest.Config{InputRate: 8000, NoVAD: true, Misbehave: realtimetest.Refuse(2, 503, "")})
	r.do("create call rate=8000 caller=ramp writer=none")
	r.api("+OK", "call start %s mono 8k", srv.URL())
	r.event("call", "connect", 1)
	errors := r.Events("call", "error")
	if len(errors) != 2 {
		t.Fatalf("%d error events, want 2", len(errors))
	}
	for i, m := range errors {
		var body struct {
			Status  string
			Message struct {
				Retries    int
				Error      string
				WaitTime   int64 `json:"wait_time"`
				HTTPStatus int   `json:"http_status"`
			}
		}
		if err := json.Unmarshal([]byte(m.Body), &body); err != nil {
			t.Fatal(err)
		}
		if body.Status != "error" || body.Message.Retries != i+1 || body.Message.HTTPStatus != 503 ||
			body.Message.WaitTime <= 0 || body.Message.Error == "" {
			t.Errorf("error event %d: %s", i, m.Body)
		}
	}
	s := r.session(srv, 0)
	if err := s.WaitAudio(r.ctx, 2*8000); err != nil {
		t.Fatal(err)
	}
	pcm, _, _ := s.CallerPCM()
	for j := 1; j < len(pcm); j++ {
		if pcm[j] != pcm[j-1]+1 && !(pcm[j] <= 0 && pcm[j-1] > 0) {
			t.Fatalf("sample %d is %d after %d: lost or repeated", j, pcm[j], pcm[j-1])
		}
	}
}

// The model's audio is heard whole on a channel that nothing else writes to, whatever the size of the deltas.
func TestAgentAudioIsComplete(t *testing.T) {
	ramp := make([]int16, 16000) // 2 s at 8 kHz
	for i := range ramp {
		ramp[i] = int16(i + 1)
	}
	for name, cfg := range map[string]realtimetest.Config{
		"deltas of 10 ms":    {Delta: 10 * time.Millisecond},
		"odd deltas":         {DeltaSizes: []int{1, 3, 479, 7, 1001, 321}},
		"one delta":          {WholeDelta: true},
		"writer of its own":  {},
		"bursts of a second": {Delta: time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			cfg.InputRate, cfg.OutputRate, cfg.NoVAD = 8000, 8000, true
			cfg.Answer = realtimetest.Speech(ramp, 8000, "ramp")
			srv := realtimetest.New(t, cfg)
			writer := "none"
			if name == "writer of its own" {
				writer = "silence"
			}
			// A machine that stalls for longer than the ring's second makes an underrun, which the module counts: such a
			// run says nothing of completeness, and is made again.
			for attempt := 1; ; attempt++ {
				uuid := fmt.Sprintf("call-%d", attempt)
				heard := filepath.Join(t.TempDir(), "heard.raw")
				r.do("create %s rate=8000 caller=silence writer=%s record_write=%s", uuid, writer, heard)
				r.api("+OK", "%s start %s mono 8k", uuid, srv.URL()+"&rate=8000&output_rate=8000")
				r.event(uuid, "connect", 1)
				r.api("+OK", "%s send_json %s", uuid, "eyJ0eXBlIjoicmVzcG9uc2UuY3JlYXRlIn0=") // {"type":"response.create"}
				r.event(uuid, "openai_speech_stop", 1)
				if n := len(r.Events(uuid, "openai_speech_start")); n != 1 {
					t.Errorf("%d start events, want 1", n)
				}
				status := r.api("+OK {", "%s status", uuid)
				r.do("hangup %s wait=1", uuid)
				if !strings.Contains(status, `"underruns":0,`) && attempt < 3 {
					t.Log("an underrun: ", status)
					continue
				}
				raw, err := os.ReadFile(heard)
				if err != nil {
					t.Fatal(err)
				}
				checkRamp(t, raw, len(ramp))
				return
			}
		})
	}
}

// checkRamp demands 1, 2, 3 ... n in the recording, once and without anything between, after silence.
func checkRamp(t *testing.T, raw []byte, n int) {
	t.Helper()
	pcm := make([]int16, len(raw)/2)
	if err := binary.Read(bytes.NewReader(raw), binary.LittleEndian, pcm); err != nil {
		t.Fatal(err)
	}
	at := 0
	for at < len(pcm) && pcm[at] == 0 {
		at++
	}
	for i := 0; i < n; i++ {
		if at+i >= len(pcm) || pcm[at+i] != int16(i+1) {
			t.Fatalf("sample %d of the answer (%d of the recording) is not %d", i, at+i, int16(i+1))
		}
	}
}

// Bad input is answered with what was wrong, and changes nothing.
func TestRefusals(t *testing.T) {
	r := newRig(t)
	srv := realtimetest.New(t, realtimetest.Config{})
	r.do("create call rate=8000 caller=silence")
	r.do("create mute media=0 rate=8000 caller=silence")
	for args, want := range map[string]string{
		"":                                       "-ERR",
		"call":                                   "-ERR",
		"call fly":                               `-ERR command "fly"`,
		"call start":                             "-ERR start without a URL",
		"call start http://x/ mono":              `-ERR URL "http://x/"`,
		"call start ws://127.0.0.1:1 mono 11025": `-ERR sampling rate "11025": expected 8k, 16k, 24k or a multiple of 8000 up to 48000`,
		"call start ws://127.0.0.1:1 quad":       `-ERR start argument "quad"`,
		"call stop":                              `-ERR channel "call": no stream`,
		"nobody start " + srv.URL():              `-ERR channel "nobody": no such channel`,
		"mute start " + srv.URL():                `-ERR channel "mute": channel without media`,
	} {
		if text := r.do("api uuid_openai_audio_stream %s", args).Text; !strings.HasPrefix(text, want) {
			t.Errorf("%q: %q, want %s...", args, text, want)
		}
	}
	r.do("set call STREAM_BUFFER_SIZE 30")
	r.api(`-ERR STREAM_BUFFER_SIZE "30": expected a multiple of 20`, "call start %s", srv.URL())
	r.do("set call STREAM_BUFFER_SIZE 20")
	r.api("+OK", "call START %s MONO 8K", srv.URL())
	r.api("-ERR", "call start %s", srv.URL())
	r.api("+OK", "call Mute Both")
	r.api("+OK", "call unmute all")
	r.api("+OK", "call pause")
	r.api("+OK", "call resume")
	r.api("+OK {", "call status")
	r.event("call", "connect", 1)
	r.api("+OK", "call stop")
	m := r.event("call", "disconnect", 1)
	if want := `{"status":"disconnected","message":{"code":1000,"reason":"Normal closure"}}`; m.Body != want {
		t.Errorf("disconnect %s, want %s", m.Body, want)
	}
	if n := len(srv.Sessions()); n != 1 {
		t.Errorf("%d sessions of the server, want 1", n)
	}
}

// Starts and stops, and hang-ups while connecting, leave nothing behind.
func TestChurnLeavesNothing(t *testing.T) {
	r := newRig(t)
	srv := realtimetest.New(t, realtimetest.Config{NoRecord: true})
	r.do("create steady rate=8000 caller=tone:440 writer=none")
	cycle := func(n int) {
		for range n {
			r.api("+OK", "steady start %s mono 8k", srv.URL())
			r.api("+OK", "steady stop")
		}
		for i := range n / 2 {
			r.do("create brief-%d rate=8000 caller=silence", i)
			r.api("+OK", "brief-%d start %s mono 8k", i, srv.URL())
			r.do("hangup brief-%d wait=1", i)
		}
	}
	figures := func() (f struct{ Threads, FDs int }) {
		m := r.do("stats")
		if err := json.Unmarshal(m.Raw, &f); err != nil {
			t.Fatal(err)
		}
		return f
	}
	cycle(50) // threads and pools that stay
	settle(t, r, srv)
	before := figures()
	cycle(500)
	settle(t, r, srv)
	// The last sockets may still be closing: wait until the host is as it was.
	for ctx := r.ctx; ; {
		after := figures()
		if after.FDs <= before.FDs && after.Threads <= before.Threads+2 {
			return
		}
		if ctx.Err() != nil {
			t.Fatalf("descriptors %d, were %d; threads %d, were %d", after.FDs, before.FDs, after.Threads, before.Threads)
		}
	}
}

// settle waits until the server has seen the end of every connection.
func settle(t *testing.T, r *rig, srv *realtimetest.Server) {
	t.Helper()
	err := srv.Wait(r.ctx, func() bool {
		for _, s := range srv.Sessions() {
			if _, ended := s.Ended(); !ended {
				return false
			}
		}
		return true
	})
	if err != nil {
		open := 0
		for _, s := range srv.Sessions() {
			if _, ended := s.Ended(); !ended {
				open++
			}
		}
		t.Fatalf("%d of %d connections stay open: %v", open, len(srv.Sessions()), err)
	}
}

// The module comes and goes with calls in progress.
func TestReloadWithCalls(t *testing.T) {
	r := newRig(t)
	srv := realtimetest.New(t, realtimetest.Config{})
	r.do("create call rate=8000 caller=tone:300 writer=none")
	for i := 1; i <= 10; i++ {
		r.api("+OK", "call start %s mono 8k", srv.URL())
		r.event("call", "connect", i)
		r.do("unload")
		r.event("call", "disconnect", i)
		r.do("load")
	}
}

// The caller's voice silences the model, and the server learns how much was heard.
func TestInterruption(t *testing.T) {
	r := newRig(t)
	srv := realtimetest.New(t, realtimetest.Config{Answer: realtimetest.Tone(440, 30*time.Second), InputRate: 8000})
	r.do("create call rate=8000 caller=../testdata/caller.wav writer=none")
	r.api("+OK", "call start %s mono 8k", srv.URL()+"&rate=8000")
	r.event("call", "openai_speech_start", 1)
	m := r.event("call", "truncated", 1)
	r.event("call", "openai_speech_stop", 1)
	var cut struct {
		ItemID     string `json:"item_id"`
		AudioEndMS int64  `json:"audio_end_ms"`
		Discarded  int64  `json:"discarded_ms"`
	}
	if err := json.Unmarshal([]byte(m.Body), &cut); err != nil {
		t.Fatal(err)
	}
	s := r.session(srv, 0)
	e, err := s.WaitReceived(r.ctx, "conversation.item.truncate", 1)
	if err != nil {
		t.Fatal(err)
	}
	if got := e.Get("audio_end_ms").Int(); got != cut.AudioEndMS || got <= 0 || cut.AudioEndMS+cut.Discarded < 29900 {
		t.Errorf("truncated at %d, the event says %+v", got, cut)
	}
	if _, err := s.WaitSent(r.ctx, "conversation.item.truncated", 1); err != nil {
		t.Error("the server did not accept the truncation: ", err)
	}
}
