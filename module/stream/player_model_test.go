package stream

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"mod_openai_audio_stream/module/block"
	"mod_openai_audio_stream/module/ledger"
)

// Random schedules of all that can happen to a player, against a few plain rules.

// trial is one schedule.
type trial struct {
	*stage
	*rand.Rand
	seed     uint64
	reports  []ledger.Playback
	pcm      func(id string, n int) []int16 // audio of a response
	added    map[string][]int16             // what of it was taken
	began    map[string]bool                // added, and not withdrawn since
	ids      []string                       // in the order of their first audio
	gone     map[string]time.Duration       // withdrawn
	number   int                            // of the present response, times 4
	changes  int                            // of the channel's rate
	pausable bool                           // parts end before their response does
	lent     int                            // blocks, before it

	soundPCM func(n int) []int16
	sounds   []*trialSound // in the order in which they were queued, loops among them
}

// trialSound is a sound of a schedule.
type trialSound struct {
	audio *answer
	loop  bool
	added []int16
	ends  []soundEnd
	done  bool // it was finished when it ended
	from  int  // of what the channel was given when the loop had to be silent; 0: it had not
}

func newTrial(t *testing.T, seed uint64, sourceHz int) *trial {
	r := rand.New(rand.NewPCG(seed, 3))
	d := &trial{Rand: r, seed: seed, stage: newStage(t, sourceHz, 8000), added: map[string][]int16{},
		gone: map[string]time.Duration{}, began: map[string]bool{}, pausable: r.IntN(2) == 0, lent: block.Lent()}
	d.rings.capacity = []int{1000, 4000, 32 << 10}[r.IntN(3)]
	d.player = newPlayer(d.rings, sourceHz, []time.Duration{300 * time.Millisecond, 2 * time.Second, time.Minute}[r.IntN(3)])
	return d
}

func (d *trial) fail(format string, args ...any) {
	d.Helper()
	d.Fatalf("seed %d: %s\nreports %v", d.seed, fmt.Sprintf(format, args...), d.reports)
}

// turn does one thing, and then plays some frames.
func (d *trial) turn(rates []int) {
	id := string(rune('A' + d.number/4 + d.IntN(2))) // the present response, or the next
	d.number += d.IntN(2)
	switch n := d.IntN(26); {
	case n >= 20:
		d.soundTurn(n - 20)
	case n < 9:
		pcm := d.pcm(id, 1+d.IntN(d.sourceHz/2))
		begun := d.loopBegun
		kept := len(pcm) - d.add(id, fmt.Sprint("item", d.IntN(2)), d.IntN(2), slices.Clone(pcm))
		if kept > 0 && !d.began[id] {
			d.began[id] = true
			d.ids = append(d.ids, id)
		}
		d.added[id] = append(d.added[id], pcm[:kept]...)
		if l := d.lastLoop(); l != nil && begun && kept > 0 && l.from == 0 {
			l.from = len(d.rings.heard)
		}
	case n < 11:
		d.finish(id)
	case n < 13 && d.pausable:
		d.partDone(id)
	case n == 13:
		d.player.flush(d.now)
	case n == 14:
		before := d.unstopped(id)
		if d.withdraw(id) {
			d.gone[id] += before
			d.began[id] = false
		}
	case n == 15:
		d.hold([]holder{byCommand, byCaller}[d.IntN(2)], d.IntN(2) == 0)
	case n == 16:
		d.rings.stuck = d.IntN(2) == 0
	case n == 17:
		d.finishAll()
	case n >= 18 && len(rates) > 0:
		d.rings.rateHz = rates[d.IntN(len(rates))]
		d.changes++
	}
	for range d.IntN(15) {
		d.frame()
	}
}

// soundTurn does something with the sounds.
func (d *trial) soundTurn(n int) {
	switch {
	case n == 0:
		if a := d.queueSound(d.rings.rateHz); a != nil {
			d.sounds = append(d.sounds, &trialSound{audio: a})
		}
	case n == 1 && d.loop == nil:
		d.sounds = append(d.sounds, &trialSound{audio: d.setLoop(d.rings.rateHz), loop: true})
	case n == 1 && d.IntN(3) == 0:
		d.endLoop()
		d.lastLoop().from = len(d.rings.heard)
	case n == 2:
		d.flushAnswers(d.now)
	case len(d.sounds) > 0:
		s := d.sounds[max(len(d.sounds)-1-d.IntN(3), 0)]
		pcm := d.soundPCM(1 + d.IntN(1500))
		if !s.audio.done && d.addSound(s.audio, slices.Clone(pcm)) {
			s.added = append(s.added, pcm...)
		}
		if n == 3 && !s.loop {
			d.finishSound(s.audio)
		}
	}
}

