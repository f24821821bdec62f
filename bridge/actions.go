package main

/*
#include "access.h"
*/
import "C"

import (
	"errors"
	"fmt"
	"unsafe"
)

func (h *host) Hangup(uuid, cause string) error {
	return h.act(func(c []*C.char) C.oas_status_t { return C.oas_host_hangup(h.ops, c[0], c[1]) },
		func() error {
			return fmt.Errorf("hang-up cause %q: expected FreeSWITCH's name of one, such as USER_BUSY", cause)
		},
		uuid, cause)
}

func (h *host) Transfer(uuid, extension, dialplan, context string) error {
	return h.act(func(c []*C.char) C.oas_status_t { return C.oas_host_transfer(h.ops, c[0], c[1], c[2], c[3]) },
		func() error { return fmt.Errorf("FreeSWITCH refused the transfer to %q", extension) },
		uuid, extension, dialplan, context)
}

func (h *host) SendDTMF(uuid, digits string) error {
	return h.act(func(c []*C.char) C.oas_status_t { return C.oas_host_send_dtmf(h.ops, c[0], c[1]) },
		func() error {
			return errors.New("keys refused: expected up to 99 of 0-9, *, #, A-D and w, on a call that is up")
		},
		uuid, digits)
}

func (h *host) SetVariable(uuid, name, value string) error {
	return h.act(func(c []*C.char) C.oas_status_t { return C.oas_host_set_variable(h.ops, c[0], c[1], c[2]) },
		func() error { return fmt.Errorf("variable %q refused: expected a name, and a value without ${", name) },
		uuid, name, value)
}

func (h *host) Bridge(uuid, peer string) error {
	return h.act(func(c []*C.char) C.oas_status_t { return C.oas_host_bridge(h.ops, c[0], c[1]) },
		func() error { return errors.New("could not be bridged: the other channel has gone") }, uuid, peer)
}

func (h *host) API(uuid, command, arguments string) (string, error) {
	var reply *C.char
	err := h.act(func(c []*C.char) C.oas_status_t { return C.oas_host_api(h.ops, c[0], c[1], c[2], &reply) },
		func() error { return fmt.Errorf("API command %q failed, or there is none", command) },
		uuid, command, arguments)
	if reply == nil {
		return "", err
	}
	defer C.free(unsafe.Pointer(reply))
	return C.GoString(reply), err
}
