package realtimetest

import (
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/tidwall/gjson"

	"mod_openai_audio_stream/module/audio"
	"mod_openai_audio_stream/module/realtime"
)

// response is one that runs: its reply, and how far it has been sent.
type response struct {
	id       string
	outside  bool // of the default conversation
	textOnly bool
	mute     bool // nothing of it is sent
	metadata any
	reply    Reply
	began    time.Time
	spoken   time.Duration // audio sent of all items
	next     int           // item of the reply that is to come
	open     *output       // the item that is being sent
	output   []any         // items that have ended
	outMS    int64         // audio sent
	inMS     int64         // audio answered
}

// output is the spoken item that a response is sending.
type output struct {
	item   *item
	index  int
	wire   []byte // encoded audio
	sent   int
	deltas int
	words  []string // of the transcript
	said   int
}

// active is the running response of the default conversation, nil if there is none.
func (s *Session) active() *response {
	for _, r := range s.responses {
		if !r.outside {
			return r
		}
	}
	return nil
}

func (s *Session) failActive(msg []byte, r *response) {
	s.fail(msg, "conversation_already_has_active_response", fmt.Sprintf(
		"Conversation already has an active response in progress: %s. Wait until the response is finished before creating a new one.", r.id), "")
}

// respond begins a response to what is new in the conversation. msg is the response.create, nil if there was none.
func (s *Session) respond(msg []byte) {
	request := gjson.GetBytes(msg, "response")
	r := &response{
		id:       s.talk.newID("resp", s.Number),
		outside:  request.Get("conversation").Str == "none",
		metadata: request.Get("metadata").Value(),
		began:    time.Now(),
		textOnly: s.config.textOnly,
	}
	if m := request.Get("output_modalities"); m.Exists() {
		r.textOnly = m.Get("0").Str == "text"
	}
	instructions := s.config.instructions
	if i := request.Get("instructions"); i.Exists() {
		instructions = i.Str
	}
	c := &s.talk
	if len(c.heard) > 0 {
		r.inMS = int64(len(c.heard)) * 1000 / int64(c.heardRate)
	}
	r.reply = s.srv.cfg.Answer(Turn{N: s.turns, PCM: c.heard, RateHz: c.heardRate, Text: c.text, Instructions: instructions, Session: s})
	s.turns++
	c.heard, c.text = nil, ""
	if r.mute = s.muted < s.bad.Mute; r.mute {
		s.muted++
	}
	s.responses = append(s.responses, r)
	s.emit("response.created", fields{"response": s.responseObject(r, "in_progress", nil, nil)})
	s.advance(r, time.Now()) // what is to be sent at once comes before what the client has sent meanwhile
}

func (s *Session) responseObject(r *response, status string, details, usage any) fields {
	output := r.output
	if output == nil {
		output = []any{}
	}
	var conversation any // null: none
	if !r.outside {
		conversation = fmt.Sprintf("conv_%d", s.Number)
	}
	return fields{"id": r.id, "object": "realtime.response", "status": status, "status_details": details, "output": output,
		"conversation_id": conversation, "output_modalities": s.config.raw["output_modalities"],
		"max_output_tokens": "inf", "metadata": r.metadata, "usage": usage}
}

// advance sends what is due of a response, and returns when more is; zero if nothing will be.
func (s *Session) advance(r *response, now time.Time) time.Time {
	for {
		switch {
		case r.mute:
			return time.Time{}
		case r.open == nil && r.next == len(r.reply.Items):
			s.finish(r, r.reply.Status, r.reply.Reason)
			return time.Time{}
		case r.open == nil:
			due := s.due(r)
			if now.Before(due) {
				return due
			}
			s.openItem(r)
		case r.open.sent == len(r.open.wire):
			s.closeItem(r, "completed")
		default:
			due := s.due(r)
			if now.Before(due) {
				return due
			}
			s.delta(r)
		}
	}
}

// due is when a response's next delta is to be sent.
func (s *Session) due(r *response) time.Time {
	due := r.began.Add(s.srv.cfg.Latency)
	if s.srv.cfg.Speed > 0 {
		due = due.Add(time.Duration(float64(r.spoken) / s.srv.cfg.Speed))
	}
	return due
}

