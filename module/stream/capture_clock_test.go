package stream

import (
	"math"
	"testing"
	"time"

	"mod_openai_audio_stream/module/command"
)

// clockOff is by how many ms a capture time may be wrong: a frame's length, and what a clock ignores.
const clockOff = 40

// Whatever was done to the audio before a server was sent it, a position in it leads back to the time at which the
// caller said it.
func TestCaptureTimes(t *testing.T) {
	for name, s := range map[string]schedule{
		"nothing happens":               {},
		"audio waited for a connection": {offline: []span{{0, 3000}}},
		"a stalled connection":          {offline: []span{{1000, 2500}, {4000, 6000}}},
		"some of it was dropped":        {offline: []span{{0, 2500}, {4000, 7500}}, bound: time.Second},
		"nothing could wait":            {offline: []span{{0, 2500}}, bound: 20 * time.Millisecond},
		"muted":                         {mute: []span{{2000, 4000}, {4500, 4600}, {5000, 5010}}},
		"muted while nothing was sent":  {mute: []span{{2000, 3000}}, offline: []span{{1500, 5000}}},
		"gaps":                          {missing: []span{{1000, 1500}, {3000, 6000}}},
		"a gap while nothing was sent":  {missing: []span{{2000, 3000}}, offline: []span{{1500, 5000}}},
		"late frames after silence":     {media: []span{{1000, 1800}, {3000, 3300}}},
		"late frames replaced silence":  {media: []span{{1000, 1800}, {3000, 3300}}, offline: []span{{500, 5000}}},
		"and a part of it":              {media: []span{{1000, 2000}}, offline: []span{{1500, 5000}}},
		"silence was taken off":         {media: []span{{1000, 2000}}, quiet: []span{{3000, 6000}}},
		"off a gap":                     {media: []span{{1000, 2000}}, missing: []span{{3000, 6000}}},
		"the process stood still":       {process: []span{{1000, 3000}}},
		"the engine stood still":        {engine: []span{{1000, 3000}}},
		"frames were lost":              {missing: []span{{1000, 1800}}, process: []span{{1000, 1800}}},
		"the first of the late ones":    {missing: []span{{1000, 1400}}, process: []span{{1000, 1800}}},
		"and made up for in a pause":    {missing: []span{{1000, 1800}}, process: []span{{1000, 1800}}, quiet: []span{{4000, 6000}}},
		"new sessions":                  {restart: []int{1000, 1001, 5000}},
		"new sessions, audio waited":    {offline: []span{{1000, 2500}, {4000, 5000}}, restart: []int{2000, 5000}, bound: time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			s.ms = 9000
			for seed := range uint64(5) {
				l := s.play(testRand(seed))
				if l.worst > clockOff || l.worst < -clockOff {
					t.Errorf("a frame of %d ms, sent at %d ms, is off by %d ms", l.where.captured, l.where.sent, l.worst)
				}
				if l.asked < 100 {
					t.Errorf("%d frames were asked for", l.asked)
				}
			}
		})
	}
}

// What was not sent, and what is no position, has no time. Silence has the one for which it stands.
func TestCaptureTimeOutside(t *testing.T) {
	m := newMicrophone(command.Mono, time.Minute)
	if _, ok := m.timeAt(0); ok || !m.voiceEnd().IsZero() {
		t.Error("there is a time before there is audio")
	}
	for range 50 {
		m.speak(repeat(7, 160))
		m.step(20 * time.Millisecond)
	}
	m.sent(400 * 8)
	for _, test := range []struct {
		ms, want int64 // -1: none
	}{{-1, -1}, {math.MinInt64, -1}, {0, 0}, {123, 123}, {400, 400}, {500, 500}, {501, -1}, {math.MaxInt64, -1}} {
		at, ok := m.timeAt(test.ms)
		if ok != (test.want >= 0) || ok && at.Sub(time.Unix(0, 0)).Milliseconds() != test.want {
			t.Errorf("position %d ms: %v, %v, want %d ms", test.ms, at.Sub(time.Unix(0, 0)), ok, test.want)
		}
	}
	m.restarted()
	if _, ok := m.timeAt(200); ok {
		t.Error("the new session has been sent nothing")
	}
	if at, ok := m.timeAt(0); !ok || at.Sub(time.Unix(0, 0)) != 400*time.Millisecond {
		t.Errorf("the new session begins with %v, %v", at.Sub(time.Unix(0, 0)), ok)
	}
	// A gap of a second.
	for range 50 {
		m.step(20 * time.Millisecond)
	}
	m.sent(len(m.pending))
	if at, ok := m.timeAt(1100); !ok || at.Sub(time.Unix(0, 0)) != 1500*time.Millisecond {
		t.Errorf("silence stands for %v, %v", at.Sub(time.Unix(0, 0)), ok)
	}
}

