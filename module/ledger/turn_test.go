package ledger

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"mod_openai_audio_stream/module/realtime"
)

const ms = time.Millisecond

// Times count from the server's word that the caller had stopped, Response from the end of the caller's voice.
func TestLatencies(t *testing.T) {
	c := newTalk(t, BargeIn{})
	for i, wait := range []time.Duration{400 * ms, 600 * ms} {
		c.speaks("u")
		c.stops("u") // the voice had ended 300 ms before
		id := string(rune('A' + i))
		c.created(id)
		c.after(wait)
		c.audio(id, "i", 1000)
		c.after(100 * ms)
		c.hear(id, "i", 20)
		c.done(id, "completed")
		c.after(time.Second)
		c.hear(id, "i", 1000)
		c.stop(id)
		got, want := c.turns[i], [4]time.Duration{wait, wait + 100*ms, wait + 1100*ms, wait + 400*ms}
		if [4]time.Duration{got.FirstAudio, got.FirstPlay, got.End, got.Response} != want {
			t.Errorf("%+v, want %v", got, want)
		}
	}
	_ = c.say("unasked")
	c.answer("C", "i", 100)
	if got := c.turns[2]; got.FirstAudio != NoTime || got.FirstPlay != NoTime || got.End != NoTime || got.Response != NoTime {
		t.Errorf("unasked: %+v", got)
	}
	totals := c.Totals()
	if a, b := totals.LatencyAvg(), totals.ResponseAvg(); a != 600*ms || b != 900*ms {
		t.Errorf("averages %v and %v", a, b)
	}
	if got := totals.AudioOut; got != 2100*ms {
		t.Errorf("%v were heard", got)
	}
	if none := (&Totals{}).LatencyAvg(); none != 0 {
		t.Errorf("an average of nothing is %v", none)
	}
}

// Two items, with a pause between them, are one answer.
func TestTwoItemsAreOneTurn(t *testing.T) {
	c := newTalk(t, BargeIn{})
	c.created("A")
	c.audio("A", "i1", 500)
	c.server(`{"type":"response.output_audio.done","response_id":"A","item_id":"i1"}`)
	c.server(`{"type":"response.output_audio_transcript.done","response_id":"A","item_id":"i1","transcript":"One. "}`)
	c.hear("A", "i1", 500)
	c.audio("A", "i2", 500)
	c.server(`{"type":"response.output_audio_transcript.done","response_id":"A","item_id":"i2","transcript":"Two."}`)
	c.done("A", "completed")
	c.hear("A", "i2", 500)
	c.stop("A")
	c.want("started A", "stopped A", "turn A completed 1s")
	if got := c.turns[0].Agent; got != "One. Two." {
		t.Errorf("%q", got)
	}
}

// Nobody is cut off by a change of the session: not who waits for an answer, nor who still listens.
func TestQuiet(t *testing.T) {
	c := newTalk(t, BargeIn{})
	quiet := func(want bool, when string) {
		t.Helper()
		if c.Quiet(c.now) != want {
			t.Errorf("%s: quiet %v", when, !want)
		}
	}
	quiet(true, "at first")
	c.speaks("u1")
	quiet(false, "while the caller speaks")
	c.stops("u1")
	quiet(false, "before the answer")
	c.created("A")
	quiet(false, "while the response runs")
	c.audio("A", "i1", 1000)
	c.done("A", "completed")
	quiet(false, "before it has been heard")
	c.hear("A", "i1", 999)
	quiet(false, "just before its end")
	c.hear("A", "i1", 1000)
	c.stop("A")
	quiet(true, "after it")
	c.speaks("u2")
	c.stops("u2")
	c.after(maxAnswerWait - 1)
	quiet(false, "while the answer may come")
	c.after(1)
	quiet(true, "when none came: it was noise")
	_ = c.say("hello")
	quiet(false, "with a request under way")
	c.error("for hello", "invalid_value", "")
	quiet(true, "when it is refused")
	c.detects(true, false)
	c.speaks("u3")
	c.stops("u3")
	quiet(true, "when the server does not answer by itself")
}

