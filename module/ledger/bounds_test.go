package ledger

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"
)

// Whatever a server says, however long and however often, little of it stays in memory.
func TestMemoryIsBounded(t *testing.T) {
	big := strings.Repeat("x", 512<<10)
	for name, say := range map[string]func(c *talk, n int){
		"an item with much beside its id": func(c *talk, n int) {
			c.server(`{"type":"conversation.item.added","item":{"id":"i%d","type":"message","role":"user","more":"%s"}}`, n, big)
		},
		"a long id of an item": func(c *talk, n int) {
			c.server(`{"type":"conversation.item.added","item":{"id":"i%d%s","type":"message","role":"user"}}`, n, big)
		},
		"a long role": func(c *talk, n int) {
			c.server(`{"type":"conversation.item.added","item":{"id":"i%d","type":"message","role":"%s"}}`, n, big)
		},
		"a long id of a response": func(c *talk, n int) {
			c.server(`{"type":"response.created","response":{"id":"i%d%s"}}`, n, big)
		},
		"a long status": func(c *talk, n int) {
			c.created(fmt.Sprint("r", n))
			c.server(`{"type":"response.done","response":{"id":"r%d","status":"%s"}}`, n, big)
		},
		"transcripts of one item": func(c *talk, n int) {
			if n == 0 {
				c.created("A")
			}
			c.server(`{"type":"response.output_audio_transcript.done","response_id":"A","item_id":"i","transcript":"%s"}`, big)
		},
		"one transcript without an end": func(c *talk, n int) {
			c.server(`{"type":"response.output_audio_transcript.delta","response_id":"A","item_id":"i","delta":"%s"}`, big)
		},
		"long words of the caller": func(c *talk, n int) {
			c.speaks(fmt.Sprint("c", n))
			c.stops(fmt.Sprint("c", n))
			c.created(fmt.Sprint("r", n))
			c.server(`{"type":"conversation.item.input_audio_transcription.completed","item_id":"c%d","transcript":"%s"}`, n, big)
		},
		"long words before the answer": func(c *talk, n int) {
			c.speaks(fmt.Sprint("c", n))
			c.stops(fmt.Sprint("c", n))
			c.server(`{"type":"conversation.item.input_audio_transcription.completed","item_id":"c%d","transcript":"%s"}`, n, big)
			c.created(fmt.Sprint("r", n))
		},
		"calls without an end": func(c *talk, n int) {
			for i := range 100 {
				c.itemDone("A", fmt.Sprintf(`{"type":"function_call","name":"act","call_id":"%d,%d","arguments":"{}","more":"%s"}`, n, i, big[:len(big)>>5]))
			}
		},
		"long arguments": func(c *talk, n int) {
			c.itemDone("A", fmt.Sprintf(`{"type":"function_call","name":"act","call_id":"%d","arguments":"%s"}`, n, big))
		},
		"arguments of calls that are never complete": func(c *talk, n int) {
			if n == 0 {
				c.created("A")
			}
			for i := range 20 {
				c.server(`{"type":"response.output_item.added","response_id":"A","item":{"id":"i%d,%d","type":"function_call","name":"%s"}}`, n, i, big[:len(big)>>5])
				c.server(`{"type":"response.function_call_arguments.done","response_id":"A","item_id":"i%d,%d","arguments":"%s"}`, n, i, big[:len(big)>>4])
			}
		},
		"long ids of calls": func(c *talk, n int) {
			c.itemDone("A", fmt.Sprintf(`{"type":"function_call","name":"act","call_id":"%d%s"}`, n, big))
			c.server(`{"type":"response.done","response":{"id":"B","output":[{"id":"%s","type":"function_call","name":"act","call_id":"c%d"}]}}`, big, n)
		},
		"calls that the server runs": func(c *talk, n int) {
			for i := range 3_000 {
				c.server(`{"type":"response.mcp_call.in_progress","item_id":"%s%d,%d"}`, big[:400], n, i)
			}
		},
		"ever new calls and outputs": func(c *talk, n int) {
			for i := range 700 {
				c.created(fmt.Sprint("r", n, ",", i))
				c.calls(fmt.Sprint("r", n, ",", i), fmt.Sprintf("%d,%d%s", n, i, big[:400]))
				c.done(fmt.Sprint("r", n, ",", i), "completed")
				c.outputs(fmt.Sprintf("%d,%d%s", n, i, big[:400]), true)
				c.did, c.turns = nil, nil
			}
		},
		"audio of ever new items": func(c *talk, n int) {
			for i := range 3_000 {
				c.audio("A", fmt.Sprintf("%s%d,%d", big[:100], n, i), 1)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			c := acting(t)
			before := heap()
			for n := range 20 {
				say(c, n)
				c.did, c.turns = nil, nil
			}
			if grown := int64(heap()) - int64(before); grown > 5<<20 {
				t.Errorf("%d KB more", grown>>10)
			}
			runtime.KeepAlive(c)
		})
	}
}

// heap is how much memory is in use.
func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// An answer of hours, with a transcript of megabytes, is cut where it was heard like any other.
func TestALongAnswerIsCut(t *testing.T) {
	c := newTalk(t, BargeIn{})
	c.created("A")
	c.audio("A", "iA", int(3*time.Hour/time.Millisecond))
	c.server(`{"type":"response.output_audio_transcript.done","response_id":"A","item_id":"iA","transcript":"%s"}`,
		strings.Repeat("x", 4<<20))
	c.hear("A", "iA", int(time.Hour/time.Millisecond))
	c.cut("A", "iA", int(time.Hour/time.Millisecond))
	c.lose()
	c.did = nil
	c.connect()
	c.want("item assistant " + strings.Repeat("x", maxItemBytes/3))
}
