package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"time"

	"mod_openai_audio_stream/module/audio"
	"mod_openai_audio_stream/module/realtime"
	"mod_openai_audio_stream/module/realtime/realtimetest"
)

// journal tells what happens: to people, or to scripts. Its methods may be called concurrently.
type journal struct {
	log  bool
	json bool
	dir  string // of the recordings; "" = none

	mu   sync.Mutex // Protects following.
	out  io.Writer
	fail error // the first that kept something from being written
}

// line is what a script reads. The events listening, open and end are the journal's own, and have no From.
type line struct {
	Time       time.Time       `json:"time"`
	Session    *int            `json:"session,omitempty"`
	From       string          `json:"from,omitempty"` // client or server
	Type       string          `json:"type"`
	URL        string          `json:"url,omitempty"`
	AudioBytes int             `json:"audio_bytes,omitempty"`
	Event      json.RawMessage `json:"event,omitempty"`
	Code       int             `json:"code,omitempty"`   // of end
	Reason     string          `json:"reason,omitempty"` // of end
	Files      []string        `json:"files,omitempty"`  // of end
}

// maxShown is how much of an event people are shown.
const maxShown = 400

func (j *journal) listening(url string) {
	j.print(line{Time: time.Now(), Type: "listening", URL: url}, "listening on "+url)
}

func (j *journal) opened(s *realtimetest.Session) {
	j.print(line{Time: s.Opened, Session: &s.Number, Type: "open", URL: s.URL.String()},
		fmt.Sprintf("%s  opened: %s", s.ID, s.URL))
}

// event shows an event. Audio goes without saying, but in JSON and as a length.
func (j *journal) event(s *realtimetest.Session, e realtimetest.Event) {
	switch {
	case j.json:
		l := line{Time: e.Time, Session: &s.Number, From: "server", Type: e.Type, AudioBytes: e.AudioBytes}
		if e.Client {
			l.From = "client"
		}
		if json.Valid(e.Raw) {
			l.Event = e.Raw
		} else if e.Raw != nil {
			l.Event, _ = json.Marshal(string(e.Raw)) // a string, so it does not fail
		}
		j.print(l, "")
	case j.log && (e.AudioBytes == 0 || !e.Client):
		arrow, text := "->", realtime.Redact(e.Raw, maxShown)
		if e.Client {
			arrow = "<-"
		}
		if e.AudioBytes > 0 {
			text = fmt.Sprintf("%s <%d bytes of audio>", e.Type, e.AudioBytes)
		}
		j.print(line{}, fmt.Sprintf("%s %8.3f %s %s", s.ID, e.Time.Sub(s.Opened).Seconds(), arrow, text))
	}
}

func (j *journal) ended(s *realtimetest.Session) {
	end, _ := s.Ended()
	var files []string
	if j.dir != "" {
		pcm, rateHz, channels := s.CallerPCM()
		files = j.record(files, s, "caller", pcm, rateHz, channels)
		var agent []int16
		rateHz = 24000
		for _, a := range s.Answers() {
			agent, rateHz = append(agent, a.PCM[:a.Sent]...), a.RateHz
		}
		files = j.record(files, s, "agent", agent, rateHz, 1)
	}
	text := fmt.Sprintf("%s  closed: %d %s, %d bytes of audio received", s.ID, end.Code, end.Reason, s.AudioBytes())
	for _, name := range files {
		text += ", " + name
	}
	j.print(line{Time: time.Now(), Session: &s.Number, Type: "end", Code: end.Code, Reason: end.Reason,
		AudioBytes: s.AudioBytes(), Files: files}, text)
}

// record writes a WAV file and adds its name to files.
func (j *journal) record(files []string, s *realtimetest.Session, who string, pcm []int16, rateHz, channels int) []string {
	name := filepath.Join(j.dir, fmt.Sprintf("session-%d-%s.wav", s.Number, who))
	if err := writeWAV(name, pcm, rateHz, channels); err != nil {
		j.failed(err)
		return files
	}
	return append(files, name)
}

func writeWAV(name string, pcm []int16, rateHz, channels int) (err error) {
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	defer func() {
		if e := f.Close(); err == nil {
			err = e
		}
	}()
	w, err := audio.NewWAVWriter(f, rateHz, channels)
	if err != nil {
		return err
	}
	if err := w.Write(pcm); err != nil {
		return err
	}
	return w.Close()
}

// print writes a line for scripts or one for people.
func (j *journal) print(l line, text string) {
	b := []byte(text)
	if j.json {
		var err error
		if b, err = json.Marshal(l); err != nil {
			j.failed(err)
			return
		}
	}
	j.mu.Lock()
	_, err := j.out.Write(append(b, '\n'))
	j.mu.Unlock()
	if err != nil {
		j.failed(err)
	}
}

func (j *journal) failed(err error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.fail == nil {
		j.fail = err
	}
}

// err is the first thing that could not be written.
func (j *journal) err() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.fail
}
