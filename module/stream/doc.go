// Package stream runs the streams of channels: a Manager that knows them all, and a Stream for each. Audio comes and goes
// through the channel's Rings, everything else through the Host.
//
// Each file has one subject, and uses only those further down:
//
//	manager.go     which channels have a stream; start, drain, unload
//	stock.go       connections that profiles keep open for their next calls
//	prewarm.go     connections that were opened before their calls
//	command.go     what the commands of the API do
//	stream.go      a stream: what it is made of, what is due, its end
//	owner.go       who may change it, one at a time
//	bargein.go     the caller's voice over the model's
//	dispatch.go    what happens is handed to the parts, and what they answer is done
//	keyboard.go    the same for the caller's keys
//	silence.go     what is done when nobody says anything, and with the call of a stream that has failed
//	stats.go       the counters, for the status command, the log's summary and the call's record
//	events.go      names and bodies of the events
//
// The parts. They never see the stream. Each takes an event and returns what is to be done:
//
//	connection.go  attempts, the present session of the server's and the next one
//	link.go        one connection, from the first SYN to its end
//	capture*.go    the caller's audio on its time line
//	echo.go        the caller's audio is lowered while the model is heard
//	player.go      the model's audio: what of it has been heard
//	playout.go     the model's audio: how the ring is filled
//	reel.go        the model's audio: how it is kept until it was heard
//	local.go       sounds of ours among it
//	sound.go       sounds of ours: how they get there
//	filler.go      what is heard while something is awaited
//	codec.go       the formats that were agreed on
//	recording.go   an answer's files
//	keys.go        the keys that the caller presses
//	sensitive.go   FreeSWITCH's own silence about them
//	idle.go        a caller who says nothing
//	watchdog.go    a model that says nothing
//	loudness.go    an answer that nobody can hear
//	notifier.go    events on their way to FreeSWITCH
//
// The truth of the conversation is module/ledger's.
//
// All this has one owner at a time, which holds the stream's lock: whoever has something for the stream does at once what it
// asks for, on its own goroutine. Those are the reader of a link (link.go), a command, the stream's timer, and the
// goroutine that serves the channels of many streams (Rings.Serve), which alone never waits for the lock. Events wait for
// FreeSWITCH in a queue of their own (notifier.go). None of them waits for another stream.
package stream
