package stream

import (
	"sync/atomic"
	"time"

	"mod_openai_audio_stream/module/hostlog"
)

// logLevelLife is how long the host's answer about its log level is good for.
const logLevelLife = time.Second

// logLevel is how much the host logs of a channel. The stream's owner needs it at every line and must not wait for
// the host, so the host is asked on another goroutine. Any goroutine may use it.
type logLevel struct {
	host    Host
	uuid    string
	made    time.Time
	level   atomic.Int32
	goodFor atomic.Int64 // ns since made
	asking  atomic.Bool
}

// newLogLevel asks the host for the first time, and waits.
func newLogLevel(host Host, uuid string) *logLevel {
	l := &logLevel{host: host, uuid: uuid, made: time.Now()}
	l.ask()
	return l
}

func (l *logLevel) ask() {
	// Also after a panic, so that it is not asked again at once.
	defer func() { l.goodFor.Store(int64(time.Since(l.made) + logLevelLife)) }()
	l.level.Store(int32(l.host.LogLevel(l.uuid)))
}

// now is the host's last answer. When that is old the host is asked again, for the next line. Meanwhile only what comes
// often, debug, is withheld: of a rare line the host decides itself.
func (l *logLevel) now() int {
	level := int(l.level.Load())
	if int64(time.Since(l.made)) < l.goodFor.Load() {
		return level
	}
	if l.asking.CompareAndSwap(false, true) {
		go guard(func(string) {}, func() { // ends with the host's answer
			defer l.asking.Store(false)
			hostCalls <- struct{}{}
			defer func() { <-hostCalls }()
			l.ask()
		})
	}
	return max(level, hostlog.LevelInfo)
}
