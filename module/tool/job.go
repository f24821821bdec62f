package tool

import (
	"encoding/json"
	"time"
)

// Job is what is to be done for a call of a tool. It is one of the types below.
type Job interface{ job() }

// Hangup ends the call.
type Hangup struct{ Cause string } // FreeSWITCH's name of it

// Mode says how a call is transferred.
type Mode string

// The modes.
const (
	Blind    Mode = "blind"    // the dialplan goes on at an extension
	Attended Mode = "attended" // the caller waits until the destination has answered
	Refer    Mode = "refer"    // the caller's phone calls the destination
)

// Transfer connects the caller with somebody else.
type Transfer struct {
	Mode    Mode
	Key     string // the destination's name in the profile, or the number that was asked for
	To      string // "extension [dialplan [context]]", a dial string or a SIP URI
	Summary string // of the conversation, one line that FreeSWITCH does not expand
}

// DTMF presses keys.
type DTMF struct{ Digits string }

// Play plays a file.
type Play struct{ File string }

// Set sets channel variables.
type Set struct{ Variables []Variable }

// Variable is a channel variable. FreeSWITCH finds nothing in its value to expand.
type Variable struct{ Name, Value string }

// API runs an API command of FreeSWITCH's. The last word of Arguments is what the model said, as JSON in base64.
type API struct{ Command, Arguments string }

// Hold plays music to the caller until the model speaks.
type Hold struct{ Music string }

// Collect has the caller press keys, which the model does not learn.
type Collect struct {
	Max        int
	Terminator string        // the key that ends them, "" = none
	Timeout    time.Duration // without a key
	Then       *Tool         // whose Collected makes a job of them
}

// Event leaves the call to a program outside.
type Event struct{ Arguments json.RawMessage }

func (Hangup) job()   {}
func (Transfer) job() {}
func (DTMF) job()     {}
func (Play) job()     {}
func (Set) job()      {}
func (*HTTP) job()    {}
func (API) job()      {}
func (Hold) job()     {}
func (Collect) job()  {}
func (Event) job()    {}
