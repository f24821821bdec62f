package main

import (
	"encoding/binary"
	"fmt"
	"os"
	"slices"
	"time"
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

// readTape reads the callbacks of a call between two times.
func readTape(path string, from, until int64) (t tape, err error) {
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
		if c.at < from || c.at >= until {
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

// since is the time from the last callback that began before at.
func since(callbacks []callback, at int64) (time.Duration, bool) {
	i := after(callbacks, at)
	if i == 0 {
		return 0, false
	}
	return time.Duration(at - callbacks[i-1].at), true
}

// after is the index of the first callback that began after at.
func after(callbacks []callback, at int64) int {
	i, _ := slices.BinarySearchFunc(callbacks, at+1, func(c callback, at int64) int { return int(c.at - at) })
	return i
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
