package realtime

import (
	"fmt"
	"time"

	"github.com/tidwall/gjson"
)

// AudioFormat is the format of one direction as a session describes it.
type AudioFormat struct {
	Known  bool   // Format is what Name means
	Name   string // as the server writes it; "" if the session does not say
	Format Format
	RateHz int // 0 if the session does not say
}

// String is the format for people, e.g. "pcm16 at 24000 Hz".
func (a AudioFormat) String() string {
	name := a.Format.String()
	if !a.Known {
		name = fmt.Sprintf("%q", a.Name)
	}
	if a.RateHz > 0 {
		return fmt.Sprintf("%s at %d Hz", name, a.RateHz)
	}
	return name
}

// FormatsOf reads the formats out of a session object, of either shape. session may be anything.
func FormatsOf(session []byte) (in, out AudioFormat) {
	root := sessionRoot(session)
	return formatOf(root, "audio.input.format", "input_audio_format"), formatOf(root, "audio.output.format", "output_audio_format")
}

func formatOf(root gjson.Result, nested, flat string) (a AudioFormat) {
	name := root.Get(flat)
	if f := root.Get(nested); f.IsObject() {
		name = f.Get("type")
		if hz := count(f.Get("rate")); hz <= maxRateHz {
			a.RateHz = int(hz)
		}
	} else if f.Type == gjson.String {
		name = f
	}
	a.Name = text(name)
	if f, err := ParseFormat(a.Name); err == nil {
		a.Known, a.Format = true, f
	}
	return a
}

// sessionRoot guards gjson against what is no JSON, or nested without an end.
func sessionRoot(session []byte) gjson.Result {
	if deep(session) || !gjson.ValidBytes(session) {
		return gjson.Result{}
	}
	return gjson.ParseBytes(session)
}

// The kinds of turn detection, of Detection.Kind.
const (
	ServerVAD   = "server_vad"   // by the energy of the audio
	SemanticVAD = "semantic_vad" // by what was said as well
)

// maxSilenceMS bounds the silence that a session is believed to wait for: an hour.
const maxSilenceMS = 3600 * 1000

// Detection is how a server finds the caller's turns.
type Detection struct {
	// None: it does not. The client says when a turn ends.
	None bool
	// Kind is ServerVAD or SemanticVAD; "" if the server detects nothing, does not say, or names something unknown.
	Kind string
	// SilenceMS is the silence, in ms of audio, after which a turn has ended; 0 if the server does not say. The
	// audio_end_ms of speech_stopped includes it.
	SilenceMS int64
	// Interrupts: the server cancels a response by itself when the caller speaks.
	Interrupts bool
	// Creates: the server answers a turn without being asked to.
	Creates bool
}

// DetectionOf reads the turn detection out of a session object, of either shape. session may be anything. Interrupts
// and Creates are true unless the session says otherwise: both are the protocol's defaults.
func DetectionOf(session []byte) Detection {
	d := Detection{Interrupts: true, Creates: true}
	root := sessionRoot(session)
	found := root.Get("audio.input.turn_detection")
	if !found.Exists() {
		found = root.Get("turn_detection")
	}
	kind := text(found.Get("type"))
	switch {
	case !found.Exists():
		return d
	case found.Type == gjson.Null, kind == "none": // Azure has both
		return Detection{None: true}
	case kind == ServerVAD, kind == SemanticVAD:
		d.Kind = kind
	}
	if ms := count(found.Get("silence_duration_ms")); ms <= maxSilenceMS {
		d.SilenceMS = ms
	}
	d.Interrupts = found.Get("interrupt_response").Type != gjson.False
	d.Creates = found.Get("create_response").Type != gjson.False
	return d
}

// What a response is made of, of Event.Modality and ModalityOf.
const (
	Spoken  = "audio" // with a transcript
	Written = "text"
)

// ModalityOf reads out of a session object, of either shape, what its responses are made of; "" if it does not say. session
// may be anything.
func ModalityOf(session []byte) string { return modality(sessionRoot(session)) }

// modality is that of a session or a response.
func modality(object gjson.Result) string {
	list := object.Get("output_modalities")
	if !list.Exists() {
		list = object.Get("modalities")
	}
	if !list.IsArray() {
		return ""
	}
	found := ""
	list.ForEach(func(_, word gjson.Result) bool {
		if found = Written; word.Str == Spoken {
			found = Spoken
		}
		return found != Spoken
	})
	return found
}

// ExpiresAt is when the server will end the session; zero if it does not say.
func ExpiresAt(session []byte) time.Time { return expiresAt(sessionRoot(session)) }

func expiresAt(session gjson.Result) time.Time {
	if n := count(session.Get("expires_at")); n > 0 {
		return time.Unix(n, 0)
	}
	return time.Time{}
}
