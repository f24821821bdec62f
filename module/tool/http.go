package tool

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"
	"time"
)

// maxReply is how many bytes of a reply the model gets.
const maxReply = 64 << 10

// client is for all calls. A reply that sends it elsewhere is an error: the profile says which host is told what a caller
// said. A request goes out once: Go repeats a POST only if nothing of it was written.
var client = &http.Client{
	Transport: &http.Transport{
		Proxy:                  http.ProxyFromEnvironment,
		DialContext:            (&net.Dialer{Timeout: 5 * time.Second}).DialContext,
		TLSHandshakeTimeout:    5 * time.Second,
		ForceAttemptHTTP2:      true,
		MaxIdleConns:           32,
		MaxIdleConnsPerHost:    8,
		IdleConnTimeout:        30 * time.Second,
		MaxResponseHeaderBytes: maxReply,
	},
	CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
}

// HTTP is a request to a server of the profile's.
type HTTP struct {
	Tool       string
	URL        string
	HeaderFile string // "" = none
	Arguments  json.RawMessage
	Timeout    time.Duration
}

// Call is which call of the tool this is.
type Call struct{ UUID, CallID, Caller string }

// HTTPError is why a request failed. Error is for the model: it names no host and no header. Unwrap is for the log.
type HTTPError struct {
	Reason string
	Cause  error
}

func (e *HTTPError) Error() string { return e.Reason }

// Unwrap is the cause, nil where the reason says it all.
func (e *HTTPError) Unwrap() error { return e.Cause }

func readHTTP(t *Tool, r *reader) func(values) (Job, error) {
	t.readArguments(r)
	a, err := t.parseAddress(r.required("url", errAddress.Error()))
	if err != nil {
		r.fail("url", err.Error())
	}
	headerFile := strings.TrimPrefix(r.text("header-file", ""), "file:")
	if headerFile != "" && !filepath.IsAbs(headerFile) {
		r.fail("header-file", "an absolute path")
	}
	return func(v values) (Job, error) {
		filled, err := a.fill(func(argument string) string { return v[argument].text })
		if err != nil {
			return nil, err
		}
		return &HTTP{Tool: t.Name, URL: filled, HeaderFile: headerFile, Arguments: t.object(v), Timeout: t.Timeout}, nil
	}
}

// Do sends the request and waits for the reply, for as long as ctx and the tool's timeout allow. The error is an
// *HTTPError.
func (h *HTTP) Do(ctx context.Context, about Call) (result json.RawMessage, err error) {
	ctx, cancel := context.WithTimeout(ctx, h.Timeout)
	defer cancel()
	request, err := h.request(ctx, about)
	if err != nil {
		return nil, &HTTPError{"the request could not be made", err}
	}
	response, err := client.Do(request)
	if err != nil {
		return nil, failure(err)
	}
	defer response.Body.Close() // read, not written
	if response.StatusCode/100 != 2 {
		return nil, &HTTPError{fmt.Sprintf("status %d", response.StatusCode), nil}
	}
	reply, err := io.ReadAll(io.LimitReader(response.Body, maxReply+1))
	switch {
	case err != nil:
		return nil, failure(err)
	case len(reply) > maxReply:
		return nil, &HTTPError{fmt.Sprintf("a reply of more than %d bytes", maxReply), nil}
	}
	return Result(reply), nil
}

func (h *HTTP) request(ctx context.Context, about Call) (*http.Request, error) {
	header := http.Header{}
	if h.HeaderFile != "" {
		var err error
		if header, err = readHeader(h.HeaderFile); err != nil {
			return nil, err
		}
	}
	body, err := encode(struct {
		UUID      string          `json:"uuid"`
		CallID    string          `json:"call_id"`
		Tool      string          `json:"tool"`
		Arguments json.RawMessage `json:"arguments"`
		Caller    string          `json:"caller"`
	}{about.UUID, about.CallID, h.Tool, h.Arguments, about.Caller})
	if err != nil {
		return nil, err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, h.URL, bytes.NewReader(body))
	if err != nil {
		return nil, withoutURL(err)
	}
	request.Header = header
	request.Header.Set("Content-Type", "application/json")
	if request.Header.Get("User-Agent") == "" {
		request.Header.Set("User-Agent", "mod_openai_audio_stream")
	}
	return request, nil
}

func failure(err error) error {
	var timeout net.Error
	switch {
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		return &HTTPError{"timeout", withoutURL(err)}
	case errors.Is(err, context.Canceled):
		return &HTTPError{"cancelled", withoutURL(err)}
	}
	return &HTTPError{"no connection", withoutURL(err)}
}

// withoutURL is the error without the URL that it went wrong with, whose query may hold a secret of the profile's, and
// holds what the model said.
func withoutURL(err error) error {
	var wrapped *url.Error
	if errors.As(err, &wrapped) {
		return wrapped.Err
	}
	return err
}
