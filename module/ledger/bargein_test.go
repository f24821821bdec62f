package ledger

import (
	"testing"
	"time"
)

// answering is a conversation in which an answer of 10 s is heard for a second. The server leaves it to us to end it, and
// answers unasked if creates.
func answering(t *testing.T, barge BargeIn, creates bool) *talk {
	t.Helper()
	c := newTalk(t, barge)
	c.detects(false, creates)
	c.created("A")
	c.audio("A", "i1", 10000)
	c.done("A", "completed")
	c.hear("A", "i1", 1000)
	c.did = nil
	return c
}

// utter is a voice of the caller's of so many ms, in frames, and the lapse after it.
func (c *talk) utter(ms int) {
	for at := 20; at <= ms; at += 20 {
		c.after(20 * time.Millisecond)
		c.voice(at)
	}
	c.after(200 * time.Millisecond)
	c.voice(0)
}

// With Confirm a voice must last, by the channel's own detector, for an interruption. The answer goes on meanwhile.
func TestConfirm(t *testing.T) {
	barge := BargeIn{Confirm: 300 * ms}
	for name, test := range map[string]struct {
		barge BargeIn
		run   func(c *talk)
		want  []string
	}{
		"a short voice": {barge, func(c *talk) { c.speaks("u1"); c.utter(200) }, nil},
		"a long voice":  {barge, func(c *talk) { c.speaks("u1"); c.utter(500) }, []string{"flush"}},
		"not before it has lasted for so long": {barge, func(c *talk) {
			c.speaks("u1")
			c.voice(280)
			c.want()
			c.voice(300)
		}, []string{"flush"}},
		"two short voices":                        {barge, func(c *talk) { c.speaks("u1"); c.utter(200); c.utter(200) }, nil},
		"a voice that the server takes for noise": {barge, func(c *talk) { c.utter(1000) }, nil},
		"the server's word in the midst of it":    {barge, func(c *talk) { c.voice(400); c.want(); c.speaks("u1") }, []string{"flush"}},
		"the server's word after it":              {barge, func(c *talk) { c.utter(400); c.speaks("u1") }, []string{"flush"}},
		"the server's word after a short one":     {barge, func(c *talk) { c.utter(200); c.speaks("u1") }, nil},
		"the server's word long after it":         {barge, func(c *talk) { c.utter(400); c.after(time.Second); c.speaks("u1") }, nil},
		"a word of the server's after its turn": {barge, func(c *talk) {
			c.utter(400)
			c.stops("u0")
			c.speaks("u1")
		}, nil},
		"the caller's turn has ended": {barge, func(c *talk) { c.speaks("u1"); c.stops("u1"); c.utter(500) }, nil},
		"one voice interrupts once": {barge, func(c *talk) {
			c.speaks("u1")
			c.voice(300)
			c.want("flush")
			c.cut("A", "i1", 1000)
			c.stop("A")
			c.did = nil
			c.created("B")
			c.audio("B", "i2", 1000)
			c.voice(400)
		}, nil},
		"too little has been heard": {BargeIn{Min: 2 * time.Second, Confirm: 300 * ms}, func(c *talk) { c.speaks("u1"); c.utter(500) }, nil},
		"enough has been heard meanwhile": {BargeIn{Min: 1100 * ms, Confirm: 300 * ms}, func(c *talk) {
			c.speaks("u1")
			c.voice(300)
			c.want()
			c.hear("A", "i1", 1100)
			c.voice(320)
		}, []string{"flush"}},
	} {
		t.Run(name, func(t *testing.T) {
			c := answering(t, test.barge, true)
			test.run(c)
			c.want(test.want...)
		})
	}
}

// With Confirm a cough does not take the word from a model that is about to speak.
func TestConfirmBeforeTheAnswerIsHeard(t *testing.T) {
	c := newTalk(t, BargeIn{Confirm: 300 * ms})
	c.detects(false, true)
	c.created("A")
	c.speaks("u1")
	c.utter(200)
	c.want()
	c.utter(300)
	c.want("flush", "cancel A")
}

