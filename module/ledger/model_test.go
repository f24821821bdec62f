package ledger

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/tidwall/gjson"

	"mod_openai_audio_stream/module/realtime"
)

// The world of a random schedule: the line between ledger and server, the client, the caller, and the model's own
// record of what has become of everything.

const maxLatency = 8 // steps

// wire is a message under way.
type wire struct {
	at       int
	msg      []byte
	d        time.Duration // of an audio delta
	response *sResponse
	item     *sItem
	seen     func() // the model's record, when it arrives
}

type world struct {
	traits
	barge BargeIn
	rng   *rand.Rand
	seed  uint64
	step  int
	now   time.Time
	log   []string // the last of what happened
	said  string   // the first violation

	l                                                 *Ledger
	player                                            *fakePlayer
	server                                            *server
	up                                                bool
	connects, comeBack, numbers, responsesHere, usage int
	down, back                                        []wire // from the server, to the server
	timers                                            map[int][]func()

	callerUntil int // the caller speaks, or is silent, until this step
	speaking    bool
	muted       bool
	everMuted   bool
	everAside   bool
	forgets     bool // the ledger has as many items as it remembers
	heldItems   []*record
	draining    bool

	calls   map[string]*sCall
	callers []*sResponse    // that make them
	excused map[string]bool // calls that the server does not know, which the client need not know
	owed    bool            // an answer that was lost with its connection, or given up
	turnDue bool            // the answer to the caller's turn
	waits

	creations map[string]*creation
	order     []*creation
	sentItems map[string]*record  // by event id
	record    []*record           // the conversation as it was heard
	running   *sResponse          // that the client knows of
	discarded map[*sResponse]bool // may not be played
	silenced  map[*sResponse]bool

	speech        map[string]int // SpeechStarted without SpeechStopped, by response
	pairs, turned map[string]int
	turns         int
	interruptions int
	voice         voice
	greeted       bool
}

func newWorld(seed uint64) *world {
	rng := rand.New(rand.NewPCG(seed, 1))
	p, _ := realtime.ProviderFor(nil, "openai")
	w := &world{traits: randomTraits(rng), rng: rng, seed: seed, now: time.Unix(1000, 0), timers: map[int][]func(){},
		player: &fakePlayer{rng: rng}, creations: map[string]*creation{}, sentItems: map[string]*record{},
		discarded: map[*sResponse]bool{}, silenced: map[*sResponse]bool{}, calls: map[string]*sCall{}, excused: map[string]bool{}, speech: map[string]int{}, pairs: map[string]int{}, turned: map[string]int{}}
	w.barge = randomBargeIn(rng)
	w.deaf = w.barge.byVoice() && rng.IntN(4) == 0
	w.creates = w.creates && !w.barge.Answers && !w.deaf
	w.cancels = w.cancels && !w.barge.byVoice() && w.barge.Greeting == 0
	w.waits = randomWaits(rng, w.hangs)
	w.l = New(p, w.barge)
	w.l.Bind(func(name string) bool { return name == ourFunction })
	w.connect()
	return w
}

func (w *world) number() int { w.numbers++; return w.numbers }

func (w *world) later(steps int, do func()) {
	w.timers[w.step+1+steps] = append(w.timers[w.step+1+steps], do)
}

func (w *world) note(format string, args ...any) {
	if len(w.log) == logged {
		w.log = w.log[1:]
	}
	w.log = append(w.log, fmt.Sprintf("%5d ", w.step)+fmt.Sprintf(format, args...))
}

func (w *world) fail(format string, args ...any) {
	if w.said == "" {
		w.said = fmt.Sprintf(format, args...) + fmt.Sprintf(" (%+v)", w.barge)
	}
}

func (w *world) arrival(line []wire) int {
	at := w.step + 1 + w.rng.IntN(maxLatency)
	if n := len(line); n > 0 {
		at = max(at, line[n-1].at)
	}
	return at
}

func (w *world) toClient(m wire) {
	m.at = w.arrival(w.down)
	w.down = append(w.down, m)
}

// last is the last message to the client.
func (w *world) last() *wire { return &w.down[len(w.down)-1] }

// enter appends to the record what the client has learnt to be a part of the conversation.
func (w *world) enter(r *record) {
	for _, old := range w.record {
		if old == r {
			return
		}
	}
	w.record = append(w.record, r)
}

