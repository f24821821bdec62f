package stream

import (
	"fmt"
	"runtime/debug"
)

// guard runs f and turns a panic into a call of onPanic with its value and stack. Every goroutine of the engine starts
// with it: a bug in one call must not end the switch. It returns even if onPanic panics.
func guard(onPanic func(reason string), f func()) {
	defer func() {
		if r := recover(); r != nil {
			defer func() { _ = recover() }()
			onPanic(fmt.Sprintf("%v\n%s", r, debug.Stack()))
		}
	}()
	f()
}
