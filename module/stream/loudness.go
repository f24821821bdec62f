package stream

import (
	"slices"
	"time"
)

const (
	// silentPeak is -60 dBFS: an answer without a sample above it is not to be heard in a telephone.
	silentPeak = 32
	// maxMeasured bounds how many responses are measured at once.
	maxMeasured = 4
)

// loudness finds the answers that are silent although they are audio. It is the stream's owner's.
type loudness struct {
	open []measured // oldest first
}

// measured is a response whose audio is coming in.
type measured struct {
	responseID string
	length     time.Duration // while it is silent
	loud       bool
}

// add takes the audio of one delta, of length d.
func (l *loudness) add(responseID string, pcm []int16, d time.Duration) {
	i := slices.IndexFunc(l.open, func(m measured) bool { return m.responseID == responseID })
	if i < 0 {
		if len(l.open) == maxMeasured {
			l.open = slices.Delete(l.open, 0, 1)
		}
		i = len(l.open)
		l.open = append(l.open, measured{responseID: responseID})
	}
	if m := &l.open[i]; !m.loud {
		m.loud = !isBelow(pcm, silentPeak)
		m.length += d
	}
}

// done ends a response, and reports whether it was silent throughout. One without audio was not.
func (l *loudness) done(responseID string) (length time.Duration, silent bool) {
	i := slices.IndexFunc(l.open, func(m measured) bool { return m.responseID == responseID })
	if i < 0 {
		return 0, false
	}
	m := l.open[i]
	l.open = slices.Delete(l.open, i, i+1)
	return m.length, !m.loud && m.length > 0
}

// restart forgets what was coming in: the connection is lost.
func (l *loudness) restart() { l.open = l.open[:0] }

// isBelow reports whether no sample is louder than peak.
func isBelow(pcm []int16, peak int16) bool {
	for _, v := range pcm {
		if v > peak || v < -peak {
			return false
		}
	}
	return true
}
