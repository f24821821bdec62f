package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"mod_openai_audio_stream/test/bench/machine"
	"mod_openai_audio_stream/test/bench/server"
	"mod_openai_audio_stream/test/freeswitch"
)

// cell is what is measured of each module.
type cell struct {
	scenario, scheme string
	calls            int
}

// bench is a FreeSWITCH with calls, and the server.
type bench struct {
	*freeswitch.Switch
	options
	cell
	srv   *server.Process
	clock machine.Clock
	tapes string // directory
}

// measure makes the calls in a FreeSWITCH of their own, measures them, and throws it away.
func measure(ctx context.Context, o options, m module, c cell) (row, error) {
	ctx, cancel := context.WithTimeout(ctx, o.idle+o.length+2*o.settle+time.Minute)
	defer cancel()
	r := row{Module: m.name, Scenario: c.scenario, Scheme: c.scheme, Calls: c.calls}
	dir, err := os.MkdirTemp("", "oas-bench")
	if err != nil {
		return r, err
	}
	defer os.RemoveAll(dir)
	b := &bench{options: o, cell: c, tapes: filepath.Join(dir, "tapes")}
	if b.clock, err = machine.NewClock(); err != nil {
		return r, err
	}
	home := filepath.Join(dir, "freeswitch")
	for _, path := range []string{b.tapes, home} {
		if err := os.Mkdir(path, 0o700); err != nil {
			return r, err
		}
	}
	if b.srv, err = server.Start(server.Config{TLS: c.scheme == "wss", Answer: c.scenario == "both"}); err != nil {
		return r, err
	}
	defer b.srv.Close() //nolint:errcheck // its figures have been taken
	tap, err := filepath.Abs(o.tap)
	if err != nil {
		return r, err
	}
	b.Switch, err = freeswitch.Run(ctx, freeswitch.Config{
		Prefix: o.prefix, Dir: home, Env: []string{"LD_PRELOAD=" + tap, "OAS_TAP_DIR=" + b.tapes}, Sessions: 20000,
		Events: "event json BACKGROUND_JOB CUSTOM mod_openai_audio_stream::connect mod_openai_audio_stream::disconnect " +
			"mod_openai_audio_stream::error",
	})
	defer b.Kill() // not Close: not every module survives a shutdown, and everything has been measured
	if err == nil {
		err = b.run(ctx, m, &r)
	}
	if err != nil {
		return r, fmt.Errorf("%w\n%s", err, b.LogTail())
	}
	return r, nil
}

func (b *bench) run(ctx context.Context, m module, r *row) error {
	if err := b.LoadFrom(ctx, m.path); err != nil {
		return err
	}
	if _, err := b.Do(ctx, "+OK", "fsctl loglevel info"); err != nil {
		return err
	}
	if err := b.dial(ctx); err != nil {
		return err
	}
	if err := pause(ctx, b.settle); err != nil {
		return err
	}
	without, err := b.window(ctx, b.idle)
	if err != nil {
		return err
	}
	if err := b.stream(ctx); err != nil {
		return err
	}
	if err := pause(ctx, b.settle); err != nil {
		return err
	}
	if _, err := b.srv.Take(); err != nil {
		return err
	}
	with, err := b.window(ctx, b.length)
	if err != nil {
		return err
	}
	journals, err := b.srv.Take()
	if err != nil {
		return err
	}
	r.processor(without, with)
	for i := range b.calls {
		for _, name := range []string{"disconnect", "error"} {
			r.Lost += len(b.Events(uuid(i), name))
		}
	}
	var tapes []tape
	var heard []*server.Journal
	for i := range b.calls {
		t, err := readTape(filepath.Join(b.tapes, uuid(i)))
		if err != nil {
			return err
		}
		j := journals[uuid(i)]
		if j == nil {
			j = &server.Journal{} // never connected, as the empty bug
		}
		tapes, heard = append(tapes, t), append(heard, j)
	}
	r.media(tapes, heard, with, b.scenario == "both")
	return nil
}

func uuid(i int) string { return fmt.Sprintf("call-%d", i) }

// dial makes the calls: loopback calls whose one leg plays silence for ever, as a module without a writer of its own needs it,
// and whose other leg plays the caller.
func (b *bench) dial(ctx context.Context) error {
	caller, err := filepath.Abs(b.caller)
	if err != nil {
		return err
	}
	if _, err := b.Do(ctx, "+OK", "global_setvar bench_caller=%s", caller); err != nil {
		return err
	}
	for i := range b.calls {
		_, err := b.Do(ctx, "+OK", "originate {origination_uuid=%s,loopback_bowout=false,loopback_initial_codec=%s,"+
			"STREAM_OPENAI_API_KEY=bench,STREAM_TLS_CA_FILE=NONE,STREAM_DISABLE_AUDIOFILES=true,STREAM_BUFFER_SIZE=20}"+
			"loopback/caller/far &playback(silence_stream://-1)", uuid(i), b.codec)
		if err != nil {
			return err
		}
	}
	return nil
}

// stream starts the streams and waits until all are connected.
func (b *bench) stream(ctx context.Context) error {
	for i := range b.calls {
		_, err := b.Do(ctx, "+OK", "uuid_openai_audio_stream %s start %s%s mono 24k", uuid(i), b.srv.URL, uuid(i))
		if err != nil {
			return err
		}
	}
	for i := range b.calls {
		if err := b.Await(ctx, uuid(i), "connect"); err != nil {
			return err
		}
	}
	return nil
}

// window is what was measured from one time to another.
type window struct {
	from, until  int64       // ns of CLOCK_MONOTONIC
	use          machine.Use // by FreeSWITCH and the server
	process      machine.Process
	anonymousKiB float64 // on average
	load         float64
}

func (w window) length() time.Duration { return time.Duration(w.until - w.from) }

func (b *bench) window(ctx context.Context, length time.Duration) (w window, err error) {
	before, err := machine.Look(b.PID, b.srv.PID)
	if err != nil {
		return w, err
	}
	w.from = b.clock.NS(time.Now())
	looks := max(1, int(length/time.Second))
	for range looks {
		if err := pause(ctx, length/time.Duration(looks)); err != nil {
			return w, err
		}
		if w.process, err = machine.LookAt(b.PID); err != nil {
			return w, err
		}
		w.anonymousKiB += float64(w.process.AnonymousKiB) / float64(looks)
	}
	after, err := machine.Look(b.PID, b.srv.PID)
	if err != nil {
		return w, err
	}
	w.until = b.clock.NS(time.Now())
	w.use, w.load = after.Since(before), machine.Load()
	return w, nil
}

// pause is what is measured, or waited before.
func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
