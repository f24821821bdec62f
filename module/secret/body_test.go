package secret_test

import (
	"encoding/json"
	"net/url"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"mod_openai_audio_stream/module/secret"
)

// What only looks like a secret is a caller's, a tool's or a model's word, and stays.
func TestBodyLeavesWhatIsNoSecretOfTheCall(t *testing.T) {
	t.Parallel()
	m := secret.New("sk-proj-thekeyofthiscall", "Basic dXNlcjpwYXNzd29yZA==", "pass")
	for _, text := range []string{
		``, `{}`, `null`, `not JSON`,
		`{"type":"response.function_call_arguments.done","arguments":"{\"new_password\":\"hunter2hunter2\",\"token\":\"t\"}"}`,
		`{"arguments":"{\"flight\":\"SK-1423\",\"ref\":\"ek_20260101\"}"}`,
		`{"transcript":"My password: correct horse. Authorization: Bearer of good news."}`,
		`{"transcript":"it is at https://user:name@h/?key=value&code=1234"}`,
		`{"transcript":"the bypass is passable"}`,
		`{"message":"Incorrect API key provided: sk-proj-*****call"}`,
		`{"text":"sk-proj-thekeyofthiscal"}`,
	} {
		body := []byte(text)
		got := m.Body(body)
		if string(got) != text || len(got) > 0 && &got[0] != &body[0] {
			t.Errorf("%s became %s", text, got)
		}
	}
	var none secret.Masker
	if got := none.Body([]byte(`{"a":"sk-proj-thekeyofthiscall"}`)); string(got) != `{"a":"sk-proj-thekeyofthiscall"}` {
		t.Errorf("a masker of no secrets made %s", got)
	}
}

func TestBodyReplacesTheSecretsOfTheCall(t *testing.T) {
	t.Parallel()
	const odd = "p@ss \"word\"/wîth\\odd&<chars>\t🔑"
	html, err := json.Marshal(odd)
	if err != nil {
		t.Fatal(err)
	}
	inner := string(html[1 : len(html)-1])
	plain := strings.NewReplacer(`\u003c`, "<", `\u003e`, ">", `\u0026`, "&").Replace(inner)
	m := secret.New(odd, "plain-key-1", "n-key-of-lines", "longer-plain-key-1-end")
	for name, test := range map[string]struct{ body, want string }{
		"plain":             {`{"a":"x plain-key-1 y"}`, `{"a":"x *** y"}`},
		"twice":             {`["plain-key-1plain-key-1","plain-key-1"]`, `["******","***"]`},
		"a name":            {`{"plain-key-1":1}`, `{"***":1}`},
		"the longer one":    {`"longer-plain-key-1-end"`, `"***"`},
		"JSON":              {`"x ` + plain + ` y"`, `"x *** y"`},
		"JSON and HTML":     {`"x ` + inner + ` y"`, `"x *** y"`},
		"JSON of PHP":       {`"x ` + strings.ReplaceAll(plain, "/", `\/`) + ` y"`, `"x *** y"`},
		"JSON in JSON":      {`"{\"a\":\"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(plain) + `\"}"`, `"{\"a\":\"***\"}"`},
		"query":             {`"?a=` + url.QueryEscape(odd) + `&b"`, `"?a=***&b"`},
		"path":              {`"/` + url.PathEscape(odd) + `/b"`, `"/***/b"`},
		"half of an escape": {`"line\n-key-of-lines n-key-of-lines"`, `"line\n-key-of-lines ***"`},
		"after an escape":   {`"\\n-key-of-lines \u00e9n-key-of-lines"`, `"\\*** \u00e9***"`},
		"no valid JSON":     {`{plain-key-1`, `{***`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			body := []byte(test.body)
			if got := m.Body(body); string(got) != test.want {
				t.Errorf("%s\n  became %s\nexpected %s", test.body, got, test.want)
			}
			if string(body) != test.body {
				t.Errorf("the argument was changed to %s", body)
			}
		})
	}
}

// A number is no text of ours, and half of it would be no number.
func TestBodyLeavesNumbers(t *testing.T) {
	t.Parallel()
	m := secret.New("12345678")
	if got, want := string(m.Body([]byte(`{"at":1712345678,"pin":"12345678"}`))), `{"at":1712345678,"pin":"***"}`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

var oneDress = regexp.MustCompile(`^[\w.-]*$`)

func FuzzBody(f *testing.F) {
	f.Add("secret-key-1", "another-key", "x secret-key-1 y")
	f.Add(`with"quote\s`, "u00e9abcdef", `\u00e9abcdef`)
	f.Add("n-newline-key", "*****abc", "\n-newline-key ********abc")
	f.Add("12345678", "true,1,2", "12345678")
	f.Fuzz(func(t *testing.T, a, b, text string) {
		m := secret.New(a, b)
		for _, said := range []string{text, text + a + text, a + b + text, `\` + a, "é" + b} {
			nested, err := json.Marshal(map[string]any{said: 1, "inner": said, "n": 12345678.5})
			if err != nil {
				t.Fatal(err)
			}
			for _, value := range []any{said, []any{said, 12345678, true}, map[string]any{said: string(nested)}} {
				body, err := json.Marshal(value)
				if err != nil {
					t.Fatal(err)
				}
				before := string(body)
				got := m.Body(body)
				if string(body) != before {
					t.Fatalf("the argument was changed from %s to %s", before, body)
				}
				var was, is any
				if err := json.Unmarshal(got, &is); err != nil {
					t.Fatalf("%s became %s: %v", body, got, err)
				}
				if err := json.Unmarshal(body, &was); err != nil {
					t.Fatal(err)
				}
				for _, key := range []string{a, b} {
					if len(key) >= 8 && strings.Trim(key, "*") != "" && strings.ToValidUTF8(key, "") == key && shows(is, key) {
						t.Fatalf("%s became %s, which shows %q", body, got, key)
					}
				}
				// A secret of these letters has one dress.
				if oneDress.MatchString(a+b) && !shows(was, a) && !shows(was, b) && !reflect.DeepEqual(was, is) {
					t.Fatalf("%s became %s", body, got)
				}
			}
		}
	})
}

// shows reports whether a string of the value contains the text.
func shows(value any, text string) bool {
	switch v := value.(type) {
	case string:
		return strings.Contains(v, text)
	case []any:
		for _, e := range v {
			if shows(e, text) {
				return true
			}
		}
	case map[string]any:
		for name, e := range v {
			if strings.Contains(name, text) || shows(e, text) {
				return true
			}
		}
	}
	return false
}
