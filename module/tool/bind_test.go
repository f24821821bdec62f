package tool_test

import (
	"encoding/base64"
	"reflect"
	"strings"
	"testing"
	"time"

	"mod_openai_audio_stream/module/tool"
)

func TestWhatIsDoneForACall(t *testing.T) {
	t.Parallel()
	word := func(json string) string { return base64.StdEncoding.EncodeToString([]byte(json)) }
	numbered := func(mode, to string) tool.Element {
		return element("call", "transfer", attrs{"mode": mode}, number(attrs{"pattern": `^[+]?[0-9#]+$`, "to": to}))
	}
	for _, tc := range []struct {
		name      string
		element   tool.Element
		arguments string
		want      tool.Job
	}{
		{"hangup", element("a", "hangup", nil), "", tool.Hangup{Cause: "NORMAL_CLEARING"}},
		{"hangup with a cause", element("a", "hangup", attrs{"cause": "user_busy"}), " {} ", tool.Hangup{Cause: "USER_BUSY"}},
		{"dtmf", element("a", "dtmf", nil), `{"digits":"12w*#AD"}`, tool.DTMF{Digits: "12w*#AD"}},
		{"play", element("a", "play", attrs{"file": "tone_stream://%(200,0,440)"}), "{}", tool.Play{File: "tone_stream://%(200,0,440)"}},
		{"hold", element("a", "hold", nil), "{}", tool.Hold{Music: "local_stream://moh"}},
		{"hold with music", element("a", "hold", attrs{"music": "/m.wav"}), "{}", tool.Hold{Music: "/m.wav"}},
		{"event", element("a", "event", nil, argument(attrs{"name": "x"})), `{"x":"y"}`, tool.Event{Arguments: []byte(`{"x":"y"}`)}},
		{
			"collect", element("a", "collect", attrs{"max": "16", "terminator": "none", "timeout": "20", "then": "b"}), "{}",
			tool.Collect{Max: 16, Timeout: 20 * time.Second},
		},
		{
			"blind", transfer("", "1001 XML default"), `{"destination":"support","summary":"Wants\r\nhelp for $5"}`,
			tool.Transfer{Mode: tool.Blind, Key: "support", To: "1001 XML default", Summary: "Wantshelp for 5"},
		},
		{
			"attended", transfer("attended", "{a=b}user/1001"), `{"destination":"sales"}`,
			tool.Transfer{Mode: tool.Attended, Key: "sales", To: "{a=b}user/1001"},
		},
		{"refer", transfer("refer", "sip:1@h"), `{"destination":"sales"}`, tool.Transfer{Mode: tool.Refer, Key: "sales", To: "sip:1@h"}},
		{
			"blind to a number", numbered("blind", "9{number} XML default"), `{"number":"+49#1"}`,
			tool.Transfer{Mode: tool.Blind, Key: "+49#1", To: "9+49#1 XML default"},
		},
		{
			"attended to a number", numbered("attended", "{n={number}}sofia/gateway/g/{number}"), `{"number":"12"}`,
			tool.Transfer{Mode: tool.Attended, Key: "12", To: "{n=12}sofia/gateway/g/12"},
		},
		{
			"refer to a number", numbered("refer", "sip:{number}@h"), `{"number":"1#"}`,
			tool.Transfer{Mode: tool.Refer, Key: "1#", To: "sip:1%23@h"},
		},
		{
			"set", element(
				"order", "set", nil, argument(attrs{"name": "city"}), argument(attrs{"name": "n", "type": "integer"}),
				argument(attrs{"name": "b", "type": "boolean"}), argument(attrs{"name": "none"}), argument(attrs{"name": "x", "type": "number"}),
			), `{"x":1.50,"city":"K` + "\u00f6" + `ln","n":2e1,"b":false}`,
			tool.Set{Variables: []tool.Variable{{"tool_order_city", "K\u00f6ln"}, {"tool_order_n", "20"}, {"tool_order_b", "false"}, {"tool_order_x", "1.5"}}},
		},
		{
			"api", element("a", "api", attrs{"command": "hash select/x"}, argument(attrs{"name": "b"}), argument(attrs{"name": "a"})),
			`{ "a" : "1 <2>", "b":"x\u0000" }`, tool.API{Command: "hash", Arguments: "select/x " + word(`{"b":"x\u0000","a":"1 <2>"}`)},
		},
		{"api without words", element("a", "api", attrs{"command": "lookup"}), "", tool.API{Command: "lookup", Arguments: word(`{}`)}},
		{"lua", element("a", "lua", attrs{"script": "look.lua  up"}), "{}", tool.API{Command: "lua", Arguments: "look.lua  up " + word(`{}`)}},
		{
			"http", element(
				"look", "http", attrs{"url": "https://h:1/a/{id}/b%20c?q={q}&id={id}&r={r}", "header-file": "file:/h", "timeout": "3"},
				argument(attrs{"name": "id", "required": "true"}), argument(attrs{"name": "q"}), argument(attrs{"name": "r"}),
			), `{"q":"{id} a+b&c=d","id":"x/y?z {q}"}`,
			&tool.HTTP{
				Tool: "look", URL: "https://h:1/a/x%2Fy%3Fz%20%7Bq%7D/b%20c?q=%7Bid%7D%20a%2Bb%26c%3Dd&id=x%2Fy%3Fz%20%7Bq%7D&r=",
				HeaderFile: "/h", Arguments: []byte(`{"id":"x/y?z {q}","q":"{id} a+b&c=d"}`), Timeout: 3 * time.Second,
			},
		},
		{
			"http without a path", element("look", "http", attrs{"url": "http://h?q={q}"}, argument(attrs{"name": "q", "type": "number"})), `{"q":-3}`,
			&tool.HTTP{Tool: "look", URL: "http://h?q=-3", Arguments: []byte(`{"q":-3}`), Timeout: 10 * time.Second},
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			got, err := parse(t, tc.element).Bind(tc.arguments)
			if err != nil || !reflect.DeepEqual(got, tc.want) {
				t.Errorf("got  %+v, %v\nwant %+v", got, err, tc.want)
			}
		})
	}
}

