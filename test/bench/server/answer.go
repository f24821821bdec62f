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

// talk is the answer that a connection gives, and what is to be sent of it next.
type talk struct {
	due     time.Time
	n, k    int // of the answer, from 1, and of its next delta
	length  int // in deltas
	began   time.Time
	ids     string
	delta   []byte
	silence time.Duration // behind it
}

// begin prepares the first answer, which is of any length: calls that begin together do not go on together.
func (t *talk) begin() { t.next(time.Now(), 1+rand.IntN(deltas)) }

func (t *talk) next(at time.Time, length int) {
	n := t.n + 1
	ids := fmt.Sprintf(`"event_id":"event_%d","response_id":"resp_%d","item_id":"item_%d","output_index":0,"content_index":0`, n, n, n)
	*t = talk{due: at, n: n, length: length, began: at, ids: ids,
		delta: fmt.Appendf(nil, `{"type":"response.output_audio.delta",%s,"delta":"`, ids), silence: between + rand.N(betweenAbout)}
}

// step sends what is due of the answer, in the order of OpenAI's events.
func (c *connection) step(l *loop) error {
	if c.k == 0 {
		if err := c.events(c.beginning()...); err != nil {
			return err
		}
	}
	j := l.journal(c.call)
	if c.k == 0 {
		j.Answered = append(j.Answered, l.clock.NS(time.Now()))
	}
	if err := c.write(opText, c.delta, tone, end); err != nil {
		return err
	}
	if err := c.events(`{"type":"response.output_audio_transcript.delta",` + c.ids + `,"delta":" tone"}`); err != nil {
		return err
	}
	c.k++
	if c.k < c.length {
		c.due = c.began.Add(time.Duration(float64(c.k*deltaMS) / speed * float64(time.Millisecond)))
		return nil
	}
	err := c.events(c.ending()...)
	c.next(c.began.Add(time.Duration(c.length)*deltaMS*time.Millisecond+c.silence), deltas)
	return err
}

func (c *connection) events(texts ...string) error {
	for _, text := range texts {
		if err := c.write(opText, []byte(text)); err != nil {
			return err
		}
	}
	return nil
}

func (t *talk) item(status, content string) string {
	return fmt.Sprintf(`{"id":"item_%d","object":"realtime.item","type":"message","status":%q,"role":"assistant","content":[%s]}`,
		t.n, status, content)
}

func (t *talk) response(status, output string) string {
	return fmt.Sprintf(`{"id":"resp_%d","object":"realtime.response","status":%q,"status_details":null,"output":[%s],`+
		`"conversation_id":"conv_1","output_modalities":["audio"],"max_output_tokens":"inf","usage":null,"metadata":null}`, t.n, status, output)
}

func (t *talk) beginning() []string {
	item := t.item("in_progress", "")
	return []string{
		`{"type":"response.created","event_id":"event_1","response":` + t.response("in_progress", "") + `}`,
		fmt.Sprintf(`{"type":"response.output_item.added","event_id":"event_1","response_id":"resp_%d","output_index":0,"item":%s}`, t.n, item),
		`{"type":"conversation.item.added","event_id":"event_1","previous_item_id":null,"item":` + item + `}`,
		`{"type":"response.content_part.added",` + t.ids + `,"part":{"type":"audio","transcript":""}}`,
	}
}

func (t *talk) ending() []string {
	item := t.item("completed", `{"type":"output_audio","transcript":"a tone"}`)
	return []string{
		`{"type":"response.output_audio.done",` + t.ids + `}`,
		`{"type":"response.output_audio_transcript.done",` + t.ids + `,"transcript":"a tone"}`,
		`{"type":"response.content_part.done",` + t.ids + `,"part":{"type":"audio","transcript":"a tone"}}`,
		`{"type":"conversation.item.done","event_id":"event_1","previous_item_id":null,"item":` + item + `}`,
		fmt.Sprintf(`{"type":"response.output_item.done","event_id":"event_1","response_id":"resp_%d","output_index":0,"item":%s}`, t.n, item),
		`{"type":"response.done","event_id":"event_1","response":` + t.response("completed", item) + `}`,
	}
}
