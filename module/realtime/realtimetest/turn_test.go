package realtimetest_test

import (
	"bytes"
	"encoding/base64"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tidwall/gjson"

	"mod_openai_audio_stream/module/audio"
	"mod_openai_audio_stream/module/realtime"
	"mod_openai_audio_stream/module/realtime/realtimetest"
)

const turnOrder = `session.created
input_audio_buffer.speech_started
input_audio_buffer.speech_stopped
input_audio_buffer.committed
conversation.item.added
conversation.item.done
response.created
response.output_item.added
conversation.item.added
response.content_part.added
response.output_audio_transcript.delta
response.output_audio.delta
response.output_audio.done
response.output_audio_transcript.done
response.content_part.done
conversation.item.done
response.output_item.done
response.done
rate_limits.updated
`

// A turn of the caller's, answered with what was said: the order of the fact sheet, the times, the audio.
func TestTurn(t *testing.T) {
	c, _, s := open(t, realtimetest.Config{InputRate: 8000, DeltaSizes: []int{1001, 2, 9600}})
	said := caller(8000, time.Second, time.Second, time.Second)
	c.say(said, 8000)
	var events []gjson.Result
	var got []byte
	for {
		e := c.next()
		events = append(events, e)
		if e.Get("type").Str == "response.output_audio.delta" {
			piece, err := base64.StdEncoding.DecodeString(e.Get("delta").Str)
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, piece...)
		}
		if e.Get("type").Str == "rate_limits.updated" {
			break
		}
	}
	if order := joined(c.seen); order != turnOrder {
		t.Errorf("order:\n%s", order)
	}
	find := func(typ string) gjson.Result {
		i := slices.IndexFunc(events, func(e gjson.Result) bool { return e.Get("type").Str == typ })
		return events[i]
	}
	// Speech begins at 1000 ms, less 300 of padding; it ends at 2000 ms, and 500 of silence.
	if ms := find("input_audio_buffer.speech_started").Get("audio_start_ms").Int(); ms != 700 {
		t.Errorf("speech started at %d ms", ms)
	}
	if ms := find("input_audio_buffer.speech_stopped").Get("audio_end_ms").Int(); ms != 2500 {
		t.Errorf("speech stopped at %d ms", ms)
	}
	item := find("input_audio_buffer.speech_started").Get("item_id").Str
	for _, typ := range []string{"input_audio_buffer.speech_stopped", "input_audio_buffer.committed"} {
		if find(typ).Get("item_id").Str != item {
			t.Errorf("%s is about another item than %s: %s", typ, item, find(typ).Raw)
		}
	}
	done := find("response.done").Get("response")
	if done.Get("status").Str != "completed" || done.Get("output.0.content.0.transcript").Str != "echo" ||
		done.Get("usage.input_token_details.audio_tokens").Int() != 18 || done.Get("usage.output_token_details.audio_tokens").Int() != 36 {
		t.Errorf("response.done: %s", done.Raw)
	}
	answers := s.Answers()
	if len(answers) != 1 || answers[0].Status != "completed" || answers[0].Sent != len(answers[0].PCM) || answers[0].RateHz != 24000 {
		t.Fatalf("answers: %d, %+v", len(answers), answers[0].Status)
	}
	if want := audio.AppendPCM16LE(nil, answers[0].PCM); !bytes.Equal(got, want) {
		t.Errorf("%d bytes of audio, want the %d of the answer", len(got), len(want))
	}
	if n := len(answers[0].PCM); n != 24000*18/10 {
		t.Errorf("the echo has %d samples, not 1.8 s", n)
	}
	if err := s.WaitAudio(c.ctx, 2*len(said)); err != nil {
		t.Fatal(err)
	}
	pcm, rate, channels := s.CallerPCM()
	if !slices.Equal(pcm, said) || rate != 8000 || channels != 1 {
		t.Errorf("recorded %d samples at %d Hz, %d channels; %d were sent", len(pcm), rate, channels, len(said))
	}
}

