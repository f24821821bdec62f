package ledger

import (
	"fmt"
	"slices"

	"github.com/tidwall/gjson"
)

// Functions in a random schedule: those of ours, how the server speaks of them, when they give their outputs; and what the
// server runs by itself.

// ourFunction is the one that is ours. The client's is called f.
const ourFunction = "act"

// wording is how a server speaks of calls.
type wording int

const (
	everything wording = iota
	itemOnly
	writtenOnly // response.function_call_arguments.done
	listedOnly  // by response.done
)

// sCall is a call of a function of ours.
type sCall struct {
	id       string
	item     *sItem
	response *sResponse
	reportAs string    // its response's name, as the ledger gave it
	entry    *response // what that named then

	written, complete bool // as the client has seen
	reported          bool
	given, byClient   bool
	reply             bool
	sent              bool
}

// settled reports whether no output of it is to come: it has gone, or the server does not know the call any more.
func (c *sCall) settled() bool { return c.sent || c.given && c.item.record.gone }

// replyDue reports whether the model is to go on after the outputs of a response's calls, and was not asked to yet.
func (r *sResponse) replyDue() bool {
	wanted := false
	for _, c := range r.calls {
		if c.complete && !c.settled() {
			return false
		}
		wanted = wanted || c.sent && c.reply
	}
	return wanted && !r.replied
}

// The server.

// planCalls has a response call functions, and run one itself.
func (r *sResponse) planCalls(s *server) {
	w := s.w
	for n := w.rng.IntN(4); n < 2 && w.acts && !w.draining; n++ {
		i := s.newItem("", "")
		i.record = &record{callID: fmt.Sprintf("ours_%d", w.number()), ours: true}
		i.callID = i.record.callID
		i.call = &sCall{id: i.callID, item: i, response: r}
		r.calls = append(r.calls, i.call)
		r.outputs = append(r.outputs, i)
		w.calls[i.callID] = i.call
	}
	if r.calls != nil {
		w.callers = append(w.callers, r)
	}
	if w.runs && w.rng.IntN(6) == 0 {
		i := s.newItem("", "")
		i.mcp = true
		r.outputs = append(r.outputs, i)
	}
}

// says is a call's item.
func (c *sCall) says(status string) string {
	return fmt.Sprintf(`{"id":%q,"type":"function_call","status":%q,"name":%q,"call_id":%q,"arguments":"{}"}`, c.item.id, status, ourFunction, c.id)
}

// generateCall does one step of a call: it is begun and written, then it is complete.
func (s *server) generateCall(r *sResponse, i *sItem) {
	c, how := i.call, s.w.wording
	if !r.begun {
		r.begun = true
		if how == everything {
			s.emit(nil, `{"type":"response.output_item.added","response_id":%q,"item":%s}`, r.id, c.says("in_progress"))
		}
		name := `,"name":"` + ourFunction + `"`
		if how == everything && s.w.byText {
			name = "" // an older server
		}
		if how == everything || how == writtenOnly {
			s.emit(func() { s.w.seenWritten(c) },
				`{"type":"response.function_call_arguments.done"%s,"call_id":%q%s,"arguments":"{}"}`, s.ids(r, i), c.id, name)
		}
		return
	}
	r.at, r.begun = r.at+1, false
	i.raw = c.says("completed")
	s.knows[c.id] = i
	for n := s.w.rng.IntN(10); n < 10 && (how == everything || how == itemOnly); n += 9 {
		s.emit(func() { s.w.seenComplete(c) }, `{"type":"response.output_item.done","response_id":%q,"item":%s}`, r.id, i.raw)
	}
}

// generateMCP does one step of a call that the server runs: it is begun, and some time later it has come to something.
func (s *server) generateMCP(r *sResponse, i *sItem) {
	item := fmt.Sprintf(`{"id":%q,"type":"mcp_call","name":"g","arguments":"{}","output":`, i.id)
	if !r.begun {
		r.begun, r.silent = true, s.w.step+s.w.rng.IntN(100)
		s.emit(func() { r.acted, s.mcp = true, s.mcp+1 }, `{"type":"response.output_item.added","response_id":%q,"item":%snull}}`, r.id, item)
		s.emit(nil, `{"type":"response.mcp_call.in_progress","item_id":%q}`, i.id)
		return
	}
	r.at, r.begun = r.at+1, false
	s.emit(func() { s.mcp-- }, `{"type":"response.mcp_call.%s","item_id":%q}`, []string{"completed", "failed"}[s.w.rng.IntN(2)], i.id)
	s.emit(nil, `{"type":"response.output_item.done","response_id":%q,"item":%s"it is"}}`, r.id, item)
}

