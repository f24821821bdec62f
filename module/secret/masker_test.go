package secret_test

import (
	"encoding/json"
	"net/url"
	"strings"
	"sync"
	"testing"

	"mod_openai_audio_stream/module/secret"
)

func TestMaskFindsWhatLooksLikeASecret(t *testing.T) {
	t.Parallel()
	const key = "Zx9hiddenQ7"
	for name, tc := range map[string]struct{ text, want string }{
		"project key":         {"key sk-proj-" + key + " refused", "key *** refused"},
		"old key":             {"sk-" + key, "***"},
		"ephemeral key":       {"ek_" + key + ", expired", "***, expired"},
		"key with stars":      {"sk-Zx9****enQ7 is wrong", "*** is wrong"},
		"bearer":              {"Authorization: Bearer " + key, "Authorization: ***"},
		"bearer alone":        {"sent bearer " + key + "; waiting", "sent bearer ***; waiting"},
		"basic":               {"Proxy-Authorization: Basic " + key, "Proxy-Authorization: ***"},
		"api-key header":      {"api-key: " + key, "api-key: ***"},
		"x-api-key header":    {"X-Api-Key: " + key, "X-Api-Key: ***"},
		"field":               {"api_key=" + key + " url=x", "api_key=*** url=x"},
		"json":                {`{"authorization":"` + key + ` and more","a":1}`, `{"authorization":"***","a":1}`},
		"json, spaces":        {`{"authorization" : "` + key + `"}`, `{"authorization" : "***"}`},
		"json in json":        {`{"m":"{\"authorization\":\"` + key + ` x\"}"}`, `{"m":"{\"authorization\":\"***\"}"}`},
		"json in json twice":  {`\\\"api_key\\\":\\\"` + key + `\\\",\\\"b\\\"`, `\\\"api_key\\\":\\\"***\\\",\\\"b\\\"`},
		"json escapes inside": {`{"password":"a\u00e9` + key + `","b":2}`, `{"password":"***","b":2}`},
		"client secret":       {`"client_secret":"` + key + `"`, `"client_secret":"***"`},
		"query key":           {"wss://h/p?model=m&key=" + key + "&b=1", "wss://h/p?model=m&key=***&b=1"},
		"query api-key":       {"wss://h/p?api-key=" + key, "wss://h/p?api-key=***"},
		"query api_key":       {"wss://h/p?api_key=" + key + " now", "wss://h/p?api_key=*** now"},
		"query token":         {"?a=b&token=" + key, "?a=b&token=***"},
		"query access token":  {"?access_token=" + key, "?access_token=***"},
		"query sig":           {"?sv=1&sig=" + key, "?sv=1&sig=***"},
		"query in json":       {`"wss://h/?a=1\u0026sig=` + key + `"`, `"wss://h/?a=1\u0026sig=***"`},
		"query in html":       {"?a=1&amp;sig=" + key, "?a=1&amp;sig=***"},
		"user in url":         {"proxy http://user:" + key + "@proxy:3128 down", "proxy http://***@proxy:3128 down"},
		"subprotocol":         {"openai-insecure-api-key." + key + ", realtime", "openai-insecure-api-key.***, realtime"},
		"echoed key": {
			"Incorrect API key provided: Zx9hid***********enQ7. You can find your API key at https://x.",
			"Incorrect API key provided: *** You can find your API key at https://x.",
		},
		"echoed short key": {"Incorrect API key provided: " + key + ".", "Incorrect API key provided: ***"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := secret.Mask(tc.text); got != tc.want {
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
		if got := secret.Mask(text); got != text {
			t.Errorf("Mask(%q) = %q", text, got)
		}
	}
}

func TestTextMasksItsSecretsInEveryDress(t *testing.T) {
	t.Parallel()
	const key = `p@ss "word"/with+odd&characters`
	quoted, err := json.Marshal(key)
	if err != nil {
		t.Fatal(err)
	}
	m := secret.New(key)
	for name, dressed := range map[string]string{
		"plain":         key,
		"query":         url.QueryEscape(key),
		"path":          url.PathEscape(key),
		"json":          strings.ReplaceAll(string(quoted[1:len(quoted)-1]), `\u0026`, "&"),
		"json, escaped": string(quoted[1 : len(quoted)-1]),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := m.Text("before " + dressed + " after")
			if strings.Contains(got, "odd") || !strings.HasPrefix(got, "before ***") || !strings.HasSuffix(got, " after") {
				t.Errorf("got %q", got)
			}
		})
	}
}

