package main

/*
#cgo CFLAGS: -std=gnu11 -O2 -I${SRCDIR}
#include "access.h"
*/
import "C"

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"mod_openai_audio_stream/module/stream"
)

// How often a doorbell that is awake is looked at: so that one and a half frames have come where each stream has one in
// 20 ms. More often would cost more wake-ups, at 30 µs each, than it saves in delay.
const (
	pollShare = 30 * time.Millisecond // among the streams
	pollMin   = 200 * time.Microsecond
	pollMax   = 2 * time.Millisecond
)

// awake is how long after the last frame a doorbell stays awake. It sleeps when nobody streams or all are muted, and not from
// one frame of a single call to the next: to fall asleep and wake costs the process 1 ms of processor time, most of it the
// runtime's monitor, and the media thread that rings 25 to 110 µs.
const awake = 100 * time.Millisecond

// maxShards bounds the doorbells. A wake-up costs 30 to 60 µs where the processor was idle, whoever is woken, so streams
// share a doorbell until it has streamsPerShard.
const (
	maxShards       = 4
	streamsPerShard = 200
)

// shard is a doorbell and the goroutine that answers it for a group of streams.
type shard struct {
	bell *C.oas_doorbell_t
	file *os.File

	mu    sync.Mutex // Protects following.
	taken []bool     // the slots that streams have
	n     int        // how many

	// streams are those that are served, by slot; a stream is put there and taken away by anybody.
	streams [C.OAS_DOORBELL_SLOTS]atomic.Pointer[rings]
	used    atomic.Uint32 // slots above have never had a stream; a multiple of 64

	// Of the goroutine.
	napper  napper
	rung    [256]C.uint32_t
	sending []stream.Listener // those that have taken something
	lookAt  time.Time         // when the streams are looked through for those that want to be called
}

// lookEvery is by how much a stream may be called later than it wants if nothing comes.
const lookEvery = 10 * time.Millisecond

// doorbells are made at the first load and kept: a media thread may ring one at any time.
var doorbells struct {
	once   sync.Once
	err    error
	shards []*shard
}

// openDoorbells makes the doorbells, once for the life of the process.
func openDoorbells() error {
	doorbells.once.Do(func() {
		for range max(1, min(runtime.GOMAXPROCS(0)-1, maxShards)) { // each may hold a processor, others need one
			bell := C.oas_doorbell_new()
			if bell == nil {
				doorbells.err = errors.New("no descriptor or memory for a doorbell")
				return
			}
			// The descriptor is non-blocking before NewFile, so reads wait in the runtime's poller, not in a thread.
			s := &shard{bell: bell, file: os.NewFile(uintptr(bell.fd), "doorbell")}
			doorbells.shards = append(doorbells.shards, s)
		}
		for _, s := range doorbells.shards {
			s.napper.others = len(doorbells.shards) - 1
			go func() { // runs as long as the process
				for {
					s.serve()
				}
			}()
		}
	})
	return doorbells.err
}

// pickSlot finds a stream its doorbell: the first that has not its number, then of twice that number, and so on.
func pickSlot() (s *shard, slot uint32, err error) {
	for most := streamsPerShard; most < 2*C.OAS_DOORBELL_SLOTS; most *= 2 {
		for _, s := range doorbells.shards {
			if slot, ok := s.reserve(min(most, C.OAS_DOORBELL_SLOTS)); ok {
				return s, slot, nil
			}
		}
	}
	return nil, 0, fmt.Errorf("no doorbell for another stream: %d have one", len(doorbells.shards)*C.OAS_DOORBELL_SLOTS)
}

// reserve takes a slot, unless most streams have one.
func (s *shard) reserve(most int) (slot uint32, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.n >= most {
		return 0, false
	}
	at := slices.Index(s.taken, false)
	if at < 0 {
		at = len(s.taken)
		s.taken = append(s.taken, make([]bool, 64)...)
		s.used.Store(uint32(len(s.taken)))
	}
	s.taken[at] = true
	s.n++
	return uint32(at), true
}

// release frees a slot.
func (s *shard) release(slot uint32) {
	s.streams[slot].Store(nil)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.taken[slot] = false
	s.n--
}

// serve calls the streams that have something new. While they keep coming it looks again and again, so that the media
// threads find nobody asleep and ring in vain, which is free. It returns only after a bug.
func (s *shard) serve() {
	defer caught(func(string) { time.Sleep(time.Second) }) // a bug that stays must not keep a processor busy
	var count [8]byte
	var awakeUntil time.Time
	for {
		now := time.Now()
		if s.round(now) {
			awakeUntil = now.Add(awake)
		}
		if now.Before(awakeUntil) {
			s.napper.nap(s.pollEvery())
			continue
		}
		C.oas_doorbell_arm(s.bell)
		if now = time.Now(); s.round(now) { // something came between the look and the arming
			C.oas_doorbell_disarm(s.bell)
			awakeUntil = now.Add(awake)
			continue
		}
		// Both fail only at the deadline: an eventfd is never closed here.
		_ = s.file.SetReadDeadline(s.look(now))
		_, _ = s.file.Read(count[:])
	}
}

// pollEvery is how long to wait for frames while they keep coming.
func (s *shard) pollEvery() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	return min(max(pollShare/time.Duration(max(s.n, 1)), pollMin), pollMax)
}

// round calls every stream that rang since the last time, and reports whether any had.
func (s *shard) round(now time.Time) (any bool) {
	for n := len(s.rung); n > len(s.rung)-64; any = any || n > 0 { // as long as there may be more
		n = int(C.oas_doorbell_take(s.bell, C.uint32_t(s.used.Load()), &s.rung[0], C.uint32_t(len(s.rung))))
		for _, slot := range s.rung[:n] {
			if st := s.streams[slot].Load(); st != nil {
				s.take(st, now)
			}
		}
		s.send(now)
	}
	if !now.Before(s.lookAt) {
		s.look(now)
	}
	return any
}

// look calls the streams whose time has come, and returns when the next one's does; zero: no stream's does.
func (s *shard) look(now time.Time) (next time.Time) {
	s.lookAt = now.Add(lookEvery)
	for slot := range s.used.Load() {
		st := s.streams[slot].Load()
		if st == nil {
			continue
		}
		if !st.due.IsZero() && !now.Before(st.due) {
			s.take(st, now)
		}
		if !st.due.IsZero() && (next.IsZero() || st.due.Before(next)) {
			next = st.due
		}
	}
	s.send(now)
	return next
}

// take has a stream take what there is for it. send must follow.
func (s *shard) take(st *rings, now time.Time) {
	again, taken := st.listener.Take(now)
	st.due = again
	if taken {
		s.sending = append(s.sending, st.listener)
	}
}

// send has the streams send what they have taken.
func (s *shard) send(now time.Time) {
	for _, l := range s.sending {
		l.Send(now)
	}
	clear(s.sending)
	s.sending = s.sending[:0]
}
