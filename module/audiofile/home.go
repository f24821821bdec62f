package audiofile

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// The directory of a process is prefix and a random text. It holds the file lockName, on which its process keeps a lock
// (flock) for as long as it lives. Processes in several containers may share the directory above it, where ids of
// processes tell nothing: whoever gets the lock knows that the owner is dead.
const (
	prefix   = "openai_audio_stream-"
	lockName = "lock"
	suffix   = ".wav" // of all other files
)

// home is the directory of this process. The zero home makes one when it is needed.
type home struct {
	path string
	lock *os.File // its closing gives the lock back
}

// create makes a file in the home, which is below dir.
func (h *home) create(dir, name string) (*os.File, error) {
	for range 2 {
		if h.path == "" {
			if err := h.make(dir); err != nil {
				return nil, err
			}
		}
		file, err := os.OpenFile(filepath.Join(h.path, name), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
		if !errors.Is(err, fs.ErrNotExist) {
			return file, err
		}
		h.remove() // somebody has tidied up the temporary files
	}
	return nil, fs.ErrNotExist
}

// make makes the directory and takes its lock.
func (h *home) make(dir string) error {
	for range 10 {
		path, err := os.MkdirTemp(dir, prefix+"*")
		if err != nil {
			return err
		}
		lock, err := os.OpenFile(filepath.Join(path, lockName), os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
		if errors.Is(err, fs.ErrNotExist) {
			continue // another process took the empty directory for a leftover
		}
		if err != nil {
			_ = os.Remove(path)
			return err
		}
		// A file system without locks fails with another error for everybody: there nothing is taken for a leftover.
		err = syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if errors.Is(err, syscall.EWOULDBLOCK) || !isAt(lock, filepath.Join(path, lockName)) {
			_ = lock.Close() // another process was faster, and removes it
			continue
		}
		h.path, h.lock = path, lock
		return nil
	}
	return errors.New(dir + ": others remove what is made there")
}

// isAt reports whether path is the open file.
func isAt(file *os.File, path string) bool {
	open, err := file.Stat()
	if err != nil {
		return false
	}
	there, err := os.Lstat(path)
	return err == nil && os.SameFile(open, there)
}

// remove removes the directory with its files.
func (h *home) remove() {
	if h.path == "" {
		return
	}
	removeAll(h.path)
	_ = h.lock.Close()
	*h = home{}
}

// removeAll removes a directory whose lock the process holds. What nobody of us has put there stays.
func removeAll(path string) {
	entries, _ := os.ReadDir(path) // what can be read, if not all
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), suffix) {
			_ = os.Remove(filepath.Join(path, e.Name()))
		}
	}
	// The lock last: until then nobody else removes anything here.
	_ = os.Remove(filepath.Join(path, lockName))
	_ = os.Remove(path)
}

// removeLeftovers removes below dir what is there of processes that no longer live.
func removeLeftovers(dir string) {
	entries, _ := os.ReadDir(dir) // what can be read, if not all
	for _, e := range entries {
		if path := filepath.Join(dir, e.Name()); strings.HasPrefix(e.Name(), prefix) && isOurs(path) {
			removeLeftover(path)
		}
	}
}

// isOurs reports whether path is a directory of this user's. In a directory that is everybody's, another user could lay
// a link to other files there.
func isOurs(path string) bool {
	info, err := os.Lstat(path)
	if err != nil || !info.IsDir() {
		return false
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	return ok && int(stat.Uid) == os.Geteuid()
}

func removeLeftover(path string) {
	name := filepath.Join(path, lockName)
	lock, err := os.OpenFile(name, os.O_RDWR|syscall.O_NOFOLLOW, 0)
	if errors.Is(err, fs.ErrNotExist) {
		_ = os.Remove(path) // only if it is empty: its process died before it had a lock
		return
	}
	if err != nil {
		return
	}
	defer func() { _ = lock.Close() }()
	if syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) == nil && isAt(lock, name) {
		removeAll(path)
	}
}
