// Package secret takes secrets out of texts that people will see.
//
// A Masker knows the secrets of one call: its keys, its credential headers, the passwords in its URLs. Text is for log
// lines and error texts; it also masks what looks like a secret to anyone, and would rather mask a word too many. Body is
// for event bodies, which programs read: it replaces the call's own secrets and nothing else. Mask is for texts of no
// call.
package secret
