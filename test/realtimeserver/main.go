// Command realtimeserver runs the Realtime test server by hand, for a FreeSWITCH, a softphone's call or a script to
// talk to.
//
//	go run ./test/realtimeserver -listen 127.0.0.1:8765 -rate 8000 -answer test/testdata/agent.wav -log
//
// It ends with SIGINT or SIGTERM, after a closing handshake with everyone.
package main

import (
	"context"
	"crypto/tls"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"time"

	"mod_openai_audio_stream/module/realtime"
	"mod_openai_audio_stream/module/realtime/realtimetest"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout, os.Stderr); err != nil {
		if !errors.Is(err, flag.ErrHelp) {
			fmt.Fprintln(os.Stderr, "realtimeserver:", err)
		}
		os.Exit(2)
	}
}

// options is what the flags say beyond the server's own configuration.
type options struct {
	cfg       realtimetest.Config
	answer    string
	preamble  bool
	sizes     string
	input     string
	output    string
	cert, key string
	journal   journal
	bad       misbehaviour
}

// run serves until ctx ends.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	var o options
	if err := o.parse(args, stderr); err != nil {
		return err
	}
	o.journal.out = stdout
	o.cfg.OnOpen, o.cfg.OnEnd, o.cfg.OnEvent = o.journal.opened, o.journal.ended, o.journal.event
	o.cfg.NoRecord = o.journal.dir == ""
	srv, err := realtimetest.Start(o.cfg)
	if err != nil {
		return err
	}
	o.journal.listening(srv.URL())
	<-ctx.Done()
	srv.Close()
	return o.journal.err()
}

// parse reads the flags.
func (o *options) parse(args []string, stderr io.Writer) error {
	f := flag.NewFlagSet("realtimeserver", flag.ContinueOnError)
	f.SetOutput(stderr)
	f.StringVar(&o.cfg.Addr, "listen", "127.0.0.1:8765", "`address` to listen on; port 0 takes a free one")
	f.StringVar(&o.cert, "tls-cert", "", "serve wss with this certificate `file`")
	f.StringVar(&o.key, "tls-key", "", "`file` of the certificate's key")
	f.BoolVar(&o.cfg.Deflate, "deflate", false, "accept permessage-deflate")
	f.StringVar(&o.cfg.Key, "api-key", "", "refuse clients with another `key`")
	f.BoolVar(&o.cfg.Strict, "strict", false, "refuse all that OpenAI refuses, such as PCM at another rate than 24 kHz")
	f.BoolVar(&o.cfg.Beta, "beta", false, "speak the beta protocol's names and session")

	f.IntVar(&o.cfg.InputRate, "rate", 24000, "`Hz` of the caller's PCM, until the client says otherwise; also ?rate= of the URL")
	f.IntVar(&o.cfg.Channels, "channels", 1, "how many channels the caller's PCM interleaves; also ?channels=")
	f.StringVar(&o.input, "format", "pcm16", "`format` of the caller's audio: pcm16, g711_ulaw or g711_alaw")
	f.IntVar(&o.cfg.OutputRate, "output-rate", 24000, "`Hz` of the answers' PCM; also ?output_rate=")
	f.StringVar(&o.output, "output-format", "pcm16", "`format` of the answers")
	f.BoolVar(&o.cfg.NoVAD, "no-vad", false, "begin with turn_detection null")

	f.StringVar(&o.answer, "answer", "echo", "`what` to say: echo, tone, tone:<Hz> or a WAV file")
	f.BoolVar(&o.preamble, "preamble", false, "say a short tone before each answer, as an item of its own in the same response")
	f.Float64Var(&o.cfg.Speed, "speed", 5, "how many times faster than real time answers are sent; 0 = at once")
	f.DurationVar(&o.cfg.Delta, "delta", 200*time.Millisecond, "audio in a delta")
	f.StringVar(&o.sizes, "sizes", "", "`bytes,bytes,...` of deltas in turn, instead of -delta; odd ones too")
	f.BoolVar(&o.cfg.WholeDelta, "whole", false, "a whole answer in one delta")
	f.DurationVar(&o.cfg.Latency, "latency", 300*time.Millisecond, "time from the end of speech to the first delta")
	f.DurationVar(&o.cfg.SessionLife, "life", time.Hour, "time after which sessions are ended by force")
	f.DurationVar(&o.cfg.PingEvery, "ping", 20*time.Second, "time between pings; 0 = none")

	f.StringVar(&o.journal.dir, "record", "", "write each session's caller and agent audio as WAV files into this `directory`")
	f.BoolVar(&o.journal.log, "log", false, "print every event, with its time in the session")
	f.BoolVar(&o.journal.json, "json", false, "print a line of JSON for every event, for scripts")
	o.bad.flags(f)
	if err := f.Parse(args); err != nil {
		return err
	}
	if f.NArg() > 0 {
		return fmt.Errorf("unexpected argument %q", f.Arg(0))
	}
	return o.settle()
}

// settle turns the flags that are words into what they mean.
func (o *options) settle() (err error) {
	if o.cfg.InputFormat, err = realtime.ParseFormat(o.input); err != nil {
		return fmt.Errorf("-format: %w", err)
	}
	if o.cfg.OutputFormat, err = realtime.ParseFormat(o.output); err != nil {
		return fmt.Errorf("-output-format: %w", err)
	}
	if o.cfg.Answer, err = answer(o.answer); err != nil {
		return fmt.Errorf("-answer: %w", err)
	}
	if o.preamble {
		tone := realtimetest.ReplyItem{PCM: realtimetest.Sine(880, 300*time.Millisecond, 24000), RateHz: 24000, Transcript: "preamble"}
		o.cfg.Answer = realtimetest.WithPreamble(tone, o.cfg.Answer)
	}
	for _, word := range strings.FieldsFunc(o.sizes, func(r rune) bool { return r == ',' }) {
		n, err := strconv.Atoi(word)
		if err != nil || n <= 0 {
			return fmt.Errorf("-sizes %q: expected positive numbers with commas between", o.sizes)
		}
		o.cfg.DeltaSizes = append(o.cfg.DeltaSizes, n)
	}
	if o.cert != "" {
		pair, err := tls.LoadX509KeyPair(o.cert, o.key)
		if err != nil {
			return fmt.Errorf("-tls-cert: %w", err)
		}
		o.cfg.TLS = &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12}
	}
	if o.journal.dir != "" {
		if err := os.MkdirAll(o.journal.dir, 0o755); err != nil { // recordings of a test, for all to hear
			return fmt.Errorf("-record: %w", err)
		}
	}
	o.cfg.Misbehave = o.bad.misbehave
	return nil
}

func answer(what string) (realtimetest.Answerer, error) {
	word, parameter, _ := strings.Cut(what, ":")
	switch word {
	case "echo":
		return realtimetest.Echo, nil
	case "tone":
		hz := 440.0
		if parameter != "" {
			var err error
			if hz, err = strconv.ParseFloat(parameter, 64); err != nil || hz <= 0 || hz >= 12000 {
				return nil, fmt.Errorf("tone of %q Hz: expected a number below 12000", parameter)
			}
		}
		return realtimetest.Tone(hz, 3*time.Second), nil
	}
	pcm, rateHz, channels, err := realtimetest.ReadWAV(what)
	if err != nil {
		return nil, err
	}
	if channels != 1 {
		return nil, fmt.Errorf("%s has %d channels: expected 1", what, channels)
	}
	return realtimetest.Speech(pcm, rateHz, "recording"), nil
}