// The end of speech is told with the silence that the detector waited for, and the session says how much that is.
func TestTurnDetection(t *testing.T) {
	for _, test := range []struct {
		name, detection string
		want            realtime.Detection
		endMS           int64 // 0: no turn is found
	}{
		{"as it is", ``, realtime.Detection{Kind: realtime.ServerVAD, SilenceMS: 500, Interrupts: true, Creates: true}, 1500},
		{"longer silence", `{"type":"server_vad","silence_duration_ms":800,"create_response":false}`,
			realtime.Detection{Kind: realtime.ServerVAD, SilenceMS: 800, Interrupts: true}, 1800},
		{"the rest by default", `{"type":"server_vad","interrupt_response":false}`,
			realtime.Detection{Kind: realtime.ServerVAD, SilenceMS: 500, Creates: true}, 1500},
		{"semantic", `{"type":"semantic_vad"}`, realtime.Detection{Kind: realtime.SemanticVAD, Interrupts: true, Creates: true}, 1500},
		{"none", `null`, realtime.Detection{None: true}, 0},
	} {
		for _, beta := range []bool{false, true} {
			name := test.name
			if beta {
				name += ", beta"
			}
			t.Run(name, func(t *testing.T) {
				srv := realtimetest.New(t, realtimetest.Config{InputRate: 8000, Beta: beta})
				c := dial(t, srv, nil)
				session := c.until("session.created").Get("session")
				if test.detection != "" {
					update := `{"type":"session.update","session":{"audio":{"input":{"turn_detection":` + test.detection + `}}}}`
					if beta {
						update = `{"type":"session.update","session":{"turn_detection":` + test.detection + `}}`
					}
					c.sendf("%s", update)
					session = c.until("session.updated").Get("session")
				}
				if got := realtime.DetectionOf([]byte(session.Raw)); got != test.want {
					t.Errorf("the session says %+v, want %+v", got, test.want)
				}
				c.say(caller(8000, 500*time.Millisecond, 500*time.Millisecond, time.Second), 8000)
				c.send(inputClear)
				end := int64(0)
				for e := c.next(); e.Get("type").Str != "input_audio_buffer.cleared"; e = c.next() {
					if e.Get("type").Str == "input_audio_buffer.speech_stopped" {
						end = e.Get("audio_end_ms").Int()
					}
				}
				if end != test.endMS {
					t.Errorf("speech stopped at %d ms, want %d", end, test.endMS)
				}
			})
		}
	}
}

// Every Parse kind that the server uses is one that the module knows, in both protocols.
func TestNames(t *testing.T) {
	for name, beta := range map[string]bool{"GA": false, "beta": true} {
		t.Run(name, func(t *testing.T) {
			call := realtimetest.ReplyItem{Function: "lookup", Arguments: `{"name":"x"}`}
			c, _, _ := open(t, realtimetest.Config{Beta: beta, InputRate: 8000, Answer: func(turn realtimetest.Turn) realtimetest.Reply {
				reply := realtimetest.Echo(turn)
				reply.Items = append(reply.Items, call)
				return reply
			}})
			c.say(caller(8000, 0, time.Second, time.Second), 8000)
			done := c.until("response.done")
			c.until("rate_limits.updated")
			if n := done.Get("response.output.#").Int(); n != 2 || done.Get("response.output.1.arguments").Str != call.Arguments {
				t.Errorf("output of the response: %s", done.Raw)
			}
			old := 0
			for _, typ := range c.seen {
				e, err := realtime.Parse([]byte(`{"type":"` + typ + `"}`))
				if err != nil || e.Kind == realtime.KindOther {
					t.Errorf("%s is not known: %v", typ, err)
				}
				if typ != e.Kind.String() {
					old++
				}
			}
			if beta != (old > 0) {
				t.Errorf("%d of the beta's names in %v", old, c.seen)
			}
		})
	}
}

