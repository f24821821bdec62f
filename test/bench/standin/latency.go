package main

import (
	"encoding/csv"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"sync"
	"time"

	"mod_openai_audio_stream/module/realtime/realtimetest"
	"mod_openai_audio_stream/test/bench/machine"
)

// loud is the peak of a frame that has the answer's tone in it.
const loud = 1000

// journal is when the server got each message of audio, when it wrote the first one of each answer, and when it said that
// the caller speaks, for each call.
type journal struct {
	clock machine.Clock

	mu    sync.Mutex // Protects following.
	calls map[string]*callJournal
}

type callJournal struct {
	appended, answered, interrupted []int64 // ns
	answering                       bool    // a response has begun and has no audio yet
}

func (j *journal) note(s *realtimetest.Session, e realtimetest.Event) {
	at := j.clock.NS(e.Time)
	j.mu.Lock()
	defer j.mu.Unlock()
	name := s.URL.Query().Get("call")
	c := j.calls[name]
	if c == nil {
		c = &callJournal{}
		j.calls[name] = c
	}
	switch {
	case e.Client && e.Type == "input_audio_buffer.append":
		c.appended = append(c.appended, at)
	case e.Type == "input_audio_buffer.speech_started":
		c.interrupted = append(c.interrupted, at)
	case e.Type == "response.created":
		c.answering = true
	case e.Type == "response.output_audio.delta" && c.answering:
		c.answering = false
		c.answered = append(c.answered, at)
	}
}

// frames is what a channel's recorder wrote: when the caller's frames came, and the channel's frames with their peaks.
type frames struct {
	said  []int64
	heard []heardFrame
}

type heardFrame struct {
	at   int64
	peak int
}

func readFrames(path string) (f frames, err error) {
	file, err := os.Open(path)
	if err != nil {
		return f, err
	}
	defer file.Close()
	r := csv.NewReader(file)
	if _, err := r.Read(); err != nil { // the heading
		return f, err
	}
	for {
		row, err := r.Read()
		if err == io.EOF {
			return f, nil
		}
		if err != nil {
			return f, err
		}
		at, err := strconv.ParseInt(row[1], 10, 64)
		if err != nil {
			return f, err
		}
		if row[0] == "said" {
			f.said = append(f.said, at)
			continue
		}
		peak, err := strconv.Atoi(row[5])
		if err != nil {
			return f, err
		}
		f.heard = append(f.heard, heardFrame{at, peak})
	}
}

// before is the last of the sorted times that is not after at, and whether there is one.
func before(times []int64, at int64) (int64, bool) {
	i, found := slices.BinarySearch(times, at)
	if found {
		return at, true
	}
	if i == 0 {
		return 0, false
	}
	return times[i-1], true
}

// toServer adds, for each message of audio after from, the time since the frame that completed it.
func (c *callJournal) toServer(d []time.Duration, f frames, from int64) []time.Duration {
	for _, at := range c.appended {
		if frame, ok := before(f.said, at); ok && at >= from {
			d = append(d, time.Duration(at-frame))
		}
	}
	return d
}

// toCaller adds, for each answer after from that began in silence, the time until the channel's first frame with it.
func (c *callJournal) toCaller(d []time.Duration, f frames, from int64) []time.Duration {
	for _, at := range c.answered {
		i, _ := slices.BinarySearchFunc(f.heard, at, func(h heardFrame, at int64) int { return int(h.at - at) })
		if at < from || i == 0 || f.heard[i-1].peak >= loud {
			continue
		}
		for ; i < len(f.heard); i++ {
			if f.heard[i].peak >= loud {
				d = append(d, time.Duration(f.heard[i].at-at))
				break
			}
		}
	}
	return d
}

// toSilence adds, for each time after from that the caller spoke while an answer was heard, the time until the channel's
// last frame with it.
func (c *callJournal) toSilence(d []time.Duration, f frames, from int64) []time.Duration {
	for _, at := range c.interrupted {
		i, _ := slices.BinarySearchFunc(f.heard, at, func(h heardFrame, at int64) int { return int(h.at - at) })
		if at < from || i == 0 || f.heard[i-1].peak < loud {
			continue
		}
		last := at
		for ; i < len(f.heard) && f.heard[i].peak >= loud; i++ {
			last = f.heard[i].at
		}
		if i < len(f.heard) {
			d = append(d, time.Duration(last-at))
		}
	}
	return d
}

func printQuantiles(name string, d []time.Duration) {
	if len(d) == 0 {
		fmt.Printf("%-18s nothing measured\n", name)
		return
	}
	slices.Sort(d)
	q := func(p float64) float64 { return float64(d[int(p*float64(len(d)-1))]) / 1e6 }
	fmt.Printf("%-18s %8d times   median %8.2f ms   p99 %8.2f ms   most %8.2f ms\n", name, len(d), q(0.5), q(0.99), q(1))
}
