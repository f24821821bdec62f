package main

/*
#include "access.h"
*/
import "C"

import (
	"context"
	"errors"
	"fmt"
	"time"
	"unsafe"

	"mod_openai_audio_stream/module/stream"
)

// referWait is how long a phone may take to reach whom it is referred to, where its caller's ctx does not end before.
const referWait = 2 * time.Minute

var errUnloading = errors.New("the module is being unloaded")

// attempt runs an op that waits for somebody, and has it return once ctx ends, timeout has passed or the host is closed.
func (h *host) attempt(ctx context.Context, timeout time.Duration, op func(a *C.oas_attempt_t) error) error {
	a := (*C.oas_attempt_t)(C.calloc(1, C.sizeof_oas_attempt_t))
	if a == nil {
		return errors.New("no memory for a call")
	}
	defer C.free(unsafe.Pointer(a))
	a.timeout_ms = C.uint32_t(timeout.Milliseconds())
	waiting, cancel := context.WithTimeout(ctx, timeout)
	over, watched := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(watched)
		select {
		case <-waiting.Done():
		case <-h.closing:
		case <-over:
			return
		}
		C.oas_attempt_cancel(a)
	}()
	err := op(a)
	close(over)
	<-watched // it may be about to use a
	cancel()
	if ended := h.ended(ctx); err != nil && ended != nil {
		return ended
	}
	return err
}

// ended says why nobody wants an attempt any more, or nil.
func (h *host) ended(ctx context.Context) error {
	select {
	case <-h.closing:
		return errUnloading
	default:
		return ctx.Err()
	}
}

func (h *host) Refer(ctx context.Context, uuid, uri string) error {
	if !h.enter() {
		return stream.ErrNoChannel
	}
	defer h.leave()
	c, free := cstrings(uuid, uri)
	defer free()
	return h.attempt(ctx, referWait, func(a *C.oas_attempt_t) error {
		switch C.oas_host_refer(h.ops, c[0], c[1], a) {
		case C.OAS_STATUS_OK:
			return nil
		case C.OAS_STATUS_GONE:
			return stream.ErrNoChannel
		case C.OAS_STATUS_UNANSWERED:
			return &stream.ReferFailure{Status: int(a.sip_status), Lost: a.lost != 0}
		}
		return fmt.Errorf("REFER to %q refused: expected a URI that begins with sip:, on a call that is up", uri)
	})
}

func (h *host) Dial(ctx context.Context, uuid, dialString string, timeout time.Duration) (peer string, err error) {
	if !h.enter() {
		return "", stream.ErrNoChannel
	}
	defer h.leave()
	c, free := cstrings(uuid, dialString)
	defer free()
	err = h.attempt(ctx, timeout, func(a *C.oas_attempt_t) error {
		switch C.oas_host_dial(h.ops, c[0], c[1], a) {
		case C.OAS_STATUS_OK:
			peer = C.GoString(&a.peer[0])
			return nil
		case C.OAS_STATUS_GONE:
			return stream.ErrNoChannel
		case C.OAS_STATUS_UNANSWERED:
			return dialFailure(C.GoString(&a.cause[0]))
		}
		return errors.New("no memory for a call")
	})
	if ended := h.ended(ctx); err == nil && ended != nil { // it was answered too late
		id, free := cstrings(peer, "ORIGINATOR_CANCEL")
		defer free()
		C.oas_host_hangup(h.ops, id[0], id[1])
		return "", ended
	}
	return peer, err
}

// dialFailure takes a cancelled attempt for one whose time was over: where it was not, that is said instead.
func dialFailure(cause string) error {
	if cause == "ORIGINATOR_CANCEL" {
		cause = "NO_ANSWER"
	}
	return &stream.DialFailure{Cause: cause}
}