func TestWhatTheModelIsToldItDidWrong(t *testing.T) {
	t.Parallel()
	tools := map[string]*tool.Tool{
		"none": parse(t, element("none", "hangup", nil)),
		"all": parse(t, element(
			"all", "set", nil, argument(attrs{"name": "day", "enum": "monday,tuesday", "required": "true"}),
			argument(attrs{"name": "code", "pattern": "^[A-Z]{2}$"}), argument(attrs{"name": "text", "max": "3"}),
			argument(attrs{"name": "int", "type": "integer"}), argument(attrs{"name": "num", "type": "number"}),
			argument(attrs{"name": "bool", "type": "boolean"}),
		)),
		"go":   parse(t, transfer("blind", "1")),
		"both": parse(t, element("both", "transfer", nil, destination(attrs{"key": "k", "to": "1"}), number(attrs{"pattern": "^.*$", "to": "{number}"}))),
		"path": parse(t, element("path", "http", attrs{"url": "http://h/.{x}/{y}"},
			argument(attrs{"name": "x", "required": "true"}), argument(attrs{"name": "y", "required": "true"}))),
	}
	const (
		object = "arguments: expected a JSON object"
		either = "arguments: expected either destination or number"
		form   = `argument "number": expected digits, * and #, 32 at most, which + may precede`
		path   = "arguments: expected no empty value, and none with the steps . and .., where it is a part of a path"
	)
	for _, tc := range []struct{ tool, arguments, want string }{
		{"none", `[]`, object},
		{"none", `null`, object},
		{"none", `"{}"`, object},
		{"none", `{`, object},
		{"none", `{}{}`, object},
		{"none", `{} x`, object},
		{"none", "\xff", "arguments: expected UTF-8"},
		{"none", "{\"\xff\":1}", "arguments: expected UTF-8"},
		{"none", strings.Repeat(" ", 16385), "arguments of 16385 bytes: expected at most 16384"},
		{"none", `{"x":1}`, `argument "x": unknown: expected no arguments`},
		{"all", `{"y\r":1}`, `argument "y\r": unknown: expected day, code, text, int, num or bool`},
		{"all", `{}`, `argument "day": it is required`},
		{"all", `{"day":"monday","day":"monday"}`, `argument "day": expected once`},
		{"all", `{"day":"monday","d\u0061y":"tuesday"}`, `argument "day": expected once`},
		{"all", `{"day":"sunday"}`, `argument "day": expected monday or tuesday`},
		{"all", `{"day":"Monday"}`, `argument "day": expected monday or tuesday`},
		{"all", `{"day":null}`, `argument "day": expected a string`},
		{"all", `{"day":["monday"]}`, `argument "day": expected a string`},
		{"all", `{"day":1}`, `argument "day": expected a string`},
		{"all", `{"code":"AB\n"}`, `argument "code": expected what matches ^[A-Z]{2}$`},
		{"all", `{"text":"abcd"}`, `argument "text": expected at most 3 characters`},
		{"all", `{"int":1.5}`, `argument "int": expected an integer`},
		{"all", `{"int":"1"}`, `argument "int": expected an integer`},
		{"all", `{"int":9007199254740994}`, `argument "int": expected an integer`},
		{"all", `{"num":1e999}`, `argument "num": expected a number`},
		{"all", `{"num":true}`, `argument "num": expected a number`},
		{"all", `{"bool":"true"}`, `argument "bool": expected true or false`},
		{"go", `{"destination":"1002"}`, `argument "destination": expected sales or support`},
		{"go", `{"destination":"sales","to":"1002"}`, `argument "to": unknown: expected destination or summary`},
		{"go", `{"destination":"sales","summary":"` + strings.Repeat("\u00e4", 601) + `"}`, `argument "summary": expected at most 600 characters`},
		{"both", `{}`, either},
		{"both", `{"destination":"k","number":"1"}`, either},
		{"both", `{"number":"1 inline"}`, form},
		{"both", `{"number":"` + strings.Repeat("1", 33) + `"}`, form},
		{"both", `{"number":""}`, form},
		{"path", `{"x":".","y":"1"}`, path},
		{"path", `{"x":"./a","y":"1"}`, path},
		{"path", `{"x":"a","y":"b/../c"}`, path},
		{"path", `{"x":"a","y":"..\\c"}`, path},
		{"path", `{"x":"a","y":""}`, path},
	} {
		t.Run(tc.tool+" "+tc.want, func(t *testing.T) {
			t.Parallel()
			job, err := tools[tc.tool].Bind(tc.arguments)
			if err == nil || err.Error() != tc.want || job != nil {
				t.Errorf("got  %v, %v\nwant %s", job, err, tc.want)
			}
		})
	}
}

