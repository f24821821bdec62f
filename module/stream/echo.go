package stream

import (
	"math"
	"time"
)

const (
	// echoTail is how long after the agent's last sample its echo may come: to the phone, out of its jitter buffer, into
	// its microphone and back takes 100 to 200 ms on the usual ways. A caller's reply takes the same way and begins about
	// 200 ms after what it replies to (Stivers et al., PNAS 2009), so that its first sound finds the guard open.
	echoTail = 200 * time.Millisecond
	// echoRamp is how long the guard takes to close or to open, so that it does not click.
	echoRamp = 5 * time.Millisecond
)

// echoGuard lowers the caller's audio for the server while the agent is heard. The zero value lowers nothing.
type echoGuard struct {
	closed float64 // the gain then; 0: there is no guard
	lack   float64 // what the gain lacks of 1 now

	read    uint64 // up to where the agent's audio has left
	heardAt time.Time
}

func newEchoGuard(dB int) (g echoGuard) {
	if dB > 0 {
		g.closed = math.Pow(10, -float64(dB)/20)
	}
	return g
}

func (g *echoGuard) on() bool { return g.closed > 0 }

// look notes up to where the agent's audio has left on the channel: an answer's, or any other's in the ring.
func (g *echoGuard) look(read uint64, now time.Time) {
	if read != g.read {
		g.read, g.heardAt = read, now
	}
}

// lower brings the next of the caller's audio to the gain that is due.
func (g *echoGuard) lower(pcm []int16, rateHz int, now time.Time) {
	lack := 0.0
	if !g.heardAt.IsZero() && now.Sub(g.heardAt) < echoTail {
		lack = 1 - g.closed
	}
	if lack == 0 && g.lack == 0 {
		return
	}
	step := (1 - g.closed) / float64(timeSamples(echoRamp, rateHz))
	for i, v := range pcm {
		if g.lack < lack {
			g.lack = min(g.lack+step, lack)
		} else {
			g.lack = max(g.lack-step, lack)
		}
		pcm[i] = int16(math.Round(float64(v) * (1 - g.lack)))
	}
}
