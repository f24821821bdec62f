package transport

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"mod_openai_audio_stream/module/secret"
)

// Stage is how far Dial came.
type Stage string

// The stages, in their order.
const (
	StageOptions Stage = "options" // what was asked for is impossible: a file, a header, a URL
	StageDNS     Stage = "dns"
	StageTCP     Stage = "tcp"
	StageProxy   Stage = "proxy" // reaching it, or its answer to CONNECT
	StageTLS     Stage = "tls"
	StageHTTP    Stage = "http" // the upgrade
)

// DialError says why a server could not be reached. Its text holds no key, whatever the server said.
type DialError struct {
	Stage Stage
	// HTTPStatus is what the server, or the proxy if Stage is StageProxy, answered; 0 if there was no answer.
	HTTPStatus int
	// RetryAfter is what the answer asked for; 0 if nothing.
	RetryAfter time.Duration
	Err        error
}

func (e *DialError) Error() string { return fmt.Sprintf("connect: %s: %v", e.Stage, e.Err) }

// Unwrap is the reason.
func (e *DialError) Unwrap() error { return e.Err }

// Permanent reports whether another attempt would end the same way: what was asked for is impossible, or an answer of
// the 4xx kind that means this request and not this moment.
func (e *DialError) Permanent() bool {
	switch e.HTTPStatus {
	case http.StatusForbidden, // gateways answer it for a while
		http.StatusRequestTimeout, http.StatusConflict, http.StatusTooEarly, http.StatusTooManyRequests:
		return false
	}
	return e.Stage == StageOptions || e.HTTPStatus >= 400 && e.HTTPStatus < 500
}

// masked is an error whose text has been through a masker; what it wraps is for errors.Is and errors.As.
type masked struct {
	text string
	err  error
}

func (e *masked) Error() string { return e.text }
func (e *masked) Unwrap() error { return e.err }

// failure makes the error of a stage.
func failure(stage Stage, err error, m *secret.Masker) *DialError {
	var withURL *url.Error
	if errors.As(err, &withURL) {
		err = withURL.Err // without the URL, whose query may carry a key
	}
	var dns *net.DNSError
	var op *net.OpError
	switch {
	case stage == StageTCP && errors.As(err, &dns):
		stage = StageDNS
	case stage == StageHTTP && errors.As(err, &op) && op.Op == "remote error":
		stage = StageTLS // with TLS 1.3 the server refuses our certificate when we think that the handshake is over
	}
	text := err.Error()
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		text = "the connection was closed without an answer"
	}
	return &DialError{Stage: stage, Err: &masked{m.Text(oneLine(text)), err}}
}

// refused makes the error of an HTTP answer.
func refused(stage Stage, resp *http.Response, m *secret.Masker) *DialError {
	text := strings.TrimSpace(fmt.Sprintf("HTTP %d %s", resp.StatusCode, http.StatusText(resp.StatusCode)))
	if resp.Body != nil {
		const maxRunes = 200 // of characters; what servers say in their first line
		body, _ := io.ReadAll(io.LimitReader(resp.Body, 1024))
		// Masked before it is cut, so that a key at the edge is recognised.
		if said := strings.ToValidUTF8(oneLine(m.Text(string(body))), ""); said != "" {
			if r := []rune(said); len(r) > maxRunes {
				said = string(r[:maxRunes]) + "..."
			}
			text += ": " + said
		}
	}
	return &DialError{
		Stage:      stage,
		HTTPStatus: resp.StatusCode,
		RetryAfter: retryAfter(resp.Header.Get("Retry-After"), time.Now()),
		Err:        errors.New(text),
	}
}

// maxRetryAfter bounds what a server may ask for: no call lasts longer.
const maxRetryAfter = 24 * time.Hour

// retryAfter reads the header of RFC 9110, 10.2.3: seconds or a date. 0 if there is none.
func retryAfter(value string, now time.Time) time.Duration {
	value = strings.TrimSpace(value)
	var wait time.Duration
	if n, err := strconv.ParseUint(value, 10, 32); err == nil {
		wait = time.Duration(n) * time.Second
	} else if t, err := http.ParseTime(value); err == nil {
		wait = t.Sub(now)
	}
	return min(max(wait, 0), maxRetryAfter)
}

// oneLine makes control characters spaces, and several spaces one.
func oneLine(s string) string {
	return strings.Join(strings.FieldsFunc(s, func(r rune) bool { return r <= ' ' || r == 0x7f }), " ")
}