// The formats and channels that a caller's audio may have: the same speech is found at the same times in each.
func TestInputFormats(t *testing.T) {
	mono := func(rate int) []int16 { return caller(rate, time.Second, time.Second, time.Second) }
	pcm := func(rate int) []byte { return audio.AppendPCM16LE(nil, mono(rate)) }
	for _, test := range []struct {
		name string
		cfg  realtimetest.Config
		wire []byte
	}{
		{"8 kHz", realtimetest.Config{InputRate: 8000}, pcm(8000)},
		{"16 kHz", realtimetest.Config{InputRate: 16000}, pcm(16000)},
		{"24 kHz", realtimetest.Config{}, pcm(24000)},
		{"stereo", realtimetest.Config{InputRate: 8000, Channels: 2}, audio.AppendPCM16LE(nil, audio.Interleave(nil, mono(8000), realtimetest.Sine(500, 3*time.Second, 8000)))},
		{"µ-law", realtimetest.Config{InputFormat: realtime.G711ULaw}, audio.EncodeULaw(nil, mono(8000))},
		{"A-law", realtimetest.Config{InputFormat: realtime.G711ALaw, OutputFormat: realtime.G711ALaw}, audio.EncodeALaw(nil, mono(8000))},
	} {
		t.Run(test.name, func(t *testing.T) {
			c, _, s := open(t, test.cfg)
			for wire := test.wire; len(wire) > 0; { // sizes that are odd, and no multiple of a sample of all channels
				n := min(333, len(wire))
				c.send(realtime.AppendInputAudio(nil, wire[:n]))
				wire = wire[n:]
			}
			started, stopped := c.until("input_audio_buffer.speech_started"), c.until("input_audio_buffer.speech_stopped")
			if a, b := started.Get("audio_start_ms").Int(), stopped.Get("audio_end_ms").Int(); a != 700 || b != 2500 {
				t.Errorf("speech from %d to %d ms", a, b)
			}
			c.until("response.done")
			if err := s.WaitAudio(c.ctx, len(test.wire)); err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(s.Audio(), test.wire) {
				t.Errorf("recorded %d of %d bytes", len(s.Audio()), len(test.wire))
			}
			answer := s.Answers()[0]
			if ms := len(answer.PCM) * 1000 / answer.RateHz; ms != 1800 {
				t.Errorf("the echo has %d ms", ms)
			}
		})
	}
}

func TestOutputFormats(t *testing.T) {
	tone := realtimetest.Sine(1000, time.Second, 8000)
	for _, f := range []realtime.Format{realtime.G711ULaw, realtime.G711ALaw} {
		c, _, _ := open(t, realtimetest.Config{OutputFormat: f, Answer: realtimetest.Speech(tone, 8000, "tone"), WholeDelta: true})
		c.send(realtime.ResponseCreate())
		got, err := base64.StdEncoding.DecodeString(c.until("response.output_audio.delta").Get("delta").Str)
		want := audio.EncodeULaw(nil, tone)
		if f == realtime.G711ALaw {
			want = audio.EncodeALaw(nil, tone)
		}
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("%v: %d bytes, %v", f, len(got), err)
		}
	}
}

// A session.update that changes formats in mid-session: echoed, in effect, and the audio clock goes on.
func TestUpdate(t *testing.T) {
	c, _, s := open(t, realtimetest.Config{})
	p, err := realtime.ProviderFor(nil, "openai")
	if err != nil {
		t.Fatal(err)
	}
	c.say(make([]int16, 24000), 24000)
	msg, err := realtime.AppendSessionUpdate(nil, p, realtime.SessionOptions{InputFormat: realtime.G711ULaw, OutputFormat: realtime.G711ALaw,
		Instructions: "Be brief.", TurnDetection: []byte(`{"type":"server_vad","silence_duration_ms":200,"prefix_padding_ms":100}`)})
	if err != nil {
		t.Fatal(err)
	}
	c.send(msg)
	updated := c.until("session.updated").Get("session")
	in, out := realtime.FormatsOf([]byte(updated.Raw))
	if in.Format != realtime.G711ULaw || out.Format != realtime.G711ALaw || updated.Get("instructions").Str != "Be brief." ||
		updated.Get("audio.output.voice").Str != "alloy" || updated.Get("expires_at").Int() == 0 {
		t.Errorf("session.updated: %s", updated.Raw)
	}
	c.send(realtime.AppendInputAudio(nil, audio.EncodeULaw(nil, caller(8000, time.Second, time.Second, time.Second))))
	if ms := c.until("input_audio_buffer.speech_started").Get("audio_start_ms").Int(); ms != 1900 {
		t.Errorf("speech started at %d ms", ms)
	}
	if ms := c.until("input_audio_buffer.speech_stopped").Get("audio_end_ms").Int(); ms != 3200 {
		t.Errorf("speech stopped at %d ms", ms)
	}
	c.until("response.done")
	if a := s.Answers()[0]; a.RateHz != 8000 {
		t.Errorf("the answer has %d Hz", a.RateHz)
	}
}

