// Package tool has the functions of a profile: what its <tool> elements say, what the model is told of them, and what is to
// be done when the model calls one.
//
//	tool.go      a Tool: parsed, linked, bound to the arguments of a call
//	element.go   the elements of the configuration, attribute by attribute
//	action.go    the actions, each from its attributes to its job
//	transfer.go  the one with destinations
//	argument.go  what an argument may be
//	values.go    what the model said, checked
//	schema.go    the definition that the model sees
//	job.go       what is to be done
//	http.go      a request; address.go its URL, header.go its header file
//	result.go    what the model is told of the outcome
//	cause.go     FreeSWITCH's causes of a hang-up
//
// A Tool does not change after Link, so any goroutine may use it.
//
// What the model says is data. A job has it in four places only: as a key that the profile has, as digits, as JSON, and as
// a variable's value in which FreeSWITCH finds nothing to expand. No error text repeats a value: it may be a card's number.
package tool
