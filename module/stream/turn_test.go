package stream

import (
	"encoding/base64"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tidwall/gjson"
)

// A preamble and an answer in one response are one answer.
func TestTwoItemsAreOneAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCall(t, nil)
		conn := c.open()
		conn.responds("A")
		conn.speaks("A", tone(time.Second))
		conn.says(`{"type":"response.output_audio.done","response_id":"A","item_id":"iA"}`)
		c.after(2 * time.Second)
		for _, msg := range deltasOf("A", "i2", tone(time.Second)) {
			conn.says(msg)
		}
		conn.says(`{"type":"response.output_audio.done","response_id":"A","item_id":"i2"}`)
		conn.done("A")
		c.after(2 * time.Second)
		c.wantHeard(2 * time.Second)
		for subclass, want := range map[string]int{"openai_speech_start": 1, "openai_speech_stop": 1, "turn": 1, "truncated": 0} {
			if got := c.host.of(subclass); len(got) != want {
				t.Errorf("%d %s events, want %d: %q", len(got), subclass, want, got)
			}
		}
		if got := gjson.Get(c.host.of("turn")[0], "played_ms").Int(); got < 1990 || got > 2000 {
			t.Errorf("played_ms %d, want 2000", got)
		}
		if c.host.rings.underruns > 0 {
			t.Error("the pause between the items counts as an underrun")
		}
		c.Command("call stop")
	})
}

// deltasOf are the audio deltas of an item, of 200 ms each.
func deltasOf(response, item string, pcm []int16) (msgs []string) {
	conn := newFakeConn()
	conn.speaks(response, pcm)
	for len(conn.incoming) > 0 {
		msgs = append(msgs, strings.Replace(string(<-conn.incoming), `"i`+response+`"`, `"`+item+`"`, 1))
	}
	return msgs
}

// interrupt silences and cancels, and what is asked for next is heard as soon as the server has let go.
func TestInterruptAndSay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCall(t, nil)
		conn := c.open()
		say := "call say " + base64.StdEncoding.EncodeToString([]byte("Hello."))
		c.Command(say)
		conn.responds("A")
		conn.speaks("A", tone(5*time.Second))
		c.after(time.Second)
		if reply := c.Command("call interrupt"); reply != "+OK interrupted" {
			t.Fatal(reply)
		}
		c.after(200 * time.Millisecond)
		c.Command(say)
		synctest.Wait()
		if got := conn.of("response.cancel", "response.create"); len(got) != 2 {
			t.Errorf("sent %q, want one response and its cancellation", got)
		}
		conn.says(`{"type":"response.done","response":{"id":"A","status":"cancelled"}}`)
		synctest.Wait()
		if got := conn.of("response.create"); len(got) != 2 {
			t.Errorf("sent %q, want the second response", got)
		}
		conn.responds("B")
		conn.speaks("B", tone(time.Second))
		conn.done("B")
		c.after(2 * time.Second)
		if heard := c.heardFor(); heard < 1950*time.Millisecond || heard > 2100*time.Millisecond {
			t.Errorf("heard %v, want a second of each answer", heard)
		}
		var interrupted []bool
		for _, turn := range c.host.of("turn") {
			interrupted = append(interrupted, gjson.Get(turn, "interrupted").Bool())
		}
		if !slices.Equal(interrupted, []bool{true, false}) {
			t.Errorf("turns %q, want an interrupted one and a whole one", c.host.of("turn"))
		}
		c.Command("call stop")
	})
}

// Muting the model is no interruption, and what it says meanwhile is not heard.
func TestMuteIsNoInterruption(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCall(t, nil)
		conn := c.open()
		conn.responds("A")
		conn.speaks("A", tone(2*time.Second))
		c.after(time.Second)
		c.Command("call mute openai")
		c.after(100 * time.Millisecond)
		conn.speaks("A", tone(time.Second))
		conn.done("A")
		c.after(2 * time.Second)
		if heard := c.heardFor(); heard < 950*time.Millisecond || heard > 1100*time.Millisecond {
			t.Errorf("heard %v, want the second before", heard)
		}
		turns := c.host.of("turn")
		if len(turns) != 1 || gjson.Get(turns[0], "interrupted").Bool() {
			t.Errorf("turns %q, want one that was not interrupted", turns)
		}
		c.Command("call stop")
		c.Close(time.Second)
		if n := c.host.rings.totals.Interruptions; n != 0 {
			t.Errorf("%d interruptions, want none", n)
		}
	})
}
