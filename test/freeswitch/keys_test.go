package freeswitch_test

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"mod_openai_audio_stream/module/realtime/realtimetest"
	"mod_openai_audio_stream/test/farend"
	"mod_openai_audio_stream/test/freeswitch"
)

func init() {
	calls["Keys/for the model"] = testKeysForTheModel
	calls["Keys/a masked number"] = testKeysMasked
	calls["Keys/masked in the audio"] = testKeysInAudio
}

// dial presses keys on the telephone, by RFC 4733.
func dial(c *freeswitch.Call, keys string) {
	c.TB.Helper()
	for _, digit := range []byte(keys) {
		up, err := c.Phone.Press(digit, 100*time.Millisecond)
		if err != nil {
			c.TB.Fatal(err)
		}
		<-up
	}
}

// wantKeys demands the n-th series of keys.
func wantKeys(c *freeswitch.Call, n int, want string) {
	c.TB.Helper()
	if got := c.Event("dtmf", n)["_body"]; got != want {
		c.TB.Errorf("keys %s, want %s", got, want)
	}
}

func wantVariable(c *freeswitch.Call, name, want string) {
	c.TB.Helper()
	if got := c.API("", "uuid_getvar %s %s", c.Agent, name); got != want {
		c.TB.Errorf("%s is %q, want %q", name, got, want)
	}
}

// The caller presses 1234# while the model speaks: it falls silent at the first key, and gets one item and one request.
func testKeysForTheModel(t testing.TB) {
	c := shared.Dial(t, uuidOf(t), "park", farend.Invite{})
	c.Set("STREAM_DTMF", "model")
	s := c.Begin(realtimetest.Config{InputRate: 8000, Speed: 5, Answer: realtimetest.Tone(1000, 5*time.Second)}, 8000)
	c.Ask()
	c.Event("openai_speech_start", 1)
	dial(c, "1")
	c.Event("openai_speech_stop", 1)
	c.Event("truncated", 1)
	dial(c, "234#")
	wantKeys(c, 1, `{"digits":"1234","count":4,"ended_by":"terminator","masked":false}`)
	c.Event("openai_speech_start", 2)
	var sent []string
	for _, e := range s.Received("conversation.item.create") {
		sent = append(sent, string(e.Raw))
	}
	if len(sent) != 1 || !strings.Contains(sent[0], `[The caller pressed the keys: 1 2 3 4]`) {
		t.Errorf("the model was told %q", sent)
	}
	if n := len(s.Received("response.create")); n != 2 {
		t.Errorf("%d responses were asked for, want one before the keys and one after", n)
	}
	wantVariable(c, "sensitive_dtmf", "_undef_")
	c.Event("openai_speech_stop", 2)
}

