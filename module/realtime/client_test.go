package realtime_test

import (
	"bytes"
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"mod_openai_audio_stream/module/realtime"
)

// sameJSON compares two JSON texts by what they mean.
func sameJSON(t *testing.T, got []byte, want string) {
	t.Helper()
	parsed := func(b []byte) (v any) {
		d := json.NewDecoder(bytes.NewReader(b))
		d.UseNumber() // large ones have to come out as they went in
		if err := d.Decode(&v); err != nil {
			t.Fatalf("%s: %v", b, err)
		}
		return v
	}
	if a, b := parsed(got), parsed([]byte(want)); !reflect.DeepEqual(a, b) {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestClientEvents(t *testing.T) {
	openai, err := realtime.ProviderFor(nil, "openai")
	if err != nil {
		t.Fatal(err)
	}
	preview, err := realtime.ProviderFor(nil, "azure-preview")
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name string
		got  []byte
		want string
	}{
		{"audio", realtime.AppendInputAudio(nil, []byte{0xff, 0xff, 0xff, 0}), `{"type":"input_audio_buffer.append","audio":"////AA=="}`},
		{"no audio", realtime.AppendInputAudio(nil, nil), `{"type":"input_audio_buffer.append","audio":""}`},
		{"create", realtime.ResponseCreate(), `{"type":"response.create"}`},
		{"speak", realtime.ResponseSpeak("Say goodbye."), `{"type":"response.create","response":{"instructions":"Say goodbye.","tool_choice":"none"}}`},
		{"say", realtime.ResponseSay("one \"moment\" <please>"), `{"type":"response.create","response":{"instructions":"Say exactly the following to the caller, and nothing else:\none \"moment\" <please>"}}`},
		{"aside", realtime.ResponseAside("one moment"), `{"type":"response.create","response":{"conversation":"none","input":[],"tool_choice":"none","instructions":"Say exactly the following to the caller, and nothing else:\none moment"}}`},
		{"cancel", realtime.ResponseCancel(""), `{"type":"response.cancel"}`},
		{"cancel one", realtime.ResponseCancel("r"), `{"type":"response.cancel","response_id":"r"}`},
		{"truncate", realtime.Truncate("i", 1, 1480), `{"type":"conversation.item.truncate","item_id":"i","content_index":1,"audio_end_ms":1480}`},
		{"delete", realtime.ItemDelete("i"), `{"type":"conversation.item.delete","item_id":"i"}`},
		{"user", realtime.UserText("hi\u2028"), `{"type":"conversation.item.create","item":{"type":"message","role":"user","content":[{"type":"input_text","text":"hi\u2028"}]}}`},
		{"system", realtime.MessageItem(openai, "system", "s"), `{"type":"conversation.item.create","item":{"type":"message","role":"system","content":[{"type":"input_text","text":"s"}]}}`},
		{"assistant", realtime.MessageItem(openai, "assistant", "a"), `{"type":"conversation.item.create","item":{"type":"message","role":"assistant","content":[{"type":"output_text","text":"a"}]}}`},
		{"assistant in beta", realtime.MessageItem(preview, "assistant", "a"), `{"type":"conversation.item.create","item":{"type":"message","role":"assistant","content":[{"type":"text","text":"a"}]}}`},
		{"function call", realtime.FunctionCall("c", "f", `{"a":1}`), `{"type":"conversation.item.create","item":{"type":"function_call","call_id":"c","name":"f","arguments":"{\"a\":1}"}}`},
		{"function call output", realtime.FunctionCallOutput("c", `{"ok":true}`), `{"type":"conversation.item.create","item":{"type":"function_call_output","call_id":"c","output":"{\"ok\":true}"}}`},
		{"restored", realtime.RestoreItem([]byte(`{"id":"i","object":"realtime.item","status":"completed","type":"function_call","name":"f"}`)), `{"type":"conversation.item.create","item":{"type":"function_call","name":"f"}}`},
		{"event id", realtime.WithEventID([]byte(`{"type":"response.create"}`), "e1"), `{"type":"response.create","event_id":"e1"}`},
		{"event id alone", realtime.WithEventID([]byte(` { } `), "e1"), `{"event_id":"e1"}`},
		{"own event id", realtime.WithEventID([]byte(`{"event_id":"mine"}`), "e1"), `{"event_id":"mine"}`},
	} {
		t.Run(test.name, func(t *testing.T) { sameJSON(t, test.got, test.want) })
	}
	if got := string(realtime.AppendInputAudio([]byte("before"), []byte{1})); got != `before{"type":"input_audio_buffer.append","audio":"AQ=="}` {
		t.Errorf("appended: %s", got)
	}
	for _, raw := range []string{"", "null", "[]", "{"} {
		if got := realtime.RestoreItem([]byte(raw)); got != nil {
			t.Errorf("RestoreItem(%q) = %s", raw, got)
		}
	}
	if got := string(realtime.WithEventID([]byte("[]"), "e")); got != "[]" {
		t.Errorf("WithEventID of an array: %s", got)
	}
}

func TestStartsResponse(t *testing.T) {
	for msg, want := range map[string]bool{
		`{"type":"response.create"}`:                                    true,
		`{"type":"response.create","response":{"conversation":"auto"}}`: true,
		`{"type":"response.create","response":{"conversation":"none"}}`: false,
		`{"type":"response.cancel"}`:                                    false,
		`{"response":{"type":"response.create"}}`:                       false,
		``:                             false,
		`{"type":["response.create"]}`: false,
		`{"event_id":"x","response":{"a":{}},"type":"response.create"}  `: true,
	} {
		if got := realtime.StartsResponse([]byte(msg)); got != want {
			t.Errorf("%s: %v", msg, got)
		}
	}
	if got := realtime.EventID([]byte(`{"type":"x","event_id":"e"}`)); got != "e" {
		t.Errorf("event id %q", got)
	}
}

func TestRedact(t *testing.T) {
	audio := strings.Repeat("AAEC", 6400)
	for _, test := range []struct {
		name, msg string
		most      int
		want      string
	}{
		{"delta", `{"type":"response.output_audio.delta","delta":"` + audio + `","item_id":"i"}`, 500,
			`{"type":"response.output_audio.delta","delta":"<19200 bytes of audio>","item_id":"i"}`},
		{"delta before the type", `{"delta":"` + audio + `","type":"response.audio.delta"}`, 500,
			`{"delta":"<19200 bytes of audio>","type":"response.audio.delta"}`},
		{"append", `{"type":"input_audio_buffer.append","audio":"AA=="}`, 500,
			`{"type":"input_audio_buffer.append","audio":"<1 bytes of audio>"}`},
		{"item", `{"item":{"content":[{"type":"input_audio","audio" : "AAE="},{"audio":"AAEC"}]}}`, 500,
			`{"item":{"content":[{"type":"input_audio","audio":"<2 bytes of audio>"},{"audio":"<3 bytes of audio>"}]}}`},
		{"escaped slashes", `{"audio":"\/\/\/\/"}`, 500, `{"audio":"<3 bytes of audio>"}`},
		{"formats stay", `{"audio":{"input":{"format":{"type":"audio/pcm"}}},"modalities":["audio"]}`, 500,
			`{"audio":{"input":{"format":{"type":"audio/pcm"}}},"modalities":["audio"]}`},
		{"text delta stays", `{"type":"response.output_text.delta","delta":"Sure"}`, 500,
			`{"type":"response.output_text.delta","delta":"Sure"}`},
		{"escaped quotes", `{"a":"x\"audio\":\"y\\","audio":"AAEC"}`, 500,
			`{"a":"x\"audio\":\"y\\","audio":"<3 bytes of audio>"}`},
		{"cut", `{"type":"x","text":"0123456789"}`, 20, `{"type":"x","text":"... (32 bytes)`},
		{"cut inside a character", `{"a":"äöü"}`, 9, `{"a":"ä... (14 bytes)`},
		{"control characters", "{\"a\":\n\t1,\"b\":\"\x00\x7f\"}", 500, `{"a":  1,"b":"  "}`},
		{"broken UTF-8", "\xff\xfe", 500, "\uFFFD"},
		{"unclosed", `{"audio":"AAEC`, 500, `{"audio":"<3 bytes of audio>"`},
		{"nothing", "", 10, ""},
		{"no room", "{}", 0, "... (2 bytes)"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := realtime.Redact([]byte(test.msg), test.most); got != test.want {
				t.Errorf("got  %s\nwant %s", got, test.want)
			}
		})
	}
}
