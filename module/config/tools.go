package config

import (
	"encoding/xml"
	"fmt"
	"strings"

	"mod_openai_audio_stream/module/realtime"
	"mod_openai_audio_stream/module/tool"
)

// tool reads a <tool> element of a profile.
func (p *parser) tool(start xml.StartElement) (*tool.Tool, error) {
	e, err := p.whole(start)
	if err != nil {
		return nil, err
	}
	return tool.Parse(e)
}

// whole reads an element with all that is in it. Text is not expected there.
func (p *parser) whole(start xml.StartElement) (tool.Element, error) {
	e := tool.Element{Name: start.Name.Local, Attr: map[string]string{}}
	for _, a := range start.Attr {
		if _, twice := e.Attr[a.Name.Local]; twice {
			return e, fmt.Errorf("attribute %q of <%s>: expected once", a.Name.Local, e.Name)
		}
		e.Attr[a.Name.Local] = a.Value
	}
	for {
		token, err := p.xml.Token()
		if err != nil {
			return e, err
		}
		switch t := token.(type) {
		case xml.EndElement:
			return e, nil
		case xml.CharData:
			if said := strings.TrimSpace(string(t)); said != "" {
				return e, fmt.Errorf("text %q in <%s>: expected elements", clip(said), e.Name)
			}
		case xml.StartElement:
			child, err := p.whole(t)
			if err != nil {
				return e, err
			}
			e.Children = append(e.Children, child)
		}
	}
}

// checkTools finds a function of the session's that has the name of one of the profile's tools: a call could mean either.
func (s *Settings) checkTools() error {
	for _, name := range realtime.Functions(s.Session) {
		for _, t := range s.Tools {
			if t.Name == name {
				return fmt.Errorf("STREAM_SESSION: function %q: expected no name of a <tool> of the profile", name)
			}
		}
	}
	return nil
}