func (d *trial) lastLoop() *trialSound {
	for _, s := range slices.Backward(d.sounds) {
		if s.loop {
			return s
		}
	}
	return nil
}

// unstopped is how much there is of a response that has not been told to the end.
func (d *trial) unstopped(id string) (n time.Duration) {
	for _, r := range d.progress(nil) {
		if r.Played > r.Received || r.ResponseID == "" {
			d.fail("%v", r)
		}
		if r.ResponseID == id {
			n += r.Received
		}
	}
	return n
}

func (d *trial) frame() {
	_, reports := d.run(d.now)
	d.reports = append(d.reports, reports...)
	d.soundEnds()
	d.rings.play(d.rings.rateHz / 50)
	d.now = d.now.Add(20 * time.Millisecond)
	if d.waiting < 0 {
		d.fail("%d samples wait", d.waiting)
	}
}

func (d *trial) soundEnds() {
	for _, e := range d.takeEnded() {
		i := slices.IndexFunc(d.sounds, func(s *trialSound) bool { return s.audio == e.audio })
		d.sounds[i].ends = append(d.sounds[i].ends, e)
		d.sounds[i].done = e.audio.done
	}
}

// end plays out what is left, or stops in its midst.
func (d *trial) end() {
	if d.IntN(4) == 0 {
		d.reports = append(d.reports, d.stop()...)
		d.soundEnds()
		return
	}
	d.rings.stuck = false
	d.hold(byCommand, false)
	d.hold(byCaller, false)
	d.finishAll()
	for _, s := range d.sounds {
		if !s.loop {
			d.finishSound(s.audio)
		}
	}
	for range 50 * 120 {
		if d.frame(); !d.busy() && !d.flushPending() {
			d.endLoop()
			d.soundEnds()
			if d.waiting != 0 {
				d.fail("%d samples wait", d.waiting)
			}
			return
		}
	}
	d.fail("the player does not come to an end")
}

// check looks whether the reports are in order. It returns how much was played and received of each response, and the
// responses in the order in which they began.
func (d *trial) check() (played, received map[string]time.Duration, order []string) {
	d.Helper()
	if n := block.Lent(); n != d.lent {
		d.fail("%d blocks are lost", n-d.lent)
	}
	played, received = map[string]time.Duration{}, map[string]time.Duration{}
	var open string
	var sum time.Duration
	for i, s := range d.sounds {
		if len(s.ends) != 1 {
			d.fail("sound %d ends %d times", i, len(s.ends))
		}
	}
	for _, r := range d.reports {
		if r.ResponseID == "" {
			d.fail("%v is told of a sound", r)
		}
		switch r.Kind {
		case ledger.Started:
			if open != "" {
				d.fail("%s starts before %s has stopped", r.ResponseID, open)
			}
			open = r.ResponseID
			order = append(order, r.ResponseID)
		case ledger.Stopped:
			if open != "" && open != r.ResponseID || open == "" && sum > 0 {
				d.fail("%s stops, %q has started, %v was played", r.ResponseID, open, sum)
			}
			open, sum = "", 0
		default:
			if r.Played > r.Received || r.Kind == ledger.Cut && r.Played == r.Received {
				d.fail("%v", r)
			}
			if open != "" && open != r.ResponseID {
				d.fail("%v within %s", r, open)
			}
			sum += r.Played
			played[r.ResponseID] += r.Played
			received[r.ResponseID] += r.Received
		}
	}
	if open != "" {
		d.fail("%s does not stop", open)
	}
	for id, pcm := range d.added {
		want := samplesTime(uint64(len(pcm)), d.sourceHz)
		if off := received[id] + d.gone[id] - want; off.Abs() > time.Microsecond {
			d.fail("%v and %v withdrawn are told of %s, %v were added", received[id], d.gone[id], id, want)
		}
	}
	return played, received, order
}

