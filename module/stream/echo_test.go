package stream

import (
	"encoding/base64"
	"math"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tidwall/gjson"

	"mod_openai_audio_stream/module/audio"
	"mod_openai_audio_stream/module/command"
)

// steady is the caller's audio in these tests: of one level, so that each sample tells its gain.
const steady = 10000

// sayFor lets the caller give steady audio for d.
func (c *call) sayFor(d time.Duration) {
	for range d / (20 * time.Millisecond) {
		pcm := make([]int16, 160)
		for i := range pcm {
			pcm[i] = steady
		}
		c.host.rings.give(pcm)
		c.after(20 * time.Millisecond)
	}
}

// sentAudio is the audio that the server has been sent.
func sentAudio(conn *fakeConn) (pcm []int16) {
	for _, msg := range conn.of("input_audio_buffer.append") {
		wire, _ := base64.StdEncoding.DecodeString(gjson.Get(msg, "audio").Str)
		pcm = audio.DecodePCM16LE(pcm, wire)
	}
	return pcm
}

// The caller is lowered from the agent's first sample until its echo has come, and not a click tells of it.
func TestEchoGuard(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCall(t, map[string]string{"STREAM_ECHO_GUARD": "20"})
		c.configure(`<param name="output-rate" value="8000"/>`)
		c.Command("call start ws://h/ mono 8k")
		synctest.Wait()
		conn := c.conns[0]
		conn.says(created)
		c.sayFor(time.Second)
		conn.responds("A")
		conn.speaks("A", ramp(8000))
		conn.done("A")
		c.sayFor(2 * time.Second)
		pcm := sentAudio(conn)
		if len(pcm) != 3*8000 {
			t.Fatalf("%d samples sent, want %d", len(pcm), 3*8000)
		}
		first, last, low := -1, -1, 0
		for i, v := range pcm {
			if v < steady {
				last = i
				if first < 0 {
					first = i
				}
			}
			if v == steady/10 {
				low++
			}
			if i > 0 && math.Abs(float64(v-pcm[i-1])) > 0.9*steady/40+1 { // 5 ms are 40 samples
				t.Fatalf("from %d to %d in one sample", pcm[i-1], v)
			}
		}
		// The first frame of the agent's leaves with the caller's 50th. It is seen with the 51st.
		if first < 8000 || first > 8000+2*160 {
			t.Errorf("lowered from sample %d on, want from 8000, or a frame or two later", first)
		}
		if length := last + 1 - first; length < (1000+200-20)*8 || length > (1000+200+20+5)*8 {
			t.Errorf("lowered for %d samples, want 1.2 s", length)
		}
		if low < (1000+200-40)*8 {
			t.Errorf("%d samples are 20 dB lower", low)
		}
		c.Command("call stop")
	})
}

// The module's own ear is before the guard.
func TestEchoGuardHearsTheCaller(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, conn, answer := talkedOver(t, map[string]string{"STREAM_ECHO_GUARD": "60", "STREAM_BARGE_IN": "confirm_ms=300"}, "null")
		c.speakFor(500*time.Millisecond, true)
		c.speakFor(5*time.Second, false)
		if n := len(c.heardSamples()); n == len(answer) {
			t.Error("the caller was not heard")
		}
		if pcm := sentAudio(conn); loudSamples(pcm) > 0 {
			t.Errorf("%d samples were sent as they were", loudSamples(pcm))
		}
		c.Command("call stop")
	})
}

// Without the setting nothing is lowered.
func TestNoEchoGuard(t *testing.T) {
	g := newEchoGuard(0)
	if g.on() {
		t.Error("a guard of 0 dB")
	}
	rings := newFakeRings(8000)
	c := newCapture(rings, command.Mono, 8000, time.Hour)
	rings.agentHz = 8000
	now := time.Unix(0, 0)
	for range 50 {
		rings.Write(ramp(160))
		rings.give([]int16{steady, steady})
		rings.play(160)
		c.drain(now)
		now = now.Add(20 * time.Millisecond)
	}
	for _, v := range c.pending {
		if v != steady {
			t.Fatalf("%d is sent", v)
		}
	}
}
