// Package namedfile reads the files that a configuration names.
package namedfile

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// Read is os.ReadFile for what an operator may name by mistake: a device or a pipe would block the caller for ever, and a
// large file would fill the memory. limit is the most bytes that are taken.
func Read(path string, limit int64) ([]byte, error) {
	if !filepath.IsAbs(path) {
		return nil, fmt.Errorf("%.80s: expected an absolute path", path)
	}
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("%s: expected a file", path)
	case info.Size() > limit:
		return nil, fmt.Errorf("%s: expected at most %d bytes", path, limit)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close() // read, not written
	return io.ReadAll(io.LimitReader(f, limit))
}
