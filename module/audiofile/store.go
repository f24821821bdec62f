// Package audiofile writes what the model said as WAV files, away from the audio path: whoever has audio queues it and
// goes on; one goroutine for all calls writes. A slow or full disk costs files, and nothing else.
package audiofile

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"

	"mod_openai_audio_stream/module/audio"
	"mod_openai_audio_stream/module/serial"
)

// What may wait for the disk. Beyond it a file is given up.
const (
	maxSamples = 32 << 20
	maxJobs    = 1 << 16
)

// Store is the files of one process below one directory. Its methods may be called from any goroutine and never wait for
// the disk.
type Store struct {
	dir  string
	warn func(text string)

	jobs *serial.Queue

	mu      sync.Mutex // Protects following.
	samples int        // in jobs
	number  int
	closed  bool

	// Of the goroutine.
	home   home
	files  map[string][]string // by uuid
	failed bool                // the last file could not be written, and that has been said
}

// NewStore keeps files below dir and removes there what a process that no longer lives has left. warn is told, once in a
// row, that files can't be written; it may be called from another goroutine.
func NewStore(dir string, warn func(text string)) *Store {
	s := &Store{dir: dir, warn: warn, files: map[string][]string{}}
	s.jobs = serial.NewQueue(func(reason any) { warn(fmt.Sprintf("audio files: %v", reason)) })
	s.do(0, func() { removeLeftovers(dir) })
	return s
}

// do queues a job. It reports false when too much waits.
func (s *Store) do(samples int, job func()) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || s.jobs.Len() >= maxJobs || s.samples+samples > maxSamples {
		return false
	}
	s.samples += samples
	s.jobs.Add(func() {
		job()
		s.mu.Lock()
		s.samples -= samples
		s.mu.Unlock()
	})
	return true
}

// File is one that is being written. It belongs to one goroutine. A nil File takes everything and does nothing.
type File struct {
	store *Store
	lost  bool // a part of it could not be queued

	// Of the store's goroutine.
	uuid, name string
	path       string // "" until something is written
	rateHz     int
	file       *os.File
	wav        *audio.WAVWriter
	err        error
}

// Create begins a file of 16-bit mono PCM for a channel.
func (s *Store) Create(uuid string, rateHz int) *File {
	s.mu.Lock()
	s.number++
	name := fmt.Sprintf("%d-%s.wav", s.number, plain(uuid))
	s.mu.Unlock()
	return &File{store: s, uuid: uuid, name: name, rateHz: rateHz}
}

// plain is a uuid as a part of a file's name: a user may have chosen any.
func plain(uuid string) string {
	const most = 64
	keep := func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' || r == '_' {
			return r
		}
		return '_'
	}
	name := strings.Map(keep, uuid)
	return name[:min(len(name), most)]
}

// Write queues a copy of the samples.
func (f *File) Write(pcm []int16) {
	if f == nil || f.lost || len(pcm) == 0 {
		return
	}
	pcm = slices.Clone(pcm)
	f.lost = !f.store.do(len(pcm), func() { f.write(pcm) })
}

// Close ends the file and has done called, once, on another goroutine: with its path when it is complete, with "" when
// nothing was written, or with an error, after which there is no file. When the store takes no more, it returns false and
// done is not called. Files are closed in the order of the calls.
func (f *File) Close(done func(path string, err error)) bool {
	if f == nil {
		return false
	}
	lost := f.lost
	return f.store.do(0, func() { f.close(lost, done) })
}

func (f *File) write(pcm []int16) {
	if f.file == nil && f.err == nil {
		f.err = f.store.open(f)
	}
	if f.err == nil {
		f.err = f.wav.Write(pcm)
	}
}

// open makes the file of f.
func (s *Store) open(f *File) error {
	file, err := s.home.create(s.dir, f.name)
	if err != nil {
		return err
	}
	f.file, f.path = file, file.Name()
	s.files[f.uuid] = append(s.files[f.uuid], f.path)
	f.wav, err = audio.NewWAVWriter(file, f.rateHz, 1)
	return err
}

func (f *File) close(lost bool, done func(path string, err error)) {
	if f.file == nil && f.err == nil && !lost {
		done("", nil) // nothing was written
		return
	}
	if f.err == nil {
		f.err = f.wav.Close()
	}
	if f.file != nil {
		if err := f.file.Close(); f.err == nil {
			f.err = err
		}
	}
	if lost && f.err == nil {
		f.err = fmt.Errorf("%s: the disk is too slow", f.name)
	}
	if f.err != nil {
		f.store.discard(f)
	} else {
		f.store.failed = false
	}
	done(f.path, f.err)
}

// discard removes a file that is not whole, and warns if the one before was.
func (s *Store) discard(f *File) {
	if f.file != nil {
		_ = os.Remove(f.path) // it may be what could not be written
	}
	if !s.failed {
		s.failed = true
		s.warn("answers are not written as files any more until it works again: " + f.err.Error())
	}
}

// Remove removes the files of a channel.
func (s *Store) Remove(uuid string) {
	s.do(0, func() {
		for _, path := range s.files[uuid] {
			_ = os.Remove(path) // somebody may have been faster
		}
		delete(s.files, uuid)
	})
}

// Close removes all files and takes no more. It returns a channel that is closed when that is done.
func (s *Store) Close() <-chan struct{} {
	done := make(chan struct{})
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		close(done)
		return done
	}
	s.closed = true
	s.jobs.Add(func() { // also when too much waits
		defer close(done)
		s.home.remove()
		s.files = map[string][]string{}
	})
	return done
}
