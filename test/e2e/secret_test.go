package e2e_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"mod_openai_audio_stream/module/realtime/realtimetest"
)

// With a forged key in each place where a key can stand, no line of the log, no event, no status and no reply has any
// of them, nor a part of one. A key of the server's own is shown by no line and no error text; its messages come as they
// were.
func TestSecretsNeverAppear(t *testing.T) {
	const (
		variable, header, query    = "sk-forgedvariable1234567890", "forgedheader-1234567890", "forgedquery+/1234567890"
		config, file, environment  = "forgedconfig.1234567890", "forgedfile_1234567890", "forgedenvironment-1234567890"
		tenant, cookie, inServer   = "forgedtenant-1234567890", "forgedcookie-1234567890", "sk-forgedserver-1234567890"
		session, profile, inQuoted = "forgedsession-1234567890", "forgedprofile-1234567890", `forged"quoted\1234567890`
	)
	secrets := []string{variable, header, query, config, file, environment, tenant, cookie, session, profile, proxyPassword,
		inQuoted}
	t.Setenv("OPENAI_API_KEY", environment)
	keyFile := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(keyFile, []byte(file), 0o600); err != nil {
		t.Fatal(err)
	}

	// Servers that repeat what they were sent, where they can: the HTTP refusal, the error event, the closing frame, a
	// message of no known type.
	echo := func(s *realtimetest.Session) string {
		said := s.URL.RawQuery
		for name, values := range s.Header {
			said += " " + name + ": " + strings.Join(values, ",")
		}
		return said
	}
	cfg := quiet
	cfg.Misbehave = realtimetest.Always(realtimetest.Misbehaviour{Steps: []realtimetest.Step{
		realtimetest.AfterSending("session.created", 1, func(s *realtimetest.Session) {
			realtimetest.SendError("strange", "you sent "+echo(s)+" and we use "+inServer)(s)
			realtimetest.SendText(fmt.Sprintf(`{"type":"future.event","text":%q}`, echo(s)))(s)
			said := echo(s)
			if at := strings.Index(said, "forged"); at >= 0 {
				said = said[at:]
			}
			realtimetest.CloseWith(3000, said[:min(len(said), 120)])(s)
		}),
	}})
	srv := realtimetest.New(t, cfg)
	wrongKey := quiet
	wrongKey.Key = "right"
	refusing := realtimetest.New(t, wrongKey)

	proxyURL, _ := proxy(t, srv)
	configs := []string{
		`<param name="api-key" value="` + config + `"/>`,
		`<param name="api-key" value="file:` + keyFile + `"/>`,
		``, // the environment's
		`<param name="extra-headers" value='{"X-Secret-Tenant":"` + tenant + `","Cookie":"` + cookie + `"}'/>`,
		`<param name="proxy" value="` + proxyURL + `"/>`,
		`<param name="proxy" value="` + strings.Replace(proxyURL, "operator", "nobody", 1) + `"/>`,
		`<param name="api-key" value="` + config + ` broken"/>`,
		`<param name="proxy" value="ftp://u:` + url.QueryEscape(proxyPassword) + `@h"/>`,
		`</settings><profiles><profile name="p"><param name="url" value="` + srv.URL() + `&amp;api-key=` + profile +
			`"/><param name="api-key" value="` + profile + `"/></profile></profiles><settings>`,
	}
	variables := [][]string{
		nil,
		{"STREAM_OPENAI_API_KEY", variable},
		{"STREAM_OPENAI_API_KEY", "file:" + keyFile},
		{"STREAM_OPENAI_API_KEY", variable + " with a blank"},
		{"STREAM_EXTRA_HEADERS", `{"Authorization":"Bearer ` + header + `","X-Secret-Tenant":"` + tenant + `"}`},
		{"STREAM_EXTRA_HEADERS", `{"api-key":"` + strings.NewReplacer(`"`, `\"`, `\`, `\\`).Replace(inQuoted) + `"}`},
		{"STREAM_EXTRA_HEADERS", `{"Authorization":"` + header + `\r\n"}`},
		{"STREAM_SESSION", `{"tools":[{"type":"mcp","authorization":"` + session + `"}]}`},
		{"STREAM_SESSION", `{"authorization":"` + session},
	}
	var shown, messages strings.Builder
	calls, taken := 0, 0
	for i, c := range configs {
		r := newRigWith(t, c)
		for j, v := range variables {
			if i > 0 && j > 1 && i < len(configs)-1 {
				continue // the configuration file is looked at with few variables
			}
			for k, target := range []string{
				srv.URL(), refusing.URL(), srv.URL() + "&api-key=" + url.QueryEscape(query), behindProxy + "&token=" + query,
				"ws://user:" + query + "@h/", "user:" + query + "@h", "profile:p",
			} {
				uuid := fmt.Sprintf("call-%d-%d-%d", i, j, k)
				r.do("create %s rate=8000 caller=silence writer=none", uuid)
				r.set(uuid, append(v, "STREAM_NO_RECONNECT", "true")...)
				reply := r.do("api %s start %s", uuid, target).Text
				calls++
				fmt.Fprintln(&shown, reply, r.do("api %s status", uuid).Text)
				if strings.HasPrefix(reply, "+OK") {
					taken++
					r.event(uuid, "error", 1) // each of these ends so
				}
				fmt.Fprintln(&shown, r.resultVariables(uuid))
				r.do("hangup %s wait=1", uuid)
				for _, m := range r.Events(uuid, "") {
					switch {
					case m.Subclass == "mod_openai_audio_stream::json":
						fmt.Fprintln(&messages, m.Body)
					case strings.HasPrefix(m.Subclass, "mod_openai_audio_stream::"):
						fmt.Fprintln(&shown, m.Body)
					}
				}
			}
		}
		r.do("unload")
		fmt.Fprintln(&shown, r.log)
	}
	if taken < calls/3 || taken == calls {
		t.Errorf("%d of %d streams started: not what was meant to be tested", taken, calls)
	}
	if !strings.Contains(messages.String(), inServer) {
		t.Error("the server's message did not come as it was")
	}
	if at := strings.Index(shown.String(), inServer[:12]); at >= 0 {
		t.Errorf("the server's own key is shown: ...%s...", shown.String()[max(at-200, 0):min(at+100, shown.Len())])
	}
	text := shown.String() + messages.String()
	for _, s := range secrets {
		for _, form := range []string{s, url.QueryEscape(s), fmt.Sprintf("%q", s), base64.StdEncoding.EncodeToString([]byte(s)), s[:min(len(s), 12)]} {
			if at := strings.Index(text, form); at >= 0 {
				t.Errorf("%q is shown: ...%s...", form, text[max(at-200, 0):min(at+100, len(text))])
			}
		}
	}
	if at := strings.Index(text, base64.StdEncoding.EncodeToString([]byte("operator:"))[:10]); at >= 0 {
		t.Errorf("the proxy's credentials are shown: %s", text[at:min(at+100, len(text))])
	}
}

// What only looks like a secret reaches the dialplan's scripts as the server wrote it, byte by byte; the call's own key
// does not, and the message is valid all the same.
func TestMessagesComeAsTheyWere(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	srv := realtimetest.New(t, quiet)
	const key = `a"key\of this call`
	r.talker("call", srv.URL(), "STREAM_EXTRA_HEADERS", `{"Authorization":"Bearer a\"key\\of this call"}`)
	r.event("call", "connect", 1)
	s := r.session(srv, 0)
	before := len(r.Events("call", "json"))
	messages := []string{
		`{"type":"response.function_call_arguments.done","call_id":"c","name":"set","arguments":"{\"new_password\":\"hunter2hunter2\",\"api_key\":\"sk-of-the-caller-1234\"}"}`,
		`{"type":"response.output_audio_transcript.done","transcript":"Your flight SK-1423, and the password: swordfish. Authorization: Bearer of news"}`,
		`{ "type" : "of.tomorrow", "text":"https://user:name@h/?key=value \u0026 more" , "n":1.50 }`,
	}
	for _, m := range messages {
		s.Send(m)
	}
	echo, err := json.Marshal(map[string]string{"type": "of.tomorrow", "said": "you sent " + key + ", thanks"})
	if err != nil {
		t.Fatal(err)
	}
	s.Send(string(echo))
	want := append(messages, `{"said":"you sent ***, thanks","type":"of.tomorrow"}`)
	for i, w := range want {
		if got := r.event("call", "json", before+1+i).Body; got != w {
			t.Errorf("the message came as\n%s\nwant\n%s", got, w)
		}
	}
}

// resultVariables is what the stream has left in the channel's variables.
func (r *rig) resultVariables(uuid string) string {
	r.Helper()
	return r.variable(uuid, "openai_audio_stream_error") + r.variable(uuid, "openai_audio_stream_disconnect_reason")
}
