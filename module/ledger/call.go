package ledger

import (
	"slices"
	"strings"
	"time"

	"github.com/tidwall/gjson"

	"mod_openai_audio_stream/module/realtime"
)

// A call of one of our functions is run once and answered once, however often and in whatever order the server speaks of
// it. Its output waits for the end of the response that calls, because servers refuse it before, and for the outputs of
// the calls before it in that response. Then the model is asked to go on, once. All other functions are the client's.

const (
	// maxCalls bounds the calls that are under way. Further ones are left to the client.
	maxCalls = 64
	// maxEarly bounds those that are not complete. The oldest goes first.
	maxEarly = 16
	// maxTaken is how many are remembered, so that none runs twice.
	maxTaken = 1024
	// maxCallID bounds the id of a call, in bytes. One with a longer id is left to the client.
	maxCallID = 512
)

// Call is a call of one of our functions, which is to be run.
type Call struct {
	ID, Name   string
	Arguments  string // as the model wrote them
	ResponseID string // of the response that calls, as Spoken takes it
}

// call is one of ours on its way to its output.
type call struct {
	Call
	itemID   string
	response *response // that calls
	written  bool      // Arguments is all of them
	output   []byte    // the client event, nil until there is one
	reply    bool      // the model is to go on after it
	byClient bool      // the client gave the output, and counts on its being in front of what it sends next
	// connection is the one whose server knows of the call, whatever has become of its item here; 0: it was deleted.
	connection int
}

// calls are those of our functions, and those that the server runs.
type calls struct {
	ours  func(name string) bool
	early []*call  // not complete yet, oldest first
	open  []*call  // complete, and without an output that was sent, oldest first
	taken []string // ids of those that have been complete, oldest first
	mcp   []*mcpCall
}

// Bind says which functions are ours.
func (l *Ledger) Bind(ours func(name string) bool) { l.calls.ours = ours }

// Output gives what a call has come to. reply: the model is to go on after it. known: the call has waited for it; else
// it had an output already, or there is no such call, and nothing is done.
func (l *Ledger) Output(callID, output string, reply bool, now time.Time) (todo Todo, known bool) {
	c := l.calls.waiting(callID)
	if c != nil {
		c.output = realtime.WithEventID(realtime.FunctionCallOutput(callID, output), l.eventID("output"))
		c.reply = reply
	} else if l.calls.seen(callID) {
		l.totals.LateOutputs++
	}
	return l.done(now), c != nil
}

// answers is the id of the call that an event of the client's answers, "" if it answers none.
func answers(kind string, msg []byte) string {
	if kind == "conversation.item.create" && gjson.GetBytes(msg, "item.type").Str == "function_call_output" {
		return gjson.GetBytes(msg, "item.call_id").Str
	}
	return ""
}

// clientOutput takes the client's output of a call, and reports whether that is one of ours.
func (l *Ledger) clientOutput(id string, msg []byte) bool {
	if c := l.calls.waiting(id); c != nil {
		msg = realtime.WithEventID(msg, l.eventID("output"))
		c.output, c.byClient = slices.Clone(msg), true
		l.todo.Answered = append(l.todo.Answered, c.ID)
		l.answerCalls() // before a response.create that comes with it
		return true
	}
	if l.calls.seen(id) {
		l.totals.LateOutputs++
		return true
	}
	return false
}

func find(calls []*call, id string) *call {
	for _, c := range calls {
		if c.ID == id && id != "" {
			return c
		}
	}
	return nil
}

// waiting is the call of ours with this id that has no output, nil if there is none.
func (cs *calls) waiting(id string) *call {
	c := find(cs.open, id)
	if c == nil && !cs.had(id) && cs.seen(id) {
		c = find(cs.early, id) // who listens to the server may be faster than its last word
	}
	if c != nil && c.output != nil {
		return nil
	}
	return c
}

// had reports whether a call of ours with this id has been complete.
func (cs *calls) had(id string) bool {
	return slices.Contains(cs.taken, id) || find(cs.open, id) != nil
}

// seen reports whether there is or was a call of ours with this id, complete or not.
func (cs *calls) seen(id string) bool {
	early := find(cs.early, id)
	return cs.had(id) || early != nil && cs.bound(early)
}

// bound reports whether a call is of one of our functions, and not one too many.
func (cs *calls) bound(c *call) bool {
	return cs.ours != nil && cs.ours(c.Name) && c.ID != "" && len(c.ID) <= maxCallID &&
		(len(cs.open) < maxCalls || cs.had(c.ID))
}

// Calls come to be.

// callAdded enters the item of a function call that the model has just begun: older servers give the name nowhere else.
func (l *Ledger) callAdded(r *response, e *realtime.Event) {
	item := gjson.ParseBytes(e.Item)
	c := l.calls.begun(r, e.ItemID, item.Get("call_id").Str)
	c.Name = strings.Clone(bounded(item.Get("name").Str))
}

// argumentsDone enters that the arguments of a call are written. So are those of one that was interrupted: whether it is
// complete is seen later, by its item or the end of its response.
func (l *Ledger) argumentsDone(e *realtime.Event) {
	r := l.response(e.ResponseID)
	if r == nil || r.over() || r.outOfBand || len(e.Arguments) > maxItemBytes {
		return
	}
	c := l.calls.begun(r, e.ItemID, e.CallID)
	if c.Arguments, c.written = e.Arguments, true; e.Name != "" {
		c.Name = bounded(e.Name)
	}
}

