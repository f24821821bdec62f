package stream

import (
	"encoding/json"
	"testing"
	"testing/synctest"

	"github.com/tidwall/gjson"
)

// updated starts a stream with a profile of these elements, and returns the session that its server is told.
func updated(t *testing.T, provider, elements string, variables map[string]string) (session gjson.Result) {
	synctest.Test(t, func(t *testing.T) {
		c := newCall(t, variables)
		if err := c.Configure([]byte(`<configuration name="openai_audio_stream.conf"><profiles><profile name="p">` +
			`<param name="url" value="ws://h/"/><param name="provider" value="` + provider + `"/>` + elements +
			`</profile></profiles></configuration>`)); err != nil {
			t.Fatal(err)
		}
		if reply := c.Command("call start profile:p"); reply != "+OK stream started" {
			t.Fatal(reply)
		}
		synctest.Wait()
		conn := c.conns[0]
		conn.says(created)
		synctest.Wait()
		for _, msg := range conn.of("session.update") {
			session = gjson.Get(msg, "session")
		}
		c.Command("call stop")
		c.wantEnd("stop", map[string]int{"connect": 1, "disconnect": 1})
	})
	return session
}

// The server is told of the profile's functions beside those of the session, but of none that only a collect hands its
// digits to.
func TestTheServerIsToldOfTheTools(t *testing.T) {
	const tools = `<tool name="end_call" action="hangup"/><tool name="card" action="collect" then="charge"/>` +
		`<tool name="charge" action="set"><argument name="pan"/></tool>`
	for _, provider := range []string{"openai", "azure-preview"} {
		session := updated(t, provider, tools, map[string]string{
			"STREAM_OPENAI_API_KEY": "secret-key", "STREAM_SESSION": `{"tools":[{"type":"function","name":"mine"}]}`,
		})
		var names []string
		if err := json.Unmarshal([]byte(session.Get("tools.#.name").Raw), &names); err != nil || len(names) != 3 ||
			names[0] != "mine" || names[1] != "end_call" || names[2] != "card" {
			t.Errorf("%s: told of %q: %s", provider, names, session)
		}
	}
}

// Whatever has the module decide whether an answer is interrupted takes the decision from the server.
func TestWhoInterrupts(t *testing.T) {
	for bargeIn, keeps := range map[string]bool{"off": true, "min_ms=1": true, "confirm_ms=1": true, "resume_ms=1": true, "on": false} {
		session := updated(t, "openai", `<param name="noise-reduction" value="far_field"/>`, map[string]string{
			"STREAM_OPENAI_API_KEY": "secret-key", "STREAM_BARGE_IN": bargeIn,
		})
		said := session.Get("audio.input.turn_detection.interrupt_response")
		if said.Exists() != keeps || said.Bool() {
			t.Errorf("%s: interrupt_response is %q", bargeIn, said.Raw)
		}
		if got := session.Get("audio.input.noise_reduction.type").Str; got != "far_field" {
			t.Errorf("%s: noise_reduction is %q", bargeIn, got)
		}
	}
}