// connect opens a connection; the session's first word is under way.
func (w *world) connect() {
	w.up, w.connects, w.responsesHere = true, w.connects+1, 0
	w.server = &server{w: w, connection: w.connects, items: map[string]*sItem{},
		knows: map[string]*sItem{}, outputs: map[string]bool{}}
	w.down, w.back = nil, nil
	detection := fmt.Sprintf(`{"type":"server_vad","interrupt_response":%v,"create_response":%v}`, w.cancels, w.creates)
	if w.deaf {
		detection = "null"
	}
	w.server.emit(w.restored, `{"type":"session.created","session":{"turn_detection":%s}}`, detection)
}

// apply does what the ledger wants done.
func (w *world) apply(todo Todo) {
	if todo.Flush {
		w.player.flush()
	}
	w.player.held = w.l.Paused()
	for _, key := range todo.Finished {
		w.player.finish(key)
	}
	w.calledFor(todo)
	for _, msg := range todo.Send {
		if !w.l.connected {
			w.fail("%s is sent to no connection", msg)
			return
		}
		w.note("-> %s", msg)
		w.sends(msg)
		w.back = append(w.back, wire{at: w.arrival(w.back), msg: msg})
	}
	for _, r := range todo.Reports {
		w.note("== %T%+v", r, r)
		w.reported(r)
	}
}

// sends follows a request on its way out.
func (w *world) sends(msg []byte) {
	e := gjson.ParseBytes(msg)
	id := e.Get("event_id").Str
	if item := e.Get("item"); item.Get("type").Str == "function_call_output" && !strings.HasPrefix(id, "oas_restore") {
		w.sendsOutput(id, item)
	}
	if r := w.sentItems[id]; slices.Contains(w.heldItems, r) {
		w.enter(r)
	}
	if e.Get("type").Str == "response.cancel" {
		delete(w.toCancel, e.Get("response_id").Str)
	}
	if e.Get("type").Str != "response.create" {
		return
	}
	c := w.creations[id]
	first := c == nil
	if first {
		c = &creation{id: id, own: true, aside: e.Get("response.conversation").Str == "none"}
		w.creations[id], w.order = c, append(w.order, c)
	}
	if c.own {
		w.goesOn(c, first)
	}
	w.again = w.again && c.aside
	if !c.aside && w.plain() {
		for _, other := range w.order {
			if other.fate != "" && !other.aside && other.connection == w.connects && !other.answered && !other.doubtful && other != c {
				if other.fate == "passed over" && (!w.errorIDs || w.now.Sub(other.sentAt) >= maxUnanswered) {
					other.excused = true // any error may have been about it
					continue
				}
				w.fail("%s is sent while %s is under way", id, other.id)
			}
		}
	}
	if c.fate == "" || c.connection != w.connects {
		if c.fate != "started" {
			c.fate = "sent"
		}
	}
	c.connection, c.sentAt, c.answered, c.doubtful = w.connects, w.now, false, false
}

func (w *world) seenCreated(r *sResponse) {
	if r.request != nil {
		r.request.answered = true
	}
	w.passedOver(r)
	if r.aside {
		w.seenAside(r)
		return
	}
	if q := w.l.requests.asked; q != nil && q.cancelled {
		w.silenced[r] = true
	}
	w.doubt() // it may count as the answer to what is under way
	w.running = r
}

// doubt notes that what is under way may count as settled.
func (w *world) doubt() {
	for _, c := range w.order {
		if !c.answered && c.connection == w.connects {
			c.doubtful = true
		}
	}
}

func (w *world) seenDone(r *sResponse) {
	if r.request != nil {
		r.request.answered = true
	}
	if w.running == r {
		w.running = nil
	}
	r.seenOver = true
}

func (w *world) reported(r Report) {
	id := ""
	if !w.renumbers && w.plain() {
		switch r := r.(type) {
		case SpeechStarted:
			id = r.ResponseID
		case SpeechStopped:
			id = r.ResponseID
		case Turn:
			id = r.ResponseID
		}
	}
	switch r := r.(type) {
	case SpeechStarted:
		w.speech[id]++
		w.pairs[id]++
	case SpeechStopped:
		w.speech[id]--
	case Turn:
		w.turns++
		w.turned[id]++
		if id != "" && w.turned[id] > 1 {
			w.fail("two turns of %s", id)
		}
		if id != "" && w.speech[id] != 0 {
			w.fail("the turn of %s before its end", id)
		}
		if r.Played < 0 {
			w.fail("%v played", r.Played)
		}
	}
	if id == "" {
		return
	}
	if n := w.speech[id]; n < 0 || n > 1 {
		w.fail("speech of %s began and ended in no order", id)
	}
	if w.pairs[id] > 1 && !w.everMuted && !w.everAside { // an answer stops for another one
		w.fail("%s spoke twice", id)
	}
}

