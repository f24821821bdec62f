// Package hosttest is a host for the tests of bridge: a table of functions in C that note what they are asked for, and
// the way from C into the engine. Test files can't be written in C, so this is a package; nothing else imports it.
package hosttest

/*
#cgo CFLAGS: -std=gnu11 -I${SRCDIR}
#include "host.h"
*/
import "C"

import (
	"time"
	"unsafe"
)

// The statuses of the boundary.
const (
	OK      = C.OAS_STATUS_OK
	Gone    = C.OAS_STATUS_GONE
	NoMedia = C.OAS_STATUS_NO_MEDIA
	Busy    = C.OAS_STATUS_BUSY
	Failed  = C.OAS_STATUS_FAILED
	Panic   = C.OAS_STATUS_PANIC

	Unanswered = C.OAS_STATUS_UNANSWERED
)

// Ops is the host's table, an *oas_host_ops_t.
func Ops() unsafe.Pointer { return unsafe.Pointer(&C.hosttest_ops) }

// Reset forgets what was noted; from now on attaching ends with the one status, answering and the actions with the other.
func Reset(attach, answer int) { C.hosttest_reset(C.int(attach), C.int(answer)) }

// Noted is all that the host was asked for since Reset, a line each.
func Noted() string { return text(C.hosttest_noted()) }

// DuringAnswer has the host run this command while it answers, on the same thread. Its reply is noted.
func DuringAnswer(command string) {
	c := C.CString(command)
	defer C.free(unsafe.Pointer(c))
	C.hosttest_during_answer(c)
}

// Capture puts a frame of the caller's audio into the attached stream, as a media thread does.
func Capture(pcm []int16, rateHz int) {
	C.hosttest_capture((*C.int16_t)(unsafe.Pointer(&pcm[0])), C.uint32_t(len(pcm)), C.uint32_t(rateHz))
}

// Press gives the attached stream a key, as the shim's hook does.
func Press(digit byte, length time.Duration) {
	C.hosttest_press(C.char(digit), C.uint32_t(length.Milliseconds()))
}

// EventNames are the subclasses of events that C knows.
func EventNames() (names []string) {
	for i := C.uint32_t(0); C.hosttest_event_name(i) != nil; i++ {
		names = append(names, C.GoString(C.hosttest_event_name(i)))
	}
	return names
}

// Totals are the totals of the attached stream, by the names that C has for them.
func Totals() map[string]uint64 {
	totals := map[string]uint64{}
	for i := C.uint32_t(0); C.hosttest_total_name(i) != nil; i++ {
		totals[C.GoString(C.hosttest_total_name(i))] = uint64(C.hosttest_total(i))
	}
	return totals
}

// HangUp closes the attached stream, as the core does.
func HangUp() { C.hosttest_hang_up() }

// Load enters the engine from C, as the shim does; so do the functions after it.
func Load(modulePath, tempDir string) int {
	path, temp := C.CString(modulePath), C.CString(tempDir)
	defer C.free(unsafe.Pointer(path))
	defer C.free(unsafe.Pointer(temp))
	return int(C.hosttest_load(path, temp))
}

// Configure gives the engine the text of a configuration file, nil for none.
func Configure(xml *string) string {
	if xml == nil {
		return text(C.oasGoConfigure(nil))
	}
	c := C.CString(*xml)
	defer C.free(unsafe.Pointer(c))
	return text(C.oasGoConfigure(c))
}

// Command runs one command.
func Command(args string) string {
	c := C.CString(args)
	defer C.free(unsafe.Pointer(c))
	return text(C.oasGoCommand(c))
}

// Application starts a stream for the application.
func Application(uuid, args string) string {
	u, a := C.CString(uuid), C.CString(args)
	defer C.free(unsafe.Pointer(u))
	defer C.free(unsafe.Pointer(a))
	return text(C.oasGoApplication(u, a))
}

// Shutdown ends the engine.
func Shutdown(timeoutMS int) { C.oasGoShutdown(C.uint32_t(timeoutMS)) }

// text is a string that the engine, or the host, has malloc'ed.
func text(c *C.char) string {
	defer C.free(unsafe.Pointer(c))
	return C.GoString(c)
}
