package freeswitch_test

import (
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tidwall/gjson"

	"mod_openai_audio_stream/module/realtime/realtimetest"
	"mod_openai_audio_stream/test/farend"
	"mod_openai_audio_stream/test/freeswitch"
)

// agent is a profile whose model acts, and the test of a call that converses by it.
type agent struct {
	tools  string            // the profile's functions; {service} is the address of a web service
	params map[string]string // more of the profile; {dir} is FreeSWITCH's directory
	lines  string            // more extensions of the context agent
	server realtimetest.Config
	phone  farend.Invite
	test   func(*testing.T, acting)
}

// agents are by the names of their profiles.
var agents = map[string]agent{}

// acting is a call with an agent.
type acting struct {
	*freeswitch.Call
	srv   *realtimetest.Server
	asked <-chan request
	since time.Duration // when it was dialled
}

// request is one that a web service got, and waits for its answer.
type request struct {
	body   string
	answer chan<- string
	gone   <-chan struct{} // closed when nobody waits for it
}

// TestFunctions has a call with each agent, at the same time: most of it they wait.
func TestFunctions(t *testing.T) {
	s := freeswitch.Start(t)
	calls := actOn(t, s, agents)
	for name, a := range agents {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := calls[name]
			c.since = farend.Now()
			c.Call = s.Dial(t, uuidOf(t), "act-"+name, a.phone)
			a.test(t, c)
		})
	}
}

// actOn makes profiles of agents, each with a server and a web service of its own, and the extensions act-<name>.
func actOn(t *testing.T, s *freeswitch.Switch, agents map[string]agent) map[string]acting {
	t.Helper()
	calls := map[string]acting{}
	var profiles, lines strings.Builder
	for _, name := range slices.Sorted(maps.Keys(agents)) {
		a := agents[name]
		service, asked := webService(t)
		srv := realtimetest.New(t, a.server)
		calls[name] = acting{srv: srv, asked: asked}
		params := map[string]string{"url": srv.URL(), "rate": "24k", "greeting": "auto"}
		maps.Copy(params, a.params)
		fmt.Fprintf(&profiles, `<profile name="%s">`, name)
		for param, value := range params {
			fmt.Fprintf(&profiles, `<param name="%s" value="%s"/>`, param, strings.ReplaceAll(value, "{dir}", s.Dir))
		}
		profiles.WriteString(strings.ReplaceAll(a.tools, "{service}", service) + `</profile>`)
		lines.WriteString(a.lines)
	}
	addToXML(t, s, `<section name="configuration">`,
		`<configuration name="openai_audio_stream.conf"><profiles>`+profiles.String()+`</profiles></configuration>`)
	addToXML(t, s, `<context name="agent">`, `<extension name="act"><condition field="destination_number" expression="^act-(.+)$">`+
		`<action application="openai_audio_stream" data="profile:$1"/><action application="park"/></condition></extension>`+lines.String())
	s.API(t, "+OK", "reloadxml")
	return calls
}

// webService starts one that hands its requests to the test.
func webService(t *testing.T) (address string, asked <-chan request) {
	t.Helper()
	requests := make(chan request, 8)
	service := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		answer := make(chan string, 1)
		requests <- request{string(body), answer, r.Context().Done()}
		select {
		case text := <-answer:
			_, _ = io.WriteString(w, text)
		case <-r.Context().Done():
		}
	}))
	t.Cleanup(service.Close)
	return service.URL, requests
}

// extension is one of the dialplan's.
func extension(name string, actions ...string) string {
	var b strings.Builder
	fmt.Fprintf(&b, `<extension name="%s"><condition field="destination_number" expression="^%s$">`, name, name)
	for _, action := range actions {
		application, data, _ := strings.Cut(action, " ")
		fmt.Fprintf(&b, `<action application="%s" data="%s"/>`, application, data)
	}
	return b.String() + `</condition></extension>`
}

// fast is a server that sends ten seconds of audio in 0.4 s.
func fast(answer realtimetest.Answerer) realtimetest.Config {
	return realtimetest.Config{Answer: answer, Speed: 25}
}

// acts is a model that greets with these, and says a tone of a second whenever it is asked again.
func acts(first ...realtimetest.ReplyItem) realtimetest.Answerer {
	return func(turn realtimetest.Turn) realtimetest.Reply {
		if turn.N == 0 {
			return realtimetest.Reply{Items: first}
		}
		return realtimetest.Reply{Items: []realtimetest.ReplyItem{says(time.Second)}}
	}
}

// modelHz is the tone that the model says.
const modelHz = 440

func says(d time.Duration) realtimetest.ReplyItem {
	return realtimetest.ReplyItem{PCM: realtimetest.Sine(modelHz, d, 24000), RateHz: 24000, Transcript: "tone"}
}

func calling(name, arguments string) realtimetest.ReplyItem {
	return realtimetest.ReplyItem{Function: name, Arguments: arguments}
}

// speak has the caller say something.
func (c acting) speak() {
	c.TB.Helper()
	c.Say(append(realtimetest.Sine(300, 600*time.Millisecond, 8000), make([]int16, 8000)...), 8000)
}

// session is the call's at the server.
func (c acting) session() *realtimetest.Session {
	c.TB.Helper()
	return c.Session(c.srv, 0)
}

// told is what the model was told of its functions.
func (c acting) told() []string {
	c.TB.Helper()
	return outputs(c.session())
}

// outputs are what the model was told of its functions in a session.
func outputs(s *realtimetest.Session) (outputs []string) {
	for _, e := range s.Received("conversation.item.create") {
		if e.Get("item.type").String() == "function_call_output" {
			outputs = append(outputs, e.Get("item.output").String())
		}
	}
	return outputs
}

// wantTool demands what the n-th event says of a function.
func (c acting) wantTool(n int, status string) {
	c.TB.Helper()
	if body := c.Event("tool", n)["_body"]; gjson.Get(body, "status").Str != status {
		c.TB.Errorf("the function is %s, want it %s", body, status)
	}
}

// wantEnd demands why the stream has ended.
func (c acting) wantEnd(reason string) {
	c.TB.Helper()
	if body := c.Event("end", 1)["_body"]; gjson.Get(body, "reason").Str != reason {
		c.TB.Errorf("the stream ended with %s, want %q", body, reason)
	}
}

// wantTold demands what the model was told of its functions.
func (c acting) wantTold(outputs ...string) {
	c.TB.Helper()
	if got := c.told(); !slices.Equal(got, outputs) {
		c.TB.Errorf("the model was told %q, want %q", got, outputs)
	}
}
