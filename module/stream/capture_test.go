package stream

import (
	"slices"
	"testing"
	"time"

	"mod_openai_audio_stream/module/command"
)

// Silence stands for time without frames, but not for ever: a call that is on hold for an hour costs no hour of audio.
func TestGapIsBounded(t *testing.T) {
	rings := newFakeRings(8000)
	c := newCapture(rings, command.Mono, 8000, time.Hour)
	now := time.Unix(0, 0)
	c.fillGap(now)
	rings.give(make([]int16, 160))
	c.drain(now)
	for range 60 * 60 * 10 {
		now = now.Add(100 * time.Millisecond)
		c.fillGap(now)
	}
	if filled := samplesTime(uint64(c.gapSamples), 8000); filled > maxGap || filled < maxGap-time.Second {
		t.Errorf("%v of silence for an hour without frames, want %v", filled, maxGap)
	}
	// The next gap is filled again.
	before := c.gapSamples
	rings.give(make([]int16, 160))
	c.drain(now)
	for range 50 {
		now = now.Add(20 * time.Millisecond)
		c.fillGap(now)
	}
	if filled := samplesTime(uint64(c.gapSamples-before), 8000); filled < 800*time.Millisecond || filled > time.Second {
		t.Errorf("%v of silence for a second without frames", filled)
	}
}

// Frames that come in bursts, as they do after a stall, are no gap.
func TestBurstsAreNoGap(t *testing.T) {
	rings := newFakeRings(8000)
	c := newCapture(rings, command.Mono, 8000, time.Hour)
	now := time.Unix(0, 0)
	c.fillGap(now)
	for range 100 {
		for range 5 { // 100 ms at once
			rings.give(make([]int16, 160))
		}
		now = now.Add(100 * time.Millisecond)
		c.drain(now)
		c.fillGap(now)
	}
	if c.gapSamples > 0 {
		t.Errorf("%d samples of silence", c.gapSamples)
	}
}

// A rate that changes in mid-call loses nothing and repeats nothing.
func TestCallerRateChange(t *testing.T) {
	rings := newFakeRings(8000)
	c := newCapture(rings, command.Mono, 24000, time.Hour)
	now := time.Unix(0, 0)
	for _, hz := range []int{8000, 48000, 16000, 8000} {
		rings.rateHz = hz
		for range 50 { // a second
			pcm := make([]int16, hz/50)
			for i := range pcm {
				pcm[i] = 10000
			}
			rings.give(pcm)
			c.drain(now)
			now = now.Add(20 * time.Millisecond)
		}
	}
	// Short of what the resampler still holds back; a filter rings for some samples where one rate ends.
	if n := loudSamples(c.pending); n < 4*24000-3*200 || n > 4*24000 {
		t.Errorf("%d samples of 4 s, want %d", n, 4*24000)
	}
}

// microphone is a capture with its channel at 8 kHz, on a clock of its own.
type microphone struct {
	*capture
	rings *fakeRings
	now   time.Time
}

func newMicrophone(mix command.Mix, bound time.Duration) *microphone {
	m := &microphone{rings: newFakeRings(8000), now: time.Unix(0, 0)}
	m.capture = newCapture(m.rings, mix, 8000, bound)
	m.step(0)
	return m
}

// step lets d pass and does what the stream does when it wakes.
func (m *microphone) step(d time.Duration) {
	m.now = m.now.Add(d)
	m.drain(m.now)
	m.fillGap(m.now)
}

func (m *microphone) speak(pcm []int16) { m.rings.give(pcm) }

func (m *microphone) answer(pcm []int16) {
	m.rings.callee = append(m.rings.callee, Frame{RateHz: 8000, Channels: 1, PCM: pcm})
}

func repeat(v int16, n int) []int16 { return slices.Repeat([]int16{v}, n) }

func count(pcm []int16, v int16) (n int) {
	for _, s := range pcm {
		if s == v {
			n++
		}
	}
	return n
}

// Frames of any length are sent whole and in order, and no silence is put between frames that come in time.
func TestCaptureIsComplete(t *testing.T) {
	for _, n := range []int{1, 79, 80, 160, 161, 240, 320, 480} {
		m := newMicrophone(command.Mono, time.Minute)
		want := ramp(n * 40)
		for rest := want; len(rest) > 0; rest = rest[n:] {
			m.speak(rest[:n])
			m.step(samplesTime(uint64(n), 8000))
		}
		if !slices.Equal(m.pending, want) || m.gapSamples != 0 {
			t.Errorf("frames of %d: %d samples, %d of silence, want %d", n, len(m.pending), m.gapSamples, len(want))
		}
	}
}

