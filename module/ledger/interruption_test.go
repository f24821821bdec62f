package ledger

import (
	"testing"
	"time"
)

// The races of a conversation over WebSocket: the client owns playback, the server generation.

func TestWhenTheVoiceOfTheCallerSilences(t *testing.T) {
	for name, test := range map[string]struct {
		barge BargeIn
		run   func(c *talk)
		want  []string
		count int
	}{
		"nothing plays": {run: func(c *talk) { c.speaks("u1") }},
		"an answer plays": {run: func(c *talk) {
			c.created("A")
			c.audio("A", "i1", 1000)
			c.hear("A", "i1", 400)
			c.speaks("u1")
		}, want: []string{"started A", "flush"}, count: 1},
		"the answer is done and still plays": {run: func(c *talk) {
			c.created("A")
			c.audio("A", "i1", 1000)
			c.done("A", "completed")
			c.speaks("u1")
		}, want: []string{"flush"}, count: 1},
		"the answer has been heard": {run: func(c *talk) {
			c.answer("A", "i1", 1000)
			c.speaks("u1")
		}, want: []string{"started A", "stopped A", "turn A completed 1s"}},
		"the answer has not begun": {run: func(c *talk) {
			c.created("A")
			c.speaks("u1")
			if c.audio("A", "i1", 100) {
				c.t.Error("A is played")
			}
		}, want: []string{"flush"}, count: 1},
		"the server does not interrupt": {run: func(c *talk) {
			c.detects(false, true)
			c.created("A")
			c.audio("A", "i1", 1000)
			c.speaks("u1")
		}, want: []string{"flush", "cancel A"}, count: 1},
		"barge-in is off": {barge: BargeIn{Off: true}, run: func(c *talk) {
			c.created("A")
			c.audio("A", "i1", 1000)
			c.hear("A", "i1", 900)
			c.speaks("u1")
		}, want: []string{"started A"}},
		"too little has been heard": {barge: BargeIn{Min: time.Second}, run: func(c *talk) {
			c.created("A")
			c.audio("A", "i1", 2000)
			c.hear("A", "i1", 999)
			c.speaks("u1")
		}, want: []string{"started A"}},
		"enough has been heard while the caller speaks": {barge: BargeIn{Min: time.Second}, run: func(c *talk) {
			c.created("A")
			c.audio("A", "i1", 2000)
			c.hear("A", "i1", 900)
			c.speaks("u1")
			c.voice(100)
			c.hear("A", "i1", 1000)
			c.voice(100)
		}, want: []string{"started A", "flush"}, count: 1},
		"enough has been heard, and the next answer has begun while the caller speaks": {barge: BargeIn{Min: time.Second}, run: func(c *talk) {
			c.created("A")
			c.audio("A", "i1", 2000)
			c.done("A", "completed")
			c.hear("A", "i1", 900)
			c.speaks("u1")
			c.created("B") // which the server has no reason to cancel
			c.voice(100)
			c.hear("A", "i1", 1000)
			c.voice(100)
		}, want: []string{"started A", "flush", "cancel B"}, count: 1},
		"the caller has stopped before enough was heard": {barge: BargeIn{Min: time.Second}, run: func(c *talk) {
			c.created("A")
			c.audio("A", "i1", 2000)
			c.hear("A", "i1", 900)
			c.speaks("u1")
			c.stops("u1")
			c.hear("A", "i1", 1100)
			c.voice(100)
		}, want: []string{"started A"}},
		"enough has been heard": {barge: BargeIn{Min: time.Second}, run: func(c *talk) {
			c.created("A")
			c.audio("A", "i1", 2000)
			c.hear("A", "i1", 1000)
			c.speaks("u1")
		}, want: []string{"started A", "flush"}, count: 1},
		"nothing is to be heard yet": {barge: BargeIn{Min: time.Second}, run: func(c *talk) {
			c.created("A")
			c.speaks("u1")
		}, want: []string{"flush"}, count: 1},
		"the close-out comes first": {run: func(c *talk) {
			c.created("A")
			c.audio("A", "i1", 1000)
			c.hear("A", "i1", 100)
			c.done("A", "cancelled")
			c.speaks("u1")
		}, want: []string{"started A", "flush"}, count: 1},
	} {
		t.Run(name, func(t *testing.T) {
			c := newTalk(t, test.barge)
			test.run(c)
			c.want(test.want...)
			if n := c.Totals().Interruptions; n != test.count {
				t.Errorf("%d interruptions, want %d", n, test.count)
			}
		})
	}
}

