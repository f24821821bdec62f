package e2e_test

import (
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"mod_openai_audio_stream/module/realtime/realtimetest"
)

// everyTool is a tool of each action that does not end the call. {file} is a WAV file.
const everyTool = `
	<tool name="press" action="dtmf"/>
	<tool name="jingle" action="play" file="{file}"/>
	<tool name="remember" action="set"><argument name="wish"/><argument name="count" type="integer"/></tool>
	<tool name="shop" action="http" url="{web}/shop/{id}"><argument name="id" required="true"/></tool>
	<tool name="stock" action="api" command="stock now"><argument name="item"/></tool>
	<tool name="script" action="lua" script="look.lua"><argument name="item"/></tool>
	<tool name="wait" action="hold"/>
	<tool name="pin" action="collect" max="16" timeout="60" then="check_pin"/>
	<tool name="check_pin" action="http" url="{web}/pin"><argument name="digits" required="true"/></tool>
	<tool name="outside" action="event" timeout="60"><argument name="item"/></tool>`

// Each action does what it says in FreeSWITCH, and the model is told once what came of it.
func TestActions(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "jingle.wav")
	writeWAV(t, file, countTo(4000))
	f := newFunctions(t, "", strings.ReplaceAll(everyTool, "{file}", file))
	f.do(`global host_api_stock "7 pieces"`)
	f.do("global host_api_lua [1,2]")
	object := base64.StdEncoding.EncodeToString([]byte(`{"item":"rose"}`))
	for _, test := range []struct {
		tool, arguments string
		during          func(uuid string, s *realtimetest.Session)
		told            string
		after           func(uuid string, s *realtimetest.Session)
	}{
		{"press", `{"digits":"12w#"}`, nil, `{"ok":true}`, func(uuid string, _ *realtimetest.Session) {
			f.event(uuid, "host::keys", 1)
			f.wantVariable(uuid, "host_keys", "12w#")
		}},
		{"jingle", `{}`, nil, `{"ok":true}`, func(uuid string, _ *realtimetest.Session) {
			if _, heard := f.passed(uuid); heard < 4000/frame {
				t.Errorf("the file is done after %d frames", heard)
			}
		}},
		{"remember", `{"wish":"two roses","count":3}`, nil, `{"ok":true}`, func(uuid string, _ *realtimetest.Session) {
			f.wantVariable(uuid, "tool_remember_wish", "two roses")
			f.wantVariable(uuid, "tool_remember_count", "3")
		}},
		{"shop", `{"id":"a/b"}`, nil, `{"ok":true,"result":{"for":"call-shop","said":{"id":"a/b"}}}`, func(uuid string, _ *realtimetest.Session) {
			if asked := f.web.of(uuid); len(asked) != 1 || asked[0].URI != "/shop/a%2Fb" || asked[0].Tool != "shop" {
				t.Errorf("asked %+v", asked)
			}
		}},
		{"stock", `{"item":"rose"}`, nil, `{"ok":true,"result":"7 pieces"}`, func(uuid string, _ *realtimetest.Session) {
			f.wantCommands(uuid, "stock now "+object)
		}},
		{"script", `{"item":"rose"}`, nil, `{"ok":true,"result":[1,2]}`, func(uuid string, _ *realtimetest.Session) {
			f.wantCommands(uuid, "lua look.lua "+object)
		}},
		{"wait", `{}`, nil, `{"ok":true}`, func(uuid string, _ *realtimetest.Session) {
			f.do("wait uuid=%s loud=1 timeout=60000", uuid)
			f.api("+OK", "%s resume", uuid)
			f.do("wait uuid=%s quiet=200 timeout=60000", uuid)
		}},
		{"pin", `{}`, func(uuid string, _ *realtimetest.Session) { f.enter(uuid, "739184620553#") },
			`{"ok":true,"result":{"for":"call-pin","said":"/pin"}}`, func(uuid string, s *realtimetest.Session) {
				f.wantDigits(uuid, "739184620553")
				f.wantHidden(uuid, "739184620553", s)
			}},
		{"outside", `{"item":"rose"}`, func(uuid string, _ *realtimetest.Session) {
			body := f.toolEvent(uuid, 1)
			if string(body.Arguments) != `{"item":"rose"}` {
				t.Errorf("a program is told of %s", body.Arguments)
			}
			f.api("+OK", `%s tool_result %s %s`, uuid, body.CallID, base64.StdEncoding.EncodeToString([]byte(`{"n":1}`)))
			f.api("-ERR", `%s tool_result %s %s`, uuid, body.CallID, base64.StdEncoding.EncodeToString([]byte(`{"n":2}`)))
		}, `{"ok":true,"result":{"n":1}}`, nil},
	} {
		uuid := "call-" + test.tool
		s := f.call(uuid, "")
		f.tell(uuid, sentence(100*time.Millisecond), function(test.tool, test.arguments))
		if test.during != nil {
			test.during(uuid, s)
		}
		f.outcome(s, 1)
		f.toolEvent(uuid, 2)
		if test.after != nil {
			test.after(uuid, s)
		}
		f.mark(uuid, s)
		told := f.outputs(s)
		for _, output := range told {
			if output != test.told || len(told) != 1 {
				t.Errorf("%s: the model was told %s, want %s once", test.tool, told, test.told)
			}
		}
		f.api("+OK", "%s stop", uuid)
		if end := f.wantLast(uuid, 1); end.Reason != "stop" {
			t.Errorf("%s: ended with %+v", test.tool, end)
		}
		if got, want := f.statuses(uuid), fmt.Sprintf("%[1]s started, %[1]s done", test.tool); got != want {
			t.Errorf("events of functions: %s, want %s", got, want)
		}
	}
}

