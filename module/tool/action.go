package tool

import (
	"encoding/base64"
	"maps"
	"slices"
	"strings"
)

// actions read what a tool's attributes say of its action, and return how a call becomes a job. They add the arguments that
// the model may give.
var actions = map[Action]func(*Tool, *reader) func(values) (Job, error){
	ActionHangup:   readHangup,
	ActionTransfer: readTransfer,
	ActionDTMF:     readDTMF,
	ActionPlay:     readPlay,
	ActionSet:      readSet,
	ActionHTTP:     readHTTP,
	ActionAPI:      readAPI,
	ActionLua:      readLua,
	ActionHold:     readHold,
	ActionCollect:  readCollect,
	ActionEvent:    readEvent,
}

func actionNames() (names []string) {
	for _, action := range slices.Sorted(maps.Keys(actions)) {
		names = append(names, string(action))
	}
	return names
}

// always is for an action to which the model adds nothing.
func always(job Job) func(values) (Job, error) {
	return func(values) (Job, error) { return job, nil }
}

func readHangup(_ *Tool, r *reader) func(values) (Job, error) {
	cause := strings.ToUpper(r.text("cause", "NORMAL_CLEARING"))
	if !slices.Contains(causes, cause) {
		r.fail("cause", "a cause that FreeSWITCH knows, such as NORMAL_CLEARING or USER_BUSY")
	}
	return always(Hangup{cause})
}

func readDTMF(t *Tool, _ *reader) func(values) (Job, error) {
	digits := argument{
		name: "digits", required: true, Type: typeString, Pattern: "^[0-9*#ABCDw]{1,32}$",
		Description: "the keys to press; w is a pause of half a second",
	}
	digits.pattern, _ = compile(digits.Pattern) // a constant
	t.arguments = []argument{digits}
	return func(v values) (Job, error) { return DTMF{v["digits"].text}, nil }
}

func readPlay(_ *Tool, r *reader) func(values) (Job, error) {
	return always(Play{r.required("file", "a file, or what else FreeSWITCH can play")})
}

func readSet(t *Tool, r *reader) func(values) (Job, error) {
	t.readArguments(r)
	if len(t.arguments) == 0 {
		r.lack("an <argument>")
	}
	return func(v values) (Job, error) {
		var set Set
		for _, a := range t.arguments {
			if given, ok := v[a.name]; ok {
				set.Variables = append(set.Variables, Variable{"tool_" + t.Name + "_" + a.name, given.line()})
			}
		}
		return set, nil
	}
}

func readAPI(t *Tool, r *reader) func(values) (Job, error) {
	return t.readCommand(r, r.required("command", "an API command of FreeSWITCH's"))
}

func readLua(t *Tool, r *reader) func(values) (Job, error) {
	script := r.required("script", "the name of a Lua script")
	if strings.HasPrefix(script, "~") { // a program, to which the word would be added
		r.fail("script", "the name of a Lua script")
	}
	return t.readCommand(r, "lua "+script)
}

// readCommand is for an action that runs an API command with what the model says as its last word.
func (t *Tool) readCommand(r *reader, line string) func(values) (Job, error) {
	t.readArguments(r)
	command, arguments, _ := strings.Cut(line, " ")
	return func(v values) (Job, error) {
		word := base64.StdEncoding.EncodeToString(t.object(v))
		return API{command, strings.TrimSpace(arguments + " " + word)}, nil
	}
}

// HoldMusic is what FreeSWITCH plays to those who wait.
const HoldMusic = "local_stream://moh"

func readHold(_ *Tool, r *reader) func(values) (Job, error) {
	return always(Hold{r.text("music", HoldMusic)})
}

func readCollect(t *Tool, r *reader) func(values) (Job, error) {
	c := Collect{Max: r.number("max", 1, 64, 64), Terminator: r.text("terminator", "#"), Timeout: t.Timeout}
	switch {
	case c.Terminator == "none":
		c.Terminator = ""
	case len(c.Terminator) != 1 || !strings.Contains("0123456789*#ABCD", c.Terminator):
		r.fail("terminator", "one of 0 to 9, *, #, A to D, or none")
	}
	t.thenName = r.required("then", "the name of an http or set tool of this profile")
	return func(values) (Job, error) {
		c := c
		c.Then = t.then
		return c, nil
	}
}

func readEvent(t *Tool, r *reader) func(values) (Job, error) {
	t.readArguments(r)
	return func(v values) (Job, error) { return Event{t.object(v)}, nil }
}
