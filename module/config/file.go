package config

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"mod_openai_audio_stream/module/command"
)

// File is the module's configuration: settings for all streams, and named profiles.
type File struct {
	Settings Settings
	// MaxSessions is how many streams may run at once; 0 = no limit.
	MaxSessions int

	profiles map[string]profile
}

// profile is what `start profile:<name>` stands for. Values are expanded at start.
type profile struct {
	params []param
}

type param struct{ name, value string }

// Default is the configuration where there is no file.
func Default() *File { return &File{Settings: defaults(), profiles: map[string]profile{}} }

// startParams are the parameters of a profile that stand for the words of start.
var startParams = []string{"url", "mix", "rate", "mute-user"}

// Parse reads openai_audio_stream.conf.xml. The error says in which line, and what is wrong.
func Parse(text []byte) (*File, error) {
	f := Default()
	d := xml.NewDecoder(bytes.NewReader(text))
	in, name := "", "" // profiles or settings, and the profile's name
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return f, nil
		}
		line, _ := d.InputPos()
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", line, err)
		}
		switch t := token.(type) {
		case xml.StartElement:
			switch t.Name.Local {
			case "settings":
				in = "settings"
			case "profile":
				in, name = "profile", attr(t, "name")
				if name == "" {
					return nil, fmt.Errorf("line %d: profile without a name", line)
				}
				f.profiles[name] = profile{}
			case "param":
				if err := f.param(in, name, param{attr(t, "name"), attr(t, "value")}); err != nil {
					return nil, fmt.Errorf("line %d: %w", line, err)
				}
			}
		case xml.EndElement:
			if t.Name.Local == "settings" || t.Name.Local == "profile" {
				in, name = "", ""
			}
		}
	}
}

func attr(e xml.StartElement, name string) string {
	for _, a := range e.Attr {
		if a.Name.Local == name {
			return a.Value
		}
	}
	return ""
}

func (f *File) param(in, name string, p param) error {
	if in == "profile" {
		entry := f.profiles[name]
		entry.params = append(entry.params, p)
		f.profiles[name] = entry
		if contains(startParams, p.name) {
			return nil
		}
		r, err := find(p.name)
		if err != nil || strings.Contains(p.value, "${") {
			return err
		}
		var scratch Settings
		return r.apply(&scratch, p.name, p.value)
	}
	if p.name == "max-sessions" {
		n, err := strconv.Atoi(p.value)
		if err != nil || n < 0 {
			return fmt.Errorf("max-sessions %q: expected a number, 0 for no limit", p.value)
		}
		f.MaxSessions = n
		return nil
	}
	r, err := find(p.name)
	if err != nil || p.value == "" {
		return err
	}
	return r.apply(&f.Settings, p.name, p.value)
}

func contains(list []string, word string) bool {
	for _, w := range list {
		if w == word {
			return true
		}
	}
	return false
}

func find(name string) (*row, error) {
	var names []string
	for i := range rows {
		if rows[i].param == name {
			return &rows[i], nil
		}
		names = append(names, rows[i].param)
	}
	return nil, fmt.Errorf("param %q: expected one of max-sessions, %s", name, strings.Join(names, ", "))
}

// Resolve completes a start command: with its profile, if it names one, and with the channel's variables, which win.
func (f *File) Resolve(c *command.Command, variable func(name string) string) (Settings, error) {
	s := f.Settings
	if c.Profile != "" {
		p, ok := f.profiles[c.Profile]
		if !ok {
			return s, fmt.Errorf("profile %q: not in openai_audio_stream.conf.xml", c.Profile)
		}
		for _, given := range p.params {
			if err := given.resolve(c, &s, variable); err != nil {
				return s, fmt.Errorf("profile %q: %w", c.Profile, err)
			}
		}
		if c.URL == nil {
			return s, fmt.Errorf("profile %q: no url", c.Profile)
		}
	}
	return s.FromVariables(variable)
}

// resolve sets one parameter of a profile, unless the command itself gave it.
func (p param) resolve(c *command.Command, s *Settings, variable func(string) string) (err error) {
	value := expand(p.value, variable)
	switch p.name {
	case "url":
		c.URL, err = command.ParseURL(value)
	case "mix":
		if !c.Given.Mix {
			c.Mix, err = command.ParseMix(value)
		}
	case "rate":
		if !c.Given.Rate {
			c.RateHz, err = command.ParseRate(value)
		}
	case "mute-user":
		if !c.Given.MuteUser {
			c.MuteUser = value == "true" || value == "1"
		}
	default:
		r, findErr := find(p.name)
		if findErr != nil {
			return findErr
		}
		if value != "" {
			return r.apply(s, p.name, value)
		}
	}
	return err
}

// expand replaces each ${name} by the channel's variable.
func expand(text string, variable func(string) string) string {
	var b strings.Builder
	for {
		before, rest, ok := strings.Cut(text, "${")
		name, after, closed := strings.Cut(rest, "}")
		if !ok || !closed {
			b.WriteString(text)
			return b.String()
		}
		b.WriteString(before)
		b.WriteString(variable(name))
		text = after
	}
}
