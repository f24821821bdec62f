package tool_test

import (
	"strings"
	"testing"
	"time"

	"mod_openai_audio_stream/module/tool"
)

// attrs are the attributes of an element.
type attrs = map[string]string

// element is a <tool> with these attributes and children.
func element(name, action string, a attrs, children ...tool.Element) tool.Element {
	all := attrs{"name": name, "action": action}
	for k, v := range a {
		all[k] = v
	}
	return tool.Element{Name: "tool", Attr: all, Children: children}
}

func argument(a attrs) tool.Element    { return tool.Element{Name: "argument", Attr: a} }
func destination(a attrs) tool.Element { return tool.Element{Name: "destination", Attr: a} }
func number(a attrs) tool.Element      { return tool.Element{Name: "number", Attr: a} }

// parse is Parse for an element that is well.
func parse(t testing.TB, e tool.Element) *tool.Tool {
	t.Helper()
	made, err := tool.Parse(e)
	if err != nil {
		t.Fatal(err)
	}
	return made
}

// transfer is the example of a transfer by key.
func transfer(mode, to string) tool.Element {
	return element("transfer_call", "transfer", attrs{"mode": mode},
		destination(attrs{"key": "sales", "to": to, "description": "orders,\n  prices"}),
		destination(attrs{"key": "support", "to": to}))
}

const summary = `"summary":{"type":"string","description":"of the conversation, for who takes the call","maxLength":600}`

func TestWhatTheModelSees(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name    string
		element tool.Element
		want    string
	}{
		{
			"without arguments", element("end_call", "hangup", attrs{"description": " Ends the call,\n after the goodbye <b> "}),
			`{"type":"function","name":"end_call","description":"Ends the call, after the goodbye <b>","parameters":{"type":"object","properties":{},"additionalProperties":false}}`,
		},
		{
			"arguments of all types, in their order",
			element(
				"look-up", "http", attrs{"url": "http://h/"},
				argument(attrs{"name": "day", "enum": "monday, tuesday", "required": "true", "description": "day of the week"}),
				argument(attrs{"name": "code", "type": "string", "pattern": "^[A-Z]{2}$", "max": "2"}),
				argument(attrs{"name": "n", "type": "integer", "enum": "1,20"}),
				argument(attrs{"name": "a", "type": "number", "required": "false"}),
				argument(attrs{"name": "b", "type": "boolean", "required": "true"}),
			),
			`{"type":"function","name":"look-up","parameters":{"type":"object","properties":{` +
				`"day":{"type":"string","description":"day of the week","enum":["monday","tuesday"]},` +
				`"code":{"type":"string","pattern":"^[A-Z]{2}$","maxLength":2},"n":{"type":"integer","enum":[1,20]},` +
				`"a":{"type":"number"},"b":{"type":"boolean"}},"required":["day","b"],"additionalProperties":false}}`,
		},
		{
			"destinations", transfer("blind", "1001 XML default"),
			`{"type":"function","name":"transfer_call","parameters":{"type":"object","properties":{` +
				`"destination":{"type":"string","description":"sales: orders, prices","enum":["sales","support"]},` + summary +
				`},"required":["destination"],"additionalProperties":false}}`,
		},
		{
			"a number", element("call", "transfer", nil, number(attrs{"pattern": "^0[0-9]{3,14}$", "to": "{number} XML default"})),
			`{"type":"function","name":"call","parameters":{"type":"object","properties":{` +
				`"number":{"type":"string","pattern":"^0[0-9]{3,14}$"},` + summary + `},"required":["number"],"additionalProperties":false}}`,
		},
		{
			"both", element("call", "transfer", nil, number(attrs{"pattern": "^1$", "to": "{number}"}), destination(attrs{"key": "a", "to": "1"})),
			`{"type":"function","name":"call","parameters":{"type":"object","properties":{"destination":{"type":"string","enum":["a"]},` +
				`"number":{"type":"string","description":"instead of a destination","pattern":"^1$"},` + summary + `},"additionalProperties":false}}`,
		},
		{
			"keys", element("press", "dtmf", nil),
			`{"type":"function","name":"press","parameters":{"type":"object","properties":{"digits":{"type":"string",` +
				`"description":"the keys to press; w is a pause of half a second","pattern":"^[0-9*#ABCDw]{1,32}$"}},"required":["digits"],"additionalProperties":false}}`,
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			if got := string(parse(t, tc.element).Definition()); got != tc.want {
				t.Errorf("got  %s\nwant %s", got, tc.want)
			}
		})
	}
}

