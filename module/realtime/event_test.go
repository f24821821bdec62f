package realtime_test

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"mod_openai_audio_stream/module/realtime"
)

func TestParse(t *testing.T) {
	for _, test := range []struct {
		name, msg string
		want      realtime.Event
	}{
		{"session.created", `{"type":"session.created","event_id":"e1","session":{"id":"s","expires_at":1790000000}}`,
			realtime.Event{Kind: realtime.KindSessionCreated, EventID: "e1", ExpiresAt: time.Unix(1790000000, 0),
				Session: []byte(`{"id":"s","expires_at":1790000000}`)}},
		{"session.updated", ` {"session" : {"a":[1]} ,"type":"session.updated"}`,
			realtime.Event{Kind: realtime.KindSessionUpdated, Session: []byte(`{"a":[1]}`)}},
		{"conversation.created", `{"type":"conversation.created","conversation":{"id":"c"}}`,
			realtime.Event{Kind: realtime.KindConversationCreated}},
		{"rate_limits.updated", `{"type":"rate_limits.updated","rate_limits":[{"name":"tokens"}]}`,
			realtime.Event{Kind: realtime.KindRateLimits}},
		{"error", `{"type":"error","event_id":"e","error":{"type":"invalid_request_error","code":"c","message":"m","param":"p","event_id":"mine"}}`,
			realtime.Event{Kind: realtime.KindError, EventID: "e",
				Error: realtime.Error{Type: "invalid_request_error", Code: "c", Message: "m", Param: "p", EventID: "mine"}}},
		{"error with nulls", `{"type":"error","error":{"type":"x","code":null,"message":"m","param":null}}`,
			realtime.Event{Kind: realtime.KindError, Type: "error", Error: realtime.Error{Type: "x", Message: "m"}}},
		{"error as a string", `{"type":"error","error":"busy"}`,
			realtime.Event{Kind: realtime.KindError, Type: "error", Error: realtime.Error{Message: "busy"}}},
		{"error written flat", `{"type":"error","message":"busy","code":"slow_down"}`,
			realtime.Event{Kind: realtime.KindError, Type: "error", Error: realtime.Error{Message: "busy", Code: "slow_down"}}},

		{"input_audio_buffer.speech_started", `{"type":"input_audio_buffer.speech_started","audio_start_ms":3647,"item_id":"i"}`,
			realtime.Event{Kind: realtime.KindSpeechStarted, AudioStartMS: 3647, ItemID: "i"}},
		{"input_audio_buffer.speech_stopped", `{"type":"input_audio_buffer.speech_stopped","audio_end_ms":4000,"item_id":"i"}`,
			realtime.Event{Kind: realtime.KindSpeechStopped, AudioEndMS: 4000, ItemID: "i"}},
		{"input_audio_buffer.timeout_triggered", `{"type":"input_audio_buffer.timeout_triggered","audio_start_ms":1,"audio_end_ms":2,"item_id":"i"}`,
			realtime.Event{Kind: realtime.KindTimeoutTriggered, AudioStartMS: 1, AudioEndMS: 2, ItemID: "i"}},
		{"input_audio_buffer.committed", `{"type":"input_audio_buffer.committed","previous_item_id":null,"item_id":"i"}`,
			realtime.Event{Kind: realtime.KindCommitted, ItemID: "i"}},
		{"input_audio_buffer.cleared", `{"type":"input_audio_buffer.cleared"}`,
			realtime.Event{Kind: realtime.KindCleared}},
		{"conversation.item.input_audio_transcription.delta", `{"type":"conversation.item.input_audio_transcription.delta","item_id":"i","content_index":0,"delta":"He"}`,
			realtime.Event{Kind: realtime.KindInputTranscriptionDelta, ItemID: "i", Transcript: "He"}},
		{"conversation.item.input_audio_transcription.completed", `{"type":"conversation.item.input_audio_transcription.completed","item_id":"i","content_index":0,"transcript":"Hello \"you\""}`,
			realtime.Event{Kind: realtime.KindInputTranscriptionCompleted, ItemID: "i", Transcript: `Hello "you"`}},
		{"conversation.item.input_audio_transcription.failed", `{"type":"conversation.item.input_audio_transcription.failed","item_id":"i","error":{"code":"audio_unintelligible"}}`,
			realtime.Event{Kind: realtime.KindInputTranscriptionFailed, ItemID: "i", Error: realtime.Error{Code: "audio_unintelligible"}}},

		{"conversation.item.added", `{"type":"conversation.item.added","previous_item_id":"h","item":{"id":"i","type":"message"}}`,
			realtime.Event{Kind: realtime.KindItemAdded, ItemID: "i", Item: []byte(`{"id":"i","type":"message"}`)}},
		{"conversation.item.done", `{"type":"conversation.item.done","item":{"id":"i"}}`,
			realtime.Event{Kind: realtime.KindItemDone, ItemID: "i", Item: []byte(`{"id":"i"}`)}},
		{"conversation.item.retrieved", `{"type":"conversation.item.retrieved","item":{"id":"i"}}`,
			realtime.Event{Kind: realtime.KindItemRetrieved, ItemID: "i", Item: []byte(`{"id":"i"}`)}},
		{"conversation.item.deleted", `{"type":"conversation.item.deleted","item_id":"i"}`,
			realtime.Event{Kind: realtime.KindItemDeleted, ItemID: "i"}},
		{"conversation.item.truncated", `{"type":"conversation.item.truncated","item_id":"i","content_index":1,"audio_end_ms":1480}`,
			realtime.Event{Kind: realtime.KindItemTruncated, ItemID: "i", ContentIndex: 1, AudioEndMS: 1480}},

		{"response.created", `{"type":"response.created","response":{"id":"r","status":"in_progress","usage":null}}`,
			realtime.Event{Kind: realtime.KindResponseCreated, ResponseID: "r", Status: "in_progress"}},
		{"response.done", `{"type":"response.done","event_id":"e","response":{"id":"r","status":"cancelled","status_details":{"type":"cancelled","reason":"turn_detected"},
			"usage":{"total_tokens":300,"input_tokens":210,"output_tokens":90,
				"input_token_details":{"text_tokens":150,"audio_tokens":60,"image_tokens":0,"cached_tokens":128,"cached_tokens_details":{"text_tokens":100,"audio_tokens":28}},
				"output_token_details":{"text_tokens":20,"audio_tokens":70}}}}`,
			realtime.Event{Kind: realtime.KindResponseDone, EventID: "e", ResponseID: "r", Status: "cancelled", Reason: "turn_detected",
				Usage: realtime.Usage{InputTokens: 210, OutputTokens: 90, CachedTokens: 128, InputTextTokens: 150, InputAudioTokens: 60,
					CachedTextTokens: 100, CachedAudioTokens: 28, OutputTextTokens: 20, OutputAudioTokens: 70}}},
		{"response.done with sums only", `{"type":"response.done","response":{"id":"r","usage":{"input_tokens":7,"output_tokens":5}}}`,
			realtime.Event{Kind: realtime.KindResponseDone, Type: "response.done", ResponseID: "r", Usage: realtime.Usage{InputTokens: 7, OutputTokens: 5}}},
		{"response.created in the conversation", `{"type":"response.created","response":{"id":"r","conversation_id":"conv_1"}}`,
			realtime.Event{Kind: realtime.KindResponseCreated, Type: "response.created", ResponseID: "r", ConversationID: "conv_1"}},
		{"response.created out of band", `{"type":"response.created","response":{"id":"r","conversation_id":null}}`,
			realtime.Event{Kind: realtime.KindResponseCreated, Type: "response.created", ResponseID: "r", OutOfBand: true}},
		{"response.done out of band", `{"type":"response.done","response":{"id":"r","status":"completed","conversation_id":null}}`,
			realtime.Event{Kind: realtime.KindResponseDone, Type: "response.done", ResponseID: "r", Status: "completed", OutOfBand: true}},
		{"response.done with what was said and called", ` {"type":"response.done","response":{"id":"r", "output": [{"id":"i"}] ,"status":"completed"}}`,
			realtime.Event{Kind: realtime.KindResponseDone, Type: "response.done", ResponseID: "r", Status: "completed", Output: []byte(`[{"id":"i"}]`)}},
		{"response.done with an output that is no list", `{"type":"response.done","response":{"id":"r","output":{"id":"i"}}}`,
			realtime.Event{Kind: realtime.KindResponseDone, Type: "response.done", ResponseID: "r"}},
		{"response.done that failed", `{"type":"response.done","response":{"id":"r","status":"failed","status_details":{"type":"failed","error":{"type":"t","code":"inference_rate_limit_exceeded","message":"later"}}}}`,
			realtime.Event{Kind: realtime.KindResponseDone, Type: "response.done", ResponseID: "r", Status: "failed",
				Error: realtime.Error{Type: "t", Code: "inference_rate_limit_exceeded", Message: "later"}}},
		{"response.done with details as a string", `{"type":"response.done","response":{"status":"incomplete","status_details":"turn_detected"}}`,
			realtime.Event{Kind: realtime.KindResponseDone, Type: "response.done", Status: "incomplete", Reason: "turn_detected"}},
		{"response.output_item.added", `{"type":"response.output_item.added","response_id":"r","output_index":1,"item":{"id":"i"}}`,
			realtime.Event{Kind: realtime.KindOutputItemAdded, ResponseID: "r", OutputIndex: 1, ItemID: "i", Item: []byte(`{"id":"i"}`)}},
		{"response.output_item.done", `{"type":"response.output_item.done","response_id":"r","item":{"id":"i"}}`,
			realtime.Event{Kind: realtime.KindOutputItemDone, ResponseID: "r", ItemID: "i", Item: []byte(`{"id":"i"}`)}},
		{"response.content_part.added", `{"type":"response.content_part.added","response_id":"r","item_id":"i","content_index":2,"part":{"type":"audio"}}`,
			realtime.Event{Kind: realtime.KindContentPartAdded, ResponseID: "r", ItemID: "i", ContentIndex: 2}},
		{"response.content_part.done", `{"type":"response.content_part.done","response_id":"r","item_id":"i"}`,
			realtime.Event{Kind: realtime.KindContentPartDone, ResponseID: "r", ItemID: "i"}},
		{"response.output_audio.delta", `{"type":"response.output_audio.delta","event_id":"e","response_id":"r","item_id":"i","output_index":3,"content_index":1,"delta":"AAEC"}`,
			realtime.Event{Kind: realtime.KindAudioDelta, ResponseID: "r", ItemID: "i", OutputIndex: 3, ContentIndex: 1, Delta: []byte("AAEC")}},
		{"response.output_audio.done", `{"type":"response.output_audio.done","response_id":"r","item_id":"i"}`,
			realtime.Event{Kind: realtime.KindAudioDone, ResponseID: "r", ItemID: "i"}},
		{"response.output_audio_transcript.delta", `{"type":"response.output_audio_transcript.delta","response_id":"r","delta":"Sure"}`,
			realtime.Event{Kind: realtime.KindAudioTranscriptDelta, ResponseID: "r", Transcript: "Sure"}},
		{"response.output_audio_transcript.done", `{"type":"response.output_audio_transcript.done","response_id":"r","transcript":"Sure."}`,
			realtime.Event{Kind: realtime.KindAudioTranscriptDone, ResponseID: "r", Transcript: "Sure."}},
		{"response.output_text.delta", `{"type":"response.output_text.delta","response_id":"r","delta":"Su"}`,
			realtime.Event{Kind: realtime.KindTextDelta, ResponseID: "r", Transcript: "Su"}},
		{"response.output_text.done", `{"type":"response.output_text.done","response_id":"r","text":"Sure."}`,
			realtime.Event{Kind: realtime.KindTextDone, ResponseID: "r", Transcript: "Sure."}},
		{"response.function_call_arguments.delta", `{"type":"response.function_call_arguments.delta","response_id":"r","item_id":"i","call_id":"c","delta":"{\"a"}`,
			realtime.Event{Kind: realtime.KindArgumentsDelta, ResponseID: "r", ItemID: "i", CallID: "c", Arguments: `{"a`}},
		{"response.function_call_arguments.done", `{"type":"response.function_call_arguments.done","response_id":"r","item_id":"i","call_id":"c","name":"f","arguments":"{}"}`,
			realtime.Event{Kind: realtime.KindArgumentsDone, ResponseID: "r", ItemID: "i", CallID: "c", Name: "f", Arguments: `{}`}},
		{"response.mcp_call.in_progress", `{"type":"response.mcp_call.in_progress","output_index":1,"item_id":"i"}`,
			realtime.Event{Kind: realtime.KindMCPCallInProgress, OutputIndex: 1, ItemID: "i"}},
		{"response.mcp_call.completed", `{"type":"response.mcp_call.completed","item_id":"i"}`,
			realtime.Event{Kind: realtime.KindMCPCallCompleted, ItemID: "i"}},
		{"response.mcp_call.failed", `{"type":"response.mcp_call.failed","item_id":"i"}`,
			realtime.Event{Kind: realtime.KindMCPCallFailed, ItemID: "i"}},

		{"unknown type", `{"type":"unmute.additional_outputs","event_id":"e","args":[1,2]}`,
			realtime.Event{Kind: realtime.KindOther, Type: "unmute.additional_outputs", EventID: "e"}},
		{"broken UTF-8", "{\"type\":\"response.output_text.done\",\"text\":\"a\xffb\"}",
			realtime.Event{Kind: realtime.KindTextDone, Type: "response.output_text.done", Transcript: "a\uFFFDb"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			if test.want.Type == "" {
				test.want.Type = test.name
			}
			got, err := realtime.Parse([]byte(test.msg))
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(got, test.want) {
				t.Errorf("got  %+v\nwant %+v", got, test.want)
			}
			if got.Kind != realtime.KindOther && got.Kind.String() != got.Type {
				t.Errorf("kind is called %q, the event %q", got.Kind, got.Type)
			}
		})
	}
}

