package buildid_test

import (
	"debug/elf"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"mod_openai_audio_stream/module/buildid"
)

// built are two files of this machine that have a build id.
func built(t *testing.T) (paths []string) {
	for _, path := range []string{"/bin/sh", "/bin/ls", "/bin/cat", "/usr/bin/env", "/usr/bin/gcc"} {
		f, err := elf.Open(path)
		if err != nil {
			continue
		}
		if f.Section(".note.gnu.build-id") != nil {
			paths = append(paths, path)
		}
		f.Close()
	}
	if len(paths) < 2 {
		t.Skip("fewer than two programs with a build id on this machine")
	}
	return paths[:2]
}

// The first build is the one that runs. Another one is warned of, each time, and the same one under another name is not.
func TestCheck(t *testing.T) {
	programs := built(t)
	data, err := os.ReadFile(programs[0])
	if err != nil {
		t.Fatal(err)
	}
	other := filepath.Join(t.TempDir(), "copy")
	if err := os.WriteFile(other, data, 0o600); err != nil {
		t.Fatal(err)
	}
	var w buildid.Watch
	for i, test := range []struct{ path, want string }{
		{"/nowhere", "can't tell which build runs: open /nowhere"},
		{programs[0], ""},
		{other, ""},
		{programs[1], programs[1] + " on disk is another build than the one that runs (v1): restart FreeSWITCH to use it"},
		{programs[1], programs[1] + " on disk is another build"},
		{programs[0], ""},
	} {
		if got := w.Check(test.path, "v1"); !strings.HasPrefix(got, test.want) || (got == "") != (test.want == "") {
			t.Errorf("%d: %q, want %q", i, got, test.want)
		}
	}
}
