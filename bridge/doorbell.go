package main

/*
#cgo CFLAGS: -std=gnu11 -O2 -I${SRCDIR}
#include "access.h"
*/
import "C"

import (
	"errors"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

// maxShards bounds the doorbells: more than a few only adds wake-ups.
const maxShards = 4

// Below ten calls or so, frames are further apart than pollEvery * pollsInVain, and each rings.
const (
	pollEvery   = time.Millisecond
	pollsInVain = 2
)

// shard is a doorbell and the goroutine that answers it for a group of streams.
type shard struct {
	bell *C.oas_doorbell_t
	file *os.File

	mu      sync.Mutex               // Serialises add and remove.
	streams atomic.Pointer[[]*rings] // copy on write
}

// doorbells are made at the first load and kept: a media thread may ring one at any time.
var doorbells struct {
	once   sync.Once
	err    error
	shards []*shard
	next   atomic.Uint32
}

// openDoorbells makes the doorbells, once for the life of the process.
func openDoorbells() error {
	doorbells.once.Do(func() {
		for range min(runtime.GOMAXPROCS(0), maxShards) {
			bell := C.oas_doorbell_new()
			if bell == nil {
				doorbells.err = errors.New("no descriptor or memory for a doorbell")
				return
			}
			// The descriptor is non-blocking before NewFile, so reads wait in the runtime's poller, not in a thread.
			s := &shard{bell: bell, file: os.NewFile(uintptr(bell.fd), "doorbell")}
			s.streams.Store(new([]*rings))
			doorbells.shards = append(doorbells.shards, s)
			go func() { // runs as long as the process
				for {
					s.serve()
				}
			}()
		}
	})
	return doorbells.err
}

// pickShard spreads streams over the doorbells.
func pickShard() *shard {
	return doorbells.shards[int(doorbells.next.Add(1))%len(doorbells.shards)]
}

func (s *shard) add(st *rings) {
	s.mu.Lock()
	defer s.mu.Unlock()
	grown := append(append([]*rings(nil), *s.streams.Load()...), st)
	s.streams.Store(&grown)
}

func (s *shard) remove(st *rings) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var left []*rings
	for _, other := range *s.streams.Load() {
		if other != st {
			left = append(left, other)
		}
	}
	s.streams.Store(&left)
}

// serve wakes the streams that have something new. While they keep coming it looks once a pollEvery, so that the media
// threads find nobody asleep and ring in vain, which is free; the wake of an idle processor would cost them 25 to 110 µs
// each time. It sleeps when nothing came for a while. It returns only after a bug.
func (s *shard) serve() {
	defer caught(func(string) { time.Sleep(time.Second) }) // a bug that stays must not keep a processor busy
	var count [8]byte
	for {
		for vain := 0; vain < pollsInVain; vain++ {
			for s.wake() {
				vain = 0
				time.Sleep(pollEvery)
			}
			time.Sleep(pollEvery)
		}
		C.oas_doorbell_arm(s.bell)
		if s.wake() { // something came between the look and the arming
			C.oas_doorbell_disarm(s.bell)
			continue
		}
		_, _ = s.file.Read(count[:]) // an eventfd's read fails only when it is closed, which it never is
	}
}

// wake signals every stream that changed since the last time, and reports whether any had.
func (s *shard) wake() (any bool) {
	for _, st := range *s.streams.Load() {
		any = st.look() || any
	}
	return any
}