func TestWhatAToolHasBesideItsAction(t *testing.T) {
	t.Parallel()
	got := parse(t, element("a", "play", attrs{"file": "/f.wav"}))
	if got.Name != "a" || got.Action != tool.ActionPlay || got.Timeout != 10*time.Second || got.Filler != "" ||
		got.FillerAfter != 1500*time.Millisecond || got.Reply != tool.ReplyAuto || !got.Offered() {
		t.Errorf("by default %+v", got)
	}
	got = parse(t, element("a", "play", attrs{
		"file": "/f.wav", "timeout": "5", "filler": "say:One moment.", "filler-after": "0", "reply": "never",
	}))
	if got.Timeout != 5*time.Second || got.Filler != "say:One moment." || got.FillerAfter != 0 || got.Reply != tool.ReplyNever {
		t.Errorf("got %+v", got)
	}
	if got := parse(t, transfer("attended", "user/1001")); got.Timeout != 30*time.Second {
		t.Errorf("rings for %s", got.Timeout)
	}
}

func TestWhenTheModelSpeaksAboutTheResult(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		element    tool.Element
		ok, failed bool
	}{
		{element("a", "hangup", nil), false, true},
		{element("a", "play", attrs{"file": "f"}), false, true},
		{element("a", "event", nil), true, true},
		{element("a", "lua", attrs{"script": "a.lua"}), true, true},
		{element("a", "hangup", attrs{"reply": "always"}), true, true},
		{element("a", "event", attrs{"reply": "never"}), false, false},
	} {
		made := parse(t, tc.element)
		if made.Replies(true) != tc.ok || made.Replies(false) != tc.failed {
			t.Errorf("%s %s: %t, %t", made.Action, made.Reply, made.Replies(true), made.Replies(false))
		}
	}
}

