package tool

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"regexp"
	"regexp/syntax"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// The types of arguments.
const (
	typeString  = "string"
	typeInteger = "integer"
	typeNumber  = "number"
	typeBoolean = "boolean"
)

// maxInteger is how far every integer has a float64 of its own, so that no reader of JSON makes another of it.
const maxInteger = 1 << 53

// argument is what a tool may be told, with the names of JSON schema.
type argument struct {
	name     string
	required bool
	pattern  *regexp.Regexp

	Type        string            `json:"type"`
	Description string            `json:"description,omitempty"`
	Enum        []json.RawMessage `json:"enum,omitempty"`
	Pattern     string            `json:"pattern,omitempty"`
	MaxLength   int               `json:"maxLength,omitempty"`
}

// readArguments reads the <argument> elements of a tool.
func (t *Tool) readArguments(r *reader) {
	r.each("argument", "name", func(r *reader) {
		a := readArgument(r)
		if t.argument(a.name) != nil {
			r.fail("name", "another name: there is such an argument")
		}
		t.arguments = append(t.arguments, a)
	})
}

func (t *Tool) argument(name string) *argument {
	i := slices.IndexFunc(t.arguments, func(a argument) bool { return a.name == name })
	if i < 0 {
		return nil
	}
	return &t.arguments[i]
}

func readArgument(r *reader) argument {
	a := argument{
		name:        r.text("name", ""),
		Type:        r.choice("type", typeString, typeInteger, typeNumber, typeBoolean),
		Description: r.prose("description"),
		Pattern:     r.text("pattern", ""),
		MaxLength:   r.number("max", 1, maxArguments, 0),
		required:    r.choice("required", "false", "true") == "true",
	}
	if !isName(a.name) {
		r.fail("name", nameForm)
	}
	if a.Type != typeString && a.Pattern != "" {
		r.fail("pattern", "one with type string alone")
	}
	if a.Type != typeString && a.MaxLength != 0 {
		r.fail("max", "one with type string alone, as its longest length")
	}
	if a.Pattern != "" {
		var err error
		if a.pattern, err = compile(a.Pattern); err != nil {
			r.fail("pattern", err.Error())
		}
	}
	if enum := r.text("enum", ""); enum != "" {
		a.readEnum(r, enum)
	}
	return a
}

func (a *argument) readEnum(r *reader, enum string) {
	var all []json.RawMessage
	for word := range strings.SplitSeq(enum, ",") {
		word = strings.TrimSpace(word)
		var given any = json.Number(word)
		if a.Type == typeString {
			given = word
		}
		v, err := a.value(given)
		if err != nil || word == "" || a.Type == typeBoolean || slices.ContainsFunc(all, v.is) {
			r.fail("enum", "different values of the argument's type, with commas between, which its pattern and max allow")
			return
		}
		all = append(all, v.JSON())
	}
	a.Enum = all
}

// compile reads an anchored pattern. That alone says what the whole of a text is: ^a|b$ takes texts that begin with an a.
func compile(pattern string) (*regexp.Regexp, error) {
	const expected = "a regular expression ^...$ of RE2's, which matches the whole text"
	tree, err := syntax.Parse(pattern, syntax.Perl)
	if err != nil {
		return nil, errors.New(expected + ": " + err.Error())
	}
	ends := func(i int, op syntax.Op) bool { return tree.Op == syntax.OpConcat && tree.Sub[i].Op == op }
	if !strings.HasPrefix(pattern, "^") || !strings.HasSuffix(pattern, "$") ||
		!ends(0, syntax.OpBeginText) || !ends(len(tree.Sub)-1, syntax.OpEndText) {
		return nil, errors.New(expected)
	}
	return regexp.Compile(pattern)
}

// value checks what the model says of the argument: a string, a json.Number, a bool, or anything else, which is refused.
// The error says what is expected, without the value.
func (a *argument) value(given any) (value, error) {
	v, err := a.typed(given)
	switch {
	case err != nil:
		return v, err
	case a.Enum != nil && !slices.ContainsFunc(a.Enum, v.is):
		words := make([]string, len(a.Enum))
		for i, word := range a.Enum {
			words[i] = strings.Trim(string(word), `"`)
		}
		return v, errors.New("expected " + oneOf(words))
	case a.MaxLength > 0 && utf8.RuneCountInString(v.text) > a.MaxLength:
		return v, fmt.Errorf("expected at most %d characters", a.MaxLength)
	case a.pattern != nil && !a.pattern.MatchString(v.text):
		return v, fmt.Errorf("expected what matches %s", a.Pattern)
	}
	return v, nil
}

func (a *argument) typed(given any) (value, error) {
	switch given := given.(type) {
	case string:
		if a.Type == typeString {
			return value{text: given, quoted: true}, nil
		}
	case bool:
		if a.Type == typeBoolean {
			return value{text: strconv.FormatBool(given)}, nil
		}
	case json.Number:
		f, err := given.Float64()
		whole := f == math.Trunc(f) && math.Abs(f) <= maxInteger
		if err == nil && (a.Type == typeNumber || a.Type == typeInteger && whole) {
			return value{text: strconv.FormatFloat(f, 'f', -1, 64)}, nil
		}
	}
	switch a.Type {
	case typeInteger:
		return value{}, errors.New("expected an integer")
	case typeBoolean:
		return value{}, errors.New("expected true or false")
	}
	return value{}, errors.New("expected a " + a.Type)
}
