package config

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"mod_openai_audio_stream/module/command"
	"mod_openai_audio_stream/module/secret"
)

// startParams are the params of a profile that stand for the words of a start command. What was typed wins.
var startParams = map[string]func(c *command.Command, value string) error{
	"url": func(c *command.Command, value string) (err error) {
		c.URL, err = command.ParseURL(value)
		return err
	},
	"mix": func(c *command.Command, value string) error {
		mix, err := command.ParseMix(value)
		if err == nil && !c.Given.Mix {
			c.Mix = mix
		}
		return err
	},
	"rate": func(c *command.Command, value string) error {
		hz, err := command.ParseRate(value)
		if err == nil && !c.Given.Rate {
			c.RateHz = hz
		}
		return err
	},
	"mute-user": func(c *command.Command, value string) error {
		mute, err := parseBool(value)
		if err != nil {
			return fmt.Errorf("param \"mute-user\" %q: %w", clip(value), err)
		}
		if !c.Given.MuteUser {
			c.MuteUser = mute
		}
		return nil
	},
}

// checkProfileParam finds errors in a profile when the file is read. Files, and values with variables in them, are checked
// when a stream starts.
func checkProfileParam(p param) error {
	s := byParam(p.name)
	start := startParams[p.name]
	switch {
	case start == nil && s == nil:
		return unknown(p.name, profileNames())
	case start == nil && s.Variable == "":
		return fmt.Errorf("param %q: it applies to all streams and belongs in <settings>", p.name)
	case p.value == "":
		return nil
	case strings.Contains(p.value, "${"):
		_, err := expand(p, func(string) string { return "" })
		if err != nil {
			return fmt.Errorf("param %q: %w", p.name, err)
		}
		return nil
	case start != nil:
		return start(&command.Command{}, p.value)
	case s.late != nil && s.late(p.value):
		return nil
	}
	return s.apply(&File{}, `param "`+p.name+`"`, p.value)
}

// Resolve completes a start command: with its profile, if it names one, and with the channel's variables, and returns
// the stream's settings. variable returns a channel variable, "" if it is unset. Files that are named are read now, so
// it may take as long as they do. The error names what is wrong.
func (f *File) Resolve(c *command.Command, variable func(name string) string) (Settings, error) {
	own := File{Settings: f.Settings}
	for _, p := range f.late {
		if err := byParam(p.name).apply(&own, Name+`: param "`+p.name+`"`, p.value); err != nil {
			return own.Settings, err
		}
	}
	if c.Profile != "" {
		if err := f.applyProfile(c, &own, variable); err != nil {
			return own.Settings, fmt.Errorf("profile %q: %w", clip(c.Profile), err)
		}
	}
	settings, err := fromVariables(own.Settings, variable)
	settings.urlSecrets = secret.InURL(c.URL)
	if err == nil {
		err = settings.checkTools()
	}
	return settings, err
}

func (f *File) applyProfile(c *command.Command, own *File, variable func(string) string) error {
	given, ok := f.profiles[c.Profile]
	if !ok {
		if known := f.Profiles(); known != nil {
			return fmt.Errorf("expected one of %s", strings.Join(known, ", "))
		}
		return errors.New("expected one of " + Name + ", which has none")
	}
	own.Settings.Tools = given.tools
	err := own.Settings.layer(func() error {
		for _, p := range given.params {
			value, err := expand(p, variable)
			if err != nil {
				return fmt.Errorf("param %q: %w", p.name, err)
			}
			if value == "" {
				continue
			}
			if start := startParams[p.name]; start != nil {
				err = start(c, value)
			} else {
				err = byParam(p.name).apply(own, `param "`+p.name+`"`, value)
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err == nil && c.URL == nil {
		err = errors.New(`param "url": it is empty, because its variables are unset`)
	}
	return err
}

// jsonParams are the params whose value is JSON.
var jsonParams = []string{"extra-headers", "session", "turn-detection"}

// expand replaces each ${name} of a value by the channel variable, escaped for the place where it stands: a caller's
// name must neither end a JSON string nor add a query parameter. A value that is nothing but ${name} is replaced as it
// is, and so is what a URL begins with. A variable can't turn a text into the name of a file.
func expand(p param, variable func(string) string) (string, error) {
	whole := strings.HasPrefix(p.value, "${") && strings.IndexByte(p.value, '}') == len(p.value)-1
	inFile := namesFile(p.value)
	var out strings.Builder
	for rest := p.value; ; {
		before, after, found := strings.Cut(rest, "${")
		out.WriteString(before)
		if !found {
			break
		}
		name, after, closed := strings.Cut(after, "}")
		if !closed || name == "" {
			return "", errors.New("expected ${name}")
		}
		value := variable(name)
		switch {
		case inFile && (strings.Contains(value, "..") || strings.ContainsRune(value, 0)):
			return "", fmt.Errorf("${%s} can't be part of a path", name)
		case whole, inFile, p.name == "url" && out.Len() == 0:
		case p.name == "url" && strings.Contains(out.String(), "?"):
			value = strings.ReplaceAll(url.QueryEscape(value), "+", "%20")
		case p.name == "url":
			value = escapeInPath(value)
		case slices.Contains(jsonParams, p.name) && strings.HasPrefix(p.value, "{"):
			value = escapeInJSON(value)
		}
		out.WriteString(value)
		rest = after
	}
	expanded := strings.TrimSpace(out.String())
	if s := byParam(p.name); !inFile && s != nil && s.late != nil && namesFile(expanded) && expanded != p.value {
		return "", errors.New("a variable can't name a file: expected file:${name}")
	}
	return expanded, nil
}

// escapeInPath leaves a host with a port alone.
func escapeInPath(value string) string {
	if host, port, ok := strings.Cut(value, ":"); ok {
		return url.PathEscape(host) + ":" + url.PathEscape(port)
	}
	return url.PathEscape(value)
}

// escapeInJSON is value as it stands inside the quotes of a JSON string.
func escapeInJSON(value string) string {
	quoted, err := json.Marshal(value)
	if err != nil { // no string is refused
		return ""
	}
	return string(quoted[1 : len(quoted)-1])
}
