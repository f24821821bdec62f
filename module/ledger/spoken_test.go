package ledger

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

func TestSpoken(t *testing.T) {
	c := acting(t)
	check := func(want Spoken) {
		t.Helper()
		if got := c.Spoken("A"); got != want {
			t.Errorf("%+v, want %+v", got, want)
		}
	}
	check(Spoken{})
	c.created("A")
	check(Spoken{Known: true})
	c.audio("A", "i1", 1000)
	check(Spoken{Known: true, Audio: true, Unheard: true})
	c.done("A", "completed")
	check(Spoken{Known: true, Over: true, Audio: true, Unheard: true})
	c.hear("A", "i1", 1000)
	check(Spoken{Known: true, Over: true, Audio: true})
	c.stop("A")
	c.after(time.Second)
	check(Spoken{Known: true, Over: true, Audio: true})
	for n := range maxResponses {
		c.created(fmt.Sprint("r", n))
	}
	check(Spoken{})
}

func TestSpokenOfOneThatWasInterrupted(t *testing.T) {
	c := acting(t)
	c.created("A")
	c.calls("A", "c1")
	c.audio("A", "i1", 1000)
	c.done("A", "completed")
	c.hear("A", "i1", 200)
	c.speaks("u1")
	if got, want := c.Spoken("A"), (Spoken{Known: true, Over: true, Audio: true, Unheard: true, Interrupted: true}); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
	c.cut("A", "i1", 200)
	c.stop("A")
	if got, want := c.Spoken("A"), (Spoken{Known: true, Over: true, Audio: true, Interrupted: true}); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
}

// A call names its response so that its namesake on another connection is not meant.
func TestSpokenOfServersThatNumberByConnection(t *testing.T) {
	c := acting(t)
	c.answer("resp_1", "i1", 100)
	c.lose()
	c.connect()
	c.did = nil
	c.created("resp_1")
	c.calls("resp_1", "c1")
	name := c.did[0][strings.LastIndex(c.did[0], " ")+1:]
	if got, want := c.Spoken(name), (Spoken{Known: true}); got != want {
		t.Errorf("%s: %+v, want %+v", name, got, want)
	}
}
