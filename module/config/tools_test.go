package config_test

import (
	"strings"
	"testing"

	"mod_openai_audio_stream/module/command"
	"mod_openai_audio_stream/module/config"
	"mod_openai_audio_stream/module/tool"
)

const tools = `
	<tool name="end_call" action="hangup" description="Ends the call"/>
	<tool name="transfer_call" action="transfer">
		<destination key="sales" to="1001 XML default"/>
	</tool>
	<tool name="card" action="collect" then="charge"></tool>
	<tool name="charge" action="http" url="https://shop.example/charge"><argument name="pan"/></tool>`

func TestToolsOfAProfile(t *testing.T) {
	t.Parallel()
	f := parse(t, conf("", profile("p", tools+param("voice", "marin"))+profile("plain", "")))
	s, err := f.Resolve(&command.Command{Profile: "p"}, vars{"STREAM_SESSION": `{"tools":[{"type":"function","name":"mine"},{"type":"mcp"}]}`}.get)
	if err != nil || s.Voice != "marin" {
		t.Fatal(s.Voice, err)
	}
	var names []string
	for _, made := range s.Tools {
		name := made.Name
		if !made.Offered() {
			name += " (not offered)"
		}
		names = append(names, name)
	}
	if got := strings.Join(names, ", "); got != "end_call, transfer_call, card, charge (not offered)" {
		t.Errorf("got %s", got)
	}
	job, err := s.Tools[1].Bind(`{"destination":"sales"}`)
	if want := (tool.Transfer{Mode: tool.Blind, Key: "sales", To: "1001 XML default"}); err != nil || job != want {
		t.Errorf("got %+v, %v", job, err)
	}
	for name, c := range map[string]command.Command{"another profile": {Profile: "plain"}, "no profile": {}} {
		if s, err := f.Resolve(&c, vars{}.get); err != nil || s.Tools != nil {
			t.Errorf("%s: got %v, %v", name, s.Tools, err)
		}
	}
}

func TestBadToolsAreNamed(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ name, tools, want string }{
		{"attribute", `<tool name="a" action="hangup" cause="x"/>`, `tool "a": attribute "cause" "x": expected a cause that FreeSWITCH knows, such as NORMAL_CLEARING or USER_BUSY`},
		{"attribute twice", `<tool name="a" action="hangup" action="play"/>`, `attribute "action" of <tool>: expected once`},
		{"no variables", `<tool name="a" action="play" file="${x}"/>`, `tool "a": attribute "file" "${x}": expected no variables: a tool's attributes are not expanded`},
		{"text", `<tool name="a" action="hangup">soon</tool>`, `text "soon" in <tool>: expected elements`},
		{"child", `<tool name="a" action="hangup"><param name="x" value="y"/></tool>`, `tool "a": element <param>: expected none`},
		{"grandchild", `<tool name="a" action="event"><argument name="x"><enum/></argument></tool>`, `tool "a": argument "x": element <enum>: expected none`},
		{"name twice", `<tool name="a" action="hangup"/><tool name="a" action="event"/>`, `tool "a": expected once`},
		{"then", `<tool name="a" action="collect" then="b"/>`, `tool "a": attribute "then" "b": expected an http or set tool of this profile with one argument, a string, which the digits become`},
		{"another element", `<function name="a"/>`, `element <function> in <profile>: expected <param> or <tool>`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			f, err := config.Parse([]byte(conf("", profile("p", tc.tools))))
			if want := `profile "p": ` + tc.want; err == nil || err.Error() != want || f != nil {
				t.Errorf("got  %v\nwant %s", err, want)
			}
		})
	}
	if _, err := config.Parse([]byte(conf("", profile("p", `<tool name="a"`)))); err == nil || !strings.HasPrefix(err.Error(), "not well-formed XML: line 1: ") {
		t.Errorf("got %v", err)
	}
	if _, err := config.Parse([]byte(conf(tools, ""))); err == nil || err.Error() != "element <tool> in <settings>: expected <param>" {
		t.Errorf("got %v", err)
	}
}

func TestAFunctionOfTheSessionCantHaveAToolsName(t *testing.T) {
	t.Parallel()
	f := parse(t, conf("", profile("p", tools)))
	const want = `STREAM_SESSION: function "charge": expected no name of a <tool> of the profile`
	for _, session := range []string{
		`{"tools":[{"type":"function","name":"mine"},{"type":"function","name":"charge"}]}`,
		`{"type":"session.update","session":{"tools":[{"type":"function","name":"charge"}]}}`,
	} {
		_, err := f.Resolve(&command.Command{Profile: "p"}, vars{"STREAM_SESSION": session}.get)
		if err == nil || err.Error() != want {
			t.Errorf("got %v", err)
		}
	}
}