// Servers do not say what is not so, but they say some things twice.
func TestThingsThatAreSaidTwice(t *testing.T) {
	c := newTalk(t, BargeIn{})
	_ = c.say("one")
	_ = c.say("two")
	c.created("A")
	c.created("A")
	c.done("A", "completed")
	c.done("A", "completed")
	c.done("unknown", "completed")
	c.want("create one", "create two", "turn A completed 0s")
	totals := c.Totals()
	if u := totals.Usage; u.InputTokens != 6 || u.OutputTokens != 4 { // A's, once, and the unknown one's
		t.Errorf("usage %+v", u)
	}
	if totals.Turns != 1 || c.turns[0].Usage.InputTokens != 3 {
		t.Errorf("%d turns, usage %+v", totals.Turns, c.turns[0].Usage)
	}
	if c.audio("A", "i1", 100) {
		t.Error("audio after the end is played")
	}
}

// Servers without ids: what comes belongs to the response that runs.
func TestNamelessResponses(t *testing.T) {
	for _, ends := range []bool{true, false} { // by response.done, or only with the audio
		c := newTalk(t, BargeIn{})
		for range 2 {
			_ = c.say("hello")
			c.created("")
			if !c.audio("", "", 1000) {
				t.Error("not played")
			}
			c.speaks("")
			if c.audio("", "", 1000) {
				t.Error("late audio is played")
			}
			c.server(`{"type":"response.output_audio.done"}`)
			if ends {
				c.done("", "cancelled")
			}
			c.cut("", "", 0)
			c.stop("")
		}
		c.created("")
		c.audio("", "", 100)
		first := c.names[""]
		c.server(`{"type":"response.output_audio.done"}`)
		c.created("")
		c.audio("", "", 100)
		if c.names[""] == first {
			t.Error("two answers have one name")
		}
		c.server(`{"type":"response.output_audio.done"}`)
		c.hear("", "", 100)
		c.stop("")
		c.names[""] = first
		c.hear("", "", 100)
		c.stop("")
		if n := c.Totals().Turns; n != 4 || len(c.turns) != n {
			t.Errorf("%d turns, %d reported", n, len(c.turns))
		}
		if status := c.turns[0].Status; ends != (status == "cancelled") {
			t.Errorf("status %q", status)
		}
		if !c.Due().IsZero() {
			t.Error("something is still waited for")
		}
	}
}

// Servers that announce no responses: they begin with their audio and end with it, or with response.done.
func TestUnannouncedResponses(t *testing.T) {
	c := newTalk(t, BargeIn{})
	for _, id := range []string{"A", "B"} {
		_ = c.say(id)
		c.audio(id, "i"+id, 100)
		c.hear(id, "i"+id, 100)
		c.server(`{"type":"response.output_audio.done","response_id":%q}`, id)
		if id == "B" {
			c.done(id, "completed")
		}
		c.stop(id)
	}
	c.want("create A", "started A", "stopped A", "turn A  100ms", "create B", "started B", "stopped B", "turn B completed 100ms")
}

// Audio of a second item comes after the first one has ended: the answer goes on.
func TestAnUnannouncedResponseWithTwoItems(t *testing.T) {
	c := newTalk(t, BargeIn{})
	_, _ = c.say("one"), c.say("two")
	c.audio("A", "i1", 100)
	c.server(`{"type":"response.output_audio.done","response_id":"A"}`)
	c.created("B")
	c.done("B", "completed")
	c.want("create one", "create two", "turn B completed 0s")
	c.audio("A", "i2", 100)
	_ = c.say("three")
	c.want()
	c.server(`{"type":"response.output_audio.done","response_id":"A"}`)
	c.want("create three")
	c.hear("A", "i1", 100)
	c.hear("A", "i2", 100)
	c.stop("A")
	c.want("started A", "stopped A", "turn A  200ms")
}

// A response that is created without an id gets it from what comes next.
func TestAnIDThatIsSaidLater(t *testing.T) {
	c := newTalk(t, BargeIn{})
	c.created("")
	c.audio("A", "i1", 100)
	c.hear("A", "i1", 100)
	c.stop("A")
	c.done("A", "completed")
	c.want("started A", "stopped A", "turn A completed 100ms")
}

