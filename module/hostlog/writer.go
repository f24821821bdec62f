package hostlog

import (
	"strconv"
	"strings"

	"github.com/rs/zerolog"
	"github.com/tidwall/gjson"

	"mod_openai_audio_stream/module/secret"
)

// FreeSWITCH's numbers of its log levels (switch_types.h, switch_log_level_t).
const (
	LevelCrit    = 2
	LevelError   = 3
	LevelWarning = 4
	LevelNotice  = 5
	LevelInfo    = 6
	LevelDebug   = 7
)

// Func writes one line to the host's log, for the channel uuid, or for none if that is "". It may be called
// concurrently.
type Func func(level int, uuid, text string)

// uuidField is the field that says which channel a line of a logger without one belongs to.
const uuidField = "uuid"

// New returns a logger whose lines go to log, for the channel uuid. A line is the message and then its fields as
// name=value, masked by masker, to which secrets may be added later. Control characters are spaces, so that no text
// forges a line of its own. A line of a logger without a uuid gets its uuid from a field of this name.
//
// level is asked at each line how much of this logger the host logs now; it must not wait. Above it a line is not even
// formatted, and its event's Enabled is false. With nil every line is given to the host.
func New(log Func, uuid string, masker *secret.Masker, level func() int) zerolog.Logger {
	logger := zerolog.New(&writer{log: log, uuid: uuid, masker: masker})
	if level != nil {
		logger = logger.Sample(limit(level))
	}
	return logger
}

// limit is a zerolog.Sampler, which zerolog asks before it makes an event.
type limit func() int

func (l limit) Sample(level zerolog.Level) bool { return hostLevel(level) <= l() }

// writer is a zerolog.LevelWriter. It keeps nothing between lines.
type writer struct {
	log    Func
	uuid   string
	masker *secret.Masker
}

// Write takes lines that have no level.
func (w *writer) Write(p []byte) (int, error) { return w.WriteLevel(zerolog.NoLevel, p) }

// WriteLevel takes one line as zerolog encodes it.
func (w *writer) WriteLevel(level zerolog.Level, p []byte) (int, error) {
	uuid := w.uuid
	var message string
	var fields strings.Builder
	gjson.ParseBytes(p).ForEach(func(key, value gjson.Result) bool {
		switch name := key.String(); {
		case name == zerolog.LevelFieldName:
		case name == zerolog.MessageFieldName:
			message = value.String()
		case name == uuidField && uuid == "":
			uuid = value.String()
		default:
			fields.WriteByte(' ')
			fields.WriteString(name)
			fields.WriteByte('=')
			fields.WriteString(word(value.String()))
		}
		return true
	})
	w.log(hostLevel(level), uuid, oneLine(w.masker.Text(message+fields.String())))
	return len(p), nil
}

// hostLevel is FreeSWITCH's number for a level. Lines without one are notices, which zerolog does not know.
func hostLevel(level zerolog.Level) int {
	switch level {
	case zerolog.TraceLevel, zerolog.DebugLevel:
		return LevelDebug
	case zerolog.InfoLevel:
		return LevelInfo
	case zerolog.WarnLevel:
		return LevelWarning
	case zerolog.ErrorLevel:
		return LevelError
	case zerolog.FatalLevel, zerolog.PanicLevel:
		return LevelCrit
	default:
		return LevelNotice
	}
}

// word quotes what would not read as one word.
func word(s string) string {
	if s == "" || strings.ContainsAny(s, " \"=") {
		return strconv.Quote(s)
	}
	return s
}

// oneLine makes control characters spaces.
func oneLine(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, s)
}
