package main

/*
#include "access.h"
*/
import "C"

import (
	"bytes"
	"errors"
	"fmt"
	"time"
	"unsafe"

	"mod_openai_audio_stream/module/command"
	"mod_openai_audio_stream/module/stream"
)

// host calls FreeSWITCH through the table it gave at load. It implements stream.Host.
type host struct {
	gate // after close no call is made

	ops     C.oas_host_ops_ref_t
	closing chan struct{} // closed by close
}

var _ stream.Host = (*host)(nil)

// newHost calls through ops, an *oas_host_ops_t that stays.
func newHost(ops unsafe.Pointer) *host {
	return &host{ops: C.oas_host_ops_ref_t(ops), closing: make(chan struct{})}
}

// close ends the calls that wait for somebody, and waits for all. It is called once.
func (h *host) close(wait time.Duration) {
	close(h.closing)
	h.gate.close(wait)
}

// cstrings makes C strings of texts. A NUL byte, which C would take for the end, becomes a space.
func cstrings(texts ...string) (c []*C.char, free func()) {
	for _, t := range texts {
		c = append(c, C.CString(string(bytes.ReplaceAll([]byte(t), []byte{0}, []byte{' '}))))
	}
	return c, func() {
		for _, p := range c {
			C.free(unsafe.Pointer(p))
		}
	}
}

func (h *host) Log(level int, uuid, text string) {
	if !h.enter() {
		return
	}
	defer h.leave()
	c, free := cstrings(uuid, text)
	defer free()
	C.oas_host_log(h.ops, C.int(level), c[0], c[1])
}

func (h *host) LogLevel(uuid string) int {
	if !h.enter() {
		return -1
	}
	defer h.leave()
	c, free := cstrings(uuid)
	defer free()
	return int(C.oas_host_log_level(h.ops, c[0]))
}

func (h *host) Event(subclass, uuid string, body []byte) {
	if !h.enter() {
		return
	}
	defer h.leave()
	c, free := cstrings(subclass, uuid, string(body))
	defer free()
	C.oas_host_event(h.ops, c[0], c[1], c[2])
}

func (h *host) Variable(uuid, name string) string {
	if !h.enter() {
		return ""
	}
	defer h.leave()
	c, free := cstrings(uuid, name)
	defer free()
	value := C.oas_host_variable(h.ops, c[0], c[1])
	if value == nil {
		return ""
	}
	defer C.free(unsafe.Pointer(value))
	return C.GoString(value)
}

func (h *host) Exists(uuid string) bool {
	if !h.enter() {
		return false
	}
	defer h.leave()
	c, free := cstrings(uuid)
	defer free()
	return C.oas_host_exists(h.ops, c[0]) == C.OAS_STATUS_OK
}

// act runs an op with C's copies of texts, unless the gate is closed. FreeSWITCH's refusal is the error that refused makes.
func (h *host) act(op func(c []*C.char) C.oas_status_t, refused func() error, texts ...string) error {
	if !h.enter() {
		return stream.ErrNoChannel
	}
	defer h.leave()
	c, free := cstrings(texts...)
	defer free()
	switch op(c) {
	case C.OAS_STATUS_OK:
		return nil
	case C.OAS_STATUS_GONE:
		return stream.ErrNoChannel
	}
	return refused()
}

func (h *host) Answer(uuid string) error {
	return h.act(func(c []*C.char) C.oas_status_t { return C.oas_host_answer(h.ops, c[0]) },
		func() error { return errors.New("could not be answered: the call is ending, or its endpoint refused") }, uuid)
}

func (h *host) Attach(uuid string, mix command.Mix) (stream.Rings, error) {
	if !h.enter() {
		return nil, stream.ErrNoChannel
	}
	defer h.leave()
	shard, slot, err := pickSlot()
	if err != nil {
		return nil, err
	}
	id, free := cstrings(uuid)
	defer free()
	c := C.oas_stream_new(shard.bell, C.uint32_t(slot), id[0], C.oas_mix_t(mix))
	if c == nil {
		shard.release(slot)
		return nil, errors.New("no memory for a stream")
	}
	s := &rings{host: h, shard: shard, slot: slot, c: c, pressed: (*uint32)(C.oas_stream_keys_written(c))}
	status := C.oas_host_attach(h.ops, c)
	if status == C.OAS_STATUS_OK {
		return s, nil
	}
	_, refused := s.Closing()
	s.Release()
	return nil, attachError(status, refused)
}

func attachError(status C.oas_status_t, refused string) error {
	switch status {
	case C.OAS_STATUS_GONE:
		return stream.ErrNoChannel
	case C.OAS_STATUS_NO_MEDIA:
		return stream.ErrNoMedia
	case C.OAS_STATUS_BUSY:
		return stream.ErrBusy
	case C.OAS_STATUS_PASSTHROUGH:
		return errors.New(refused)
	}
	return fmt.Errorf("FreeSWITCH refused the media bug (status %d)", int(status))
}

func (h *host) detach(c *C.oas_stream_t) {
	if !h.enter() {
		return
	}
	defer h.leave()
	C.oas_host_detach(h.ops, c)
}
