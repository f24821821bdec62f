// Package buildid notices that the module's file on disk is not the one that runs: a Go runtime can't be exchanged, so an
// unload and a load go on with the old one.
package buildid

import (
	"debug/elf"
	"encoding/hex"
	"fmt"
	"sync"
)

// Watch remembers the build that runs. The zero value is ready; its methods may be called from any goroutine.
type Watch struct {
	mu      sync.Mutex // Protects following.
	running string
}

// Check reads the build id of the file at path. The first one is that of the build that runs; to another one later the
// answer is a warning. version names the build that runs.
func (w *Watch) Check(path, version string) (warning string) {
	id, err := read(path)
	if err != nil {
		return "can't tell which build runs: " + err.Error()
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.running == "" {
		w.running = id
	}
	if id != w.running {
		return fmt.Sprintf("%s on disk is another build than the one that runs (%s): restart FreeSWITCH to use it", path, version)
	}
	return ""
}

// read is the linker's build id of the ELF file at path.
func read(path string) (string, error) {
	f, err := elf.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	section := f.Section(".note.gnu.build-id")
	if section == nil {
		return "", fmt.Errorf("%s has no build id", path)
	}
	note, err := section.Data()
	if err != nil {
		return "", fmt.Errorf("%s: %w", path, err)
	}
	return hex.EncodeToString(note), nil
}
