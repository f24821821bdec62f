package freeswitch_test

import (
	"os"
	"slices"
	"testing"
	"time"

	"mod_openai_audio_stream/module/audio"
	"mod_openai_audio_stream/module/realtime"
	"mod_openai_audio_stream/module/realtime/realtimetest"
	"mod_openai_audio_stream/test/freeswitch"
)

func init() { calls["Tones"] = testTones }

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
func testTones(t *testing.T) {
	length := 10 * time.Second
	if os.Getenv(freeswitch.EnvLong) != "" {
		length = time.Minute
	}
	for _, l := range lines {
		for _, format := range []realtime.Format{realtime.PCM16, realtime.G711ULaw} {
			t.Run(l.name+" "+format.String(), func(t *testing.T) {
				t.Parallel()
				toneBothWays(t, l, format, length)
			})
		}
	}
}

func toneBothWays(t *testing.T, l line, format realtime.Format, length time.Duration) {
	rateHz, coded, wantDB := 24000, same, l.toneDB
	if format == realtime.G711ULaw {
		rateHz, coded, wantDB = realtime.G711RateHz, freeswitch.ULaw, min(l.toneDB, 35)
	}
	answer := freeswitch.Signal(length, 24000)
	c := shared.Call(t, uuidOf(t), freeswitch.Options{Codec: l.codec})
	c.Set("STREAM_INPUT_FORMAT", format.String())
	c.Set("STREAM_OUTPUT_FORMAT", format.String())
	_, session := c.Begin(realtimetest.Config{NoVAD: true, Answer: realtimetest.Speech(answer, 24000, "tone")}, rateHz)

	heard := c.Record(c.Far, freeswitch.Hears)
	sent := c.Record(c.Agent, freeswitch.Sends)
	read := c.Record(c.Agent, freeswitch.Hears)
	played := freeswitch.Signal(length, l.rateHz)
	second := make([]int16, l.rateHz)
	// FreeSWITCH's recorder damages what a leg sends while it receives nothing, so the caller begins first and ends last.
	c.Play(c.Far, slices.Concat(second, played, second, second), l.rateHz)
	if err := session.WaitAudio(t.Context(), session.AudioBytes()+bytesOf(time.Second, rateHz, format)); err != nil {
		t.Fatal(err)
	}
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
		m, err := freeswitch.Compare(coded(freeswitch.Resample(played, l.rateHz, rateHz)), caller, rateHz)
		t.Logf("caller to server, Opus included: %v (%v)", m, err)
		if err != nil || m.Slip < -5 || m.Slip > 5 {
			t.Errorf("caller to server: %v, %v: want nothing lost or repeated", m, err)
		}
	}
	check(t, "caller to server", coded(freeswitch.Resample(reference, l.rateHz, rateHz)), caller, rateHz, callerDB)

	// Server to caller, first as it goes into the codec, then as the far leg hears it.
	said := session.Answers()[0]
	if said.RateHz != rateHz {
		t.Fatalf("the server speaks at %d Hz, want %d", said.RateHz, rateHz)
	}
	reference = freeswitch.Resample(coded(said.PCM), said.RateHz, l.rateHz)
	check(t, "server to codec", reference, freeswitch.Left(out, outChannels), l.rateHz, wantDB)
	if outChannels == 2 {
		check(t, "server to codec, right", reference, freeswitch.Right(out, outChannels), l.rateHz, wantDB)
	}
	in, inHz, channels := heard.Stop()
	if inHz != l.rateHz || channels != l.channels {
		t.Errorf("the far leg hears %d Hz with %d channels, want %d with %d", inHz, channels, l.rateHz, l.channels)
	}
	if !l.lossy {
		check(t, "server to caller", l.coded(reference), in, l.rateHz, wantDB)
	} else if m, err := freeswitch.Compare(reference, freeswitch.Left(in, channels), l.rateHz); err != nil || m.Slip < -5 || m.Slip > 5 {
		t.Errorf("server to caller: %v, %v: want nothing lost or repeated", m, err)
	} else {
		t.Logf("server to caller, Opus included: %v", m)
	}
	if t.Failed() {
		t.Log(status)
	}
}

// check demands the reference in the recording, to the bit, with a tone of wantDB.
func check(t *testing.T, what string, reference, recording []int16, rateHz int, wantDB float64) {
	t.Helper()
	m, err := freeswitch.Compare(reference, recording, rateHz)
	if err != nil {
		t.Errorf("%s: %v", what, err)
		return
	}
	t.Logf("%s: %v", what, m)
	if m.SNR < 100 || m.Slip != 0 || m.Tone < wantDB {
		t.Errorf("%s: %v: want the reference to the bit and a tone of %g dB", what, m, wantDB)
	}
}

func bytesOf(d time.Duration, rateHz int, format realtime.Format) int {
	n := int(d.Seconds() * float64(rateHz))
	if format == realtime.PCM16 {
		n *= 2
	}
	return n
}
