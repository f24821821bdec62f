package transport

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"math"
	"net"
	"net/http"
	"time"

	"github.com/coder/websocket"

	"mod_openai_audio_stream/module/secret"
)

const userAgent = "mod_openai_audio_stream"

// dialing is what the steps of one Dial share.
type dialing struct {
	options *Options
	masker  *secret.Masker
	socket  *socket // nil until there is one
}

// Dial connects to a server and returns when it has accepted the upgrade: DNS, TCP, perhaps a proxy, TLS, HTTP. The
// error is a *DialError, or that of ctx when that ended first. Redirects are not followed: the key is for this server.
// Nothing is left behind by an attempt that failed.
func Dial(ctx context.Context, o *Options) (*Conn, error) {
	d := &dialing{options: o.withDefaults(), masker: o.masker()}
	timed, cancel := context.WithTimeout(ctx, d.options.ConnectTimeout)
	defer cancel()
	conn, err := d.dial(timed)
	if err != nil {
		if d.socket != nil {
			d.socket.kill()
		}
		if ctx.Err() != nil {
			return nil, fmt.Errorf("connect: %w", ctx.Err())
		}
		if timed.Err() != nil && err.HTTPStatus == 0 {
			// What failed was a socket closed because of the time.
			err.Err = &masked{fmt.Sprintf("no answer within %v", d.options.ConnectTimeout), timed.Err()}
		}
		return nil, err
	}
	return conn, nil
}

func (d *dialing) dial(ctx context.Context) (*Conn, *DialError) {
	o := d.options
	config, err := d.check()
	if err != nil {
		return nil, failure(StageOptions, err, d.masker)
	}
	proxy, err := proxyFor(o)
	if err != nil {
		return nil, failure(StageOptions, err, d.masker)
	}

	target, next, stage := hostPort(o.URL), hostPort(o.URL), StageTCP
	if proxy != nil {
		d.masker.Add(secret.InURL(proxy)...)
		next, stage = hostPort(proxy), StageProxy
	}
	dialer := net.Dialer{
		KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: 15 * time.Second, Interval: 5 * time.Second, Count: 3},
		// The resolver in Go: one in C holds a thread for each name that nobody answers for.
		Resolver: &net.Resolver{PreferGo: true},
		Control:  setUserTimeout,
	}
	tcp, err := dialer.DialContext(ctx, "tcp", next)
	if err != nil {
		return nil, failure(stage, err, d.masker)
	}
	if d.socket, err = newSocket(tcp, o.WriteTimeout); err != nil {
		_ = tcp.Close() // it has not been used
		return nil, failure(stage, err, d.masker)
	}
	// From here on the end of ctx makes every read and write fail.
	stop := context.AfterFunc(ctx, d.socket.kill)
	defer stop()

	var conn net.Conn = d.socket
	if proxy != nil {
		through, failed := tunnel(ctx, conn, proxy, target, d)
		if failed != nil {
			return nil, failed
		}
		conn = through
	}
	if o.URL.Scheme == "wss" {
		secured := tls.Client(conn, config)
		if err := secured.HandshakeContext(ctx); err != nil {
			return nil, failure(StageTLS, err, d.masker)
		}
		conn = secured
	}
	ws, failed := d.upgrade(ctx, conn)
	if failed != nil {
		return nil, failed
	}
	if !stop() {
		_ = ws.CloseNow() // the library keeps what it was not told to close: its finalizer is part of a cycle
		return nil, failure(StageHTTP, ctx.Err(), d.masker)
	}
	return newConn(ws, conn, d.socket, d.masker, o), nil
}

// check looks at what can be wrong before anything is sent.
func (d *dialing) check() (*tls.Config, error) {
	o := d.options
	if o.URL == nil || o.URL.Scheme != "ws" && o.URL.Scheme != "wss" || o.URL.Hostname() == "" {
		return nil, errors.New("URL: expected ws://host/path or wss://host/path")
	}
	for name, values := range o.Header {
		for _, v := range values {
			if err := CheckHeader(name, v); err != nil {
				return nil, err
			}
		}
	}
	return o.TLS.config(o.URL.Hostname())
}

// upgrade makes conn a WebSocket.
func (d *dialing) upgrade(ctx context.Context, conn net.Conn) (*websocket.Conn, *DialError) {
	o := d.options
	header := o.Header.Clone()
	if header == nil {
		header = http.Header{}
	}
	if header.Get("User-Agent") == "" {
		header.Set("User-Agent", userAgent)
	}
	// The plain offer, without parameters: servers exist that accept no_context_takeover and then do as they like, and
	// the window of 32 KB is not what a call's memory is made of.
	mode := websocket.CompressionContextTakeover
	if o.DisableDeflate {
		mode = websocket.CompressionDisabled
	}
	ws, resp, err := websocket.Dial(ctx, o.URL.String(), &websocket.DialOptions{
		HTTPClient: &http.Client{
			Transport:     &handshake{conn},
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
		HTTPHeader:           header,
		Subprotocols:         o.Subprotocols,
		CompressionMode:      mode,
		CompressionThreshold: math.MaxInt, // see Options.DisableDeflate
	})
	switch {
	case err == nil:
		ws.SetReadLimit(o.ReadLimit)
		return ws, nil
	case resp != nil && resp.StatusCode != http.StatusSwitchingProtocols:
		return nil, refused(StageHTTP, resp, d.masker)
	default:
		return nil, failure(StageHTTP, err, d.masker)
	}
}
