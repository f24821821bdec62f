package transport_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"mod_openai_audio_stream/module/transport"
)

func TestRefusedUpgrades(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		status     int
		retryAfter string
		wait       time.Duration
		permanent  bool
	}{
		{status: 200},
		{status: 302},
		{status: 400, permanent: true},
		{status: 401, permanent: true},
		{status: 402, permanent: true},
		{status: 403},
		{status: 404, permanent: true},
		{status: 408},
		{status: 410, permanent: true},
		{status: 426, permanent: true},
		{status: 429, retryAfter: "7", wait: 7 * time.Second},
		{status: 429, retryAfter: "-7"},
		{status: 429, retryAfter: "soon"},
		{status: 429, retryAfter: "999999999", wait: 24 * time.Hour},
		{status: 429},
		{status: 500},
		{status: 502},
		{status: 503, retryAfter: " 120 ", wait: 2 * time.Minute},
		{status: 503, retryAfter: "Wed, 21 Oct 2015 07:28:00 GMT"},
		{status: 504},
	} {
		t.Run(fmt.Sprintf("%d %s", tc.status, tc.retryAfter), func(t *testing.T) {
			t.Parallel()
			o := to(t, serving(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				if tc.retryAfter != "" {
					w.Header().Set("Retry-After", tc.retryAfter)
				}
				w.Header().Set("Location", "/elsewhere")
				w.WriteHeader(tc.status)
				_, _ = io.WriteString(w, "what the\nserver says")
			})))
			got := refusal(t, o)
			if got.Stage != transport.StageHTTP || got.HTTPStatus != tc.status || got.RetryAfter != tc.wait || got.Permanent() != tc.permanent {
				t.Errorf("got %+v, permanent %v", got, got.Permanent())
			}
			want := strings.TrimSpace(fmt.Sprintf("connect: http: HTTP %d %s", tc.status, http.StatusText(tc.status))) + ": what the server says"
			if got.Error() != want {
				t.Errorf("got %q, want %q", got, want)
			}
		})
	}
}

func TestRetryAfterAsADate(t *testing.T) {
	t.Parallel()
	o := to(t, serving(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", time.Now().Add(time.Hour).UTC().Format(http.TimeFormat))
		w.WriteHeader(http.StatusServiceUnavailable)
	})))
	if got := refusal(t, o).RetryAfter; got <= 59*time.Minute || got > time.Hour {
		t.Errorf("got %v", got)
	}
}

func TestUpgradeRequest(t *testing.T) {
	t.Parallel()
	requests := make(chan *http.Request, 1)
	handler := acceptor(echo, nil)
	o := to(t, serving(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		requests <- r.Clone(context.Background())
		handler.ServeHTTP(w, r)
	})))
	o.Header = http.Header{"Authorization": {"Bearer abcdefgh"}, "X-A": {"1"}}
	talk(t, o)
	r := <-requests
	for name, want := range map[string]string{
		"Authorization": "Bearer abcdefgh", "X-A": "1", "User-Agent": "mod_openai_audio_stream", "Upgrade": "websocket",
	} {
		if got := r.Header.Get(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	if r.URL.String() != "/v1/realtime?model=m" || r.Host != o.URL.Host {
		t.Errorf("asked %s for %s", r.Host, r.URL)
	}
	if len(o.Header) != 2 {
		t.Errorf("the options were changed: %v", o.Header)
	}
}

func TestAUserAgentOfOnesOwn(t *testing.T) {
	t.Parallel()
	agents := make(chan string, 1)
	o := to(t, serving(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { agents <- r.UserAgent() })))
	o.Header = http.Header{"User-Agent": {"mine"}}
	refusal(t, o)
	if got := <-agents; got != "mine" {
		t.Errorf("got %q", got)
	}
}

func TestTheFirstMessageMayComeWithTheUpgrade(t *testing.T) {
	t.Parallel()
	o := to(t, raw(t, func(rw *bufio.ReadWriter, r *http.Request) {
		// Answer and first frame in one packet.
		_, _ = rw.WriteString(accepted(r) + "\x81\x05hello")
		_ = rw.Flush()
		_, _ = rw.ReadByte()
	}))
	if got := read(t, dial(t, o)); got != "hello" {
		t.Errorf("got %q", got)
	}
}

func TestAnEarlyHintIsNotTheAnswer(t *testing.T) {
	t.Parallel()
	o := to(t, raw(t, func(rw *bufio.ReadWriter, r *http.Request) {
		_, _ = rw.WriteString("HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" + accepted(r) + "\x81\x05hello")
		_ = rw.Flush()
		_, _ = rw.ReadByte()
	}))
	if got := read(t, dial(t, o)); got != "hello" {
		t.Errorf("got %q", got)
	}
}

func TestAnswersThatAreNone(t *testing.T) {
	t.Parallel()
	for name, answer := range map[string]string{
		"nothing":         "",
		"junk":            "junk\r\n\r\n",
		"wrong accept":    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: x\r\n\r\n",
		"no upgrade":      "HTTP/1.1 101 Switching Protocols\r\n\r\n",
		"hints for ever":  strings.Repeat("HTTP/1.1 103 Early Hints\r\n\r\n", 100),
		"endless headers": "HTTP/1.1 200 OK\r\n" + strings.Repeat("X-A: "+strings.Repeat("a", 1000)+"\r\n", 1000),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := to(t, raw(t, func(rw *bufio.ReadWriter, _ *http.Request) {
				_, _ = rw.WriteString(answer)
				_ = rw.Flush()
			}))
			if got := refusal(t, o); got.Stage != transport.StageHTTP || got.Permanent() || got.HTTPStatus == 200 {
				t.Errorf("got %+v: %v", got, got)
			}
		})
	}
}

