package e2e_test

import (
	"fmt"
	"testing"

	"mod_openai_audio_stream/module/realtime/realtimetest"
)

// The configuration file is read at load and on reloadxml, for new streams; a broken one changes nothing and is named.
func TestConfigurationFile(t *testing.T) {
	t.Parallel()
	r := newRigWith(t, `<param name="buffer-size" value="100"/>`)
	srv := realtimetest.New(t, quiet)
	streams := 0
	// size is what a new stream puts into a message.
	size := func() int {
		uuid := fmt.Sprintf("call-%d", streams)
		r.talker(uuid, srv.URL())
		s := r.session(srv, streams)
		streams++
		e, err := s.WaitReceived(r.ctx, "input_audio_buffer.append", 1)
		if err != nil {
			t.Fatal(err)
		}
		return e.AudioBytes
	}
	demand := func(what string, want int) {
		t.Helper()
		if got := size(); got != want {
			t.Errorf("%s: messages of %d bytes, want %d", what, got, want)
		}
	}
	demand("at load", 1600)
	r.config(`<param name="buffer-size" value="60"/>`)
	demand("before reloadxml", 1600)
	r.do("reloadxml")
	r.do("events flush")
	demand("after reloadxml", 960)

	for settings, complaint := range map[string]string{
		`<param name="buffer-size" value="30"/>`:           `openai_audio_stream.conf: param "buffer-size" "30": expected a multiple of 20`,
		`<param name="bufer-size" value="20"/>`:            `openai_audio_stream.conf: param "bufer-size": unknown, did you mean buffer-size?`,
		`<param name="api-key" value="forged secret"/>`:    `openai_audio_stream.conf: param "api-key": expected the key alone`,
		`<param name="buffer-size" value="20"/></profile>`: `openai_audio_stream.conf: not well-formed XML: line 3`,
	} {
		r.config(settings)
		r.do("reloadxml")
		r.logged(complaint)
		demand("with a broken file", 960)
	}
	r.config(`<param name="buffer-size" value="40"/>`)
	r.do("reloadxml")
	r.do("events flush")
	demand("mended", 640)

	// The stream that has run all the time is as it was.
	first := r.session(srv, 0)
	if _, err := first.WaitReceived(r.ctx, "input_audio_buffer.append", 8); err != nil {
		t.Fatal(err)
	}
	for _, e := range first.Received("input_audio_buffer.append") {
		if e.AudioBytes != 1600 {
			t.Errorf("the first stream sends messages of %d bytes", e.AudioBytes)
		}
	}
}
