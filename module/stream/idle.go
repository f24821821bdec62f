package stream

import "time"

const (
	// idleLookEvery is how often it is looked whether what keeps the silence from counting is over, if nothing tells.
	idleLookEvery = time.Second
	// turnLead is how long before the server's word that the caller speaks the voice that it is about may have ended.
	turnLead = time.Second
	// maxUnheard is how many turns in a row are believed that only the server has heard, and maxUnheardTurn how long one may be.
	maxUnheard     = 20
	maxUnheardTurn = 30 * time.Second
	// newVoice is by how much later a voice has to end to be more than the same one: when it was is known to a few ms.
	newVoice = 100 * time.Millisecond
	// A goodbye of which nothing is heard for goodbyeWait does not come, and is not waited for beyond maxGoodbye.
	goodbyeWait = 5 * time.Second
	maxGoodbye  = 30 * time.Second
)

// idle is a caller who says nothing: asked a few times whether anybody is there, told goodbye, and left. It is the stream's
// owner's.
//
// The silence counts from the last sample that was heard, while nothing is going on. The caller's word begins it anew. For a
// word of the caller's two have to agree: the server, which knows speech from noise, and the module's own detector, which
// learns a noise that goes on. What the module hears and the server does not is nothing. A turn that only the server hears may
// be a caller with a low voice, whom nobody should leave, or a noise: maxUnheard of them in a row are believed, but for the
// count of the prompts. After that they are noise, and the silence only pauses for them and for the model's answer to them, so
// that they do not keep the line open for ever. A voice in the room, a television's say, is a voice to both.
type idle struct {
	timeout time.Duration // 0: off
	most    int           // prompts in a row
	goodbye bool          // there is one to be said

	silence  time.Duration // up to looked
	looked   time.Time
	counting bool // since looked
	prompts  int  // since the caller's last word

	speaking bool      // the caller, as the server says
	turnAt   time.Time // a voice that ends later is of the server's present turn
	key      time.Time // when the last one was pressed
	voice    time.Time // when the last one ended that counted as the caller's word
	heard    bool      // the present turn has been heard by the module's detector, too
	unheard  int       // turns in a row that have not
	noise    bool      // the last one has not, nor maxUnheard before it

	leaveAt time.Time // when the goodbye was asked for; zero: it was not
	begun   bool      // something of it has been heard
	quietAt time.Time // when something was heard last, or leaveAt
}

// idleLook is what is going on.
type idleLook struct {
	busy      bool      // the agent speaks or is about to, the caller is on hold, or the like
	playing   bool      // the caller hears something
	answerDue bool      // the server may be about to answer the caller
	speaking  bool      // the caller, as the server says
	unsaid    bool      // the server does not say when the caller speaks
	voice     time.Time // when the last voice ended that the module's own detector has heard; zero: it has heard none
	key       time.Time // when the caller pressed the last key; zero: none was
}

// idleDo is what is to be done.
type idleDo int

const (
	idleNothing idleDo = iota
	idlePrompt         // ask the caller
	idleGoodbye        // say goodbye
	idleEnd            // leave
)

// activity says that the caller has done something now.
func (i *idle) activity(now time.Time) {
	i.silence, i.looked = 0, now
	i.prompts, i.noise, i.leaveAt = 0, false, time.Time{}
}

// look returns what is to be done, and when to look again.
func (i *idle) look(l idleLook, now time.Time) (do idleDo, next time.Time) {
	if i.counting {
		i.silence += now.Sub(i.looked)
	}
	i.looked = now
	i.listen(l, now)
	if !i.leaveAt.IsZero() {
		return i.leave(l, now)
	}
	busy := l.busy || l.answerDue && !i.noise || i.believes(l, now)
	was := !i.counting
	i.counting = !busy
	switch {
	case busy && i.noise:
		return idleNothing, now.Add(idleLookEvery)
	case busy:
		i.silence = 0
		return idleNothing, now.Add(idleLookEvery)
	case was:
		i.noise = false // it has had its answer
	}
	if i.silence < i.timeout {
		return idleNothing, now.Add(i.timeout - i.silence)
	}
	return i.due(now), now.Add(idleLookEvery)
}

// due is what is done about a silence that has lasted for the timeout.
func (i *idle) due(now time.Time) idleDo {
	i.silence, i.counting, i.noise = 0, false, false
	switch {
	case i.prompts < i.most:
		i.prompts++
		return idlePrompt
	case !i.goodbye:
		return idleEnd
	}
	i.leaveAt, i.quietAt, i.begun = now, now, false
	return idleGoodbye
}

// listen takes the caller's word, if there is one.
func (i *idle) listen(l idleLook, now time.Time) {
	if l.speaking && !i.speaking {
		i.turnAt, i.heard = now.Add(-turnLead), false
	}
	if l.key.After(i.key) {
		i.key = l.key
		i.activity(now)
	}
	ended := i.speaking && !l.speaking
	i.speaking = l.speaking
	if (l.speaking || ended || l.unsaid) && l.voice.After(i.turnAt) && l.voice.Sub(i.voice) >= newVoice {
		silence := min(i.silence, max(now.Sub(l.voice), 0))
		i.activity(now)
		i.silence, i.voice, i.heard = silence, l.voice, true
	}
	switch {
	case !ended:
	case i.heard:
		i.unheard = 0
	case i.unheard < maxUnheard:
		i.unheard++
		i.leaveAt = time.Time{}
	default:
		i.noise = true
	}
}

// believes reports whether the caller speaks as far as the server alone is believed.
func (i *idle) believes(l idleLook, now time.Time) bool {
	return l.speaking && !i.heard && i.unheard < maxUnheard && now.Sub(i.turnAt) < turnLead+maxUnheardTurn
}

// leave waits for the end of the goodbye.
func (i *idle) leave(l idleLook, now time.Time) (do idleDo, next time.Time) {
	if l.playing {
		i.begun, i.quietAt = true, now
	}
	if i.believes(l, now) {
		i.quietAt = now
	}
	next = earliest(i.leaveAt.Add(maxGoodbye), i.quietAt.Add(goodbyeWait))
	if !now.Before(next) || i.begun && !l.busy && !l.speaking {
		return idleEnd, now
	}
	return idleNothing, next
}
