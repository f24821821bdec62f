package stream

import (
	"strings"
	"time"

	"mod_openai_audio_stream/module/config"
)

// maskTail is for how long the caller's audio stays silent after masked keys: a tone may go on after it was found, and audio
// may come later than the key, out of a jitter buffer.
const maskTail = time.Second

// How a series of keys ends, as the event ::dtmf says it.
const (
	endedByTerminator = "terminator"
	endedByTimeout    = "timeout"
	endedByMax        = "max"
	endedByStop       = "stop" // the stream ended, or what becomes of keys was changed
)

// keys gathers what the caller presses into series: a number, a choice. It is the stream's owner's.
type keys struct {
	mode   config.Keys
	window bool // the mode was set by a command: where it is mask, the caller is silent throughout
	rules  keyRules
	asked  *collection // nil: nothing is collected

	digits []byte    // of the series that is being pressed
	last   time.Time // when the last key was pressed, whatever became of it; zero: none was
	// The last series was complete without its terminator, which still belongs to it until then.
	full      string
	fullUntil time.Time
	tailUntil time.Time // of the silence after masked keys
	news      []keysNews
	unseen    bool // a key has come since run
}

// keyRules say when a series is complete.
type keyRules struct {
	max        int
	terminator string        // one key, or "" for none
	timeout    time.Duration // without a key
}

// collection is a series that a function waits for. Its digits are for that function alone.
type collection struct {
	keyRules // the timeout runs before the first key, too, but not while the agent is heard
	// done is told what was pressed and what ended it: no digits and endedByTimeout if nothing was pressed. It is not called
	// if the collection is cancelled or the stream ends.
	done func(digits, endedBy string, now time.Time)

	since time.Time // the first key has been waited for
}

// keysNews is the first key of a series that interrupts, or, if over is not nil, a series that is over.
type keysNews struct{ over *series }

// series is what the caller has pressed.
type series struct {
	digits  string // without the terminator
	endedBy string
	mode    config.Keys
	masked  bool
	asked   *collection // nil: no function waits for it
}

// press takes one key.
func (k *keys) press(digit byte, now time.Time) {
	key := strings.ToUpper(string(rune(digit)))
	if !strings.Contains("0123456789*#ABCD", key) {
		return // a hook flash, or a pause
	}
	k.last, k.unseen = now, true
	rules, late := k.present(), key == k.full && now.Before(k.fullUntil)
	k.full = ""
	if late || k.mode == config.KeysOff && k.asked == nil {
		return
	}
	if k.mode == config.KeysModel && k.asked == nil && len(k.digits) == 0 {
		k.news = append(k.news, keysNews{})
	}
	if key == rules.terminator {
		k.end(endedByTerminator, now)
		return
	}
	if k.digits = append(k.digits, key...); len(k.digits) >= rules.max {
		k.full, k.fullUntil = rules.terminator, now.Add(rules.timeout)
		k.end(endedByMax, now)
	}
}

// present is the rules of the series that is being pressed, or comes next.
func (k *keys) present() keyRules {
	if k.asked != nil {
		return k.asked.keyRules
	}
	return k.rules
}

// end ends the series.
func (k *keys) end(how string, now time.Time) {
	k.news = append(k.news, keysNews{over: &series{string(k.digits), how, k.mode, k.masks(), k.asked}})
	k.leave(now)
}

// leave forgets the series and what it was collected for.
func (k *keys) leave(now time.Time) {
	if k.masks() {
		k.tailUntil = now.Add(maskTail)
	}
	clear(k.digits)
	k.digits, k.asked = k.digits[:0], nil
}

// cut ends a series that has begun, because what becomes of keys changes.
func (k *keys) cut(now time.Time) {
	if len(k.digits) > 0 {
		k.end(endedByStop, now)
	} else {
		k.leave(now)
	}
}

// set changes what becomes of keys by a command. A collection goes on.
func (k *keys) set(mode config.Keys, now time.Time) {
	if k.asked == nil {
		k.cut(now)
	}
	k.mode, k.window = mode, true
}

// collect gathers the next keys for a function. It is false, and nothing has changed, if another one waits for keys.
func (k *keys) collect(c *collection, now time.Time) bool {
	if k.asked != nil {
		return false
	}
	k.cut(now)
	c.since = now
	k.asked = c
	return true
}

// cancel ends a collection. Its function is not told.
func (k *keys) cancel(now time.Time) {
	if k.asked != nil {
		k.asked.done = nil
		k.cut(now)
	}
}

// stop ends what there is, with the stream.
func (k *keys) stop(now time.Time) []keysNews {
	k.cancel(now)
	k.cut(now)
	return k.news
}

// run returns what is new. heard: the agent is being heard.
func (k *keys) run(heard bool, now time.Time) []keysNews {
	if k.asked != nil && heard {
		k.asked.since = now
	}
	if at := k.due(); !at.IsZero() && !now.Before(at) {
		k.end(endedByTimeout, now)
	}
	news := k.news
	k.news, k.unseen = nil, false
	return news
}

// due is when the series has lasted long enough; zero: there is none.
func (k *keys) due() time.Time {
	switch {
	case len(k.digits) > 0:
		return k.last.Add(k.present().timeout)
	case k.asked != nil:
		return k.asked.since.Add(k.asked.timeout)
	}
	return time.Time{}
}

// masks reports whether keys that are pressed now are masked.
func (k *keys) masks() bool { return k.asked != nil || k.mode == config.KeysMask }

// silent reports whether the caller's audio is silence now: in a window throughout, else from the first key of a series on.
func (k *keys) silent(now time.Time) bool {
	return k.asked != nil || k.masks() && (k.window || len(k.digits) > 0) || now.Before(k.tailUntil)
}
