package realtimetest_test

import (
	"math"
	"os"
	"path/filepath"
	"testing"

	"mod_openai_audio_stream/module/audio"
	"mod_openai_audio_stream/module/realtime/realtimetest"
)

// The recorded caller says three sentences, and the server finds three turns in them.
func TestCallerRecording(t *testing.T) {
	pcm, rate, channels, err := realtimetest.ReadWAV("../../../test/testdata/caller.wav")
	if err != nil || rate != 8000 || channels != 1 {
		t.Fatalf("%d Hz, %d channels, %v", rate, channels, err)
	}
	agent, agentRate, _, err := realtimetest.ReadWAV("../../../test/testdata/agent.wav")
	if err != nil || agentRate != 24000 {
		t.Fatalf("%d Hz, %v", agentRate, err)
	}
	c, _, s := open(t, realtimetest.Config{InputRate: rate, Answer: realtimetest.Speech(agent, agentRate, "A table for two.")})
	c.say(pcm, rate)
	var starts []int64
	for range 3 {
		starts = append(starts, c.until("input_audio_buffer.speech_started").Get("audio_start_ms").Int())
		c.until("response.done")
	}
	for i, ms := range starts[1:] {
		if ms-starts[i] < 3000 {
			t.Errorf("turns begin at %v ms", starts)
		}
	}
	if err := s.WaitAudio(c.ctx, 2*len(pcm)); err != nil {
		t.Fatal(err)
	}
	c.send([]byte(`{"type":"input_audio_buffer.clear"}`))
	c.until("input_audio_buffer.cleared")
	if _, n := s.Count("input_audio_buffer.speech_started"); n != 3 {
		t.Errorf("%d turns", n)
	}
	if n := len(s.Answers()); n != 3 || len(s.Answers()[2].PCM) != len(agent) {
		t.Errorf("%d answers", n)
	}
}

func TestReadWAV(t *testing.T) {
	dir := t.TempDir()
	write := func(name string, pcm []int16, rate, channels int) string {
		path := filepath.Join(dir, name)
		f, err := os.Create(path) //nolint:gosec // in the test's own directory
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close() //nolint:errcheck // written by then
		w, err := audio.NewWAVWriter(f, rate, channels)
		if err != nil {
			t.Fatal(err)
		}
		if err := w.Write(pcm); err != nil {
			t.Fatal(err)
		}
		if name != "unclosed" {
			if err := w.Close(); err != nil {
				t.Fatal(err)
			}
		}
		return path
	}
	for _, name := range []string{"closed", "unclosed"} {
		pcm, rate, channels, err := realtimetest.ReadWAV(write(name, []int16{1, -2, math.MaxInt16, math.MinInt16}, 16000, 2))
		if err != nil || rate != 16000 || channels != 2 || len(pcm) != 4 || pcm[3] != math.MinInt16 {
			t.Errorf("%s: %v, %d Hz, %d channels, %v", name, pcm, rate, channels, err)
		}
	}
	for name, content := range map[string]string{
		"empty": "", "text": "this is no recording", "cut": "RIFF\x00\x00\x00\x00WAVEfmt \x10\x00\x00\x00",
		"no format": "RIFF\x00\x00\x00\x00WAVEdata\x02\x00\x00\x00ab",
		"µ-law":     "RIFF\x00\x00\x00\x00WAVEfmt \x10\x00\x00\x00\x07\x00\x01\x00\x40\x1f\x00\x00\x40\x1f\x00\x00\x01\x00\x08\x00",
	} {
		path := filepath.Join(dir, "bad")
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, _, _, err := realtimetest.ReadWAV(path); err == nil {
			t.Errorf("%s was read", name)
		}
	}
	if _, _, _, err := realtimetest.ReadWAV(filepath.Join(dir, "missing")); err == nil {
		t.Error("a missing file was read")
	}
}
