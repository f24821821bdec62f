package stream

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tidwall/gjson"
)

// speakFor lets the caller speak for d, or be silent, while the channel takes frames.
func (c *call) speakFor(d time.Duration, voice bool) {
	for range d / (20 * time.Millisecond) {
		pcm := make([]int16, 160)
		for i := range pcm {
			if voice {
				pcm[i] = int16(6000 * (1 - 2*(i/5%2)))
			}
		}
		c.host.rings.give(pcm)
		c.after(20 * time.Millisecond)
	}
}

// The time that the caller waited counts from the end of the voice: by the server's place less its silence where the server
// tells one, by the module's own detector where it judges by what was said. The other times count from the server's word.
func TestResponseTimeCountsFromTheVoice(t *testing.T) {
	for name, test := range map[string]struct {
		session string
		endMS   int // audio_end_ms
	}{
		"server_vad":                    {`{"turn_detection":{"type":"server_vad","silence_duration_ms":500}}`, 1500},
		"server_vad, silence not said":  {`{"turn_detection":{"type":"server_vad"}}`, 1500},
		"semantic_vad":                  {`{"turn_detection":{"type":"semantic_vad"}}`, 1700},
		"a place that has not been yet": {`{"turn_detection":{"type":"server_vad","silence_duration_ms":500}}`, 999999},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := newCall(t, nil)
				if reply := c.Command("call start ws://h/ mono 8k"); reply != "+OK stream started" {
					t.Fatal(reply)
				}
				synctest.Wait()
				conn := c.conns[0]
				conn.says(`{"type":"session.created","session":` + test.session + `}`)
				conn.says(`{"type":"input_audio_buffer.speech_started"}`)
				c.speakFor(time.Second, true)
				c.speakFor(700*time.Millisecond, false)
				conn.says(fmt.Sprintf(`{"type":"input_audio_buffer.speech_stopped","audio_end_ms":%d}`, test.endMS))
				c.speakFor(200*time.Millisecond, false)
				conn.responds("A")
				c.speakFor(100*time.Millisecond, false)
				conn.speaks("A", tone(time.Second))
				conn.done("A")
				c.speakFor(2*time.Second, false)
				c.Command("call stop")
				c.wantEnd("stop", map[string]int{"connect": 1, "disconnect": 1})
				turn := c.host.of("turn")[0]
				for field, want := range map[string]int64{"first_audio_ms": 300, "first_play_ms": 320, "response_ms": 1020} {
					if got := gjson.Get(turn, field); !got.Exists() || got.Int() < want-50 || got.Int() > want+50 {
						t.Errorf("%s is %q, want about %d", field, got.Raw, want)
					}
				}
				if got := c.host.rings.totals.ResponseMSAvg; got < 970 || got > 1070 {
					t.Errorf("response_ms_avg %d, want about 1020", got)
				}
			})
		})
	}
}