// A caller who is muted again and again leaves anchors behind. They do not pile up, and the latest are kept.
func TestCaptureTimesAreBounded(t *testing.T) {
	m := newMicrophone(command.Mono, time.Minute)
	for range 100 {
		m.speak(repeat(7, 160))
		m.step(20 * time.Millisecond)
		m.paused = true
		m.step(200 * time.Millisecond)
		m.paused = false
		m.bound(0) // and what is dropped leaves pieces
		m.bound(time.Minute)
		m.speak(repeat(7, 160))
		m.step(20 * time.Millisecond)
		m.sent(160)
	}
	if n := len(m.clock.anchors); n > maxAnchors {
		t.Errorf("%d anchors", n)
	}
	if n := len(m.clock.pieces); n > maxAnchors {
		t.Errorf("%d pieces", n)
	}
	if at, ok := m.timeAt(99 * 20); !ok || m.now.Sub(at) != 20*time.Millisecond {
		t.Errorf("the last frame: %v ago, %v", m.now.Sub(at), ok)
	}
	if at, ok := m.timeAt(10); ok {
		t.Errorf("the first frame is remembered: %v ago", m.now.Sub(at))
	}
}

// Silence that is shorter than the gap, because too much was sent before, has the times of the gap's end.
func TestCaptureTimeOfSilence(t *testing.T) {
	m := newMicrophone(command.Mono, time.Minute)
	m.pause(time.Second)
	for range 50 {
		m.step(20 * time.Millisecond)
		m.sent(len(m.pending))
	}
	for range 50 { // the frames of that time come now
		m.speak(repeat(1000, 160))
	}
	m.step(20 * time.Millisecond)
	for range 200 {
		m.step(20 * time.Millisecond)
	}
	m.sent(len(m.pending))
	at, ok := m.timeAt(int64(m.clock.sent) / 8)
	if off := m.now.Add(-gapMargin).Sub(at); !ok || off.Abs() > clockStep {
		t.Errorf("the silence's end is off by %v, %v", off, ok)
	}
}

// Pauses after which the time goes on as before leave no anchors: the first audio is remembered.
func TestCaptureTimesAreThinned(t *testing.T) {
	k := captureClock{rateHz: 8000}
	k.restart()
	now := time.Unix(0, 0)
	for i := range int64(1000) {
		now = now.Add(20 * time.Millisecond)
		k.frame(i*160, (i+1)*160, now)
		k.breakRun()
	}
	k.take(160000, true)
	if at, ok := k.at(500); !ok || at.Sub(time.Unix(0, 0)) != 500*time.Millisecond {
		t.Errorf("the first second: %v, %v", at.Sub(time.Unix(0, 0)), ok)
	}
}

// The clocks of the caller and of this machine differ. The times follow.
func TestCaptureTimesFollowAClock(t *testing.T) {
	for _, frame := range []time.Duration{19900 * time.Microsecond, 20100 * time.Microsecond} {
		m := newMicrophone(command.Mono, time.Minute)
		for range 60 * 50 {
			m.speak(repeat(1000, 160))
			m.step(frame)
			m.sent(160)
		}
		at, ok := m.timeAt(60*1000 - 20)
		if off := m.now.Add(-20 * time.Millisecond).Sub(at); !ok || off.Abs() > clockOff*time.Millisecond {
			t.Errorf("frames every %v: the last one is off by %v after a minute, %v", frame, off, ok)
		}
	}
}