func TestErrorsHoldNoSecrets(t *testing.T) {
	t.Parallel()
	const key, other, inURL = "forged-key-in-the-header", "forged-key-in-a-token-header", "forged-key-in-the-url"
	secrets := []string{key, other, inURL, "forged"}
	with := func(o *transport.Options) *transport.Options {
		o.Header = http.Header{"Authorization": {"Bearer " + key}, "X-Token": {other}}
		o.URL.RawQuery = "model=m&api-key=" + inURL
		return o
	}
	for name, o := range map[string]*transport.Options{
		"refused": with(to(t, serving(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(http.StatusUnauthorized)
			_, _ = fmt.Fprintf(w, "%s: keys %s, %s and %s are wrong", r.URL, r.Header.Get("Authorization"), r.Header.Get("X-Token"), key[:14])
		})))),
		"cut": with(to(t, serving(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusUnauthorized)
			_, _ = io.WriteString(w, strings.Repeat("x", 190)+" "+key)
		})))),
		"junk":        with(to(t, raw(t, func(rw *bufio.ReadWriter, r *http.Request) { _, _ = fmt.Fprintf(rw, "%s %s\r\n", r.URL, key) }))),
		"unreachable": with(to(t, gone(t))),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			failed := refusal(t, o)
			for _, secret := range secrets {
				if strings.Contains(failed.Error(), secret) || strings.Contains(fmt.Sprintf("%+v", failed.Err.Error()), secret) {
					t.Errorf("%q in %q", secret, failed)
				}
			}
		})
	}
}

func TestStages(t *testing.T) {
	t.Parallel()
	parse := func(s string) *url.URL {
		u, err := url.Parse(s)
		if err != nil {
			t.Fatal(err)
		}
		return u
	}
	for _, tc := range []struct {
		name      string
		options   transport.Options
		stage     transport.Stage
		permanent bool
	}{
		{"no URL", transport.Options{}, transport.StageOptions, true},
		{"other scheme", transport.Options{URL: parse("http://127.0.0.1/")}, transport.StageOptions, true},
		{"no host", transport.Options{URL: parse("ws:///path")}, transport.StageOptions, true},
		{"bad header", transport.Options{URL: parse("ws://127.0.0.1/"), Header: http.Header{"X-A": {"a\r\nb"}}}, transport.StageOptions, true},
		{"reserved header", transport.Options{URL: parse("ws://127.0.0.1/"), Header: http.Header{"Host": {"a"}}}, transport.StageOptions, true},
		{"no such name", transport.Options{URL: parse("ws://no-such-host.invalid/")}, transport.StageDNS, false},
		{"nobody listens", *to(t, gone(t)), transport.StageTCP, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			got := refusal(t, &tc.options)
			if got.Stage != tc.stage || got.Permanent() != tc.permanent || got.HTTPStatus != 0 {
				t.Errorf("stage %s, permanent %v: %v", got.Stage, got.Permanent(), got)
			}
			if !strings.HasPrefix(got.Error(), "connect: "+string(tc.stage)+": ") {
				t.Errorf("got %q", got)
			}
		})
	}
}

func TestAServerThatDoesNotAnswerInTime(t *testing.T) {
	t.Parallel()
	ours := newAuthority(t, "ours")
	for scheme, stage := range map[string]transport.Stage{"ws": transport.StageHTTP, "wss": transport.StageTLS} {
		t.Run(scheme, func(t *testing.T) {
			t.Parallel()
			o := &transport.Options{URL: silent(t), TLS: transport.TLSOptions{CAFile: ours.file}}
			o.URL.Scheme = scheme
			o.ConnectTimeout = 2 * time.Second // room for a machine that stalls: what is before the silence has to be over
			got := refusal(t, o)
			if got.Stage != stage || !errors.Is(got, context.DeadlineExceeded) || got.Permanent() ||
				!strings.HasSuffix(got.Error(), "no answer within 2s") {
				t.Errorf("stage %s: %v", got.Stage, got)
			}
		})
	}
}

func TestCancelWhileConnecting(t *testing.T) {
	t.Parallel()
	for _, scheme := range []string{"ws", "wss"} {
		t.Run(scheme, func(t *testing.T) {
			t.Parallel()
			arrived := make(chan struct{})
			o := &transport.Options{URL: listening(t, func(net.Conn) { close(arrived) })}
			o.URL.Scheme = scheme
			ctx, cancel := context.WithCancel(patient(t))
			go func() {
				<-arrived
				cancel()
			}()
			c, err := transport.Dial(ctx, o)
			if !errors.Is(err, context.Canceled) || c != nil {
				t.Errorf("got %v", err)
			}
			var failed *transport.DialError
			if errors.As(err, &failed) {
				t.Errorf("giving up counts as a failure of the server's: %v", err)
			}
		})
	}
	t.Run("before", func(t *testing.T) {
		t.Parallel()
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		if _, err := transport.Dial(ctx, &transport.Options{URL: silent(t)}); !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
	})
}

func TestTheConnectTimeoutIsForConnectingAlone(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	o := to(t, accepting(t, func(ctx context.Context, ws *websocket.Conn) {
		<-release
		_ = ws.Write(ctx, websocket.MessageText, []byte("late"))
		_, _, _ = ws.Read(ctx)
	}))
	o.ConnectTimeout = time.Second
	ctx, cancel := context.WithCancel(patient(t))
	c, err := transport.Dial(ctx, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { finish(t, c) })
	cancel() // the context of dialling is not the connection's
	close(release)
	if got := read(t, c); got != "late" {
		t.Errorf("got %q", got)
	}
}
