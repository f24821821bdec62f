package stream

import (
	"slices"
	"time"

	"mod_openai_audio_stream/module/audiofile"
	"mod_openai_audio_stream/module/realtime"
)

const (
	// playWait bounds how long a stream's ::end waits for the ::play of its last file. A disk that hangs costs the file.
	playWait = 2 * time.Second
	// maxRecordings bounds the files that are open at once: of the parts of responses that come at the same time.
	maxRecordings = 4
)

// recording writes what the model says as files, heard or not: one for each content part of each item. It is the stream's
// owner's.
type recording struct {
	files    *audiofile.Store // nil: nothing is written
	uuid     string
	rateHz   int
	announce func(playBody)

	open []openFile // oldest first
	// written is closed when the last file that has been ended is complete and announced, or given up; nil: there is none.
	written chan struct{}
}

// openFile is a part that is coming in.
type openFile struct {
	file  *audiofile.File
	about playBody
}

// newRecording returns a recording of audio at rateHz. announce is told of each file when it is complete, on the store's
// goroutine.
func newRecording(files *audiofile.Store, uuid string, rateHz int, announce func(playBody)) *recording {
	return &recording{files: files, uuid: uuid, rateHz: rateHz, announce: announce}
}

// setRate changes the rate of the files to come.
func (r *recording) setRate(hz int) { r.rateHz = hz }

// write adds a delta's audio to the file of its part.
func (r *recording) write(e *realtime.Event, pcm []int16) {
	if r.files == nil {
		return
	}
	about := playBody{Type: e.Type, ResponseID: e.ResponseID, ItemID: e.ItemID, OutputIndex: e.OutputIndex,
		ContentIndex: e.ContentIndex}
	i := slices.IndexFunc(r.open, func(o openFile) bool { return o.about == about })
	if i < 0 {
		if len(r.open) == maxRecordings {
			r.complete(r.open[0])
			r.open = slices.Delete(r.open, 0, 1)
		}
		i = len(r.open)
		r.open = append(r.open, openFile{r.files.Create(r.uuid, r.rateHz), about})
	}
	r.open[i].file.Write(pcm)
}

// done completes the files that an event is the end of: of the part that it names, or of all parts of its response.
func (r *recording) done(e *realtime.Event) {
	r.completeIf(func(about playBody) bool {
		return (e.ResponseID == "" || e.ResponseID == about.ResponseID) &&
			(e.ItemID == "" || e.ItemID == about.ItemID && e.ContentIndex == about.ContentIndex)
	})
}

// end completes all files: nothing more will come.
func (r *recording) end() {
	r.completeIf(func(playBody) bool { return true })
}

func (r *recording) completeIf(ended func(about playBody) bool) {
	r.open = slices.DeleteFunc(r.open, func(o openFile) bool {
		if !ended(o.about) {
			return false
		}
		r.complete(o)
		return true
	})
}

// complete ends a file and has it announced.
func (r *recording) complete(o openFile) {
	announce, about, written := r.announce, o.about, make(chan struct{})
	queued := o.file.Close(func(path string, err error) {
		defer close(written)
		if err != nil || path == "" {
			return // the store has warned, or nothing was written
		}
		about.File = path
		announce(about)
	})
	if queued {
		r.written = written
	}
}

// wait waits until the last file has been announced, and with it those before.
func (r *recording) wait() {
	if r.written == nil {
		return
	}
	timer := time.NewTimer(playWait)
	defer timer.Stop()
	select {
	case <-r.written:
	case <-timer.C:
	}
}