// enter has the caller press keys as soon as FreeSWITCH keeps them to itself.
func (f *functions) enter(uuid, digits string) {
	f.Helper()
	f.poll("keys are not masked", func() bool { return f.variable(uuid, "sensitive_dtmf") == "true" })
	f.do("dtmf %s %s", uuid, digits)
}

func (f *functions) wantVariable(uuid, name, want string) {
	f.Helper()
	if got := f.variable(uuid, name); got != want {
		f.Errorf("%s: %s is %q, want %q", uuid, name, got, want)
	}
}

// commands are the API commands that were run for a call.
func (f *functions) commands(uuid string) (commands []string) {
	for _, m := range f.Events(uuid, "API") {
		commands = append(commands, m.Headers["API-Command"]+" "+m.Headers["API-Command-Argument"])
	}
	return commands
}

func (f *functions) wantCommands(uuid string, want ...string) {
	f.Helper()
	f.do("events flush")
	if got := f.commands(uuid); !slices.Equal(got, want) {
		f.Errorf("%s: the commands %q were run, want %q", uuid, got, want)
	}
}

// wantDigits demands that the keys came to the web service.
func (f *functions) wantDigits(uuid, digits string) {
	f.Helper()
	for _, asked := range f.web.of(uuid) {
		if asked.URI == "/pin" && string(asked.Args) == `{"digits":"`+digits+`"}` {
			return
		}
	}
	f.Errorf("%s: the digits %s did not come to the web service: %+v", uuid, digits, f.web.of(uuid))
}

// wantHidden demands that a number is in no log line and no event, and in nothing that was sent to the model.
func (f *functions) wantHidden(uuid, number string, s *realtimetest.Session) {
	f.Helper()
	f.event(uuid, "dtmf", 1)
	text := f.log.String()
	for _, m := range f.Events(uuid, "") {
		text += string(m.Raw)
	}
	for _, e := range s.Events() {
		text += string(e.Raw)
	}
	if at := strings.Index(text, number[:6]); at >= 0 {
		f.Errorf("%s is shown: ...%s...", number, text[max(at-200, 0):min(at+100, len(text))])
	}
	if !strings.Contains(text, `\"masked\":true`) {
		f.Error("what is searched for the keys has not even their event")
	}
}

