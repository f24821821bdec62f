// Package transport is the socket to a Realtime server: how it is opened, kept and closed, and when it is tried again.
package transport

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/coder/websocket"
)

// Options says how a server is dialled. The zero value of each field but URL is a sensible default.
type Options struct {
	URL          *url.URL    // ws or wss
	Header       http.Header // with the authorization
	Subprotocols []string
	TLS          TLS
	// Proxy is the URL of an HTTP proxy, "none", or "" for what the environment says.
	Proxy string
	// DisableDeflate: do not offer permessage-deflate.
	DisableDeflate bool
	// ConnectTimeout bounds everything up to the answer to the upgrade. Default 10 s.
	ConnectTimeout time.Duration
	// HeartBeat is the silence after which a ping is sent; no pong for as long again ends the connection. 0: no pings.
	HeartBeat time.Duration
}

// TLS says whom to trust and who we are.
type TLS struct {
	CAFile   string // "" or "SYSTEM": the system's authorities; "NONE": trust everybody; else a PEM file
	CertFile string // client certificate, PEM
	KeyFile  string
	// DisableHostname: the chain is verified, the name in the certificate is not.
	DisableHostname bool
}

const (
	connectTimeout = 10 * time.Second
	// readLimit bounds a server message. A delta of a minute is 4 MiB; the API's own largest event is 15 MiB.
	readLimit = 32 << 20
	// deflateFrom is the size in bytes from which a message is compressed: pieces of audio are not, since that would
	// cost a few percent of a processor per hundred calls and hardly shrink them.
	deflateFrom = 8 << 10
)

// DialError says at which stage opening a connection failed. Its text holds no key.
type DialError struct {
	Stage      string // setup, dns, tcp, proxy, tls, http or timeout
	HTTPStatus int    // 0 if there was no answer
	RetryAfter time.Duration
	Err        error
}

func (e *DialError) Error() string {
	if e.HTTPStatus != 0 {
		return fmt.Sprintf("connect: the server answered HTTP %d %s", e.HTTPStatus, http.StatusText(e.HTTPStatus))
	}
	return fmt.Sprintf("connect (%s): %v", e.Stage, e.Err)
}

func (e *DialError) Unwrap() error { return e.Err }

// Permanent reports whether another attempt would end the same way.
func (e *DialError) Permanent() bool {
	switch e.HTTPStatus {
	case http.StatusBadRequest, http.StatusUnauthorized, http.StatusNotFound:
		return true
	}
	return e.Stage == "setup"
}

// Dial opens a connection. It returns a *DialError, or an error of ctx when that ended.
func Dial(ctx context.Context, o *Options) (*Conn, error) {
	config, err := o.TLS.config()
	if err != nil {
		return nil, &DialError{Stage: "setup", Err: err}
	}
	proxy, err := o.proxy()
	if err != nil {
		return nil, &DialError{Stage: "setup", Err: err}
	}
	timeout := o.ConnectTimeout
	if timeout <= 0 {
		timeout = connectTimeout
	}
	dialCtx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	mode := websocket.CompressionContextTakeover
	if o.DisableDeflate {
		mode = websocket.CompressionDisabled
	}
	var sockets socketList
	rt := &http.Transport{
		Proxy:               proxy,
		TLSClientConfig:     config,
		TLSHandshakeTimeout: timeout,
		DialContext:         sockets.dial,
		DisableKeepAlives:   true,
	}
	ws, resp, err := websocket.Dial(dialCtx, o.URL.String(), &websocket.DialOptions{
		HTTPClient: &http.Client{Transport: rt, CheckRedirect: noRedirect},
		HTTPHeader: o.Header, Subprotocols: o.Subprotocols,
		CompressionMode: mode, CompressionThreshold: deflateFrom,
	})
	if err != nil {
		sockets.close()
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, dialError(err, resp)
	}
	ws.SetReadLimit(readLimit)
	return newConn(ws, o.HeartBeat), nil
}

// socketList is the sockets that an attempt opened. When a request is cancelled in the moment in which its upgrade
// succeeds, net/http leaves the socket to a caller that has gone; so a failed attempt closes its own.
type socketList struct {
	mu     sync.Mutex // Protects following.
	conns  []net.Conn
	closed bool
}

