// Package hostlog brings zerolog's lines to FreeSWITCH's log, and keeps secrets out of every text.
package hostlog

import (
	"bytes"
	"encoding/json"
	"fmt"
	"sort"
	"strings"

	"github.com/rs/zerolog"
)

// Func writes one line to the host's log. level is one of FreeSWITCH's numbers, uuid a channel or "".
type Func func(level int, uuid, text string)

// levels are FreeSWITCH's numbers (switch_types.h) for zerolog's levels.
var levels = map[zerolog.Level]int{
	zerolog.DebugLevel: 7, zerolog.InfoLevel: 6, zerolog.WarnLevel: 4, zerolog.ErrorLevel: 3, zerolog.FatalLevel: 2,
}

// New returns a logger whose lines go to log as "message key=value ...", masked. It may be used by any goroutine.
func New(log Func, uuid string) zerolog.Logger {
	return zerolog.New(&writer{log: log, uuid: uuid})
}

type writer struct {
	log  Func
	uuid string
}

func (w *writer) Write(p []byte) (int, error) { return w.WriteLevel(zerolog.NoLevel, p) }

func (w *writer) WriteLevel(level zerolog.Level, p []byte) (int, error) {
	number, ok := levels[level]
	if !ok {
		number = levels[zerolog.InfoLevel]
	}
	w.log(number, w.uuid, Mask(line(p)))
	return len(p), nil
}

// line turns zerolog's JSON into FreeSWITCH's plain style.
func line(p []byte) string {
	var fields map[string]any
	d := json.NewDecoder(bytes.NewReader(p))
	d.UseNumber()
	if err := d.Decode(&fields); err != nil {
		return strings.TrimSpace(string(p))
	}
	text := fmt.Sprint(fields[zerolog.MessageFieldName])
	var rest []string
	for name, value := range fields {
		if name != zerolog.MessageFieldName && name != zerolog.LevelFieldName {
			rest = append(rest, fmt.Sprintf("%s=%v", name, value))
		}
	}
	sort.Strings(rest)
	return strings.Join(append([]string{text}, rest...), " ")
}
