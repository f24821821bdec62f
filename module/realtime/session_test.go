package realtime_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"mod_openai_audio_stream/module/realtime"
)

func TestFormatsOf(t *testing.T) {
	known := func(name string, f realtime.Format, rate int) realtime.AudioFormat {
		return realtime.AudioFormat{Known: true, Name: name, Format: f, RateHz: rate}
	}
	for _, test := range []struct {
		name, session string
		in, out       realtime.AudioFormat
	}{
		{"GA", `{"audio":{"input":{"format":{"type":"audio/pcm","rate":24000}},"output":{"format":{"type":"audio/pcmu"}}}}`,
			known("audio/pcm", realtime.PCM16, 24000), known("audio/pcmu", realtime.G711ULaw, 0)},
		{"beta", `{"input_audio_format":"g711_alaw","output_audio_format":"pcm16"}`,
			known("g711_alaw", realtime.G711ALaw, 0), known("pcm16", realtime.PCM16, 0)},
		{"a name in the GA place", `{"audio":{"input":{"format":"audio/pcma"}}}`,
			known("audio/pcma", realtime.G711ALaw, 0), realtime.AudioFormat{}},
		{"both: GA wins", `{"input_audio_format":"pcm16","audio":{"input":{"format":{"type":"audio/pcmu"}}}}`,
			known("audio/pcmu", realtime.G711ULaw, 0), realtime.AudioFormat{}},
		{"unknown", `{"audio":{"input":{"format":{"type":"audio/opus","rate":48000}}}}`,
			realtime.AudioFormat{Name: "audio/opus", RateHz: 48000}, realtime.AudioFormat{}},
		{"absurd rate", `{"audio":{"input":{"format":{"type":"audio/pcm","rate":1e15}}}}`,
			known("audio/pcm", realtime.PCM16, 0), realtime.AudioFormat{}},
		{"wrong types", `{"audio":{"input":{"format":[1]},"output":7},"output_audio_format":{}}`,
			realtime.AudioFormat{}, realtime.AudioFormat{}},
		{"nothing", ``, realtime.AudioFormat{}, realtime.AudioFormat{}},
		{"no JSON", `{"input_audio_format":"pcm16"`, realtime.AudioFormat{}, realtime.AudioFormat{}},
		{"deep", strings.Repeat(`{"audio":`, 1<<20), realtime.AudioFormat{}, realtime.AudioFormat{}},
	} {
		t.Run(test.name, func(t *testing.T) {
			in, out := realtime.FormatsOf([]byte(test.session))
			if in != test.in || out != test.out {
				t.Errorf("in %+v, out %+v; want %+v, %+v", in, out, test.in, test.out)
			}
		})
	}
	if got := known("audio/pcm", realtime.PCM16, 8000).String(); got != "pcm16 at 8000 Hz" {
		t.Error(got)
	}
	if got := (realtime.AudioFormat{Name: "audio/opus"}).String(); got != `"audio/opus"` {
		t.Error(got)
	}
}

