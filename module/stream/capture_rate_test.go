package stream

import (
	"fmt"
	"math"
	"math/cmplx"
	"testing"
	"time"

	"mod_openai_audio_stream/module/command"
)

// carrier is the amplitude and the phase of a 400 Hz tone in pcm, which begins at a sample of its stream.
func carrier(pcm []int16, from, hz int) (amplitude, phase float64) {
	var sum complex128
	for i, v := range pcm {
		sum += complex(float64(v), 0) * cmplx.Rect(2, -2*math.Pi*400*float64(from+i)/float64(hz))
	}
	return cmplx.Abs(sum) / float64(len(pcm)), cmplx.Phase(sum)
}

// hum is a tone of 400 Hz, from a sample on.
func hum(from, n, hz int) []int16 {
	pcm := make([]int16, n)
	for i := range pcm {
		pcm[i] = int16(math.Round(10000 * math.Sin(2*math.Pi*400*float64(from+i)/float64(hz))))
	}
	return pcm
}

// A server that wants another rate gets all that has waited, and what comes, at that rate: the tone goes on in phase,
// and no longer than it was.
func TestSetRate(t *testing.T) {
	for _, c := range []struct{ channel, from, to int }{
		{8000, 8000, 24000}, {8000, 16000, 24000}, {16000, 16000, 24000}, {48000, 16000, 24000}, {48000, 24000, 48000},
		{8000, 24000, 8000}, {16000, 24000, 16000}, {44100, 8000, 24000}, {8000, 8000, 8000},
	} {
		for _, mix := range []command.Mix{command.Mono, command.Mixed, command.Stereo} {
			t.Run(fmt.Sprintf("%d Hz, %d to %d, mix %d", c.channel, c.from, c.to, mix), func(t *testing.T) {
				rings := newFakeRings(c.channel)
				l := newCapture(rings, mix, c.from, time.Minute)
				now := time.Unix(0, 0)
				l.drain(now)
				const frames, change = 100, 40
				for i := range frames {
					if i == change {
						if err := l.setRate(c.to); err != nil {
							t.Fatal(err)
						}
					}
					n := c.channel / 50
					if mix != command.Mono {
						rings.callee = append(rings.callee, Frame{RateHz: c.channel, Channels: 1, PCM: hum(i*n, n, c.channel)})
					}
					rings.give(hum(i*n, n, c.channel))
					now = now.Add(20 * time.Millisecond)
					l.drain(now)
				}
				lines := map[string][]int16{"caller": l.pending}
				if mix != command.Mono {
					lines["callee"] = l.beside
				}
				for name, pcm := range lines {
					ms := len(pcm) * 1000 / c.to
					if name == "caller" && mix != command.Mono {
						ms -= int(calleeCushion / time.Millisecond)
					}
					if ms < frames*20-5 || ms > frames*20+6 {
						t.Errorf("%s: %d ms, want %d", name, ms, frames*20)
					}
					// In stretches of 20 ms, but for the beginning and what a filter blurs where the rate changed.
					_, want := carrier(pcm[c.to/5:c.to*2/5], c.to/5, c.to)
					for at := c.to / 5; at < len(pcm)-c.to/20; at += c.to / 50 {
						if ms := at * 1000 / c.to; ms > change*20-20 && ms < change*20+60 {
							continue
						}
						amplitude, phase := carrier(pcm[at:at+c.to/50], at, c.to)
						if off := math.Abs(math.Remainder(phase-want, 2*math.Pi)); off > 0.1 || math.Abs(amplitude-10000) > 100 {
							t.Fatalf("%s: at %d ms the tone has amplitude %.0f and is off by %.2f radians", name, at*1000/c.to, amplitude, off)
						}
					}
				}
				// A message is full as soon as its last frame has come.
				if n := l.ready(); n < frames*c.to/50 {
					t.Errorf("%d samples are ready of %d", n, frames*c.to/50)
				}
			})
		}
	}
}

// Limits, counters and times mean the same time at the new rate.
func TestSetRateKeepsTimes(t *testing.T) {
	m := newMicrophone(command.Mono, 2*time.Second)
	m.pause(time.Second)
	m.talk(3 * time.Second)
	end := m.now
	for range 50 { // a gap
		m.step(20 * time.Millisecond)
	}
	gap, dropped := samplesTime(uint64(m.gapSamples), 8000), samplesTime(uint64(m.droppedSamples), 8000)
	if gap == 0 || dropped == 0 {
		t.Fatal("nothing to keep")
	}
	if err := m.setRate(24000); err != nil {
		t.Fatal(err)
	}
	if got := samplesTime(uint64(m.gapSamples), 24000); got != gap {
		t.Errorf("%v of silence, want %v", got, gap)
	}
	if got := samplesTime(uint64(m.droppedSamples), 24000) - dropped; got.Abs() > 6*time.Millisecond {
		t.Errorf("%v more was dropped", got)
	}
	if got := samplesTime(uint64(m.ready()), 24000); got != 2*time.Second {
		t.Errorf("%v waits", got)
	}
	m.hears(t, "at the new rate", end)
	if fill := samplesTime(uint64(m.fillLen), 24000); fill != gap || m.fillAt+m.fillLen > len(m.pending) {
		t.Errorf("%v of silence lies at %d of %d samples", fill, m.fillAt, len(m.pending))
	}
	before := len(m.pending)
	for i := range 45 { // late frames replace it
		m.speak(hum(i*160, 160, 8000))
	}
	m.step(0)
	if got := samplesTime(uint64(m.gapSamples), 24000); got > gap-(900*time.Millisecond-gapMargin) {
		t.Errorf("late frames leave %v of %v", got, gap)
	}
	if n := len(m.pending) - before; n > 24000/25 {
		t.Errorf("%d samples more", n)
	}
	m.restarted()
	m.sent(len(m.pending))
	at, ok := m.timeAt(2000)
	if off := m.now.Sub(at); !ok || off.Abs() > clockOff*time.Millisecond {
		t.Errorf("what waited ends %v ago, %v", off, ok)
	}
	m.bound(time.Second)
	m.pause(5 * time.Second)
	if m.ready() != 24000 {
		t.Errorf("%d samples wait beyond a bound of a second", m.ready())
	}
}

// A rate to which nothing can be converted is refused, and all stays as it was.
func TestSetRateRefuses(t *testing.T) {
	m := newMicrophone(command.Mixed, time.Minute)
	m.talk(time.Second)
	before := len(m.pending)
	for _, hz := range []int{0, -8000, 47981, 1 << 40} {
		if err := m.setRate(hz); err == nil {
			t.Errorf("%d Hz is accepted", hz)
		}
	}
	if m.rateHz != 8000 || len(m.pending) != before {
		t.Errorf("%d samples at %d Hz wait, want %d", len(m.pending), m.rateHz, before)
	}
	m.talk(time.Second)
	if len(m.pending) != before+8000 {
		t.Errorf("%d samples wait a second later", len(m.pending))
	}
	// Before the first frame there is nothing to convert.
	m = newMicrophone(command.Mono, time.Minute)
	if err := m.setRate(24000); err != nil {
		t.Fatal(err)
	}
	m.talk(time.Second)
	if n := len(m.pending); n != 24000 {
		t.Errorf("%d samples of a second", n)
	}
}
