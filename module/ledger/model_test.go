package ledger

import (
	"fmt"
	"math/rand/v2"
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
	heldItems   []*record
	draining    bool

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
	early         bool // the caller speaks, and will interrupt when enough has been heard
}

func newWorld(seed uint64) *world {
	rng := rand.New(rand.NewPCG(seed, 1))
	p, _ := realtime.ProviderFor(nil, "openai")
	w := &world{traits: randomTraits(rng), rng: rng, seed: seed, now: time.Unix(1000, 0), timers: map[int][]func(){},
		player: &fakePlayer{rng: rng}, creations: map[string]*creation{}, sentItems: map[string]*record{},
		discarded: map[*sResponse]bool{}, silenced: map[*sResponse]bool{}, speech: map[string]int{}, pairs: map[string]int{}, turned: map[string]int{}}
	w.barge = []BargeIn{{}, {}, {Off: true}, {Min: time.Second}}[rng.IntN(4)]
	w.l = New(p, w.barge)
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
		w.said = fmt.Sprintf(format, args...)
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
	w.server = &server{w: w, connection: w.connects, items: map[string]*sItem{}}
	w.down, w.back = nil, nil
	w.server.emit(w.restored, `{"type":"session.created","session":{"turn_detection":{"type":"server_vad","interrupt_response":%v,"create_response":%v}}}`,
		w.interrupts, w.creates)
}

// restored tells the ledger that the session is open, and holds what it says against the record.
func (w *world) restored() {
	var want []string
	var told []*record
	for _, r := range w.record {
		if line := r.line(); line != "" {
			want, told = append(want, line), append(told, r)
		}
	}
	todo, n := w.l.Connected(w.now)
	if w.connects > 1 {
		w.record = told
		if w.plain() {
			var got []string
			for _, msg := range todo.Send {
				if e := gjson.ParseBytes(msg); strings.HasPrefix(e.Get("event_id").Str, "oas_restore") {
					if got = append(got, lineOf(e.Get("item"))); len(got) <= len(told) {
						w.sentItems[e.Get("event_id").Str] = told[len(got)-1]
					}
				}
			}
			for n := range max(len(got), len(want)) {
				if g, v := append(got, "nothing")[min(n, len(got))], append(want, "nothing")[min(n, len(want))]; g != v {
					w.fail("the new session is told %q, want %q", g, v)
				}
			}
			if n.Items != len(got) {
				w.fail("%d items, it is told of %d", n.Items, len(got))
			}
		}
	}
	for _, r := range w.heldItems {
		w.enter(r)
	}
	w.heldItems = nil
	w.apply(todo)
}

// line is what a new session is to be told of an item, "" for nothing.
func (r *record) line() string {
	switch {
	case r.gone:
		return ""
	case r.callID != "":
		if r.raw == "" {
			return ""
		}
		return gjson.Get(r.raw, "type").Str + " " + r.callID
	}
	text := r.text
	if r.spoken && r.taken < r.came-wholeWithin {
		text = text[:int64(len(text))*int64(r.taken)/int64(r.came)]
	}
	if text == "" || r.spoken && r.came == 0 {
		return ""
	}
	return r.role + " " + text
}

func lineOf(item gjson.Result) string {
	if kind := item.Get("type").Str; kind != "message" {
		return kind + " " + item.Get("call_id").Str
	}
	return item.Get("role").Str + " " + item.Get("content.0.text").Str
}

// apply does what the ledger wants done.
func (w *world) apply(todo Todo) {
	if todo.Flush {
		w.player.flush()
	}
	for _, key := range todo.Finished {
		w.player.finish(key)
	}
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
	if e.Get("type").Str != "response.create" {
		return
	}
	id := e.Get("event_id").Str
	c := w.creations[id]
	if c == nil {
		c = &creation{id: id, bare: true, aside: e.Get("response.conversation").Str == "none"}
		w.creations[id], w.order = c, append(w.order, c)
	}
	if !c.aside && w.plain() {
		for _, other := range w.order {
			if other.fate != "" && !other.aside && other.connection == w.connects && !other.answered && !other.doubtful && other != c {
				w.fail("%s is sent while %s is under way", id, other.id)
			}
		}
	}
	if c.fate == "" || c.connection != w.connects {
		if c.fate != "started" {
			c.fate = "sent"
		}
	}
	c.connection, c.answered, c.doubtful = w.connects, false, false
}

func (w *world) seenCreated(r *sResponse) {
	if r.request != nil {
		r.request.answered = true
	}
	if r.aside {
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
		if e.Kind == realtime.KindSpeechStarted {
			expect = w.expectSilence(w.bargesIn(), false)
			w.early = !w.barge.Off && !w.bargesIn()
		}
		if e.Kind == realtime.KindSpeechStopped {
			w.early = false
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
	w.up, w.early, w.running = false, false, nil
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
	expect := func() {}
	if w.early && w.spoken() >= w.barge.Min {
		w.early = false
		expect = w.expectSilence(true, false)
	}
	w.apply(w.l.Played(told, w.now))
	w.apply(w.l.StillSpeaks(w.now))
	expect()
	if due := w.l.Due(); !due.IsZero() && !w.now.Before(due) {
		w.apply(w.l.Tick(w.now))
		if due := w.l.Due(); !due.IsZero() && !w.now.Before(due) {
			w.fail("due again at once")
		}
	}
	if !w.draining {
		w.events()
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
		w.callerUntil = w.step + 5 + w.rng.IntN(150)
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
