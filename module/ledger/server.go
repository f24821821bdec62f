package ledger

import (
	"strings"
	"time"

	"github.com/tidwall/gjson"

	"mod_openai_audio_stream/module/realtime"
)

// Server tells of an event of the server's that is neither audio nor an error. voiceEnd is when the caller's voice ended
// that a KindSpeechStopped is about, the zero time if that is not known.
func (l *Ledger) Server(e *realtime.Event, voiceEnd, now time.Time) Todo {
	if r := l.begun(e.ResponseID); r != nil && e.ResponseID != "" {
		r.wordAt = now
	}
	l.enterUnspoken(e)
	switch e.Kind {
	case realtime.KindSessionCreated, realtime.KindSessionUpdated:
		if e.Session != nil {
			l.detection = realtime.DetectionOf(e.Session)
			l.modality = realtime.ModalityOf(e.Session)
		}
	case realtime.KindSpeechStarted:
		l.speechStarted(e, now)
	case realtime.KindSpeechStopped:
		l.speechStopped(e, voiceEnd, now)
	case realtime.KindResponseCreated:
		l.created(e, now)
	case realtime.KindResponseDone:
		l.end(e, now)
	case realtime.KindAudioDone:
		l.audioDone(e)
	case realtime.KindOutputItemAdded:
		l.itemAdded(e, now)
	case realtime.KindOutputItemDone:
		l.outputItemDone(e, now)
	case realtime.KindArgumentsDone:
		l.argumentsDone(e)
	case realtime.KindMCPCallInProgress:
		l.mcpRuns(l.responses.running, e.ItemID, now)
	case realtime.KindMCPCallCompleted, realtime.KindMCPCallFailed:
		l.mcpOver(e.ItemID, now)
	default:
		l.converse(e)
	}
	return l.done(now)
}

// converse enters what an event says of the conversation's items. They are announced in order, their texts come at any
// time.
func (l *Ledger) converse(e *realtime.Event) {
	r := l.response(e.ResponseID)
	aside := r != nil && r.outOfBand && e.ResponseID != ""
	switch e.Kind {
	case realtime.KindItemAdded:
		l.items.added(e.ItemID, e.Item)
	case realtime.KindItemDeleted:
		l.items.remove(e.ItemID)
		l.calls.deleted(e.ItemID)
	case realtime.KindCommitted:
		l.items.named(e.ItemID, "user")
		l.caller.itemID = e.ItemID
	case realtime.KindInputTranscriptionCompleted:
		l.items.say(l.items.named(e.ItemID, "user"), e.Transcript, true)
		l.callerSaid(e)
	case realtime.KindAudioTranscriptDelta:
		if !aside && e.ItemID != "" {
			if i := l.items.named(e.ItemID, "assistant"); !i.done {
				i.spoken = true
				l.items.say(i, i.text+e.Transcript, false)
			}
		}
	case realtime.KindAudioTranscriptDone, realtime.KindTextDone:
		if r != nil && e.Kind == realtime.KindAudioTranscriptDone {
			r.turn.Agent = bounded(r.turn.Agent + e.Transcript)
		}
		if !aside {
			i := l.items.named(e.ItemID, "assistant")
			i.spoken = e.Kind == realtime.KindAudioTranscriptDone && e.ItemID != ""
			l.items.say(i, e.Transcript, true)
		}
	}
}

func (l *Ledger) speechStarted(e *realtime.Event, now time.Time) {
	l.caller = caller{speaking: true, itemID: e.ItemID}
	for _, r := range l.responses.all {
		r.overCaller = false
	}
	l.requests.expired = nil
	l.speaks(now)
}

func (l *Ledger) speechStopped(e *realtime.Event, voiceEnd, now time.Time) {
	c := &l.caller
	c.speaking = false
	if murmur := l.turnEnds(); murmur && l.asks() {
		return // no answer will come
	}
	c.stoppedAt, c.voiceEnd = now, voiceEnd
	if e.ItemID != "" {
		c.itemID = e.ItemID
	}
	if l.detection.Creates {
		c.answerBy = now.Add(maxAnswerWait)
	}
	if l.asks() {
		l.ownRequest().turn = true
	}
}

