package stream

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"mod_openai_audio_stream/module/realtime"
)

// Local audio in the agent's place: what a profile has played to the caller, hold music, fillers. It is neither reported nor
// counted as heard, and the model never hears it. The player plays it (local.go); here is how it gets there. A goroutine of
// each sound's own opens and reads it, because a disk or a music server may take seconds for that.

const (
	soundPiece  = 200 * time.Millisecond // read at once
	soundAhead  = 300 * time.Millisecond // of what waits for the ring: with less, the next piece is asked for
	soundStall  = 5 * time.Second        // a sound that gives nothing for so long is given up: answers may wait behind it
	soundRetry  = 20 * time.Millisecond  // until the next look at a source that has nothing now
	shortestLap = 100 * time.Millisecond // of a loop: a shorter one would be opened all the time
	// maxSoundRest bounds how long a stream that is over waits for the end of sounds: nobody knows how long they are.
	maxSoundRest = time.Minute
)

var (
	errInterrupted   = errors.New("interrupted")
	errTooManySounds = errors.New("too many sounds and answers wait to be heard")
)

// sound is one that is played, or about to be.
type sound struct {
	path   string
	done   func(err error, now time.Time) // nil of a loop
	filler bool                           // it is a loop that the filler asked for

	audio  *answer       // the player's; nil if it had no room
	err    error         // why it ends before its end
	read   bool          // all of it, or as much as there will be
	asked  time.Time     // since when the reader is to bring the next piece; zero: it is not
	wanted chan struct{} // has one when it is
	stop   chan struct{} // closed when no more is wanted
}

// playSound plays a sound once, behind what the caller is about to hear. done is called once by the stream's owner: when all
// has been heard, with an error if it was interrupted, failed, or the stream has ended.
func (s *Stream) playSound(path string, done func(err error, now time.Time)) {
	hz := s.player.soundHz()
	snd := &sound{path: path, done: done, audio: s.player.queueSound(hz)}
	if snd.audio == nil {
		snd.err = errTooManySounds
	}
	s.startSound(snd, hz)
	if !s.endAt.IsZero() {
		s.endAt = later(s.endAt, time.Now().Add(maxSoundRest))
	}
}

// startLoop plays a sound again and again from when the caller has heard all that there is, until stopLoop or the first audio
// of the model's that follows. It takes the place of another loop.
func (s *Stream) startLoop(path string) { s.loopSound(&sound{path: path}) }

func (s *Stream) loopSound(snd *sound) {
	s.player.endLoop()
	hz := s.player.soundHz()
	snd.audio = s.player.setLoop(hz)
	s.startSound(snd, hz)
}

// stopLoop fades the loop out, if there is one.
func (s *Stream) stopLoop(time.Time) { s.player.endLoop() }

// loop is the one that plays or is about to, nil if there is none.
func (s *Stream) loop() *sound {
	for _, snd := range s.sounds {
		if snd.done == nil && snd.audio == s.player.loop {
			return snd
		}
	}
	return nil
}

// interruptSounds ends the sounds that play once, as an interruption does that finds nothing of the model's to interrupt.
func (s *Stream) interruptSounds(now time.Time) {
	if s.player.sounding() {
		s.player.flush(now)
	}
}

func (s *Stream) startSound(snd *sound, hz int) {
	snd.wanted, snd.stop = make(chan struct{}, 1), make(chan struct{})
	s.sounds = append(s.sounds, snd)
	s.playAt = time.Now() // to be read, also where this tick has looked after the player already
	if snd.audio == nil {
		return
	}
	r := &soundReader{
		open: func() (Sound, error) { return s.host.OpenSound(s.cfg.UUID, snd.path, hz) },
		loop: snd.done == nil, hz: hz, pcm: make([]int16, timeSamples(soundPiece, hz)), wanted: snd.wanted, stop: snd.stop,
		give: func(pcm []int16, err error) { s.own(func(time.Time) { s.soundRead(snd, pcm, err) }) },
	}
	s.goHolding(r.run)
}

// soundRead takes a piece from a sound's reader, which is the last one if there is an error: io.EOF at the end.
func (s *Stream) soundRead(snd *sound, pcm []int16, err error) {
	snd.asked = time.Time{}
	if snd.read || len(pcm) > 0 && !s.player.addSound(snd.audio, pcm) {
		return // it is over, which soundEnds notes
	}
	if err == nil {
		return
	}
	if err != io.EOF {
		snd.err = fmt.Errorf("sound %q: %w", snd.path, err)
	}
	s.finishSound(snd)
}

// finishSound lets the caller hear what has come of a sound, and no more.
func (s *Stream) finishSound(snd *sound) {
	snd.read = true
	switch {
	case snd.done != nil:
		s.player.finishSound(snd.audio)
	case snd.audio == s.player.loop:
		s.player.endLoop()
	}
}

