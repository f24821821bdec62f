package freeswitch_test

import (
	"os"
	"testing"
	"time"

	"mod_openai_audio_stream/module/audio"
	"mod_openai_audio_stream/module/realtime"
	"mod_openai_audio_stream/module/realtime/realtimetest"
	"mod_openai_audio_stream/test/freeswitch"
)

func init() {
	for _, l := range lines {
		for _, format := range []realtime.Format{realtime.PCM16, realtime.G711ULaw} {
			calls["Tones/"+l.name+" "+format.String()] = func(t testing.TB) { toneBothWays(t, l, format) }
		}
	}
}

// line is a codec of a call, and what it leaves of the sound.
type line struct {
	name     string
	codec    string
	rateHz   int
	channels int
	lossy    bool                  // what is encoded cannot be compared sample by sample
	coded    func([]int16) []int16 // what the codec leaves
	toneDB   float64               // of a tone through codec, pcm16 and back, at least
}

func same(pcm []int16) []int16 { return pcm }

var lines = []line{
	{name: "PCMU 8 kHz", codec: "PCMU", rateHz: 8000, channels: 1, coded: freeswitch.PCMU, toneDB: 35},
	{name: "L16 16 kHz", codec: "L16@16000h@20i", rateHz: 16000, channels: 1, coded: same, toneDB: 80},
	{name: "Opus mono", codec: "opus@48000h@20i", rateHz: 48000, channels: 1, lossy: true, coded: same, toneDB: 80},
	{name: "Opus stereo", codec: "opus@48000h@20i@2c", rateHz: 48000, channels: 2, lossy: true, coded: same, toneDB: 80},
}

// A steady tone arrives in both directions at once, whole, and is the one that was sent.
func toneBothWays(t testing.TB, l line, format realtime.Format) {
	length := 10 * time.Second
	if os.Getenv(freeswitch.EnvLong) != "" {
		length = time.Minute
	}
	rateHz, coded, wantDB := 24000, same, l.toneDB
	if format == realtime.G711ULaw {
		rateHz, coded, wantDB = realtime.G711RateHz, freeswitch.ULaw, min(l.toneDB, 35)
	}
	answer := freeswitch.Signal(length, 24000)
	c := shared.Call(t, uuidOf(t), freeswitch.Options{Codec: l.codec})
	c.Set("STREAM_INPUT_FORMAT", format.String())
	c.Set("STREAM_OUTPUT_FORMAT", format.String())
	session := c.Begin(realtimetest.Config{NoVAD: true, Answer: realtimetest.Speech(answer, 24000, "tone")}, rateHz)

	heard := c.Record(c.Far, freeswitch.Hears)
	sent := c.Record(c.Agent, freeswitch.Sends)
	read := c.Record(c.Agent, freeswitch.Hears)
	played := freeswitch.Signal(length, l.rateHz)
	c.Play(c.Far, freeswitch.Padded(played, l.rateHz), l.rateHz)
	// FreeSWITCH's recorder of what a leg sends leaves frames out while the leg receives nothing, and for a while after:
	// the agent speaks later than the caller.
	moreAudio(t, session, bytesOf(time.Second, rateHz, format))
	c.Ask()
	c.Event("openai_speech_stop", 1)
	out, _, outChannels := sent.Stop()
	shared.Event(t, c.Far, "PLAYBACK_STOP", 1)
	status := c.Stream("status")
	caller, callerHz, _ := session.CallerPCM()
	if callerHz != rateHz {
		t.Fatalf("the server takes %d Hz, want %d", callerHz, rateHz)
	}

	// Caller to server. Opus is compared from where it has been decoded.
	reference, callerDB := l.coded(played), wantDB
	from, fromHz, channels := read.Stop()
	if fromHz != l.rateHz || channels != l.channels {
		t.Errorf("the agent's leg reads %d Hz with %d channels, want %d with %d", fromHz, channels, l.rateHz, l.channels)
	}
	if l.lossy {
		if channels == 2 {
			from = audio.Downmix(nil, from)
		}
		reference, callerDB = from, 0 // the tone is as good as the far leg's encoder made it
		whole(t, "caller to server, Opus included", coded(freeswitch.Resample(played, l.rateHz, rateHz)), caller, rateHz)
	}
	check(t, "caller to server", coded(freeswitch.Resample(reference, l.rateHz, rateHz)), caller, rateHz, callerDB)

	// Server to caller. Opus is compared before it is encoded.
	said := session.Answers()[0]
	if said.RateHz != rateHz {
		t.Fatalf("the server speaks at %d Hz, want %d", said.RateHz, rateHz)
	}
	reference = freeswitch.Resample(coded(said.PCM), said.RateHz, l.rateHz)
	in, inHz, channels := heard.Stop()
	if inHz != l.rateHz || channels != l.channels {
		t.Errorf("the far leg hears %d Hz with %d channels, want %d with %d", inHz, channels, l.rateHz, l.channels)
	}
	if !l.lossy {
		check(t, "server to caller", l.coded(reference), in, l.rateHz, wantDB)
	} else {
		out = out[:len(out)-outChannels*l.rateHz/10] // a stereo recording ends in frames that were never written
		check(t, "server to codec", reference, freeswitch.Left(out, outChannels), l.rateHz, wantDB)
		check(t, "server to codec, last channel", reference, freeswitch.Right(out, outChannels), l.rateHz, wantDB)
		whole(t, "server to caller, Opus included", reference, freeswitch.Left(in, channels), l.rateHz)
	}
	if t.Failed() {
		t.Log(status)
	}
}
