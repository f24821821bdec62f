package audiofile_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"mod_openai_audio_stream/module/audiofile"
	"mod_openai_audio_stream/module/realtime/realtimetest"
)

// noWarning is for stores that have nothing to warn of.
func noWarning(t *testing.T) func(string) {
	return func(text string) { t.Errorf("warned: %s", text) }
}

// write writes a file and waits until it is there.
func write(s *audiofile.Store, uuid string, pieces ...[]int16) string {
	f := s.Create(uuid, 8000)
	for _, pcm := range pieces {
		f.Write(pcm)
		clear(pcm) // the file has its own copy
	}
	done := make(chan string, 1)
	f.Close(func(path string, err error) {
		if err != nil {
			path = err.Error()
		}
		done <- path
	})
	return <-done
}

func TestAFileHoldsWhatWasWritten(t *testing.T) {
	s := audiofile.NewStore(t.TempDir(), noWarning(t))
	path := write(s, "call", []int16{1, 2}, nil, []int16{-3})
	pcm, rateHz, channels, err := realtimetest.ReadWAV(path)
	if err != nil || fmt.Sprint(pcm) != "[1 2 -3]" || rateHz != 8000 || channels != 1 {
		t.Errorf("%v, %d Hz, %d channels, %v", pcm, rateHz, channels, err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	<-s.Close()
}

func TestNamesStayInTheDirectory(t *testing.T) {
	dir := t.TempDir()
	s := audiofile.NewStore(dir, noWarning(t))
	for _, uuid := range []string{"../../etc/x", "a/b", "", "\x00", strings.Repeat("long", 100), "ümlaut %s"} {
		if path := write(s, uuid, []int16{1}); filepath.Dir(filepath.Dir(path)) != dir {
			t.Errorf("%q is written to %q", uuid, path)
		}
	}
	<-s.Close()
}

func TestFilesGoWithTheirCall(t *testing.T) {
	dir := t.TempDir()
	s := audiofile.NewStore(dir, noWarning(t))
	one, other := write(s, "one", []int16{1}), write(s, "other", []int16{1})
	s.Remove("one")
	s.Remove("nobody")
	last := write(s, "other", []int16{2}) // after the removal
	if _, err := os.Stat(one); !os.IsNotExist(err) {
		t.Errorf("the file of a call that has ended is there: %v", err)
	}
	for _, path := range []string{other, last} {
		if _, err := os.Stat(path); err != nil {
			t.Error(err)
		}
	}
	<-s.Close()
	if left, _ := os.ReadDir(dir); len(left) > 0 {
		t.Errorf("%d files are left", len(left))
	}
	f := s.Create("late", 8000)
	f.Write([]int16{1})
	if f.Close(func(path string, _ error) { t.Errorf("%s was written after the end", path) }) {
		t.Error("a file is taken after the end")
	}
}

// Two processes share a directory, and may have the same id: each in a container of its own.
func TestStoresLeaveEachOthersFiles(t *testing.T) {
	dir := t.TempDir()
	one := audiofile.NewStore(dir, noWarning(t))
	first := write(one, "call", []int16{1})
	other := audiofile.NewStore(dir, noWarning(t))
	second := write(other, "call", []int16{1}) // after the other has looked for leftovers
	<-other.Close()
	if !exists(first) || exists(second) {
		t.Errorf("the first's file is there: %v; the second's: %v", exists(first), exists(second))
	}
	third := write(one, "call", []int16{1})
	if !exists(third) {
		t.Error("the first can't write any more")
	}
	<-one.Close()
	if left, _ := os.ReadDir(dir); len(left) > 0 {
		t.Errorf("%d files are left", len(left))
	}
}

// TestMain is also the process that dies, when it is told in which directory.
func TestMain(m *testing.M) {
	if dir := os.Getenv("LEAVE_A_FILE_IN"); dir != "" {
		s := audiofile.NewStore(dir, func(text string) { fmt.Println(text) })
		write(s, "call", []int16{1})
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func TestLeftoversOfADeadProcess(t *testing.T) {
	dir := t.TempDir()
	process := exec.Command(os.Args[0])
	process.Env = append(os.Environ(), "LEAVE_A_FILE_IN="+dir)
	if out, err := process.CombinedOutput(); err != nil || len(out) > 0 {
		t.Fatalf("%v: %s", err, out)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "*", "*.wav")); len(left) != 1 {
		t.Fatalf("it left %q", left)
	}
	place := func(name string) {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	keep := []string{"other.wav", "openai_audio_stream.conf", "openai_audio_stream-1-call.wav",
		"openai_audio_stream-notes/notes.txt", "elsewhere/lock", "elsewhere/1.wav"}
	for _, name := range keep {
		place(name)
	}
	if err := os.Symlink("elsewhere", filepath.Join(dir, "openai_audio_stream-link")); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(dir, "openai_audio_stream-empty"), 0o700); err != nil {
		t.Fatal(err)
	}
	s := audiofile.NewStore(dir, noWarning(t))
	<-s.Close()
	for _, name := range keep {
		if !exists(filepath.Join(dir, name)) {
			t.Errorf("%s is gone", name)
		}
	}
	if left, _ := os.ReadDir(dir); len(left) != 6 {
		t.Errorf("%d names are left, want 6: %v", len(left), left)
	}
}

// Somebody who tidies up the temporary files takes the directory away.
func TestADirectoryThatGoes(t *testing.T) {
	dir := t.TempDir()
	s := audiofile.NewStore(dir, noWarning(t))
	first := write(s, "call", []int16{1})
	if err := os.RemoveAll(filepath.Dir(first)); err != nil {
		t.Fatal(err)
	}
	if second := write(s, "call", []int16{1}); !exists(second) {
		t.Errorf("%s is not there", second)
	}
	<-s.Close()
	if left, _ := os.ReadDir(dir); len(left) > 0 {
		t.Errorf("%d files are left", len(left))
	}
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// A directory that can't be written to is one warning, and works again as soon as it can be.
func TestADiskThatTakesNothing(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "later")
	var warnings []string
	s := audiofile.NewStore(dir, func(text string) { warnings = append(warnings, text) })
	for range 3 {
		f := s.Create("call", 8000)
		f.Write([]int16{1})
		f.Write([]int16{2})
		failed := make(chan error, 1)
		f.Close(func(_ string, err error) { failed <- err })
		if err := <-failed; err == nil {
			t.Error("a file was written into no directory")
		}
	}
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if path := write(s, "call", []int16{1}); filepath.Dir(filepath.Dir(path)) != dir {
		t.Error(path)
	}
	if len(warnings) != 1 || !strings.Contains(warnings[0], "later") {
		t.Errorf("warnings %q, want one that names the file", warnings)
	}
	<-s.Close()
}

func TestNothingWrittenIsNoFile(t *testing.T) {
	dir := t.TempDir()
	s := audiofile.NewStore(dir, noWarning(t))
	if path := write(s, "call"); path != "" {
		t.Errorf("%s was written", path)
	}
	var none *audiofile.File
	none.Write([]int16{1})
	if none.Close(nil) {
		t.Error("the end of no file is queued")
	}
	<-s.Close()
	if left, _ := os.ReadDir(dir); len(left) > 0 {
		t.Errorf("%d files are left", len(left))
	}
}
