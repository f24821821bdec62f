package main

/*
#include "access.h"
*/
import "C"

import (
	"fmt"
	"io"
	"unsafe"

	"mod_openai_audio_stream/module/stream"
)

// sound is something that FreeSWITCH plays.
type sound struct {
	host *host
	c    *C.oas_sound_t // nil once it is closed
}

var _ stream.Sound = (*sound)(nil)

func (h *host) OpenSound(uuid, path string, rateHz int) (stream.Sound, error) {
	var c *C.oas_sound_t
	err := h.act(func(t []*C.char) C.oas_status_t {
		return C.oas_host_sound_open(h.ops, t[0], t[1], C.uint32_t(rateHz), &c)
	}, func() error {
		return fmt.Errorf("FreeSWITCH can't play %q at %d Hz: expected a file or stream that it knows, at 8000 to 48000 Hz", path, rateHz)
	}, uuid, path)
	if err != nil {
		return nil, err
	}
	return &sound{h, c}, nil
}

func (s *sound) Read(pcm []int16) (int, error) {
	if len(pcm) == 0 {
		return 0, nil
	}
	if s.c == nil || !s.host.enter() {
		return 0, io.EOF
	}
	defer s.host.leave()
	n := int(C.oas_host_sound_read(s.host.ops, s.c, (*C.int16_t)(unsafe.Pointer(&pcm[0])), C.uint32_t(len(pcm))))
	if n == 0 {
		return 0, io.EOF
	}
	return n, nil
}

func (s *sound) Close() {
	if s.c == nil || !s.host.enter() {
		return
	}
	defer s.host.leave()
	C.oas_host_sound_close(s.host.ops, s.c)
	s.c = nil
}
