// Command demo places a call in the stand-in host, with a recording as the caller, lets it talk with a Realtime server,
// prints what happened when, and leaves the conversation as a stereo WAV: the caller left, the model right.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"time"

	"mod_openai_audio_stream/module/realtime/realtimetest"
	"mod_openai_audio_stream/test/e2e"
)

const uuid = "demo-call"

func main() {
	host := flag.String("host", "", "the stand-in host's program")
	module := flag.String("module", "", "the module built for it")
	caller := flag.String("caller", "test/testdata/caller.wav", "what the caller says, WAV")
	agent := flag.String("agent", "test/testdata/agent.wav", "what the test server answers, mono WAV")
	out := flag.String("out", "conversation.wav", "where the conversation goes")
	url := flag.String("url", "", "a real server; needs OPENAI_API_KEY. Without it a test server answers")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	ctx, cancel := context.WithTimeout(ctx, 3*time.Minute)
	defer cancel()
	if err := run(ctx, *host, *module, *caller, *agent, *out, *url); err != nil {
		fmt.Fprintln(os.Stderr, "demo:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, program, module, caller, agent, out, url string) error {
	if url == "" {
		srv, err := testServer(agent)
		if err != nil {
			return err
		}
		defer srv.Close()
		url = srv.URL()
	}
	t := timeline{start: time.Now()}
	h, err := e2e.StartHost(program, module, os.Stderr, t.event)
	if err != nil {
		return err
	}
	t.print("the caller dials, 8 kHz, 20 ms; the channel is parked")
	steps := []string{
		"load",
		fmt.Sprintf("create %s rate=8000 ptime=20 caller=%s writer=none record=%s", uuid, caller, out),
	}
	if os.Getenv("OPENAI_API_KEY") != "" {
		steps = append(steps, fmt.Sprintf("set %s STREAM_VOICE marin", uuid))
	}
	for _, step := range steps {
		if _, err := h.Do(ctx, "%s", step); err != nil {
			return err
		}
	}
	reply, err := h.API(ctx, "%s start %s mono 24k", uuid, url)
	if err != nil {
		return err
	}
	t.print("uuid_openai_audio_stream start: " + strings.TrimSpace(reply))
	// The call ends when the caller has said everything and the model's last answer has been heard.
	if _, err := h.WaitEvent(ctx, uuid, "connect", 1); err != nil {
		return err
	}
	if _, err := h.Do(ctx, "wait event=host::caller_end uuid=%s timeout=120000", uuid); err != nil {
		return err
	}
	if _, err := h.WaitEvent(ctx, uuid, "turn", 3); err != nil {
		return err
	}
	if _, err := h.Do(ctx, "hangup %s wait=1", uuid); err != nil {
		return err
	}
	if _, err := h.WaitEvent(ctx, uuid, "disconnect", 1); err != nil {
		return err
	}
	if err := h.Quit(ctx); err != nil {
		return err
	}
	t.print("the conversation is in " + out)
	return nil
}

func testServer(agent string) (*realtimetest.Server, error) {
	pcm, rate, _, err := realtimetest.ReadWAV(agent)
	if err != nil {
		return nil, err
	}
	return realtimetest.Start(realtimetest.Config{
		Answer: realtimetest.Speech(pcm, rate, "A table for two, tonight at eight. Shall I book it?"),
		Speed:  5, Latency: 300 * time.Millisecond,
	})
}

// timeline prints events as a reader wants to see them.
type timeline struct {
	start      time.Time
	speechStop time.Time
	playing    time.Time
}

func (t *timeline) print(text string) {
	fmt.Printf("%7.2f s  %s\n", time.Since(t.start).Seconds(), text)
}

func (t *timeline) event(m e2e.Message) {
	switch strings.TrimPrefix(m.Subclass, "mod_openai_audio_stream::") {
	case "connect":
		t.print("connected: the server has opened a session")
	case "disconnect":
		t.print("closed: " + m.Body)
	case "error":
		t.print("error: " + m.Body)
	case "openai_speech_start":
		t.playing = time.Now()
		t.print(fmt.Sprintf("the answer is heard, %d ms after the server saw the caller's sentence end",
			time.Since(t.speechStop).Milliseconds()))
	case "openai_speech_stop":
		t.print(fmt.Sprintf("the answer ends, after %d ms", time.Since(t.playing).Milliseconds()))
	case "truncated":
		t.print("interrupted: " + m.Body)
	case "json":
		var e struct {
			Type string `json:"type"`
		}
		_ = json.Unmarshal([]byte(m.Body), &e) // the zero value matches nothing below
		switch e.Type {
		case "input_audio_buffer.speech_started":
			t.print("the caller speaks")
		case "input_audio_buffer.speech_stopped":
			t.speechStop = time.Now()
			t.print("the caller has spoken")
		}
	}
}
