package ledger

import (
	"slices"
	"strings"
	"time"

	"github.com/tidwall/gjson"
)

// What the new session of a random schedule is told of the conversation.

// restored tells the ledger that the session is open, and holds what it says against the record.
func (w *world) restored() {
	var want []string
	var told []*record
	called, cut := map[string]bool{}, w.beingCut()
	for _, r := range w.record {
		line := r.line(cut[r])
		switch kind, id, _ := strings.Cut(line, " "); kind {
		case "function_call":
			called[id] = true
		case "function_call_output":
			if !called[id] {
				line = ""
			}
		}
		if line != "" {
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
					line := lineOf(e.Get("item"))
					if from := min(len(got), len(want)); w.forgets { // what is missing was forgotten
						to := from + max(slices.Index(want[from:], line), 0)
						want, told = slices.Delete(want, from, to), slices.Delete(told, from, to)
					}
					if got = append(got, line); len(got) <= len(told) {
						w.sentItems[e.Get("event_id").Str] = told[len(got)-1]
					}
				}
			}
			if w.forgets {
				want, told = want[:min(len(want), len(got))], told[:min(len(told), len(got))]
			}
			w.record = told
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
	w.apply(todo)
	w.heldItems = nil
}

// beingCut is what the player still has of the items that it is about to silence. The channel is looked at first.
func (w *world) beingCut() map[*record]time.Duration {
	cut := map[*record]time.Duration{}
	for _, a := range w.player.flushing {
		w.apply(w.l.Played(a.tell(), w.now))
		for _, p := range a.parts {
			cut[p.item.record] += p.taken - p.heard
		}
	}
	return cut
}

// line is what a new session is to be told of an item of which so much will not be heard, "" for nothing.
func (r *record) line(cut time.Duration) string {
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
	if taken := r.taken - cut; r.spoken && taken < r.came-wholeWithin {
		text = text[:int64(len(text))*int64(taken)/int64(r.came)]
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
