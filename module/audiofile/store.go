// Package audiofile writes what the model said as WAV files, away from the audio path: whoever has audio queues it and
// goes on; one goroutine for all calls writes. A slow or full disk costs files, and nothing else.
package audiofile

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"

	"mod_openai_audio_stream/module/audio"
	"mod_openai_audio_stream/module/serial"
)

// prefix begins the names of all files, so that those of a process that died are known: prefix, its id, a number, the
// channel's uuid.
const prefix = "openai_audio_stream-"

// What may wait for the disk. Beyond it a file is given up.
const (
	samplesMost = 32 << 20
	jobsMost    = 1 << 16
)

// Store is the files of one process in one directory. Its methods may be called from any goroutine and never wait for
// the disk.
type Store struct {
	dir  string
	pid  int
	warn func(text string)

	jobs *serial.Queue

	mu      sync.Mutex // Protects following.
	samples int        // in jobs
	number  int
	closed  bool

	// Of the goroutine.
	files  map[string][]string // by uuid
	failed bool                // the last file could not be written, and that has been said
}

// NewStore keeps files in dir and removes there what a process that no longer lives has left. warn is told, once in a
// row, that files can't be written; it may be called from another goroutine.
func NewStore(dir string, warn func(text string)) *Store {
	s := &Store{dir: dir, pid: os.Getpid(), warn: warn, files: map[string][]string{}}
	s.jobs = serial.NewQueue(func(reason any) { warn(fmt.Sprintf("audio files: %v", reason)) })
	s.do(0, s.removeLeftovers)
	return s
}

// do queues a job. It reports false when too much waits.
func (s *Store) do(samples int, job func()) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || s.jobs.Len() >= jobsMost || s.samples+samples > samplesMost {
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
	uuid, path string
	rateHz     int
	file       *os.File
	wav        *audio.WAVWriter
	err        error
}

// Create begins a file of 16-bit mono PCM for a channel.
func (s *Store) Create(uuid string, rateHz int) *File {
	s.mu.Lock()
	s.number++
	name := fmt.Sprintf("%s%d-%d-%s.wav", prefix, s.pid, s.number, plain(uuid))
	s.mu.Unlock()
	return &File{store: s, uuid: uuid, path: filepath.Join(s.dir, name), rateHz: rateHz}
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

// Write queues samples, which must not change any more.
func (f *File) Write(pcm []int16) {
	if f == nil || f.lost || len(pcm) == 0 {
		return
	}
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
		// Not to be followed through a link that somebody else has laid: the directory may be everybody's.
		f.file, f.err = os.OpenFile(f.path, os.O_WRONLY|os.O_CREATE|os.O_EXCL|syscall.O_NOFOLLOW, 0o600)
		if f.err == nil {
			f.store.files[f.uuid] = append(f.store.files[f.uuid], f.path)
			f.wav, f.err = audio.NewWAVWriter(f.file, f.rateHz, 1)
		}
	}
	if f.err == nil {
		f.err = f.wav.Write(pcm)
	}
}

func (f *File) close(lost bool, done func(path string, err error)) {
	if f.file == nil && f.err == nil {
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
		f.err = fmt.Errorf("%s: the disk is too slow", f.path)
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
	if !s.do(0, func() {
		defer close(done)
		for _, paths := range s.files {
			for _, path := range paths {
				_ = os.Remove(path)
			}
		}
		s.files = map[string][]string{}
	}) {
		close(done)
	}
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	return done
}

// removeLeftovers removes what is there of processes that no longer live. Of this process there is nothing yet: what
// bears its id is older.
func (s *Store) removeLeftovers() {
	paths, _ := filepath.Glob(filepath.Join(s.dir, prefix+"*.wav")) // fails for a bad pattern only
	for _, path := range paths {
		id, _, _ := strings.Cut(strings.TrimPrefix(filepath.Base(path), prefix), "-")
		pid, err := strconv.Atoi(id)
		if err != nil || pid <= 0 {
			continue // not one of ours
		}
		if pid != s.pid && syscall.Kill(pid, 0) != syscall.ESRCH {
			continue
		}
		_ = os.Remove(path)
	}
}
