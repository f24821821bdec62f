package stream

import (
	"errors"

	"github.com/rs/zerolog"

	"mod_openai_audio_stream/module/serial"
)

// sensitiveVariable is the channel variable by which FreeSWITCH itself keeps keys out of its log and its events.
const sensitiveVariable = "sensitive_dtmf"

// sensitive has FreeSWITCH keep the caller's keys to itself while they are masked. It sets the variable on a goroutine of its
// own, in order. One goroutine at a time may use it.
type sensitive struct {
	host  Host
	uuid  string
	log   zerolog.Logger
	calls *serial.Queue
	on    bool // as asked for

	// Of the queue's jobs.
	set    bool
	former string // the variable's value, "" if it was unset
}

func newSensitive(host Host, uuid string, log zerolog.Logger) *sensitive {
	v := &sensitive{host: host, uuid: uuid, log: log}
	v.calls = serial.NewQueue(func(any) { log.Error().Msg("caught a bug while " + sensitiveVariable + " was set") })
	return v
}

// want has the variable set, or restored.
func (v *sensitive) want(on bool) {
	if on == v.on {
		return
	}
	v.on = on
	v.calls.Add(func() {
		hostCalls <- struct{}{}
		defer func() { <-hostCalls }()
		if on {
			v.keep()
		} else {
			v.restore()
		}
	})
}

func (v *sensitive) keep() {
	v.former = v.host.Variable(v.uuid, sensitiveVariable)
	v.set = v.put("true")
}

// restore gives the variable its former value back, unless somebody else has changed it meanwhile.
func (v *sensitive) restore() {
	if v.set && v.host.Variable(v.uuid, sensitiveVariable) == "true" {
		v.put(v.former)
	}
	v.set = false
}

func (v *sensitive) put(value string) bool {
	err := v.host.SetVariable(v.uuid, sensitiveVariable, value)
	if err != nil && !errors.Is(err, ErrNoChannel) {
		v.log.Warn().Err(err).Msg(sensitiveVariable + " could not be set to \"" + value + "\": FreeSWITCH's own log and events may show keys")
	}
	return err == nil
}

// wait returns when all that was asked for has been done.
func (v *sensitive) wait() {
	done := make(chan struct{})
	v.calls.Add(func() { close(done) })
	<-done
}
