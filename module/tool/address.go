package tool

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
)

// address is a URL with places for arguments, {name}, in its path and its query.
type address struct{ pieces []piece }

// piece is a part of an address: a text, or the place of an argument.
type piece struct {
	text     string
	argument string // "" = the text
	inPath   bool
}

var errAddress = errors.New("http(s)://host/path?query, with {argument} in the path and the query alone, and no password")

// parseAddress reads the URL of a tool. Its host is fixed: no place may stand before the path.
func (t *Tool) parseAddress(text string) (address, error) {
	scheme, rest, _ := strings.Cut(text, "://")
	end := strings.IndexAny(rest, "/?")
	if end < 0 {
		end = len(rest)
	}
	host, rest := rest[:end], rest[end:]
	path, query, _ := strings.Cut(rest, "?")
	if scheme != "http" && scheme != "https" || host == "" || strings.ContainsAny(host, "@{}") || strings.Contains(text, "#") {
		return address{}, errAddress
	}
	a := address{pieces: []piece{{text: scheme + "://" + host}}}
	if err := a.add(t, path, true); err != nil {
		return a, err
	}
	if path != rest {
		if err := a.add(t, "?"+query, false); err != nil {
			return a, err
		}
	}
	filled, err := a.fill(func(string) string { return "x" })
	if err != nil {
		return a, errAddress
	}
	if u, err := url.Parse(filled); err != nil || u.Hostname() == "" {
		return a, errAddress
	}
	return a, nil
}

// add takes a part of the URL apart.
func (a *address) add(t *Tool, text string, inPath bool) error {
	for text != "" {
		before, after, found := strings.Cut(text, "{")
		a.pieces = append(a.pieces, piece{text: before, inPath: inPath})
		if !found {
			break
		}
		name, after, closed := strings.Cut(after, "}")
		argument := t.argument(name)
		if !closed || argument == nil {
			return fmt.Errorf("the name of an <argument> in {%.64s}", name)
		}
		if inPath && !argument.required {
			return fmt.Errorf("an <argument> with required=\"true\" in {%s}, because it is a part of the path", name)
		}
		a.pieces = append(a.pieces, piece{argument: name, inPath: inPath})
		text = after
	}
	return nil
}

// errPath is for values that a server might take for a step to another folder, however they are escaped.
var errPath = errors.New("arguments: expected no empty value, and none with the steps . and .., where it is a part of a path")

// fill puts the values into their places, in one pass, so that no value is looked into for places.
func (a *address) fill(value func(argument string) string) (string, error) {
	var filled, path strings.Builder
	for _, p := range a.pieces {
		text := p.text
		if p.argument != "" {
			text = value(p.argument)
			if p.inPath && text == "" {
				return "", errPath
			}
			if p.inPath {
				path.WriteString(text)
			}
			text = escape(text)
		} else if p.inPath {
			path.WriteString(text)
		}
		filled.WriteString(text)
	}
	steps := strings.FieldsFunc(path.String(), func(r rune) bool { return r == '/' || r == '\\' })
	if slices.Contains(steps, ".") || slices.Contains(steps, "..") {
		return "", errPath
	}
	return filled.String(), nil
}

// escape leaves letters, digits and -_.~ alone, which is right in a path's segment as in a query.
func escape(value string) string { return strings.ReplaceAll(url.QueryEscape(value), "+", "%20") }