func TestBadTools(t *testing.T) {
	t.Parallel()
	http := func(url string, children ...tool.Element) tool.Element {
		return element("a", "http", attrs{"url": url}, children...)
	}
	set := func(a attrs) tool.Element { return element("a", "set", nil, argument(a)) }
	to := func(mode, to string) tool.Element {
		return element("a", "transfer", attrs{"mode": mode}, destination(attrs{"key": "k", "to": to}))
	}
	toNumber := func(mode, pattern, to string) tool.Element {
		return element("a", "transfer", attrs{"mode": mode}, number(attrs{"pattern": pattern, "to": to}))
	}
	const (
		url      = "http(s)://host/path?query, with {argument} in the path and the query alone, and no password"
		name     = "letters, digits, - and _, 64 at most"
		anchored = "a regular expression ^...$ of RE2's, which matches the whole text"
		blind    = "<extension> [dialplan [context]], with a dialplan other than inline, which would run applications"
		sip      = "a SIP URI such as sip:1001@example.com"
		enum     = "different values of the argument's type, with commas between, which its pattern and max allow"
	)
	for _, tc := range []struct {
		element tool.Element
		want    string
	}{
		// Of all tools.
		{tool.Element{Name: "tool"}, `tool "": attribute "name" "": expected ` + name},
		{element("end call", "hangup", nil), `tool "end call": attribute "name" "end call": expected ` + name},
		{element(strings.Repeat("n", 65), "hangup", nil), `tool "` + strings.Repeat("n", 65) + `": attribute "name" "` + strings.Repeat("n", 65) + `": expected ` + name},
		{element("a", "", nil), `tool "a": attribute "action" "": expected api, collect, dtmf, event, hangup, hold, http, lua, play, set or transfer`},
		{element("a", "exec", nil), `tool "a": attribute "action" "exec": expected api, collect, dtmf, event, hangup, hold, http, lua, play, set or transfer`},
		{element("a", "hangup", attrs{"flier": "x"}), `tool "a": attribute "flier": expected action, cause, description, filler, filler-after, name, reply or timeout`},
		{element("a", "hangup", attrs{"timeout": "5s"}), `tool "a": attribute "timeout" "5s": expected a number from 1 to 600`},
		{element("a", "hangup", attrs{"timeout": "0"}), `tool "a": attribute "timeout" "0": expected a number from 1 to 600`},
		{element("a", "hangup", attrs{"filler-after": "-1"}), `tool "a": attribute "filler-after" "-1": expected a number from 0 to 60000`},
		{element("a", "hangup", attrs{"reply": "maybe"}), `tool "a": attribute "reply" "maybe": expected auto, always or never`},
		{element("a", "hangup", attrs{"filler": "x${y}"}), `tool "a": attribute "filler" "x${y}": expected no variables: a tool's attributes are not expanded`},
		{element("a", "hangup", attrs{"filler": "x\ny"}), `tool "a": attribute "filler" "x\ny": expected one line of text`},
		{element("a", "hangup", nil, argument(attrs{"name": "x"})), `tool "a": element <argument>: expected none`},
		{element("a", "set", nil, number(nil)), `tool "a": expected an <argument>`},
		{element("a", "event", nil, number(nil)), `tool "a": element <number>: expected <argument>`},
		{element("a", "event", nil, tool.Element{Name: "argument", Attr: attrs{"name": "x"}, Children: []tool.Element{number(nil)}}), `tool "a": argument "x": element <number>: expected none`},
		// Of single actions.
		{element("a", "hangup", attrs{"cause": "BUSY"}), `tool "a": attribute "cause" "BUSY": expected a cause that FreeSWITCH knows, such as NORMAL_CLEARING or USER_BUSY`},
		{element("a", "play", nil), `tool "a": attribute "file" "": expected a file, or what else FreeSWITCH can play`},
		{element("a", "api", nil), `tool "a": attribute "command" "": expected an API command of FreeSWITCH's`},
		{element("a", "lua", nil), `tool "a": attribute "script" "": expected the name of a Lua script`},
		{element("a", "lua", attrs{"script": "~freeswitch.consoleLog()"}), `tool "a": attribute "script" "~freeswitch.consoleLog()": expected the name of a Lua script`},
		{element("a", "collect", nil), `tool "a": attribute "then" "": expected the name of an http or set tool of this profile`},
		{element("a", "collect", attrs{"then": "b", "max": "65"}), `tool "a": attribute "max" "65": expected a number from 1 to 64`},
		{element("a", "collect", attrs{"then": "b", "terminator": "##"}), `tool "a": attribute "terminator" "##": expected one of 0 to 9, *, #, A to D, or none`},
		// URLs.
		{http(""), `tool "a": attribute "url" "": expected ` + url},
		{http("ftp://h/"), `tool "a": attribute "url" "ftp://h/": expected ` + url},
		{http("http:///x"), `tool "a": attribute "url" "http:///x": expected ` + url},
		{http("http://:80/"), `tool "a": attribute "url" "http://:80/": expected ` + url},
		{http("http://u:p@h/"), `tool "a": attribute "url" "http://u:p@h/": expected ` + url},
		{http("http://h/#x"), `tool "a": attribute "url" "http://h/#x": expected ` + url},
		{http("http://h/%zz"), `tool "a": attribute "url" "http://h/%zz": expected ` + url},
		{http("http://h/../x"), `tool "a": attribute "url" "http://h/../x": expected ` + url},
		{http("http://{x}/", argument(attrs{"name": "x", "required": "true"})), `tool "a": attribute "url" "http://{x}/": expected ` + url},
		{http("http://h{x}", argument(attrs{"name": "x", "required": "true"})), `tool "a": attribute "url" "http://h{x}": expected ` + url},
		{http("{x}://h/", argument(attrs{"name": "x", "required": "true"})), `tool "a": attribute "url" "{x}://h/": expected ` + url},
		{http("http://h/{x}"), `tool "a": attribute "url" "http://h/{x}": expected the name of an <argument> in {x}`},
		{http("http://h/{x", argument(attrs{"name": "x", "required": "true"})), `tool "a": attribute "url" "http://h/{x": expected the name of an <argument> in {x}`},
		{http("http://h/{x}", argument(attrs{"name": "x"})), `tool "a": attribute "url" "http://h/{x}": expected an <argument> with required="true" in {x}, because it is a part of the path`},
		{element("a", "http", attrs{"url": "http://h/", "header-file": "h"}), `tool "a": attribute "header-file" "h": expected an absolute path`},
		// Arguments.
		{set(attrs{"name": "x y"}), `tool "a": argument "x y": attribute "name" "x y": expected ` + name},
		{element("a", "set", nil, argument(attrs{"name": "x"}), argument(attrs{"name": "x"})), `tool "a": argument "x": attribute "name" "x": expected another name: there is such an argument`},
		{set(attrs{"name": "x", "type": "array"}), `tool "a": argument "x": attribute "type" "array": expected string, integer, number or boolean`},
		{set(attrs{"name": "x", "required": "yes"}), `tool "a": argument "x": attribute "required" "yes": expected false or true`},
		{set(attrs{"name": "x", "max": "0"}), `tool "a": argument "x": attribute "max" "0": expected a number from 1 to 16384`},
		{set(attrs{"name": "x", "max": "5", "type": "integer"}), `tool "a": argument "x": attribute "max" "5": expected one with type string alone, as its longest length`},
		{set(attrs{"name": "x", "pattern": "^1$", "type": "integer"}), `tool "a": argument "x": attribute "pattern" "^1$": expected one with type string alone`},
		{set(attrs{"name": "x", "pattern": "[0-9]+"}), `tool "a": argument "x": attribute "pattern" "[0-9]+": expected ` + anchored},
		{set(attrs{"name": "x", "pattern": "^a|b$"}), `tool "a": argument "x": attribute "pattern" "^a|b$": expected ` + anchored},
		{set(attrs{"name": "x", "pattern": "^a|^b$"}), `tool "a": argument "x": attribute "pattern" "^a|^b$": expected ` + anchored},
		{set(attrs{"name": "x", "pattern": `^a\$`}), `tool "a": argument "x": attribute "pattern" "^a\\$": expected ` + anchored},
		{set(attrs{"name": "x", "pattern": "(?m)^a$"}), `tool "a": argument "x": attribute "pattern" "(?m)^a$": expected ` + anchored},
		{set(attrs{"name": "x", "pattern": "^(?m:a$)$|^b$"}), `tool "a": argument "x": attribute "pattern" "^(?m:a$)$|^b$": expected ` + anchored},
		{set(attrs{"name": "x", "pattern": "^(?=a)$"}), `tool "a": argument "x": attribute "pattern" "^(?=a)$": expected ` + anchored + ": error parsing regexp: invalid or unsupported Perl syntax: `(?=`"},
		{set(attrs{"name": "x", "enum": "a,,b"}), `tool "a": argument "x": attribute "enum" "a,,b": expected ` + enum},
		{set(attrs{"name": "x", "enum": "a,b,a"}), `tool "a": argument "x": attribute "enum" "a,b,a": expected ` + enum},
		{set(attrs{"name": "x", "enum": "1,b", "type": "integer"}), `tool "a": argument "x": attribute "enum" "1,b": expected ` + enum},
		{set(attrs{"name": "x", "enum": "1,2.5", "type": "integer"}), `tool "a": argument "x": attribute "enum" "1,2.5": expected ` + enum},
		{set(attrs{"name": "x", "enum": "true", "type": "boolean"}), `tool "a": argument "x": attribute "enum" "true": expected ` + enum},
		{set(attrs{"name": "x", "enum": "ab", "max": "1"}), `tool "a": argument "x": attribute "enum" "ab": expected ` + enum},
		// Destinations.
		{element("a", "transfer", nil), `tool "a": expected a <destination> or a <number>`},
		{element("a", "transfer", nil, argument(attrs{"name": "x"}), destination(attrs{"key": "k", "to": "1"})), `tool "a": element <argument>: expected <destination> or <number>`},
		{to("warm", "1"), `tool "a": attribute "mode" "warm": expected blind, attended or refer`},
		{element("a", "transfer", nil, destination(attrs{"key": "k", "to": "1"}), destination(attrs{"key": "k", "to": "2"})), `tool "a": destination "k": attribute "key" "k": expected another key: there is such a destination`},
		{element("a", "transfer", nil, destination(attrs{"key": "k k", "to": "1"})), `tool "a": destination "k k": attribute "key" "k k": expected ` + name},
		{to("blind", ""), `tool "a": destination "k": attribute "to" "": expected ` + blind},
		{to("blind", "1 XML default more"), `tool "a": destination "k": attribute "to" "1 XML default more": expected ` + blind},
		{to("blind", "hangup Inline"), `tool "a": destination "k": attribute "to" "hangup Inline": expected ` + blind},
		{to("blind", "hangup XML inline"), `tool "a": destination "k": attribute "to" "hangup XML inline": expected ` + blind},
		{to("blind", "${tool_a_b} XML default"), `tool "a": destination "k": attribute "to" "${tool_a_b} XML default": expected no variables: a tool's attributes are not expanded`},
		{to("attended", "1001"), `tool "a": destination "k": attribute "to" "1001": expected a dial string such as user/1001`},
		{to("refer", "1001@h"), `tool "a": destination "k": attribute "to" "1001@h": expected ` + sip},
		{to("refer", "sip:1001@h>;x"), `tool "a": destination "k": attribute "to" "sip:1001@h>;x": expected ` + sip},
		{to("refer", "sips:1001@h"), `tool "a": destination "k": attribute "to" "sips:1001@h": expected ` + sip},
		{to("refer", "SIP:1001@h"), `tool "a": destination "k": attribute "to" "SIP:1001@h": expected ` + sip},
		{to("refer", "sip:1001@hö"), `tool "a": destination "k": attribute "to" "sip:1001@hö": expected ` + sip},
		{toNumber("blind", "^1$", "1001"), `tool "a": number "^1$": attribute "to" "1001": expected ` + blind + ", with {number} in it"},
		{toNumber("blind", "^1$", "1001 {number}"), `tool "a": number "^1$": attribute "to" "1001 {number}": expected ` + blind + ", with {number} in it"},
		{toNumber("blind", "^1$", "{number} XML {number}"), `tool "a": number "^1$": attribute "to" "{number} XML {number}": expected no {number} in the dialplan and the context`},
		{toNumber("blind", "^1$", "transfer:{number} inline"), `tool "a": number "^1$": attribute "to" "transfer:{number} inline": expected ` + blind},
		{toNumber("attended", "^1$", "user/1"), `tool "a": number "^1$": attribute "to" "user/1": expected a dial string such as user/1001, with {number} in it`},
		{toNumber("refer", "^1$", "sip:1@h"), `tool "a": number "^1$": attribute "to" "sip:1@h": expected ` + sip + ", with {number} in it"},
		{toNumber("blind", "", "{number}"), `tool "a": number "": attribute "pattern" "": expected ` + anchored},
		{toNumber("blind", "1", "{number}"), `tool "a": number "1": attribute "pattern" "1": expected ` + anchored},
		{element("a", "transfer", nil, number(attrs{"pattern": "^1$", "to": "{number}"}), number(attrs{"pattern": "^2$", "to": "{number}"})), `tool "a": number "^2$": attribute "pattern" "^2$": expected one <number>`},
	} {
		t.Run(tc.want, func(t *testing.T) {
			t.Parallel()
			made, err := tool.Parse(tc.element)
			if err == nil || err.Error() != tc.want || made != nil {
				t.Errorf("got  %v\nwant %s", err, tc.want)
			}
		})
	}
}

