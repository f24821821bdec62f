package tool_test

import (
	"encoding/base64"
	"encoding/json"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"mod_openai_audio_stream/module/tool"
)

// hostile are things that a model may be talked into saying.
var hostile = []string{
	"${system touch /tmp/x}", "$${base_dir}", "$\u0000{system id}", "$\r{api(x)}", "'set:x=y,system:id' inline", "1002 XML default",
	"1001 inline", "-both 1001", "a b  c", "x\r\nX-Injected: 1", "x\nBcc: y", "\x00", "a\x00b", `"'` + "`;|&<>\\", "{number}", "{destination}",
	"../../etc/passwd", "..", "@evil.example/", "//evil.example/", "?admin=1#x", "%2e%2e%2f", "http://evil.example/", "\u2028\u2029\u0085",
	"\U0001F600", "~os.execute('id')", "^^:a:b", "[leg_timeout=1]user/1,user/2", strings.Repeat("9", 100_000), strings.Repeat("${x}", 25_000),
}

// everyAction is a tool of each action, those that can take a text among them with arguments that allow every text.
func everyAction(t testing.TB) map[string]*tool.Tool {
	free := []tool.Element{argument(attrs{"name": "a", "required": "true"}), argument(attrs{"name": "b"})}
	anything := number(attrs{"pattern": `^(?s:.*)$`, "to": "{number}"})
	one := destination(attrs{"key": "k", "to": "1001 XML default"})
	tools := map[string]*tool.Tool{}
	for _, e := range []tool.Element{
		element("hangup", "hangup", nil),
		element("blind", "transfer", nil, anything, one),
		element("attended", "transfer", attrs{"mode": "attended"},
			number(attrs{"pattern": `^(?s:.*)$`, "to": "user/{number}"}), destination(attrs{"key": "k", "to": "user/1001"})),
		element("refer", "transfer", attrs{"mode": "refer"},
			number(attrs{"pattern": `^(?s:.*)$`, "to": "sip:{number}@h"}), destination(attrs{"key": "k", "to": "sip:1@h"})),
		element("dtmf", "dtmf", nil),
		element("play", "play", attrs{"file": "/f.wav"}),
		element("set", "set", nil, free...),
		element("http", "http", attrs{"url": "https://shop.example/x/{a}/y?b={b}"}, free...),
		element("api", "api", attrs{"command": "look up"}, free...),
		element("lua", "lua", attrs{"script": "look.lua"}, free...),
		element("hold", "hold", nil),
		element("collect", "collect", attrs{"then": "taken"}),
		element("taken", "set", nil, argument(attrs{"name": "digits"})),
		element("event", "event", nil, free...),
	} {
		tools[e.Attr["name"]] = parse(t, e)
	}
	all := []*tool.Tool{}
	for _, made := range tools {
		all = append(all, made)
	}
	if err := tool.Link(all); err != nil {
		t.Fatal(err)
	}
	return tools
}

func TestNothingThatTheModelSaysIsACommand(t *testing.T) {
	t.Parallel()
	names := []string{"a", "b", "digits", "destination", "number", "summary", "command", "script", "file", "to", "url", "then"}
	bound := map[string]bool{}
	for name, made := range everyAction(t) {
		for _, said := range hostile {
			text, err := json.Marshal(said)
			if err != nil {
				t.Fatal(err)
			}
			for _, argument := range names {
				for _, beside := range []string{"", `,"a":"x"`, `,"destination":"k"`} {
					job, err := made.Bind(`{"` + argument + `":` + string(text) + beside + `}`)
					switch {
					case err == nil:
						bound[name] = true
						harmless(t, job)
					case job != nil:
						t.Errorf("%s: %v, and a job", name, err)
					case len(said) > 2 && strings.Contains(err.Error(), said):
						t.Errorf("%s: the value is repeated: %v", name, err)
					}
				}
			}
			if job, err := made.Bind(said); err == nil {
				t.Errorf("%s: %q became %v", name, said, job)
			}
		}
	}
	// The texts did come through where they may, as data.
	for _, name := range []string{"blind", "attended", "refer", "set", "http", "api", "lua", "event"} {
		if !bound[name] {
			t.Errorf("no call of %s was tried", name)
		}
	}
}

