package config_test

import (
	"encoding/json"
	"os"
	"strings"
	"testing"
	"time"

	"mod_openai_audio_stream/module/command"
	"mod_openai_audio_stream/module/config"
)

func TestAProfileGivesAllThatAStartNeeds(t *testing.T) {
	t.Parallel()
	f := parse(t, conf(param("heart-beat", "10")+param("voice", "ash"), profile("p",
		param("mix", "stereo")+param("rate", "16k")+param("mute-user", "true")+param("voice", "marin")+param("max-duration", "60"))))
	c := command.Command{Profile: "p", RateHz: 8000}
	s, err := f.Resolve(&c, vars{"STREAM_MAX_DURATION": "30"}.get)
	if err != nil {
		t.Fatal(err)
	}
	if c.URL.String() != "wss://h/p?model=m" || c.Mix != command.Stereo || c.RateHz != 16000 || !c.MuteUser {
		t.Errorf("the command is %+v", c)
	}
	if s.HeartBeat != 10*time.Second || s.Voice != "marin" || s.MaxDuration != 30*time.Second {
		t.Errorf("the settings are %+v", s)
	}
}

func TestWhatWasTypedWinsOverTheProfile(t *testing.T) {
	t.Parallel()
	f := parse(t, conf("", profile("p", param("mix", "stereo")+param("rate", "16k")+param("mute-user", "true"))))
	c, err := command.Parse("uuid start profile:p mixed 24k")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Resolve(&c, vars{}.get); err != nil || c.Mix != command.Mixed || c.RateHz != 24000 || !c.MuteUser {
		t.Errorf("got %+v, %v", c, err)
	}
}

func TestWithoutAProfile(t *testing.T) {
	t.Parallel()
	f := parse(t, conf(param("voice", "ash"), profile("p", param("voice", "marin"))))
	c, err := command.Parse("uuid start wss://other/")
	if err != nil {
		t.Fatal(err)
	}
	s, err := f.Resolve(&c, vars{}.get)
	if err != nil || s.Voice != "ash" || c.URL.Host != "other" {
		t.Errorf("got %+v, %+v, %v", c, s, err)
	}
}

func TestProfilesThatAreNotThere(t *testing.T) {
	t.Parallel()
	for profiles, want := range map[string]string{
		"":                                  `profile "x": expected one of openai_audio_stream.conf, which has none`,
		profile("b", "") + profile("a", ""): `profile "x": expected one of a, b`,
	} {
		_, err := parse(t, conf("", profiles)).Resolve(&command.Command{Profile: "x"}, vars{}.get)
		if err == nil || err.Error() != want {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}

func TestVariablesInProfiles(t *testing.T) {
	t.Parallel()
	variables := vars{
		"name": `Ann "A" O'Neil \ <b>`, "model": "m&api-key=x y", "base": "wss://h:1/v1", "host": "h:8443", "path": "a/b?c",
		"lang": "de", "up": "../../etc/passwd", "file": "file:/etc/passwd", "session": `{"voice":"ash"}`, "empty": "",
		"nested": "${name}",
	}
	dir := writeFile(t, "Sprich deutsch.")
	dirVariable := vars{"path_of_file": dir}
	for _, tc := range []struct{ name, param, value, want string }{
		{"text", "instructions", "Call ${name}.", `Call Ann "A" O'Neil \ <b>.`},
		{"several", "instructions", "${lang}${lang} ${empty}${unset}.", "dede ."},
		{"not again", "instructions", "x ${nested}", "x ${name}"},
		{"no dollar", "instructions", "costs $5 {name} $name", "costs $5 {name} $name"},
		{"whole JSON", "session", "${session}", `{"voice":"ash"}`},
		{"in JSON", "session", `{"instructions":"Call ${name}."}`, `{"instructions":"Call Ann \"A\" O'Neil \\ \u003cb\u003e."}`},
		{"JSON that is none", "instructions", "{${name}", `{Ann "A" O'Neil \ <b>`},
		{"file", "instructions", "file:${path_of_file}", "Sprich deutsch."},
		{"URL, query", "url", "wss://h/p?model=${model}&x=${lang}", "wss://h/p?model=m%26api-key%3Dx%20y&x=de"},
		{"URL, beginning", "url", "${base}/realtime?model=m", "wss://h:1/v1/realtime?model=m"},
		{"URL, host", "url", "wss://${host}/p", "wss://h:8443/p"},
		{"URL, path", "url", "wss://h/${path}", "wss://h/a%2Fb%3Fc"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			params := param(tc.param, tc.value)
			if tc.param != "url" {
				params = param("url", "wss://h/") + params
			}
			c := command.Command{Profile: "p"}
			s, err := parse(t, conf("", `<profile name="p">`+params+`</profile>`)).Resolve(&c, func(name string) string {
				return variables[name] + dirVariable[name]
			})
			if err != nil {
				t.Fatal(err)
			}
			got := map[string]string{"instructions": s.Instructions, "session": string(s.Session), "url": c.URL.String()}[tc.param]
			if got != tc.want {
				t.Errorf("got  %s\nwant %s", got, tc.want)
			}
			if tc.param == "session" && !json.Valid(s.Session) {
				t.Errorf("no JSON: %s", s.Session)
			}
		})
	}
	for _, tc := range []struct{ name, param, value, want string }{
		{"a path out of its folder", "instructions", "file:/prompts/${up}", `param "instructions": ${up} can't be part of a path`},
		{"a variable that names a file", "instructions", "${file}", `param "instructions": a variable can't name a file: expected file:${name}`},
		{"a key that names a file", "api-key", "${file}", `param "api-key": a variable can't name a file: expected file:${name}`},
		{"no URL", "url", "${empty}", `param "url": it is empty, because its variables are unset`},
		{"a URL that is none", "url", "${name}", `URL "Ann \"A\" O'Neil \\ <b>": expected ws://host/path or wss://host/path`},
		{"a bad value", "heart-beat", "${lang}", `param "heart-beat" "de": expected a number from 0 to 3600 (seconds)`},
		{"a bad rate", "rate", "${lang}", `sampling rate "de": expected 8k, 16k, 24k or a multiple of 8000 up to 48000`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			params := param(tc.param, tc.value)
			if tc.param != "url" {
				params = param("url", "wss://h/") + params
			}
			f := parse(t, conf("", `<profile name="p">`+params+`</profile>`))
			_, err := f.Resolve(&command.Command{Profile: "p"}, variables.get)
			if want := `profile "p": ` + tc.want; err == nil || err.Error() != want {
				t.Errorf("got  %v\nwant %s", err, want)
			}
		})
	}
}