// Speech that follows so soon that its padding would reach into the speech before: it begins where that one ended.
func TestShortPause(t *testing.T) {
	c, _, _ := open(t, realtimetest.Config{InputRate: 8000})
	c.sendf(`{"type":"session.update","session":{"type":"realtime","audio":{"input":{"turn_detection":{"type":"server_vad","silence_duration_ms":200,"create_response":false}}}}}`)
	c.until("session.updated")
	c.say(append(caller(8000, 0, time.Second, 250*time.Millisecond), caller(8000, 0, time.Second, time.Second)...), 8000)
	stopped := c.until("input_audio_buffer.speech_stopped").Get("audio_end_ms").Int()
	started := c.until("input_audio_buffer.speech_started").Get("audio_start_ms").Int()
	if stopped != 1200 || started != 1200 {
		t.Errorf("speech stopped at %d ms, the next started at %d", stopped, started)
	}
	if ms := c.until("input_audio_buffer.speech_stopped").Get("audio_end_ms").Int(); ms != 2450 {
		t.Errorf("it stopped at %d ms", ms)
	}
	if slices.Contains(c.seen, "response.created") {
		t.Error("an answer, although create_response is false")
	}
}

// The caller speaks into an answer: it is cancelled, with all the events of its end, and a new one follows.
func TestInterruption(t *testing.T) {
	// An answer of a minute at ten times real time is under way for six seconds.
	c, _, s := open(t, realtimetest.Config{InputRate: 8000, Speed: 10, Answer: realtimetest.Tone(440, time.Minute),
		Misbehave: realtimetest.Always(realtimetest.Misbehaviour{LateDeltas: 2, StaleDeltas: 1})})
	c.send(realtime.ResponseCreate())
	id := c.until("response.created").Get("response.id").Str
	item := c.until("response.output_audio.delta").Get("item_id").Str
	c.say(caller(8000, 0, time.Second, time.Second), 8000)
	c.until("input_audio_buffer.speech_started")
	from := len(c.seen)
	done := c.until("response.done").Get("response")
	if done.Get("id").Str != id || done.Get("status").Str != "cancelled" || done.Get("status_details.reason").Str != "turn_detected" ||
		done.Get("output.0.status").Str != "incomplete" {
		t.Errorf("response.done: %s", done.Raw)
	}
	const want = `response.output_audio.delta
response.output_audio.done
response.output_audio_transcript.done
response.content_part.done
conversation.item.done
response.output_item.done
response.done
`
	if order := joined(c.seen[from:]); order != want {
		t.Errorf("order of the end:\n%s", order)
	}
	if e := c.until("response.output_audio.delta"); e.Get("response_id").Str != id {
		t.Errorf("the stale delta: %.200s", e.Raw)
	}
	if next := c.until("response.created").Get("response.id").Str; next == id {
		t.Error("the new response has the old id")
	}
	answer := s.Answers()[0]
	if answer.ItemID != item || answer.Status != "incomplete" || answer.Sent == 0 || answer.Sent >= len(answer.PCM) {
		t.Errorf("answer %s, %s, %d of %d samples sent", answer.ItemID, answer.Status, answer.Sent, len(answer.PCM))
	}
	// What was heard is less than what was sent.
	c.send(realtime.Truncate(item, 0, 100))
	if e := c.until("conversation.item.truncated"); e.Get("audio_end_ms").Int() != 100 || e.Get("item_id").Str != item {
		t.Errorf("truncated: %s", e.Raw)
	}
	if s.Answers()[0].TruncatedMS != 100 {
		t.Error("the truncation is not in the record")
	}
}

// Without interrupt_response the answer goes on, and the new turn gets none.
func TestNoInterruption(t *testing.T) {
	c, _, _ := open(t, realtimetest.Config{InputRate: 8000, Speed: 10, Answer: realtimetest.Tone(440, time.Minute)})
	c.sendf(`{"type":"session.update","session":{"type":"realtime","audio":{"input":{"turn_detection":{"type":"server_vad","interrupt_response":false}}}}}`)
	c.until("session.updated")
	c.send(realtime.ResponseCreate())
	c.until("response.output_audio.delta")
	c.say(caller(8000, 0, time.Second, time.Second), 8000)
	c.error("conversation_already_has_active_response", "in progress: resp_")
	if slices.Contains(c.seen, "response.done") {
		t.Error("the answer was interrupted")
	}
	c.send(realtime.ResponseCancel(""))
	done := c.until("response.done").Get("response")
	if done.Get("status").Str != "cancelled" || done.Get("status_details.reason").Str != "client_cancelled" {
		t.Errorf("response.done: %s", done.Raw)
	}
}

