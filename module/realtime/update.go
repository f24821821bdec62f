package realtime

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
)

// SessionOptions is what a session.update of the module's says. Zero fields are left to the server.
type SessionOptions struct {
	// Base is a session object of the user's, or a whole session.update event. The other options win over it.
	Base          json.RawMessage
	Instructions  string
	Voice         string
	TurnDetection json.RawMessage // "null" switches the server's detection off
	// Tools are added to those of Base: functions look the same in all shapes of a session.
	Tools []json.RawMessage
	// NoiseReduction is near_field, far_field or off.
	NoiseReduction string
	// KeepAnswer: the server must not cancel an answer because the caller speaks.
	KeepAnswer bool
	// AwaitRequest: the server must not answer the caller before it is asked to.
	AwaitRequest bool
	InputFormat  Format
	OutputFormat Format
	InputRateHz  int // of PCM16; OpenAI demands 24000
	OutputRateHz int
	EventID      string
}

// Empty reports whether there is nothing to tell the server: it uses PCM16 unless told otherwise.
func (o *SessionOptions) Empty() bool {
	return len(o.Base) == 0 && o.Instructions == "" && o.Voice == "" && len(o.TurnDetection) == 0 && !o.KeepAnswer &&
		!o.AwaitRequest && len(o.Tools) == 0 && o.NoiseReduction == "" && o.InputFormat == PCM16 && o.OutputFormat == PCM16
}

// AppendSessionUpdate appends the session.update event to dst: the user's session object, completed with the other
// options in the provider's shape. Fields of Base that the provider's protocol knows under another name are renamed if
// the provider is known to refuse them. It fails if Base is no JSON object, or its tools no array, or TurnDetection no JSON.
func AppendSessionUpdate(dst []byte, p *Provider, o SessionOptions) ([]byte, error) {
	session := map[string]any{}
	if len(o.Base) > 0 {
		var err error
		if session, err = sessionObject(o.Base); err != nil {
			return dst, err
		}
	}
	var detection any
	if len(o.TurnDetection) > 0 {
		if err := decode(o.TurnDetection, &detection); err != nil {
			return dst, fmt.Errorf("turn detection: expected JSON: %w", err)
		}
	}
	if err := o.addTools(session); err != nil {
		return dst, err
	}
	if p.translate {
		translate(session, p.Shape)
	}
	if p.Shape == ShapeBeta {
		o.flat(session, detection)
	} else {
		o.nested(session, detection)
	}
	fields := map[string]any{"type": "session.update", "session": session}
	if o.EventID != "" {
		fields["event_id"] = o.EventID
	}
	return append(dst, event(fields)...), nil
}

// sessionObject reads what the user gives as a session: the object, or the whole event, which is as good.
func sessionObject(base []byte) (map[string]any, error) {
	var session map[string]any
	if err := decode(base, &session); err != nil {
		return nil, fmt.Errorf("expected a JSON object: %w", err)
	}
	if session == nil {
		return nil, errors.New("expected a JSON object, not null")
	}
	if session["type"] == "session.update" {
		inner, ok := session["session"].(map[string]any)
		if !ok {
			return nil, errors.New("expected a session object in the session.update")
		}
		return inner, nil
	}
	return session, nil
}

// Functions are the names of the functions in what the user gives as a session.
func Functions(base []byte) (names []string) {
	session, _ := sessionObject(base) // without one there are none
	tools, _ := session["tools"].([]any)
	for _, t := range tools {
		function, _ := t.(map[string]any)
		if name, ok := function["name"].(string); ok {
			names = append(names, name)
		}
	}
	return names
}

// decode reads JSON with its numbers as they are written: a float64 would turn large ones into others.
func decode(b []byte, to any) error {
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	if err := d.Decode(to); err != nil {
		return err
	}
	if d.More() {
		return errors.New("text after its end")
	}
	return nil
}

func (o *SessionOptions) nested(session map[string]any, detection any) {
	if _, ok := session["type"]; !ok {
		session["type"] = "realtime" // required in every session.update
	}
	in, out := child(session, "audio", "input"), child(session, "audio", "output")
	in["format"] = nestedFormat(o.InputFormat, o.InputRateHz)
	out["format"] = nestedFormat(o.OutputFormat, o.OutputRateHz)
	if len(o.TurnDetection) > 0 {
		in["turn_detection"] = detection
	}
	o.restrain(in)
	o.reduceNoise(in, "noise_reduction")
	if o.Voice != "" {
		out["voice"] = o.Voice
	}
	if o.Instructions != "" {
		session["instructions"] = o.Instructions
	}
}

// Detection is the turn detection that the user asks for, the server's default where that is nothing.
func (o *SessionOptions) Detection() Detection {
	if len(o.TurnDetection) > 0 {
		return DetectionOf(fmt.Appendf(nil, `{"turn_detection":%s}`, o.TurnDetection))
	}
	session, err := sessionObject(o.Base)
	if err != nil {
		return DetectionOf(nil)
	}
	return DetectionOf(event(session))
}

