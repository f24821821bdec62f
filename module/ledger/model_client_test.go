package ledger

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/tidwall/gjson"

	"mod_openai_audio_stream/module/realtime"
)

// The client of a random schedule, and what it may expect when it or the caller interrupts.

// expectSilence notes what a barge-in or an interrupt has to stop, if it may, and returns the check that it did.
func (w *world) expectSilence(may, command bool) func() {
	w.look()
	if !may {
		return func() {}
	}
	stops := false
	var silent []*sResponse
	for _, a := range slices.Concat(w.player.flushing, w.player.answers) {
		if a.unheard() > 0 && !w.discarded[a.response] { // a flush that mute asked for may be under way
			stops = true
			silent = append(silent, a.response)
		}
	}
	if r := w.running; r != nil && w.l.connected && !w.silenced[r] {
		stops = true
		w.silenced[r] = true
	}
	if !command && w.l.connected {
		w.goesOnSpeaking()
	}
	if q := w.l.requests.asked; q != nil && (command || w.creations[q.eventID].turn) && !q.cancelled {
		stops = true
		w.creations[q.eventID].excused = true
	}
	if stops {
		w.interruptions++
	}
	return func() {
		for _, r := range silent {
			w.discarded[r] = true
		}
		if n := w.l.Totals().Interruptions; n != w.interruptions && w.plain() {
			w.fail("%d interruptions, want %d", n, w.interruptions)
		}
		if len(w.player.answers) > 0 && len(silent) > 0 {
			w.fail("the player was not flushed")
		}
	}
}

// look tells what the channel has played up to now.
func (w *world) look() {
	for _, a := range slices.Concat(w.player.flushing, w.player.answers) {
		w.apply(w.l.Played(a.tell(), w.now))
	}
}

// spoken is how much has been heard of the answer that plays.
func (w *world) spoken() (d time.Duration) {
	for _, a := range slices.Concat(w.player.flushing, w.player.answers) {
		if a.started {
			d = max(d, a.response.heard)
		}
	}
	return d
}

// client does something that a user might.
func (w *world) client() {
	var events [][]byte
	switch n := w.rng.IntN(100); {
	case n < 40:
		events = append(events, w.asks(false))
	case n < 50:
		events = append(events, w.says(), w.asks(false))
	case n < 60 && w.asides && (!w.silent || !w.creates && !w.hangs && w.errorIDs) && w.plain():
		w.everAside = true
		events = append(events, w.asks(true))
	case n < 70:
		events = append(events, w.says())
	case n < 75:
		events = append(events, []byte(`{"type":"session.update","session":{"instructions":"x"}}`))
	case n < 80:
		for _, r := range w.record {
			if strings.HasPrefix(r.raw, `{"id"`) && !r.gone && !r.ours && w.rng.IntN(3) == 0 {
				events = append(events, w.answers(r.callID), w.asks(false))
				break
			}
		}
	case n < 83:
		if msg := w.answersOurs(); msg != nil {
			events = append(events, msg, w.asks(false))
		}
	case n < 90:
		w.note("interrupt")
		check := w.expectSilence(true, true)
		w.voice.open, w.voice.paused, w.voice.over = false, false, false
		w.apply(w.l.Interrupt(w.now))
		check()
		return
	case n < 94 && w.mutes:
		if w.muted = !w.muted; w.muted {
			w.everMuted = true
			w.note("mute")
			w.apply(w.l.Mute(w.now))
		}
		return
	default:
		if i := w.anItem(); i != nil && w.l.connected {
			events = append(events, realtime.ItemDelete(i.id))
		}
	}
	w.clientSends(events...)
}

// clientSends has the client send events, and holds the ledger's word on them against the record.
func (w *world) clientSends(events ...[]byte) {
	given := false
	for _, msg := range events {
		c := w.calls[gjson.GetBytes(msg, "item.call_id").Str]
		given = given || c != nil && c.given
	}
	before := fmt.Sprint(len(w.l.requests.waiting), len(w.l.requests.asides), len(w.l.held), w.l.heldBytes, len(w.l.items.all))
	todo, held, err := w.l.Client(w.now, events...)
	if given && err == nil {
		w.fail("a second output is taken")
	}
	for _, msg := range events {
		w.note("client %v %v: %s", held, err, msg)
		id := realtime.EventID(msg)
		if err != nil {
			delete(w.creations, id)
			continue
		}
		if c := w.creations[id]; c != nil {
			w.order = append(w.order, c)
		}
		if r := w.sentItems[id]; r != nil {
			if w.calls[r.callID] != nil {
				continue // it is entered when it is sent
			}
			if held {
				w.heldItems = append(w.heldItems, r)
			} else {
				w.enter(r)
			}
		}
	}
	if after := fmt.Sprint(len(w.l.requests.waiting), len(w.l.requests.asides), len(w.l.held), w.l.heldBytes, len(w.l.items.all)); err != nil && before != after {
		w.fail("a refusal changed %s to %s", before, after)
	}
	w.apply(todo)
}

func (w *world) asks(aside bool) []byte {
	c := &creation{id: fmt.Sprintf("create_%d", w.number()), aside: aside}
	if w.barge.Greeting > 0 && !w.greeted && !aside {
		c.id, w.greeted = GreetingID, true
	}
	w.creations[c.id] = c
	if aside {
		for range w.rng.IntN(3) { // some twice
			w.later(w.rng.IntN(40), func() { w.forgo(c) })
		}
		return fmt.Appendf(nil, `{"type":"response.create","event_id":%q,"response":{"conversation":"none"}}`, c.id)
	}
	return realtime.WithEventID(realtime.ResponseSay(c.id), c.id)
}

func (w *world) says() []byte {
	id := fmt.Sprintf("says_%d", w.number())
	w.sentItems[id] = &record{role: "user", text: "typed " + id}
	return realtime.WithEventID(realtime.UserText(w.sentItems[id].text), id)
}

// answers is the output of a function.
func (w *world) answers(call string) []byte {
	msg := realtime.FunctionCallOutput(call, "done")
	id := fmt.Sprintf("output_%d", w.number())
	w.sentItems[id] = &record{callID: call, raw: gjson.GetBytes(msg, "item").Raw}
	return realtime.WithEventID(msg, id)
}

// anItem is one of the server's that the client may delete.
func (w *world) anItem() *sItem {
	for _, i := range w.server.inOrder {
		if i.record != nil && i.callID != "" && i.record.raw != "" && (i.raw != "" || w.echoes) && !i.deleted && w.rng.IntN(10) == 0 {
			return i
		}
		if i.record != nil && i.role == "user" && i.record.text != "" && w.echoes && !i.deleted {
			return i
		}
	}
	return nil
}
