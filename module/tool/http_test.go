package tool_test

import (
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"mod_openai_audio_stream/module/tool"
)

// about is a call.
var about = tool.Call{UUID: "u-1", CallID: "call_1", Caller: "+49123"}

// serve answers requests with what handle says, and counts them.
func serve(t *testing.T, handle http.HandlerFunc) (server *httptest.Server, requests *atomic.Int32) {
	t.Helper()
	requests = new(atomic.Int32)
	server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		requests.Add(1)
		handle(w, r)
	}))
	t.Cleanup(server.Close)
	return server, requests
}

// request is one to this URL.
func request(url string) *tool.HTTP {
	return &tool.HTTP{Tool: "look", URL: url, Arguments: json.RawMessage("{}"), Timeout: time.Minute}
}

// reason checks that an error says why a request failed, and shows no secret, to the model or the log.
func reason(t *testing.T, err error, want string) {
	t.Helper()
	var failure *tool.HTTPError
	if !errors.As(err, &failure) || failure.Reason != want || err.Error() != want {
		t.Fatalf("got %v, want %s", err, want)
	}
	if shown := fmt.Sprint(err, errors.Unwrap(err)); strings.Contains(shown, "forged") {
		t.Errorf("a secret in %q", shown)
	}
}

func TestWhatAServerIsAsked(t *testing.T) {
	t.Parallel()
	var got *http.Request
	var body []byte
	server, _ := serve(t, func(w http.ResponseWriter, r *http.Request) {
		got = r
		body, _ = io.ReadAll(r.Body)
	})
	header := filepath.Join(t.TempDir(), "header")
	write(t, header, "# of the shop\r\n\r\nAuthorization: Bearer one\r\n X-Two : a:b \nX-Two: c")
	job, err := parse(t, element("look", "http", attrs{"url": server.URL + "/{id}?q={id}", "header-file": header},
		argument(attrs{"name": "id", "required": "true"}))).Bind(`{"id":"a/b\r\nX-Injected: 1"}`)
	if err != nil {
		t.Fatal(err)
	}
	h, ok := job.(*tool.HTTP)
	if !ok {
		t.Fatalf("got %T", job)
	}
	if _, err := h.Do(t.Context(), about); err != nil {
		t.Fatal(err)
	}
	const wantURI = "/a%2Fb%0D%0AX-Injected%3A%201?q=a%2Fb%0D%0AX-Injected%3A%201"
	if got.Method != http.MethodPost || got.RequestURI != wantURI || got.Header.Get("Content-Type") != "application/json" ||
		got.Header.Get("User-Agent") != "mod_openai_audio_stream" || got.Header.Get("Authorization") != "Bearer one" ||
		strings.Join(got.Header.Values("X-Two"), "|") != "a:b|c" || got.Header.Get("X-Injected") != "" {
		t.Errorf("got %s %s %v", got.Method, got.RequestURI, got.Header)
	}
	const wantBody = `{"uuid":"u-1","call_id":"call_1","tool":"look","arguments":{"id":"a/b\r\nX-Injected: 1"},"caller":"+49123"}`
	if string(body) != wantBody {
		t.Errorf("got  %s\nwant %s", body, wantBody)
	}
	// The file is read again for each call.
	write(t, header, "Authorization: Bearer two\nuser-agent: mine")
	if _, err := h.Do(t.Context(), about); err != nil || got.Header.Get("Authorization") != "Bearer two" || got.Header.Get("User-Agent") != "mine" {
		t.Errorf("got %v, %v", got.Header, err)
	}
}

func TestReplies(t *testing.T) {
	t.Parallel()
	const limit = 64 << 10
	long := strings.Repeat("x", limit)
	for _, tc := range []struct {
		name, reply, want string
	}{
		{"JSON", " {\"open\": [1, 2]}\n", `{"open": [1, 2]}`},
		{"a number", "42", "42"},
		{"text", "Open until 5 \"pm\" <b>", `"Open until 5 \"pm\" <b>"`},
		{"nothing", "", `""`},
		{"no UTF-8", "a\xffb", `"a` + "\uFFFD" + `b"`},
		{"as much as is allowed", long, `"` + long + `"`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			server, _ := serve(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, tc.reply) })
			got, err := request(server.URL).Do(t.Context(), about)
			if err != nil || string(got) != tc.want {
				t.Errorf("got %.100s, %v", got, err)
			}
		})
	}
	for name, handle := range map[string]http.HandlerFunc{
		"more than is allowed": func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, long+"x") },
		"more than is allowed, compressed": func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			z := gzip.NewWriter(w)
			for range 100 {
				_, _ = io.WriteString(z, long)
			}
			_ = z.Close()
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server, _ := serve(t, handle)
			_, err := request(server.URL).Do(t.Context(), about)
			reason(t, err, "a reply of more than 65536 bytes")
		})
	}
}

