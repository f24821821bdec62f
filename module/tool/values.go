package tool

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxArguments is how many bytes the model may say in one call.
const maxArguments = 16 << 10

// values are the arguments of one call, by name.
type values map[string]value

// value is a valid one.
type value struct {
	text   string
	quoted bool // a string in JSON
}

// JSON is the value as JSON has it.
func (v value) JSON() json.RawMessage {
	if v.quoted {
		return quote(v.text)
	}
	return json.RawMessage(v.text)
}

func (v value) is(other json.RawMessage) bool { return bytes.Equal(v.JSON(), other) }

// line is the value for a channel variable. FreeSWITCH expands ${...} in a variable's value again wherever the variable is
// used, and what is used in a SIP header ends at a line's end.
func (v value) line() string {
	return strings.Map(func(r rune) rune {
		if r == '$' || unicode.IsControl(r) {
			return -1
		}
		return r
	}, v.text)
}

// read takes the model's arguments apart.
func (t *Tool) read(arguments string) (values, error) {
	if len(arguments) > maxArguments {
		return nil, fmt.Errorf("arguments of %d bytes: expected at most %d", len(arguments), maxArguments)
	}
	if !utf8.ValidString(arguments) {
		return nil, errors.New("arguments: expected UTF-8")
	}
	if strings.Trim(arguments, " \t\r\n") == "" { // as models say it where there are none
		arguments = "{}"
	}
	d := json.NewDecoder(strings.NewReader(arguments))
	d.UseNumber()
	if open, err := d.Token(); err != nil || open != json.Delim('{') || !json.Valid([]byte(arguments)) {
		return nil, errors.New("arguments: expected a JSON object")
	}
	v := values{}
	for d.More() {
		// It is valid, so a name comes, and a value, of which a Delim is the beginning. No argument is an array or an object.
		token, _ := d.Token()
		name, _ := token.(string)
		given, _ := d.Token()
		if err := t.take(v, name, given); err != nil {
			return nil, fmt.Errorf("argument %.64q: %w", name, err)
		}
	}
	for _, a := range t.arguments {
		if _, given := v[a.name]; a.required && !given {
			return nil, fmt.Errorf("argument %q: it is required", a.name)
		}
	}
	return v, nil
}

func (t *Tool) take(v values, name string, given any) (err error) {
	a := t.argument(name)
	if a == nil {
		return fmt.Errorf("unknown: expected %s", t.argumentNames())
	}
	if _, twice := v[name]; twice {
		return errors.New("expected once")
	}
	v[name], err = a.value(given)
	return err
}

func (t *Tool) argumentNames() string {
	if len(t.arguments) == 0 {
		return "no arguments"
	}
	var names []string
	for _, a := range t.arguments {
		names = append(names, a.name)
	}
	return oneOf(names)
}

// object is the arguments as JSON, in the order of the profile.
func (t *Tool) object(v values) json.RawMessage {
	object := []byte{'{'}
	for _, a := range t.arguments {
		if given, ok := v[a.name]; ok {
			object = appendField(object, a.name, given.JSON())
		}
	}
	return append(object, '}')
}

// appendField appends a field to an object that is not closed yet.
func appendField(object []byte, name string, field json.RawMessage) []byte {
	if len(object) > 1 {
		object = append(object, ',')
	}
	object = append(object, quote(name)...)
	object = append(object, ':')
	return append(object, field...)
}

// quote is text as a JSON string, without the escapes for HTML that json.Marshal adds.
func quote(text string) json.RawMessage {
	b, _ := encode(text) // no string is refused
	return b
}

func encode(v any) (json.RawMessage, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	err := e.Encode(v)
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), err
}