var (
	extension = regexp.MustCompile(`^\+?[0-9*#]{1,32}$`)
	oneWord   = regexp.MustCompile(`^[A-Za-z0-9+/]*={0,2}$`)
	escaped   = regexp.MustCompile(`^https://shop\.example/x/(?:[A-Za-z0-9._~-]|%[0-9A-F]{2})+/y\?b=(?:[A-Za-z0-9._~-]|%[0-9A-F]{2})*$`)
	keys      = regexp.MustCompile(`^[0-9*#ABCDw]{1,32}$`)
)

// harmless reports what of the model's could be more than data. The jobs are those of everyAction.
func harmless(t *testing.T, job tool.Job) {
	t.Helper()
	line := func(text string) {
		if strings.ContainsAny(text, "$\r\n\x00") {
			t.Errorf("FreeSWITCH would make more of %q", text)
		}
	}
	switch job := job.(type) {
	case tool.Hangup:
		if job.Cause != "NORMAL_CLEARING" {
			t.Errorf("a cause of the model's: %+v", job)
		}
	case tool.Transfer:
		line(job.Summary)
		form := map[tool.Mode][2]string{tool.Blind: {"", ""}, tool.Attended: {"user/", ""}, tool.Refer: {"sip:", "@h"}}[job.Mode]
		to := strings.ReplaceAll(strings.TrimSuffix(strings.TrimPrefix(job.To, form[0]), form[1]), "%23", "#")
		fixed := job.Key == "k" && slices.Contains([]string{"1001 XML default", "user/1001", "sip:1@h"}, job.To)
		if !fixed && (job.Key != to || !extension.MatchString(to)) {
			t.Errorf("dialled: %+v", job)
		}
	case tool.DTMF:
		if !keys.MatchString(job.Digits) {
			t.Errorf("pressed: %+v", job)
		}
	case tool.Play:
		if job.File != "/f.wav" {
			t.Errorf("played: %+v", job)
		}
	case tool.Set:
		for _, v := range job.Variables {
			line(v.Value)
			if !slices.Contains([]string{"tool_set_a", "tool_set_b", "tool_taken_digits"}, v.Name) {
				t.Errorf("set: %+v", v)
			}
		}
	case *tool.HTTP:
		u, err := url.Parse(job.URL)
		if err != nil || u.Host != "shop.example" || !escaped.MatchString(job.URL) || !json.Valid(job.Arguments) || job.HeaderFile != "" {
			t.Errorf("requested: %+v", job)
		}
		for _, step := range strings.FieldsFunc(u.Path, func(r rune) bool { return r == '/' || r == '\\' }) {
			if step == "." || step == ".." {
				t.Errorf("another folder: %s", job.URL)
			}
		}
	case tool.API:
		word, fixed := strings.CutPrefix(job.Arguments, map[string]string{"look": "up ", "lua": "look.lua "}[job.Command])
		said, err := base64.StdEncoding.DecodeString(word)
		if !fixed || !oneWord.MatchString(word) || err != nil || !json.Valid(said) {
			t.Errorf("run: %+v", job)
		}
	case tool.Hold:
		if job.Music != "local_stream://moh" {
			t.Errorf("played: %+v", job)
		}
	case tool.Collect:
		if job.Max != 64 || job.Terminator != "#" || job.Then == nil || job.Then.Name != "taken" {
			t.Errorf("collected: %+v", job)
		}
	case tool.Event:
	default:
		t.Errorf("an unknown job: %T", job)
	}
}

func FuzzBind(f *testing.F) {
	tools := everyAction(f)
	names := []string{}
	for name := range tools {
		names = append(names, name)
	}
	slices.Sort(names)
	for i := range names {
		f.Add(i, `{"a":"x","b":"${y}"}`)
		f.Add(i, `{"destination":"k","summary":"x\r\ny"}`)
		f.Add(i, `{"number":"+49*#"}`)
		f.Add(i, `{"digits":"1"}`)
		f.Add(i, `{}`)
	}
	f.Fuzz(func(t *testing.T, which int, arguments string) {
		if which < 0 {
			which = -(which + 1)
		}
		job, err := tools[names[which%len(names)]].Bind(arguments)
		if (job == nil) == (err == nil) {
			t.Fatalf("%v, %v", job, err)
		}
		if err == nil {
			harmless(t, job)
		}
	})
}
