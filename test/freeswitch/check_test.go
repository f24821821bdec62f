package freeswitch_test

import (
	"testing"
	"time"

	"mod_openai_audio_stream/module/realtime"
	"mod_openai_audio_stream/module/realtime/realtimetest"
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

// moreAudio waits until the server has got so many more bytes of the caller's.
func moreAudio(t testing.TB, session *realtimetest.Session, bytes int) {
	t.Helper()
	if err := session.WaitAudio(t.Context(), session.AudioBytes()+bytes); err != nil {
		t.Fatal(err)
	}
}

func bytesOf(d time.Duration, rateHz int, format realtime.Format) int {
	n := int(d.Seconds() * float64(rateHz))
	if format == realtime.PCM16 {
		n *= 2
	}
	return n
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
