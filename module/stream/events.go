package stream

import (
	"encoding/json"
	"time"

	"mod_openai_audio_stream/module/ledger"
	"mod_openai_audio_stream/module/realtime"
)

// The subclasses of mod_openai_audio_stream:: that a stream fires, with their bodies below. docs/reference.md has them for
// the user, the C side registers them (mod_openai_audio_stream_host.c).
const (
	eventConnect     = "connect"
	eventDisconnect  = "disconnect"
	eventError       = "error"
	eventJSON        = "json"
	eventPlay        = "play"
	eventSpeechStart = "openai_speech_start"
	eventSpeechStop  = "openai_speech_stop"
	eventTruncated   = "truncated"
	eventTurn        = "turn"
	eventEnd         = "end"
	eventReconnect   = "reconnect"

	eventTool         = "tool"
	eventDTMF         = "dtmf"
	eventIdle         = "idle"
	eventSilentAnswer = "silent_answer"
)

// EventNames are the subclasses of all events, in no order.
func EventNames() []string {
	return []string{eventConnect, eventDisconnect, eventError, eventJSON, eventPlay, eventSpeechStart, eventSpeechStop,
		eventTruncated, eventTurn, eventEnd, eventReconnect, eventTool, eventDTMF, eventIdle, eventSilentAnswer}
}

// normalClosure is the reason of a connection that was closed in good order.
const normalClosure = "Normal closure"

type statusBody struct {
	Status  string `json:"status"`
	Message any    `json:"message,omitempty"`
}

func connectBody() statusBody { return statusBody{Status: "connected"} }

func disconnectBody(code int, reason string) statusBody {
	return statusBody{"disconnected", closeMessage{code, reason}}
}

func errorBody(m errorMessage) statusBody { return statusBody{"error", m} }

func speechBody(status string) statusBody { return statusBody{Status: status} }

type closeMessage struct {
	Code   int    `json:"code"`
	Reason string `json:"reason"`
}

type errorMessage struct {
	Retries    int    `json:"retries"`
	Error      string `json:"error"`
	WaitTime   int64  `json:"wait_time"` // ms
	HTTPStatus int    `json:"http_status"`
	Code       string `json:"code,omitempty"`
}

type truncatedBody struct {
	ItemID       string `json:"item_id"`
	ContentIndex int    `json:"content_index"`
	PlayedMS     int64  `json:"audio_end_ms"`
	DiscardedMS  int64  `json:"discarded_ms"`
}

func newTruncatedBody(t ledger.Truncated) truncatedBody {
	return truncatedBody{t.ItemID, t.ContentIndex, t.Played.Milliseconds(), (t.Received - t.Played).Milliseconds()}
}

type turnBody struct {
	ResponseID   string         `json:"response_id,omitempty"`
	Status       string         `json:"status,omitempty"`
	FirstAudioMS *int64         `json:"first_audio_ms,omitempty"`
	FirstPlayMS  *int64         `json:"first_play_ms,omitempty"`
	EndMS        *int64         `json:"end_ms,omitempty"`
	ResponseMS   *int64         `json:"response_ms,omitempty"`
	PlayedMS     int64          `json:"played_ms"`
	Interrupted  bool           `json:"interrupted"`
	Caller       string         `json:"caller_transcript,omitempty"`
	Agent        string         `json:"agent_transcript,omitempty"`
	Usage        realtime.Usage `json:"usage"`
}

func newTurnBody(t ledger.Turn) turnBody {
	ms := func(d time.Duration) *int64 {
		if d == ledger.NoTime {
			return nil
		}
		n := d.Milliseconds()
		return &n
	}
	return turnBody{ResponseID: t.ResponseID, Status: t.Status, FirstAudioMS: ms(t.FirstAudio), FirstPlayMS: ms(t.FirstPlay),
		EndMS: ms(t.End), ResponseMS: ms(t.Response), PlayedMS: t.Played.Milliseconds(), Interrupted: t.Interrupted,
		Caller: t.Caller, Agent: t.Agent, Usage: t.Usage}
}

type reconnectBody struct {
	GapMS   int64 `json:"gap_ms"`
	Planned bool  `json:"planned"`
	Updates int   `json:"session_updates"`
	Items   int   `json:"items"`
}

type dtmfBody struct {
	Digits  string `json:"digits"` // "" if masked
	Count   int    `json:"count"`
	EndedBy string `json:"ended_by"`
	Masked  bool   `json:"masked"`
}

func newDTMFBody(p *series) dtmfBody {
	b := dtmfBody{Digits: p.digits, Count: len(p.digits), EndedBy: p.endedBy, Masked: p.masked}
	if p.masked {
		b.Digits = ""
	}
	return b
}

type idleBody struct {
	Count   int  `json:"count"` // of prompts in a row
	Goodbye bool `json:"goodbye,omitempty"`
}

type silentAnswerBody struct {
	ResponseID string `json:"response_id"`
	MS         int64  `json:"ms"`
}

// playBody is an audio delta's fields, with the file in place of the audio.
type playBody struct {
	Type         string `json:"type"`
	ResponseID   string `json:"response_id"`
	ItemID       string `json:"item_id"`
	OutputIndex  int    `json:"output_index"`
	ContentIndex int    `json:"content_index"`
	File         string `json:"file"`
}

// toolBody tells of a function of the profile.
type toolBody struct {
	CallID    string          `json:"call_id"`
	Name      string          `json:"name"`
	Action    string          `json:"action"`
	Status    string          `json:"status"`
	MS        int64           `json:"ms"` // since it was started
	Arguments json.RawMessage `json:"arguments,omitempty"`
}

type endBody struct {
	Reason string `json:"reason"`
	Error  string `json:"error"` // "" if there was none
}

func marshal(body any) []byte {
	b, err := json.Marshal(body)
	if err != nil {
		return []byte("{}")
	}
	return b
}