// restrain completes the turn detection in its parent object. With none at all (null) nothing interrupts or answers.
func (o *SessionOptions) restrain(parent map[string]any) {
	if old, ok := parent["turn_detection"]; !o.KeepAnswer && !o.AwaitRequest || ok && old == nil {
		return
	}
	detection := child(parent, "turn_detection")
	if _, ok := detection["type"]; !ok {
		detection["type"] = "server_vad"
	}
	if o.KeepAnswer {
		detection["interrupt_response"] = false
	}
	if o.AwaitRequest {
		detection["create_response"] = false
	}
}

// reduceNoise sets the field of that name, null for off.
func (o *SessionOptions) reduceNoise(parent map[string]any, name string) {
	switch o.NoiseReduction {
	case "":
	case "off":
		parent[name] = nil
	default:
		parent[name] = map[string]any{"type": o.NoiseReduction}
	}
}

func (o *SessionOptions) addTools(session map[string]any) error {
	if len(o.Tools) == 0 {
		return nil
	}
	tools, ok := session["tools"].([]any)
	if !ok && session["tools"] != nil {
		return errors.New("tools: expected an array")
	}
	for _, t := range o.Tools {
		tools = append(tools, t)
	}
	session["tools"] = tools
	return nil
}

func nestedFormat(f Format, rateHz int) map[string]any {
	format := map[string]any{"type": f.MediaType()}
	if f == PCM16 && rateHz > 0 {
		format["rate"] = rateHz // required with audio/pcm, refused with the others
	}
	return format
}

func (o *SessionOptions) flat(session map[string]any, detection any) {
	session["input_audio_format"] = o.InputFormat.String()
	session["output_audio_format"] = o.OutputFormat.String()
	if len(o.TurnDetection) > 0 {
		session["turn_detection"] = detection
	}
	o.restrain(session)
	o.reduceNoise(session, "input_audio_noise_reduction")
	if o.Voice != "" {
		session["voice"] = o.Voice
	}
	if o.Instructions != "" {
		session["instructions"] = o.Instructions
	}
}

// renames are the session's fields with two names, that of the beta and the path of the GA protocol. The formats are
// not among them: AppendSessionUpdate sets them anyway.
var renames = []struct {
	flat   string
	nested []string
}{
	{"voice", []string{"audio", "output", "voice"}},
	{"speed", []string{"audio", "output", "speed"}},
	{"input_audio_transcription", []string{"audio", "input", "transcription"}},
	{"input_audio_noise_reduction", []string{"audio", "input", "noise_reduction"}},
	{"turn_detection", []string{"audio", "input", "turn_detection"}},
	{"max_response_output_tokens", []string{"max_output_tokens"}},
}

// translate moves the fields of a session to where a server of this shape looks for them. A field that stands there
// already wins.
func translate(session map[string]any, shape Shape) {
	for _, r := range renames {
		last := len(r.nested) - 1
		if shape == ShapeGA {
			if value, ok := session[r.flat]; ok {
				parent := child(session, r.nested[:last]...)
				if _, taken := parent[r.nested[last]]; !taken {
					parent[r.nested[last]] = value
				}
				delete(session, r.flat)
			}
			continue
		}
		parent, ok := find(session, r.nested[:last]...)
		if !ok {
			continue
		}
		if value, ok := parent[r.nested[last]]; ok {
			if _, taken := session[r.flat]; !taken {
				session[r.flat] = value
			}
			delete(parent, r.nested[last])
		}
	}
	if shape == ShapeGA {
		delete(session, "input_audio_format")
		delete(session, "output_audio_format")
		move(session, "modalities", "output_modalities", ShapeGA)
		return
	}
	delete(session, "audio")
	delete(session, "type")
	move(session, "output_modalities", "modalities", ShapeBeta)
}

// move renames the modalities, of which the beta wants text along with audio and the GA protocol exactly one.
func move(session map[string]any, from, to string, shape Shape) {
	value, ok := session[from]
	if !ok {
		return
	}
	delete(session, from)
	if _, taken := session[to]; taken {
		return
	}
	audio := false
	list, _ := value.([]any)
	for _, v := range list {
		audio = audio || v == "audio"
	}
	switch {
	case audio && shape == ShapeBeta:
		value = []any{"audio", "text"}
	case audio:
		value = []any{"audio"}
	}
	session[to] = value
}

// find returns the object at a path.
func find(object map[string]any, path ...string) (map[string]any, bool) {
	for _, name := range path {
		next, ok := object[name].(map[string]any)
		if !ok {
			return nil, false
		}
		object = next
	}
	return object, true
}

// child returns the object at a path, made where it is missing.
func child(object map[string]any, path ...string) map[string]any {
	for _, name := range path {
		next, ok := object[name].(map[string]any)
		if !ok {
			next = map[string]any{}
			object[name] = next
		}
		object = next
	}
	return object
}
