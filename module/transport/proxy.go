package transport

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"

	"golang.org/x/net/http/httpproxy"
)

// proxyNone is the value of Options.Proxy that ignores the environment.
const proxyNone = "none"

// CheckProxy reports why a value can't be Options.Proxy. The error does not repeat it.
func CheckProxy(value string) error {
	if value == "" || value == proxyNone {
		return nil
	}
	u, err := url.Parse(value)
	if err != nil {
		return errProxy
	}
	return checkProxyURL(u)
}

var errProxy = errors.New(`proxy: expected "none" or http(s)://[user:password@]host:port`)

func checkProxyURL(u *url.URL) error {
	if u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" {
		return errProxy
	}
	return nil
}

// proxyFor is the proxy to the server, nil if there is none.
func proxyFor(o *Options) (*url.URL, error) {
	switch o.Proxy {
	case proxyNone:
		return nil, nil
	case "":
		target := *o.URL
		target.Scheme = map[string]string{"ws": "http", "wss": "https"}[o.URL.Scheme]
		u, err := httpproxy.FromEnvironment().ProxyFunc()(&target)
		if err != nil {
			return nil, errProxy // its own error quotes the variable
		}
		if u == nil {
			return nil, nil
		}
		return u, checkProxyURL(u)
	}
	if err := CheckProxy(o.Proxy); err != nil {
		return nil, err
	}
	return url.Parse(o.Proxy)
}

// hostPort is u's host with its port, or the scheme's.
func hostPort(u *url.URL) string {
	port := u.Port()
	if port == "" {
		port = map[string]string{"ws": "80", "http": "80", "wss": "443", "https": "443"}[u.Scheme]
	}
	return net.JoinHostPort(u.Hostname(), port)
}

// tunnel has the proxy at the other end of conn connect to target, and returns the connection to the target. It ends at
// the latest when conn is closed.
func tunnel(ctx context.Context, conn net.Conn, proxy *url.URL, target string, d *dialing) (net.Conn, *DialError) {
	if proxy.Scheme == "https" {
		// The system's authorities, and no client certificate: TLSOptions are about the server.
		secured := tls.Client(conn, &tls.Config{MinVersion: tls.VersionTLS12, ServerName: proxy.Hostname()})
		if err := secured.HandshakeContext(ctx); err != nil {
			return nil, failure(StageProxy, fmt.Errorf("%s: %w", proxy.Host, err), d.masker)
		}
		conn = secured
	}
	req := &http.Request{Method: http.MethodConnect, URL: &url.URL{Opaque: target}, Host: target, Header: http.Header{}}
	req.Header.Set("User-Agent", userAgent)
	if proxy.User != nil {
		d.masker.Add(base64.StdEncoding.EncodeToString([]byte(userinfo(proxy))))
		req.Header.Set("Proxy-Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte(userinfo(proxy))))
	}
	if err := req.Write(conn); err != nil {
		return nil, failure(StageProxy, fmt.Errorf("%s: %w", proxy.Host, err), d.masker)
	}
	limited := &io.LimitedReader{R: conn, N: maxAnswer}
	br := bufio.NewReaderSize(limited, 1024)
	resp, err := http.ReadResponse(br, req)
	if err != nil {
		return nil, failure(StageProxy, fmt.Errorf("%s: %w", proxy.Host, err), d.masker)
	}
	if resp.StatusCode != http.StatusOK {
		return nil, refused(StageProxy, resp, d.masker)
	}
	return &unread{Conn: conn, rest: buffered(br)}, nil
}