// tendSounds follows the sounds after the player has run. It returns when it wants to be called again, the zero time if not
// before something happens, and whether the player has to run again.
func (s *Stream) tendSounds(now time.Time) (next time.Time, again bool) {
	for _, snd := range s.sounds {
		switch {
		case snd.read || snd.audio == nil:
		case snd.asked.IsZero():
			if snd.audio.ahead() < soundAhead {
				snd.asked = now
				snd.wanted <- struct{}{} // there is room: the last one was taken before asked was cleared
			}
		case snd.done != nil && now.Sub(snd.asked) >= soundStall:
			snd.err = fmt.Errorf("sound %q: no audio for %v", snd.path, soundStall)
			s.finishSound(snd)
			again = true
		}
		if snd.done != nil && !snd.read && !snd.asked.IsZero() {
			next = earliest(next, snd.asked.Add(soundStall))
		}
	}
	return next, s.soundEnds(now) || again
}

// soundEnds lets go of the sounds that are over, and tells of it, which may lead to anything.
func (s *Stream) soundEnds(now time.Time) (told bool) {
	if len(s.sounds) == 0 {
		return false
	}
	var over []*sound
	ended := s.player.takeEnded()
	s.sounds = slices.DeleteFunc(s.sounds, func(snd *sound) bool {
		i := slices.IndexFunc(ended, func(e soundEnd) bool { return e.audio == snd.audio })
		if i < 0 && snd.audio != nil {
			return false
		}
		if snd.err == nil && !ended[i].whole {
			snd.err = errInterrupted
		}
		over = append(over, snd)
		return true
	})
	for _, snd := range over {
		s.tellSoundEnd(snd, now)
	}
	return len(over) > 0
}

func (s *Stream) tellSoundEnd(snd *sound, now time.Time) {
	close(snd.stop)
	switch {
	case snd.done != nil:
		snd.done(snd.err, now)
	case snd.err != errInterrupted:
		s.log.Warn().Msg(snd.err.Error()) // a loop has no other end
	}
}

// endSounds ends all of them with the stream.
func (s *Stream) endSounds(now time.Time) {
	sounds := s.sounds
	s.sounds = nil
	for _, snd := range sounds {
		snd.err = ErrEnded
		if snd.done == nil {
			snd.err = errInterrupted
		}
		s.tellSoundEnd(snd, now)
	}
}

// tickFiller does what is due of the filler.
func (s *Stream) tickFiller(now time.Time) {
	loop := s.loop()
	do := s.filler.tick(silence{
		awaited: s.endAt.IsZero() && s.ledger.Awaiting(now),
		quiet: s.endAt.IsZero() && loop == nil && s.player.silent() && !s.player.sounding() && s.player.holders == 0 &&
			!s.ledger.Speaking(),
		canSay: s.conn.link.ready() && !s.muteOpenAI,
	}, now)
	if do == (fillerStep{}) {
		return
	}
	s.playAt = now // for what it leads to
	switch {
	case do.end.says():
		s.act(s.ledger.Forgo(s.sayID(), now), now)
	case do.end.what != "" && loop != nil && loop.filler:
		s.stopLoop(now)
	}
	switch {
	case do.begin.says():
		s.said++
		msg := realtime.WithEventID(realtime.ResponseAside(do.begin.text()), s.sayID())
		_, _ = s.client("", now, msg) // refused only when much waits already
	case do.begin.what != "":
		s.loopSound(&sound{path: do.begin.what, filler: true})
	}
}

// sayID marks the request for the filler that was spoken last.
func (s *Stream) sayID() string { return fmt.Sprintf("oas_filler_%d", s.said) }

// soundReader reads one sound, on a goroutine of its own.
type soundReader struct {
	open   func() (Sound, error)
	give   func(pcm []int16, err error) // pcm is copied
	loop   bool
	hz     int
	pcm    []int16
	wanted <-chan struct{} // has one when a piece is to be given
	stop   <-chan struct{}

	source Sound // nil: not open
	lap    int   // samples since it was opened
}

func (r *soundReader) run() {
	defer r.close()
	for {
		select {
		case <-r.wanted:
		case <-r.stop:
			return
		}
		n, err := r.next()
		if err == errSoundStopped {
			return
		}
		r.give(r.pcm[:n], err)
		if err != nil {
			return
		}
	}
}

// errSoundStopped is next's when stop is closed.
var errSoundStopped = errors.New("stopped")

// next reads the next piece into r.pcm. A loop begins again at its end.
func (r *soundReader) next() (n int, err error) {
	for n == 0 && err == nil {
		select {
		case <-r.stop:
			return 0, errSoundStopped
		default:
		}
		if r.source == nil {
			if r.source, err = r.open(); err != nil {
				r.source = nil
				return 0, err
			}
			r.lap = 0
		}
		n, err = r.source.Read(r.pcm)
		r.lap += n
		switch {
		case err == io.EOF && r.loop:
			r.close()
			if err = nil; r.lap < int(timeSamples(shortestLap, r.hz)) {
				err = fmt.Errorf("%v of audio, expected %v at least to play it again and again",
					samplesTime(uint64(r.lap), r.hz), shortestLap)
			}
		case err == nil && n == 0:
			r.wait()
		}
	}
	return n, err
}

// wait lets a source that has nothing now get something.
func (r *soundReader) wait() {
	t := time.NewTimer(soundRetry)
	defer t.Stop()
	select {
	case <-t.C:
	case <-r.stop:
	}
}

func (r *soundReader) close() {
	if r.source != nil {
		r.source.Close()
		r.source = nil
	}
}
