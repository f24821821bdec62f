package ledger

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// replayed is what a new session is told, one line for each item.
func (c *talk) replayed() []string {
	c.lose()
	c.did = nil
	c.connect()
	told := c.did
	c.did = nil
	return slices.DeleteFunc(told, func(line string) bool { return !strings.HasPrefix(line, "item ") })
}

const (
	userAdded  = `{"type":"conversation.item.added","item":{"id":"u1","type":"message","role":"user","content":[{"type":"input_audio"}]}}`
	userText   = `{"type":"conversation.item.input_audio_transcription.completed","item_id":"u1","transcript":"What time is it?"}`
	agentAdded = `{"type":"conversation.item.added","item":{"id":"a1","type":"message","role":"assistant","content":[]}}`
	agentText  = `{"type":"response.output_audio_transcript.done","response_id":"r1","item_id":"a1","transcript":"It is noon."}`
	textDone   = `{"type":"response.output_text.done","response_id":"r1","item_id":"a1","text":"It is noon."}`
	callDone   = `{"type":"response.output_item.done","response_id":"r2","item":{"id":"f1","object":"realtime.item","type":"function_call","status":"completed","name":"clock","call_id":"c1","arguments":"{}"}}`
	callBroken = `{"type":"response.output_item.done","response_id":"r2","item":{"id":"f1","type":"function_call","status":"incomplete","name":"clock","call_id":"c1","arguments":"{"}}`
	deleted    = `{"type":"conversation.item.deleted","item_id":"u1"}`
	output     = `{"type":"conversation.item.create","item":{"type":"function_call_output","call_id":"c1","output":"noon"}}`
	system     = `{"type":"conversation.item.create","item":{"type":"message","role":"system","content":[{"type":"input_text","text":"Be kind."}]}}`
	audio      = "audio"
)

func TestWhatANewSessionIsTold(t *testing.T) {
	for name, test := range map[string]struct {
		events []string
		want   []string
	}{
		"in the order of the conversation, not of the transcripts": {
			[]string{userAdded, agentAdded, audio, agentText, userText},
			[]string{"item user What time is it?", "item assistant It is noon."}},
		"text that was not to be heard":       {[]string{userAdded, userText, agentAdded, textDone}, []string{"item user What time is it?", "item assistant It is noon."}},
		"what nobody heard":                   {[]string{agentAdded, agentText}, nil},
		"without a transcript there is none":  {[]string{userAdded, agentAdded, audio}, nil},
		"function calls":                      {[]string{callDone}, []string{"item function_call c1"}},
		"calls and outputs, in their order":   {[]string{callDone, output, system}, []string{"item function_call c1", "item function_call_output c1", "item system Be kind."}},
		"a call that was interrupted is none": {[]string{callBroken}, nil},
		"what was deleted stays deleted":      {[]string{userAdded, userText, deleted}, nil},
		"twice announced is once":             {[]string{userAdded, userAdded, userText, userText}, []string{"item user What time is it?"}},
	} {
		t.Run(name, func(t *testing.T) {
			c := newTalk(t, BargeIn{})
			for _, msg := range test.events {
				switch {
				case msg == audio:
					c.created("r1")
					c.audio("r1", "a1", 1000)
					c.hear("r1", "a1", 1000)
					c.stop("r1")
				case strings.Contains(msg, "item.create"):
					_ = c.client(msg)
				default:
					c.server("%s", msg)
				}
			}
			for connection := range 3 {
				if got := c.replayed(); !slices.Equal(got, test.want) {
					t.Errorf("connection %d: %q, want %q", connection, got, test.want)
				}
			}
		})
	}
}

func TestThePreviewsNames(t *testing.T) {
	c := newTalk(t, BargeIn{})
	c.provider = provider(t, "azure-preview")
	c.server(textDone)
	c.lose()
	todo, _ := c.Connected(c.now)
	if msg := string(todo.Send[0]); !strings.Contains(msg, `{"text":"It is noon.","type":"text"}`) {
		t.Error(msg)
	}
}

// Of an answer that was interrupted about as much is remembered as was heard, whenever its text comes.
func TestOfAnInterruptedAnswerIsToldWhatWasHeard(t *testing.T) {
	for name, textFirst := range map[string]bool{"text first": true, "text after the truncation": false} {
		t.Run(name, func(t *testing.T) {
			c := newTalk(t, BargeIn{})
			c.created("r1")
			c.server(agentAdded)
			if textFirst {
				c.server(agentText)
			}
			c.audio("r1", "a1", 1100)
			c.hear("r1", "a1", 300)
			c.speaks("u1")
			c.cut("r1", "a1", 600)
			c.stop("r1")
			if !textFirst {
				c.server(agentText)
			}
			c.done("r1", "cancelled")
			for range 3 {
				if got, want := c.replayed(), []string{"item assistant It is"}; !slices.Equal(got, want) {
					t.Errorf("%q, want %q", got, want)
				}
			}
		})
	}
}

