package realtime

import (
	"fmt"
	"time"

	"github.com/tidwall/gjson"
)

// AudioFormat is the format of one direction as a session describes it.
type AudioFormat struct {
	Known  bool   // Format is what Name means
	Name   string // as the server writes it; "" if the session does not say
	Format Format
	RateHz int // 0 if the session does not say
}

// String is the format for people, e.g. "pcm16 at 24000 Hz".
func (a AudioFormat) String() string {
	name := a.Format.String()
	if !a.Known {
		name = fmt.Sprintf("%q", a.Name)
	}
	if a.RateHz > 0 {
		return fmt.Sprintf("%s at %d Hz", name, a.RateHz)
	}
	return name
}

// FormatsOf reads the formats out of a session object, of either shape. session may be anything.
func FormatsOf(session []byte) (in, out AudioFormat) {
	root := sessionRoot(session)
	return formatOf(root, "audio.input.format", "input_audio_format"), formatOf(root, "audio.output.format", "output_audio_format")
}

func formatOf(root gjson.Result, nested, flat string) (a AudioFormat) {
	name := root.Get(flat)
	if f := root.Get(nested); f.IsObject() {
		name = f.Get("type")
		if hz := count(f.Get("rate")); hz <= rateMostHz {
			a.RateHz = int(hz)
		}
	} else if f.Type == gjson.String {
		name = f
	}
	a.Name = text(name)
	if f, err := ParseFormat(a.Name); err == nil {
		a.Known, a.Format = true, f
	}
	return a
}

// sessionRoot guards gjson against what is no JSON, or nested without an end.
func sessionRoot(session []byte) gjson.Result {
	if deep(session) || !gjson.ValidBytes(session) {
		return gjson.Result{}
	}
	return gjson.ParseBytes(session)
}

// InterruptsResponse reports whether the server cancels a response by itself when the caller speaks. True unless the
// session says otherwise.
func InterruptsResponse(session []byte) bool {
	root := sessionRoot(session)
	for _, path := range []string{"audio.input.turn_detection", "turn_detection"} {
		if d := root.Get(path); d.Exists() {
			return d.Type != gjson.Null && d.Get("interrupt_response").Type != gjson.False
		}
	}
	return true
}

// ExpiresAt is when the server will end the session; zero if it does not say.
func ExpiresAt(session []byte) time.Time { return expiresAt(sessionRoot(session)) }

func expiresAt(session gjson.Result) time.Time {
	if n := count(session.Get("expires_at")); n > 0 {
		return time.Unix(n, 0)
	}
	return time.Time{}
}
