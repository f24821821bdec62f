package tool

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// Element is an element of the configuration, as its parser has read it.
type Element struct {
	Name     string
	Attr     map[string]string
	Children []Element
}

// reader reads the attributes and children of an element. It keeps the first error, so that callers ask for one thing after
// the other and look once, at what done returns.
type reader struct {
	element  Element
	known    map[string]bool // attributes that were asked for
	children []string        // names of the children that were asked for
	err      error
}

func newReader(e Element) *reader { return &reader{element: e, known: map[string]bool{}} }

// fail keeps an error. expected is what should have been there.
func (r *reader) fail(attribute, expected string) {
	if r.err == nil {
		r.err = fmt.Errorf("attribute %q %.80q: expected %s", attribute, r.element.Attr[attribute], expected)
	}
}

// lack is fail for children. expected is what should have been among them.
func (r *reader) lack(expected string) {
	if r.err == nil {
		r.err = errors.New("expected " + expected)
	}
}

// text is the value of an attribute, or otherwise where there is none or it is empty.
func (r *reader) text(name, otherwise string) string {
	return r.check(name, strings.TrimSpace(r.element.Attr[name]), otherwise)
}

// prose is text that may stand on several lines.
func (r *reader) prose(name string) string {
	return r.check(name, strings.Join(strings.Fields(r.element.Attr[name]), " "), "")
}

func (r *reader) check(name, value, otherwise string) string {
	r.known[name] = true
	switch {
	case value == "":
		return otherwise
	case strings.Contains(value, "${"):
		r.fail(name, "no variables: a tool's attributes are not expanded")
	case strings.ContainsFunc(value, unicode.IsControl):
		r.fail(name, "one line of text")
	}
	return value
}

// required is text for an attribute that must be there. what says what it is.
func (r *reader) required(name, what string) string {
	value := r.text(name, "")
	if value == "" {
		r.fail(name, what)
	}
	return value
}

func (r *reader) number(name string, low, high, otherwise int) int {
	value := r.text(name, "")
	if value == "" {
		return otherwise
	}
	n, err := strconv.Atoi(value)
	if err != nil || n < low || n > high {
		r.fail(name, fmt.Sprintf("a number from %d to %d", low, high))
	}
	return n
}

// choice takes one of the words. Of them the first is the default.
func (r *reader) choice(name string, words ...string) string {
	value := r.text(name, words[0])
	if !slices.Contains(words, value) {
		r.fail(name, oneOf(words))
	}
	return value
}

// each reads the children of that name. key is the attribute that an error names them by.
func (r *reader) each(name, key string, read func(*reader)) {
	r.children = append(r.children, name)
	for _, child := range r.element.Children {
		if child.Name != name {
			continue
		}
		c := newReader(child)
		read(c)
		if err := c.done(); err != nil && r.err == nil {
			r.err = fmt.Errorf("%s %.80q: %w", name, child.Attr[key], err)
		}
	}
}

// done is the first error. An attribute or a child that nobody asked for is one.
func (r *reader) done() error {
	for _, name := range slices.Sorted(maps.Keys(r.element.Attr)) {
		if !r.known[name] && r.err == nil {
			r.err = fmt.Errorf("attribute %q: expected %s", name, oneOf(slices.Sorted(maps.Keys(r.known))))
		}
	}
	for _, child := range r.element.Children {
		if !slices.Contains(r.children, child.Name) && r.err == nil {
			r.err = r.strange(child)
		}
	}
	return r.err
}

func (r *reader) strange(child Element) error {
	if r.children == nil {
		return fmt.Errorf("element <%.80s>: expected none", child.Name)
	}
	return fmt.Errorf("element <%.80s>: expected <%s>", child.Name, strings.Join(r.children, "> or <"))
}

// nameForm is what isName takes.
const nameForm = "letters, digits, - and _, 64 at most"

// isName reports whether the API takes name for a function's, and FreeSWITCH as a part of a variable's.
func isName(name string) bool {
	strange := func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '_' && r != '-'
	}
	return name != "" && len(name) <= 64 && !strings.ContainsFunc(name, strange)
}

// oneOf names what is expected.
func oneOf(words []string) string {
	if len(words) < 2 {
		return strings.Join(words, "")
	}
	last := len(words) - 1
	return strings.Join(words[:last], ", ") + " or " + words[last]
}
