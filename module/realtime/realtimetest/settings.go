package realtimetest

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/tidwall/gjson"

	"mod_openai_audio_stream/module/realtime"
)

// settings is a session as it is in effect.
type settings struct {
	raw fields // the session object as the client sees it, without id and expires_at

	inFormat, outFormat realtime.Format
	inRate, outRate     int
	channels            int
	vad                 bool
	createResponse      bool
	interrupt           bool
	prefixMS, silenceMS int64
	transcribe          bool
	textOnly            bool
	instructions        string
	voice               string
	level               float64
}

// The fields that a session may have, by the path of their object.
var (
	nestedFields = map[string][]string{
		"": {"type", "object", "id", "model", "output_modalities", "instructions", "audio", "tools", "tool_choice", "parallel_tool_calls",
			"max_output_tokens", "truncation", "tracing", "prompt", "include", "reasoning"},
		"audio":                      {"input", "output"},
		"audio.input":                {"format", "noise_reduction", "transcription", "turn_detection"},
		"audio.output":               {"format", "voice", "speed"},
		"audio.input.format":         {"type", "rate"},
		"audio.output.format":        {"type", "rate"},
		"audio.input.turn_detection": detectionFields,
	}
	flatFields = map[string][]string{
		"": {"model", "modalities", "instructions", "voice", "speed", "input_audio_format", "output_audio_format", "input_audio_transcription",
			"input_audio_noise_reduction", "turn_detection", "tools", "tool_choice", "temperature", "max_response_output_tokens", "tracing"},
		"turn_detection": detectionFields,
	}
	detectionFields = []string{"type", "threshold", "prefix_padding_ms", "silence_duration_ms", "idle_timeout_ms", "eagerness",
		"create_response", "interrupt_response"}
)

// configure sets a session up as the Config and the URL say.
func (s *Session) configure() {
	cfg := &s.srv.cfg
	number := func(parameter string, values ...int) int {
		n, _ := strconv.Atoi(s.URL.Query().Get(parameter))
		for _, v := range values {
			if n > 0 {
				break
			}
			n = v
		}
		return n
	}
	inRate, outRate := number("rate", cfg.InputRate, 24000), number("output_rate", cfg.OutputRate, 24000)
	c := &s.config
	c.channels = number("channels", cfg.Channels, 1)
	c.level = float64(cfg.VADLevel)
	if c.level == 0 {
		c.level = 300
	}
	var detection any
	if !cfg.NoVAD {
		detection = fields{"type": realtime.ServerVAD}
	}
	if cfg.Beta {
		c.raw = fields{"object": "realtime.session", "model": s.URL.Query().Get("model"), "modalities": []any{"audio", "text"},
			"instructions": "", "voice": "alloy", "input_audio_format": cfg.InputFormat.String(), "output_audio_format": cfg.OutputFormat.String(),
			"input_audio_transcription": nil, "turn_detection": detection, "tools": []any{}, "tool_choice": "auto",
			"temperature": 0.8, "max_response_output_tokens": "inf"}
	} else {
		c.raw = fields{"type": "realtime", "object": "realtime.session", "model": s.URL.Query().Get("model"),
			"output_modalities": []any{"audio"}, "instructions": "", "tools": []any{}, "tool_choice": "auto", "max_output_tokens": "inf",
			"audio": fields{
				"input":  fields{"format": formatObject(cfg.InputFormat, inRate), "transcription": nil, "noise_reduction": nil, "turn_detection": detection},
				"output": fields{"format": formatObject(cfg.OutputFormat, outRate), "voice": "alloy", "speed": 1},
			}}
	}
	c.inRate, c.outRate = inRate, outRate
	s.apply()
}

func formatObject(f realtime.Format, rateHz int) fields {
	if f == realtime.PCM16 {
		return fields{"type": f.MediaType(), "rate": rateHz}
	}
	return fields{"type": f.MediaType()}
}

// apply reads what is in effect out of the session object.
func (s *Session) apply() {
	c := &s.config
	completeDetection(c.raw)
	raw := marshal(c.raw)
	in, out := realtime.FormatsOf(raw)
	rate := func(f realtime.AudioFormat, present int) int {
		switch {
		case f.Format != realtime.PCM16:
			return realtime.G711RateHz
		case f.RateHz > 0:
			return f.RateHz
		}
		return present
	}
	c.inFormat, c.outFormat = in.Format, out.Format
	c.inRate, c.outRate = rate(in, c.inRate), rate(out, c.outRate)
	root := gjson.ParseBytes(raw)
	either := func(nested, flat string) gjson.Result {
		if r := root.Get(nested); r.Exists() {
			return r
		}
		return root.Get(flat)
	}
	detection := either("audio.input.turn_detection", "turn_detection")
	c.vad = detection.IsObject()
	c.createResponse = detection.Get("create_response").Type != gjson.False
	c.interrupt = c.vad && detection.Get("interrupt_response").Type != gjson.False
	c.prefixMS, c.silenceMS = 300, 500
	if v := detection.Get("prefix_padding_ms"); v.Exists() {
		c.prefixMS = v.Int()
	}
	if v := detection.Get("silence_duration_ms"); v.Exists() {
		c.silenceMS = v.Int()
	}
	c.transcribe = either("audio.input.transcription", "input_audio_transcription").IsObject()
	c.textOnly = root.Get("output_modalities.#").Int() == 1 && root.Get("output_modalities.0").Str == "text" ||
		root.Get("modalities.#").Int() == 1 && root.Get("modalities.0").Str == "text"
	c.instructions = root.Get("instructions").Str
	c.voice = either("audio.output.voice", "voice").Str
	s.input.configure(c)

	s.mu.Lock()
	defer s.mu.Unlock()
	s.inFormat, s.inRate, s.channels = c.inFormat, c.inRate, c.channels
}

