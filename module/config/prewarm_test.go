package config_test

import (
	"fmt"
	"maps"
	"testing"
	"time"

	"mod_openai_audio_stream/module/command"
	"mod_openai_audio_stream/module/config"
)

func TestPrewarm(t *testing.T) {
	t.Parallel()
	f := parse(t, conf("", profile("a", param("prewarm", "3"))+profile("b", "")+profile("c", param("prewarm", "0"))+
		profile("d", param("prewarm", "")+param("instructions", "You speak to ${caller_id_name}."))+
		profile("e", param("prewarm", "100")+param("instructions", "You speak to ${caller_id_name}."))))
	if got, want := f.Prewarm(), map[string]int{"a": 3, "e": 100}; !maps.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestPrewarmThatIsRefused(t *testing.T) {
	t.Parallel()
	const number = `profile "p": param "prewarm" %q: expected a number from 0 to 100`
	const variable = `profile "p": param "prewarm" "1": param %q: it has ${%s}: expected no variables, which a connection ` +
		`can't know that is opened before the call`
	for name, tc := range map[string]struct{ params, want string }{
		"no number":              {param("prewarm", "two"), fmt.Sprintf(number, "two")},
		"negative":               {param("prewarm", "-1"), fmt.Sprintf(number, "-1")},
		"too many":               {param("prewarm", "101"), fmt.Sprintf(number, "101")},
		"a variable":             {param("prewarm", "${n}"), fmt.Sprintf(number, "${n}")},
		"a variable in the key":  {param("prewarm", "1") + param("api-key", "${key}"), fmt.Sprintf(variable, "api-key", "key")},
		"in a file's name":       {param("api-key", "file:/keys/${who}") + param("prewarm", "1"), fmt.Sprintf(variable, "api-key", "who")},
		"in a header":            {param("prewarm", "1") + param("extra-headers", `{"X-Secret":"abc ${who}"}`), fmt.Sprintf(variable, "extra-headers", "who")},
		"in a rate":              {param("prewarm", "1") + param("rate", "${rate}"), fmt.Sprintf(variable, "rate", "rate")},
		"and among the settings": {"", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			text := conf("", profile("p", tc.params))
			if tc.params == "" {
				text, tc.want = conf(param("prewarm", "1"), ""), `param "prewarm": expected one of`
			}
			_, err := config.Parse([]byte(text))
			if err == nil || len(err.Error()) < len(tc.want) || err.Error()[:len(tc.want)] != tc.want {
				t.Errorf("got %v, want %s", err, tc.want)
			}
		})
	}
}

// What a connection is opened with is what a start would open it with.
func TestResolveConnection(t *testing.T) {
	t.Parallel()
	key := writeFile(t, "the-key")
	f := parse(t, conf(param("heart-beat", "10")+param("tls-ca-file", "NONE"), profile("p",
		param("api-key", "file:"+key)+param("rate", "16k")+param("output-format", "g711_ulaw")+param("heart-beat", "20")+
			param("instructions", "file:/not/there")+param("session", `{"x":${x}}`))))
	c := command.Command{Profile: "p", RateHz: command.DefaultRateHz}
	s, err := f.ResolveConnection(&c)
	if err != nil {
		t.Fatal(err)
	}
	if c.URL.String() != "wss://h/p?model=m" || c.RateHz != 16000 || string(s.APIKey) != "the-key" || s.HeartBeat != 20*time.Second ||
		s.TLS.CAFile != "NONE" || s.OutputFormat.String() != "g711_ulaw" {
		t.Errorf("got %+v, %+v", c, s)
	}
	if s.Instructions != "" || s.Session != nil {
		t.Errorf("the settings have more than the connection needs: %+v", s)
	}
}

func TestResolveConnectionThatIsRefused(t *testing.T) {
	t.Parallel()
	f := parse(t, conf("", profile("v", param("extra-headers", `{"X":"a secret ${who}"}`))+
		profile("k", param("api-key", "file:/not/there"))+profile("u", "")))
	for name, want := range map[string]string{
		"v": `profile "v": param "extra-headers": it has ${who}: expected no variables, which a connection can't know that is opened before the call`,
		"k": `profile "k": param "api-key": stat /not/there: no such file or directory`,
		"x": `profile "x": expected one of k, u, v`,
	} {
		_, err := f.ResolveConnection(&command.Command{Profile: name})
		if err == nil || err.Error() != want {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}
