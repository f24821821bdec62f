package stream

import (
	"fmt"
	"slices"
	"testing"

	"mod_openai_audio_stream/module/audiofile"
	"mod_openai_audio_stream/module/realtime"
	"mod_openai_audio_stream/module/realtime/realtimetest"
)

// tape is a recording with what it has announced.
type tape struct {
	*testing.T
	*recording
	store  *audiofile.Store
	played []string
}

func newTape(t *testing.T) *tape {
	tp := &tape{T: t, store: audiofile.NewStore(t.TempDir(), func(text string) { t.Error(text) })}
	tp.recording = newRecording(tp.store, "call", 24000, func(e playBody) { // read after wait
		pcm, rateHz, channels, err := realtimetest.ReadWAV(e.File)
		if err != nil || channels != 1 || e.Type != "response.output_audio.delta" {
			t.Errorf("%+v: %d channels, %v", e, channels, err)
		}
		tp.played = append(tp.played, fmt.Sprintf("%s/%s.%d %v at %d", e.ResponseID, e.ItemID, e.ContentIndex, pcm, rateHz))
	})
	t.Cleanup(func() { <-tp.store.Close() })
	return tp
}

// delta writes samples of a part, as "A/item.0".
func (tp *tape) delta(part string, pcm ...int16) { tp.write(partEvent(tp.T, part), pcm) }

func partEvent(t *testing.T, part string) *realtime.Event {
	t.Helper()
	e := &realtime.Event{Type: "response.output_audio.delta"}
	if _, err := fmt.Sscanf(part, "%1s/%1s.%d", &e.ResponseID, &e.ItemID, &e.ContentIndex); err != nil {
		t.Fatal(err)
	}
	return e
}

func (tp *tape) want(want ...string) {
	tp.Helper()
	tp.wait()
	if !slices.Equal(tp.played, want) {
		tp.Errorf("got %q, want %q", tp.played, want)
	}
}

// Each part is a file, complete when the part is, whatever else comes in the meantime.
func TestRecording(t *testing.T) {
	tp := newTape(t)
	tp.delta("A/i.0", 1)
	tp.delta("B/k.0", 11)
	tp.delta("A/i.0", 2)
	tp.delta("B/k.0", 12)
	tp.want()
	tp.done(partEvent(t, "A/i.0"))
	tp.want("A/i.0 [1 2] at 24000")
	tp.delta("B/k.0", 13)
	tp.delta("A/i.1", 3)
	tp.delta("A/j.0", 4)
	tp.done(&realtime.Event{ResponseID: "A"})
	tp.want("A/i.0 [1 2] at 24000", "A/i.1 [3] at 24000", "A/j.0 [4] at 24000")
	tp.done(&realtime.Event{ResponseID: "A"})
	tp.setRate(8000)
	tp.delta("C/i.0", 21)
	tp.end()
	tp.want("A/i.0 [1 2] at 24000", "A/i.1 [3] at 24000", "A/j.0 [4] at 24000", "B/k.0 [11 12 13] at 24000",
		"C/i.0 [21] at 8000")
	tp.end()
}

// A server that never says that a part is done does not keep files open.
func TestRecordingKeepsFewFilesOpen(t *testing.T) {
	tp := newTape(t)
	for _, id := range "ABCDEF" {
		tp.delta(string(id)+"/i.0", 1)
	}
	tp.want("A/i.0 [1] at 24000", "B/i.0 [1] at 24000")
	tp.end()
}

// Without a store, or with one that has ended, nothing is written, and nobody waits.
func TestRecordingOfNothing(t *testing.T) {
	r := newRecording(nil, "call", 24000, func(playBody) { t.Error("announced") })
	r.write(partEvent(t, "A/i.0"), []int16{1})
	r.end()
	r.wait()

	tp := newTape(t)
	<-tp.store.Close()
	tp.delta("A/i.0", 1)
	tp.end()
	tp.want()

	tp = newTape(t)
	tp.delta("A/i.0")
	tp.end()
	tp.want()
}