// openItem announces the next item of the reply.
func (s *Session) openItem(r *response) {
	index := r.next
	it := r.reply.Items[index]
	r.next++
	if it.Function != "" {
		s.call(r, index, it)
		return
	}
	id := s.talk.newID("item", s.Number)
	o := &output{index: index, words: strings.SplitAfter(it.Transcript, " ")}
	o.item = &item{id: id, typ: "message", role: "assistant", raw: fields{"id": id, "object": "realtime.item", "type": "message",
		"status": "in_progress", "role": "assistant", "content": []any{}}}
	if !r.textOnly {
		pcm := resample(it.PCM, it.RateHz, s.config.outRate)
		switch s.config.outFormat {
		case realtime.G711ULaw:
			o.wire, o.item.bytesPerMS = audio.EncodeULaw(nil, pcm), s.config.outRate/1000
		case realtime.G711ALaw:
			o.wire, o.item.bytesPerMS = audio.EncodeALaw(nil, pcm), s.config.outRate/1000
		default:
			o.wire, o.item.bytesPerMS = audio.AppendPCM16LE(nil, pcm), 2*s.config.outRate/1000
		}
		o.item.answer = &Answer{ResponseID: r.id, ItemID: id, Started: time.Now(), PCM: pcm, RateHz: s.config.outRate, Status: "in_progress", TruncatedMS: -1}
		s.mu.Lock()
		s.answers = append(s.answers, o.item.answer)
		if s.srv.cfg.NoRecord {
			s.answers = s.answers[:0]
		}
		s.mu.Unlock()
	}
	r.open = o
	s.emit("response.output_item.added", fields{"response_id": r.id, "output_index": index, "item": o.item.raw})
	if !r.outside {
		s.talk.items[id] = o.item
		previous := s.talk.last()
		s.talk.order = append(s.talk.order, id)
		s.emit("conversation.item.added", fields{"previous_item_id": previous, "item": o.item.raw})
	}
	s.emit("response.content_part.added", s.at(r, fields{"part": s.part(r, "")}))
}

// at adds to an event which content part it is about.
func (s *Session) at(r *response, f fields) fields {
	f["response_id"], f["item_id"], f["output_index"], f["content_index"] = r.id, r.open.item.id, r.open.index, 0
	return f
}

// part is a content part as response.content_part events show it, in either protocol.
func (s *Session) part(r *response, transcript string) fields {
	if r.textOnly {
		return fields{"type": "text", "text": transcript}
	}
	return fields{"type": "audio", "transcript": transcript}
}

// delta sends the next piece of audio, and the words that go with it.
func (s *Session) delta(r *response) {
	o := r.open
	n := min(s.deltaSize(o), len(o.wire)-o.sent)
	s.say(r, (len(o.words)*(o.sent+n)+len(o.wire)-1)/len(o.wire)) // the words run a little ahead
	piece := o.wire[o.sent : o.sent+n]
	o.sent += n
	o.deltas++
	o.item.outBytes = o.sent
	r.spoken += time.Duration(n) * time.Millisecond / time.Duration(o.item.bytesPerMS)
	s.mu.Lock()
	o.item.answer.Sent = min(o.sent*len(o.item.answer.PCM)/len(o.wire), len(o.item.answer.PCM))
	s.mu.Unlock()
	s.sendDelta(r.id, o.item.id, o.index, piece)
}

// sendDelta writes an audio delta without the detour through a map: a benchmark sends many.
func (s *Session) sendDelta(responseID, itemID string, index int, piece []byte) {
	s.eventIDs++
	msg := fmt.Appendf(make([]byte, 0, 256+base64.StdEncoding.EncodedLen(len(piece))),
		`{"type":%q,"event_id":"event_%d_%d","response_id":%q,"item_id":%q,"output_index":%d,"content_index":0,"delta":"`,
		s.wireName("response.output_audio.delta"), s.Number, s.eventIDs, responseID, itemID, index)
	msg = base64.StdEncoding.AppendEncode(msg, piece)
	s.emitRaw("response.output_audio.delta", append(msg, `"}`...), len(piece))
}

// deltaSize is how many bytes the next delta has.
func (s *Session) deltaSize(o *output) int {
	cfg := &s.srv.cfg
	switch {
	case cfg.WholeDelta:
		return len(o.wire)
	case len(cfg.DeltaSizes) > 0:
		return max(cfg.DeltaSizes[o.deltas%len(cfg.DeltaSizes)], 1)
	case cfg.Delta > 0:
		return max(int(cfg.Delta.Milliseconds())*o.item.bytesPerMS, 1)
	}
	return 200 * o.item.bytesPerMS
}

// say sends the transcript up to its n-th word.
func (s *Session) say(r *response, n int) {
	o := r.open
	if n <= o.said {
		return
	}
	text := strings.Join(o.words[o.said:n], "")
	o.said = n
	if text == "" {
		return
	}
	typ := "response.output_audio_transcript.delta"
	if r.textOnly {
		typ = "response.output_text.delta"
	}
	s.emit(typ, s.at(r, fields{"delta": text}))
}

