package tool

import (
	"errors"
	"regexp"
	"slices"
	"strings"
)

const (
	// maxSummary is how many characters the model may say of the conversation.
	maxSummary = 600
	// numberPlace is where the number stands in the to of a <number>.
	numberPlace = "{number}"
)

// numberForm is what any number must be, beside the profile's pattern: that may take more than its author thought of.
var numberForm = regexp.MustCompile(`^\+?[0-9*#]{1,32}$`)

// directory is where a transfer can go.
type directory struct {
	mode     Mode
	to       map[string]string // by key
	toNumber string            // with numberPlace in it, "" = to no number
}

func readTransfer(t *Tool, r *reader) func(values) (Job, error) {
	d := directory{
		mode: Mode(r.choice("mode", string(Blind), string(Attended), string(Refer))),
		to:   map[string]string{},
	}
	destination := d.readDestinations(r)
	number := d.readNumber(r)
	// With both, either of them is given, and neither is required.
	switch {
	case len(d.to) == 0 && d.toNumber == "":
		r.lack("a <destination> or a <number>")
	case len(d.to) == 0:
		number.required = true
		t.arguments = []argument{number}
	case d.toNumber == "":
		destination.required = true
		t.arguments = []argument{destination}
	default:
		number.Description = "instead of a destination"
		t.arguments = []argument{destination, number}
	}
	t.arguments = append(t.arguments, argument{
		name: "summary", Type: typeString, MaxLength: maxSummary, Description: "of the conversation, for who takes the call",
	})
	return d.bind
}

// readDestinations reads the <destination> elements. The argument is which of them.
func (d *directory) readDestinations(r *reader) argument {
	which := argument{name: "destination", Type: typeString}
	var about []string
	r.each("destination", "key", func(r *reader) {
		key, description := r.text("key", ""), r.prose("description")
		if !isName(key) {
			r.fail("key", nameForm)
		}
		if d.to[key] != "" {
			r.fail("key", "another key: there is such a destination")
		}
		d.to[key] = r.required("to", toForm[d.mode])
		if !d.leads(d.to[key]) {
			r.fail("to", toForm[d.mode])
		}
		which.Enum = append(which.Enum, quote(key))
		if description != "" {
			about = append(about, key+": "+description)
		}
	})
	which.Description = strings.Join(about, "; ")
	return which
}

// readNumber reads the <number> element. The argument is the number.
func (d *directory) readNumber(r *reader) argument {
	number := argument{name: "number", Type: typeString}
	r.each("number", "pattern", func(r *reader) {
		if d.toNumber != "" {
			r.fail("pattern", "one <number>")
		}
		var err error
		number.Pattern = r.text("pattern", "")
		if number.pattern, err = compile(number.Pattern); err != nil {
			r.fail("pattern", err.Error())
		}
		d.toNumber = r.required("to", toForm[d.mode])
		extension, rest, _ := strings.Cut(d.toNumber, " ")
		switch {
		case !d.leads(d.toNumber):
			r.fail("to", toForm[d.mode])
		case !strings.Contains(extension, numberPlace) && d.mode != Attended, !strings.Contains(d.toNumber, numberPlace):
			r.fail("to", toForm[d.mode]+", with "+numberPlace+" in it")
		case strings.Contains(rest, numberPlace) && d.mode == Blind:
			r.fail("to", "no "+numberPlace+" in the dialplan and the context")
		}
	})
	return number
}

// toForm is what to may be.
var toForm = map[Mode]string{
	Blind:    "<extension> [dialplan [context]], with a dialplan other than inline, which would run applications",
	Attended: "a dial string such as user/1001",
	Refer:    "a SIP URI such as sip:1001@example.com",
}

// sipURI is what the C side takes for one, too.
var sipURI = regexp.MustCompile(`^sip:[!#-;=?A-~]+@[!#-;=?A-~]+$`)

// leads reports whether to has the form of the mode.
func (d *directory) leads(to string) bool {
	switch words := strings.Fields(to); d.mode {
	case Blind:
		inline := func(word string) bool { return strings.EqualFold(word, "inline") }
		return len(words) >= 1 && len(words) <= 3 && !slices.ContainsFunc(words[1:], inline)
	case Attended:
		return strings.Contains(to, "/")
	default:
		return sipURI.MatchString(to)
	}
}

func (d *directory) bind(v values) (Job, error) {
	key, byKey := v["destination"]
	number, byNumber := v["number"]
	job := Transfer{Mode: d.mode, Summary: v["summary"].line()}
	switch {
	case byKey == byNumber:
		return nil, errors.New("arguments: expected either destination or number")
	case byKey:
		job.Key, job.To = key.text, d.to[key.text]
	case !numberForm.MatchString(number.text):
		return nil, errors.New(`argument "number": expected digits, * and #, 32 at most, which + may precede`)
	default:
		digits := number.text
		if d.mode == Refer {
			digits = strings.ReplaceAll(digits, "#", "%23") // it would end the URI
		}
		job.Key, job.To = number.text, strings.ReplaceAll(d.toNumber, numberPlace, digits)
	}
	return job, nil
}