func TestTextMasksTheBeginningOfACutSecret(t *testing.T) {
	t.Parallel()
	m := secret.New("correct-horse-battery-staple")
	if got := m.Text("logged: correct-horse-bat... (900 bytes)"); got != "logged: ***... (900 bytes)" {
		t.Errorf("got %q", got)
	}
}

// A secret that was cut in one dress is not taken for the beginning of another dress, which would leave its rest.
func TestTextMasksACutSecretInEveryDress(t *testing.T) {
	t.Parallel()
	m := secret.New(`forged "key" and/its value`)
	for _, text := range []string{
		`"forged \"key\" and/its value"`, `"forged \"key\" and/i"`, `"forged \\\"key\\\" and/i"`, `"forged+%22key%22+and%2Fi"`,
		`"forged%20%22key%22%20an"`,
	} {
		if got := m.Text(text); got != `"***"` {
			t.Errorf("%s became %s", text, got)
		}
	}
}

func TestTextTakesTheLongerSecretFirst(t *testing.T) {
	t.Parallel()
	m := secret.New("inner", "an-inner-secret")
	if got := m.Text("x an-inner-secret y inner z"); got != "x *** y *** z" {
		t.Errorf("got %q", got)
	}
}

func TestTextIgnoresWhatCannotBeASecret(t *testing.T) {
	t.Parallel()
	m := secret.New("", "abc", "********")
	if got := m.Text("abc ******** def"); got != "abc ******** def" {
		t.Errorf("got %q", got)
	}
}

func TestZeroMaskerMasksPatterns(t *testing.T) {
	t.Parallel()
	var m secret.Masker
	if got := m.Text("Bearer abcdef"); got != "Bearer ***" {
		t.Errorf("got %q", got)
	}
}

func TestTextTakesSecretsWhileItMasks(t *testing.T) {
	t.Parallel()
	var m secret.Masker
	var all sync.WaitGroup
	for _, key := range []string{"secret-one", "secret-two", "secret-six", "secret-ten"} {
		all.Go(func() {
			m.Add(key)
			if got := m.Text(key); got != "***" {
				t.Errorf("Text(%q) = %q", key, got)
			}
		})
	}
	all.Wait()
	if got := m.Text("secret-one secret-two secret-six secret-ten"); got != "*** *** *** ***" {
		t.Errorf("a secret got lost: %q", got)
	}
}

func TestInURL(t *testing.T) {
	t.Parallel()
	u, err := url.Parse("wss://user:pass%2Fword@h/?model=m&key=a%2Fb&sig=plain")
	if err != nil {
		t.Fatal(err)
	}
	got := strings.Join(secret.InURL(u), " ")
	if want := "pass/word a%2Fb a/b plain"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := secret.InURL(nil); got != nil {
		t.Errorf("nil: %q", got)
	}
}

func FuzzTextNeverLetsASecretThrough(f *testing.F) {
	f.Add("secret-key-1", "other", "a secret-key-1 b other c")
	f.Add("a***", "*a**", "aa***a***")
	f.Add("Bearer x", "x Bearer", "Bearer x Bearer x")
	f.Add("key=", "***x", "?key=***x&key=x")
	f.Add("*********and-more", "other", "********* *********and-more")
	f.Add("abcdefghabcdefgh", "habcdefg", "abcdefgabcdefghabcdefghabcdefgh")
	f.Fuzz(func(t *testing.T, a, b, text string) {
		m := secret.New(a, b)
		for _, whole := range []string{text, text + a + text, a + b + text, text + b[:len(b)/2] + a} {
			got := m.Text(whole)
			for _, key := range []string{a, b} {
				if len(key) >= 4 && strings.Trim(key, "*") != "" && strings.Contains(got, key) {
					t.Fatalf("Text(%q) = %q contains %q", whole, got, key)
				}
			}
		}
	})
}
