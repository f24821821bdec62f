package realtime

import (
	"encoding/base64"
	"encoding/json"
	"strconv"

	"github.com/tidwall/gjson"

	"mod_openai_audio_stream/module/realtime/internal/b64"
)

const (
	appendHead = `{"type":"input_audio_buffer.append","audio":"`
	appendTail = `"}`
)

// AppendInputAudio appends to dst an input_audio_buffer.append event that carries audio, in the session's input format,
// and returns it. It allocates at most once, and not at all if dst has room.
func AppendInputAudio(dst, audio []byte) []byte {
	if n := len(dst) + len(appendHead) + base64.StdEncoding.EncodedLen(len(audio)) + len(appendTail); n > cap(dst) {
		dst = append(make([]byte, 0, n), dst...)
	}
	dst = append(dst, appendHead...)
	dst = b64.AppendEncode(dst, audio)
	return append(dst, appendTail...)
}

// ResponseCreate asks for a response.
func ResponseCreate() []byte { return []byte(`{"type":"response.create"}`) }

// ResponseSay asks the model to speak a text. The protocol has no way to make it speak nothing else; this is as near
// as instructions come.
func ResponseSay(text string) []byte {
	return event(map[string]any{"type": "response.create", "response": map[string]any{
		"instructions": "Say exactly the following to the caller, and nothing else:\n" + text}})
}

// ResponseFarewell asks the model for its last words, which it is not to call a function instead of.
func ResponseFarewell() []byte {
	return event(map[string]any{"type": "response.create", "response": map[string]any{"tool_choice": "none"}})
}

// ResponseSpeak asks the model to say something of the kind that instructions tell, in its own words, and to do nothing else.
func ResponseSpeak(instructions string) []byte {
	return event(map[string]any{"type": "response.create", "response": map[string]any{
		"instructions": instructions, "tool_choice": "none"}})
}

// ResponseAside asks the model to speak a text, and keeps it out of the conversation: the model will not know of it.
func ResponseAside(text string) []byte {
	return event(map[string]any{"type": "response.create", "response": map[string]any{
		"conversation": "none", "input": []any{}, "tool_choice": "none",
		"instructions": "Say exactly the following to the caller, and nothing else:\n" + text}})
}

// ResponseCancel cancels a response, the one in progress if id is "".
func ResponseCancel(id string) []byte {
	if id == "" {
		return []byte(`{"type":"response.cancel"}`)
	}
	return event(map[string]any{"type": "response.cancel", "response_id": id})
}

// Truncate tells the server that the caller heard only the first audioEndMS of an item's audio.
func Truncate(itemID string, contentIndex int, audioEndMS int64) []byte {
	return event(map[string]any{"type": "conversation.item.truncate", "item_id": itemID,
		"content_index": contentIndex, "audio_end_ms": audioEndMS})
}

// ItemDelete removes an item from the conversation.
func ItemDelete(itemID string) []byte {
	return event(map[string]any{"type": "conversation.item.delete", "item_id": itemID})
}

// UserText adds a message of the caller's to the conversation.
func UserText(text string) []byte { return messageItem("user", "input_text", text) }

// MessageItem recreates a message in a new session, as text: a server refuses audio of the assistant's. role is
// user, assistant or system.
func MessageItem(p *Provider, role, text string) []byte {
	if role == "assistant" {
		return messageItem(role, p.AssistantText, text)
	}
	return messageItem(role, "input_text", text)
}

func messageItem(role, kind, text string) []byte {
	return itemCreate(map[string]any{"type": "message", "role": role,
		"content": []any{map[string]any{"type": kind, "text": text}}})
}

// FunctionCall recreates a function call in a new session. arguments is JSON text.
func FunctionCall(callID, name, arguments string) []byte {
	return itemCreate(map[string]any{"type": "function_call", "call_id": callID, "name": name, "arguments": arguments})
}

// FunctionCallOutput answers a function call. output is any text, often JSON.
func FunctionCallOutput(callID, output string) []byte {
	return itemCreate(map[string]any{"type": "function_call_output", "call_id": callID, "output": output})
}

// RestoreItem recreates an item, given as the server or the client wrote it, without what only the old session knows.
// It returns nil if raw is no JSON object.
func RestoreItem(raw json.RawMessage) []byte {
	var item map[string]any
	if json.Unmarshal(raw, &item) != nil || item == nil {
		return nil
	}
	for _, name := range []string{"id", "object", "status"} {
		delete(item, name)
	}
	return itemCreate(item)
}

func itemCreate(item map[string]any) []byte {
	return event(map[string]any{"type": "conversation.item.create", "item": item})
}

func event(fields map[string]any) []byte {
	b, err := json.Marshal(fields)
	if err != nil {
		panic("realtime: unmarshallable event: " + err.Error()) // plain data only, so never
	}
	return b
}

// StartsResponse reports whether a client event asks for a response in the default conversation: only one may run.
func StartsResponse(msg []byte) bool {
	return gjson.GetBytes(msg, "type").Str == "response.create" && gjson.GetBytes(msg, "response.conversation").Str != "none"
}

// RequestedModality is what the response is to be made of that a response.create asks for; "" if it does not say.
func RequestedModality(msg []byte) string { return modality(gjson.GetBytes(msg, "response")) }

// EventID is the event_id of an event of either side, "" if it has none.
func EventID(msg []byte) string { return text(gjson.GetBytes(msg, "event_id")) }

// WithEventID returns the client event with an event_id: its own if it has one, else id, which is plain ASCII. What is
// no JSON object is returned as it is.
func WithEventID(msg []byte, id string) []byte {
	root := gjson.ParseBytes(msg)
	if !root.IsObject() || root.Get("event_id").Exists() {
		return msg
	}
	out := append([]byte(`{"event_id":`), strconv.Quote(id)...)
	if len(root.Map()) > 0 {
		out = append(out, ',')
	}
	return append(out, msg[root.Index+1:]...)
}