// closeItem ends the item that is being sent, with all the events of its end.
func (s *Session) closeItem(r *response, status string) {
	o := r.open
	if status == "completed" {
		s.say(r, len(o.words))
	}
	text := strings.Join(o.words[:o.said], "")
	content := fields{"type": "output_audio", "transcript": text}
	if r.textOnly {
		s.emit("response.output_text.done", s.at(r, fields{"text": text}))
		content = fields{"type": "output_text", "text": text}
	} else {
		s.emit("response.output_audio.done", s.at(r, fields{}))
		s.emit("response.output_audio_transcript.done", s.at(r, fields{"transcript": text}))
	}
	if s.srv.cfg.Beta {
		content["type"] = strings.TrimPrefix(content["type"].(string), "output_")
	}
	s.emit("response.content_part.done", s.at(r, fields{"part": s.part(r, text)}))
	o.item.raw = fields{"id": o.item.id, "object": "realtime.item", "type": "message", "status": status, "role": "assistant", "content": []any{content}}
	if o.item.answer != nil {
		s.mu.Lock()
		o.item.answer.Status = status
		s.mu.Unlock()
	}
	s.endItem(r, o.index, o.item)
	r.outMS += o.item.audioMS()
	r.open = nil
}

// endItem sends the two events that end any item of a response.
func (s *Session) endItem(r *response, index int, it *item) {
	r.output = append(r.output, it.raw)
	if !r.outside && s.wireName("conversation.item.done") != "" {
		s.emit("conversation.item.done", fields{"item": it.raw})
	}
	s.emit("response.output_item.done", fields{"response_id": r.id, "output_index": index, "item": it.raw})
}

// call sends a function call, all of it.
func (s *Session) call(r *response, index int, call ReplyItem) {
	id, callID := s.talk.newID("item", s.Number), s.talk.newID("call", s.Number)
	object := func(status, arguments string) fields {
		return fields{"id": id, "object": "realtime.item", "type": "function_call", "status": status, "call_id": callID,
			"name": call.Function, "arguments": arguments}
	}
	it := &item{id: id, typ: "function_call", callID: callID, raw: object("in_progress", "")}
	s.emit("response.output_item.added", fields{"response_id": r.id, "output_index": index, "item": it.raw})
	if !r.outside {
		s.talk.items[id] = it
		previous := s.talk.last()
		s.talk.order = append(s.talk.order, id)
		s.emit("conversation.item.added", fields{"previous_item_id": previous, "item": it.raw})
	}
	where := func(f fields) fields {
		f["response_id"], f["item_id"], f["output_index"], f["call_id"] = r.id, id, index, callID
		return f
	}
	half := len(call.Arguments) / 2
	for _, piece := range []string{call.Arguments[:half], call.Arguments[half:]} {
		s.emit("response.function_call_arguments.delta", where(fields{"delta": piece}))
	}
	s.emit("response.function_call_arguments.done", where(fields{"name": call.Function, "arguments": call.Arguments}))
	it.raw = object("completed", call.Arguments)
	s.endItem(r, index, it)
}

// finish ends a response. reason is that of status_details.
func (s *Session) finish(r *response, status, reason string) {
	s.responses = slices.DeleteFunc(s.responses, func(other *response) bool { return other == r })
	if status == "" {
		status = "completed"
	}
	var details any
	switch {
	case status == "failed":
		details = fields{"type": status, "error": fields{"type": "server_error", "code": reason, "message": "The server had an error while processing your request."}}
	case reason != "":
		details = fields{"type": status, "reason": reason}
	}
	// A token is 100 ms of the caller's audio or 50 ms of the model's.
	in, out := r.inMS/100, r.outMS/50
	usage := fields{"total_tokens": in + out + 30, "input_tokens": in + 20, "output_tokens": out + 10,
		"input_token_details":  fields{"text_tokens": 20, "audio_tokens": in, "image_tokens": 0, "cached_tokens": 10, "cached_tokens_details": fields{"text_tokens": 10, "audio_tokens": 0}},
		"output_token_details": fields{"text_tokens": 10, "audio_tokens": out}}
	s.emit("response.done", fields{"response": s.responseObject(r, status, details, usage)})
	s.emit("rate_limits.updated", fields{"rate_limits": []any{fields{"name": "tokens", "limit": 40000, "remaining": 39000, "reset_seconds": 1.5}}})
}

// interrupt ends a response before its time, after late more deltas of it.
func (s *Session) interrupt(r *response, reason string, late int) {
	for ; late > 0 && r.open != nil && r.open.sent < len(r.open.wire); late-- {
		s.delta(r)
	}
	o := r.open
	if o != nil {
		s.closeItem(r, "incomplete")
	}
	s.finish(r, "cancelled", reason)
	for i := 0; o != nil && i < s.bad.StaleDeltas; i++ {
		s.sendDelta(r.id, o.item.id, o.index, make([]byte, s.deltaSize(o)))
	}
}

// cancelResponse handles response.cancel.
func (s *Session) cancelResponse(msg []byte) {
	id := gjson.GetBytes(msg, "response_id").Str
	for _, r := range s.responses {
		if id == r.id || id == "" && !r.outside {
			s.interrupt(r, "client_cancelled", s.bad.LateDeltas)
			return
		}
	}
	s.fail(msg, "response_cancel_not_active", "Cancellation failed: no active response found", "")
}