// With Resume the answer waits where it is. A voice that ends in time lets it go on; one that does not ends it there.
func TestResume(t *testing.T) {
	barge := BargeIn{Resume: 500 * ms, Answers: true}
	for name, test := range map[string]struct {
		barge   BargeIn
		run     func(c *talk)
		want    []string
		count   int
		creates bool
	}{
		"a cough": {barge: barge, run: func(c *talk) {
			c.speaks("u1")
			c.utter(200)
			c.stops("u1")
		}, want: []string{"pause", "go on"}},
		"a cough that the server answers": {barge: BargeIn{Resume: 500 * ms}, creates: true, run: func(c *talk) {
			c.speaks("u1")
			c.utter(200)
			c.stops("u1")
		}, want: []string{"pause", "go on"}},
		"just not too long":                      {barge: barge, run: func(c *talk) { c.speaks("u1"); c.utter(500) }, want: []string{"pause", "go on"}},
		"just not too long at the server's word": {barge: barge, run: func(c *talk) { c.voice(500); c.speaks("u1"); c.voice(0) }, want: []string{"pause", "go on"}},
		"too long": {barge: barge, run: func(c *talk) {
			c.speaks("u1")
			c.utter(520)
			c.cut("A", "i1", 1000)
			c.stop("A")
			c.stops("u1")
		}, want: []string{"pause", "flush", "go on", "truncate i1 1000", "truncated i1 1s of 10s", "stopped A", "turn A completed 1s", "create"}, count: 1},
		"a murmur, and then words": {barge: barge, run: func(c *talk) {
			c.speaks("u1")
			c.utter(200)
			c.utter(600)
			c.stops("u1")
		}, want: []string{"pause", "go on", "pause", "flush", "go on", "create"}, count: 1},
		"the server's turn ends before the voice": {barge: barge, run: func(c *talk) {
			c.speaks("u1")
			c.voice(100)
			c.stops("u1")
			c.voice(1000)
		}, want: []string{"pause", "go on"}},
		"a reply to the answer's last words": {barge: barge, run: func(c *talk) {
			c.speaks("u1")
			c.utter(200)
			c.hear("A", "i1", 9600)
			c.stops("u1")
		}, want: []string{"pause", "go on", "create"}},
		"words that were too early are answered later": {barge: BargeIn{Min: 5 * time.Second, Resume: 500 * ms, Answers: true}, run: func(c *talk) {
			c.speaks("u1")
			c.utter(800)
			c.stops("u1")
		}, want: []string{"create"}},
		"two turns that were too early have one answer": {barge: BargeIn{Min: 5 * time.Second, Resume: 500 * ms, Answers: true}, run: func(c *talk) {
			c.created("B")
			for range 2 {
				c.speaks("u1")
				c.utter(800)
				c.stops("u1")
			}
			c.done("B", "completed")
			c.created("C")
			c.done("C", "completed")
		}, want: []string{"create", "turn B completed 0s", "turn C completed 0s"}},
		"a voice that the detector does not hear": {barge: barge, run: func(c *talk) {
			c.speaks("u1")
			c.stops("u1")
		}, want: []string{"create"}},
		"it must last to pause, too": {barge: BargeIn{Confirm: 100 * ms, Resume: 500 * ms}, creates: true, run: func(c *talk) {
			c.speaks("u1")
			c.voice(80)
			c.want()
			c.voice(100)
			c.want("pause")
			c.voice(520)
		}, want: []string{"flush", "go on"}, count: 1},
		"Confirm is longer": {barge: BargeIn{Confirm: 800 * ms, Resume: 500 * ms}, creates: true, run: func(c *talk) {
			c.speaks("u1")
			c.voice(780)
			c.want()
			c.voice(800)
		}, want: []string{"flush"}, count: 1},
		"interrupted by command meanwhile": {barge: barge, run: func(c *talk) {
			c.speaks("u1")
			c.voice(100)
			c.do(c.Interrupt(c.now))
			c.voice(1000)
			c.stops("u1")
		}, want: []string{"pause", "flush", "go on", "create"}, count: 1},
		"muted meanwhile": {barge: barge, run: func(c *talk) {
			c.speaks("u1")
			c.voice(100)
			c.do(c.Mute(c.now))
			c.cut("A", "i1", 1000)
			c.stop("A")
			c.want("pause", "flush", "truncate i1 1000", "truncated i1 1s of 10s", "stopped A", "turn A completed 1s")
			c.voice(0)
		}, want: []string{"go on"}},
		"the connection is lost meanwhile, and it was a cough": {barge: barge, run: func(c *talk) {
			c.speaks("u1")
			c.voice(100)
			c.lose()
			c.want("pause")
			c.voice(0)
		}, want: []string{"go on"}},
		"the connection is lost meanwhile, and it was not": {barge: barge, run: func(c *talk) {
			c.speaks("u1")
			c.voice(100)
			c.lose()
			c.voice(520)
		}, want: []string{"pause", "flush", "go on"}, count: 1},
	} {
		t.Run(name, func(t *testing.T) {
			c := answering(t, test.barge, test.creates)
			test.run(c)
			c.want(test.want...)
			if n := c.Totals().Interruptions; n != test.count {
				t.Errorf("%d interruptions, want %d", n, test.count)
			}
		})
	}
}

