package realtime_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
	"unsafe"

	"mod_openai_audio_stream/module/realtime"
)

// What servers send goes the fast way, and nothing else does.
func TestDeltaFastWay(t *testing.T) {
	const fields = `"type":"response.output_audio.delta","response_id":"r","item_id":"i"`
	long := strings.Repeat("n", 128)
	for _, test := range []struct {
		name, msg string
		fast      bool
	}{
		{"as OpenAI writes it", string(deltaMessage(make([]byte, 4800))), true},
		{"beta", `{"type":"response.audio.delta","response_id":"r","item_id":"i","output_index":0,"content_index":0,"delta":"AAEC"}`, true},
		{"delta first", `{"delta":"AAEC",` + fields + `}`, true},
		{"spread out", " {\r\n\t\"type\" : \"response.output_audio.delta\" , \"content_index\" : 12\n, \"delta\" : \"AAEC\" }\n", true},
		{"more fields", `{` + fields + `,"delta":"AAEC","obfuscation":"x+y","sequence_number":12,"sequence_number":13}`, true},
		{"only a type", `{"type":"response.output_audio.delta"}`, true},
		{"empty delta", `{` + fields + `,"delta":""}`, true},
		{"no base64", `{` + fields + `,"delta":"<>` + "\x7f\xff" + `"}`, true},
		{"largest index", `{` + fields + `,"output_index":9999}`, true},
		{"long name", `{` + fields + `,"` + long + `":"` + long + `"}`, true},

		{"another type", `{"type":"response.output_audio.done","response_id":"r"}`, false},
		{"no type", `{"delta":"AAEC"}`, false},
		{"escape in the delta", `{` + fields + `,"delta":"\/\/\/\/"}`, false},
		{"escape in a name", `{` + fields + `,"\u0064elta":"AAEC"}`, false},
		{"escape in an id", `{"type":"response.output_audio.delta","item_id":"\u0069"}`, false},
		{"beyond ASCII", `{"type":"response.output_audio.delta","item_id":"ü"}`, false},
		{"too long a name", `{` + fields + `,"` + long + `n":1}`, false},
		{"too long an id", `{"type":"response.output_audio.delta","item_id":"` + long + `n"}`, false},
		{"too large an index", `{` + fields + `,"output_index":10000}`, false},
		{"nested", `{` + fields + `,"delta":["AAEC"]}`, false},
		{"nested elsewhere", `{` + fields + `,"delta":"AAEC","more":{}}`, false},
		{"null", `{` + fields + `,"delta":null}`, false},
		{"number for an id", `{"type":"response.output_audio.delta","item_id":1}`, false},
		{"string for an index", `{` + fields + `,"output_index":"1"}`, false},
		{"negative", `{` + fields + `,"output_index":-1}`, false},
		{"fraction", `{` + fields + `,"output_index":1.5}`, false},
		{"exponent", `{` + fields + `,"output_index":1e2}`, false},
		{"leading zero", `{` + fields + `,"output_index":01}`, false},
		{"no number", `{` + fields + `,"output_index":}`, false},
		{"twice a delta", `{` + fields + `,"delta":"AAEC","delta":"AAED"}`, false},
		{"twice a type", `{` + fields + `,"type":"response.output_audio.delta"}`, false},
		{"twice an id", `{` + fields + `,"item_id":"j"}`, false},
		{"control in the delta", `{` + fields + `,"delta":"` + strings.Repeat("A", 40) + "\x1f" + strings.Repeat("A", 40) + `"}`, false},
		{"control at its end", `{` + fields + `,"delta":"` + strings.Repeat("A", 40) + "\n" + `"}`, false},
		{"control in an id", `{"type":"response.output_audio.delta","item_id":"` + "\t" + `"}`, false},
		{"unclosed string", `{` + fields + `,"delta":"AAEC`, false},
		{"unclosed object", `{` + fields + `,"delta":"AAEC"`, false},
		{"nothing after a comma", `{` + fields + `,}`, false},
		{"nothing after a colon", `{` + fields + `,"delta":`, false},
		{"no colon", `{` + fields + `,"delta" "AAEC"}`, false},
		{"no comma", `{` + fields + ` "delta":"AAEC"}`, false},
		{"two braces", `{{` + fields + `}`, false},
		{"more behind", `{` + fields + `}}`, false},
		{"zero byte behind", `{` + fields + "}\x00", false},
		{"array", `[` + fields + `]`, false},
		{"empty object", `{}`, false},
		{"nothing", ``, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			if _, fast := realtime.ParseFast([]byte(test.msg)); fast != test.fast {
				t.Errorf("fast is %v", fast)
			}
			sameBothWays(t, []byte(test.msg))
		})
	}
}

// The fast way gives the careful one's event or none, and Parse what the careful one gives.
func sameBothWays(t *testing.T, msg []byte) {
	t.Helper()
	want, wantErr := realtime.ParseCarefully(msg)
	if got, fast := realtime.ParseFast(msg); fast && (wantErr != nil || !reflect.DeepEqual(got, want)) {
		t.Errorf("%q:\nfast    %+v\ncareful %+v, %v", msg, got, want, wantErr)
	} else if !fast && !reflect.DeepEqual(got, realtime.Event{}) {
		t.Errorf("%q: not taken, and yet %+v", msg, got)
	}
	got, err := realtime.Parse(msg)
	if !reflect.DeepEqual(got, want) || fmt.Sprint(err) != fmt.Sprint(wantErr) {
		t.Errorf("%q:\ngot  %+v, %v\nwant %+v, %v", msg, got, err, want, wantErr)
	}
}

