package hostlog_test

import (
	"encoding/json"
	"net/url"
	"strings"
	"sync"
	"testing"

	"mod_openai_audio_stream/module/hostlog"
)

func TestMaskFindsWhatLooksLikeASecret(t *testing.T) {
	t.Parallel()
	const secret = "Zx9hiddenQ7"
	for name, tc := range map[string]struct{ text, want string }{
		"project key":         {"key sk-proj-" + secret + " refused", "key *** refused"},
		"old key":             {"sk-" + secret, "***"},
		"ephemeral key":       {"ek_" + secret + ", expired", "***, expired"},
		"key with stars":      {"sk-Zx9****enQ7 is wrong", "*** is wrong"},
		"bearer":              {"Authorization: Bearer " + secret, "Authorization: ***"},
		"bearer alone":        {"sent bearer " + secret + "; waiting", "sent bearer ***; waiting"},
		"basic":               {"Proxy-Authorization: Basic " + secret, "Proxy-Authorization: ***"},
		"api-key header":      {"api-key: " + secret, "api-key: ***"},
		"x-api-key header":    {"X-Api-Key: " + secret, "X-Api-Key: ***"},
		"field":               {"api_key=" + secret + " url=x", "api_key=*** url=x"},
		"json":                {`{"authorization":"` + secret + ` and more","a":1}`, `{"authorization":"***","a":1}`},
		"json, spaces":        {`{"authorization" : "` + secret + `"}`, `{"authorization" : "***"}`},
		"json in json":        {`{"m":"{\"authorization\":\"` + secret + ` x\"}"}`, `{"m":"{\"authorization\":\"***\"}"}`},
		"json in json twice":  {`\\\"api_key\\\":\\\"` + secret + `\\\",\\\"b\\\"`, `\\\"api_key\\\":\\\"***\\\",\\\"b\\\"`},
		"json escapes inside": {`{"password":"a\u00e9` + secret + `","b":2}`, `{"password":"***","b":2}`},
		"client secret":       {`"client_secret":"` + secret + `"`, `"client_secret":"***"`},
		"query key":           {"wss://h/p?model=m&key=" + secret + "&b=1", "wss://h/p?model=m&key=***&b=1"},
		"query api-key":       {"wss://h/p?api-key=" + secret, "wss://h/p?api-key=***"},
		"query api_key":       {"wss://h/p?api_key=" + secret + " now", "wss://h/p?api_key=*** now"},
		"query token":         {"?a=b&token=" + secret, "?a=b&token=***"},
		"query access token":  {"?access_token=" + secret, "?access_token=***"},
		"query sig":           {"?sv=1&sig=" + secret, "?sv=1&sig=***"},
		"query in json":       {`"wss://h/?a=1\u0026sig=` + secret + `"`, `"wss://h/?a=1\u0026sig=***"`},
		"query in html":       {"?a=1&amp;sig=" + secret, "?a=1&amp;sig=***"},
		"user in url":         {"proxy http://user:" + secret + "@proxy:3128 down", "proxy http://***@proxy:3128 down"},
		"subprotocol":         {"openai-insecure-api-key." + secret + ", realtime", "openai-insecure-api-key.***, realtime"},
		"echoed key": {
			"Incorrect API key provided: Zx9hid***********enQ7. You can find your API key at https://x.",
			"Incorrect API key provided: *** You can find your API key at https://x.",
		},
		"echoed short key": {"Incorrect API key provided: " + secret + ".", "Incorrect API key provided: ***"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := hostlog.Mask(tc.text); got != tc.want {
				t.Errorf("Mask(%q)\n got %q\nwant %q", tc.text, got, tc.want)
			}
		})
	}
}

func TestMaskLeavesTheRest(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"", "risk-averse task-force desk-top-publishing",
		`{"type":"response.done","usage":{"input_tokens":12,"output_token_details":{"cached_tokens":3}}}`,
		`{"max_output_tokens":4096,"item_id":"item_1"}`,
		"wss://api.openai.com/v1/realtime?model=gpt-realtime",
		"STREAM_BUFFER_SIZE \"30\": expected a multiple of 20 up to 1000 (ms)",
		"dial tcp 10.0.0.1:443: connect: connection refused",
		"caller@example.com said hello",
	} {
		if got := hostlog.Mask(text); got != text {
			t.Errorf("Mask(%q) = %q", text, got)
		}
	}
}

func TestMaskerMasksItsSecretsInEveryDress(t *testing.T) {
	t.Parallel()
	const secret = `p@ss "word"/with+odd&characters`
	quoted, err := json.Marshal(secret)
	if err != nil {
		t.Fatal(err)
	}
	m := hostlog.NewMasker(secret)
	for name, dressed := range map[string]string{
		"plain":         secret,
		"query":         url.QueryEscape(secret),
		"path":          url.PathEscape(secret),
		"json":          strings.ReplaceAll(string(quoted[1:len(quoted)-1]), `\u0026`, "&"),
		"json, escaped": string(quoted[1 : len(quoted)-1]),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := m.Mask("before " + dressed + " after")
			if strings.Contains(got, "odd") || !strings.HasPrefix(got, "before ***") || !strings.HasSuffix(got, " after") {
				t.Errorf("got %q", got)
			}
		})
	}
}

