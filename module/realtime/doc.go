// Package realtime is OpenAI's Realtime protocol as data and pure functions: server events in, client events out, and
// what is peculiar to one server. It does no I/O and keeps no state but a Parser's; every function may be called concurrently.
//
// Names are those of the GA protocol. The beta's names, which compatible servers still send, are taken for the same.
//
// What a server sends is hostile until parsed: Parse and DecodeAudio answer anything at all with a value or an error,
// in time and memory proportional to its length.
package realtime
