package realtime

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"
)

// Shape is how a server wants its session described.
type Shape int

// The shapes.
const (
	ShapeGA   Shape = iota // nested: session.audio.input.format
	ShapeBeta              // flat: session.input_audio_format
)

// Provider is what is peculiar to one kind of server. It is data, and does not change; adding a server means adding
// one to the table.
type Provider struct {
	Name string
	// KeyHeader is the header that carries the key: Authorization gets it as a bearer token, others get it bare.
	KeyHeader string
	// Subprotocols are offered at the upgrade.
	Subprotocols []string
	Shape        Shape
	// AssistantText is the content type of an assistant's message.
	AssistantText string
	// MaxSession is after how long the server ends a session by force; 0 = it does not, or nobody knows. A session
	// that has an expires_at knows better.
	MaxSession time.Duration
	// Acknowledges: the server is known to answer each session.update, by session.updated or an error, so whoever waits
	// for that answer gets one. Of other servers nobody knows.
	Acknowledges bool

	// translate: the server refuses a session.update in the other shape, so one that the user wrote is translated.
	translate   bool
	fatalErrors []string
	fatalCloses []int
	// names are further values of the override that mean this provider.
	names   []string
	matches func(*url.URL) bool
}

var (
	// fatalErrors are the codes that trying again will not mend.
	fatalErrors = []string{
		"invalid_api_key", "invalid_model", "missing_model", "beta_api_shape_disabled", "insufficient_quota",
		"billing_hard_limit_reached", "account_deactivated",
	}
	// azureErrors adds Azure's for a deployment without realtime audio, which it also misspells.
	azureErrors = append([]string{"OperationNotSupported", "OpperationNotSupported"}, fatalErrors...)

	// fatalCloses are OpenAI's close codes for a refused key and for a refused model or event shape.
	fatalCloses = []int{3000, 4000}
)

// providers in the order in which they are tried; the last one takes everything.
var providers = []*Provider{
	{
		Name: "openai", KeyHeader: "Authorization", AssistantText: "output_text", MaxSession: time.Hour,
		Acknowledges: true, translate: true, fatalErrors: fatalErrors, fatalCloses: fatalCloses,
		matches: func(u *url.URL) bool { return hostIn(u, "openai.com") },
	},
	{
		Name: "azure-preview", KeyHeader: "api-key", Shape: ShapeBeta, AssistantText: "text",
		MaxSession: 30 * time.Minute, Acknowledges: true, translate: true, fatalErrors: azureErrors, fatalCloses: fatalCloses,
		names:   []string{"azure"},
		matches: func(u *url.URL) bool { return azureHost(u) && azurePreview(u) },
	},
	{
		Name: "azure", KeyHeader: "api-key", AssistantText: "output_text", MaxSession: 30 * time.Minute,
		Acknowledges: true, translate: true, fatalErrors: azureErrors, fatalCloses: fatalCloses,
		matches: azureHost,
	},
	{
		Name: "compatible", KeyHeader: "Authorization", AssistantText: "output_text",
		fatalErrors: fatalErrors, fatalCloses: fatalCloses,
		names:   []string{"generic"},
		matches: func(*url.URL) bool { return true },
	},
}

func hostIn(u *url.URL, domain string) bool {
	host := strings.TrimSuffix(strings.ToLower(u.Hostname()), ".")
	return host == domain || strings.HasSuffix(host, "."+domain)
}

func azureHost(u *url.URL) bool {
	return hostIn(u, "openai.azure.com") || hostIn(u, "cognitiveservices.azure.com") || hostIn(u, "services.ai.azure.com")
}

// azurePreview tells Azure's two URL shapes apart: /openai/realtime?api-version=...&deployment=... of the preview, and
// /openai/v1/realtime?model=...
func azurePreview(u *url.URL) bool {
	return !strings.Contains(u.Path, "/v1/") && (u.Query().Has("api-version") || u.Query().Has("deployment"))
}

// ProviderFor is the provider called name, in any case, or, if name is "", the one that the URL belongs to. With the
// name azure the URL still tells the preview from the GA protocol. u may be nil if name is not "".
func ProviderFor(u *url.URL, name string) (*Provider, error) {
	if u == nil {
		u = &url.URL{}
	}
	var known []string
	for _, p := range providers {
		switch {
		case name == "":
			if p.matches(u) {
				return p, nil
			}
		case strings.EqualFold(p.Name, name):
			return p, nil
		case slices.ContainsFunc(p.names, func(n string) bool { return strings.EqualFold(n, name) }):
			if p.Name != "azure-preview" || azurePreview(u) {
				return p, nil
			}
		}
		known = append(known, p.Name)
	}
	return nil, fmt.Errorf("provider %q: expected one of %s", name, strings.Join(known, ", "))
}

// FatalError reports whether an error with this code ends the stream for good: the server will close the connection,
// and another one will end the same way.
func (p *Provider) FatalError(code string) bool { return slices.Contains(p.fatalErrors, code) }

// FatalClose reports whether a connection closed with this code is not worth another attempt.
func (p *Provider) FatalClose(code int) bool { return slices.Contains(p.fatalCloses, code) }

// benignCodes are errors that only tell that two things happened at once.
var benignCodes = []string{
	"response_cancel_not_active", "conversation_already_has_active_response", "input_audio_buffer_commit_empty",
	"item_not_found", "item_truncate_invalid_item_id", "item_delete_invalid_item_id", "invalid_item_id",
	"unsupported_content_type", "invalid_audio_end_ms",
}

// benignTexts are what servers say of the same without a code, or with another one.
var benignTexts = []string{
	"already shorter than", "no active response", "already has an active response",
	"only model output audio messages can be truncated",
}

// Benign reports whether an error means nothing to the call: a race between the two sides, which both survive.
func (p *Provider) Benign(e *Error) bool {
	if slices.Contains(benignCodes, e.Code) {
		return true
	}
	message := strings.ToLower(e.Message)
	return slices.ContainsFunc(benignTexts, func(t string) bool { return strings.Contains(message, t) })
}