// deliver gives the ledger what has arrived.
func (w *world) deliver() {
	for len(w.down) > 0 && w.down[0].at <= w.step && w.said == "" {
		m := w.down[0]
		w.down = w.down[1:]
		e, err := realtime.Parse(m.msg)
		if err != nil {
			w.fail("%s: %v", m.msg, err)
			return
		}
		w.note("<- %s %v", m.msg, m.d)
		expect := func() {}
		switch e.Kind {
		case realtime.KindSpeechStarted:
			expect = w.expectSpeech()
		case realtime.KindSpeechStopped:
			w.look()
			expect = w.expectAnswer()
		}
		if m.seen != nil {
			m.seen()
		}
		switch e.Kind {
		case realtime.KindAudioDelta:
			key, play := w.l.Audio(&e, m.d, w.now)
			switch {
			case play && w.discarded[m.response]:
				w.fail("audio of %s is played although it was silenced", key)
			case !play && w.plain() && !w.discarded[m.response] && !w.silenced[m.response]:
				w.fail("audio of %s is not played", key)
			case play && !w.muted:
				taken := w.player.add(key, m.response, m.item, e.ItemID, m.d)
				w.l.Queued(key, &e, taken)
			}
		case realtime.KindError:
			todo, _ := w.l.Error(&e.Error, w.now)
			w.apply(todo)
		default:
			w.apply(w.l.Server(&e, w.now.Add(-200*time.Millisecond), w.now))
		}
		expect()
		w.check()
		w.checkCancelled()
	}
	for len(w.back) > 0 && w.back[0].at <= w.step && w.up && w.said == "" {
		m := w.back[0]
		w.back = w.back[1:]
		w.server.receive(m.msg)
	}
}

// lose ends the connection. planned: at a quiet moment, by the client.
func (w *world) lose(planned bool) {
	w.note("the connection is lost (planned %v)", planned)
	w.lostCalls()
	w.up, w.running = false, nil
	w.down, w.back = nil, nil
	if w.speaking {
		w.server.speaking = ""
	}
	if !w.l.connected {
		return // its session was not open yet
	}
	for _, r := range w.l.responses.all {
		if r.connection == w.l.connection && r.request != nil {
			if c := w.creations[r.request.eventID]; c.begun == nil || c.begun.connection != w.connects {
				c.excused = true // its refusal was under way
			}
		}
	}
	w.voice.open, w.toCancel = false, map[string]bool{}
	key := w.l.Repeatable()
	withdrawn := key != "" && w.player.withdraw(key)
	w.apply(w.l.Lost(withdrawn, w.now))
}

// oneStep lets 20 ms pass.
func (w *world) oneStep() {
	w.step++
	w.now = w.now.Add(frame)
	for _, do := range w.timers[w.step] {
		do()
	}
	delete(w.timers, w.step)
	if w.up {
		w.server.work()
	}
	w.deliver()
	told := w.player.step()
	w.apply(w.l.Played(told, w.now))
	check := w.expectVoice()
	if w.l.Hears(w.voice.lasted, w.now) {
		w.apply(w.l.Decide(w.now))
	}
	check()
	w.checkPause()
	w.watch()
	if due := w.l.Due(); !due.IsZero() && !w.now.Before(due) {
		w.apply(w.l.Tick(w.now))
		if due := w.l.Due(); !due.IsZero() && !w.now.Before(due) {
			w.fail("due again at once")
		}
	}
	if !w.draining {
		w.events()
	}
	if w.draining || w.rng.IntN(30) == 0 {
		w.functions()
	}
	if w.l.Quiet(w.now) {
		w.owed = false
	}
	w.check()
}

// events of chance.
func (w *world) events() {
	if w.rng.IntN(25) == 0 {
		w.client()
	}
	if w.step >= w.callerUntil {
		w.speaking = !w.speaking
		w.callerUntil = w.step + 5 + w.rng.IntN(1+w.rng.IntN(200))
		if w.up {
			w.server.speech(w.speaking)
		}
	}
	switch {
	case !w.up:
		if w.comeBack--; w.comeBack <= 0 {
			w.connect()
		}
	case w.drops && w.rng.IntN(300) == 0:
		w.lose(false)
		w.comeBack = 1 + w.rng.IntN(60)
	case w.drops && w.rng.IntN(100) == 0 && w.l.Quiet(w.now):
		w.lose(true)
		w.connect()
	}
}
