package stream

import (
	"time"

	"mod_openai_audio_stream/module/audiofile"
	"mod_openai_audio_stream/module/realtime"
)

// playWait bounds how long a stream's ::end waits for the ::play of its last file. A disk that hangs costs the file.
const playWait = 2 * time.Second

// recording is the file of the answer that is coming in: one for each item and content part.
type recording struct {
	file  *audiofile.File
	about playEvent
	// written is closed when the file before this one is complete and announced, or given up; nil: there was none.
	written chan struct{}
}

// playEvent is the body of ::play: an audio delta's fields, with the file in place of the audio.
type playEvent struct {
	Type         string `json:"type"`
	ResponseID   string `json:"response_id"`
	ItemID       string `json:"item_id"`
	OutputIndex  int    `json:"output_index"`
	ContentIndex int    `json:"content_index"`
	File         string `json:"file"`
}

// record adds a delta's audio to the file it belongs to.
func (s *Stream) record(e *realtime.Event, pcm []int16) {
	if s.cfg.Files == nil || s.cfg.Settings.DisableAudioFiles {
		return
	}
	about := playEvent{Type: e.Type, ResponseID: e.ResponseID, ItemID: e.ItemID, OutputIndex: e.OutputIndex,
		ContentIndex: e.ContentIndex}
	if s.recording.file == nil || about != s.recording.about {
		s.endRecording()
		s.recording.file, s.recording.about = s.cfg.Files.Create(s.cfg.UUID, s.player.sourceHz), about
	}
	s.recording.file.Write(pcm)
}

// endRecording completes the file, if there is one, and announces it.
func (s *Stream) endRecording() {
	r := &s.recording
	about, written := r.about, make(chan struct{})
	queued := r.file.Close(func(path string, err error) {
		defer close(written)
		if err != nil || path == "" {
			return // the store has warned, or nothing was written
		}
		about.File = path
		s.event("play", about)
	})
	r.file = nil
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
