package config

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"mod_openai_audio_stream/module/tool"
)

// Name is how FreeSWITCH knows the file.
const Name = "openai_audio_stream.conf"

// File is the module's configuration: settings for all streams, and profiles.
type File struct {
	// Settings are the file's, without what stands in files that it names: Resolve reads those.
	Settings Settings

	MaxSessions   int // streams at the same time; 0 = no limit
	GoMaxProcs    int // 0 = Go's own choice
	GoGCPercent   int
	GoMemoryLimit int // MiB; 0 = no limit

	late     []param // of the settings, to be applied at each start
	profiles map[string]profile
}

// profile is one <profile> of the file.
type profile struct {
	params  []param
	tools   []*tool.Tool
	prewarm int // connections that are kept open
}

// param is one <param> of the file.
type param struct{ name, value string }

// Default is the configuration where there is no file.
func Default() *File {
	f := &File{profiles: map[string]profile{}}
	for i := range table {
		if s := &table[i]; s.Default != "" {
			// A default that is refused is a bug, which the package's test finds.
			_ = s.set(f, s.Default)
		}
	}
	return f
}

// Profiles are the names of the profiles, sorted.
func (f *File) Profiles() []string {
	var names []string
	for name := range f.profiles {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// Parse reads openai_audio_stream.conf.xml, the text of its <configuration> element. The error names the element that is
// wrong and says what is expected there. It gives no line number: FreeSWITCH passes the text on without its comments. An
// empty value means the default.
func Parse(text []byte) (*File, error) {
	p := parser{xml: xml.NewDecoder(bytes.NewReader(text)), file: Default()}
	if err := p.configuration(); err != nil {
		var syntax *xml.SyntaxError
		if errors.As(err, &syntax) {
			return nil, fmt.Errorf("not well-formed XML: line %d: %s", syntax.Line, syntax.Msg)
		}
		return nil, err
	}
	return p.file, nil
}

// parser walks through the file. Its methods are called after the element's start has been read, and end after its end.
type parser struct {
	xml  *xml.Decoder
	file *File
}

// element is one that children allows inside parent.
type element struct {
	name string
	once bool
	read func(xml.StartElement) error
}

// children reads the content of parent, or of the document if that is "".
func (p *parser) children(parent string, allowed ...element) error {
	seen := map[string]bool{}
	for {
		token, err := p.xml.Token()
		if errors.Is(err, io.EOF) && parent == "" {
			return nil
		}
		if err != nil {
			return err
		}
		switch t := token.(type) {
		case xml.EndElement:
			return nil
		case xml.CharData:
			if said := strings.TrimSpace(string(t)); said != "" {
				return fmt.Errorf("text %q: expected elements", clip(said))
			}
		case xml.StartElement:
			i := slices.IndexFunc(allowed, func(e element) bool { return e.name == t.Name.Local })
			if i < 0 {
				return p.unexpected(t.Name.Local, parent, allowed)
			}
			if allowed[i].once && seen[allowed[i].name] {
				return fmt.Errorf("element <%s>: expected once", allowed[i].name)
			}
			seen[allowed[i].name] = true
			if err := allowed[i].read(t); err != nil {
				return err
			}
		}
	}
}

func (p *parser) unexpected(name, parent string, allowed []element) error {
	var names []string
	for _, e := range allowed {
		names = append(names, "<"+e.name+">")
	}
	where := ""
	if parent != "" {
		where = " in <" + parent + ">"
	}
	if names == nil {
		return fmt.Errorf("element <%s>%s: expected nothing", clip(name), where)
	}
	return fmt.Errorf("element <%s>%s: expected %s", clip(name), where, strings.Join(names, " or "))
}

func (p *parser) configuration() error {
	found := false
	settings := element{"settings", true, func(xml.StartElement) error { return p.params("settings", p.setting) }}
	profiles := element{"profiles", true, func(xml.StartElement) error {
		return p.children("profiles", element{"profile", false, p.profile})
	}}
	err := p.children("", element{"configuration", true, func(e xml.StartElement) error {
		if name, _ := attribute(e, "name"); name != Name {
			return fmt.Errorf("configuration %q: expected name=%q", clip(name), Name)
		}
		found = true
		return p.children("configuration", settings, profiles)
	}})
	if err == nil && !found {
		return errors.New("expected a <configuration> element")
	}
	return err
}

func attribute(e xml.StartElement, name string) (string, bool) {
	for _, a := range e.Attr {
		if a.Name.Local == name {
			return a.Value, true
		}
	}
	return "", false
}

// params reads the <param> elements inside parent, each of whose names may come once, and others that are allowed there.
func (p *parser) params(parent string, use func(param) error, others ...element) error {
	seen := map[string]bool{}
	params := element{"param", false, func(e xml.StartElement) error {
		name, named := attribute(e, "name")
		value, valued := attribute(e, "value")
		switch {
		case !named || !valued:
			return fmt.Errorf(`param %q in <%s>: expected <param name="..." value="..."/>`, clip(name), parent)
		case seen[name]:
			return fmt.Errorf("param %q in <%s>: expected once", name, parent)
		}
		seen[name] = true
		if err := use(param{name, strings.TrimSpace(value)}); err != nil {
			return err
		}
		return p.children("param")
	}}
	return p.children(parent, append([]element{params}, others...)...)
}

func (p *parser) setting(given param) error {
	s := byParam(given.name)
	switch {
	case s == nil:
		return unknown(given.name, allNames())
	case given.value == "":
		return nil
	case s.late != nil && s.late(given.value):
		p.file.late = append(p.file.late, given)
		return nil
	}
	return s.apply(p.file, `param "`+given.name+`"`, given.value)
}

func (p *parser) profile(e xml.StartElement) error {
	name, _ := attribute(e, "name")
	switch _, twice := p.file.profiles[name]; {
	case name == "":
		return errors.New("profile: expected a name")
	case twice:
		return fmt.Errorf("profile %q: expected once", name)
	}
	var own profile
	prewarm := ""
	err := p.params("profile", func(given param) error {
		if given.name == prewarmParam {
			prewarm = given.value
			return nil
		}
		own.params = append(own.params, given)
		return checkProfileParam(given)
	}, element{"tool", false, func(e xml.StartElement) error {
		t, err := p.tool(e)
		own.tools = append(own.tools, t)
		return err
	}})
	if err == nil {
		err = tool.Link(own.tools)
	}
	if err != nil {
		return fmt.Errorf("profile %q: %w", name, err)
	}
	if !slices.ContainsFunc(own.params, func(given param) bool { return given.name == "url" && given.value != "" }) {
		return fmt.Errorf("profile %q: expected a param \"url\"", name)
	}
	if own.prewarm, err = parsePrewarm(prewarm, own.params); err != nil {
		return fmt.Errorf("profile %q: %w", name, err)
	}
	p.file.profiles[name] = own
	return nil
}
