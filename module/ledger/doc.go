// Package ledger is the truth of one conversation: which responses were asked for, which run and which are done, what was
// said in each, and how much of it the caller has heard. It is plain state without I/O and without a clock. Each method is
// told what happened, and when, and answers with what is to be done (Todo).
//
//	ledger.go      the Ledger, what it answers with; what is due, and interruptions by command
//	state.go       what can be asked of it: who speaks, what is awaited, what was heard
//	client.go      what the client asks for
//	server.go      what the server says; the caller's turns
//	bargein.go     when the caller's voice silences the model's
//	giveup.go      what does not come in time is asked for again, or given up
//	played.go      what the channel has played (playback.go has the words for it)
//	connection.go  the connection comes and goes: what a new session is told, what it owes
//
//	request.go     response.create events on their way: one at a time, matched with what the server answers
//	response.go    responses and the parts of their audio
//	item.go        items of the conversation, as text
//	call.go        calls of the module's functions, and their outputs (mcp.go: of functions that the server runs)
//	turn.go        the report of an exchange
//	totals.go      the counts
//
// The methods of the first group belong to the goroutine that owns the Ledger. The second group is what they share.
package ledger
