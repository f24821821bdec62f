package ledger

import (
	"slices"
	"time"

	"github.com/tidwall/gjson"

	"mod_openai_audio_stream/module/realtime"
)

// maxMCP is after how long without a word of it a call of MCP's counts as over.
const maxMCP = 2 * time.Minute

// mcpCall is a call that the server runs by itself, by the Model Context Protocol. Nothing is to be done for it but to wait.
type mcpCall struct {
	itemID   string
	response *response // that calls, nil if that is not known
	wordAt   time.Time // when the server said something of it last
}

// mcpRuns enters that a call of MCP's is under way.
func (l *Ledger) mcpRuns(r *response, itemID string, now time.Time) {
	if r != nil {
		r.acted = true
	}
	for _, m := range l.calls.mcp {
		if m.itemID == itemID {
			m.wordAt = now
			return
		}
	}
	if len(l.calls.mcp) < maxCalls {
		l.calls.mcp = append(l.calls.mcp, &mcpCall{itemID, r, now})
	}
}

// mcpItemDone enters that the item of a call of MCP's is done: the call is, if it has come to something.
func (l *Ledger) mcpItemDone(e *realtime.Event, item gjson.Result, now time.Time) {
	status := item.Get("status").Str
	if item.Get("output").Type != gjson.Null || item.Get("error").Type != gjson.Null || status != "" && status != "in_progress" {
		l.mcpOver(e.ItemID, now)
	}
}

// mcpOver enters that a call of MCP's has come to its end.
func (l *Ledger) mcpOver(itemID string, now time.Time) {
	l.calls.forgetMCP(func(m *mcpCall) bool {
		if m.itemID == itemID && m.response != nil {
			m.response.wordAt = now // it goes on from here
		}
		return m.itemID == itemID
	})
}

func (cs *calls) forgetMCP(over func(*mcpCall) bool) { cs.mcp = slices.DeleteFunc(cs.mcp, over) }

// acts reports whether a response waits for a call that the server runs.
func (cs *calls) acts(r *response) bool {
	return slices.ContainsFunc(cs.mcp, func(m *mcpCall) bool { return m.response == r })
}
