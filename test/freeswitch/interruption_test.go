package freeswitch_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"mod_openai_audio_stream/module/realtime/realtimetest"
	"mod_openai_audio_stream/test/farend"
)

func init() {
	const callers, interruptions = 5, 10 // together 50
	for i := range callers {
		calls[fmt.Sprintf("Interruptions/%d", i)] = func(t testing.TB) { interrupt(t, interruptions) }
	}
}

// The caller interrupts the model again and again, at moments of chance. What left on the wire of each answer is what
// the server is told, and nothing of an answer is heard after it was cut.
func interrupt(t testing.TB, n int) {
	const rateHz = 8000
	since := farend.Now()
	c := shared.Dial(t, uuidOf(t), "park", farend.Invite{})
	session := c.Begin(realtimetest.Config{
		InputRate: rateHz, Speed: 5, Answer: realtimetest.Tone(1000, 20*time.Second),
		Misbehave: realtimetest.Always(realtimetest.Misbehaviour{LateDeltas: 3}),
	}, rateHz)
	// Words of 400 ms. The detector takes half a second of silence for the end of one, and the answer begins; the next
	// word comes while it is being heard.
	var speech []int16
	word := realtimetest.Sine(300, 400*time.Millisecond, rateHz)
	for range n + 1 {
		pause := 1200*time.Millisecond + rand.N(1500*time.Millisecond)
		speech = append(speech, make([]int16, int(pause.Seconds()*rateHz))...)
		speech = append(speech, word...)
	}
	c.Say(speech, rateHz)
	c.Event("truncated", n)
	c.Event("openai_speech_start", n+1) // the answer to the last word
	have := len(c.Phone.Packets())
	c.Until("the beginning of that answer", func() bool { return len(c.Phone.Packets()) > have+10 })
	bursts := loudParts(c.Phone.Packets().PCM(), rateHz)
	if len(bursts) != n+1 {
		// One too many is a pause in an answer: the tone stopped for longer than a packet.
		c.Blame(since, "the caller heard %d answers, want %d: %v", len(bursts), n+1, bursts)
		return
	}
	var worst time.Duration
	for i, m := range shared.Events(c.Agent, "truncated")[:n] {
		var cut struct {
			AudioEndMS int64 `json:"audio_end_ms"`
		}
		if err := json.Unmarshal([]byte(m["_body"]), &cut); err != nil {
			t.Fatal(err)
		}
		off := (bursts[i] - time.Duration(cut.AudioEndMS)*time.Millisecond).Abs()
		worst = max(worst, off)
		if off > 20*time.Millisecond {
			t.Errorf("interruption %d: heard %v, the server was told %d ms", i, bursts[i], cut.AudioEndMS)
		}
	}
	for i, a := range session.Answers()[:n] {
		if a.TruncatedMS < 0 {
			t.Errorf("answer %d was not truncated at the server", i)
		}
	}
	t.Logf("%d interruptions, %v between what was heard and what was told at most", n, worst)
}

// loudParts are the lengths of the parts of a recording that are not silent for more than 20 ms.
func loudParts(pcm []int16, rateHz int) (lengths []time.Duration) {
	for _, p := range sounds(pcm, rateHz) {
		lengths = append(lengths, p.length)
	}
	return lengths
}

// part is a stretch of a recording.
type part struct{ from, length time.Duration }

func (p part) String() string { return fmt.Sprintf("%v at %v", p.length, p.from) }

// sounds are the parts of a recording that are not silent for more than 20 ms.
func sounds(pcm []int16, rateHz int) (parts []part) {
	quiet := rateHz / 50
	first, last := -1, -1
	at := func(i int) time.Duration { return time.Duration(i) * time.Second / time.Duration(rateHz) }
	end := func() {
		if first >= 0 {
			parts = append(parts, part{at(first), at(last + 1 - first)})
			first = -1
		}
	}
	for i, v := range pcm {
		if v > 300 || v < -300 {
			if first < 0 {
				first = i
			}
			last = i
		} else if i-last > quiet {
			end()
		}
	}
	end()
	return parts
}