// The connection is lost while the player is about to silence the answer: the next session learns of no more than was heard
// up to then, and of what comes after it.
func TestAnAnswerThatIsBeingCutAtTheLoss(t *testing.T) {
	for name, flush := range map[string]func(*talk){
		"by the caller":     func(c *talk) { c.speaks("u1") },
		"by the command":    func(c *talk) { c.do(c.Interrupt(c.now)) },
		"because of a mute": func(c *talk) { c.do(c.Mute(c.now)) },
	} {
		t.Run(name, func(t *testing.T) {
			c := newTalk(t, BargeIn{})
			c.created("r1")
			c.audio("r1", "a1", 1100)
			c.server(agentText)
			c.hear("r1", "a1", 600)
			flush(c)
			if got := c.replayed(); !slices.Equal(got, []string{"item assistant It is"}) {
				t.Errorf("%q", got)
			}
		})
	}
}

// A mute ends before the player has carried it out: what comes then is heard.
func TestAMuteThatEndsAtOnce(t *testing.T) {
	c := newTalk(t, BargeIn{})
	c.created("r1")
	c.audio("r1", "a1", 500)
	c.server(agentText)
	c.do(c.Mute(c.now))
	c.audio("r1", "a1", 600)
	c.done("r1", "completed")
	if got := c.replayed(); !slices.Equal(got, []string{"item assistant It is"}) {
		t.Errorf("%q", got)
	}
}

// The answer plays on after the loss and is silenced then: the next session learns that less was heard.
func TestAnAnswerThatIsCutAfterTheLoss(t *testing.T) {
	c := newTalk(t, BargeIn{})
	c.created("r1")
	c.audio("r1", "a1", 1100)
	c.server(agentText)
	c.hear("r1", "a1", 300)
	if got := c.replayed(); !slices.Equal(got, []string{"item assistant It is noon."}) {
		t.Errorf("%q", got)
	}
	c.do(c.Interrupt(c.now))
	c.cut("r1", "a1", 600)
	c.want("flush", "truncated a1 600ms of 1.1s") // the server knows no such item
	if got := c.replayed(); !slices.Equal(got, []string{"item assistant It is"}) {
		t.Errorf("%q", got)
	}
}

// Lost in the middle, an answer has no more text than its pieces.
func TestAPartialTranscript(t *testing.T) {
	c := newTalk(t, BargeIn{})
	c.created("r1")
	for _, piece := range []string{"It ", "is ", "noon, and"} {
		c.server(`{"type":"response.output_audio_transcript.delta","response_id":"r1","item_id":"a1","delta":%q}`, piece)
	}
	c.audio("r1", "a1", 1000)
	c.hear("r1", "a1", 500)
	if got, want := c.replayed(), []string{"item assistant It is noon, and"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

// Words of which no sound has come have not been heard.
func TestWordsBeforeTheirSound(t *testing.T) {
	c := newTalk(t, BargeIn{})
	c.created("r1")
	c.audio("r1", "a1", 1000)
	c.server(agentText)
	c.hear("r1", "a1", 500)
	c.server(`{"type":"response.output_audio_transcript.delta","response_id":"r1","item_id":"a2","delta":"And"}`)
	if got, want := c.replayed(), []string{"item assistant It is noon."}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

// Some servers announce no items of the caller's: then its place is where it was committed.
func TestTheCallersPlace(t *testing.T) {
	c := newTalk(t, BargeIn{})
	c.speaks("u1")
	c.stops("u1")
	c.answer("r1", "a1", 1000)
	c.server(agentText)
	c.server(userText)
	if got, want := c.replayed(), []string{"item user What time is it?", "item assistant It is noon."}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

// The oldest goes first, by number and by size, whatever the server says.
func TestTheHistoryIsBounded(t *testing.T) {
	c := newTalk(t, BargeIn{})
	for i := range 3 * maxItems {
		_ = c.client(message(fmt.Sprint(i)))
	}
	got := c.replayed()
	if len(got) != maxItems || got[len(got)-1] != fmt.Sprintf("item user %d", 3*maxItems-1) {
		t.Errorf("%d items, the last one %q", len(got), got[len(got)-1])
	}
	big := strings.Repeat("x", maxItemBytes/4)
	for i := range 20 {
		c.server(`{"type":"conversation.item.input_audio_transcription.completed","item_id":"b%d","transcript":%q}`, i, big)
	}
	if total := len(strings.Join(c.replayed(), "")); total > maxItemBytes+1000 || total < maxItemBytes/2 {
		t.Errorf("%d characters are remembered, want %d at most", total, maxItemBytes)
	}
	c.server(`{"type":"conversation.item.deleted","item_id":"b19"}`)
	for i := range 10 {
		_ = c.client(fmt.Sprintf(`{"type":"conversation.item.create","item":{"type":"function_call_output","call_id":"c%d","output":%q}}`, i, big))
		if c.items.bytes > maxItemBytes {
			t.Errorf("%d bytes are remembered", c.items.bytes)
		}
	}
	bytes := 0
	for _, i := range c.items.all {
		bytes += i.size()
	}
	if bytes != c.items.bytes {
		t.Errorf("%d bytes are counted, there are %d", c.items.bytes, bytes)
	}
}

func TestTheLastUpdatesAreRepeated(t *testing.T) {
	c := newTalk(t, BargeIn{})
	for i := range 40 {
		_ = c.client(fmt.Sprintf(`{"type":"session.update","session":{"n":%d}}`, i))
	}
	c.lose()
	c.did = nil
	if r := c.connect(); r.Updates != maxUpdates || c.did[0] != `update {"n":24}` || c.did[15] != `update {"n":39}` {
		t.Errorf("%+v, %q", r, c.did)
	}
}