// detectionDefaults is what a turn detection has unless it says otherwise. A client may count on finding it: the session
// that a server shows is the one in effect.
var detectionDefaults = map[string]fields{
	realtime.ServerVAD: {"threshold": 0.5, "prefix_padding_ms": 300, "silence_duration_ms": 500, "idle_timeout_ms": nil,
		"create_response": true, "interrupt_response": true},
	realtime.SemanticVAD: {"eagerness": "auto", "create_response": true, "interrupt_response": true},
}

// completeDetection adds the defaults to the turn detection of a session object, of either shape.
func completeDetection(session fields) {
	parent := session
	if audio, ok := session["audio"].(fields); ok {
		parent, _ = audio["input"].(fields)
	}
	given, ok := parent["turn_detection"].(fields)
	if !ok {
		return
	}
	detection := fields{}
	if kind, ok := given["type"].(string); ok {
		maps.Copy(detection, detectionDefaults[kind])
	}
	maps.Copy(detection, given)
	parent["turn_detection"] = detection
}

// object is the session object as the client sees it.
func (s *Session) object() fields {
	o := maps.Clone(s.config.raw)
	o["id"] = s.ID
	o["expires_at"] = s.expires.Unix()
	return o
}

// update handles session.update: all of it takes effect, or nothing.
func (s *Session) update(msg []byte) {
	var event struct {
		Session fields `json:"session"`
	}
	if err := json.Unmarshal(msg, &event); err != nil || event.Session == nil {
		s.fail(msg, "missing_required_parameter", "Missing required parameter: 'session'.", "session")
		return
	}
	if code, message, param := s.refusal(event.Session); message != "" {
		s.fail(msg, code, message, param)
		return
	}
	s.config.raw = merge(s.config.raw, event.Session)
	s.apply()
	if s.bad.StrayError != "" {
		s.fail(nil, s.bad.StrayError, "Something that no event of the client's has caused.", "")
	}
	if !s.bad.NoUpdated {
		s.emit("session.updated", fields{"session": s.object()})
	}
}

// refusal is why a session.update is refused; "" if it is not.
func (s *Session) refusal(session fields) (code, message, param string) {
	allowed := nestedFields
	if s.srv.cfg.Beta {
		allowed = flatFields
	}
	if path := unknownField(session, "", allowed); path != "" {
		return "unknown_parameter", fmt.Sprintf("Unknown parameter: 'session.%s'.", path), "session." + path
	}
	root := gjson.ParseBytes(marshal(session))
	strict := s.srv.cfg.Strict && !s.srv.cfg.Beta
	if strict && !root.Get("type").Exists() {
		return "missing_required_parameter", "Missing required parameter: 'session.type'.", "session.type"
	}
	for _, path := range []string{"audio.input.format", "audio.output.format", "input_audio_format", "output_audio_format"} {
		f := root.Get(path)
		if !f.Exists() || f.Type == gjson.Null {
			continue
		}
		name := f.Str
		if f.IsObject() {
			name = f.Get("type").Str
		}
		format, err := realtime.ParseFormat(name)
		if err != nil {
			return "invalid_value", fmt.Sprintf("Invalid value: '%s'. Supported values are: 'audio/pcm', 'audio/pcmu', and 'audio/pcma'.", name), "session." + path + ".type"
		}
		rate, at := f.Get("rate"), "session."+path+".rate"
		switch {
		case format != realtime.PCM16 && rate.Exists():
			return "unknown_parameter", fmt.Sprintf("Unknown parameter: '%s'.", at), at
		case format != realtime.PCM16:
		case strict && !rate.Exists():
			return "missing_required_parameter", fmt.Sprintf("Missing required parameter: '%s'.", at), at
		case strict && rate.Int() < 24000:
			return "integer_below_min_value", fmt.Sprintf("Invalid '%s': integer below minimum value. Expected a value >= 24000, but got %s instead.", at, rate.Raw), at
		case rate.Exists() && (rate.Int() < 8000 || rate.Int() > 48000):
			return "invalid_value", fmt.Sprintf("Invalid '%s': expected 8000 to 48000.", at), at
		}
	}
	for _, path := range []string{"audio.output.voice", "voice"} {
		if v := root.Get(path); v.Exists() && v.Str != s.config.voice && s.hasSpoken() {
			return "cannot_update_voice", "Cannot update a conversation's voice if assistant audio is present.", "session." + path
		}
	}
	return "", "", ""
}

// unknownField is the path of the first field that no session has, in the order of their names.
func unknownField(object fields, path string, allowed map[string][]string) string {
	for _, name := range slices.Sorted(maps.Keys(object)) {
		at := strings.TrimPrefix(path+"."+name, ".")
		if !slices.Contains(allowed[path], name) {
			return at
		}
		if inner, ok := object[name].(map[string]any); ok && allowed[at] != nil {
			if found := unknownField(inner, at, allowed); found != "" {
				return found
			}
		}
	}
	return ""
}

// merge is the session with what an update says. Only the objects below audio are merged; any other value, and a
// format, is replaced whole.
func merge(session, update fields) fields {
	merged := maps.Clone(session)
	for name, value := range update {
		inner, isObject := value.(map[string]any)
		present, wasObject := session[name].(map[string]any)
		if isObject && wasObject && (name == "audio" || name == "input" || name == "output") {
			value = merge(present, inner)
		}
		merged[name] = value
	}
	return merged
}
