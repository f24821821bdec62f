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
		if path := write(s, uuid, []int16{1}); filepath.Dir(path) != dir {
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

func TestLeftoversOfADeadProcess(t *testing.T) {
	dead := exec.Command("true")
	if err := dead.Run(); err != nil {
		t.Skip(err)
	}
	dir := t.TempDir()
	keep := []string{
		fmt.Sprintf("openai_audio_stream-%d-1-call.wav", os.Getppid()), // another process that lives
		"openai_audio_stream-notes-1.wav", "other.wav", "openai_audio_stream.conf",
	}
	gone := []string{
		fmt.Sprintf("openai_audio_stream-%d-1-call.wav", dead.Process.Pid),
		fmt.Sprintf("openai_audio_stream-%d-7-call.wav", os.Getpid()), // the id was used before
	}
	for _, name := range append(keep, gone...) {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s := audiofile.NewStore(dir, noWarning(t))
	<-s.Close()
	for _, name := range keep {
		if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, name := range gone {
		if _, err := os.Stat(filepath.Join(dir, name)); !os.IsNotExist(err) {
			t.Errorf("%s is still there: %v", name, err)
		}
	}
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
	if path := write(s, "call", []int16{1}); filepath.Dir(path) != dir {
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
