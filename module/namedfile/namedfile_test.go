package namedfile_test

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"mod_openai_audio_stream/module/namedfile"
)

func TestRead(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path, pipe := filepath.Join(dir, "file"), filepath.Join(dir, "pipe")
	if err := os.WriteFile(path, []byte("12345"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	if got, err := namedfile.Read(path, 5); err != nil || string(got) != "12345" {
		t.Errorf("got %q, %v", got, err)
	}
	for _, tc := range []struct {
		path  string
		limit int64
		want  string
	}{
		{"file", 5, "file: expected an absolute path"},
		{path, 4, path + ": expected at most 4 bytes"},
		{pipe, 5, pipe + ": expected a file"},
		{dir, 5, dir + ": expected a file"},
		{dir + "/none", 5, "stat " + dir + "/none: no such file or directory"},
	} {
		if got, err := namedfile.Read(tc.path, tc.limit); err == nil || err.Error() != tc.want || got != nil {
			t.Errorf("got %q, %v, want %s", got, err, tc.want)
		}
	}
}