func TestToolsOfAProfileKnowEachOther(t *testing.T) {
	t.Parallel()
	collect := parse(t, element("card", "collect", attrs{"then": "charge"}))
	charge := func(arguments ...tool.Element) *tool.Tool {
		return parse(t, element("charge", "http", attrs{"url": "http://h/"}, arguments...))
	}
	one := charge(argument(attrs{"name": "pan"}))
	if err := tool.Link([]*tool.Tool{collect, one}); err != nil {
		t.Fatal(err)
	}
	if !collect.Offered() || one.Offered() {
		t.Error("the model is told of the wrong one")
	}
	job, err := collect.Bind("{}")
	if got, ok := job.(tool.Collect); err != nil || !ok || got.Then != one || got.Max != 64 || got.Terminator != "#" || got.Timeout != 10*time.Second {
		t.Errorf("got %+v, %v", job, err)
	}
	const want = `tool "card": attribute "then" "charge": expected an http or set tool of this profile with one argument, a string, which the digits become`
	for name, tools := range map[string][]*tool.Tool{
		want:                       {collect},
		want + " (another action)": {collect, parse(t, element("charge", "event", nil, argument(attrs{"name": "pan"})))},
		want + " (no argument)":    {collect, charge()},
		want + " (two arguments)":  {collect, charge(argument(attrs{"name": "pan"}), argument(attrs{"name": "cvc"}))},
		want + " (a number)":       {collect, charge(argument(attrs{"name": "pan", "type": "integer"}))},
		want + " (an enumeration)": {collect, charge(argument(attrs{"name": "pan", "enum": "1,2"}))},
		`tool "a": expected once`:  {parse(t, element("a", "hangup", nil)), parse(t, element("a", "event", nil))},
	} {
		expected, _, _ := strings.Cut(name, " (")
		if err := tool.Link(tools); err == nil || err.Error() != expected {
			t.Errorf("%s: got %v", name, err)
		}
	}
}