// Turns by hand: commit, clear and create with the detection off.
func TestManualTurns(t *testing.T) {
	c, _, s := open(t, realtimetest.Config{InputRate: 8000, NoVAD: true})
	c.send(inputCommit)
	c.error("input_audio_buffer_commit_empty", "0.00ms")
	c.say(make([]int16, 8000), 8000)
	c.send(inputClear)
	c.until("input_audio_buffer.cleared")
	c.say(realtimetest.Sine(300, time.Second, 8000), 8000)
	c.send(inputCommit)
	c.until("conversation.item.done")
	c.send(realtime.ResponseCreate())
	c.until("rate_limits.updated")
	if n := len(s.Answers()[0].PCM); n != 24000 {
		t.Errorf("the echo has %d samples", n)
	}
	for _, typ := range c.seen {
		if strings.HasPrefix(typ, "input_audio_buffer.speech") {
			t.Error("speech was detected")
		}
	}
}

// Transcripts of the caller, two spoken items in one answer, text only, out of band.
func TestAnswers(t *testing.T) {
	item := func(text string) realtimetest.ReplyItem {
		return realtimetest.ReplyItem{PCM: make([]int16, 2400), RateHz: 24000, Transcript: text}
	}
	var turns []realtimetest.Turn
	answer := func(turn realtimetest.Turn) realtimetest.Reply {
		turns = append(turns, turn) // only the session's goroutine comes here, and the test reads it after the events
		return realtimetest.Reply{Items: []realtimetest.ReplyItem{item("here it is")}}
	}
	c, _, _ := open(t, realtimetest.Config{InputRate: 8000, Answer: realtimetest.WithPreamble(item("one moment"), answer)})
	c.sendf(`{"type":"session.update","session":{"type":"realtime","instructions":"I","audio":{"input":{"transcription":{"model":"x"}}}}}`)
	c.until("session.updated")
	c.say(caller(8000, 0, time.Second, time.Second), 8000)
	if e := c.until("conversation.item.input_audio_transcription.completed"); e.Get("transcript").Str != "caller turn 1" {
		t.Errorf("transcription: %s", e.Raw)
	}
	var items []string
	var text string
	for e := c.next(); e.Get("type").Str != "response.done"; e = c.next() {
		switch e.Get("type").Str {
		case "response.output_audio.delta":
			if id := e.Get("item_id").Str; !slices.Contains(items, id) {
				items = append(items, id)
			}
		case "response.output_audio_transcript.delta":
			text += e.Get("delta").Str + "|"
		}
	}
	if len(items) != 2 || text != "one moment|here it is|" {
		t.Errorf("items %v, transcript %q", items, text)
	}
	c.until("rate_limits.updated")

	c.send(realtime.UserText("hello"))
	c.sendf(`{"type":"response.create","response":{"output_modalities":["text"],"instructions":"J","metadata":{"k":"v"}}}`)
	from := len(c.seen)
	if id := c.until("response.created").Get("response.conversation_id").Str; id != "conv_0" {
		t.Errorf("the response belongs to conversation %q", id)
	}
	done := c.until("response.done").Get("response")
	if done.Get("metadata.k").Str != "v" || done.Get("output.1.content.0.text").Str != "here it is" {
		t.Errorf("response.done: %s", done.Raw)
	}
	if slices.Contains(c.seen[from:], "response.output_audio.delta") || !slices.Contains(c.seen[from:], "response.output_text.done") {
		t.Errorf("a text answer: %v", c.seen[from:])
	}
	c.until("rate_limits.updated")

	c.sendf(`{"type":"response.create","response":{"conversation":"none"}}`)
	from = len(c.seen)
	for _, typ := range []string{"response.created", "response.done"} {
		if e, err := realtime.Parse([]byte(c.until(typ).Raw)); err != nil || !e.OutOfBand {
			t.Errorf("%s: %+v, %v", typ, e, err)
		}
	}
	if slices.Contains(c.seen[from:], "conversation.item.added") {
		t.Error("an answer out of band got into the conversation")
	}
	if len(turns) != 3 || len(turns[0].PCM) == 0 || turns[0].Instructions != "I" || turns[1].Text != "hello" || turns[1].Instructions != "J" || len(turns[1].PCM) != 0 || turns[2].N != 2 {
		t.Errorf("turns: %d", len(turns))
	}
}