// cutAction says what becomes of a call, or of the server's own, when its response is cancelled.
func (s *server) cutAction(r *sResponse, i *sItem) {
	switch {
	case i.mcp:
		s.emit(func() { s.mcp-- }, `{"type":"response.output_item.done","response_id":%q,"item":{"id":%q,"type":"mcp_call","status":"incomplete"}}`, r.id, i.id)
	case s.w.wording == everything || s.w.wording == itemOnly:
		s.emit(func() { i.call.written = false }, `{"type":"response.output_item.done","response_id":%q,"item":%s}`, r.id, i.call.says("incomplete"))
	}
}

// list is what the end of a response says of its calls, and what the client learns from that.
func (s *server) list(r *sResponse, status string) (output string, seen func()) {
	var items []string
	var learnt []*sCall
	for n, i := range r.outputs {
		switch how := s.w.wording; {
		case i.call == nil:
		case i.raw != "" && (how == everything || how == listedOnly):
			items, learnt = append(items, i.raw), append(learnt, i.call)
		case i.raw != "" && how == writtenOnly && status == "completed":
			learnt = append(learnt, i.call)
		case n == r.at && how == everything:
			items = append(items, i.call.says("incomplete"))
		}
	}
	if items != nil {
		output = `"output":[` + fmt.Sprint(items[0])
		for _, item := range items[1:] {
			output += "," + item
		}
		output += "],"
	}
	return output, func() {
		for _, c := range learnt {
			s.w.seenComplete(c)
		}
	}
}

// answered takes an output of a call, and reports whether the server does.
func (s *server) answered(event, id string) bool {
	i, w := s.knows[id], s.w
	switch c := w.calls[id]; {
	case i == nil || i.deleted:
		if w.plain() && !w.excused[id] {
			w.fail("output of the call %s, which the server does not know", id)
		}
		s.error(event, "invalid_tool_call_id", "no such call")
		return false
	case c == nil:
		return true
	case s.outputs[id]:
		w.fail("%s has two outputs", id)
	case c.response.connection == s.connection && !c.response.over && w.plain():
		w.fail("output of %s before the end of its response", id)
	}
	s.outputs[id] = true
	return true
}

// The client.

// seenWritten has a client answer before the call is complete, now and then.
func (w *world) seenWritten(c *sCall) {
	if c.written = true; !c.response.aside && w.plain() && w.rng.IntN(10) == 0 {
		w.later(0, func() {
			if c.written && !c.response.seenOver {
				w.clientSends(w.answers(c.id), w.asks(false))
			}
		})
	}
}

func (w *world) seenComplete(c *sCall) {
	if c.response.aside || c.complete {
		return
	}
	c.complete, c.response.acted = true, true
	c.item.record.raw = c.item.raw
	w.enter(c.item.record)
}

// calledFor takes the functions that are to be run, and those that need not.
func (w *world) calledFor(todo Todo) {
	for _, call := range todo.Calls {
		w.note("== call %+v", call)
		c := w.calls[call.ID]
		switch {
		case c == nil:
			w.fail("%s is no function of ours", call.ID)
			return
		case c.reported || c.given:
			w.fail("%s is to be run again", call.ID)
		case w.plain() && !c.complete:
			w.fail("%s is to be run, and is not complete", call.ID)
		case call.Name != ourFunction || call.Arguments != "{}":
			w.fail("%+v", call)
		}
		c.reported, c.reportAs, c.entry = true, call.ResponseID, w.l.responses.played(call.ResponseID)
	}
	for _, id := range todo.Answered {
		w.note("== answered %s", id)
		c := w.calls[id]
		if c.given {
			w.fail("%s has its output", id)
		}
		c.given, c.byClient = true, true
	}
}

// functions has one of them give its output: some do twice, some not before the end.
func (w *world) functions() {
	var running []*sCall
	for _, r := range w.callers {
		for _, c := range r.calls {
			if c.reported && (!c.given || !w.draining && w.rng.IntN(20) == 0) {
				running = append(running, c)
			}
		}
	}
	if len(running) == 0 {
		return
	}
	c := running[w.rng.IntN(len(running))]
	reply, late := w.rng.IntN(3) > 0, w.l.Totals().LateOutputs
	farewell := !reply && !c.given && w.rng.IntN(3) == 0
	todo, known := w.l.Output(c.id, "done", reply, w.now)
	w.note("output of %s: reply %v, known %v", c.id, reply, known)
	if known == c.given {
		w.fail("output of %s: known %v", c.id, known)
	}
	if got := w.l.Totals().LateOutputs - late; !known && got != 1 {
		w.fail("%d late outputs more, want 1", got)
	}
	if known {
		c.given, c.reply = true, reply
	}
	w.apply(todo)
	if farewell {
		w.clientSends(w.asks(false))
	}
}

