package realtimetest

import (
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"
)

// Proxy starts an HTTP proxy that ends with the test: it knows CONNECT, demands user and password, and connects to
// target, whatever the name. A wrong password is repeated in the refusal, as some do. proxyURL carries both; asked gets
// each request's method and host.
func Proxy(tb testing.TB, target, user, password string) (proxyURL string, asked <-chan string) {
	tb.Helper()
	hosts := make(chan string, 100)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		hosts <- r.Method + " " + r.Host
		given := r.Header.Get("Proxy-Authorization")
		if given != "Basic "+base64.StdEncoding.EncodeToString([]byte(user+":"+password)) {
			w.WriteHeader(http.StatusProxyAuthRequired)
			_, _ = fmt.Fprintf(w, "not with %s", given)
			return
		}
		server, err := net.Dial("tcp", target)
		if err != nil {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		defer server.Close()
		conn, rw, err := w.(http.Hijacker).Hijack()
		if err != nil {
			tb.Error(err)
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
	tb.Cleanup(s.Close)
	u, err := url.Parse(s.URL)
	if err != nil {
		tb.Fatal(err)
	}
	u.User = url.UserPassword(user, password)
	return u.String(), hosts
}