func TestLateAudioIsNotPlayedAndTheNextAnswerIs(t *testing.T) {
	c := newTalk(t, BargeIn{})
	c.created("A")
	c.audio("A", "i1", 1000)
	c.speaks("u1")
	if c.audio("A", "i1", 100) {
		t.Error("late audio of A is played")
	}
	c.done("A", "cancelled")
	c.created("B")
	if c.audio("A", "i1", 100) || !c.audio("B", "i2", 100) {
		t.Error("A is played, or B is not")
	}
	if n := c.Totals().LateDeltas; n != 2 {
		t.Errorf("%d late deltas, want 2", n)
	}
}

// The server is told how much of each item was heard, whether the player was cut short or the audio came too late.
func TestEachItemIsTruncated(t *testing.T) {
	c := newTalk(t, BargeIn{})
	c.created("A")
	c.audio("A", "i1", 1000)
	c.audio("A", "i2", 1000)
	c.hear("A", "i1", 1000)
	c.hear("A", "i2", 300)
	c.speaks("u1")
	c.audio("A", "i2", 500)
	c.audio("A", "i3", 200)
	c.cut("A", "i2", 480)
	c.stop("A")
	c.want("started A", "flush", "truncate i2 480", "truncated i2 480ms of 1s", "stopped A")
	c.done("A", "cancelled")
	c.want("truncate i3 0", "truncated i3 0s of 200ms", "turn A cancelled 1.48s")
}

// All that the player had was heard, and then the rest came too late.
func TestAudioThatCameTooLateIsTruncated(t *testing.T) {
	c := newTalk(t, BargeIn{})
	c.created("A")
	c.audio("A", "i1", 40)
	c.do(c.Interrupt(c.now))
	c.hear("A", "i1", 40)
	c.stop("A")
	c.audio("A", "i1", 300)
	c.did = nil
	c.done("A", "completed")
	c.want("truncate i1 40", "truncated i1 40ms of 340ms", "turn A completed 40ms")
}

func TestATruncationToNothingThatIsRefusedDeletesTheItem(t *testing.T) {
	c := newTalk(t, BargeIn{})
	c.created("A")
	c.audio("A", "i1", 1000)
	c.audio("A", "i2", 1000)
	c.hear("A", "i1", 500)
	c.speaks("u1")
	c.cut("A", "i1", 500)
	c.cut("A", "i2", 0)
	c.did = nil
	id := c.unheard[0].eventID
	for range 2 { // once is enough
		if !c.error(id, "", "Only model output audio messages can be truncated") {
			t.Error("the error counts")
		}
	}
	c.want("delete i2")
}

func TestBenignErrors(t *testing.T) {
	c := newTalk(t, BargeIn{})
	if !c.error("", "", "Audio content of 3700ms is already shorter than 3760ms") {
		t.Error("a refused truncation counts")
	}
	if c.error("", "server_error", "sorry") {
		t.Error("another error does not count")
	}
	if n := c.Totals().BenignErrors; n != 1 {
		t.Errorf("%d benign errors, want 1", n)
	}
}

// The server interrupts by itself when the caller speaks; of a command it knows nothing.
func TestInterrupt(t *testing.T) {
	c := newTalk(t, BargeIn{})
	_ = c.say("one")
	c.created("A")
	c.audio("A", "i1", 1000)
	_ = c.say("two")
	c.did = nil
	c.do(c.Interrupt(c.now))
	c.want("flush", "cancel A")
	c.do(c.Interrupt(c.now))
	c.cut("A", "i1", 0)
	c.want("truncate i1 0", "truncated i1 0s of 1s")
	c.done("A", "cancelled")
	c.want("create two", "turn A cancelled 0s")
	if n := c.Totals().Interruptions; n != 1 {
		t.Errorf("%d interruptions, want 1", n)
	}
}

func TestInterruptBeforeTheResponseIsCreated(t *testing.T) {
	c := newTalk(t, BargeIn{})
	_ = c.say("one")
	c.do(c.Interrupt(c.now))
	c.do(c.Interrupt(c.now))
	_ = c.say("two")
	c.created("A")
	if c.audio("A", "i1", 100) {
		t.Error("A is played")
	}
	c.want("create one", "cancel A")
	c.done("A", "cancelled")
	c.want("truncate i1 0", "create two", "truncated i1 0s of 100ms", "turn A cancelled 0s")
	if n := c.Totals().Interruptions; n != 1 || !c.turns[0].Interrupted {
		t.Errorf("%d interruptions, %+v", n, c.turns[0])
	}
}