// Messages put together at random from what a fast way could take for something else.
func TestDeltaRandom(t *testing.T) {
	names := []string{"type", "event_id", "response_id", "item_id", "output_index", "content_index", "delta", "text", "", "x", `\u0064elta`, "ü"}
	values := []string{`"response.output_audio.delta"`, `"response.audio.delta"`, `"AAEC"`, `"` + strings.Repeat("AAEC", 30) + `"`, `""`,
		`"r"`, `"\/"`, `"\n"`, "\"a\nb\"", "\"\x7f\"", "\"\xff\"", `"é"`, `"a`, `0`, `7`, `9999`, `65535`, `65536`, `007`, `-0`, `1.5`, `1e3`, `1E`, `.5`, `+1`,
		`null`, `true`, `{}`, `[]`, `{"delta":"A"}`, `["a"]`, ``, `"` + strings.Repeat("n", 600) + `"`}
	blanks := []string{"", "", "", "", " ", "\r\n", "\t", "\v", "\x00", ",", "}"}
	random := rand.New(rand.NewPCG(1, 2))
	pick := func(from []string) string { return from[random.IntN(len(from))] }
	blank := func() string {
		if random.IntN(8) > 0 {
			return ""
		}
		return pick(blanks)
	}
	fast := 0
	for range 40_000 {
		var b strings.Builder
		b.WriteString(blank() + "{" + blank())
		order := random.Perm(len(names))[:1+random.IntN(8)]
		if random.IntN(2) == 0 {
			order[0] = 0
		}
		for n, k := range order {
			if n > 0 {
				b.WriteString("," + blank())
			}
			value := pick(values)
			if usual := []string{values[random.IntN(2)], `"e"`, `"r"`, `"i"`, "0", "3", `"AAEC"`}; k < len(usual) && random.IntN(5) > 0 {
				value = usual[k]
			}
			b.WriteString(`"` + names[k] + `"` + blank() + ":" + blank() + value + blank())
		}
		b.WriteString("}" + blank())
		msg := []byte(b.String())
		if random.IntN(10) == 0 {
			msg = msg[:random.IntN(len(msg)+1)]
		}
		if _, ok := realtime.ParseFast(msg); ok {
			fast++
		}
		sameBothWays(t, msg)
		if t.Failed() {
			return
		}
	}
	if fast < 2_000 {
		t.Errorf("only %d went the fast way", fast)
	}
}

// Every byte at every place of a string: the search for control characters takes eight at a time.
func TestDeltaBytes(t *testing.T) {
	const head = `{"type":"response.audio.delta","delta":"`
	for _, length := range []int{1, 7, 8, 31, 32, 33, 40, 65} {
		msg := []byte(head + strings.Repeat(" ", length) + `"}`)
		for at := range length {
			for c := range 256 {
				msg[len(head)+at] = byte(c)
				_, fast := realtime.ParseFast(msg)
				if want := c >= ' ' && c != '"' && c != '\\'; fast != want {
					t.Fatalf("%#x at %d of %d: fast is %v", c, at, length, fast)
				}
			}
			msg[len(head)+at] = ' '
		}
	}
}

// The ids of an answer are made once, and do not hold the message.
func TestParserRemembersIDs(t *testing.T) {
	var p realtime.Parser
	parse := func(msg []byte) realtime.Event {
		e, err := p.Parse(msg)
		if err != nil {
			t.Fatal(err)
		}
		return e
	}
	msg := deltaMessage(make([]byte, 960))
	if n := testing.AllocsPerRun(100, func() { parse(msg) }); n > 0 {
		t.Errorf("a delta takes %v allocations", n)
	}
	e := parse(msg)
	clear(msg)
	if e.ResponseID != "resp_A" || e.ItemID != "item_A" {
		t.Errorf("the ids became %q and %q", e.ResponseID, e.ItemID)
	}
	again := parse(deltaMessage(nil))
	if unsafe.StringData(again.ItemID) != unsafe.StringData(e.ItemID) {
		t.Error("the same id was made again")
	}
	other := parse(bytes.ReplaceAll(deltaMessage(nil), []byte("item_A"), []byte("item_B")))
	if other.ItemID != "item_B" || other.ResponseID != "resp_A" || e.ItemID != "item_A" {
		t.Errorf("another item's delta is of %q, and that before it of %q", other.ItemID, e.ItemID)
	}
}

func FuzzDelta(f *testing.F) {
	f.Add(deltaMessage([]byte{1, 2, 3}))
	for _, seed := range []string{
		` { "delta" : "AA==" , "type" : "response.audio.delta" , "output_index" : 12 } `,
		`{"type":"response.output_audio.delta","event_id":"e","response_id":"r","item_id":"i","output_index":0,"content_index":0,"delta":"\/\u002f"}`,
		`{"type":"response.output_audio.delta","delta":"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8gISIjJCUm","x":1}`,
		`{"type":"response.output_audio.delta","item_id":"i","item_id":null,"delta":["A"]}`,
		`{"type":"response.output_audio.delta","output_index":1.0e0,"content_index":01}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(sameBothWays)
}

func BenchmarkParse(b *testing.B) {
	b.Run("delta of 12.8 KB", func(b *testing.B) {
		var p realtime.Parser
		msg := deltaMessage(make([]byte, 9600))
		b.ReportAllocs()
		for b.Loop() {
			if e, err := p.Parse(msg); err != nil || len(e.Delta) != 12800 {
				b.Fatal(len(e.Delta), err)
			}
		}
	})
	b.Run("other", func(b *testing.B) {
		var p realtime.Parser
		msg := []byte(`{"type":"response.output_audio_transcript.delta","event_id":"event_1","response_id":"resp_A","item_id":"item_A","output_index":0,"content_index":0,"delta":"Sure, "}`)
		b.ReportAllocs()
		for b.Loop() {
			if _, err := p.Parse(msg); err != nil {
				b.Fatal(err)
			}
		}
	})
}
