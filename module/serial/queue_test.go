package serial_test

import (
	"slices"
	"testing"

	"mod_openai_audio_stream/module/serial"
)

// Jobs are done in order, one at a time, and one that panics keeps none from being done.
func TestQueue(t *testing.T) {
	var panics []any
	q := serial.NewQueue(func(reason any) { panics = append(panics, reason) })
	var done []int
	for round := range 3 { // the goroutine comes and goes
		finished := make(chan struct{})
		for i := range 100 {
			q.Add(func() { done = append(done, round*100+i) })
		}
		q.Add(func() { panic(round) })
		q.Add(func() { close(finished) })
		<-finished
	}
	want := make([]int, 300)
	for i := range want {
		want[i] = i
	}
	if !slices.Equal(done, want) || !slices.Equal(panics, []any{0, 1, 2}) {
		t.Errorf("did %v, panics %v", done, panics)
	}
}

func TestLen(t *testing.T) {
	q := serial.NewQueue(nil)
	begun, hold := make(chan struct{}), make(chan struct{})
	q.Add(func() { close(begun); <-hold })
	<-begun
	q.Add(func() {})
	if n := q.Len(); n != 1 {
		t.Errorf("%d jobs wait, want 1", n)
	}
	close(hold)
}