// callerSaid gives a transcript to the exchange that answers it.
func (l *Ledger) callerSaid(e *realtime.Event) {
	// By the item, or, where one side has none, by order.
	said := func(itemID string, stoppedAt time.Time) bool {
		return itemID == e.ItemID && itemID != "" || (itemID == "" || e.ItemID == "") && !stoppedAt.IsZero()
	}
	for n := len(l.responses.all) - 1; n >= 0; n-- {
		r := l.responses.all[n]
		if !r.reported && r.turn.Caller == "" && said(r.turn.callerItem, r.times.callerStopped) {
			r.turn.Caller = bounded(e.Transcript)
			return
		}
	}
	if c := &l.caller; said(c.itemID, c.stoppedAt) {
		c.text = bounded(e.Transcript)
	}
}

func (l *Ledger) created(e *realtime.Event, now time.Time) {
	r := l.begun(e.ResponseID)
	if r == nil || e.ResponseID == "" { // else its audio came first
		r = l.begin(e.ResponseID, e.OutOfBand, !e.OutOfBand && e.ConversationID == "", now)
	}
	r.announced = true
	r.unspoken = r.unspoken || l.isWritten(e.Modality, r.request)
}

// itemAdded enters an item of a response's.
func (l *Ledger) itemAdded(e *realtime.Event, now time.Time) {
	r := l.response(e.ResponseID)
	switch gjson.GetBytes(e.Item, "type").Str {
	case "message":
		if r != nil {
			l.itemOf(r, e.ItemID)
		}
	case "function_call":
		if r != nil && !r.over() && !r.outOfBand {
			l.callAdded(r, e)
		}
	case "mcp_call":
		l.mcpRuns(r, e.ItemID, now)
	}
}

func (l *Ledger) outputItemDone(e *realtime.Event, now time.Time) {
	item := gjson.ParseBytes(e.Item)
	switch status := item.Get("status").Str; item.Get("type").Str {
	case "function_call":
		if r := l.response(e.ResponseID); r != nil && r.outOfBand {
			return
		}
		if !l.callDone(e, item, e.ItemID, status, now) && status != "incomplete" {
			l.items.call(e.ItemID, e.Item)
		}
	case "mcp_call":
		l.mcpItemDone(e, item, now)
	}
}

// itemOf is the message with this id, of the response; nil if it is no part of the conversation.
func (l *Ledger) itemOf(r *response, id string) *item {
	if r.outOfBand || id == "" {
		return nil
	}
	return l.items.named(id, "assistant")
}

// spoken is how long the answer that plays now has been heard, 0 if none plays.
func (rs *responses) spoken() time.Duration {
	for _, r := range rs.all {
		if r.speaking {
			return r.heard()
		}
	}
	return 0
}

// Error tells of an error event. It reports whether the error only tells of two things that happened at once, which both
// sides survive.
func (l *Ledger) Error(e *realtime.Error, now time.Time) (todo Todo, benign bool) {
	switch {
	case e.Code == "conversation_already_has_active_response" || strings.Contains(e.Message, "already has an active response"):
		l.collided(e.EventID, now)
		benign = true
	case l.provider.Benign(e):
		l.refusedTruncation(e.EventID)
		l.items.refused(e.EventID)
		l.requests.refuse(e.EventID)
		benign = true
	case e.EventID != "":
		l.items.refused(e.EventID)
		l.requests.refuse(e.EventID)
	case l.requests.asked != nil: // perhaps it was about that, perhaps about something else that was sent
		if r := l.requests.asked; r.answerBy.After(now.Add(maxDoubt)) {
			r.answerBy = now.Add(maxDoubt)
		}
	}
	if benign {
		l.totals.BenignErrors++
	}
	return l.done(now), benign
}