// The response was the server's own, and the request that was interrupted is refused: it does not come back.
func TestInterruptOfARequestThatIsRefused(t *testing.T) {
	c := newTalk(t, BargeIn{})
	_ = c.say("one")
	c.do(c.Interrupt(c.now))
	c.created("own")
	c.busy("for one")
	c.done("own", "cancelled")
	c.tick(time.Minute)
	c.want("create one", "cancel own", "turn own cancelled 0s")
}

func TestInterruptWithNothingToInterrupt(t *testing.T) {
	c := newTalk(t, BargeIn{})
	c.answer("A", "i1", 100)
	c.did = nil
	c.do(c.Interrupt(c.now))
	c.want()
	if n := c.Totals().Interruptions; n != 0 {
		t.Errorf("%d interruptions", n)
	}
}

// One barge-in ends all that is to be heard, and counts once.
func TestOneBargeInOverTwoResponses(t *testing.T) {
	c := newTalk(t, BargeIn{})
	c.created("A")
	c.audio("A", "i1", 1000)
	c.audio("A", "i2", 1000)
	c.done("A", "completed")
	c.created("B")
	c.audio("B", "i3", 1000)
	c.hear("A", "i1", 500)
	c.speaks("u1")
	c.cut("A", "i1", 500)
	c.cut("A", "i2", 0)
	c.stop("A")
	c.cut("B", "i3", 0)
	c.stop("B")
	c.done("B", "cancelled")
	if n := c.Totals().Interruptions; n != 1 {
		t.Errorf("%d interruptions, want 1", n)
	}
	if len(c.turns) != 2 || !c.turns[0].Interrupted || !c.turns[1].Interrupted {
		t.Errorf("turns %+v", c.turns)
	}
}

// Muting is no interruption, and the answer goes on when it ends.
func TestMute(t *testing.T) {
	c := newTalk(t, BargeIn{})
	c.do(c.Mute(c.now))
	c.want()
	c.created("A")
	c.audio("A", "i1", 1000)
	c.hear("A", "i1", 200)
	c.do(c.Mute(c.now))
	c.cut("A", "i1", 200)
	c.stop("A")
	c.want("started A", "flush", "truncate i1 200", "truncated i1 200ms of 1s", "stopped A")
	c.begun["A"] = false
	if !c.audio("A", "i1", 500) {
		t.Error("the rest is not played")
	}
	c.done("A", "completed")
	c.hear("A", "i1", 500)
	c.stop("A")
	c.want("started A", "stopped A", "turn A completed 700ms")
	if got := c.Totals(); got.Interruptions != 0 || got.AudioOut != 700*time.Millisecond || c.turns[0].Interrupted {
		t.Errorf("%+v, %+v", got, c.turns[0])
	}
}

// The rest of what is muted comes to nobody's ear, and the server learns of it.
func TestAMutedAnswerWasNotHeard(t *testing.T) {
	c := newTalk(t, BargeIn{})
	c.created("A")
	_, _ = c.Audio(deltaOf("A", "i1"), time.Second, c.now)
	c.done("A", "completed")
	c.want("truncate i1 0", "truncated i1 0s of 1s", "turn A completed 0s")
}

// Muted and unmuted before the channel has carried out the flush: what came since is heard, and counts.
func TestAShortMute(t *testing.T) {
	c := newTalk(t, BargeIn{})
	c.created("A")
	c.audio("A", "i1", 1000)
	c.hear("A", "i1", 200)
	c.do(c.Mute(c.now))
	c.audio("A", "i1", 500)
	c.do(c.Played([]Playback{{Kind: Cut, ResponseID: "A", ItemID: "i1", Played: 200 * ms, Received: 1000 * ms},
		{Kind: Stopped, ResponseID: "A"}}, c.now))
	c.done("A", "completed")
	if !c.Unheard() || len(c.turns) > 0 {
		t.Error("what came since the flush is forgotten")
	}
	c.begun["A"] = false
	c.hear("A", "i1", 500)
	c.stop("A")
	if len(c.turns) != 1 || c.turns[0].Played != 700*ms {
		t.Errorf("%+v", c.turns)
	}
}

// An answer that stopped for another one, and waits to go on, is not the one that plays.
func TestTheAnswerThatPlaysCounts(t *testing.T) {
	c := newTalk(t, BargeIn{Min: time.Second})
	c.server(`{"type":"response.created","response":{"id":"X","conversation_id":null}}`)
	c.audio("X", "x1", 100)
	c.hear("X", "x1", 100)
	c.stop("X")
	c.created("A")
	c.audio("A", "i1", 3000)
	c.audio("X", "x2", 3000)
	c.hear("A", "i1", 1500)
	c.did = nil
	c.speaks("u1")
	c.want("flush", "cancel X")
}
