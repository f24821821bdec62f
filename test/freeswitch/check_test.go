package freeswitch_test

import (
	"context"
	"testing"
	"time"

	"mod_openai_audio_stream/module/realtime/realtimetest"
	"mod_openai_audio_stream/test/farend"
	"mod_openai_audio_stream/test/freeswitch"
)

// compared finds the reference in the recording; false, after a complaint, if it is not there.
func compared(t testing.TB, what string, reference, recording []int16, rateHz int) (freeswitch.Match, bool) {
	t.Helper()
	m, err := freeswitch.Compare(reference, recording, rateHz)
	if err != nil {
		t.Errorf("%s: %v", what, err)
		return m, false
	}
	t.Logf("%s: %v", what, m)
	return m, true
}

// check demands the reference in the recording, where FreeSWITCH's encoder of near silence may differ in a few bits, with a
// tone of wantDB.
func check(t testing.TB, what string, reference, recording []int16, rateHz int, wantDB float64) {
	t.Helper()
	if m, ok := compared(t, what, reference, recording, rateHz); ok && (m.SNR < 95 || m.Slip != 0 || m.Tone < wantDB) {
		t.Errorf("%s: %v: want the reference but for a few bits and a tone of %g dB", what, m, wantDB)
	}
}

// checkCaller demands in what the server got of the caller either what the telephone sent, or what the channel read of it:
// FreeSWITCH's own reading drops packets after a stall, which is not the module's affair. read is FreeSWITCH's recording of
// what the agent leg hears, of which the caller of this function has taken all.
func checkCaller(t testing.TB, c *freeswitch.Call, since time.Duration, what string, sent, read, got []int16, rateHz int, wantDB float64) {
	t.Helper()
	m, err := freeswitch.Compare(sent, got, rateHz)
	if err == nil && m.SNR >= 95 && m.Slip == 0 && m.Tone >= wantDB {
		t.Logf("%s: %v", what, m)
		return
	}
	t.Logf("%s: %v, %v: not what the telephone sent; what did the channel read?", what, m, err)
	m, err = freeswitch.Compare(read, got, rateHz)
	if err != nil || m.SNR < 95 || m.Slip != 0 {
		c.Blame(since, "%s: %v, %v: the server got neither what the telephone sent nor what the channel read", what, m, err)
		return
	}
	t.Logf("%s: %v: what the channel read, of which FreeSWITCH dropped some", what, m)
}

// checkWire demands the reference in what left on the wire, whenever it left, and that no packet is missing.
func checkWire(t testing.TB, what string, reference []int16, wire farend.Packets, rateHz int, wantDB float64) {
	t.Helper()
	if r := wire.Report(); r.Lost+r.Duplicates > 0 || r.Streams != 1 {
		t.Errorf("%s: %v, of %d streams", what, r, r.Streams)
	}
	check(t, what, reference, wire.PCM(), rateHz, wantDB)
}

// moreAudio waits until the server has got so many more bytes of the caller's.
func moreAudio(t testing.TB, session *realtimetest.Session, bytes int) {
	t.Helper()
	if err := session.WaitAudio(t.Context(), session.AudioBytes()+bytes); err != nil {
		t.Fatal(err)
	}
}

// whole demands that a lossy codec has kept the length of the reference, and its sound.
func whole(t testing.TB, what string, reference, recording []int16, rateHz int) {
	t.Helper()
	m, ok := compared(t, what, reference, recording, rateHz)
	// The codec smears the chirps by a few samples; the least that can be lost or repeated is a packet.
	if slip := time.Duration(m.Slip) * time.Second / time.Duration(rateHz); ok && (slip.Abs() > time.Millisecond || m.SNR < 3) {
		t.Errorf("%s: %v: want nothing lost or repeated", what, m)
	}
}

// contextOf is the test's context, with an end.
func contextOf(t testing.TB, bound time.Duration) (context.Context, context.CancelFunc) {
	return context.WithTimeout(t.Context(), bound)
}
