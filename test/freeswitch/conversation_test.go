package freeswitch_test

import (
	"fmt"
	"math"
	"testing"

	"mod_openai_audio_stream/module/realtime/realtimetest"
	"mod_openai_audio_stream/test/farend"
	"mod_openai_audio_stream/test/freeswitch"
)

func init() {
	for i, name := range []string{"PCMU", "L16"} {
		calls["Conversation"+name] = func(t testing.TB) {
			l := lines[i]
			// A telephone with silence suppression.
			c := shared.Dial(t, uuidOf(t), "park", farend.Invite{Formats: []farend.Format{l.format}, Quiet: true})
			converse(t, c, l, func(pcm []int16) { c.Say(pcm, l.rateHz) }, c.Phone.Packets)
		}
	}
	calls["ConversationLoopback"] = func(t testing.TB) {
		c := shared.Loopback(t, uuidOf(t))
		converse(t, c, line{rateHz: 8000, toUs: same, fromUs: same}, func(pcm []int16) { c.Play(c.Far, pcm, 8000) }, nil)
	}
}

const turns = 10

// converse has ten turns of a conversation: what each side said is what the other heard, turn by turn. The end of a
// caller's sentence is heard although no packet comes after it. wire is nil where no packets leave: there the far leg's
// recorder tells what it heard.
func converse(t testing.TB, c *freeswitch.Call, l line, say func([]int16), wire func() farend.Packets) {
	since := farend.Now()
	said, answers := speech(t, "caller.wav", 8000), speech(t, "agent.wav", 24000)
	for n := range said {
		said[n] = freeswitch.Resample(said[n], 8000, l.rateHz)
	}
	session := c.Begin(realtimetest.Config{Answer: func(turn realtimetest.Turn) realtimetest.Reply {
		return realtimetest.Say(answers[turn.N], 24000, "an answer")
	}}, 24000)
	read := c.Record(c.Agent, freeswitch.Hears)
	var heard *freeswitch.Recording
	if wire == nil {
		heard = c.Record(c.Far, freeswitch.Hears)
	}
	for n := range turns {
		say(said[n])
		c.Event("openai_speech_stop", n+1)
	}
	if n := len(c.Events(c.Agent, "openai_speech_stop")); n != turns {
		t.Errorf("%d answers, want %d", n, turns)
	}
	status := c.Stream("status")
	caller, _, _ := session.CallerPCM()
	recorded, _, _ := read.Stop()
	var in []int16
	if wire != nil {
		in = wire().PCM()
		if r := wire().Report(); r.Lost+r.Duplicates > 0 {
			t.Errorf("on the wire: %v", r)
		}
	} else {
		in, _, _ = heard.Stop()
	}

	toServer, toChannel := freeswitch.Split(caller, 24000), freeswitch.Split(freeswitch.Resample(recorded, l.rateHz, 24000), 24000)
	toCaller := freeswitch.Split(in, l.rateHz)
	if len(toServer) != turns || len(toCaller) != turns {
		c.Blame(since, "%d utterances reached the server, and %d answers the caller, want %d of each\n%s",
			len(toServer), len(toCaller), turns, status)
		return
	}
	for n := range turns {
		utterance := freeswitch.Resample(l.fromUs(said[n]), l.rateHz, 24000)
		read := utterance
		if len(toChannel) == turns {
			read = toChannel[n]
		}
		checkCaller(t, c, since, fmt.Sprintf("turn %d, caller to server", n+1), utterance, read, toServer[n], 24000, math.Inf(-1))
		answer := l.toUs(freeswitch.Resample(answers[n], 24000, l.rateHz))
		what := fmt.Sprintf("turn %d, server to caller", n+1)
		if wire != nil {
			check(t, what, answer, toCaller[n], l.rateHz, math.Inf(-1))
		} else if m, err := freeswitch.Compare(answer, toCaller[n], l.rateHz); err != nil || m.SNR < 95 || m.Slip != 0 {
			c.Blame(since, "%s: %v, %v", what, m, err) // a loopback leg loses frames when a thread comes late
		}
	}
	if t.Failed() {
		t.Log(status)
	}
}

// speech cuts ten different utterances of a second out of a recording of the test data, each between chirps.
func speech(t testing.TB, name string, rateHz int) (parts [turns][]int16) {
	t.Helper()
	pcm, hz, channels, err := realtimetest.ReadWAV("../testdata/" + name)
	if err != nil || hz != rateHz || channels != 1 {
		t.Fatalf("%s: %d Hz, %d channels, %v", name, hz, channels, err)
	}
	var spoken []int16 // without the pauses between the sentences
	for _, part := range freeswitch.Split(pcm, rateHz) {
		spoken = append(spoken, part...)
	}
	for n := range parts {
		from := n * (len(spoken) - rateHz) / turns
		parts[n] = freeswitch.Framed(spoken[from:from+rateHz], rateHz)
	}
	return parts
}
