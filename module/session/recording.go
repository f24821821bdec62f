package session

import (
	"encoding/json"

	"mod_openai_audio_stream/module/audiofile"
	"mod_openai_audio_stream/module/realtime"
)

// recording is the file of the answer that is coming in: one for each item and content part.
type recording struct {
	file  *audiofile.File
	about playEvent
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
func (s *Session) record(e *realtime.Event, pcm []int16) {
	if s.cfg.Files == nil || s.cfg.Settings.DisableAudioFiles {
		return
	}
	about := playEvent{Type: e.Type, ResponseID: e.ResponseID, ItemID: e.ItemID, OutputIndex: e.OutputIndex,
		ContentIndex: e.ContentIndex}
	if s.recording.file == nil || about != s.recording.about {
		s.endRecording()
		s.recording = recording{s.cfg.Files.Create(s.cfg.UUID, s.player.sourceHz), about}
	}
	s.recording.file.Write(pcm)
}

// endRecording completes the file, if there is one, and announces it.
func (s *Session) endRecording() {
	about := s.recording.about
	s.recording.file.Close(func(path string, err error) {
		if err != nil {
			return // the store has warned
		}
		about.File = path
		if body, err := json.Marshal(about); err == nil {
			s.postEvent("play", body)
		}
	})
	s.recording = recording{}
}