// Every counter is summed: one that Add forgets stays what it was.
func TestUsageAdd(t *testing.T) {
	var sum, part realtime.Usage
	fields := reflect.ValueOf(&part).Elem()
	for i := range fields.NumField() {
		fields.Field(i).SetInt(int64(i + 1))
	}
	sum.Add(part)
	sum.Add(part)
	for i := range fields.NumField() {
		if got := reflect.ValueOf(sum).Field(i).Int(); got != 2*int64(i+1) {
			t.Errorf("%s is %d, want %d", fields.Type().Field(i).Name, got, 2*(i+1))
		}
	}
}

func TestParseAliases(t *testing.T) {
	for beta, ga := range map[string]string{
		"transcription_session.created":   "session.created",
		"transcription_session.updated":   "session.updated",
		"conversation.item.created":       "conversation.item.added",
		"response.audio.delta":            "response.output_audio.delta",
		"response.audio.done":             "response.output_audio.done",
		"response.audio_transcript.delta": "response.output_audio_transcript.delta",
		"response.audio_transcript.done":  "response.output_audio_transcript.done",
		"response.text.delta":             "response.output_text.delta",
		"response.text.done":              "response.output_text.done",
	} {
		fields := `","response_id":"r","item_id":"i","delta":"AAEC","text":"t","transcript":"u","session":{},"item":{"id":"i"}}`
		a, errA := realtime.Parse([]byte(`{"type":"` + beta + fields))
		b, errB := realtime.Parse([]byte(`{"type":"` + ga + fields))
		if errA != nil || errB != nil {
			t.Fatal(beta, errA, errB)
		}
		if a.Type != beta {
			t.Errorf("type of %s is %s", beta, a.Type)
		}
		a.Type, a.Session, a.Item, a.Delta = b.Type, nil, nil, nil
		b.Session, b.Item, b.Delta = nil, nil, nil
		if a.Kind == realtime.KindOther || !reflect.DeepEqual(a, b) {
			t.Errorf("%s: %+v\n%s: %+v", beta, a, ga, b)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	for name, msg := range map[string]string{
		"nothing":             "",
		"blank":               " \r\n",
		"text":                "hello",
		"null":                "null",
		"number":              "1e999",
		"array":               `[{"type":"error"}]`,
		"string":              `"type"`,
		"no type":             `{"event_id":"e"}`,
		"empty type":          `{"type":""}`,
		"number for type":     `{"type":3}`,
		"cut":                 `{"type":"response.output_audio.delta","delta":"AAA`,
		"two objects":         `{"type":"error"}{"type":"error"}`,
		"raw control in text": "{\"type\":\"error\n\"}",
		"deep":                `{"type":"x","a":` + strings.Repeat("[", 100000) + strings.Repeat("]", 100000) + `}`,
		"deep and unclosed":   `{"type":"x","a":` + strings.Repeat(`{"a":`, 1000000),
		"binary":              "\x00\x01\x02\xff",
	} {
		t.Run(name, func(t *testing.T) {
			e, err := realtime.Parse([]byte(msg))
			if !errors.Is(err, realtime.ErrNotAnEvent) {
				t.Fatalf("got %+v, %v", e, err)
			}
			if !reflect.DeepEqual(e, realtime.Event{}) {
				t.Errorf("an event beside the error: %+v", e)
			}
		})
	}
}

// Every field in every wrong type: the event is what it is without them.
func TestParseWrongTypes(t *testing.T) {
	names := []string{"event_id", "response_id", "item_id", "content_index", "output_index", "delta", "text",
		"transcript", "arguments", "call_id", "name", "audio_start_ms", "audio_end_ms", "session", "item", "response", "error"}
	values := []string{"null", "true", "-1", "1e300", "-0.0", "[]", "[[1]]", `""`, "{}", `{"id":[],"status":{},"status_details":[3],"usage":"x","conversation_id":[],"error":7,"code":{}}`,
		`{"usage":{"input_tokens":[],"input_token_details":7,"output_token_details":{"text_tokens":"x"}}}`,
		`{"usage":{"input_token_details":{"text_tokens":null,"cached_tokens_details":[1]}}}`, `{"output":7}`}
	for kind := realtime.KindError; kind <= realtime.KindMCPCallFailed; kind++ {
		for _, value := range values {
			var b strings.Builder
			fmt.Fprintf(&b, `{"type":%q`, kind.String())
			for _, name := range names {
				fmt.Fprintf(&b, `,%q:%s`, name, value)
			}
			e, err := realtime.Parse([]byte(b.String() + "}"))
			if err != nil {
				t.Fatalf("%v with %s: %v", kind, value, err)
			}
			if e.Kind != kind || e.ResponseID != "" || e.ItemID != "" || e.ContentIndex != 0 || e.OutputIndex != 0 ||
				len(e.Delta) != 0 || e.Transcript != "" || e.AudioStartMS != 0 || e.AudioEndMS != 0 || e.Status != "" ||
				e.Usage != (realtime.Usage{}) || e.OutOfBand || e.Error != (realtime.Error{}) || e.Arguments != "" || e.Output != nil || !e.ExpiresAt.IsZero() {
				t.Errorf("%v with %s: %+v", kind, value, e)
			}
		}
	}
}

// However long a server's excuse is, no more of it is masked, logged and reported than people would read.
func TestParseCutsErrorTexts(t *testing.T) {
	e, err := realtime.Parse([]byte(`{"type":"error","error":{"message":"` + strings.Repeat("wörd ", 1000) + `"}}`))
	if err != nil {
		t.Fatal(err)
	}
	if got := e.Error.Message; len(got) > 4003 || !strings.HasPrefix(got, "wörd ") || !strings.HasSuffix(got, "...") || !utf8.ValidString(got) {
		t.Errorf("%d bytes: %s", len(got), got)
	}
}

// Names of more than 512 bytes count as missing: they would be remembered.
func TestParseLongNames(t *testing.T) {
	for length, want := range map[int]bool{512: true, 513: false} {
		name := strings.Repeat("n", length)
		for _, msg := range []string{
			`{"type":"response.done","response":{"id":"%s","status":"%[1]s","conversation_id":"%[1]s"}}`,
			`{"type":"conversation.item.added","item":{"id":"%s"}}`,
			`{"type":"response.output_audio.delta","response_id":"%s","item_id":"%[1]s"}`,
		} {
			e, err := realtime.Parse(fmt.Appendf(nil, msg, name))
			if err != nil {
				t.Fatal(err)
			}
			if got := e.ResponseID+e.ItemID+e.Status+e.ConversationID != ""; got != want {
				t.Errorf("%d bytes in %s: taken %v, want %v", length, e.Type, got, want)
			}
		}
	}
}

func TestParseMasksKeys(t *testing.T) {
	for _, key := range []string{"sk-proj-abcDEF123_456", "sk-ab************wxyz", "ek_68af296e8e408191a1120ab6383263c2"} {
		e, err := realtime.Parse([]byte(`{"type":"error","error":{"code":"invalid_api_key","message":"Incorrect API key provided: ` + key + `. You can find it."}}`))
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(e.Error.Message, key) || strings.Contains(e.Error.Message, key[len(key)-4:]) {
			t.Errorf("message shows the key: %s", e.Error.Message)
		}
		if !strings.HasPrefix(e.Error.Message, "Incorrect API key provided") || !strings.HasSuffix(e.Error.Message, "You can find it.") {
			t.Errorf("too much masked: %s", e.Error.Message)
		}
	}
}

// A giant delta costs no copy of it, and what is kept of the event does not keep the message.
func TestParseGiant(t *testing.T) {
	pcm := bytes.Repeat([]byte{1, 2, 3, 4, 5, 6}, 15<<20/8)
	msg := deltaMessage(pcm)
	var e realtime.Event
	allocs := testing.AllocsPerRun(10, func() { // an average: the runtime allocates now and then too
		var err error
		if e, err = realtime.Parse(msg); err != nil {
			t.Fatal(err)
		}
	})
	if allocs > 2 {
		t.Errorf("%v allocations", allocs)
	}
	got, err := realtime.DecodeAudio(nil, e.Delta)
	if err != nil || !bytes.Equal(got, pcm) {
		t.Errorf("%d bytes, %v", len(got), err)
	}
}

func deltaMessage(pcm []byte) []byte {
	return []byte(`{"type":"response.output_audio.delta","event_id":"event_1","response_id":"resp_A","item_id":"item_A","output_index":0,"content_index":0,"delta":"` +
		base64.StdEncoding.EncodeToString(pcm) + `"}`)
}

func TestDecodeAudio(t *testing.T) {
	for _, test := range []struct{ name, payload, want, err string }{
		{name: "empty"},
		{name: "whole", payload: "AAEC", want: "\x00\x01\x02"},
		{name: "one pad", payload: "AAE=", want: "\x00\x01"},
		{name: "two pads", payload: "AA==", want: "\x00"},
		{name: "unpadded", payload: "AA", want: "\x00"},
		{name: "slashes", payload: "////", want: "\xff\xff\xff"},
		{name: "escaped slashes", payload: `\/\/\u002f/`, want: "\xff\xff\xff"},
		{name: "URL alphabet", payload: "__--", err: "byte 0 of 4"},
		{name: "blank inside", payload: "AAEC AAEC", err: "byte 4 of 9"},
		{name: "pad inside", payload: "AA==AAEC", err: "byte 2 of 8"},
		{name: "three pads", payload: "AA===", err: "broken base64"},
		{name: "nothing but pads", payload: "====", err: "broken base64"},
		{name: "one character", payload: "A", err: "broken base64"},
		{name: "bare backslash", payload: `AA\`, err: "escape at or after byte 2"},
		{name: "unknown escape", payload: `\xAA`, err: "escape"},
		{name: "beyond ASCII", payload: "AAE\u00e9", err: "byte 3"},
	} {
		t.Run(test.name, func(t *testing.T) {
			dst := []byte("before")
			got, err := realtime.DecodeAudio(dst, []byte(test.payload))
			if test.err != "" {
				if err == nil || !strings.Contains(err.Error(), test.err) {
					t.Errorf("error %v, want one with %q", err, test.err)
				}
				if string(got) != "before" {
					t.Errorf("dst became %q", got)
				}
				return
			}
			if err != nil || string(got) != "before"+test.want {
				t.Errorf("got %q, %v", got, err)
			}
		})
	}
}

func TestHotPathAllocations(t *testing.T) {
	msg := deltaMessage(make([]byte, 19200))
	pcm := make([]byte, 0, 32<<10)
	if n := testing.AllocsPerRun(100, func() {
		e, err := realtime.Parse(msg)
		if err != nil {
			t.Fatal(err)
		}
		if pcm, err = realtime.DecodeAudio(pcm[:0], e.Delta); err != nil {
			t.Fatal(err)
		}
	}); n > 2 { // the two ids
		t.Errorf("a delta takes %v allocations", n)
	}
	frame, wire := make([]byte, 320), make([]byte, 0, 1024)
	if n := testing.AllocsPerRun(100, func() { wire = realtime.AppendInputAudio(wire[:0], frame) }); n > 0 {
		t.Errorf("an append takes %v allocations", n)
	}
	if n := testing.AllocsPerRun(100, func() { wire = realtime.AppendInputAudio(nil, frame) }); n > 1 {
		t.Errorf("an append without a buffer takes %v allocations", n)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(`{"type":"response.output_audio.delta","response_id":"r","item_id":"i","content_index":0,"delta":"AAE="}`))
	f.Add([]byte(`{"type":"error","error":{"message":"sk-abcdef","code":null}}`))
	f.Add([]byte(`{"type":"response.done","response":{"status_details":{"reason":"x"},"usage":{"input_token_details":{"cached_tokens":1}}}}`))
	f.Add([]byte(`{"\u0074ype":"session.created","session":{"audio":{"input":{"format":{"type":"audio/pcm","rate":24000}}}}}`))
	f.Add([]byte(` {"type":"conversation.item.added","item":{"id":"\ud800"}} `))
	f.Add([]byte(`{"type":"x","a":[[[[{}]]]]}`))
	f.Fuzz(func(t *testing.T, msg []byte) {
		before := bytes.Clone(msg)
		e, err := realtime.Parse(msg)
		if err != nil && !errors.Is(err, realtime.ErrNotAnEvent) {
			t.Errorf("error %v", err)
		}
		if err == nil && e.Type == "" {
			t.Error("no type")
		}
		if e.ContentIndex < 0 || e.AudioStartMS < 0 || e.AudioEndMS < 0 || e.Usage.InputTokens < 0 {
			t.Errorf("negative: %+v", e)
		}
		if len(e.Delta) > 0 {
			_, _ = realtime.DecodeAudio(nil, e.Delta)
		}
		realtime.FormatsOf(msg)
		realtime.FormatsOf(e.Session)
		realtime.DetectionOf(e.Session)
		realtime.DetectionOf(msg)
		realtime.StartsResponse(msg)
		realtime.RestoreItem(e.Item)
		_ = realtime.Redact(msg, 100)
		if !bytes.Equal(before, msg) {
			t.Error("the message was changed")
		}
	})
}

func FuzzDecodeAudio(f *testing.F) {
	for _, seed := range []string{"", "AAEC", "AA==", "AAE", `\/\u002f==`, "A\nA", "====", `\`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, payload []byte) {
		got, err := realtime.DecodeAudio([]byte{42}, payload)
		if len(got) == 0 || got[0] != 42 {
			t.Fatal("dst was changed")
		}
		if err != nil && len(got) != 1 {
			t.Error("bytes beside the error")
		}
		want, err2 := base64.StdEncoding.DecodeString(string(payload))
		// Line breaks, which that decoder skips anywhere, do not occur in JSON strings.
		if err2 == nil && !bytes.ContainsAny(payload, "\r\n") && (err != nil || !bytes.Equal(got[1:], want)) {
			t.Errorf("got %x, %v, want %x", got[1:], err, want)
		}
	})
}

func BenchmarkParseDelta(b *testing.B) {
	for _, ms := range []int{20, 400} {
		b.Run(fmt.Sprintf("%dms", ms), func(b *testing.B) {
			msg := deltaMessage(make([]byte, 48*ms))
			var pcm []byte
			b.SetBytes(int64(len(msg)))
			b.ReportAllocs()
			for b.Loop() {
				e, _ := realtime.Parse(msg)
				pcm, _ = realtime.DecodeAudio(pcm[:0], e.Delta)
			}
		})
	}
}

func BenchmarkAppendInputAudio(b *testing.B) {
	frame, wire := make([]byte, 960), make([]byte, 0, 2048)
	b.ReportAllocs()
	for b.Loop() {
		wire = realtime.AppendInputAudio(wire[:0], frame)
	}
}
