package e2e_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"mod_openai_audio_stream/module/realtime/realtimetest"
)

// hostileWords are things that a model may be talked into saying.
var hostileWords = []string{
	"${system touch /tmp/x}", "$${base_dir}", "$\u0000{system id}", "$\r{api(x)}", "'set:x=y,system:id' inline", "system:id inline",
	"1002 XML default", "unknown", "a b  c", "x\r\nX-Injected: 1", "x\n\nBcc: y", "\x00", "a\x00b", `"'` + "`;|&<>\\", "{a}{destination}",
	"../../etc/passwd", "@evil.example/", "//evil.example/", "?admin=1#x", "%2e%2e%2f", "\u2028\u0085", "{execute_on_answer=system}answer/x",
	"^^:a:b", "[leg_timeout=1]answer/1,answer/2", strings.Repeat("9", 100_000), strings.Repeat("${x}", 25_000), strings.Repeat("${x}", 3_000),
}

// freeTools are tools of each action, with arguments that allow every text where the profile decides that.
const freeTools = `
	<tool name="end_call" action="hangup"/>
	<tool name="blind" action="transfer"><number pattern="^(?s:.*)$" to="{number}"/><destination key="k" to="1001 XML default"/></tool>
	<tool name="attended" action="transfer" mode="attended"><number pattern="^(?s:.*)$" to="answer/{number}"/><destination key="k" to="answer/1001"/></tool>
	<tool name="refer" action="transfer" mode="refer"><number pattern="^(?s:.*)$" to="sip:{number}@h"/><destination key="k" to="sip:1@h"/></tool>
	<tool name="press" action="dtmf"/>
	<tool name="jingle" action="play" file="/nowhere.wav"/>
	<tool name="keep" action="set"><argument name="a" required="true"/></tool>
	<tool name="shop" action="http" url="{web}/x/{a}/y?b={a}"><argument name="a" required="true"/></tool>
	<tool name="look" action="api" command="look up"><argument name="a" required="true"/></tool>
	<tool name="script" action="lua" script="look.lua"><argument name="a" required="true"/></tool>
	<tool name="wait" action="hold"/>
	<tool name="pin" action="collect" then="check"/>
	<tool name="check" action="set"><argument name="digits"/></tool>
	<tool name="outside" action="event"><argument name="a" required="true"/></tool>`

// freeNames are those whose argument a may be every text, up to the length of all arguments.
var freeNames = []string{"keep", "shop", "look", "script", "outside"}

// Nothing that the model says is run, dialled or read as a header, whatever function it says it to and in whatever argument.
// The model is told of each call.
func TestInjection(t *testing.T) {
	t.Parallel()
	f := newFunctions(t, "", freeTools)
	for _, command := range []string{"look", "lua", "system", "api", "bgapi", "x"} { // would be found in the log of events
		f.do("global host_api_%s done", command)
	}
	s := f.call("call", "")
	type said struct{ tool, argument, word string }
	var all []said
	for _, word := range hostileWords {
		for _, tool := range freeNames {
			all = append(all, said{tool, "a", word})
		}
		for _, tool := range []string{"blind", "attended", "refer"} {
			all = append(all, said{tool, "number", word}, said{tool, "destination", word})
		}
		for _, tool := range []string{"end_call", "press", "jingle", "wait", "pin"} {
			for _, argument := range []string{"digits", "cause", "file", "music", "then"} {
				all = append(all, said{tool, argument, word})
			}
		}
		for _, tool := range append([]string{"end_call", "blind", "attended", "refer", "press"}, freeNames...) {
			all = append(all, said{tool, "", word}) // the arguments themselves
		}
	}
	byID := map[string]said{}
	for batch := range slices.Chunk(all, 12) { // no more run at once
		var items []realtimetest.ReplyItem
		for _, x := range batch {
			items = append(items, function(x.tool, argumentsOf(x.argument, x.word)))
		}
		before := len(byID)
		f.tell("call", items...)
		f.wait(f.srv, "the calls are not made", func() bool {
			_, n := s.Count("response.function_call_arguments.done")
			return n == before+len(batch)
		})
		for i, e := range s.Sent("response.function_call_arguments.done")[before:] {
			byID[e.Get("call_id").Str] = batch[i]
		}
		for id, x := range byID {
			if x.tool == "outside" && x.argument == "a" && len(f.outputs(s)[id]) == 0 && len(x.word) < 16000 {
				f.poll("the program is not told", func() bool {
					return strings.HasPrefix(f.do("api call tool_result %s %s", id, "MQ==").Text, "+OK")
				})
			}
		}
		f.outcome(s, len(byID))
	}
	f.mark("call", s)
	f.do("events flush")
	told := f.outputs(s)
	for id, x := range byID {
		want := slices.Contains(freeNames, x.tool) && x.argument == "a" && len(x.word) < 16000
		if x.tool == "shop" && strings.Contains(x.word, "..") { // would be another folder
			want = false
		}
		if ok := strings.HasPrefix(told[id], `{"ok":true`); ok != want {
			t.Errorf("%s with %q in %q: the model was told %.200s", x.tool, short(x.word), x.argument, told[id])
		}
		if !json.Valid([]byte(told[id])) || len(told[id]) > 64<<10 {
			t.Errorf("%s with %q: the model was told %.200s", x.tool, short(x.word), told[id])
		}
	}
	if len(told) != len(all) {
		t.Errorf("%d calls, the model was told of %d", len(all), len(told))
	}
	f.wantHarmless("call")
	f.wantVariable("call", "openai_audio_stream_transfer_result", "")
	f.api("+OK", "call stop")
	f.wantLast("call", 1)
}

