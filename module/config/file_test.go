package config_test

import (
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"mod_openai_audio_stream/module/command"
	"mod_openai_audio_stream/module/config"
)

const shipped = "../../conf/openai_audio_stream.conf.xml"

func TestDefaults(t *testing.T) {
	t.Parallel()
	f := config.Default()
	s := f.Settings
	for name, got := range map[string]bool{
		"connect-timeout":  s.ConnectTimeout == 5*time.Second,
		"connect-buffer":   s.ConnectBuffer == 10*time.Second,
		"reconnect-buffer": s.ReconnectBuffer == 2*time.Second,
		"playback-buffer":  s.PlaybackBuffer == 6*time.Minute,
		"backoff":          s.BackoffStart == 100*time.Millisecond && s.BackoffCap == 3*time.Second && s.BackoffAttempts == 30,
		"buffer-size":      s.BufferSize == 20*time.Millisecond,
		"output-rate":      s.OutputRate == 24000,
		"limits":           f.MaxSessions == 0 && f.GoMaxProcs == 0 && f.GoGCPercent == 100 && f.GoMemoryLimit == 0,
		"profiles":         f.Profiles() == nil,
	} {
		if !got {
			t.Errorf("%s has another default: %+v", name, f)
		}
	}
}

func TestEveryDefaultIsAccepted(t *testing.T) {
	t.Parallel()
	for _, s := range config.Table() {
		if s.Default == "" {
			continue
		}
		f, err := config.Parse([]byte(conf(param(s.Param, s.Default), "")))
		if err != nil || !reflect.DeepEqual(f, config.Default()) {
			t.Errorf("%s: %v", s.Param, err)
		}
	}
}