// answersOurs is an output of the client's for a function of ours, nil if there is none to be answered.
func (w *world) answersOurs() []byte {
	for _, r := range w.callers {
		for _, c := range r.calls {
			if !r.aside && (c.reported || c.written && !r.seenOver && w.plain()) && w.rng.IntN(6) == 0 {
				return w.answers(c.id)
			}
		}
	}
	return nil
}

// sendsOutput follows an output on its way out.
func (w *world) sendsOutput(event string, item gjson.Result) {
	c := w.calls[item.Get("call_id").Str]
	if c == nil {
		return // the client's
	}
	switch {
	case !c.given:
		w.fail("%s has no output", c.id)
	case c.sent:
		w.fail("the output of %s is sent again", c.id)
	case !w.plain():
	case !c.complete:
		w.fail("output of %s, which is not complete", c.id)
	case !c.response.seenOver:
		w.fail("output of %s, whose response runs", c.id)
	case c.item.record.gone:
		w.fail("output of %s, which the server does not know any more", c.id)
	case !c.byClient:
		for _, before := range c.response.calls[:slices.Index(c.response.calls, c)] {
			if before.complete && !before.settled() && !w.forgets {
				w.fail("output of %s before that of %s", c.id, before.id)
			}
		}
	}
	c.sent = true
	rec := w.sentItems[event]
	if rec == nil {
		rec = &record{callID: c.id, raw: item.Raw}
		w.sentItems[event] = rec
	}
	w.enter(rec)
}

// goesOn follows a request of the ledger's own: it answers all that is due.
func (w *world) goesOn(c *creation, first bool) {
	for _, other := range w.order {
		back := other.fate == "active" || other.fate == "sent" && other.connection < w.connects
		if back && other != c && other.own && !other.excused { // this one does for it
			other.excused, c.turn, c.goOn = true, c.turn || other.turn, c.goOn || other.goOn
		}
	}
	due := w.turnDue
	c.turn, w.turnDue = c.turn || due, false
	for _, r := range w.callers {
		if r.replyDue() {
			r.replied, c.goOn, due = true, true, true
		}
	}
	if first && !due && w.plain() && !w.forgets {
		if !w.owed {
			w.fail("a response is asked for, and nobody wants one")
		}
		w.owed = false
	}
}

// checkCalls holds after every step.
func (w *world) checkCalls() {
	if !w.plain() || w.said != "" {
		return
	}
	for _, r := range w.callers {
		for _, c := range r.calls {
			if c.complete && !c.reported && !c.given {
				w.fail("%s is not run", c.id)
			}
			if c.complete && !c.settled() && !w.forgets && !w.l.Calling() {
				w.fail("%s is under way, and nothing calls", c.id)
			}
			if c.reported {
				w.checkSpoken(c)
			}
		}
	}
	if w.up && w.server.mcp > 0 && w.l.connected && !w.l.Calling() {
		w.fail("the server acts, and nothing calls")
	}
	if w.l.Calling() && w.l.Quiet(w.now) {
		w.fail("it calls, and is quiet")
	}
}

func (w *world) checkSpoken(c *sCall) {
	if w.l.responses.played(c.reportAs) != c.entry {
		return // it is forgotten
	}
	r, got := c.response, w.l.Spoken(c.reportAs)
	unheard := false
	for _, a := range slices.Concat(w.player.flushing, w.player.answers) {
		unheard = unheard || a.response == r && a.unheard() > 0
	}
	if got.Over != r.seenOver || got.Audio != r.came || unheard && !got.Unheard || w.discarded[r] && !got.Interrupted {
		w.fail("%s: %+v, and over %v, audio %v, unheard %v, interrupted %v", r.id, got, r.seenOver, r.came, unheard, w.discarded[r])
	}
}

// checkCallsEnd holds when everything has come to its end.
func (w *world) checkCallsEnd() {
	if w.l.Calling() {
		w.fail("it still calls")
	}
	for _, r := range w.callers {
		for _, c := range r.calls {
			if w.plain() && !w.forgets && c.complete && !c.settled() {
				w.fail("the output of %s was never sent", c.id)
			}
			if got := w.l.Spoken(c.reportAs); c.reported && got.Known && (got.Unheard || !got.Over) {
				w.fail("%s: %+v", r.id, got)
			}
		}
		if w.plain() && !w.forgets && r.replyDue() {
			w.fail("the model was not asked to go on after %s", r.id)
		}
	}
}

// lostCalls notes what the loss of the connection means for calls.
func (w *world) lostCalls() {
	r := w.running
	w.owed = r == nil || !r.acted || w.now.Before(w.l.caller.answerBy)
	for _, r := range w.callers {
		if r.connection == w.connects {
			r.seenOver = true
		}
	}
}