// A server that detects nothing says no word: the caller's own voice alone decides, and nobody is asked for an answer.
func TestOwnVoiceWithoutTurnDetection(t *testing.T) {
	for name, test := range map[string]struct {
		barge BargeIn
		run   func(c *talk)
		want  []string
	}{
		"a cough":          {BargeIn{Resume: 500 * ms}, func(c *talk) { c.utter(200) }, []string{"pause", "go on"}},
		"words":            {BargeIn{Resume: 500 * ms}, func(c *talk) { c.utter(1000) }, []string{"pause", "flush", "go on", "cancel A"}},
		"not confirmed":    {BargeIn{Confirm: 300 * ms}, func(c *talk) { c.utter(200) }, nil},
		"confirmed":        {BargeIn{Confirm: 300 * ms}, func(c *talk) { c.utter(500) }, []string{"flush", "cancel A"}},
		"no word of it":    {BargeIn{Min: time.Second}, func(c *talk) { c.utter(500) }, nil},
		"nothing is wrong": {BargeIn{Off: true, Confirm: 300 * ms}, func(c *talk) { c.utter(500) }, nil},
		"a voice before the answer is none over it": {BargeIn{Confirm: 300 * ms}, func(c *talk) {
			c.do(c.Interrupt(c.now))
			c.done("A", "cancelled")
			c.cut("A", "i1", 1000)
			c.stop("A")
			c.did = nil
			c.voice(200)
			c.created("B")
			c.audio("B", "i2", 1000)
			c.voice(400)
		}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			c := newTalk(t, test.barge)
			c.server(`{"type":"session.updated","session":{"turn_detection":null}}`)
			c.created("A")
			c.audio("A", "i1", 10000)
			c.hear("A", "i1", 1000)
			c.did = nil
			test.run(c)
			c.want(test.want...)
		})
	}
}

// The answer to a turn is asked for once, and not while the caller goes on.
func TestAnswersAreAskedFor(t *testing.T) {
	barge := BargeIn{Resume: 500 * ms, Answers: true}
	turn := func(c *talk, ms int) { c.speaks("u"); c.utter(ms); c.stops("u") }
	for name, test := range map[string]struct {
		creates bool
		run     func(c *talk)
		want    []string
	}{
		"a turn":                              {false, func(c *talk) { turn(c, 1000) }, []string{"create"}},
		"a brief one, when nothing is heard":  {false, func(c *talk) { turn(c, 200) }, []string{"create"}},
		"the server answers in spite of it":   {true, func(c *talk) { turn(c, 1000) }, nil},
		"the caller goes on before it begins": {false, func(c *talk) { turn(c, 1000); turn(c, 1000); c.created("A") }, []string{"create", "pause", "go on", "cancel A"}},
		"the caller goes on, and has an answer to all": {false, func(c *talk) {
			turn(c, 1000)
			turn(c, 1000)
			c.created("A")
			c.done("A", "cancelled")
		}, []string{"create", "pause", "go on", "cancel A", "create", "turn A cancelled 0s"}},
		"an answer begins during a brief turn": {false, func(c *talk) {
			c.speaks("u")
			c.voice(200)
			c.created("A")
			c.audio("A", "i1", 5000)
			c.voice(0)
			c.stops("u")
			c.done("A", "completed")
		}, []string{"create"}},
		"the connection is lost, and the caller goes on": {false, func(c *talk) {
			turn(c, 1000)
			c.speaks("u")
			c.voice(100)
			c.lose()
			c.voice(1000)
			c.connect()
		}, []string{"create", "pause", "go on", "create"}},
		"a cough before it begins": {false, func(c *talk) { turn(c, 1000); turn(c, 200); c.created("A") }, []string{"create", "pause", "go on"}},
		"the connection is lost":   {false, func(c *talk) { turn(c, 1000); c.lose(); c.connect() }, []string{"create", "create"}},
		"somebody else has a say now": {false, func(c *talk) {
			_ = c.client(`{"type":"session.update","session":{"audio":{"input":{"turn_detection":{"type":"server_vad","create_response":false}}}}}`)
			c.did = nil
			turn(c, 1000)
		}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			c := newTalk(t, barge)
			c.detects(false, test.creates)
			test.run(c)
			c.want(test.want...)
		})
	}
}

// The greeting's beginning can't be interrupted, counted in what has been heard of it; no other answer is spared.
func TestGreetingIsProtected(t *testing.T) {
	for name, barge := range map[string]BargeIn{
		"plain":   {Greeting: 2 * time.Second},
		"confirm": {Greeting: 2 * time.Second, Confirm: 100 * ms},
	} {
		t.Run(name, func(t *testing.T) {
			c := newTalk(t, barge)
			c.detects(false, true)
			_ = c.client(`{"type":"response.create","event_id":"` + GreetingID + `"}`)
			c.created("A")
			c.speaks("u1")
			c.voice(400)
			c.audio("A", "i1", 5000)
			c.hear("A", "i1", 1990)
			c.voice(500)
			c.stops("u1")
			c.speaks("u2")
			c.voice(600)
			c.want("create", "started A")
			c.hear("A", "i1", 2000)
			c.voice(700)
			c.want("flush", "cancel A")
			c.cut("A", "i1", 2000)
			c.stop("A")
			c.done("A", "cancelled")
			c.stops("u2")
			c.created("B")
			c.audio("B", "i2", 5000)
			c.hear("B", "i2", 20)
			c.did = nil
			c.speaks("u3")
			c.voice(0)
			c.voice(100)
			c.want("flush", "cancel B")
		})
	}
}