// The server's clock is the audio: what FreeSWITCH does not give is replaced by silence, up to a bound.
func TestGap(t *testing.T) {
	for _, tt := range []struct {
		name       string
		pause      time.Duration
		muted      bool
		most, want time.Duration
	}{
		{"too short to be one", 100 * time.Millisecond, false, 0, 0},
		{"ten seconds", 10 * time.Second, false, 10 * time.Second, 9800 * time.Millisecond},
		{"bounded", 5 * time.Minute, false, maxGap, maxGap - gapAfter},
		{"muted", 10 * time.Second, true, 0, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			m := newMicrophone(command.Mono, time.Hour)
			m.speak(repeat(7, 160))
			m.step(20 * time.Millisecond)
			m.muted = tt.muted
			for range tt.pause / (20 * time.Millisecond) {
				m.step(20 * time.Millisecond)
			}
			if got := samplesTime(uint64(m.gapSamples), 8000); got < tt.want || got > tt.most {
				t.Errorf("%v of silence, want %v to %v", got, tt.want, tt.most)
			}
			if len(m.pending) != 160+int(m.gapSamples) || count(m.pending, 7) != 160 {
				t.Errorf("%d samples wait, %d of them silence by the count", len(m.pending), m.gapSamples)
			}
		})
	}
}

// A detector needs silence to hear the end of a sentence that mute cuts off: a second of it, once.
func TestMuteEndsTheSentence(t *testing.T) {
	m := newMicrophone(command.Mono, time.Minute)
	m.speak(repeat(7, 160))
	m.step(20 * time.Millisecond)
	m.mute(true)
	m.mute(true)
	m.speak(repeat(8, 160))
	m.step(20 * time.Millisecond)
	m.mute(false)
	m.speak(repeat(9, 160))
	m.step(20 * time.Millisecond)
	if want := slices.Concat(repeat(7, 160), repeat(0, 8000), repeat(9, 160)); !slices.Equal(m.pending, want) {
		t.Errorf("%d samples, %d before, %d from within, %d after; want %d, 160, 0, 160", len(m.pending),
			count(m.pending, 7), count(m.pending, 8), count(m.pending, 9), len(want))
	}
}

// Beyond the bound the oldest audio goes, whole samples of all channels, and is counted.
func TestCaptureBound(t *testing.T) {
	for _, mix := range []command.Mix{command.Mono, command.Mixed, command.Stereo} {
		m := newMicrophone(mix, time.Second)
		for range 100 {
			m.speak(repeat(7, 161))
			m.step(20 * time.Millisecond)
		}
		if m.ready() != 8000 || m.droppedSamples != 100*161-8000 {
			t.Errorf("mix %d: %d samples wait, %d of %d dropped", mix, m.ready(), m.droppedSamples, 100*161)
		}
		m.bound(500 * time.Millisecond)
		if m.ready() != 4000 || m.droppedSamples != 100*161-4000 {
			t.Errorf("mix %d: %d samples wait, %d of %d dropped", mix, m.ready(), m.droppedSamples, 100*161)
		}
		at := 0
		pcm := m.take(&at, 4000)
		if len(pcm) != 4000*mix.Channels() || m.take(&at, 1) != nil {
			t.Errorf("mix %d: %d samples to send", mix, len(pcm))
		}
		if mix == command.Stereo && (pcm[0] != 7 || pcm[1] != 0) {
			t.Errorf("%d: the channels are swapped", pcm[:2])
		}
	}
}

// Both sides of a call come whole and beside each other, also after the Go side was kept from its rings for a while.
func TestStereoAfterAStall(t *testing.T) {
	for _, stall := range []int{1, 5, 15, 50} { // frames
		m := newMicrophone(command.Stereo, time.Minute)
		speech := ramp(100 * 160)
		for i := range 100 {
			m.answer(speech[i*160:][:160])
			m.speak(speech[i*160:][:160])
			if i%stall == stall-1 {
				m.step(time.Duration(stall) * 20 * time.Millisecond)
			}
		}
		m.step(0)
		var caller, callee []int16
		for i, r := range m.beside {
			if l := m.pending[i]; l != 0 || r != 0 {
				caller, callee = append(caller, l), append(callee, r)
			}
		}
		// The last cushion of each is still held back.
		most := len(speech) - 2*int(timeSamples(calleeCushion, 8000))
		if count(callee, 0) > 3*320 || len(caller) < most {
			t.Errorf("stall of %d frames: of %d samples of the callee's beside %d of the caller's, %d are silence", stall,
				len(callee), len(caller), count(callee, 0))
		}
	}
}