func TestTheTableIsWellFormed(t *testing.T) {
	t.Parallel()
	params, variables := map[string]bool{}, map[string]bool{}
	for _, s := range config.Table() {
		if params[s.Param] || s.Variable != "" && variables[s.Variable] {
			t.Errorf("%s stands twice", s.Param)
		}
		params[s.Param], variables[s.Variable] = true, true
		if !regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)*$`).MatchString(s.Param) {
			t.Errorf("%s is not in kebab-case", s.Param)
		}
		if s.Variable != "" && !regexp.MustCompile(`^STREAM_[A-Z_]+$`).MatchString(s.Variable) {
			t.Errorf("%s is no variable's name", s.Variable)
		}
		if s.Help == "" || strings.HasSuffix(s.Help, ".") {
			t.Errorf("%s: help %q", s.Param, s.Help)
		}
	}
}

func TestTheShippedFile(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(shipped)
	if err != nil {
		t.Fatal(err)
	}
	t.Run("is the defaults", func(t *testing.T) {
		t.Parallel()
		if f := parse(t, string(text)); !reflect.DeepEqual(f, config.Default()) {
			t.Errorf("got %+v", f)
		}
	})
	t.Run("has every setting, with its default and its comment", func(t *testing.T) {
		t.Parallel()
		settings, _, _ := strings.Cut(string(text), "</settings>")
		entry := regexp.MustCompile(`<!-- ([^<>]+) -->\s+(<!-- )?<param name="([^"]*)" value="([^"]*)"/>( -->)?`)
		found := map[string][]string{}
		var order []string
		for _, m := range entry.FindAllStringSubmatch(settings, -1) {
			if (m[2] == "") != (m[5] == "") || (m[2] == "") != (m[4] != "") {
				t.Errorf("%s: commented out and not empty, or the other way round", m[3])
			}
			if found[m[3]] != nil {
				t.Errorf("%s stands twice", m[3])
			}
			found[m[3]] = []string{strings.Join(strings.Fields(m[1]), " "), m[4]}
			order = append(order, m[3])
		}
		if n := strings.Count(settings, "<param "); n != len(order) {
			t.Errorf("%d params, %d of them with a comment", n, len(order))
		}
		for _, s := range config.Table() {
			comment := s.Help
			if s.Variable != "" {
				comment += " [" + s.Variable + "]"
			}
			if want := []string{comment, s.Default}; !slices.Equal(found[s.Param], want) {
				t.Errorf("%s\n got %q\nwant %q", s.Param, found[s.Param], want)
			}
			delete(found, s.Param)
		}
		for name := range found {
			t.Errorf("%s is in the file alone", name)
		}
	})
	t.Run("has an example that works", func(t *testing.T) {
		t.Parallel()
		_, rest, _ := strings.Cut(string(text), "<!--\n    <profile")
		example, _, ok := strings.Cut(rest, "-->")
		if !ok {
			t.Fatal("no example")
		}
		example = strings.Replace("<profile"+example, "file:/etc/freeswitch/openai.key", "the-key", 1)
		var tools []string
		c := command.Command{Profile: "receptionist"}
		s, err := parse(t, conf("", example)).Resolve(&c, vars{"caller_id_name": "Ann"}.get)
		for _, made := range s.Tools {
			tools = append(tools, string(made.Action))
		}
		if got := strings.Join(tools, " "); got != "hangup transfer http collect set" {
			t.Errorf("the tools of the example are %s", got)
		}
		if err != nil || c.URL == nil || c.RateHz != 24000 || s.Voice != "marin" || !strings.Contains(s.Instructions, "The caller is Ann.") {
			t.Errorf("got %+v, %+v, %v", c, s, err)
		}
	})
}

func TestBrokenFiles(t *testing.T) {
	t.Parallel()
	lines := func(lines ...string) string { return strings.Join(lines, "\n") }
	const head, tail = `<configuration name="openai_audio_stream.conf"><settings>`, `</settings></configuration>`
	const url = `<param name="url" value="wss://h/"/>`
	for _, tc := range []struct{ name, text, want string }{
		{"empty", "", `expected a <configuration> element`},
		{"another root", `<document/>`, `element <document>: expected <configuration>`},
		{"another file", `<configuration name="x.conf"/>`, `configuration "x.conf": expected name="openai_audio_stream.conf"`},
		{"not closed", lines(head, "", `<param name="heart-beat" value="1"/>`), `not well-formed XML: line 3: unexpected EOF`},
		{"wrongly closed", lines(head, "</profiles>"), `not well-formed XML: line 2: element <settings> closed by </profiles>`},
		{"bad entity", lines(head, `<param name="voice" value="&x;"/>`, tail), `not well-formed XML: line 2: invalid character entity &x;`},
		{"text", lines(head, "hello", tail), `text "hello": expected elements`},
		{"unknown element", lines(head, `<parm name="heart-beat" value="1"/>`, tail), `element <parm> in <settings>: expected <param>`},
		{"unknown section", lines(`<configuration name="openai_audio_stream.conf">`, `<profile/></configuration>`), `element <profile> in <configuration>: expected <settings> or <profiles>`},
		{"element in a param", lines(head, `<param name="heart-beat" value="1">`, `<x/></param>`, tail), `element <x> in <param>: expected nothing`},
		{"settings twice", lines(head+`</settings>`, `<settings/></configuration>`), `element <settings>: expected once`},
		{"no value", lines(head, `<param name="heart-beat" vale="1"/>`, tail), `param "heart-beat" in <settings>: expected <param name="..." value="..."/>`},
		{"no name", lines(head, `<param value="1"/>`, tail), `param "" in <settings>: expected <param name="..." value="..."/>`},
		{"bad value", lines(head, "", `<param name="buffer-size" value="30"/>`, tail), `param "buffer-size" "30": expected a multiple of 20 up to 1000 (ms)`},
		{"bad value over lines", lines(head, "<param", `name="heart-beat"`, `value="x"/>`, tail), `param "heart-beat" "x": expected a number from 0 to 3600 (seconds)`},
		{"bad secret", lines(head, `<param name="api-key" value="forged key"/>`, tail), `param "api-key": expected the key alone, visible ASCII characters without spaces, or file:/path of it`},
		{"bad proxy", lines(head, `<param name="proxy" value="forged:pw"/>`, tail), `param "proxy": proxy: expected "none" or http(s)://[user:password@]host:port`},
		{"twice", lines(head, `<param name="heart-beat" value="1"/>`, `<param name="heart-beat" value="2"/>`, tail), `param "heart-beat" in <settings>: expected once`},
		{"misspelt", lines(head, `<param name="heartbeat" value="1"/>`, tail), `param "heartbeat": unknown, did you mean heart-beat?`},
		{"half a name", lines(head, `<param name="backoff" value="1"/>`, tail), `param "backoff": unknown, did you mean backoff-cap or backoff-start or backoff-attempts?`},
		{"a variable's name", lines(head, `<param name="message-deflate" value="1"/>`, tail), `param "message-deflate": unknown, did you mean disable-message-deflate?`},
		{"profile without a name", lines(head+"</settings><profiles>", `<profile>`+url+`</profile></profiles></configuration>`), `profile: expected a name`},
		{"profile twice", lines(head+"</settings><profiles>", `<profile name="a">`+url+`</profile>`, `<profile name="a">`+url+`</profile></profiles></configuration>`), `profile "a": expected once`},
		{"profile without a URL", lines(head+"</settings><profiles>", `<profile name="a">`, `</profile></profiles></configuration>`), `profile "a": expected a param "url"`},
		{"profile with a bad URL", lines(head+"</settings><profiles>", `<profile name="a">`, `<param name="url" value="http://h"/>`, `</profile></profiles></configuration>`), `profile "a": URL "http://h": expected ws://host/path or wss://host/path`},
		{"profile with a bad mix", lines(head+"</settings><profiles>", `<profile name="a">`+url, `<param name="mix" value="5.1"/>`, `</profile></profiles></configuration>`), `profile "a": mix "5.1": expected mono, mixed or stereo`},
		{"profile with a bad rate", lines(head+"</settings><profiles>", `<profile name="a">`+url, `<param name="rate" value="11025"/>`, `</profile></profiles></configuration>`), `profile "a": sampling rate "11025": expected 8k, 16k, 24k or a multiple of 8000 up to 48000`},
		{"profile with a bad mute-user", lines(head+"</settings><profiles>", `<profile name="a">`+url, `<param name="mute-user" value="x"/>`, `</profile></profiles></configuration>`), `profile "a": param "mute-user" "x": expected true or false`},
		{"profile with a bad setting", lines(head+"</settings><profiles>", `<profile name="a">`+url, `<param name="heart-beat" value="x"/>`, `</profile></profiles></configuration>`), `profile "a": param "heart-beat" "x": expected a number from 0 to 3600 (seconds)`},
		{"profile with a module's setting", lines(head+"</settings><profiles>", `<profile name="a">`+url, `<param name="max-sessions" value="1"/>`, `</profile></profiles></configuration>`), `profile "a": param "max-sessions": it applies to all streams and belongs in <settings>`},
		{"profile with an unknown param", lines(head+"</settings><profiles>", `<profile name="a">`+url, `<param name="vioce" value="x"/>`, `</profile></profiles></configuration>`), `profile "a": param "vioce": unknown, did you mean voice?`},
		{"profile with an open variable", lines(head+"</settings><profiles>", `<profile name="a">`+url, `<param name="voice" value="${x"/>`, `</profile></profiles></configuration>`), `profile "a": param "voice": expected ${name}`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			f, err := config.Parse([]byte(tc.text))
			if err == nil || err.Error() != tc.want || f != nil {
				t.Errorf("got  %v\nwant %s", err, tc.want)
			}
			if err != nil && strings.Contains(err.Error(), "forged") {
				t.Errorf("a secret in %q", err)
			}
		})
	}
}