// What the model says is refused, and the model told so, where the function, or the world, does not allow it.
func TestActionsFail(t *testing.T) {
	t.Parallel()
	f := newFunctions(t, "", `
		<tool name="jingle" action="play" file="/nowhere/secret-name.wav"/>
		<tool name="stock" action="api" command="nothing"/>
		<tool name="shop" action="http" url="http://127.0.0.1:1/x"/>
		<tool name="slow" action="http" url="{web}/hang" timeout="1"/>
		<tool name="press" action="dtmf"/>
		<tool name="outside" action="event" timeout="1"/>
		<tool name="pin" action="collect" timeout="1" then="keep"/>
		<tool name="keep" action="set"><argument name="digits"/></tool>`)
	s := f.call("call", "")
	for i, test := range [][3]string{
		{"jingle", `{}`, "the file could not be played"},
		{"stock", `{}`, `API command "nothing" failed, or there is none`},
		{"shop", `{}`, "no connection"},
		{"slow", `{}`, "timeout"},
		{"press", `{"digits":"1@9000"}`, `argument "digits": expected what matches ^[0-9*#ABCDw]{1,32}$`},
		{"outside", ` `, "timeout"},
		{"pin", `{}`, "no key was pressed: timeout"},
	} {
		f.tell("call", function(test[0], test[1]))
		before := f.outputs(s)
		for id, output := range f.outcome(s, i+1) {
			if _, old := before[id]; !old && !strings.Contains(output, test[2]) && !strings.Contains(output, strings.ReplaceAll(test[2], `"`, `\"`)) {
				t.Errorf("%s: the model was told %s, want %s", test[0], output, test[2])
			}
		}
		if body := f.toolEvent("call", 2*i+2); body.Name != test[0] || body.Status != "failed" && body.Status != "timeout" {
			t.Errorf("%s: ended as %+v", test[0], body)
		}
		f.event("call", "turn", i+1) // it tells the caller
	}
	if started := f.toolEvent("call", 11); started.Name != "outside" {
		t.Errorf("blank arguments are told of as %+v", started)
	}
	f.api("+OK", "call stop")
}

// Two calls at once do not see each other's functions.
func TestFunctionsOfTwoCalls(t *testing.T) {
	t.Parallel()
	f := newFunctions(t, "", strings.ReplaceAll(everyTool, "{file}", os.DevNull))
	uuids, digits := []string{"one", "two"}, map[string]string{"one": "1111", "two": "2222"}
	sessions := map[string]*realtimetest.Session{}
	for _, uuid := range uuids {
		sessions[uuid] = f.call(uuid, "")
	}
	for _, uuid := range uuids {
		f.tell(uuid, function("shop", `{"id":"`+uuid+`"}`), function("remember", `{"wish":"`+uuid+`"}`),
			function("outside", `{"item":"`+uuid+`"}`), function("pin", `{}`))
	}
	ids := map[string]string{}
	for _, uuid := range uuids {
		for n := 1; ids[uuid] == ""; n++ {
			if body := f.toolEvent(uuid, n); body.Name == "outside" {
				ids[uuid] = body.CallID
			}
		}
	}
	f.api("-ERR", "one tool_result %s %s", ids["two"], "MQ==")
	for _, uuid := range slices.Backward(uuids) {
		f.enter(uuid, digits[uuid]+"#")
		f.api("+OK", "%s tool_result %s %s", uuid, ids[uuid], base64.StdEncoding.EncodeToString([]byte(uuid)))
	}
	for _, uuid := range uuids {
		var told []string
		for _, output := range f.outcome(sessions[uuid], 4) {
			told = append(told, output)
		}
		slices.Sort(told)
		want := []string{`{"ok":true,"result":"` + uuid + `"}`,
			`{"ok":true,"result":{"for":"` + uuid + `","said":"/pin"}}`,
			`{"ok":true,"result":{"for":"` + uuid + `","said":{"id":"` + uuid + `"}}}`, `{"ok":true}`}
		if !slices.Equal(told, want) {
			t.Errorf("%s: the model was told %q, want %q", uuid, told, want)
		}
		f.wantVariable(uuid, "tool_remember_wish", uuid)
		f.wantDigits(uuid, digits[uuid])
		f.api("+OK", "%s stop", uuid)
		f.event(uuid, "end", 1)
	}
}
