package main

/*
#include "access.h"
*/
import "C"

import (
	"sync/atomic"
	"time"
	"unsafe"

	"mod_openai_audio_stream/module/stream"
)

// rings is the Go side of an oas_stream_t. It implements stream.Rings.
type rings struct {
	host  *host
	shard *shard
	slot  uint32
	c     *C.oas_stream_t

	// Of the shard's goroutine.
	listener stream.Listener
	due      time.Time // when it wants to be called

	// Of the owner.
	now      C.oas_look_t
	head     C.oas_frame_head_t
	flushSeq C.uint64_t
	open     bool
	pressed  *uint32 // how many keys so far, in the shared block
	keysRead uint32
	key      C.oas_key_t
}

var _ stream.Rings = (*rings)(nil)

func (s *rings) Serve(l stream.Listener) {
	s.listener = l
	s.shard.streams[s.slot].Store(s)
	C.oas_stream_ring(s.c)
}

func (s *rings) Look() stream.Look {
	C.oas_stream_look(s.c, &s.now)
	return stream.Look{
		Written: uint64(s.now.written), Read: uint64(s.now.read), Free: int(s.now.free), RateHz: int(s.now.rate_hz),
		Flushed: s.now.flushed >= s.flushSeq, FlushedAt: uint64(s.now.flush_from),
		Underruns: uint64(s.now.underruns), UnderrunMS: int64(s.now.underrun_us) / 1000,
		DroppedMS: int64(s.now.drop_us) / 1000, Closed: s.now.closed != 0, Held: s.now.held != 0,
		KeysLost: int(s.now.keys_lost),
	}
}

func (s *rings) Closing() (reason, errorText string) {
	return C.GoString(&s.c.close_reason[0]), C.GoString(&s.c.close_error[0])
}

func (s *rings) ReadCaller(f *stream.Frame) bool { return s.read(C.oas_stream_caller(s.c), f) }

func (s *rings) ReadCallee(f *stream.Frame) bool { return s.read(C.oas_stream_callee(s.c), f) }

func (s *rings) read(ring *C.oas_ring_t, f *stream.Frame) bool {
	head := &s.head // not on the heap each time
	f.PCM = f.PCM[:cap(f.PCM)]
	for {
		switch C.oas_capture_read(ring, head, unsafe.Pointer(unsafe.SliceData(f.PCM)), C.uint64_t(2*len(f.PCM))) {
		case 0:
			return false
		case 1:
			f.PCM = f.PCM[:head.len_bytes/2]
			f.RateHz, f.Channels = int(head.rate_hz), int(head.n_channels)
			return true
		}
		f.PCM = make([]int16, (head.len_bytes+1)/2) // longer than all before it
	}
}

func (s *rings) ReadKey() (key stream.Key, ok bool) {
	// Without a call into C: this is asked with every frame.
	if atomic.LoadUint32(s.pressed) == s.keysRead || C.oas_stream_key(s.c, &s.key) == 0 {
		return stream.Key{}, false
	}
	s.keysRead++
	return stream.Key{Digit: byte(s.key.digit), Length: time.Duration(s.key.duration_ms) * time.Millisecond}, true
}

func (s *rings) SetAgentRate(hz int) { C.oas_stream_set_agent_rate(s.c, C.uint32_t(hz)) }

func (s *rings) Write(pcm []int16) int {
	if len(pcm) == 0 {
		return 0
	}
	return int(C.oas_agent_write(s.c, (*C.int16_t)(unsafe.Pointer(&pcm[0])), C.uint64_t(len(pcm))))
}

func (s *rings) Flush(fade int) { s.flushSeq = C.oas_agent_flush(s.c, C.uint32_t(fade)) }

func (s *rings) Hold(on bool) { C.oas_agent_hold(s.c, flag(on)) }

func (s *rings) SetAnswerOpen(open bool) {
	if open != s.open {
		s.open = open
		C.oas_agent_answer_open(s.c, flag(open))
	}
}

func flag(on bool) C.uint32_t {
	if on {
		return 1
	}
	return 0
}

func (s *rings) SetTotals(t stream.Totals) {
	set := func(which C.oas_total_t, n int64) { C.oas_stream_set_total(s.c, which, C.uint64_t(max(n, 0))) }
	set(C.OAS_TOTAL_TURNS, t.Turns)
	set(C.OAS_TOTAL_ANSWERED_TURNS, t.AnsweredTurns)
	set(C.OAS_TOTAL_INTERRUPTIONS, t.Interruptions)
	set(C.OAS_TOTAL_INPUT_TOKENS, t.InputTokens)
	set(C.OAS_TOTAL_OUTPUT_TOKENS, t.OutputTokens)
	set(C.OAS_TOTAL_CACHED_TOKENS, t.CachedTokens)
	set(C.OAS_TOTAL_AUDIO_IN_MS, t.AudioInMS)
	set(C.OAS_TOTAL_AUDIO_OUT_MS, t.AudioOutMS)
	set(C.OAS_TOTAL_LATENCY_MS_AVG, t.LatencyMSAvg)
	set(C.OAS_TOTAL_RESPONSE_MS_AVG, t.ResponseMSAvg)
	set(C.OAS_TOTAL_RECONNECTS, t.Reconnects)
}

func (s *rings) SetEnd(reason, errorText string, moves bool) {
	ended := C.oas_ended_t(C.OAS_ENDED_STAYS)
	if moves {
		ended = C.OAS_ENDED_MOVES
	}
	c, free := cstrings(reason, errorText)
	defer free()
	C.oas_stream_set_end(s.c, c[0], c[1], ended)
}

func (s *rings) Detach() { s.host.detach(s.c) }

func (s *rings) Release() {
	s.shard.release(s.slot)
	C.oas_stream_unref(s.c)
	s.c = nil
}