func TestUnknownNamesWithoutANearOneListAll(t *testing.T) {
	t.Parallel()
	_, err := config.Parse([]byte(conf(param("zzzzzzzzzzz", "1"), "")))
	if err == nil {
		t.Fatal("accepted")
	}
	for _, s := range config.Table() {
		if !strings.Contains(err.Error(), s.Param) {
			t.Errorf("%s is not in %q", s.Param, err)
		}
	}
}

func TestModuleSettings(t *testing.T) {
	t.Parallel()
	f := parse(t, conf(param("max-sessions", "7")+param("go-max-procs", "2")+param("go-gc-percent", "200")+param("go-memory-limit", "512")+
		param("connect-timeout", "1500")+param("connect-buffer", "0")+param("reconnect-buffer", "3000")+param("playback-buffer", "60000")+
		param("backoff-start", "50")+param("backoff-cap", "8000")+param("backoff-attempts", "0")+param("output-rate", "16000")+
		param("proxy", "http://user:pw@h:3128"), ""))
	if f.MaxSessions != 7 || f.GoMaxProcs != 2 || f.GoGCPercent != 200 || f.GoMemoryLimit != 512 {
		t.Errorf("got %+v", f)
	}
	s := f.Settings
	if s.ConnectTimeout != 1500*time.Millisecond || s.ConnectBuffer != 0 || s.ReconnectBuffer != 3*time.Second ||
		s.PlaybackBuffer != time.Minute || s.BackoffStart != 50*time.Millisecond || s.BackoffCap != 8*time.Second ||
		s.BackoffAttempts != 0 || s.OutputRate != 16000 || s.Proxy != "http://user:pw@h:3128" {
		t.Errorf("got %+v", s)
	}
}

func TestAnEmptyValueIsTheDefault(t *testing.T) {
	t.Parallel()
	var all strings.Builder
	for _, s := range config.Table() {
		all.WriteString(param(s.Param, ""))
	}
	if f := parse(t, conf(all.String(), "")); !reflect.DeepEqual(f, config.Default()) {
		t.Errorf("got %+v", f)
	}
}

func FuzzParse(f *testing.F) {
	text, err := os.ReadFile(shipped)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(string(text))
	f.Add(conf(param("heart-beat", "1"), profile("p", param("instructions", "x ${y} z"))))
	f.Add(conf("", profile("p", tools)))
	f.Fuzz(func(t *testing.T, text string) {
		file, err := config.Parse([]byte(text))
		if (file == nil) == (err == nil) {
			t.Fatalf("%v, %v", file, err)
		}
		if file == nil {
			return
		}
		for _, name := range file.Profiles() {
			c := command.Command{Profile: name}
			_, _ = file.Resolve(&c, func(string) string { return `"x${y}` })
		}
	})
}
