package tool_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"mod_openai_audio_stream/module/tool"
)

// The model reads the schema, and Bind checks by rules of its own: a validator of others says whether they agree.
func TestBindTakesWhatTheSchemaAllows(t *testing.T) {
	t.Parallel()
	values := []string{
		`"monday"`, `"tuesday"`, `"AB"`, `"ab"`, `"ABC"`, `"AB\n"`, `""`, `"\u00e4\u00f6\u00fc"`, `"\u00e4\u00f6\u00fcx"`, `"1"`, `1`, `1.0`, `2`, `-3`, `1.5`, `1e2`,
		`0.1`, `-0`, `true`, `false`, `null`, `[]`, `["monday"]`, `{}`, `"true"`, `12345678`, `"sales"`, `"12w*#"`, `"+49123"`, `"0123"`,
	}
	arguments := []tool.Element{
		argument(attrs{"name": "v", "enum": "monday,tuesday"}),
		argument(attrs{"name": "v", "enum": "monday,AB", "required": "true"}),
		argument(attrs{"name": "v", "pattern": "^[A-Z]{2}$"}),
		argument(attrs{"name": "v", "pattern": `^(?:\d+|true)$`, "max": "3"}),
		argument(attrs{"name": "v", "max": "3"}),
		argument(attrs{"name": "v", "type": "integer"}),
		argument(attrs{"name": "v", "type": "integer", "enum": "1,100"}),
		argument(attrs{"name": "v", "type": "number"}),
		argument(attrs{"name": "v", "type": "number", "enum": "1.5,0.10,2"}),
		argument(attrs{"name": "v", "type": "boolean", "required": "true"}),
	}
	type trial struct {
		tool *tool.Tool
		name string // of the argument
	}
	trials := []trial{
		{parse(t, transfer("blind", "1")), "destination"},
		{parse(t, transfer("blind", "1")), "summary"},
		{parse(t, element("a", "transfer", nil, number(attrs{"pattern": "^[+]?[0-9]{4,9}$", "to": "{number}"}))), "number"},
		{parse(t, element("a", "dtmf", nil)), "digits"},
		{parse(t, element("a", "hangup", nil)), "v"},
	}
	for _, a := range arguments {
		trials = append(trials, trial{parse(t, element("a", "set", nil, a)), "v"})
	}
	taken := 0
	for _, trial := range trials {
		schema := compile(t, trial.tool.Definition())
		objects := []string{`{}`, `{"other":1}`}
		for _, v := range values {
			objects = append(objects, `{"`+trial.name+`":`+v+`}`, `{"other":1,"`+trial.name+`":`+v+`}`)
		}
		for _, object := range objects {
			given, err := jsonschema.UnmarshalJSON(strings.NewReader(object))
			if err != nil {
				t.Fatal(err)
			}
			allowed := schema.Validate(given)
			_, err = trial.tool.Bind(object)
			if (err == nil) != (allowed == nil) {
				t.Errorf("%s\n%s\nBind says %v, the schema %v", trial.tool.Definition(), object, err, allowed)
			}
			if err == nil {
				taken++
			}
		}
	}
	if taken < 30 {
		t.Errorf("only %d were allowed", taken)
	}
}

// compile is the schema of a definition's parameters.
func compile(t *testing.T, definition json.RawMessage) *jsonschema.Schema {
	t.Helper()
	var function struct{ Parameters any }
	if err := json.Unmarshal(definition, &function); err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("parameters.json", function.Parameters); err != nil {
		t.Fatal(err)
	}
	return c.MustCompile("parameters.json")
}