func (l *socketList) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	conn, err := (&net.Dialer{KeepAlive: 15 * time.Second}).DialContext(ctx, network, addr)
	if err != nil {
		return nil, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		_ = conn.Close() // nobody waits for it any more
		return nil, net.ErrClosed
	}
	l.conns = append(l.conns, conn)
	return conn, nil
}

func (l *socketList) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
	for _, conn := range l.conns {
		_ = conn.Close() // closed already, as a rule
	}
}

// noRedirect: the key must not follow a redirect to another host.
func noRedirect(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

func (o *Options) proxy() (func(*http.Request) (*url.URL, error), error) {
	switch o.Proxy {
	case "":
		return func(r *http.Request) (*url.URL, error) {
			// net/http reads the environment by the request's scheme, and knows http and https alone.
			plain := *r
			u := *r.URL
			u.Scheme = strings.Replace(u.Scheme, "ws", "http", 1)
			plain.URL = &u
			return http.ProxyFromEnvironment(&plain)
		}, nil
	case "none":
		return nil, nil
	}
	u, err := url.Parse(o.Proxy)
	if err != nil || u.Host == "" {
		return nil, errors.New("proxy: expected http://[user:password@]host:port")
	}
	return http.ProxyURL(u), nil
}

func (t *TLS) config() (*tls.Config, error) {
	c := &tls.Config{MinVersion: tls.VersionTLS12}
	switch t.CAFile {
	case "", "SYSTEM":
	case "NONE":
		c.InsecureSkipVerify = true // asked for by name, for a server of the user's own
	default:
		pem, err := os.ReadFile(t.CAFile)
		if err != nil {
			return nil, fmt.Errorf("TLS authorities: %w", err)
		}
		c.RootCAs = x509.NewCertPool()
		if !c.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("TLS authorities %q: expected PEM certificates", t.CAFile)
		}
	}
	if t.DisableHostname && !c.InsecureSkipVerify {
		// The standard library verifies chain and name together; so both are switched off and the chain done here.
		c.InsecureSkipVerify = true
		roots := c.RootCAs
		c.VerifyConnection = func(state tls.ConnectionState) error {
			options := x509.VerifyOptions{Roots: roots, Intermediates: x509.NewCertPool()}
			for _, cert := range state.PeerCertificates[1:] {
				options.Intermediates.AddCert(cert)
			}
			_, err := state.PeerCertificates[0].Verify(options)
			return err
		}
	}
	if t.CertFile != "" || t.KeyFile != "" {
		cert, err := tls.LoadX509KeyPair(t.CertFile, t.KeyFile)
		if err != nil {
			return nil, fmt.Errorf("TLS client certificate: %w", err)
		}
		c.Certificates = []tls.Certificate{cert}
	}
	return c, nil
}

// dialError sorts what websocket.Dial says by stage.
func dialError(err error, resp *http.Response) *DialError {
	e := &DialError{Stage: "tcp", Err: err}
	if resp != nil && resp.StatusCode != http.StatusSwitchingProtocols {
		e.Stage, e.HTTPStatus = "http", resp.StatusCode
		e.RetryAfter = retryAfter(resp.Header.Get("Retry-After"), time.Now())
		return e
	}
	// The URL in an *url.Error would repeat a key of its query.
	var withURL *url.Error
	if errors.As(err, &withURL) {
		e.Err = withURL.Err
	}
	var dns *net.DNSError
	var op *net.OpError
	var verify *tls.CertificateVerificationError
	var alert tls.AlertError
	var record tls.RecordHeaderError
	switch text := err.Error(); {
	case errors.Is(err, context.DeadlineExceeded):
		e.Stage = "timeout"
	case errors.As(err, &dns):
		e.Stage = "dns"
	case errors.As(err, &op) && op.Op == "proxyconnect", strings.Contains(text, "Proxy"):
		e.Stage = "proxy"
	case errors.As(err, &verify), errors.As(err, &alert), errors.As(err, &record), strings.Contains(text, "tls:"),
		strings.Contains(text, "x509:"):
		e.Stage = "tls"
	case resp != nil:
		e.Stage = "http"
	}
	return e
}

// retryAfter reads the header of RFC 9110, 10.2.3: seconds or a date. 0 if there is none.
func retryAfter(value string, now time.Time) time.Duration {
	if n, err := strconv.Atoi(strings.TrimSpace(value)); err == nil && n > 0 {
		return time.Duration(n) * time.Second
	}
	if t, err := http.ParseTime(value); err == nil && t.After(now) {
		return t.Sub(now)
	}
	return 0
}
