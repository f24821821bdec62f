package tool

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"
)

// Action is what a tool does.
type Action string

// The actions.
const (
	ActionHangup   Action = "hangup"
	ActionTransfer Action = "transfer"
	ActionDTMF     Action = "dtmf"
	ActionPlay     Action = "play"
	ActionSet      Action = "set"
	ActionHTTP     Action = "http"
	ActionAPI      Action = "api"
	ActionLua      Action = "lua"
	ActionHold     Action = "hold"
	ActionCollect  Action = "collect"
	ActionEvent    Action = "event"
)

// lookups are the actions whose result the model is to speak about. The others are done when they are done.
var lookups = []Action{ActionHTTP, ActionAPI, ActionLua, ActionCollect, ActionEvent}

// Reply says whether the model is asked to speak when a call of a tool is done.
type Reply string

// The replies.
const (
	ReplyAuto   Reply = "auto" // after a lookup; after another action only if it failed
	ReplyAlways Reply = "always"
	ReplyNever  Reply = "never"
)

const (
	defaultTimeout     = 10 * time.Second
	defaultRinging     = 30 * time.Second
	defaultFillerAfter = 1500 * time.Millisecond
)

// Tool is a function of a profile.
type Tool struct {
	Name        string
	Action      Action
	Timeout     time.Duration // of an attended transfer: for which it rings; of a collect: from one key to the next
	Filler      string        // what the caller hears meanwhile, "" = what the settings say
	FillerAfter time.Duration
	Reply       Reply

	description string
	arguments   []argument
	definition  json.RawMessage
	bind        func(values) (Job, error) // the arguments are valid

	thenName string // of a collect
	then     *Tool  // the tool of that name
	hidden   bool   // it is the then of a collect
}

// Parse reads a <tool> element. The error names the tool, the attribute and its value, and says what is expected.
func Parse(e Element) (*Tool, error) {
	r := newReader(e)
	t := &Tool{Name: r.text("name", "")}
	if !isName(t.Name) {
		r.fail("name", nameForm)
	}
	if err := t.parse(r); err != nil {
		return nil, fmt.Errorf("tool %.80q: %w", t.Name, err)
	}
	return t, nil
}

func (t *Tool) parse(r *reader) error {
	t.Action = Action(r.text("action", ""))
	parse, known := actions[t.Action]
	if !known {
		r.fail("action", oneOf(actionNames()))
		return r.err
	}
	t.description = r.prose("description")
	t.Filler = r.text("filler", "")
	t.FillerAfter = time.Duration(r.number("filler-after", 0, 60000, int(defaultFillerAfter.Milliseconds()))) * time.Millisecond
	t.Reply = Reply(r.choice("reply", string(ReplyAuto), string(ReplyAlways), string(ReplyNever)))
	t.Timeout = defaultTimeout
	if t.Action == ActionTransfer && r.text("mode", "") == string(Attended) {
		t.Timeout = defaultRinging
	}
	t.Timeout = time.Duration(r.number("timeout", 1, 600, int(t.Timeout.Seconds()))) * time.Second
	t.bind = parse(t, r)
	if err := r.done(); err != nil {
		return err
	}
	t.definition = t.define()
	return nil
}

// Link completes the tools of a profile, which know of each other.
func Link(tools []*Tool) error {
	byName := map[string]*Tool{}
	for _, t := range tools {
		if byName[t.Name] != nil {
			return fmt.Errorf("tool %q: expected once", t.Name)
		}
		byName[t.Name] = t
	}
	for _, t := range tools {
		if t.Action != ActionCollect {
			continue
		}
		t.then = byName[t.thenName]
		if t.then == nil || t.then.Action != ActionHTTP && t.then.Action != ActionSet || !t.then.takesDigits() {
			return fmt.Errorf("tool %q: attribute \"then\" %.80q: expected an http or set tool of this profile with one argument, "+
				"a string, which the digits become", t.Name, t.thenName)
		}
		t.then.hidden = true
	}
	return nil
}

// takesDigits reports whether the digits of a collect can be all that the tool is told.
func (t *Tool) takesDigits() bool {
	return len(t.arguments) == 1 && t.arguments[0].Type == typeString && t.arguments[0].Enum == nil
}

// Definition is the function as the session's tools have it.
func (t *Tool) Definition() json.RawMessage { return t.definition }

// Offered reports whether the model is told of the tool. It does not learn of one that a collect hands its digits to.
func (t *Tool) Offered() bool { return !t.hidden }

// Replies reports whether the model is asked to speak after a call that went well, or did not.
func (t *Tool) Replies(ok bool) bool {
	switch t.Reply {
	case ReplyAlways:
		return true
	case ReplyNever:
		return false
	}
	return !ok || slices.Contains(lookups, t.Action)
}

// Bind is what is to be done for a call with these arguments, a JSON object. The error is for the model.
func (t *Tool) Bind(arguments string) (Job, error) {
	v, err := t.read(arguments)
	if err != nil {
		return nil, err
	}
	return t.bind(v)
}

// Collected is what is to be done with the keys that a collect has got. t is the collect's Then. The error does not repeat
// them.
func (t *Tool) Collected(digits string) (Job, error) {
	a := &t.arguments[0]
	v, err := a.value(digits)
	if err != nil {
		return nil, fmt.Errorf("the keys: %w", err)
	}
	return t.bind(values{a.name: v})
}