// argumentsOf is an object with one argument, or the word itself.
func argumentsOf(argument, word string) string {
	if argument == "" {
		return word
	}
	text, _ := json.Marshal(map[string]string{argument: word}) // strings
	return string(text)
}

func short(word string) string { return word[:min(len(word), 40)] }

// base64Word is what the API command and the Lua script get: the model's arguments, in base64.
var base64Word = regexp.MustCompile(`^(?:look up|lua look\.lua) ([A-Za-z0-9+/]+={0,2})$`)

// wantHarmless demands that a call has only seen what the profile has, that nobody else was called, and that what the model said
// came through only as data.
func (f *functions) wantHarmless(uuid string) {
	f.Helper()
	for _, command := range append(f.commands(uuid), f.commands("")...) {
		word := base64Word.FindStringSubmatch(command)
		if word == nil {
			f.Errorf("the command %q was run", command)
			continue
		}
		var said struct{ A string }
		object, err := base64.StdEncoding.DecodeString(word[1])
		if err == nil {
			err = json.Unmarshal(object, &said)
		}
		if err != nil || !slices.Contains(hostileWords, said.A) {
			f.Errorf("a command was told %q: %v", object, err)
		}
	}
	if n := len(f.commands(uuid)); n == 0 {
		f.Error("no command was run at all")
	}
	asked := f.web.of(uuid)
	for _, request := range asked {
		u, err := url.ParseRequestURI(request.URI)
		if err != nil {
			f.Fatal(err)
		}
		parts := strings.Split(u.EscapedPath(), "/")
		var said struct{ A string }
		decode(f.T, string(request.Args), &said)
		if len(parts) != 4 || parts[1] != "x" || parts[3] != "y" || u.Query().Get("b") != said.A || len(u.Query()) != 1 {
			f.Errorf("the web service was asked for %.200s", request.URI)
		}
		if !slices.Contains(hostileWords, said.A) {
			f.Errorf("the web service was told %q", short(said.A))
		}
		for name := range request.Header {
			if !slices.Contains([]string{"Content-Type", "Content-Length", "User-Agent", "Accept-Encoding", "Connection"}, name) {
				f.Errorf("the header %s came to the web service", name)
			}
		}
	}
	if len(asked) == 0 {
		f.Error("no request was made at all")
	}
	f.wantOneLine(uuid, "tool_keep_a")
	for _, name := range []string{"host_transfer", "host_refer_to", "host_keys"} {
		f.wantVariable(uuid, name, "")
	}
	f.wantChannels(1)
	for _, m := range f.Events(uuid, "") {
		for name, value := range m.Headers {
			if strings.HasPrefix(name, "variable_tool_") && strings.ContainsAny(value, "$\r\n\x00") || strings.EqualFold(name, "x-injected") {
				f.Errorf("%s of an event is %q", name, short(value))
			}
		}
	}
}

// wantOneLine demands a variable in which FreeSWITCH finds nothing to expand and no end of a line.
func (f *functions) wantOneLine(uuid, name string) {
	f.Helper()
	value := f.variable(uuid, name)
	if value == "" || strings.ContainsAny(value, "$\r\n\x00") {
		f.Errorf("%s: %s is %q", uuid, name, short(value))
	}
}

// wantChannels demands that there are n calls, and nobody else was called.
func (f *functions) wantChannels(n int) {
	f.Helper()
	var m struct{ Channels []struct{ UUID string } }
	decode(f.T, string(f.do("channels").Raw), &m)
	if len(m.Channels) != n {
		f.Errorf("there are the channels %v, want %d", m.Channels, n)
	}
}

// A transfer goes where the profile says, whatever the summary is, which becomes one line of text.
func TestInjectionInSummary(t *testing.T) {
	t.Parallel()
	f := newFunctions(t, "", freeTools)
	modes := []string{"blind", "attended", "refer"}
	destinations := map[string]string{"blind": "1001 XML default", "attended": "", "refer": "sip:1@h"}
	want := 0
	for i, word := range hostileWords {
		if len(word) > 600 {
			continue // refused, as TestInjection has it for other arguments
		}
		mode, uuid := modes[i%len(modes)], fmt.Sprint("call-", i)
		f.call(uuid, "")
		text, _ := json.Marshal(word) // a string
		f.tell(uuid, function(mode, `{"destination":"k","summary":`+string(text)+`}`))
		if mode == "attended" { // who is called has the same name each time
			f.event("1001", "CHANNEL_BRIDGE", want/3+1)
		}
		want++
		f.wantLast(uuid, 1)
		var headers map[string]string
		switch mode {
		case "blind":
			headers = f.event(uuid, "host::transfer", 1).Headers
			if to := headers["variable_host_transfer"]; to != destinations[mode] {
				t.Errorf("%q: transferred to %q", word, to)
			}
		case "attended":
			headers = f.event(uuid, "CHANNEL_BRIDGE", 1).Headers
			f.do("hangup 1001 wait=1")
		case "refer":
			headers = f.event(uuid, "CHANNEL_HANGUP", 1).Headers
			if to := headers["variable_host_refer_to"]; to != destinations[mode] {
				t.Errorf("%q: referred to %q", word, to)
			}
		}
		if got := headers["variable_openai_audio_stream_transfer_destination"]; got != "k" {
			t.Errorf("%q: %s sent it to %q", word, mode, got)
		}
		if got := headers["variable_openai_audio_stream_transfer_summary"]; strings.ContainsAny(got, "$\r\n\x00") {
			t.Errorf("%q became the summary %q", word, got)
		}
	}
}
