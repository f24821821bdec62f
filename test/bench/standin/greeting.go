package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"mod_openai_audio_stream/module/realtime/realtimetest"
	"mod_openai_audio_stream/test/bench/machine"
	"mod_openai_audio_stream/test/e2e"
)

// greetings measures how long a caller waits for the first sample of a greeting, from the start on: with a connection that
// the start opens (cold), and with one that was opened before (warm), in turn, so that what else the machine does meets both.
func (o options) greetings() error {
	fmt.Printf("%d calls each, load %.1f before\n", o.greeted, machine.Load())
	for _, scheme := range []string{"ws", "wss"} {
		for _, away := range []time.Duration{0, 50 * time.Millisecond} {
			cold, warm, err := o.greeting(scheme, away)
			if err != nil {
				return fmt.Errorf("%s, %v away: %w", scheme, away, err)
			}
			printQuantiles(fmt.Sprintf("%s, %v, cold", scheme, away), cold)
			printQuantiles(fmt.Sprintf("%s, %v, warm", scheme, away), warm)
		}
	}
	fmt.Printf("load %.1f after\n", machine.Load())
	return nil
}

func (o options) greeting(scheme string, away time.Duration) (cold, warm []time.Duration, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
	defer cancel()
	now, err := machine.NewClock()
	if err != nil {
		return nil, nil, err
	}
	cfg := realtimetest.Config{InputRate: 8000, NoRecord: true, NoVAD: true, Answer: realtimetest.Tone(440, 500*time.Millisecond)}
	if scheme == "wss" {
		lender := httptest.NewTLSServer(nil) // of its certificate
		cfg.TLS = &tls.Config{Certificates: lender.TLS.Certificates}
		lender.Close()
	}
	srv, err := realtimetest.Start(cfg)
	if err != nil {
		return nil, nil, err
	}
	defer srv.Close()
	u, err := url.Parse(srv.URL())
	if err != nil {
		return nil, nil, err
	}
	between, err := startRelay(u.Host, away/2)
	if err != nil {
		return nil, nil, err
	}
	defer between.Close() //nolint:errcheck // it only stops accepting
	u.Host = between.Addr().String()

	dir, err := os.MkdirTemp("", "oas-bench")
	if err != nil {
		return nil, nil, err
	}
	defer os.RemoveAll(dir)
	config := filepath.Join(dir, "openai_audio_stream.conf.xml")
	text := `<configuration name="openai_audio_stream.conf"><profiles><profile name="p"><param name="greeting" value="auto"/>` +
		`<param name="voice" value="marin"/><param name="tls-ca-file" value="NONE"/><param name="disable-audiofiles" value="true"/>` +
		`<param name="url" value="` + strings.ReplaceAll(u.String(), "&", "&amp;") + `"/></profile></profiles></configuration>`
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		return nil, nil, err
	}
	h, err := e2e.StartHost(o.host, o.module, io.Discard, nil)
	if err != nil {
		return nil, nil, err
	}
	for _, step := range []string{"config " + config, "load"} {
		if _, err := h.Do(ctx, "%s", step); err != nil {
			return nil, nil, err
		}
	}
	began := make([]int64, 2*o.greeted)
	for i := range began {
		if began[i], err = greetOne(ctx, h, now, filepath.Join(dir, fmt.Sprintf("c%d.csv", i)), i); err != nil {
			return nil, nil, err
		}
	}
	if err := h.Quit(ctx); err != nil {
		return nil, nil, err
	}
	for i, at := range began {
		f, err := readFrames(filepath.Join(dir, fmt.Sprintf("c%d.csv", i)))
		if err != nil {
			return nil, nil, err
		}
		waited, ok := f.untilLoud(at)
		switch {
		case !ok:
			return nil, nil, fmt.Errorf("call %d heard no greeting", i)
		case i%2 == 0:
			cold = append(cold, waited)
		default:
			warm = append(warm, waited)
		}
	}
	return cold, warm, nil
}

// greetOne runs a call until its greeting is heard and returns when it began; of two calls the second one is warm.
func greetOne(ctx context.Context, h *e2e.Host, now machine.Clock, frames string, i int) (began int64, err error) {
	if _, err := h.Do(ctx, "create c%d rate=8000 ptime=20 phase=%d writer=silence frames=%s", i, i*7%20, frames); err != nil {
		return 0, err
	}
	if i%2 == 1 {
		if reply, err := h.API(ctx, "uuid_openai_audio_stream prewarm p"); err != nil || !strings.HasPrefix(reply, "+OK") {
			return 0, errors.Join(err, errors.New(reply))
		}
		for status := ""; !strings.Contains(status, `"prewarmed":1,`); {
			if status, err = h.API(ctx, "uuid_openai_audio_stream status"); err != nil {
				return 0, err
			}
		}
	}
	if _, err := h.Do(ctx, "wait ms=300"); err != nil { // until the phone is answered
		return 0, err
	}
	began = now.NS(time.Now())
	if reply, err := h.API(ctx, "c%d start profile:p", i); err != nil || !strings.HasPrefix(reply, "+OK") {
		return 0, errors.Join(err, errors.New(reply))
	}
	if _, err := h.WaitEvent(ctx, fmt.Sprintf("c%d", i), "openai_speech_stop", 1); err != nil {
		return 0, err
	}
	_, err = h.Do(ctx, "hangup c%d wait=1", i)
	return began, err
}

// untilLoud is how long after at the channel got its first frame with the answer's tone.
func (f frames) untilLoud(at int64) (time.Duration, bool) {
	for _, h := range f.heard {
		if h.at >= at && h.peak >= loud {
			return time.Duration(h.at - at), true
		}
	}
	return 0, false
}

// startRelay listens, and passes on what comes to and from a server, each way later by delay. The kernel accepts at once, so a
// cold connection is measured one round trip too short.
func startRelay(server string, delay time.Duration) (net.Listener, error) {
	l, err := new(net.ListenConfig).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	go func() { // ends with the listener
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			upstream, err := new(net.Dialer).DialContext(context.Background(), "tcp", server)
			if err != nil {
				client.Close()
				continue
			}
			go relay(upstream, client, delay)
			go relay(client, upstream, delay)
		}
	}()
	return l, nil
}

type piece struct {
	due  time.Time
	data []byte
}

func relay(to, from net.Conn, delay time.Duration) {
	defer to.Close()
	pieces := make(chan piece, 1024)
	go func() { // ends with from
		defer close(pieces)
		for {
			buf := make([]byte, 32<<10)
			n, err := from.Read(buf)
			pieces <- piece{time.Now().Add(delay), buf[:n]}
			if err != nil {
				return
			}
		}
	}()
	for p := range pieces {
		time.Sleep(time.Until(p.due))
		if _, err := to.Write(p.data); err != nil {
			from.Close() // its reader ends, and is waited for
		}
	}
}
