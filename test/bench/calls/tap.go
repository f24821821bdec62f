package main

import (
	"encoding/binary"
	"fmt"
	"os"
	"slices"
	"time"

	"mod_openai_audio_stream/test/bench/server"
)

// callback is one of the module's media callbacks, as test/bench/tap/tap.c has noted it.
type callback struct {
	at   int64 // ns of CLOCK_MONOTONIC
	took time.Duration
	peak int
}

// tape is a call's callbacks by kind, each in the order of time.
type tape struct{ read, write []callback }

// The kinds of callbacks in a tape.
const (
	kindRead         = 1
	kindWriteReplace = 2
)

// readTape reads the callbacks of a call.
func readTape(path string) (t tape, err error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return t, fmt.Errorf("the module has added no media bug that could be measured: %w", err)
	}
	const head, size = 8, 16
	for b = b[head:]; len(b) >= size; b = b[size:] {
		c := callback{
			at:   int64(binary.NativeEndian.Uint64(b)),
			took: time.Duration(binary.NativeEndian.Uint32(b[8:])),
			peak: int(binary.NativeEndian.Uint16(b[14:])),
		}
		if c.at == 0 {
			continue
		}
		switch binary.NativeEndian.Uint16(b[12:]) {
		case kindRead:
			t.read = append(t.read, c)
		case kindWriteReplace:
			t.write = append(t.write, c)
		}
	}
	byTime := func(a, b callback) int { return int(a.at - b.at) }
	slices.SortFunc(t.read, byTime)
	slices.SortFunc(t.write, byTime)
	return t, nil
}

// between is the callbacks from one time to another.
func between(callbacks []callback, from, until int64) []callback {
	return callbacks[after(callbacks, from-1):after(callbacks, until-1)]
}

// after is the index of the first callback that began after at.
func after(callbacks []callback, at int64) int {
	i, _ := slices.BinarySearchFunc(callbacks, at+1, func(c callback, at int64) int { return int(c.at - at) })
	return i
}

// frameBytes is a frame of 20 ms at 24 kHz.
const frameBytes = 960

// toServer is, for each message of audio between two times, the time from the callback with its last frame. Which that is,
// is told by counting: the n-th frame after the first message came is in the n-th callback after the first one's, and the
// latest callback that could have been the first one's is taken for it: the one that makes no message come before its frame.
// So at least one message is taken to have come within a frame's time.
func toServer(reads []callback, messages []server.Audio, from, until int64) (d []time.Duration) {
	bytes, offset := 0, len(reads)
	frames := make([]int, len(messages))
	for i, m := range messages {
		bytes += m.Bytes
		frames[i] = (bytes + frameBytes/2) / frameBytes
		offset = min(offset, after(reads, m.At)-frames[i])
	}
	for i, m := range messages {
		if n := offset + frames[i] - 1; n >= 0 && m.At >= from && m.At < until {
			d = append(d, time.Duration(m.At-reads[n].at))
		}
	}
	return d
}

// loud is the peak of a frame that has an answer in it.
const loud = 1000

// untilLoud is the time from at to the first frame with an answer, if the frame before at had none.
func untilLoud(callbacks []callback, at int64) (time.Duration, bool) {
	i := after(callbacks, at)
	if i == 0 || callbacks[i-1].peak >= loud {
		return 0, false
	}
	for ; i < len(callbacks); i++ {
		if callbacks[i].peak >= loud {
			return time.Duration(callbacks[i].at + int64(callbacks[i].took) - at), true
		}
	}
	return 0, false
}
