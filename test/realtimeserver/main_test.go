package main

import (
	"bufio"
	"context"
	"io"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/tidwall/gjson"

	"mod_openai_audio_stream/module/audio"
	"mod_openai_audio_stream/module/realtime"
	"mod_openai_audio_stream/module/realtime/realtimetest"
)

// serve runs the program until the test ends and returns the lines that it prints and how it is ended.
func serve(t *testing.T, args ...string) (lines *bufio.Scanner, end func() error) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	r, w := io.Pipe()
	result := make(chan error, 1)
	go func() { // ends with ctx
		err := run(ctx, append([]string{"-listen", "127.0.0.1:0"}, args...), w, io.Discard)
		result <- err
		_ = w.Close()
	}()
	t.Cleanup(cancel)
	lines = bufio.NewScanner(r)
	lines.Buffer(nil, 32<<20)
	return lines, func() error { cancel(); return <-result }
}

// A call of one turn against the program: what it prints and what it records.
func TestRun(t *testing.T) {
	dir := t.TempDir()
	lines, end := serve(t, "-json", "-record", dir, "-rate", "8000", "-answer", "../testdata/agent.wav", "-speed", "0", "-latency", "0")
	if !lines.Scan() {
		t.Fatal("nothing was printed")
	}
	first := gjson.ParseBytes(lines.Bytes())
	if first.Get("type").Str != "listening" {
		t.Fatalf("first line: %s", first.Raw)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	conn, _, err := websocket.Dial(ctx, first.Get("url").Str, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.CloseNow()
	go func() { // ends with the connection
		for {
			if _, _, err := conn.Read(ctx); err != nil {
				return
			}
		}
	}()
	caller := append(realtimetest.Sine(300, time.Second, 8000), make([]int16, 8000)...)
	if err := conn.Write(ctx, websocket.MessageText, realtime.AppendInputAudio(nil, audio.AppendPCM16LE(nil, caller))); err != nil {
		t.Fatal(err)
	}
	types := map[string]int{}
	var last gjson.Result
	ended := make(chan error, 1)
	for lines.Scan() {
		last = gjson.Parse(lines.Text())
		typ := last.Get("from").Str + " " + last.Get("type").Str
		types[typ]++
		if typ == "server rate_limits.updated" {
			go func() { ended <- end() }() // ends with the program
		}
	}
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	for _, typ := range []string{" open", "server session.created", "client input_audio_buffer.append", "server response.done", " end"} {
		if types[typ] != 1 {
			t.Errorf("%d lines of %q in %v", types[typ], typ, types)
		}
	}
	if last.Get("type").Str != "end" || last.Get("code").Int() != 1001 || last.Get("files.#").Int() != 2 {
		t.Errorf("last line: %s", last.Raw)
	}
	pcm, rate, _, err := realtimetest.ReadWAV(filepath.Join(dir, "session-0-caller.wav"))
	if err != nil || rate != 8000 || len(pcm) != len(caller) {
		t.Errorf("caller: %d samples at %d Hz, %v", len(pcm), rate, err)
	}
	want, _, _, err := realtimetest.ReadWAV("../testdata/agent.wav")
	if err != nil {
		t.Fatal(err)
	}
	pcm, rate, _, err = realtimetest.ReadWAV(filepath.Join(dir, "session-0-agent.wav"))
	if err != nil || rate != 24000 || len(pcm) != len(want) {
		t.Errorf("agent: %d samples at %d Hz, %v", len(pcm), rate, err)
	}
}

// The log for people shows events, without audio, and misbehaviour does what its flags say.
func TestLogAndMisbehaviour(t *testing.T) {
	lines, end := serve(t, "-log", "-refuse", "1", "-status", "500", "-drop-after", "2", "-answer", "tone:1000")
	if !lines.Scan() {
		t.Fatal("nothing was printed")
	}
	url := strings.TrimPrefix(lines.Text(), "listening on ")
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if _, response, err := websocket.Dial(ctx, url, nil); err == nil || response == nil || response.StatusCode != 500 {
		t.Fatalf("not refused: %v", err)
	}
	conn, _, err := websocket.Dial(ctx, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.CloseNow()
	if err := conn.Write(ctx, websocket.MessageText, realtime.ResponseCreate()); err != nil {
		t.Fatal(err)
	}
	go func() { // ends with the connection, which the server drops
		for {
			if _, _, err := conn.Read(ctx); err != nil {
				return
			}
		}
	}()
	var log strings.Builder
	for lines.Scan() {
		log.WriteString(lines.Text() + "\n")
		if strings.Contains(lines.Text(), "closed: 1006") {
			break
		}
	}
	for _, part := range []string{"opened: /v1/realtime", "-> {", `"type":"session.created"`, "<- {\"type\":\"response.create\"}",
		"-> response.output_audio.delta <9600 bytes of audio>"} {
		if !strings.Contains(log.String(), part) {
			t.Errorf("no %q in the log:\n%s", part, log.String())
		}
	}
	if err := end(); err != nil {
		t.Error(err)
	}
}

func TestFlags(t *testing.T) {
	for name, args := range map[string][]string{
		"unknown flag":    {"-nonsense"},
		"argument":        {"echo"},
		"format":          {"-format", "opus"},
		"output format":   {"-output-format", "mp3"},
		"missing file":    {"-answer", "missing.wav"},
		"stereo file":     {"-answer", "main.go"},
		"tone":            {"-answer", "tone:high"},
		"sizes":           {"-sizes", "1,x"},
		"certificate":     {"-tls-cert", "missing.pem"},
		"address":         {"-listen", "256.0.0.1:0"},
		"record in files": {"-record", "main.go/x"},
	} {
		if err := run(t.Context(), args, io.Discard, io.Discard); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	var o options
	if err := o.parse([]string{"-sizes", "1001,2", "-hold", "1ms", "-reject", "x", "-close-after", "3", "-hostile", "-first", "1",
		"-no-updated", "-stray-error", "x", "-refuse-creates", "2", "-mute", "3", "-close-done", "-error", "insufficient_quota", "-preamble"}, io.Discard); err != nil {
		t.Fatal(err)
	}
	m := o.cfg.Misbehave(0)
	if len(o.cfg.DeltaSizes) != 2 || m.Hold == nil || m.Reject == nil || len(m.Steps) != 3+len(realtimetest.Hostile()) ||
		!m.NoUpdated || m.StrayError != "x" || m.RefuseCreates != 2 || m.Mute != 3 || len(o.cfg.Answer(realtimetest.Turn{}).Items) != 2 || o.cfg.Misbehave(1) != nil {
		t.Errorf("sizes %v, misbehaviour %+v", o.cfg.DeltaSizes, m)
	}
}
