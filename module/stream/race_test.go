package stream

import (
	"net/url"
	"slices"
	"testing"
	"time"

	"github.com/tidwall/gjson"

	"mod_openai_audio_stream/module/realtime"
)

// recorder notes what the conversation has done, as "type" or "type:detail".
type recorder struct {
	done    []string
	playing []string // responses whose audio waits
}

func (r *recorder) send(msg []byte) {
	event := gjson.ParseBytes(msg)
	note := event.Get("type").Str
	if id := event.Get("item_id"); id.Exists() {
		note += ":" + id.Str + "@" + event.Get("audio_end_ms").Raw
	} else if id := event.Get("response_id"); id.Exists() {
		note += ":" + id.Str
	}
	r.done = append(r.done, note)
}

func (r *recorder) flush() []string {
	r.done = append(r.done, "flush")
	ids := r.playing
	r.playing = nil
	return ids
}

func (r *recorder) truncated(c cut) { r.done = append(r.done, "truncated:"+c.ItemID) }

// The races of a conversation over WebSocket: the client owns playback, the server generation.
func TestRaces(t *testing.T) {
	create := []byte(`{"type":"response.create"}`)
	active := &realtime.Error{Code: "conversation_already_has_active_response"}
	for name, test := range map[string]struct {
		barge bargeIn
		run   func(*testing.T, *conversation, *recorder)
		want  []string
	}{
		"speech with nothing playing flushes nothing": {
			run: func(_ *testing.T, c *conversation, _ *recorder) { c.speechStarted(0, false) },
		},
		"late deltas of an interrupted response are dropped, a new one's are played": {
			run: func(t *testing.T, c *conversation, r *recorder) {
				c.responseCreated("A")
				r.playing = []string{"A"}
				c.speechStarted(time.Second, true)
				if c.wantsAudio("A") {
					t.Error("late audio of A is played")
				}
				c.responseDone("A")
				c.responseCreated("B")
				if c.wantsAudio("A") || !c.wantsAudio("B") {
					t.Error("A is played, or B is not")
				}
			},
			want: []string{"flush"},
		},
		"a response that is done is silenced all the same": {
			run: func(t *testing.T, c *conversation, r *recorder) {
				c.responseCreated("A")
				c.responseDone("A")
				r.playing = []string{"A"}
				c.speechStarted(time.Second, true)
				if c.wantsAudio("A") {
					t.Error("A is played")
				}
			},
			want: []string{"flush"},
		},
		"each item of a response is truncated": {
			run: func(_ *testing.T, c *conversation, _ *recorder) {
				c.cut(cut{ItemID: "i1", Played: 1480*time.Millisecond + 999*time.Microsecond, Received: 2 * time.Second})
				c.cut(cut{ItemID: "i2", Received: time.Second})
			},
			want: []string{"truncated:i1", "conversation.item.truncate:i1@1480", "truncated:i2", "conversation.item.truncate:i2@0"},
		},
		"cancel is sent when the server does not interrupt": {
			run: func(_ *testing.T, c *conversation, r *recorder) {
				c.serverInterrupts = false
				c.responseCreated("A")
				r.playing = []string{"A"}
				c.speechStarted(time.Second, true)
			},
			want: []string{"flush", "response.cancel:A"},
		},
		"barge-in off lets the answer play out": {
			barge: bargeIn{off: true},
			run:   func(_ *testing.T, c *conversation, _ *recorder) { c.speechStarted(time.Hour, true) },
		},
		"barge-in after a while": {
			barge: bargeIn{min: time.Second},
			run: func(_ *testing.T, c *conversation, _ *recorder) {
				c.speechStarted(999*time.Millisecond, true)
				c.speechStarted(time.Second, true)
			},
			want: []string{"flush"},
		},
		"a second create waits for the first response": {
			run: func(_ *testing.T, c *conversation, _ *recorder) {
				c.client(create)
				c.client(create)
				c.responseCreated("A")
				c.responseDone("A")
			},
			want: []string{"response.create", "response.create"},
		},
		"a create that a response of the server's overtook goes again after it": {
			run: func(t *testing.T, c *conversation, _ *recorder) {
				c.client(create)
				c.active, c.activeID = true, "server's"
				if !c.serverError(active) || c.benign != 1 {
					t.Error("the error counts")
				}
				c.responseDone("server's")
			},
			want: []string{"response.create", "response.create"},
		},
		"a create is not repeated for ever": {
			run: func(_ *testing.T, c *conversation, _ *recorder) {
				c.client(create)
				for range 10 {
					c.serverError(active)
				}
			},
			want: slices.Repeat([]string{"response.create"}, 1+retriesMost),
		},
		"an out-of-band response does not end the running one": {
			run: func(t *testing.T, c *conversation, _ *recorder) {
				c.responseCreated("A")
				c.responseDone("other")
				if !c.active {
					t.Error("A counts as done")
				}
			},
		},
		"a truncation to nothing that is refused deletes the item": {
			run: func(_ *testing.T, c *conversation, _ *recorder) {
				c.cut(cut{ItemID: "i1", Played: time.Second, Received: 2 * time.Second})
				c.cut(cut{ItemID: "i2", Received: time.Second})
				refusal := &realtime.Error{Message: "Only model output audio messages can be truncated", EventID: "oas_unheard_1"}
				c.serverError(refusal)
				c.serverError(refusal) // once is enough
			},
			want: []string{"truncated:i1", "conversation.item.truncate:i1@1000", "truncated:i2", "conversation.item.truncate:i2@0",
				"conversation.item.delete:i2@"},
		},
		"a lost session owes the answer to the next one": {
			run: func(_ *testing.T, c *conversation, _ *recorder) {
				c.responseCreated("A")
				c.client(create)
				c.reset()
				c.responseCreated("B")
				c.responseDone("B")
			},
			want: []string{"response.create", "response.create"},
		},
		"a create that was on its way is sent to the next session": {
			run: func(_ *testing.T, c *conversation, _ *recorder) {
				c.client([]byte(`{"type":"response.create","response_id":"mine"}`))
				c.reset()
			},
			want: []string{"response.create:mine", "response.create:mine"},
		},
		"an idle session owes nothing": {
			run: func(_ *testing.T, c *conversation, _ *recorder) {
				c.responseCreated("A")
				c.responseDone("A")
				c.reset()
			},
		},
		"a response that is cut before its first delta is not played": {
			run: func(t *testing.T, c *conversation, _ *recorder) {
				c.responseCreated("A")
				c.speechStarted(0, false)
				if c.wantsAudio("A") {
					t.Error("A is played")
				}
			},
			want: []string{"flush"},
		},
		"an answer without ids is silenced until it is done": {
			run: func(t *testing.T, c *conversation, r *recorder) {
				c.responseCreated("")
				r.playing = []string{""}
				c.speechStarted(time.Second, true)
				if c.wantsAudio("") {
					t.Error("late audio is played")
				}
				c.responseDone("")
				if !c.wantsAudio("") {
					t.Error("the next answer is not played")
				}
			},
			want: []string{"flush"},
		},
		"a refused truncation means nothing": {
			run: func(t *testing.T, c *conversation, _ *recorder) {
				if !c.serverError(&realtime.Error{Message: "Audio content of 3700ms is already shorter than 3760ms"}) {
					t.Error("the error counts")
				}
				if c.serverError(&realtime.Error{Code: "server_error", Message: "sorry"}) {
					t.Error("another error does not count")
				}
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := &recorder{}
			provider, err := realtime.ProviderFor(&url.URL{Host: "localhost"}, "")
			if err != nil {
				t.Fatal(err)
			}
			test.run(t, newConversation(r, provider, test.barge), r)
			if !slices.Equal(r.done, test.want) {
				t.Errorf("did %q, want %q", r.done, test.want)
			}
		})
	}
}