// A number is pressed in a window: neither FreeSWITCH's log nor an event of its own or of the module's nor the server hears
// of a digit. Before and after it all do.
func testKeysMasked(t testing.TB) {
	const number = "739184620553"
	srv := realtimetest.New(t, realtimetest.Config{InputRate: 8000, NoVAD: true})
	c := shared.Dial(t, uuidOf(t), "menu", farend.Invite{Headers: map[string]string{"X-Server": srv.URL()}})
	c.Event("connect", 1)
	s := c.Session(srv, 0)
	c.Set("sensitive_dtmf", "false")
	dial(c, "81#")
	wantKeys(c, 1, `{"digits":"81","count":2,"ended_by":"terminator","masked":false}`)
	c.Event("DTMF", 3)

	c.Stream("dtmf mask")
	wantVariable(c, "sensitive_dtmf", "true")
	dial(c, number+"#")
	wantKeys(c, 2, fmt.Sprintf(`{"digits":"","count":%d,"ended_by":"terminator","masked":true}`, len(number)))
	c.Stream("dtmf model")
	wantVariable(c, "sensitive_dtmf", "false")
	dial(c, "82#")
	wantKeys(c, 3, `{"digits":"82","count":2,"ended_by":"terminator","masked":false}`)
	c.Event("DTMF", 6)
	if _, err := s.WaitReceived(t.Context(), "response.create", 1); err != nil {
		t.Fatal(err)
	}
	c.Stream("dtmf mask")
	dial(c, "5")
	c.Stream("stop")
	wantKeys(c, 4, `{"digits":"","count":1,"ended_by":"stop","masked":true}`)
	wantVariable(c, "sensitive_dtmf", "false")

	pressed := func(digits string) (keys []string) {
		for _, digit := range digits {
			keys = append(keys, string(digit))
		}
		return keys
	}
	var events, logged []string
	for _, e := range c.Events(c.Agent, "DTMF") {
		events = append(events, e["DTMF-Digit"])
	}
	for _, line := range shared.Logged(" RECV DTMF ") {
		if strings.HasPrefix(line, c.Agent+" ") {
			_, key, _ := strings.Cut(line, " RECV DTMF ")
			logged = append(logged, key[:1])
		}
	}
	if want := pressed("81#82#"); !slices.Equal(events, want) || !slices.Equal(logged, want) {
		t.Errorf("FreeSWITCH tells of the keys %q and logs %q, want %q", events, logged, want)
	}
	shown := strings.Join(shared.Logged(c.Agent), "\n")
	for _, e := range s.Events() {
		shown += string(e.Raw)
	}
	for _, e := range c.Events(c.Agent, "json") {
		shown += e["_body"]
	}
	if !strings.Contains(shown, "The caller pressed the keys: 8 2") {
		t.Error("what is searched for the number has not even the keys after it")
	}
	for _, form := range []string{number[:6], number[6:], "7 3 9 1"} {
		if strings.Contains(shown, form) {
			t.Errorf("%q is shown", form)
		}
	}
}

// Tones that FreeSWITCH finds in the audio are keys like others, and in a window nothing of them is heard.
func testKeysInAudio(t testing.TB) {
	c := shared.Dial(t, uuidOf(t), "park", farend.Invite{NoKeys: true})
	c.API("+OK", "uuid_broadcast %s start_dtmf:: aleg", c.Agent)
	c.Event("CHANNEL_EXECUTE_COMPLETE", 1)
	s := c.Begin(realtimetest.Config{InputRate: 8000, NoVAD: true}, 8000)
	c.Say(toneKeys("12#"), 8000)
	wantKeys(c, 1, `{"digits":"12","count":2,"ended_by":"terminator","masked":false}`)
	c.Stream("dtmf mask")
	from := s.AudioBytes() / 2
	c.Say(toneKeys("7391#"), 8000)
	wantKeys(c, 2, `{"digits":"","count":4,"ended_by":"terminator","masked":true}`)
	if err := s.WaitAudio(t.Context(), s.AudioBytes()+8000); err != nil {
		t.Fatal(err)
	}
	pcm, _, _ := s.CallerPCM()
	if most := farend.Loudest(pcm[:from]); most < 3000 {
		t.Errorf("the tones before the window reached the server with %d at most", most)
	}
	if most := farend.Loudest(pcm[from:]); most > 0 {
		t.Errorf("the server hears %d in the window", most)
	}
}

// toneKeys are keys as tones (ITU-T Q.23) of 100 ms, each with as much silence before it, and some after them.
func toneKeys(keys string) (pcm []int16) {
	const rateHz, length = 8000, 800
	low, high := []float64{697, 770, 852, 941}, []float64{1209, 1336, 1477, 1633}
	for _, key := range keys {
		at := strings.IndexRune("123A456B789C*0#D", key)
		pcm = append(pcm, make([]int16, length)...)
		for i := range length {
			angle := 2 * math.Pi * float64(i) / rateHz
			pcm = append(pcm, int16(8000*(math.Sin(low[at/4]*angle)+math.Sin(high[at%4]*angle))))
		}
	}
	return append(pcm, make([]int16, 2*length)...)
}