func TestCollectedDigitsGoWhereTheProfileSays(t *testing.T) {
	t.Parallel()
	set := parse(t, element("card", "set", nil, argument(attrs{"name": "pan", "pattern": "^[0-9]{13,19}$"})))
	job, err := set.Collected("4111111111111111")
	want := tool.Set{Variables: []tool.Variable{{"tool_card_pan", "4111111111111111"}}}
	if err != nil || !reflect.DeepEqual(job, want) {
		t.Errorf("got %+v, %v", job, err)
	}
	http := parse(t, element("card", "http", attrs{"url": "http://h/{pan}"}, argument(attrs{"name": "pan", "required": "true"})))
	job, err = http.Collected("12*#")
	got, ok := job.(*tool.HTTP)
	if err != nil || !ok || got.URL != "http://h/12%2A%23" || string(got.Arguments) != `{"pan":"12*#"}` {
		t.Errorf("got %+v, %v", job, err)
	}
	// The model is told what was wrong with them, but not what they were.
	if job, err := set.Collected("4111"); err == nil || err.Error() != "the keys: expected what matches ^[0-9]{13,19}$" || job != nil {
		t.Errorf("got %v, %v", job, err)
	}
}

func TestOutputs(t *testing.T) {
	t.Parallel()
	for got, want := range map[string]string{
		tool.OK(nil):     `{"ok":true}`,
		tool.OK("a <b>"): `{"ok":true,"result":"a <b>"}`,
		tool.OK(tool.Result([]byte(" {\"a\": 1}\n"))): `{"ok":true,"result":{"a":1}}`,
		tool.OK(tool.Result([]byte("+OK done\n"))):    `{"ok":true,"result":"+OK done"}`,
		tool.OK(tool.Result(nil)):                     `{"ok":true,"result":""}`,
		tool.OK(tool.Result([]byte("\"\xff\""))):      `{"ok":true,"result":"` + "\uFFFD" + `"}`,
		tool.OK(func() {}):                            `{"ok":false,"error":"the result is no JSON"}`,
		tool.Failed(`no "x"`):                         `{"ok":false,"error":"no \"x\""}`,
	} {
		if got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
}
