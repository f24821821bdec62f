package stream

import (
	"time"

	"mod_openai_audio_stream/module/ledger"
)

const (
	// farewellPause is how long after the last sample of its sentence the model's hang-up or transfer happens: the sample
	// has to get to the phone, and to the ear.
	farewellPause = 300 * time.Millisecond
	// farewellSilence is how long a model that has called without a word is waited for to say it.
	farewellSilence = 5 * time.Second
	// farewellMost bounds all waiting.
	farewellMost = 30 * time.Second
	// maxRefusals is how often in a call the caller keeps it from happening by speaking: a "bye" is speech, too.
	maxRefusals = 2
)

// farewell is a hang-up or a transfer that the model has called for: it happens when the caller has heard the sentence in
// which it did. It is the stream's owner's.
type farewell struct {
	leave    func(now time.Time) // what is to happen; nil: nothing waits
	callID   string              // of the function
	response string              // whose sentence is waited for
	wordless bool                // none needs to be said
	refusals int                 // by the caller, in this call

	interruptions int       // that the ledger had counted when it was armed
	latest        time.Time // it happens then
	speakBy       time.Time // or then, if the model has not begun to speak; zero: it has a response that it speaks in
	heardAt       time.Time // when all had been heard; zero: not yet
	asked         bool      // for a sentence, as it called without one
}

// farewellVerdict is what a farewell has come to.
type farewellVerdict int

const (
	farewellWaits farewellVerdict = iota
	farewellAsks                  // the model has said nothing: it is to be asked for a sentence
	farewellOff                   // the caller has spoken
	farewellNow
)

// arm has leave happen when the sentence of a response has been heard. A wordless one needs no sentence.
func (f *farewell) arm(call ledger.Call, wordless bool, interruptions int, leave func(now time.Time), now time.Time) {
	*f = farewell{leave: leave, callID: call.ID, response: call.ResponseID, wordless: wordless, refusals: f.refusals,
		interruptions: interruptions, latest: now.Add(farewellMost)}
}

// speaks notes which response the model works on, "" if none: perhaps it is the sentence that it was asked for.
func (f *farewell) speaks(response string) {
	if f.asked && response != "" {
		f.response = response
	}
}

// disarm forgets it.
func (f *farewell) disarm() { *f = farewell{refusals: f.refusals} }

func (f *farewell) armed() bool { return f.leave != nil }

// look judges by what has been heard: of the response, and of anything, and by whether the caller has interrupted.
func (f *farewell) look(said ledger.Spoken, unheard, interrupted bool, now time.Time) farewellVerdict {
	if f.wordless && !said.Audio {
		interrupted = false // there was nothing to interrupt: it may be an answering machine that talks
	}
	switch {
	case !f.armed():
		return farewellWaits
	case interrupted && f.refusals < maxRefusals:
		f.refusals++
		return farewellOff
	case !now.Before(f.latest), !f.speakBy.IsZero() && !now.Before(f.speakBy):
		return farewellNow
	case said.Known && !said.Over, unheard:
		f.heardAt = time.Time{}
		if said.Audio {
			f.speakBy = time.Time{}
		}
		return farewellWaits
	case !said.Audio && !interrupted && !f.asked && !f.wordless:
		f.asked, f.speakBy = true, now.Add(farewellSilence)
		return farewellAsks
	case !said.Audio && !f.speakBy.IsZero():
		return farewellWaits
	case f.heardAt.IsZero():
		f.heardAt = now
	}
	if now.Sub(f.heardAt) < farewellPause {
		return farewellWaits
	}
	return farewellNow
}

// due is when it has to be looked at, unless something happens before; zero: nothing waits.
func (f *farewell) due() time.Time {
	if !f.armed() {
		return time.Time{}
	}
	at := earliest(f.latest, f.speakBy)
	if !f.heardAt.IsZero() {
		at = earliest(at, f.heardAt.Add(farewellPause))
	}
	return at
}
