package tool

import (
	"bytes"
	"encoding/json"
	"strings"
)

// OK is the output of a call that went well.
func OK(result any) string {
	output, err := encode(struct {
		OK     bool `json:"ok"`
		Result any  `json:"result,omitempty"` // nil: there is none
	}{true, result})
	if err != nil {
		return Failed("the result is no JSON")
	}
	return string(output)
}

// Failed is the output of a call that went wrong. The reason is for the model.
func Failed(reason string) string {
	output, _ := encode(struct { // no string is refused
		OK    bool   `json:"ok"`
		Error string `json:"error"`
	}{false, reason})
	return string(output)
}

// Result is what somebody else has answered: as it is if it is JSON, otherwise as a string.
func Result(reply []byte) json.RawMessage {
	text := strings.ToValidUTF8(string(bytes.TrimSpace(reply)), "\uFFFD")
	if json.Valid([]byte(text)) {
		return json.RawMessage(text)
	}
	return quote(text)
}
