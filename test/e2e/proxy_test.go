package e2e_test

import (
	"strings"
	"testing"

	"mod_openai_audio_stream/module/realtime/realtimetest"
)

const proxyUser, proxyPassword = "operator", "forged-proxy-pass/word"

// proxy is an HTTP proxy that connects to srv, with the password that these tests know.
func proxy(t *testing.T, srv *realtimetest.Server) (proxyURL string, asked <-chan string) {
	t.Helper()
	return realtimetest.Proxy(t, srv.Addr(), proxyUser, proxyPassword)
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
