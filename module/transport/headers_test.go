package transport_test

import (
	"net/http"
	"reflect"
	"strings"
	"testing"

	"mod_openai_audio_stream/module/transport"
)

func TestParseHeaders(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name, text string
		want       http.Header
	}{
		{"one", `{"authorization":"Bearer x"}`, http.Header{"Authorization": {"Bearer x"}}},
		{"several", ` { "OpenAI-Project" : "p" , "x-a":"1" } `, http.Header{"Openai-Project": {"p"}, "X-A": {"1"}}},
		{"none", `{}`, http.Header{}},
		{"empty value", `{"X-A":""}`, http.Header{"X-A": {""}}},
		{"space around a value", `{"X-A":" v\t"}`, http.Header{"X-A": {"v"}}},
		{"not ASCII", `{"X-A":"é"}`, http.Header{"X-A": {"é"}}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			got, err := transport.ParseHeaders([]byte(tc.text))
			if err != nil || !reflect.DeepEqual(got, tc.want) {
				t.Errorf("got %v, %v", got, err)
			}
		})
	}
}

func TestParseHeadersRefuses(t *testing.T) {
	t.Parallel()
	const object = `expected a JSON object of strings, {"Name":"value"}`
	long := strings.Repeat("v", 9000)
	for _, tc := range []struct{ name, text, want string }{
		{"nothing", ``, object},
		{"null", `null`, object},
		{"a list", `["hidden"]`, object},
		{"a string", `"hidden"`, object},
		{"an open object", `{"X-A":"hidden"`, object},
		{"an open string", `{"X-A":"hidden`, object},
		{"more than an object", `{"X-A":"hidden"} {}`, object},
		{"a name that is no string", `{1:"hidden"}`, object},
		{"a number", `{"X-A":17}`, `value of header "X-A": expected a string`},
		{"null as a value", `{"X-A":null}`, `value of header "X-A": expected a string`},
		{"an object as a value", `{"X-A":{"b":"hidden"}}`, `value of header "X-A": expected a string`},
		{"twice", `{"X-A":"hidden","x-a":"hidden"}`, `header "X-A": expected once`},
		{"line break in a value", `{"X-A":"hidden\r\nX-B: 1"}`, `value of header "X-A": expected no line breaks or control characters`},
		{"line feed in a value", `{"X-A":"hidden\nX-B: 1"}`, `value of header "X-A": expected no line breaks or control characters`},
		{"NUL in a value", `{"X-A":"hidden\u0000"}`, `value of header "X-A": expected no line breaks or control characters`},
		{"DEL in a value", `{"X-A":"hidden\u007f"}`, `value of header "X-A": expected no line breaks or control characters`},
		{"a long value", `{"X-A":"` + long + `"}`, `value of header "X-A": expected at most 8192 bytes`},
		{"empty name", `{"":"hidden"}`, `header name "": expected letters, digits and hyphens`},
		{"space in a name", `{"X A":"hidden"}`, `header name "X A": expected letters, digits and hyphens`},
		{"colon in a name", `{"X-A:":"hidden"}`, `header name "X-A:": expected letters, digits and hyphens`},
		{"line break in a name", `{"X\r\nA":"hidden"}`, `header name "X\r\nA": expected letters, digits and hyphens`},
		{"not ASCII in a name", `{"Xé":"hidden"}`, `header name "Xé": expected letters, digits and hyphens`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			h, err := transport.ParseHeaders([]byte(tc.text))
			if err == nil || err.Error() != tc.want {
				t.Errorf("got %v, %v\nwant %v", h, err, tc.want)
			}
			if err != nil && strings.Contains(err.Error(), "hidden") {
				t.Errorf("the error quotes a value: %v", err)
			}
		})
	}
}

func TestReservedHeaders(t *testing.T) {
	t.Parallel()
	for _, name := range []string{
		"Host", "host", "Connection", "UPGRADE", "Sec-WebSocket-Key", "sec-websocket-protocol", "Sec-WebSocket-Extensions",
		"Sec-WebSocket-Version", "Content-Length", "Transfer-Encoding", "TE", "Trailer", "Keep-Alive", "Expect",
		"Proxy-Authorization", "Proxy-Connection",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := transport.ParseHeaders([]byte(`{"` + name + `":"x"}`))
			if want := `header "` + name + `": it belongs to the connection and can't be set`; err == nil || err.Error() != want {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestTooManyHeaders(t *testing.T) {
	t.Parallel()
	var pairs []string
	for i := range 65 {
		pairs = append(pairs, `"X-`+strings.Repeat("a", i+1)+`":"v"`)
	}
	if _, err := transport.ParseHeaders([]byte("{" + strings.Join(pairs[:64], ",") + "}")); err != nil {
		t.Errorf("64: %v", err)
	}
	if _, err := transport.ParseHeaders([]byte("{" + strings.Join(pairs, ",") + "}")); err == nil {
		t.Error("65 headers were taken")
	}
}

func TestCredentialHeader(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]bool{
		"Authorization": true, "api-key": true, "X-Auth-Token": true, "Cookie": true, "Ocp-Apim-Subscription-Key": true,
		"OpenAI-Project": false, "User-Agent": false, "OpenAI-Safety-Identifier": false,
	} {
		if got := transport.CredentialHeader(name); got != want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func FuzzParseHeadersLetsNothingThroughThatEndsALine(f *testing.F) {
	f.Add([]byte(`{"X-A":"v","authorization":"Bearer x"}`))
	f.Add([]byte(`{"X-A\r\nB":"v\r\nHost: x"}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		h, err := transport.ParseHeaders(text)
		if err != nil {
			return
		}
		var wire strings.Builder
		if err := h.Write(&wire); err != nil {
			t.Fatal(err)
		}
		if lines := strings.Count(wire.String(), "\n"); lines != len(h) {
			t.Fatalf("%d headers make %d lines: %q", len(h), lines, wire.String())
		}
		for name, values := range h {
			if len(values) != 1 || transport.CheckHeader(name, values[0]) != nil {
				t.Fatalf("%q: %q", name, values)
			}
		}
	})
}