func TestParseFormat(t *testing.T) {
	for name, want := range map[string]realtime.Format{"pcm16": realtime.PCM16, "PCM16": realtime.PCM16, "audio/pcm": realtime.PCM16,
		"g711_ulaw": realtime.G711ULaw, "audio/pcmu": realtime.G711ULaw, "g711_alaw": realtime.G711ALaw, "audio/pcma": realtime.G711ALaw} {
		if got, err := realtime.ParseFormat(name); err != nil || got != want {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
	if _, err := realtime.ParseFormat("opus"); err == nil || !strings.Contains(err.Error(), `"opus"`) {
		t.Errorf("opus: %v", err)
	}
	if realtime.Format(7).String() == "" || realtime.Format(-1).MediaType() == "" {
		t.Error("a format out of range has no name")
	}
}

func TestDetectionOf(t *testing.T) {
	byDefault := realtime.Detection{Interrupts: true, Creates: true}
	for session, want := range map[string]realtime.Detection{
		``:                        byDefault,
		`{}`:                      byDefault,
		`{"turn_detection":`:      byDefault,
		`{"turn_detection":{}}`:   byDefault,
		`{"turn_detection":null}`: {None: true},
		`{"turn_detection":3}`:    byDefault,
		`{"audio":{"input":{"turn_detection":null}}}`:                                                 {None: true},
		`{"audio":{"input":{"turn_detection":null}},"turn_detection":{"type":"server_vad"}}`:          {None: true},
		`{"turn_detection":{"type":"none"}}`:                                                          {None: true},
		`{"turn_detection":{"interrupt_response":false}}`:                                             {Creates: true},
		`{"turn_detection":{"create_response":false}}`:                                                {Interrupts: true},
		`{"turn_detection":{"interrupt_response":null,"create_response":0}}`:                          byDefault,
		`{"turn_detection":{"type":"server_vad","silence_duration_ms":200}}`:                          {Kind: realtime.ServerVAD, SilenceMS: 200, Interrupts: true, Creates: true},
		`{"audio":{"input":{"turn_detection":{"type":"semantic_vad","eagerness":"low"}}}}`:            {Kind: realtime.SemanticVAD, Interrupts: true, Creates: true},
		`{"audio":{"input":{"turn_detection":{"type":"server_vad","silence_duration_ms":500.7}}}}`:    {Kind: realtime.ServerVAD, SilenceMS: 500, Interrupts: true, Creates: true},
		`{"turn_detection":{"type":"azure_semantic_vad","silence_duration_ms":300}}`:                  {SilenceMS: 300, Interrupts: true, Creates: true},
		`{"turn_detection":{"type":7,"silence_duration_ms":"long"}}`:                                  byDefault,
		`{"turn_detection":{"type":"server_vad","silence_duration_ms":-5}}`:                           {Kind: realtime.ServerVAD, Interrupts: true, Creates: true},
		`{"turn_detection":{"type":"server_vad","silence_duration_ms":1e15}}`:                         {Kind: realtime.ServerVAD, Interrupts: true, Creates: true},
		`{"turn_detection":{"type":"server_vad","interrupt_response":false,"create_response":false}}`: {Kind: realtime.ServerVAD},
	} {
		if got := realtime.DetectionOf([]byte(session)); got != want {
			t.Errorf("DetectionOf(%s) = %+v, want %+v", session, got, want)
		}
	}
}

func TestDetectionThatTheUserAsksFor(t *testing.T) {
	byDefault := realtime.Detection{Interrupts: true, Creates: true}
	for name, test := range map[string]struct {
		options realtime.SessionOptions
		want    realtime.Detection
	}{
		"nothing":          {realtime.SessionOptions{}, byDefault},
		"a bad base":       {realtime.SessionOptions{Base: json.RawMessage(`[`)}, byDefault},
		"a bad detection":  {realtime.SessionOptions{TurnDetection: json.RawMessage(`{`)}, byDefault},
		"none":             {realtime.SessionOptions{TurnDetection: json.RawMessage(`null`)}, realtime.Detection{None: true}},
		"in the session":   {realtime.SessionOptions{Base: json.RawMessage(`{"audio":{"input":{"turn_detection":{"create_response":false}}}}`)}, realtime.Detection{Interrupts: true}},
		"in a whole event": {realtime.SessionOptions{Base: json.RawMessage(`{"type":"session.update","session":{"turn_detection":null}}`)}, realtime.Detection{None: true}},
		"in both": {realtime.SessionOptions{Base: json.RawMessage(`{"turn_detection":null}`), TurnDetection: json.RawMessage(`{"type":"semantic_vad"}`)},
			realtime.Detection{Kind: realtime.SemanticVAD, Interrupts: true, Creates: true}},
	} {
		if got := test.options.Detection(); got != test.want {
			t.Errorf("%s: %+v, want %+v", name, got, test.want)
		}
	}
}

func TestExpiresAt(t *testing.T) {
	for session, want := range map[string]time.Time{
		`{"expires_at":1790000000}`: time.Unix(1790000000, 0),
		`{"expires_at":"soon"}`:     {},
		`{"expires_at":-1}`:         {},
		`[]`:                        {},
	} {
		if got := realtime.ExpiresAt([]byte(session)); !got.Equal(want) {
			t.Errorf("ExpiresAt(%s) = %v", session, got)
		}
	}
}

func TestAppendSessionUpdate(t *testing.T) {
	for _, test := range []struct {
		name, provider string
		options        realtime.SessionOptions
		want           string
	}{
		{"nothing but formats", "openai", realtime.SessionOptions{InputRateHz: 24000, OutputRateHz: 24000},
			`{"type":"session.update","session":{"type":"realtime","audio":{"input":{"format":{"type":"audio/pcm","rate":24000}},"output":{"format":{"type":"audio/pcm","rate":24000}}}}}`},
		{"all options", "openai",
			realtime.SessionOptions{Instructions: "Be brief.", Voice: "marin", TurnDetection: json.RawMessage(`{"type":"server_vad","silence_duration_ms":500}`),
				InputFormat: realtime.G711ULaw, OutputFormat: realtime.G711ALaw, InputRateHz: 8000, OutputRateHz: 8000, EventID: "e"},
			`{"type":"session.update","event_id":"e","session":{"type":"realtime","instructions":"Be brief.","audio":{
				"input":{"format":{"type":"audio/pcmu"},"turn_detection":{"type":"server_vad","silence_duration_ms":500}},
				"output":{"format":{"type":"audio/pcma"},"voice":"marin"}}}}`},
		{"all options, flat", "azure-preview",
			realtime.SessionOptions{Instructions: "Be brief.", Voice: "alloy", TurnDetection: json.RawMessage(`null`), OutputFormat: realtime.G711ALaw, InputRateHz: 24000},
			`{"type":"session.update","session":{"instructions":"Be brief.","voice":"alloy","turn_detection":null,"input_audio_format":"pcm16","output_audio_format":"g711_alaw"}}`},
		{"answers are kept", "openai", realtime.SessionOptions{KeepAnswer: true},
			`{"type":"session.update","session":{"type":"realtime","audio":{"input":{"format":{"type":"audio/pcm"},"turn_detection":{"type":"server_vad","interrupt_response":false}},"output":{"format":{"type":"audio/pcm"}}}}}`},
		{"answers are kept, by the user's detection", "azure-preview",
			realtime.SessionOptions{KeepAnswer: true, TurnDetection: json.RawMessage(`{"type":"semantic_vad","eagerness":"low"}`)},
			`{"type":"session.update","session":{"turn_detection":{"type":"semantic_vad","eagerness":"low","interrupt_response":false},"input_audio_format":"pcm16","output_audio_format":"pcm16"}}`},
		{"answers are kept, nothing is detected", "openai",
			realtime.SessionOptions{KeepAnswer: true, Base: json.RawMessage(`{"turn_detection":null}`)},
			`{"type":"session.update","session":{"type":"realtime","audio":{"input":{"format":{"type":"audio/pcm"},"turn_detection":null},"output":{"format":{"type":"audio/pcm"}}}}}`},
		{"functions", "openai",
			realtime.SessionOptions{Tools: []json.RawMessage{json.RawMessage(`{"type":"function","name":"a","parameters":{"n":12345678901234567890}}`)}},
			`{"type":"session.update","session":{"type":"realtime","tools":[{"type":"function","name":"a","parameters":{"n":12345678901234567890}}],"audio":{"input":{"format":{"type":"audio/pcm"}},"output":{"format":{"type":"audio/pcm"}}}}}`},
		{"functions beside the user's, flat", "azure-preview",
			realtime.SessionOptions{Base: json.RawMessage(`{"tools":[{"type":"mcp"},{"name":"mine"}],"tool_choice":"auto"}`), Tools: []json.RawMessage{json.RawMessage(`{"name":"a"}`), json.RawMessage(`{"name":"b"}`)}},
			`{"type":"session.update","session":{"tools":[{"type":"mcp"},{"name":"mine"},{"name":"a"},{"name":"b"}],"tool_choice":"auto","input_audio_format":"pcm16","output_audio_format":"pcm16"}}`},
		{"functions where the user has none", "azure-preview",
			realtime.SessionOptions{Base: json.RawMessage(`{"tools":null}`), Tools: []json.RawMessage{json.RawMessage(`{"name":"a"}`)}},
			`{"type":"session.update","session":{"tools":[{"name":"a"}],"input_audio_format":"pcm16","output_audio_format":"pcm16"}}`},
		{"less noise", "openai", realtime.SessionOptions{NoiseReduction: "near_field", Base: json.RawMessage(`{"audio":{"input":{"noise_reduction":{"type":"far_field"}}}}`)},
			`{"type":"session.update","session":{"type":"realtime","audio":{"input":{"format":{"type":"audio/pcm"},"noise_reduction":{"type":"near_field"}},"output":{"format":{"type":"audio/pcm"}}}}}`},
		{"less noise, flat", "azure-preview", realtime.SessionOptions{NoiseReduction: "far_field"},
			`{"type":"session.update","session":{"input_audio_noise_reduction":{"type":"far_field"},"input_audio_format":"pcm16","output_audio_format":"pcm16"}}`},
		{"noise as it is", "openai", realtime.SessionOptions{NoiseReduction: "off"},
			`{"type":"session.update","session":{"type":"realtime","audio":{"input":{"format":{"type":"audio/pcm"},"noise_reduction":null},"output":{"format":{"type":"audio/pcm"}}}}}`},
		{"noise as it is, flat", "azure-preview", realtime.SessionOptions{NoiseReduction: "off"},
			`{"type":"session.update","session":{"input_audio_noise_reduction":null,"input_audio_format":"pcm16","output_audio_format":"pcm16"}}`},
		{"answers are kept and none is given unasked", "openai", realtime.SessionOptions{KeepAnswer: true, AwaitRequest: true},
			`{"type":"session.update","session":{"type":"realtime","audio":{"input":{"format":{"type":"audio/pcm"},"turn_detection":{"type":"server_vad","interrupt_response":false,"create_response":false}},"output":{"format":{"type":"audio/pcm"}}}}}`},
		{"no answer unasked", "azure-preview", realtime.SessionOptions{AwaitRequest: true},
			`{"type":"session.update","session":{"turn_detection":{"type":"server_vad","create_response":false},"input_audio_format":"pcm16","output_audio_format":"pcm16"}}`},
		{"the user's object is kept", "openai",
			realtime.SessionOptions{Base: json.RawMessage(`{"instructions":"mine","max_output_tokens":4096,"seed":12345678901234567890,"audio":{"input":{"noise_reduction":null,"format":{"type":"audio/pcm","rate":1}}},"tools":[{"type":"function","name":"f"}]}`), InputRateHz: 24000, OutputRateHz: 24000},
			`{"type":"session.update","session":{"type":"realtime","instructions":"mine","max_output_tokens":4096,"seed":12345678901234567890,"tools":[{"type":"function","name":"f"}],
				"audio":{"input":{"noise_reduction":null,"format":{"type":"audio/pcm","rate":24000}},"output":{"format":{"type":"audio/pcm","rate":24000}}}}}`},
		{"options win over it", "openai",
			realtime.SessionOptions{Base: json.RawMessage(`{"type":"transcription","instructions":"mine","audio":{"output":{"voice":"ash"}}}`), Instructions: "ours", Voice: "cedar"},
			`{"type":"session.update","session":{"type":"transcription","instructions":"ours","audio":{"input":{"format":{"type":"audio/pcm"}},"output":{"format":{"type":"audio/pcm"},"voice":"cedar"}}}}`},
		{"a whole event", "openai",
			realtime.SessionOptions{Base: json.RawMessage(` {"type":"session.update","session":{"type":"realtime","instructions":"mine"}} `)},
			`{"type":"session.update","session":{"type":"realtime","instructions":"mine","audio":{"input":{"format":{"type":"audio/pcm"}},"output":{"format":{"type":"audio/pcm"}}}}}`},
		{"old shape for a new server", "openai",
			realtime.SessionOptions{Base: json.RawMessage(`{"modalities":["text","audio"],"voice":"ash","turn_detection":null,"input_audio_format":"pcm16","max_response_output_tokens":"inf","input_audio_transcription":{"model":"whisper-1"}}`)},
			`{"type":"session.update","session":{"type":"realtime","output_modalities":["audio"],"max_output_tokens":"inf","audio":{
				"input":{"format":{"type":"audio/pcm"},"turn_detection":null,"transcription":{"model":"whisper-1"}},
				"output":{"format":{"type":"audio/pcm"},"voice":"ash"}}}}`},
		{"new shape for an old server", "azure-preview",
			realtime.SessionOptions{Base: json.RawMessage(`{"type":"realtime","output_modalities":["audio"],"max_output_tokens":7,"audio":{"input":{"turn_detection":{"type":"semantic_vad"},"format":{"type":"audio/pcmu"}},"output":{"voice":"ash","speed":1.1}}}`)},
			`{"type":"session.update","session":{"modalities":["audio","text"],"max_response_output_tokens":7,"turn_detection":{"type":"semantic_vad"},"voice":"ash","speed":1.1,"input_audio_format":"pcm16","output_audio_format":"pcm16"}}`},
		{"both shapes at once: the server's own wins", "openai", realtime.SessionOptions{Base: json.RawMessage(`{"voice":"old","audio":{"output":{"voice":"new"}},"modalities":["text"],"output_modalities":["audio"]}`)},
			`{"type":"session.update","session":{"type":"realtime","output_modalities":["audio"],"audio":{"input":{"format":{"type":"audio/pcm"}},"output":{"format":{"type":"audio/pcm"},"voice":"new"}}}}`},
		{"both shapes at once for an old server", "azure-preview", realtime.SessionOptions{Base: json.RawMessage(`{"voice":"old","audio":{"output":{"voice":"new"}},"modalities":["text"],"output_modalities":["audio"]}`)},
			`{"type":"session.update","session":{"modalities":["text"],"voice":"old","input_audio_format":"pcm16","output_audio_format":"pcm16"}}`},
		{"text only, both ways", "azure-preview", realtime.SessionOptions{Base: json.RawMessage(`{"output_modalities":["text"]}`)},
			`{"type":"session.update","session":{"modalities":["text"],"input_audio_format":"pcm16","output_audio_format":"pcm16"}}`},
		{"a compatible server gets what the user wrote", "compatible", realtime.SessionOptions{Base: json.RawMessage(`{"voice":"eve","turn_detection":null}`), InputRateHz: 16000, OutputRateHz: 16000},
			`{"type":"session.update","session":{"type":"realtime","voice":"eve","turn_detection":null,"audio":{"input":{"format":{"type":"audio/pcm","rate":16000}},"output":{"format":{"type":"audio/pcm","rate":16000}}}}}`},
		{"audio that is no object", "openai", realtime.SessionOptions{Base: json.RawMessage(`{"audio":"loud"}`)},
			`{"type":"session.update","session":{"type":"realtime","audio":{"input":{"format":{"type":"audio/pcm"}},"output":{"format":{"type":"audio/pcm"}}}}}`},
	} {
		t.Run(test.name, func(t *testing.T) {
			p, err := realtime.ProviderFor(nil, test.provider)
			if err != nil {
				t.Fatal(err)
			}
			got, err := realtime.AppendSessionUpdate([]byte("before"), p, test.options)
			if err != nil {
				t.Fatal(err)
			}
			if !strings.HasPrefix(string(got), "before") {
				t.Fatalf("not appended: %s", got)
			}
			sameJSON(t, got[len("before"):], test.want)
		})
	}
	p, _ := realtime.ProviderFor(nil, "openai")
	for name, o := range map[string]realtime.SessionOptions{
		"no JSON":            {Base: json.RawMessage(`{`)},
		"null":               {Base: json.RawMessage(`null`)},
		"array":              {Base: json.RawMessage(`[]`)},
		"two objects":        {Base: json.RawMessage(`{}{}`)},
		"event without one":  {Base: json.RawMessage(`{"type":"session.update"}`)},
		"tools in an object": {Base: json.RawMessage(`{"tools":{}}`), Tools: []json.RawMessage{json.RawMessage(`{}`)}},
		"bad turn detection": {TurnDetection: json.RawMessage(`{"type":`)},
	} {
		if got, err := realtime.AppendSessionUpdate(nil, p, o); err == nil || got != nil {
			t.Errorf("%s: got %s, %v", name, got, err)
		}
	}
	if !(&realtime.SessionOptions{InputRateHz: 8000, EventID: "e"}).Empty() || (&realtime.SessionOptions{Voice: "ash"}).Empty() ||
		(&realtime.SessionOptions{OutputFormat: realtime.G711ULaw}).Empty() ||
		(&realtime.SessionOptions{NoiseReduction: "off"}).Empty() || (&realtime.SessionOptions{Tools: []json.RawMessage{nil}}).Empty() {
		t.Error("Empty")
	}
}

func TestFunctions(t *testing.T) {
	for session, want := range map[string]string{
		``:                       "[]",
		`null`:                   "[]",
		`[]`:                     "[]",
		`{"tools":{"name":"a"}}`: "[]",
		`{"tools":[{"type":"function","name":"a"},{"type":"mcp"},3,{"name":4},{"name":"b"}]}`: "[a b]",
		`{"type":"session.update","session":{"tools":[{"name":"a"}]}}`:                        "[a]",
	} {
		if got := fmt.Sprint(realtime.Functions([]byte(session))); got != want {
			t.Errorf("Functions(%s) = %s, want %s", session, got, want)
		}
	}
}

// What a response is made of is read out of sessions, responses and requests of either shape.
func TestModality(t *testing.T) {
	for object, want := range map[string]string{
		`{"output_modalities":["audio"]}`: realtime.Spoken,
		`{"output_modalities":["text"]}`:  realtime.Written,
		`{"modalities":["text","audio"]}`: realtime.Spoken,
		`{"modalities":["text"]}`:         realtime.Written,
		`{"modalities":[]}`:               "",
		`{"output_modalities":null}`:      "",
		`{}`:                              "",
		`[`:                               "",
	} {
		if got := realtime.ModalityOf([]byte(object)); got != want {
			t.Errorf("%s: %q, want %q", object, got, want)
		}
		if object == "[" {
			continue
		}
		if got := realtime.RequestedModality([]byte(`{"type":"response.create","response":` + object + `}`)); got != want {
			t.Errorf("a request with %s: %q, want %q", object, got, want)
		}
		e, err := realtime.Parse([]byte(`{"type":"response.created","response":` + object + `}`))
		if err != nil || e.Modality != want {
			t.Errorf("a response with %s: %q, %v, want %q", object, e.Modality, err, want)
		}
	}
}