func TestFilesAreReadAtEachStart(t *testing.T) {
	t.Parallel()
	key, session, prompt, pem := writeFile(t, "key-1"), writeFile(t, `{"a":1}`), writeFile(t, "one"), writeFile(t, "PEM")
	f := parse(t, conf(param("api-key", "file:"+key)+param("session", "file:"+session)+param("tls-ca-file", pem),
		profile("p", param("instructions", "file:"+prompt))))
	if f.Settings.APIKey != "" || f.Settings.Session != nil {
		t.Error("the files were read when the configuration was")
	}
	check := func(key, session, prompt string) {
		t.Helper()
		s, err := f.Resolve(&command.Command{Profile: "p"}, vars{}.get)
		if err != nil || string(s.APIKey) != key || string(s.Session) != session || s.Instructions != prompt || s.TLS.CAFile != pem {
			t.Errorf("got %q %q %q %q, %v", string(s.APIKey), s.Session, s.Instructions, s.TLS.CAFile, err)
		}
	}
	check("key-1", `{"a":1}`, "one")
	rewrite(t, key, "key-2")
	rewrite(t, session, `{"a":2}`)
	rewrite(t, prompt, "two")
	check("key-2", `{"a":2}`, "two")
	rewrite(t, session, `junk`)
	_, err := f.Resolve(&command.Command{Profile: "p"}, vars{}.get)
	if want := `openai_audio_stream.conf: param "session": expected a JSON object`; err == nil || !strings.HasPrefix(err.Error(), want) {
		t.Errorf("got %v", err)
	}
}

func TestAConfigurationMayNameFilesThatAreNotThereYet(t *testing.T) {
	t.Parallel()
	f := parse(t, conf(param("tls-cert-file", "/nowhere/cert")+param("tls-key-file", "/nowhere/key"), ""))
	_, err := f.Resolve(&command.Command{}, vars{}.get)
	if want := `openai_audio_stream.conf: param "tls-cert-file" "/nowhere/cert": expected a readable file: `; err == nil || !strings.HasPrefix(err.Error(), want) {
		t.Errorf("got %v", err)
	}
}

func TestResolveLeavesTheFileAlone(t *testing.T) {
	t.Parallel()
	f := parse(t, conf(param("voice", "ash"), profile("p", param("voice", "marin")+param("extra-headers", `{"X-A":"1"}`))))
	if _, err := f.Resolve(&command.Command{Profile: "p"}, vars{"STREAM_OPENAI_API_KEY": "k"}.get); err != nil {
		t.Fatal(err)
	}
	if f.Settings.Voice != "ash" || f.Settings.ExtraHeaders != nil || f.Settings.APIKey != config.Secret("") {
		t.Errorf("got %+v", f.Settings)
	}
}

func rewrite(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