// The server has cut an answer short although the module would not have: the turn says so.
func TestAnAnswerThatTheServerCancels(t *testing.T) {
	c := newTalk(t, BargeIn{Off: true})
	c.created("A")
	c.speaks("u1")
	c.done("A", "cancelled")
	if len(c.turns) != 1 || !c.turns[0].Interrupted || c.Totals().Interruptions != 0 {
		t.Errorf("%+v, %+v", c.turns, c.Totals())
	}
}

// Without turn detection the words are committed by the client, and their item alone says whose they are.
func TestTheCallersWordsWithoutDetection(t *testing.T) {
	for _, first := range []bool{true, false} {
		c := newTalk(t, BargeIn{})
		c.server(`{"type":"input_audio_buffer.committed","item_id":"u1"}`)
		words := `{"type":"conversation.item.input_audio_transcription.completed","item_id":"u1","transcript":"Hi!"}`
		if first {
			c.server("%s", words)
		}
		c.created("A")
		if !first {
			c.server("%s", words)
		}
		c.done("A", "completed")
		if c.turns[0].Caller != "Hi!" {
			t.Errorf("%q", c.turns[0].Caller)
		}
	}
}

// A transcript comes at any time, and belongs to the answer of its words, not to the next one.
func TestTheCallersWords(t *testing.T) {
	transcript := func(c *talk, item string) {
		c.server(`{"type":"conversation.item.input_audio_transcription.completed","item_id":%q,"transcript":"of %s"}`, item, item)
	}
	c := newTalk(t, BargeIn{})
	c.speaks("u1")
	c.stops("u1")
	transcript(c, "u1")
	c.created("A")
	c.speaks("u2")
	c.stops("u2")
	c.created("B")
	transcript(c, "u2")
	c.done("B", "completed")
	c.speaks("u3")
	c.stops("u3")
	c.created("C")
	c.done("C", "completed")
	transcript(c, "u3") // its turn has been reported
	_ = c.say("unasked")
	c.created("D")
	c.done("D", "completed")
	var got []string
	for _, turn := range c.turns {
		got = append(got, turn.Caller)
	}
	if want := []string{"of u1", "of u2", "", ""}; len(got) != 4 || [4]string(got) != [4]string(want) {
		t.Errorf("%q, want %q", got, want)
	}
}

// Nothing is left out when the call ends, or when the server begins more responses than are remembered.
func TestEachTurnIsReported(t *testing.T) {
	c := newTalk(t, BargeIn{})
	for i := range maxResponses + 10 {
		c.created(fmt.Sprint(i))
		c.audio(fmt.Sprint(i), "i", 100)
	}
	if len(c.turns) != 10 {
		t.Errorf("%d turns of those that are forgotten", len(c.turns))
	}
	if n := c.Totals().Turns; n != maxResponses+10 {
		t.Errorf("%d turns", n)
	}
	c.do(c.End(c.now))
	if n := c.Totals().Turns; n != maxResponses+10 || len(c.turns) != n {
		t.Errorf("%d turns at the end, %d reported", n, len(c.turns))
	}
}

// A response that is forgotten, because so many came after it, is over: the requests that wait for it are sent, and the
// player does not wait for more of it.
func TestForgottenResponseIsOver(t *testing.T) {
	c := newTalk(t, BargeIn{})
	c.created("A")
	c.audio("A", "iA", 1000)
	if err := c.say("next"); err != nil {
		t.Fatal(err)
	}
	finished := false
	for n := range maxResponses {
		e, err := realtime.Parse(fmt.Appendf(nil, `{"type":"response.created","response":{"id":"o%d","conversation_id":null}}`, n))
		if err != nil {
			t.Fatal(err)
		}
		todo := c.Server(&e, time.Time{}, c.now)
		finished = finished || slices.Contains(todo.Finished, "A")
		c.do(todo)
	}
	if !finished {
		t.Error("the player is not told that the response is over")
	}
	c.want("create next", "turn A  0s")
	c.done("A", "completed")
	if totals := c.Totals(); totals.Turns != 1 {
		t.Errorf("%d turns, want 1", totals.Turns)
	}
}
