package stream

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tidwall/gjson"

	"mod_openai_audio_stream/module/realtime"
)

// told is a history that a server's events have been told.
func told(t *testing.T, events ...string) *history {
	t.Helper()
	h := &history{}
	for _, msg := range events {
		e, err := realtime.Parse([]byte(msg))
		if err != nil {
			t.Fatal(err)
		}
		h.note(&e)
	}
	return h
}

// replayed is what a new session is told, one line for each item.
func (h *history) replayed(t *testing.T, provider string) (lines []string) {
	t.Helper()
	p, err := realtime.ProviderFor(nil, provider)
	if err != nil {
		t.Fatal(err)
	}
	for _, msg := range h.replay(p) {
		item := gjson.GetBytes(msg, "item")
		switch kind := item.Get("type").Str; kind {
		case "message":
			lines = append(lines, item.Get("role").Str+" "+item.Get("content.0.type").Str+" "+item.Get("content.0.text").Str)
		default:
			lines = append(lines, kind+" "+item.Get("call_id").Str+" "+item.Get("arguments").Str+item.Get("output").Str)
		}
	}
	return lines
}

const (
	userAdded   = `{"type":"conversation.item.added","item":{"id":"u1","type":"message","role":"user","content":[{"type":"input_audio"}]}}`
	userText    = `{"type":"conversation.item.input_audio_transcription.completed","item_id":"u1","transcript":"What time is it?"}`
	agentAdded  = `{"type":"conversation.item.added","item":{"id":"a1","type":"message","role":"assistant","content":[]}}`
	agentText   = `{"type":"response.output_audio_transcript.done","response_id":"r1","item_id":"a1","transcript":"It is noon."}`
	callDone    = `{"type":"response.output_item.done","response_id":"r2","item":{"id":"f1","type":"function_call","status":"completed","name":"clock","call_id":"c1","arguments":"{}"}}`
	callBroken  = `{"type":"response.output_item.done","response_id":"r2","item":{"id":"f1","type":"function_call","status":"incomplete","name":"clock","call_id":"c1","arguments":"{"}}`
	itemDeleted = `{"type":"conversation.item.deleted","item_id":"u1"}`
)

func TestHistoryReplay(t *testing.T) {
	for name, test := range map[string]struct {
		events   []string
		provider string
		want     []string
	}{
		"in the order of the conversation, not of the transcripts": {
			events: []string{userAdded, agentAdded, agentText, userText}, provider: "openai",
			want: []string{"user input_text What time is it?", "assistant output_text It is noon."},
		},
		"the preview's names": {
			events: []string{userAdded, userText, agentAdded, agentText}, provider: "azure-preview",
			want: []string{"user input_text What time is it?", "assistant text It is noon."},
		},
		"without a transcript there is nothing to tell": {events: []string{userAdded, agentAdded}, provider: "openai"},
		"function calls":                      {events: []string{callDone}, provider: "openai", want: []string{"function_call c1 {}"}},
		"a call that was interrupted is none": {events: []string{callBroken}, provider: "openai"},
		"what was deleted stays deleted":      {events: []string{userAdded, userText, itemDeleted}, provider: "openai"},
	} {
		if got := told(t, test.events...).replayed(t, test.provider); !slices.Equal(got, test.want) {
			t.Errorf("%s: %q, want %q", name, got, test.want)
		}
	}
}

func TestHistoryOfTheClient(t *testing.T) {
	h := told(t, callDone)
	h.noteClient([]byte(`{"type":"conversation.item.create","item":{"type":"function_call_output","call_id":"c1","output":"noon"}}`))
	h.noteClient([]byte(`{"type":"conversation.item.create","item":{"type":"message","role":"system","content":[{"type":"input_text","text":"Be kind."}]}}`))
	h.noteClient([]byte(`{"type":"response.create"}`))
	h.noteClient([]byte(`{"type":"session.update","session":{"a":1}}`))
	want := []string{"function_call c1 {}", "function_call_output c1 noon", "system input_text Be kind."}
	if got := h.replayed(t, "openai"); !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	if len(h.updates) != 1 || string(h.updates[0]) != `{"type":"session.update","session":{"a":1}}` {
		t.Errorf("updates %q", h.updates)
	}
	for i := range 40 {
		h.noteClient(fmt.Appendf(nil, `{"type":"session.update","session":{"n":%d}}`, i))
	}
	if n := len(h.updates); n > 16 || !strings.Contains(string(h.updates[n-1]), ":39") {
		t.Errorf("%d updates are kept, the last one %s", n, h.updates[n-1])
	}
}

// Of an answer that was interrupted about as much is remembered as was heard.
func TestHistoryOfAnInterruption(t *testing.T) {
	h := told(t, agentAdded, agentText)
	h.truncate(cut{ItemID: "a1", Played: 600 * time.Millisecond, Received: 1100 * time.Millisecond})
	if got, want := h.replayed(t, "openai"), []string{"assistant output_text It is "}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	h.truncate(cut{ItemID: "a1", Played: 0, Received: time.Second})
	if got := h.replayed(t, "openai"); len(got) > 0 {
		t.Errorf("%q is remembered of what nobody heard", got)
	}
	h.truncate(cut{ItemID: "nobody", Played: 1, Received: 1})
}

// The oldest goes first, by number and by size, whatever the server says.
func TestHistoryIsBounded(t *testing.T) {
	h := &history{}
	for i := range 3 * historyItems {
		h.say(fmt.Sprintf("i%d", i), "user", fmt.Sprint(i))
	}
	got := h.replayed(t, "openai")
	if len(got) != historyItems || got[len(got)-1] != fmt.Sprintf("user input_text %d", 3*historyItems-1) {
		t.Errorf("%d items, the last one %q", len(got), got[len(got)-1])
	}
	big := strings.Repeat("x", historyBytes/4)
	for i := range 20 {
		h.say(fmt.Sprintf("b%d", i), "assistant", big)
	}
	if total := len(strings.Join(h.replayed(t, "openai"), "")); total > historyBytes+1000 {
		t.Errorf("%d characters are remembered, want %d at most", total, historyBytes)
	}
}
