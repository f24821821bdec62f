package freeswitch_test

import (
	"fmt"
	"math"
	"testing"

	"mod_openai_audio_stream/module/realtime/realtimetest"
	"mod_openai_audio_stream/test/freeswitch"
)

func init() {
	calls["ConversationPCMU"] = func(t testing.TB) {
		converse(t, shared.Call(t, uuidOf(t), freeswitch.Options{}), lines[0])
	}
	calls["ConversationOpus"] = func(t testing.TB) {
		converse(t, shared.Call(t, uuidOf(t), freeswitch.Options{Codec: lines[2].codec}), lines[2])
	}
	calls["ConversationLoopback"] = func(t testing.TB) {
		converse(t, shared.Loopback(t, uuidOf(t)), line{rateHz: 8000, channels: 1, coded: same})
	}
}

const turns = 10

// converse has ten turns of a conversation: what each side said is what the other heard, turn by turn. The end of a
// caller's sentence is heard although no packet comes after it.
func converse(t testing.TB, c *freeswitch.Call, l line) {
	said, answers := speech(t, "caller.wav", 8000), speech(t, "agent.wav", 24000)
	for n := range said {
		said[n] = freeswitch.Resample(said[n], 8000, l.rateHz)
	}
	session := c.Begin(realtimetest.Config{Answer: func(turn realtimetest.Turn) realtimetest.Reply {
		return realtimetest.Say(answers[turn.N], 24000, "an answer")
	}}, 24000)
	heard := c.Record(c.Far, freeswitch.Hears)
	for n := range turns {
		c.Play(c.Far, said[n], l.rateHz)
		c.Event("openai_speech_stop", n+1)
	}
	if n := len(c.Events(c.Agent, "openai_speech_stop")); n != turns {
		t.Errorf("%d answers, want %d", n, turns)
	}
	status := c.Stream("status")
	caller, _, _ := session.CallerPCM()
	in, _, _ := heard.Stop()

	toServer := freeswitch.Split(caller, 24000)
	toCaller := freeswitch.Split(in, l.rateHz)
	if len(toServer) != turns || len(toCaller) != turns {
		t.Fatalf("%d utterances reached the server, and %d answers the caller, want %d of each\n%s",
			len(toServer), len(toCaller), turns, status)
	}
	for n := range turns {
		utterance := freeswitch.Resample(l.coded(said[n]), l.rateHz, 24000)
		answer := l.coded(freeswitch.Resample(answers[n], 24000, l.rateHz))
		compare := func(what string, reference, recording []int16, rateHz int) {
			if l.lossy {
				whole(t, what, reference, recording, rateHz)
			} else {
				check(t, what, reference, recording, rateHz, math.Inf(-1))
			}
		}
		compare(fmt.Sprintf("turn %d, caller to server", n+1), utterance, toServer[n], 24000)
		compare(fmt.Sprintf("turn %d, server to caller", n+1), answer, toCaller[n], l.rateHz)
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
