package freeswitch_test

import (
	"os"
	"testing"
	"time"

	"mod_openai_audio_stream/module/audio"
	"mod_openai_audio_stream/module/realtime"
	"mod_openai_audio_stream/module/realtime/realtimetest"
	"mod_openai_audio_stream/test/farend"
	"mod_openai_audio_stream/test/freeswitch"
)

func init() {
	for _, format := range []realtime.Format{realtime.PCM16, realtime.G711ULaw} {
		for _, l := range lines {
			calls["Tones/"+l.name+" "+format.String()] = func(t testing.TB) { toneBothWays(t, l, format) }
		}
		for _, l := range opusLines {
			calls["Tones/from "+l.name+" "+format.String()] = func(t testing.TB) { toneFromOpus(t, l, format) }
			calls["Tones/to "+l.name+" "+format.String()] = func(t testing.TB) { toneToOpus(t, l, format) }
		}
	}
}

// line is a codec of a call with a telephone, and what it leaves of the sound.
type line struct {
	name   string
	format farend.Format
	rateHz int
	toUs   func([]int16) []int16 // what FreeSWITCH's encoder leaves
	fromUs func([]int16) []int16 // what the telephone's leaves
	toneDB float64               // of a tone through codec, pcm16 and back, at least
}

func same(pcm []int16) []int16 { return pcm }

var lines = []line{
	{name: "PCMU 8 kHz", format: farend.PCMU, rateHz: 8000, toUs: freeswitch.PCMU, fromUs: freeswitch.ULaw, toneDB: 35},
	{name: "L16 16 kHz", format: farend.L16, rateHz: 16000, toUs: same, fromUs: same, toneDB: 80},
}

// opusLine is a call over Opus, which FreeSWITCH encodes and decodes: as its own far leg offers it, and as a telephone does.
type opusLine struct {
	name, codec string
	params      string
	channels    int
}

var opusLines = []opusLine{
	{name: "Opus mono", codec: "opus@48000h@20i", params: "stereo=0", channels: 1},
	{name: "Opus stereo", codec: "opus@48000h@20i@2c", params: "stereo=1; sprop-stereo=1", channels: 2},
}

// toneLength is how long the tones are.
func toneLength() time.Duration {
	if os.Getenv(freeswitch.EnvLong) != "" {
		return time.Minute
	}
	return 10 * time.Second
}

// sessionOf is what a format leaves of the sound: its rate, and the least that a tone keeps of toneDB.
func sessionOf(format realtime.Format, toneDB float64) (rateHz int, coded func([]int16) []int16, wantDB float64) {
	if format == realtime.G711ULaw {
		return realtime.G711RateHz, freeswitch.ULaw, min(toneDB, 35)
	}
	return 24000, same, toneDB
}

// A steady tone arrives in both directions at once, whole, and is the one that was sent.
func toneBothWays(t testing.TB, l line, format realtime.Format) {
	rateHz, coded, wantDB := sessionOf(format, l.toneDB)
	answer, played := freeswitch.Signal(toneLength(), 24000), freeswitch.Signal(toneLength(), l.rateHz)
	since := farend.Now()
	c := shared.Dial(t, uuidOf(t), "park", farend.Invite{Formats: []farend.Format{l.format}})
	c.Set("STREAM_INPUT_FORMAT", format.String())
	c.Set("STREAM_OUTPUT_FORMAT", format.String())
	session := c.Begin(realtimetest.Config{NoVAD: true, Answer: realtimetest.Speech(answer, 24000, "tone")}, rateHz)
	read := c.Record(c.Agent, freeswitch.Hears)
	c.Ask()
	c.Say(freeswitch.Padded(played, l.rateHz), l.rateHz)
	c.Event("openai_speech_stop", 1)
	status := c.Stream("status")
	caller, callerHz, _ := session.CallerPCM()
	if callerHz != rateHz {
		t.Fatalf("the server takes %d Hz, want %d", callerHz, rateHz)
	}
	from, fromHz, channels := read.Stop()
	if fromHz != l.rateHz || channels != 1 {
		t.Errorf("the agent's leg reads %d Hz with %d channels, want %d with 1", fromHz, channels, l.rateHz)
	}
	toServer := func(pcm []int16) []int16 { return coded(freeswitch.Resample(pcm, l.rateHz, rateHz)) }
	checkCaller(t, c, since, "caller to server", toServer(l.fromUs(played)), toServer(from), caller, rateHz, wantDB)

	said := session.Answers()[0]
	if said.RateHz != rateHz {
		t.Fatalf("the server speaks at %d Hz, want %d", said.RateHz, rateHz)
	}
	reference := l.toUs(freeswitch.Resample(coded(said.PCM), said.RateHz, l.rateHz))
	checkWire(t, "server to caller", reference, c.Wire(), l.rateHz, wantDB)
	if t.Failed() {
		t.Log(status)
	}
}

const opusHz = 48000

// The same over Opus, from a leg of FreeSWITCH, where the agent's leg has decoded it.
func toneFromOpus(t testing.TB, l opusLine, format realtime.Format) {
	rateHz, coded, _ := sessionOf(format, 80)
	played := freeswitch.Signal(toneLength(), opusHz)
	since := farend.Now()
	c := shared.Call(t, uuidOf(t), freeswitch.Options{Codec: l.codec})
	c.Set("STREAM_INPUT_FORMAT", format.String())
	session := c.Begin(realtimetest.Config{NoVAD: true}, rateHz)
	read := c.Record(c.Agent, freeswitch.Hears)
	c.Play(c.Far, freeswitch.Padded(played, opusHz), opusHz)
	shared.Event(t, c.Far, "PLAYBACK_STOP", 1)
	caller, _, _ := session.CallerPCM()
	from, fromHz, channels := read.Stop()
	if fromHz != opusHz || channels != l.channels {
		t.Errorf("the agent's leg reads %d Hz with %d channels, want %d with %d", fromHz, channels, opusHz, l.channels)
	}
	if channels == 2 {
		from = audio.Downmix(nil, from)
	}
	reference := coded(freeswitch.Resample(from, opusHz, rateHz))
	// The tone is as good as the far leg's encoder made it.
	checkCaller(t, c, since, "caller to server", reference, reference, caller, rateHz, 0)
}

// The other way, to a telephone, which decodes it.
func toneToOpus(t testing.TB, l opusLine, format realtime.Format) {
	rateHz, coded, _ := sessionOf(format, 80)
	answer := freeswitch.Signal(toneLength(), 24000)
	opus := farend.Opus
	opus.Params = l.params
	c := shared.Dial(t, uuidOf(t), "park", farend.Invite{Formats: []farend.Format{opus}})
	c.Set("STREAM_OUTPUT_FORMAT", format.String())
	session := c.Begin(realtimetest.Config{NoVAD: true, Answer: realtimetest.Speech(answer, 24000, "tone")}, rateHz)
	c.Ask()
	c.Event("openai_speech_stop", 1)
	said := session.Answers()[0]
	wire := c.Wire()
	whole(t, "server to caller", freeswitch.Resample(coded(said.PCM), said.RateHz, opusHz), wire.PCM(), opusHz)
	if r := wire.Report(); r.Lost+r.Duplicates > 0 {
		t.Errorf("on the wire: %v", r)
	}
}