func TestRequestsThatFail(t *testing.T) {
	t.Parallel()
	const secret = "/?key=forged"
	t.Run("status", func(t *testing.T) {
		t.Parallel()
		server, _ := serve(t, func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "forged", http.StatusServiceUnavailable) })
		_, err := request(server.URL+secret).Do(t.Context(), about)
		reason(t, err, "status 503")
	})
	t.Run("redirect", func(t *testing.T) {
		t.Parallel()
		elsewhere, reached := serve(t, func(http.ResponseWriter, *http.Request) {})
		server, _ := serve(t, func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, elsewhere.URL, http.StatusTemporaryRedirect)
		})
		_, err := request(server.URL+secret).Do(t.Context(), about)
		reason(t, err, "status 307")
		if reached.Load() != 0 {
			t.Error("the redirect was followed")
		}
	})
	t.Run("timeout of the tool", func(t *testing.T) {
		t.Parallel()
		server, _ := serve(t, func(_ http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body) // only then the server sees that the client has gone
			<-r.Context().Done()
		})
		h := request(server.URL + secret)
		h.Timeout = time.Millisecond
		_, err := h.Do(t.Context(), about)
		reason(t, err, "timeout")
	})
	t.Run("cancelled in the midst of the reply", func(t *testing.T) {
		t.Parallel()
		ctx, cancel := context.WithCancel(t.Context())
		server, _ := serve(t, func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			_, _ = io.WriteString(w, "half")
			_ = http.NewResponseController(w).Flush()
			cancel()
			<-r.Context().Done()
		})
		_, err := request(server.URL+secret).Do(ctx, about)
		reason(t, err, "cancelled")
	})
	t.Run("nobody there", func(t *testing.T) {
		t.Parallel()
		server := httptest.NewServer(nil)
		server.Close()
		_, err := request(server.URL+secret).Do(t.Context(), about)
		reason(t, err, "no connection")
	})
	t.Run("a certificate that nobody vouches for", func(t *testing.T) {
		t.Parallel()
		server := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("asked all the same") }))
		server.Config.ErrorLog = nil
		server.StartTLS()
		defer server.Close()
		_, err := request(server.URL+secret).Do(t.Context(), about)
		reason(t, err, "no connection")
	})
	t.Run("a connection that breaks is not tried again", func(t *testing.T) {
		t.Parallel()
		server, requests := serve(t, func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/break" {
				panic(http.ErrAbortHandler)
			}
		})
		if _, err := request(server.URL).Do(t.Context(), about); err != nil {
			t.Fatal(err)
		}
		_, err := request(server.URL+"/break"+secret[1:]).Do(t.Context(), about)
		reason(t, err, "no connection")
		if n := requests.Load(); n != 2 {
			t.Errorf("%d requests", n)
		}
	})
}

func TestBadHeaderFiles(t *testing.T) {
	t.Parallel()
	server, requests := serve(t, func(http.ResponseWriter, *http.Request) {})
	for name, tc := range map[string]struct{ text, want string }{
		"no colon":          {"X-A: 1\n\nforged", "line 3: expected Name: value, of a header that is not the connection's own"},
		"no name":           {": forged", "line 1: expected Name: value, of a header that is not the connection's own"},
		"spaces in a name":  {"forged name: 1", "line 1: expected Name: value, of a header that is not the connection's own"},
		"control character": {"X-A: forged\x01", "line 1: expected Name: value, of a header that is not the connection's own"},
		"another host":      {"Host: forged", "line 1: expected Name: value, of a header that is not the connection's own"},
		"another length":    {"content-length: 1", "line 1: expected Name: value, of a header that is not the connection's own"},
		"too long":          {strings.Repeat("#", 64<<10+1), "expected at most 65536 bytes"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := request(server.URL)
			h.HeaderFile = filepath.Join(t.TempDir(), "header")
			write(t, h.HeaderFile, tc.text)
			_, err := h.Do(t.Context(), about)
			reason(t, err, "the request could not be made")
			if got := errors.Unwrap(err); got == nil || got.Error() != h.HeaderFile+": "+tc.want {
				t.Errorf("got %v", got)
			}
		})
	}
	t.Run("none", func(t *testing.T) {
		t.Parallel()
		h := request(server.URL)
		h.HeaderFile = filepath.Join(t.TempDir(), "none")
		_, err := h.Do(t.Context(), about)
		reason(t, err, "the request could not be made")
		if !errors.Is(err, os.ErrNotExist) {
			t.Errorf("got %v", errors.Unwrap(err))
		}
	})
	t.Cleanup(func() { // after the subtests
		if requests.Load() != 0 {
			t.Error("a request was sent all the same")
		}
	})
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
