package realtimetest_test

import (
	"testing"
	"time"

	"mod_openai_audio_stream/module/realtime"
	"mod_openai_audio_stream/module/realtime/realtimetest"
)

// Client events that are refused, one after the other on one session, which survives them all.
func TestRefusals(t *testing.T) {
	c, _, _ := open(t, realtimetest.Config{Strict: true, Answer: realtimetest.Tone(440, time.Second)})
	c.send(realtime.ResponseCreate())
	item := c.until("response.output_audio.delta").Get("item_id").Str
	c.until("rate_limits.updated")
	c.send(realtime.UserText("hello"))
	user := c.until("conversation.item.done").Get("item.id").Str
	c.sendf(`{"type":"conversation.item.create","item":{"type":"function_call","id":"mine","call_id":"call_x","name":"f","arguments":"{}"}}`)
	c.until("conversation.item.done")

	for _, test := range []struct{ name, msg, code, message string }{
		{"no JSON", `{"type":`, "invalid_json", "parse"},
		{"no type", `{}`, "invalid_value", "Supported values"},
		{"unknown type", `{"type":"output_audio_buffer.clear"}`, "invalid_value", "'output_audio_buffer.clear'"},
		{"no base64", `{"type":"input_audio_buffer.append","audio":"!"}`, "invalid_value", "base64"},
		{"no audio", `{"type":"input_audio_buffer.append"}`, "invalid_value", "base64"},
		{"truncate too long", `{"type":"conversation.item.truncate","item_id":"` + item + `","content_index":0,"audio_end_ms":1001}`, "", "Audio content of 1000ms is already shorter than 1001ms"},
		{"truncate at a fraction", `{"type":"conversation.item.truncate","item_id":"` + item + `","content_index":0,"audio_end_ms":10.5}`, "invalid_type", "integer"},
		{"truncate without a time", `{"type":"conversation.item.truncate","item_id":"` + item + `","content_index":0}`, "invalid_type", "integer"},
		{"truncate another part", `{"type":"conversation.item.truncate","item_id":"` + item + `","content_index":1,"audio_end_ms":1}`, "", "Only model output audio"},
		{"truncate the caller", `{"type":"conversation.item.truncate","item_id":"` + user + `","content_index":0,"audio_end_ms":1}`, "", "Only model output audio"},
		{"truncate nothing", `{"type":"conversation.item.truncate","item_id":"x","content_index":0,"audio_end_ms":1}`, "item_truncate_invalid_item_id", "'x'"},
		{"delete nothing", `{"type":"conversation.item.delete","item_id":"x"}`, "item_delete_invalid_item_id", "'x'"},
		{"retrieve nothing", `{"type":"conversation.item.retrieve","item_id":"x"}`, "item_not_found", "'x'"},
		{"cancel nothing", `{"type":"response.cancel"}`, "response_cancel_not_active", "no active response"},
		{"no item", `{"type":"conversation.item.create"}`, "missing_required_parameter", "'item'"},
		{"item of no type", `{"type":"conversation.item.create","item":{"type":"x"}}`, "invalid_value", "'message'"},
		{"item of no role", `{"type":"conversation.item.create","item":{"type":"message","role":"bot"}}`, "invalid_value", "'bot'"},
		{"item twice", `{"type":"conversation.item.create","item":{"type":"function_call","id":"mine"}}`, "item_create_duplicate_item_id", "'mine'"},
		{"assistant's audio", `{"type":"conversation.item.create","item":{"type":"message","role":"assistant","content":[{"type":"output_audio","audio":""}]}}`, "missing_required_parameter", "item.content[0].text"},
		{"assistant's input", `{"type":"conversation.item.create","item":{"type":"message","role":"assistant","content":[{"type":"input_text","text":""}]}}`, "invalid_value", "'output_text'"},
		{"output of no call", `{"type":"conversation.item.create","item":{"type":"function_call_output","call_id":"x","output":""}}`, "invalid_tool_call_id", "'x'"},
		{"item after nothing", `{"type":"conversation.item.create","previous_item_id":"x","item":{"type":"message","role":"user","content":[]}}`, "item_not_found", "'x'"},
		{"update without a session", `{"type":"session.update"}`, "missing_required_parameter", "'session'"},
		{"update without a type", `{"type":"session.update","session":{}}`, "missing_required_parameter", "'session.type'"},
		{"unknown parameter", `{"type":"session.update","session":{"type":"realtime","temperature":1}}`, "unknown_parameter", "'session.temperature'"},
		{"unknown nested parameter", `{"type":"session.update","session":{"type":"realtime","audio":{"input":{"turn_detection":{"volume":1}}}}}`, "unknown_parameter", "'session.audio.input.turn_detection.volume'"},
		{"rate too low", `{"type":"session.update","session":{"type":"realtime","audio":{"input":{"format":{"type":"audio/pcm","rate":8000}}}}}`, "integer_below_min_value", ">= 24000"},
		{"no rate", `{"type":"session.update","session":{"type":"realtime","audio":{"output":{"format":{"type":"audio/pcm"}}}}}`, "missing_required_parameter", "audio.output.format.rate"},
		{"rate of G.711", `{"type":"session.update","session":{"type":"realtime","audio":{"output":{"format":{"type":"audio/pcmu","rate":8000}}}}}`, "unknown_parameter", "audio.output.format.rate"},
		{"unknown format", `{"type":"session.update","session":{"type":"realtime","audio":{"output":{"format":{"type":"audio/opus"}}}}}`, "invalid_value", "audio/opus"},
		{"voice after audio", `{"type":"session.update","session":{"type":"realtime","instructions":"lost too","audio":{"output":{"voice":"marin"}}}}`, "cannot_update_voice", "voice"},
	} {
		t.Run(test.name, func(t *testing.T) {
			c.t = t
			c.sendf("%s", test.msg)
			c.error(test.code, test.message)
		})
	}
	c.t = t
	// What is right still works, and nothing of the refused updates is left.
	c.sendf(`{"type":"session.update","session":{"type":"realtime","audio":{"output":{"voice":"alloy"}}}}`)
	if e := c.until("session.updated"); e.Get("session.instructions").Str != "" || e.Get("session.temperature").Exists() {
		t.Errorf("session.updated: %s", e.Raw)
	}
	c.send(realtime.FunctionCallOutput("call_x", "{}"))
	c.until("conversation.item.done")
	c.send(realtime.Truncate(item, 0, 1000))
	c.until("conversation.item.truncated")
	c.send(realtime.ItemDelete(item))
	c.until("conversation.item.deleted")
	c.send(realtime.Truncate(item, 0, 10))
	c.error("item_truncate_invalid_item_id", item)
}

// One response at a time, and an error names the client's event.
func TestCreateWhileActive(t *testing.T) {
	c, _, _ := open(t, realtimetest.Config{Speed: 1, Answer: realtimetest.Tone(440, time.Minute)})
	c.send(realtime.ResponseCreate())
	c.until("response.output_audio.delta")
	c.send(realtime.WithEventID(realtime.ResponseCreate(), "mine"))
	e := c.until("error")
	if e.Get("error.code").Str != "conversation_already_has_active_response" || e.Get("error.event_id").Str != "mine" {
		t.Errorf("error: %s", e.Raw)
	}
	c.send(realtime.ResponseCancel(""))
	c.until("response.done")
	c.send(realtime.ResponseCreate())
	c.until("response.created")
}
