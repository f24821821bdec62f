package server

import (
	"encoding/base64"
	"fmt"
	"math/rand/v2"
	"time"

	"mod_openai_audio_stream/module/audio"
	"mod_openai_audio_stream/module/realtime/realtimetest"
)

// An answer: a tone of so many deltas, sent faster than it is played, and then silence until the next one begins, so that
// its first frame can be told. A model's answers do not begin at the same moment of a frame.
const (
	deltaMS      = 200
	deltas       = 40
	speed        = 1.5
	between      = 500 * time.Millisecond
	betweenAbout = 20 * time.Millisecond
)

// Speaking is the part of the time in which an answer is heard.
const Speaking = deltaMS * deltas / (deltaMS*deltas + 510.)

const session = `"session":{"id":"sess_1","object":"realtime.session","type":"realtime","model":"bench",` +
	`"output_modalities":["audio"],"audio":{"input":{"format":{"type":"audio/pcm","rate":24000},` +
	`"turn_detection":{"type":"server_vad","threshold":0.5,"prefix_padding_ms":300,"silence_duration_ms":200}},` +
	`"output":{"format":{"type":"audio/pcm","rate":24000},"voice":"marin","speed":1.0}}}}`

var (
	created = []byte(`{"type":"session.created","event_id":"event_1",` + session)
	updated = []byte(`{"type":"session.updated","event_id":"event_2",` + session)
	// 200 ms are whole periods of 440 Hz: the deltas join.
	tone = []byte(base64.StdEncoding.EncodeToString(audio.AppendPCM16LE(nil, realtimetest.Sine(440, deltaMS*time.Millisecond, 24000))))
	end  = []byte(`"}`)
)

// answer answers until the connection ends, in the order of OpenAI's events.
func (c *connection) answer() {
	length := 1 + rand.IntN(deltas) // of the first, so that calls which begin together do not go on together
	for n := 1; c.one(n, length) == nil; n++ {
		length = deltas
	}
}

func (c *connection) one(n, length int) error {
	began := time.Now()
	event := func(format string, args ...any) error { return c.write(opText, fmt.Appendf(nil, format, args...)) }
	ids := fmt.Sprintf(`"event_id":"event_%d","response_id":"resp_%d","item_id":"item_%d","output_index":0,"content_index":0`, n, n, n)
	item := func(status, content string) string {
		return fmt.Sprintf(`{"id":"item_%d","object":"realtime.item","type":"message","status":%q,"role":"assistant","content":[%s]}`,
			n, status, content)
	}
	response := func(status, output string) string {
		return fmt.Sprintf(`{"id":"resp_%d","object":"realtime.response","status":%q,"status_details":null,"output":[%s],`+
			`"conversation_id":"conv_1","output_modalities":["audio"],"max_output_tokens":"inf","usage":null,"metadata":null}`, n, status, output)
	}
	delta := fmt.Appendf(nil, `{"type":"response.output_audio.delta",%s,"delta":"`, ids)
	done := item("completed", `{"type":"output_audio","transcript":"a tone"}`)
	for _, e := range []string{
		`{"type":"response.created","event_id":"event_1","response":` + response("in_progress", "") + `}`,
		fmt.Sprintf(`{"type":"response.output_item.added","event_id":"event_1","response_id":"resp_%d","output_index":0,"item":%s}`, n, item("in_progress", "")),
		fmt.Sprintf(`{"type":"conversation.item.added","event_id":"event_1","previous_item_id":null,"item":%s}`, item("in_progress", "")),
		`{"type":"response.content_part.added",` + ids + `,"part":{"type":"audio","transcript":""}}`,
	} {
		if err := event("%s", e); err != nil {
			return err
		}
	}
	for k := range length {
		if !c.until(began.Add(time.Duration(float64(k*deltaMS) / speed * float64(time.Millisecond)))) {
			return errEnded
		}
		now := c.clock.NS(time.Now())
		c.page.mu.Lock()
		if k == 0 {
			c.page.j.Answered = append(c.page.j.Answered, now)
		}
		c.page.j.Said += deltaMS
		c.page.mu.Unlock()
		if err := c.write(opText, delta, tone, end); err != nil {
			return err
		}
		if err := event(`{"type":"response.output_audio_transcript.delta",%s,"delta":" tone"}`, ids); err != nil {
			return err
		}
	}
	for _, e := range []string{
		`{"type":"response.output_audio.done",` + ids + `}`,
		`{"type":"response.output_audio_transcript.done",` + ids + `,"transcript":"a tone"}`,
		`{"type":"response.content_part.done",` + ids + `,"part":{"type":"audio","transcript":"a tone"}}`,
		`{"type":"conversation.item.done","event_id":"event_1","previous_item_id":null,"item":` + done + `}`,
		fmt.Sprintf(`{"type":"response.output_item.done","event_id":"event_1","response_id":"resp_%d","output_index":0,"item":%s}`, n, done),
		`{"type":"response.done","event_id":"event_1","response":` + response("completed", done) + `}`,
	} {
		if err := event("%s", e); err != nil {
			return err
		}
	}
	if !c.until(began.Add(time.Duration(length)*deltaMS*time.Millisecond + between + rand.N(betweenAbout))) {
		return errEnded
	}
	return nil
}

var errEnded = fmt.Errorf("the connection has ended")

// until waits, and returns whether the connection is still there.
func (c *connection) until(t time.Time) bool {
	select {
	case <-time.After(time.Until(t)):
		return true
	case <-c.ended:
		return false
	}
}