// At one rate each sample can be told from all others.
func TestPlayerModel(t *testing.T) {
	for seed := range uint64(300) {
		d := newTrial(t, seed, 8000)
		var count int
		of := map[int16]string{}
		d.pcm = func(id string, n int) []int16 {
			pcm := make([]int16, min(n, 65535-count))
			for i := range pcm {
				if count++; count == 1<<15 {
					count++ // it would be 0 in its lower half
				}
				pcm[i] = int16(uint16(count))
				of[pcm[i]] = id
			}
			return pcm
		}
		const aSound = "a sound"
		d.soundPCM = func(n int) []int16 { return d.pcm(aSound, n) }
		for range 60 {
			d.turn(nil)
		}
		d.end()
		played, _, order := d.check()
		d.checkSounds()

		var heardOrder []string
		heard := map[string][]int16{}
		for _, v := range d.loud() {
			id := of[v]
			if id == "" {
				t.Fatalf("seed %d: %d was heard, nothing like it was added", seed, v)
			}
			if id == aSound {
				continue
			}
			if n := len(heardOrder); n == 0 || heardOrder[n-1] != id {
				heardOrder = append(heardOrder, id)
			}
			heard[id] = append(heard[id], v)
		}
		for id, pcm := range d.added {
			if got := samplesTime(uint64(len(heard[id])), 8000); got != played[id] {
				d.fail("%v heard of %s, %v told", got, id, played[id])
			}
			rest := pcm
			for _, v := range heard[id] {
				at := slices.Index(rest, v)
				if at < 0 {
					d.fail("%s is heard out of order", id)
				}
				rest = rest[at+1:]
			}
		}
		if order = slices.Compact(order); !slices.Equal(heardOrder, order) {
			d.fail("heard in the order %v, told %v", heardOrder, order)
		}
		if !d.pausable && len(d.gone) == 0 {
			if first := firsts(d.stops()); !slices.Equal(first, d.ids) {
				d.fail("told in the order %v, added in the order %v", first, d.ids)
			}
		}
	}
}

// checkSounds looks whether of each sound what was heard was heard once and in order, all of it if the player says so, and
// nothing of a loop when it had to be silent. Each sample can be told from all others.
func (d *trial) checkSounds() {
	d.Helper()
	at := map[int16]int{}
	for i, v := range d.rings.heard {
		if v == 0 {
			continue
		}
		if _, twice := at[v]; twice {
			d.fail("%d is heard twice", v)
		}
		at[v] = i
	}
	for i, s := range d.sounds {
		last, heard := -1, 0
		for _, v := range s.added {
			switch pos, ok := at[v]; {
			case !ok:
			case pos < last:
				d.fail("sound %d is heard out of order", i)
			case s.from > 0 && pos >= s.from:
				d.fail("the loop %d is heard at %d, it was over at %d", i, pos, s.from)
			default:
				last, heard = pos, heard+1
			}
		}
		if whole := heard == len(s.added) && s.done; whole != s.ends[0].whole && !s.loop {
			d.fail("%d of %d samples of sound %d are heard, done %v, the player says whole: %v", heard, len(s.added), i, s.done,
				s.ends[0].whole)
		}
	}
}

// stops are the responses in the order in which they stopped.
func (d *trial) stops() (ids []string) {
	for _, r := range d.reports {
		if r.Kind == ledger.Stopped {
			ids = append(ids, r.ResponseID)
		}
	}
	return ids
}

// firsts leaves of equal ids the first.
func firsts(ids []string) (first []string) {
	for _, id := range ids {
		if !slices.Contains(first, id) {
			first = append(first, id)
		}
	}
	return first
}

// While the channel changes its rate, responses are told apart by their loudness: each is three times as loud as the one
// before, or of the other sign.
func TestPlayerModelOfRates(t *testing.T) {
	steps := []float64{1200, 3600, 10800, -1200, -3600, -10800}
	for seed := range uint64(300) {
		d := newTrial(t, seed, []int{8000, 24000}[seed%2])
		step := func(id string) int { return int(id[0]-'A') % len(steps) }
		d.pcm = func(id string, n int) []int16 { return repeat(int16(steps[step(id)]), n) }
		d.soundPCM = func(n int) []int16 { return repeat(300, n) }
		var heard [6]time.Duration
		count := func() {
			for _, v := range d.rings.heard {
				for i, level := range steps {
					if x := float64(v) / level; x > 0.58 && x < 1.73 {
						heard[i] += samplesTime(1, d.rings.rateHz)
					}
				}
			}
			d.rings.heard = d.rings.heard[:0]
		}
		for range 40 {
			d.turn([]int{8000, 16000, 48000})
			count()
		}
		d.end()
		count()
		played, _, order := d.check()
		var told, edges [6]time.Duration
		for id, n := range played {
			told[step(id)] += n
		}
		for _, id := range order {
			edges[step(id)] += 2 * time.Millisecond
		}
		for i := range steps {
			if off := heard[i] - told[i]; off.Abs() > edges[i]+time.Duration(d.changes)*2*time.Millisecond {
				d.fail("%v heard, %v told of the responses of step %d", heard[i], told[i], i)
			}
		}
	}
}