// voice is a tone of n samples at 8 kHz, from a sample on.
func voice(from, n int) []int16 {
	pcm := make([]int16, n)
	for i := range pcm {
		pcm[i] = int16(8000 * math.Sin(2*math.Pi*440*float64(from+i)/8000))
	}
	return pcm
}

// hears demands when the last voice ended.
func (m *microphone) hears(t *testing.T, what string, want time.Time) {
	t.Helper()
	if off := m.voiceEnd().Sub(want); off.Abs() > 20*time.Millisecond {
		t.Errorf("%s: voice ended %v after it did", what, off)
	}
}

// talk is d of voice in frames that come in time.
func (m *microphone) talk(d time.Duration) {
	for i := range int(d / (20 * time.Millisecond)) {
		m.speak(voice(i*160, 160))
		m.step(20 * time.Millisecond)
	}
}

func (m *microphone) pause(d time.Duration) {
	for range int(d / (20 * time.Millisecond)) {
		m.speak(make([]int16, 160))
		m.step(20 * time.Millisecond)
	}
}

// The end of the caller's voice is known, be it followed by silence, by a gap, by mute, or by a stall.
func TestVoiceEnd(t *testing.T) {
	m := newMicrophone(command.Mono, time.Minute)
	m.pause(time.Second)
	if !m.voiceEnd().IsZero() {
		t.Errorf("silence was voice")
	}
	m.talk(time.Second)
	end := m.now
	m.hears(t, "while the caller speaks", end)
	m.pause(2 * time.Second)
	m.hears(t, "after silence", end)

	m.talk(time.Second)
	end = m.now
	m.step(2 * time.Second) // nobody looks: no silence is sent
	m.hears(t, "after a stall", end)
	for range 100 {
		m.step(20 * time.Millisecond)
	}
	m.hears(t, "after a gap", end)
	m.pause(time.Second)
	m.hears(t, "after the gap's end", end)

	m.talk(time.Second)
	end = m.now
	m.mute(true)
	m.talk(time.Second)
	m.hears(t, "while muted", end)
	m.mute(false)
	m.pause(time.Second)
	m.hears(t, "after mute", end)
	m.talk(time.Second)
	end = m.now
	m.paused = true
	m.talk(time.Second)
	m.paused = false
	m.pause(time.Second)
	m.hears(t, "after a pause of the stream", end)

	// Late frames, of which nobody knows at first that they are.
	for range 25 {
		m.step(20 * time.Millisecond) // silence takes their place
	}
	for i := range 20 {
		m.speak(voice(i*160, 160))
		m.step(0)
	}
	end = m.now
	m.hears(t, "late frames", end)
	for range 5 {
		m.speak(make([]int16, 160))
		m.step(0)
	}
	end = end.Add(-100 * time.Millisecond)
	m.hears(t, "more late frames", end)
	m.sent(len(m.pending))
	m.pause(5 * time.Second)
	m.hears(t, "when silence has been taken off", end)
}

// The voice is the caller's, not the callee's, and counts at the stream's rate as at the channel's.
func TestVoiceEndIsTheCallers(t *testing.T) {
	m := newMicrophone(command.Mixed, time.Minute)
	for i := range 100 {
		m.answer(voice(i*160, 160))
		m.speak(make([]int16, 160))
		m.step(20 * time.Millisecond)
	}
	if !m.voiceEnd().IsZero() {
		t.Error("the callee's voice is the caller's")
	}
	for _, hz := range []int{16000, 24000} {
		m = newMicrophone(command.Mono, time.Minute)
		m.capture = newCapture(m.rings, command.Mono, hz, time.Minute)
		m.pause(time.Second)
		m.talk(time.Second)
		end := m.now
		m.pause(time.Second)
		m.hears(t, "resampled", end)
		m.sent(len(m.pending))
		at, ok := m.timeAt(1500)
		if off := at.Sub(time.Unix(0, 0)) - 1500*time.Millisecond; !ok || off.Abs() > 6*time.Millisecond {
			t.Errorf("at %d Hz a position is off by %v, %v", hz, off, ok)
		}
	}
}
