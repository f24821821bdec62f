package config_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"

	"mod_openai_audio_stream/module/command"
	"mod_openai_audio_stream/module/config"
)

// conf is a configuration file with these settings and profiles.
func conf(settings, profiles string) string {
	return `<configuration name="openai_audio_stream.conf"><settings>` + settings + `</settings><profiles>` + profiles +
		`</profiles></configuration>`
}

// param is a param element.
func param(name, value string) string {
	value = strings.NewReplacer("&", "&amp;", "<", "&lt;", `"`, "&quot;").Replace(value)
	return `<param name="` + name + `" value="` + value + `"/>`
}

// profile is a profile element, with a URL.
func profile(name, params string) string {
	return `<profile name="` + name + `">` + param("url", "wss://h/p?model=m") + params + `</profile>`
}

// parse is Parse for a text that is well.
func parse(t *testing.T, text string) *config.File {
	t.Helper()
	f, err := config.Parse([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func TestWhichKeyWins(t *testing.T) {
	const auth, apiKey = "Authorization", "Api-Key"
	headers := func(name, value string) string { return `{"` + name + `":"` + value + `"}` }
	for _, tc := range []struct {
		name                  string
		environment           string
		file, profile         string // params
		variables             vars
		keyHeader             string
		wantBearer, wantAzure string
	}{
		{name: "none", keyHeader: auth},
		{name: "environment", environment: " env-key \n", keyHeader: auth, wantBearer: "Bearer env-key"},
		{name: "file over environment", environment: "env-key", file: param("api-key", "conf-key"), keyHeader: auth, wantBearer: "Bearer conf-key"},
		{name: "headers of the file over environment", environment: "env-key", file: param("extra-headers", headers(auth, "Bearer conf")), keyHeader: auth, wantBearer: "Bearer conf"},
		{name: "key over headers of the file", file: param("api-key", "conf-key") + param("extra-headers", headers(auth, "Bearer conf")), keyHeader: auth, wantBearer: "Bearer conf-key"},
		{name: "profile over file", file: param("api-key", "conf-key"), profile: param("api-key", "profile-key"), keyHeader: auth, wantBearer: "Bearer profile-key"},
		{name: "headers of a profile over file", file: param("api-key", "conf-key"), profile: param("extra-headers", headers(auth, "Bearer prof")), keyHeader: auth, wantBearer: "Bearer prof"},
		{name: "header variable over configuration", file: param("api-key", "conf-key"), profile: param("api-key", "profile-key"), variables: vars{"STREAM_EXTRA_HEADERS": headers("authorization", "Bearer var")}, keyHeader: auth, wantBearer: "Bearer var"},
		{name: "other headers leave the file's key", file: param("api-key", "conf-key"), variables: vars{"STREAM_EXTRA_HEADERS": headers("X-A", "1")}, keyHeader: auth, wantBearer: "Bearer conf-key"},
		{name: "key variable over all", environment: "env-key", file: param("api-key", "conf-key"), variables: vars{"STREAM_OPENAI_API_KEY": "var-key", "STREAM_EXTRA_HEADERS": headers(auth, "Bearer var")}, keyHeader: auth, wantBearer: "Bearer var-key"},
		{name: "key variable over headers of the file", file: param("extra-headers", headers(auth, "Bearer conf")), variables: vars{"STREAM_OPENAI_API_KEY": "var-key"}, keyHeader: auth, wantBearer: "Bearer var-key"},
		{name: "azure", variables: vars{"STREAM_OPENAI_API_KEY": "var-key"}, keyHeader: "api-key", wantAzure: "var-key"},
		{name: "azure header variable over file", file: param("api-key", "conf-key"), variables: vars{"STREAM_EXTRA_HEADERS": headers("api-key", "var")}, keyHeader: "api-key", wantAzure: "var"},
		{name: "azure with a token", file: param("api-key", "conf-key"), variables: vars{"STREAM_EXTRA_HEADERS": headers(auth, "Bearer entra")}, keyHeader: "api-key", wantBearer: "Bearer entra"},
		{name: "azure, key over token", variables: vars{"STREAM_OPENAI_API_KEY": "var-key", "STREAM_EXTRA_HEADERS": headers(auth, "Bearer entra")}, keyHeader: "api-key", wantAzure: "var-key"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Setenv("OPENAI_API_KEY", tc.environment)
			f := parse(t, conf(tc.file, profile("p", tc.profile)))
			s, err := f.Resolve(&command.Command{Profile: "p"}, tc.variables.get)
			if err != nil {
				t.Fatal(err)
			}
			h := s.Header(tc.keyHeader)
			if got := h.Get(auth); got != tc.wantBearer {
				t.Errorf("Authorization: %q, want %q", got, tc.wantBearer)
			}
			if got := h.Get(apiKey); got != tc.wantAzure {
				t.Errorf("api-key: %q, want %q", got, tc.wantAzure)
			}
		})
	}
}

func TestABadKeyInTheEnvironment(t *testing.T) {
	t.Setenv("OPENAI_API_KEY", "forged\r\nkey")
	_, err := config.FromVariables(config.Default().Settings, vars{}.get)
	if err == nil || !strings.HasPrefix(err.Error(), "environment variable OPENAI_API_KEY: expected") || strings.Contains(err.Error(), "forged") {
		t.Errorf("got %v", err)
	}
	if _, err := config.FromVariables(config.Default().Settings, vars{"STREAM_OPENAI_API_KEY": "good"}.get); err != nil {
		t.Errorf("it is not asked for: %v", err)
	}
}

func TestHeaderLeavesTheSettingsAlone(t *testing.T) {
	t.Parallel()
	s := config.Settings{APIKey: "k", ExtraHeaders: http.Header{"Authorization": {"x"}, "X-A": {"1"}}}
	want := http.Header{"Authorization": {"Bearer k"}, "X-A": {"1"}}
	if got := s.Header("Authorization"); !reflect.DeepEqual(got, want) {
		t.Errorf("got %v", got)
	}
	if s.ExtraHeaders.Get("Authorization") != "x" {
		t.Error("the extra headers were changed")
	}
}

func TestSecretsAreAllKnown(t *testing.T) {
	t.Parallel()
	f := parse(t, conf(param("proxy", "http://user:proxy%20pass@h:1"), `<profile name="p">`+param("url", "wss://h/p?model=m&api-key=url-key")+`</profile>`))
	s, err := f.Resolve(&command.Command{Profile: "p"}, vars{
		"STREAM_OPENAI_API_KEY": "the-key",
		"STREAM_EXTRA_HEADERS":  `{"Authorization":"Basic cred","X-Token":"tok","OpenAI-Project":"project"}`,
	}.get)
	if err != nil {
		t.Fatal(err)
	}
	got := s.Secrets()
	for _, want := range []string{"the-key", "Basic cred", "cred", "tok", "proxy pass", "dXNlcjpwcm94eSBwYXNz", "url-key"} {
		if !slices.Contains(got, want) {
			t.Errorf("%q is not among %q", want, got)
		}
	}
	if slices.Contains(got, "project") || slices.Contains(got, "") {
		t.Errorf("too much in %q", got)
	}
}

func TestASecretIsNeverFormatted(t *testing.T) {
	t.Parallel()
	const secret = config.Secret("forged")
	whole := struct {
		Key  config.Secret
		Keys []config.Secret
	}{secret, []config.Secret{secret}}
	var texts []string
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%10s", "%T %[1]v"} {
		texts = append(texts, fmt.Sprintf(verb, secret), fmt.Sprintf(verb, whole), fmt.Sprintf(verb, &whole))
	}
	asJSON, err := json.Marshal(map[string]any{"a": whole, "b": &whole})
	if err != nil {
		t.Fatal(err)
	}
	texts = append(texts, string(asJSON), fmt.Sprint(secret), secret.String(), secret.GoString(), fmt.Errorf("e: %v", secret).Error())
	for _, text := range texts {
		if strings.Contains(text, "forged") || strings.Contains(strings.ToLower(text), "666f72676564") {
			t.Errorf("got %q", text)
		}
	}
	if string(secret) != "forged" || config.Secret("").String() != "" || secret.String() != "***" {
		t.Error("the secret itself, or its stars, are wrong")
	}
}
