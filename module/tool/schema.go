package tool

import "encoding/json"

// function is a tool as the session has it.
type function struct {
	Type        string `json:"type"`
	Name        string `json:"name"`
	Description string `json:"description,omitempty"`
	Parameters  schema `json:"parameters"`
}

// schema is a JSON schema of an object.
type schema struct {
	Type                 string          `json:"type"`
	Properties           json.RawMessage `json:"properties"`
	Required             []string        `json:"required,omitempty"`
	AdditionalProperties bool            `json:"additionalProperties"`
}

// define writes what the model is told. Its arguments are in the order of the profile: a model fills them in one by one.
func (t *Tool) define() json.RawMessage {
	f := function{Type: "function", Name: t.Name, Description: t.description, Parameters: schema{Type: "object"}}
	properties := []byte{'{'}
	for _, a := range t.arguments {
		property, _ := encode(a) // strings and numbers
		properties = appendField(properties, a.name, property)
		if a.required {
			f.Parameters.Required = append(f.Parameters.Required, a.name)
		}
	}
	f.Parameters.Properties = append(properties, '}')
	definition, _ := encode(f)
	return definition
}
