package transport_test

import (
	"bufio"
	"crypto/tls"
	"encoding/base64"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"mod_openai_audio_stream/module/realtime/realtimetest"
	"mod_openai_audio_stream/module/transport"
)

const proxyUser, proxyPassword = "operator", "forged pass/word"

// proxy is an HTTP proxy that connects to target, with the password that these tests know.
func proxy(t *testing.T, target string) (proxyURL string, asked <-chan string) {
	t.Helper()
	return realtimetest.Proxy(t, target, proxyUser, proxyPassword)
}

// behind is how a server that only a proxy reaches is dialled.
func behind(t *testing.T, s *httptest.Server, host string) *transport.Options {
	t.Helper()
	o := to(t, s)
	o.URL.Host = host
	return o
}

func TestProxyFromTheOptions(t *testing.T) {
	t.Parallel()
	ours := newAuthority(t, "ours")
	cert, _, _ := ours.issue(t, names{dns: []string{"realtime.invalid"}})
	for name, tc := range map[string]struct {
		server *httptest.Server
		host   string
		want   string
	}{
		"wss":           {secure(t, &tls.Config{Certificates: []tls.Certificate{cert}}), "realtime.invalid", "CONNECT realtime.invalid:443"},
		"wss with port": {secure(t, &tls.Config{Certificates: []tls.Certificate{cert}}), "realtime.invalid:8443", "CONNECT realtime.invalid:8443"},
		"ws":            {serving(t, acceptor(echo, nil)), "realtime.invalid", "CONNECT realtime.invalid:80"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := behind(t, tc.server, tc.host)
			o.TLS.CAFile = ours.file
			var asked <-chan string
			o.Proxy, asked = proxy(t, tc.server.Listener.Addr().String())
			talk(t, o)
			if got := <-asked; got != tc.want {
				t.Errorf("asked for %q, want %q", got, tc.want)
			}
		})
	}
}

func TestProxyFromTheEnvironment(t *testing.T) {
	ours := newAuthority(t, "ours")
	cert, _, _ := ours.issue(t, names{dns: []string{"realtime.invalid"}})
	secured := secure(t, &tls.Config{Certificates: []tls.Certificate{cert}})
	plain := serving(t, acceptor(echo, nil))
	for _, tc := range []struct {
		variable string
		server   *httptest.Server
	}{
		{"HTTPS_PROXY", secured}, {"https_proxy", secured}, {"HTTP_PROXY", plain}, {"http_proxy", plain},
	} {
		t.Run(tc.variable, func(t *testing.T) {
			u, asked := proxy(t, tc.server.Listener.Addr().String())
			t.Setenv(tc.variable, u)
			o := behind(t, tc.server, "realtime.invalid")
			o.TLS.CAFile = ours.file
			talk(t, o)
			if got := <-asked; !strings.HasPrefix(got, "CONNECT realtime.invalid:") {
				t.Errorf("asked for %q", got)
			}
		})
	}
	t.Run("NO_PROXY", func(t *testing.T) {
		u, asked := proxy(t, "")
		t.Setenv("HTTP_PROXY", u)
		t.Setenv("NO_PROXY", "realtime.invalid")
		if got := refusal(t, behind(t, plain, "realtime.invalid")); got.Stage != transport.StageDNS || len(asked) != 0 {
			t.Errorf("stage %s, %d asked: %v", got.Stage, len(asked), got)
		}
	})
	t.Run("none", func(t *testing.T) {
		u, asked := proxy(t, "")
		t.Setenv("HTTP_PROXY", u)
		o := behind(t, plain, "realtime.invalid")
		o.Proxy = "none"
		if got := refusal(t, o); got.Stage != transport.StageDNS || len(asked) != 0 {
			t.Errorf("stage %s, %d asked: %v", got.Stage, len(asked), got)
		}
	})
	t.Run("of another kind", func(t *testing.T) {
		t.Setenv("HTTP_PROXY", "socks5://user:forged@127.0.0.1:1080")
		got := refusal(t, behind(t, plain, "realtime.invalid"))
		if got.Stage != transport.StageOptions || strings.Contains(got.Error(), "forged") {
			t.Errorf("stage %s: %v", got.Stage, got)
		}
	})
}

func TestProxiesThatRefuse(t *testing.T) {
	t.Parallel()
	server := serving(t, acceptor(echo, nil))
	address := server.Listener.Addr().String()
	wrong := func(value string) string { return strings.Replace(value, "forged%20pass", "other", 1) }
	good, _ := proxy(t, address)
	unreachable, _ := proxy(t, gone(t).Listener.Addr().String())
	for _, tc := range []struct {
		name, proxy string
		status      int
		permanent   bool
	}{
		{"wrong password", wrong(good), 407, true},
		{"server not reached", unreachable, 502, false},
		{"no answer", raw(t, func(*bufio.ReadWriter, *http.Request) {}).URL, 0, false},
		{"junk", raw(t, func(rw *bufio.ReadWriter, _ *http.Request) { _, _ = rw.WriteString("junk\r\n\r\n") }).URL, 0, false},
		{"not there", gone(t).URL, 0, false},
		{"no such name", "http://no-such-proxy.invalid:3128", 0, false},
		{"no TLS", strings.Replace(server.URL, "http", "https", 1), 0, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			o := behind(t, server, "realtime.invalid")
			o.Proxy = tc.proxy
			got := refusal(t, o)
			if got.Stage != transport.StageProxy || got.HTTPStatus != tc.status || got.Permanent() != tc.permanent {
				t.Errorf("got %+v, permanent %v: %v", got, got.Permanent(), got)
			}
			credentials := base64.StdEncoding.EncodeToString([]byte(proxyUser + ":other/word"))
			for _, secret := range []string{"forged", "other/word", "other%2Fword", credentials} {
				if strings.Contains(got.Error(), secret) {
					t.Errorf("%q in %q", secret, got)
				}
			}
		})
	}
}

func TestCheckProxy(t *testing.T) {
	t.Parallel()
	for value, ok := range map[string]bool{
		"": true, "none": true, "http://h:1": true, "https://user:pw@h": true, "http://[::1]:3128": true,
		"h:3128": false, "socks5://h:1": false, "http://": false, "http://h:x": false, "forged:\x00": false,
	} {
		err := transport.CheckProxy(value)
		if (err == nil) != ok || err != nil && strings.Contains(err.Error(), "forged") {
			t.Errorf("%q: %v", value, err)
		}
	}
}
