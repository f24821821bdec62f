package realtime_test

import (
	"net/url"
	"strings"
	"testing"
	"time"

	"mod_openai_audio_stream/module/realtime"
)

func TestProviderFor(t *testing.T) {
	for _, test := range []struct{ url, override, want string }{
		{"wss://api.openai.com/v1/realtime?model=gpt-realtime-2.1", "", "openai"},
		{"wss://API.OpenAI.com./v1/realtime", "", "openai"},
		{"wss://eu.api.openai.com:443/v1/realtime", "", "openai"},
		{"wss://openai.com.example.org/v1/realtime", "", "compatible"},
		{"wss://notopenai.com/", "", "compatible"},
		{"wss://res.openai.azure.com/openai/v1/realtime?model=d", "", "azure"},
		{"wss://res.openai.azure.com/openai/v1/realtime?model=d&api-version=x", "", "azure"},
		{"wss://res.openai.azure.com/openai/realtime?api-version=2025-04-01-preview&deployment=d", "", "azure-preview"},
		{"wss://res.cognitiveservices.azure.com/openai/realtime?api-version=x", "", "azure-preview"},
		{"wss://res.services.ai.azure.com/openai/v1/realtime?model=d", "", "azure"},
		{"ws://127.0.0.1:8765/", "", "compatible"},
		{"ws://127.0.0.1:8765/openai/realtime?deployment=d", "", "compatible"},
		{"ws://127.0.0.1:8765/", "OpenAI", "openai"},
		{"ws://127.0.0.1:8765/", "azure", "azure"},
		{"wss://voice.example.org/openai/realtime?api-version=x&deployment=d", "azure", "azure-preview"},
		{"ws://127.0.0.1:8765/", "azure-preview", "azure-preview"},
		{"wss://api.openai.com/", "compatible", "compatible"},
		{"wss://api.openai.com/", "generic", "compatible"},
	} {
		u, err := url.Parse(test.url)
		if err != nil {
			t.Fatal(err)
		}
		p, err := realtime.ProviderFor(u, test.override)
		if err != nil || p.Name != test.want {
			t.Errorf("%s, %q: got %+v, %v; want %s", test.url, test.override, p, err, test.want)
		}
	}
	_, err := realtime.ProviderFor(nil, "opnai")
	if err == nil || !strings.Contains(err.Error(), `"opnai"`) || !strings.Contains(err.Error(), "openai, azure-preview, azure, compatible") {
		t.Errorf("unknown provider: %v", err)
	}
	if p, err := realtime.ProviderFor(nil, ""); err != nil || p.Name != "compatible" {
		t.Errorf("nothing known: %+v, %v", p, err)
	}
}

func TestProviders(t *testing.T) {
	for _, test := range []struct {
		name, header, text string
		shape              realtime.Shape
		most               time.Duration
		acknowledges       bool
	}{
		{"openai", "Authorization", "output_text", realtime.ShapeGA, time.Hour, true},
		{"azure", "api-key", "output_text", realtime.ShapeGA, 30 * time.Minute, true},
		{"azure-preview", "api-key", "text", realtime.ShapeBeta, 30 * time.Minute, true},
		{"compatible", "Authorization", "output_text", realtime.ShapeGA, 0, false},
	} {
		p, err := realtime.ProviderFor(nil, test.name)
		if err != nil {
			t.Fatal(err)
		}
		if p.KeyHeader != test.header || p.AssistantText != test.text || p.Shape != test.shape || p.MaxSession != test.most ||
			p.Acknowledges != test.acknowledges {
			t.Errorf("%s: %+v", test.name, p)
		}
		for _, code := range []string{"invalid_api_key", "invalid_model", "missing_model", "beta_api_shape_disabled",
			"insufficient_quota", "billing_hard_limit_reached", "account_deactivated"} {
			if !p.FatalError(code) {
				t.Errorf("%s retries after %s", test.name, code)
			}
		}
		for _, code := range []string{"", "session_expired", "rate_limit_exceeded", "unknown_parameter", "response_cancel_not_active"} {
			if p.FatalError(code) {
				t.Errorf("%s gives up after %q", test.name, code)
			}
		}
		for code, want := range map[int]bool{3000: true, 4000: true, 1000: false, 1001: false, 1005: false, 1006: false,
			1008: false, 1011: false, 1012: false, 1013: false, 1015: false} {
			if p.FatalClose(code) != want {
				t.Errorf("%s, close code %d: fatal is %v", test.name, code, !want)
			}
		}
	}
	azure, _ := realtime.ProviderFor(nil, "azure")
	openai, _ := realtime.ProviderFor(nil, "openai")
	if !azure.FatalError("OpperationNotSupported") || openai.FatalError("OpperationNotSupported") {
		t.Error("Azure's code for a deployment without realtime audio")
	}
}

func TestBenign(t *testing.T) {
	p, err := realtime.ProviderFor(nil, "openai")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range []realtime.Error{
		{Code: "response_cancel_not_active", Message: "Cancellation failed: no active response found"},
		{Message: "Cancellation failed: no active response found"},
		{Code: "conversation_already_has_active_response"},
		{Code: "other", Message: "Conversation already has an active response in progress: resp_X."},
		{Code: "input_audio_buffer_commit_empty"},
		{Code: "item_not_found"},
		{Type: "invalid_request_error", Message: "Audio content of 3700ms is already shorter than 3760ms"},
		{Message: "Only model output audio messages can be truncated"},
		{Code: "unsupported_content_type"},
	} {
		if !p.Benign(&e) {
			t.Errorf("taken seriously: %+v", e)
		}
	}
	for _, e := range []realtime.Error{{}, {Code: "unknown_parameter"}, {Code: "session_expired"}, {Message: "The server had an error"}} {
		if p.Benign(&e) {
			t.Errorf("taken lightly: %+v", e)
		}
	}
}