func TestMaskerMasksTheBeginningOfACutSecret(t *testing.T) {
	t.Parallel()
	m := hostlog.NewMasker("correct-horse-battery-staple")
	if got := m.Mask("logged: correct-horse-bat... (900 bytes)"); got != "logged: ***... (900 bytes)" {
		t.Errorf("got %q", got)
	}
}

func TestMaskerTakesTheLongerSecretFirst(t *testing.T) {
	t.Parallel()
	m := hostlog.NewMasker("inner", "an-inner-secret")
	if got := m.Mask("x an-inner-secret y inner z"); got != "x *** y *** z" {
		t.Errorf("got %q", got)
	}
}

func TestMaskerIgnoresWhatCannotBeASecret(t *testing.T) {
	t.Parallel()
	m := hostlog.NewMasker("", "abc", "********")
	if got := m.Mask("abc ******** def"); got != "abc ******** def" {
		t.Errorf("got %q", got)
	}
}

func TestZeroMaskerMasksPatterns(t *testing.T) {
	t.Parallel()
	var m hostlog.Masker
	if got := m.Mask("Bearer abcdef"); got != "Bearer ***" {
		t.Errorf("got %q", got)
	}
}

func TestMaskerTakesSecretsWhileItMasks(t *testing.T) {
	t.Parallel()
	var m hostlog.Masker
	var all sync.WaitGroup
	for _, secret := range []string{"secret-one", "secret-two", "secret-six", "secret-ten"} {
		all.Go(func() {
			m.Add(secret)
			if got := m.Mask(secret); got != "***" {
				t.Errorf("Mask(%q) = %q", secret, got)
			}
		})
	}
	all.Wait()
	if got := m.Mask("secret-one secret-two secret-six secret-ten"); got != "*** *** *** ***" {
		t.Errorf("a secret got lost: %q", got)
	}
}

func TestMaskURL(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"wss://h:1/v1/realtime?model=gpt": "wss://h:1/v1/realtime?model=gpt",
		"wss://h/?b=2&API-KEY=k1&a=1":     "wss://h/?b=2&API-KEY=***&a=1",
		"wss://h/?key=a%20b&x":            "wss://h/?key=***&x",
		"wss://h/?tok%65n=v":              "wss://h/?tok%65n=***",
		"wss://h/?bad%zz=v&c=1":           "wss://h/?bad%zz=***&c=1",
		"wss://user:pw@h/p":               "wss://h/p",
		"wss://h/sk-abcdefgh/p":           "wss://h/***/p",
		"wss://h/p?key=":                  "wss://h/p?key=",
	} {
		t.Run(in, func(t *testing.T) {
			t.Parallel()
			u, err := url.Parse(in)
			if err != nil {
				t.Fatal(err)
			}
			if got := hostlog.MaskURL(u); got != want {
				t.Errorf("got %q, want %q", got, want)
			}
			if u.String() != in {
				t.Errorf("the URL was changed to %q", u)
			}
		})
	}
	if got := hostlog.MaskURL(nil); got != "" {
		t.Errorf("nil: %q", got)
	}
}

func TestURLSecrets(t *testing.T) {
	t.Parallel()
	u, err := url.Parse("wss://user:pass%2Fword@h/?model=m&key=a%2Fb&sig=plain")
	if err != nil {
		t.Fatal(err)
	}
	got := strings.Join(hostlog.URLSecrets(u), " ")
	if want := "pass/word a%2Fb a/b plain"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := hostlog.URLSecrets(nil); got != nil {
		t.Errorf("nil: %q", got)
	}
}

func FuzzMaskerNeverLetsASecretThrough(f *testing.F) {
	f.Add("secret-key-1", "other", "a secret-key-1 b other c")
	f.Add("a***", "*a**", "aa***a***")
	f.Add("Bearer x", "x Bearer", "Bearer x Bearer x")
	f.Add("key=", "***x", "?key=***x&key=x")
	f.Add("*********and-more", "other", "********* *********and-more")
	f.Add("abcdefghabcdefgh", "habcdefg", "abcdefgabcdefghabcdefghabcdefgh")
	f.Fuzz(func(t *testing.T, a, b, text string) {
		m := hostlog.NewMasker(a, b)
		for _, whole := range []string{text, text + a + text, a + b + text, text + b[:len(b)/2] + a} {
			got := m.Mask(whole)
			for _, secret := range []string{a, b} {
				if len(secret) >= 4 && strings.Trim(secret, "*") != "" && strings.Contains(got, secret) {
					t.Fatalf("Mask(%q) = %q contains %q", whole, got, secret)
				}
			}
		}
	})
}

func BenchmarkMaskOfAnOrdinaryLine(b *testing.B) {
	m := hostlog.NewMasker("correct-horse-battery-staple")
	line := "received " + strings.Repeat(`{"type":"response.output_audio_transcript.delta","delta":"hello"} `, 10)
	for b.Loop() {
		if m.Mask(line) != line {
			b.Fatal("changed")
		}
	}
}
