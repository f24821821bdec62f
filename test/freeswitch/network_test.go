package freeswitch_test

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"mod_openai_audio_stream/module/realtime/realtimetest"
	"mod_openai_audio_stream/test/freeswitch"
)

func init() { calls["ServerKilled"] = testServerKilled }

// The server's process dies before its answer has begun and is started again: the call talks on, with the conversation
// restored and the answer asked for again.
func testServerKilled(t testing.TB) {
	cfg := realtimetest.Config{
		InputRate: 8000, NoVAD: true, Speed: 1.5, Latency: time.Minute,
		Answer: realtimetest.Speech(realtimetest.Sine(1000, 3*time.Second, 24000), 24000, "I am fine."),
	}
	c := shared.Call(t, uuidOf(t), freeswitch.Options{})
	c.Set("STREAM_INSTRUCTIONS", "Be kind.")
	srv, err := realtimetest.Start(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(srv.Close)
	t.Cleanup(c.Hangup)
	c.Stream("start %s mono 8k", srv.URL())
	c.Event("connect", 1)
	c.Stream("send_text SG93IGFyZSB5b3U/") // How are you?
	if _, err := c.Session(srv, 0).WaitSent(t.Context(), "response.created", 1); err != nil {
		t.Fatal(err)
	}
	srv.Kill()
	c.Event("error", 1) // an attempt in vain

	cfg.Addr, cfg.Latency = srv.Addr(), 0
	back, err := realtimetest.Start(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(back.Close)
	returned := time.Now()
	c.Event("reconnect", 1)
	session := c.Session(back, 0)
	if _, err := session.WaitSent(t.Context(), "response.output_audio.delta", 1); err != nil {
		t.Fatal(err)
	}
	t.Logf("talks again %v after the server's return", time.Since(returned).Round(time.Millisecond))
	c.Event("openai_speech_start", 1)
	moreAudio(t, session, 8000)
	var order []string
	for _, e := range session.Received("") {
		if n := len(order); n == 0 || order[n-1] != e.Type {
			order = append(order, e.Type)
		}
	}
	want := "session.update conversation.item.create response.create input_audio_buffer.append"
	if got := strings.Join(order, " "); got != want {
		t.Errorf("the new session got %s, want %s", got, want)
	}
	if n := len(c.Events(c.Agent, "connect")); n != 2 {
		t.Errorf("%d connect events, want 2", n)
	}
}

// A hundred calls that lose their server do not come back in the same instant. In a FreeSWITCH of their own: they are a
// load that other tests would notice.
func TestAHundredReconnect(t *testing.T) {
	const n = 100
	s := freeswitch.Start(t)
	srv, err := realtimetest.Start(realtimetest.Config{NoRecord: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(srv.Close)
	var all []*freeswitch.Call
	for i := range n {
		c := s.Loopback(t, fmt.Sprintf("call-%d", i))
		t.Cleanup(c.Hangup)
		c.Stream("start %s mono 24k", srv.URL())
		all = append(all, c)
	}
	for _, c := range all {
		c.Event("connect", 1)
	}
	srv.Kill()
	waits := map[int64]int{}
	for _, c := range all {
		var body struct {
			Message struct {
				WaitTime int64 `json:"wait_time"`
			}
		}
		if err := json.Unmarshal([]byte(c.Event("error", 1)["_body"]), &body); err != nil {
			t.Fatal(err)
		}
		waits[body.Message.WaitTime]++
	}
	for wait, calls := range waits {
		if calls > n/10 {
			t.Errorf("%d of %d calls wait the same %d ms", calls, n, wait)
		}
	}
	back, err := realtimetest.Start(realtimetest.Config{Addr: srv.Addr(), NoRecord: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(back.Close)
	var first, last time.Time
	for _, c := range all {
		c.Event("reconnect", 1)
	}
	for _, a := range back.Attempts() {
		if first.IsZero() || a.Time.Before(first) {
			first = a.Time
		}
		if a.Time.After(last) {
			last = a.Time
		}
	}
	t.Logf("%d calls came back over %v, with %d different first waits", n, last.Sub(first).Round(time.Millisecond), len(waits))
}

// A network that drops every packet for half a minute: noticed by the heart beat, and the conversation goes on after it.
// In a network namespace, whose way back is a black hole for a while; the test needs the right to make one, and time.
func TestDroppedPackets(t *testing.T) {
	if os.Getenv(freeswitch.EnvLong) == "" {
		t.Skipf("it takes a minute: %s is not set", freeswitch.EnvLong)
	}
	const space, here, there = "oas-test", "10.213.77.1", "10.213.77.2"
	run := func(command string) error {
		out, err := exec.Command("sh", "-c", command).CombinedOutput()
		if err != nil {
			err = fmt.Errorf("%s: %w: %s", command, err, out)
		}
		return err
	}
	t.Cleanup(func() { _ = run("ip netns del " + space) })
	for _, command := range []string{
		"ip netns add " + space,
		"ip link add oas-test0 type veth peer name oas-test1 netns " + space,
		"ip addr add " + here + "/24 dev oas-test0 && ip link set oas-test0 up",
		"ip -n " + space + " addr add " + there + "/24 dev oas-test1 && ip -n " + space + " link set oas-test1 up",
	} {
		if err := run(command); err != nil {
			t.Skip("no network namespace: ", err)
		}
	}
	program := t.TempDir() + "/server"
	if err := run("go build -o " + program + " ../realtimeserver"); err != nil {
		t.Fatal(err)
	}
	server := exec.Command("ip", "netns", "exec", space, program, "-listen", there+":8080")
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Process.Kill(); _ = server.Wait() })

	s := freeswitch.Start(t)
	c := s.Loopback(t, "dropped")
	c.Set("STREAM_HEART_BEAT", "5")
	c.Stream("start ws://%s:8080/v1/realtime?model=test mono 24k", there)
	c.Event("connect", 1)
	if err := run("ip -n " + space + " route add blackhole " + here + "/32"); err != nil {
		t.Fatal(err)
	}
	cut := time.Now()
	c.Event("disconnect", 1)
	t.Logf("noticed after %v, with a heart beat of 5 s", time.Since(cut).Round(time.Millisecond))
	time.Sleep(time.Until(cut.Add(30 * time.Second))) // the length of the outage is what is tested
	if err := run("ip -n " + space + " route del blackhole " + here + "/32"); err != nil {
		t.Fatal(err)
	}
	back := time.Now()
	c.Event("reconnect", 1)
	t.Logf("restored %v after the network's return", time.Since(back).Round(time.Millisecond))
	c.Hangup()
}
