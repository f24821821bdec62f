package e2e_test

import (
	"encoding/base64"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"mod_openai_audio_stream/module/realtime/realtimetest"
)

const proxyUser, proxyPassword = "operator", "forged-proxy-pass/word"

// proxy is an HTTP proxy that wants a password, connects to srv whatever the name, and tells what it was asked for.
func proxy(t *testing.T, srv *realtimetest.Server) (proxyURL string, asked <-chan string) {
	t.Helper()
	hosts := make(chan string, 100)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		hosts <- r.Method + " " + r.Host
		given := r.Header.Get("Proxy-Authorization")
		if given != "Basic "+base64.StdEncoding.EncodeToString([]byte(proxyUser+":"+proxyPassword)) {
			http.Error(w, "not with "+given, http.StatusProxyAuthRequired)
			return
		}
		server, err := net.Dial("tcp", srv.Addr())
		if err != nil {
			t.Error(err)
			return
		}
		defer server.Close()
		conn, rw, err := w.(http.Hijacker).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer conn.Close()
		_, _ = io.WriteString(conn, "HTTP/1.1 200 Connection established\r\n\r\n")
		go func() { // ends when either side closes
			_, _ = io.Copy(server, rw)
			server.Close()
		}()
		_, _ = io.Copy(conn, server)
	}))
	t.Cleanup(s.Close)
	u, err := url.Parse(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	u.User = url.UserPassword(proxyUser, proxyPassword)
	return u.String(), hosts
}

// behindProxy is a URL that only a proxy can reach.
const behindProxy = "ws://realtime.invalid/v1/realtime?model=m"

func throughProxy(r *rig, asked <-chan string) {
	r.Helper()
	r.talker("call", behindProxy)
	r.event("call", "connect", 1)
	if got := <-asked; got != "CONNECT realtime.invalid:80" {
		r.Errorf("the proxy was asked for %q", got)
	}
}

func TestProxyOfTheConfiguration(t *testing.T) {
	t.Parallel()
	u, asked := proxy(t, realtimetest.New(t, quiet))
	throughProxy(newRigWith(t, `<param name="proxy" value="`+u+`"/>`), asked)
}

// The proxy of the environment is used, unless the configuration says "none", and a refusal names no password.
func TestProxyOfTheEnvironment(t *testing.T) {
	u, asked := proxy(t, realtimetest.New(t, quiet))
	t.Setenv("HTTP_PROXY", u)
	throughProxy(newRig(t), asked)

	r := newRigWith(t, `<param name="proxy" value="none"/>`)
	r.talker("call", behindProxy, "STREAM_NO_RECONNECT", "true")
	r.ends("call", "error")
	if len(asked) != 0 {
		t.Error("the proxy was asked")
	}

	wrong := strings.Replace(u, "forged-proxy", "forged-other", 1)
	r = newRigWith(t, `<param name="proxy" value="`+wrong+`"/>`)
	r.talker("call", behindProxy)
	r.ends("call", "error")
	if f := r.failure(r.event("call", "error", 1)).Message; f.HTTPStatus != 407 || strings.Contains(f.Error, "forged") {
		t.Errorf("%+v, want status 407 and no password", f)
	}
}