// begun is the call of a response that is not complete, by its item or its id; a new one if there is none.
func (cs *calls) begun(r *response, itemID, id string) *call {
	if len(id) > maxCallID {
		id = ""
	}
	for _, c := range cs.early {
		if c.response == r && (itemID != "" && c.itemID == itemID || id != "" && c.ID == id) {
			return c
		}
	}
	c := &call{Call: Call{ID: strings.Clone(id)}, itemID: itemID, response: r}
	if len(cs.early) == maxEarly {
		cs.early = slices.Delete(cs.early, 0, 1)
	}
	cs.early = append(cs.early, c)
	return c
}

// callDone enters the item of a function call that the server says is done. It reports whether the function is ours.
// status is the item's.
func (l *Ledger) callDone(e *realtime.Event, item gjson.Result, itemID, status string, now time.Time) bool {
	c := &call{Call: Call{ID: strings.Clone(item.Get("call_id").Str), Name: strings.Clone(item.Get("name").Str),
		Arguments: item.Get("arguments").String()}, itemID: itemID, response: l.response(e.ResponseID)}
	switch {
	case !l.calls.bound(c):
		return false
	case status == "incomplete":
		l.calls.withdraw(c.ID)
	case (status == "completed" || status == "") && !l.calls.had(c.ID):
		if c.response == nil { // the server announces none
			c.response = l.begin(e.ResponseID, false, true, now)
			defer l.over(c.response, done)
		}
		if !c.response.outOfBand { // as far as can be told
			l.take(c, []byte(item.Raw))
		}
	}
	return true
}

// withdraw takes a call out of those that are not complete, nil if it is none of them.
func (cs *calls) withdraw(id string) *call {
	c := find(cs.early, id)
	cs.early = slices.DeleteFunc(cs.early, func(other *call) bool { return other == c })
	return c
}

// listed enters the calls that the end of a response lists.
func (l *Ledger) listed(e *realtime.Event, now time.Time) {
	if r := l.response(e.ResponseID); e.Output == nil || e.OutOfBand || r != nil && r.outOfBand {
		return
	}
	gjson.ParseBytes(e.Output).ForEach(func(_, item gjson.Result) bool {
		if item.Get("type").Str == "function_call" {
			status := item.Get("status").Str
			if status == "" {
				status = e.Status
			}
			l.callDone(e, item, itemID(item), status, now)
		}
		return true
	})
}

// itemID is the id of an item, "" if it is too long to be remembered.
func itemID(item gjson.Result) string {
	if id := item.Get("id").Str; len(id) <= maxCallID {
		return strings.Clone(id)
	}
	return ""
}

// callsOver settles the calls of a response that is over, of which the server has not said whether they are complete.
func (l *Ledger) callsOver(r *response) {
	complete := r.state == done && (r.turn.Status == "" || r.turn.Status == "completed")
	for _, c := range slices.Clone(l.calls.early) {
		if c.response == r && complete && c.written && l.calls.bound(c) && !l.calls.had(c.ID) {
			l.take(c, []byte(gjson.GetBytes(realtime.FunctionCall(c.ID, c.Name, c.Arguments), "item").Raw))
		}
	}
	l.calls.early = slices.DeleteFunc(l.calls.early, func(c *call) bool { return c.response == r })
}

// take enters a call that is complete, and has it run.
func (l *Ledger) take(c *call, item []byte) {
	cs := &l.calls
	if early := cs.withdraw(c.ID); early != nil {
		c.output, c.byClient, c.reply = early.output, early.byClient, early.reply
	}
	l.items.call(c.itemID, item)
	c.response.acted, c.connection = true, l.connection
	c.ResponseID = c.response.key
	if c.output == nil {
		l.todo.Calls = append(l.todo.Calls, c.Call)
	}
	c.Arguments = "" // so that they do not stay in memory
	cs.open = append(cs.open, c)
	if len(cs.taken) == maxTaken {
		cs.taken = slices.Delete(cs.taken, 0, 1)
	}
	cs.taken = append(cs.taken, c.ID)
}

// deleted enters that the server knows an item no more, which may be a call.
func (cs *calls) deleted(itemID string) {
	for _, c := range cs.open {
		if itemID != "" && c.itemID == itemID {
			c.connection = 0
		}
	}
}

// Calls are answered.

// answerCalls sends the outputs that have waited long enough.
func (l *Ledger) answerCalls() {
	cs := &l.calls
	for n := 0; n < len(cs.open) && l.connected; {
		c := cs.open[n]
		sibling := func(other *call) bool { return other != c && other.response == c.response }
		if c.output == nil || !c.response.over() || !c.byClient && slices.ContainsFunc(cs.open[:n], sibling) {
			n++
			continue
		}
		cs.open = slices.Delete(cs.open, n, n+1)
		l.sendOutput(c)
		if c.response.reply && !slices.ContainsFunc(cs.open, sibling) {
			c.response.reply = false
			l.ownRequest().goOn = true
		}
	}
}

// sendOutput answers a call, unless the server does not know it any more: it was deleted, or forgotten before the
// connection was lost.
func (l *Ledger) sendOutput(c *call) {
	if c.connection != l.connection && !l.items.calls(c.ID) {
		l.totals.LateOutputs++
		return
	}
	l.send(c.output)
	l.items.client(c.output)
	c.response.reply = c.response.reply || c.reply
}
