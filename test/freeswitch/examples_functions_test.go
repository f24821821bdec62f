package freeswitch_test

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tidwall/gjson"

	"mod_openai_audio_stream/module/realtime/realtimetest"
	"mod_openai_audio_stream/test/farend"
	"mod_openai_audio_stream/test/freeswitch"
)

// functionExample is an example whose model calls functions: its files, what the model says, and what must come of it.
type functionExample struct {
	profiles, dialplan string // "" = none
	answer             realtimetest.Answerer
	test               func(*testing.T, *example)
}

var functionExamples = map[string]functionExample{
	"receptionist": {"receptionist", "receptionist", receptionistAnswer, receptionistExample},
	"keypad":       {"keypad", "", keypadAnswer, keypadExample},
	"payment":      {"payment", "", paymentAnswer, paymentExample},
	"warm":         {"warm", "warm", warmAnswer, warmExample},
	"afterhours":   {"afterhours", "afterhours", afterhoursAnswer, afterhoursExample},
	"languages":    {"languages", "languages", languagesAnswer, languagesExample},
}

// example is one that runs.
type example struct {
	*freeswitch.Switch
	srv       *realtimetest.Server
	asked     <-chan string // of its web service: the bodies
	colleague *farend.Phone // user/1001
}

// TestFunctionExamples runs the examples with functions as they are, but for the addresses of the server, of the web
// services and of the colleague, and the paths of files.
func TestFunctionExamples(t *testing.T) {
	s := freeswitch.Start(t)
	for _, module := range []string{"mod_tone_stream", "mod_sndfile"} {
		s.API(t, "", "load %s", module)
	}
	key := filepath.Join(s.Dir, "openai.key")
	if err := os.WriteFile(key, []byte("sk-example\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	running := map[string]*example{}
	var profiles, dialplan strings.Builder
	for name, f := range functionExamples {
		asked := make(chan string, 8)
		service := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			asked <- r.URL.Path + " " + string(body)
			_, _ = io.WriteString(w, `{"found":true}`)
		}))
		t.Cleanup(service.Close)
		colleague, err := farend.Listen()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = colleague.Close() })
		x := &example{s, realtimetest.New(t, realtimetest.Config{Key: "sk-example", Answer: f.answer, Speed: 10}), asked, colleague}
		running[name] = x
		exchange := strings.NewReplacer("wss://api.openai.com", "ws://"+x.srv.Addr(), "/etc/freeswitch/openai.key", key,
			"https://parcels.example", service.URL, "https://payments.example", service.URL,
			"user/1001", "sofia/agent/b@"+colleague.Addr(), "local_stream://moh", "tone_stream://%(10000,0,800);loops=-1",
			"$${recordings_dir}", filepath.Join(s.Dir, "rec"), "$${sounds_dir}/please_call_back.wav", "tone_stream://%(2000,0,2000)",
			"<include>", "", "</include>", "")
		for path, to := range map[string]*strings.Builder{"profiles/" + f.profiles: &profiles, "dialplan/" + f.dialplan: &dialplan} {
			if strings.HasSuffix(path, "/") {
				continue
			}
			text, err := os.ReadFile("../../examples/" + path + ".xml")
			if err != nil {
				t.Fatal(err)
			}
			to.WriteString(exchange.Replace(string(text)))
		}
	}
	addToXML(t, s, `<section name="configuration">`,
		`<configuration name="openai_audio_stream.conf"><profiles>`+profiles.String()+`</profiles></configuration>`)
	// The telephones are in another context than the examples.
	addToXML(t, s, `<context name="agent">`, `<extension name="examples"><condition field="destination_number"
		expression="^(50..|english|profile-.*)$"><action application="transfer" data="$1 XML default"/></condition></extension>`)
	addToXML(t, s, `<section name="dialplan">`, `<context name="default">`+dialplan.String()+`
		<extension name="profile"><condition field="destination_number" expression="^profile-(.*)$">
			<action application="openai_audio_stream" data="profile:$1"/></condition></extension>
		<extension name="staff"><condition field="destination_number" expression="^510[01]$">
			<action application="playback" data="tone_stream://%(10000,0,1500);loops=-1"/></condition></extension></context>`)
	addToXML(t, s, `<mappings><map name="all" value="`, "debug,")
	s.API(t, "+OK", "reloadxml")
	s.API(t, "+OK", "reload mod_logfile")
	for name, f := range functionExamples {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f.test(t, running[name])
		})
	}
}

// What models say: a tone for each of their sentences.
const (
	sentence    = time.Second
	staffHz     = 1500
	holdMusicHz = 800
	machineHz   = 2000 // the message for answering machines
)

func reply(items ...realtimetest.ReplyItem) realtimetest.Reply {
	return realtimetest.Reply{Items: items}
}

// spoken is what a caller says: a voice, and the silence after it.
func spoken(voice time.Duration) []int16 {
	return append(realtimetest.Sine(300, voice, 8000), make([]int16, 8000)...)
}

func (x *example) dial(t *testing.T, name, extension string) *freeswitch.Call {
	t.Helper()
	return x.Dial(t, strings.ReplaceAll(t.Name(), "/", "-")+"-"+name, extension, farend.Invite{})
}

// of is the call's n-th session at the server.
func (x *example) of(t *testing.T, n int) *realtimetest.Session {
	t.Helper()
	s, err := x.srv.Session(t.Context(), n)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// frequency is that of a tone, by its zero crossings; 0 for what is quiet half of the time.
func frequency(pcm []int16, rateHz int) (hz int) {
	crossings, loud := 0, 0
	for i := 1; i < len(pcm); i++ {
		if pcm[i] > 300 || pcm[i] < -300 {
			loud++
		}
		if pcm[i-1] < 0 && pcm[i] >= 0 {
			crossings++
		}
	}
	if loud < len(pcm)/2 {
		return 0
	}
	return crossings * rateHz / len(pcm)
}

// hears waits until a telephone has heard a tone for 0.2 s.
func hears(t *testing.T, phone *farend.Call, hz int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), freeswitch.Bound)
	defer cancel()
	const length = 10 // packets
	looked, heard := 0, 0
	err := phone.Wait(ctx, func() bool {
		for wire := phone.Packets(); len(wire) >= looked+length; looked += length {
			heard = frequency(wire[looked:looked+length].PCM(), 8000)
			if heard > hz-50 && heard < hz+50 {
				return true
			}
		}
		return false
	})
	if err != nil {
		t.Fatalf("the telephone has not heard %d Hz, but %d Hz last: %v", hz, heard, err)
	}
}

// ended demands why the call's n-th stream ended.
func ended(t *testing.T, c *freeswitch.Call, n int, want string) {
	t.Helper()
	if reason := gjson.Get(c.Event("end", n)["_body"], "reason").Str; reason != want {
		t.Errorf("stream %d ended with %q, want %q", n, reason, want)
	}
}

// heardSentences demands that the caller has heard so many sentences whole, one after the other, before anything else.
func heardSentences(t *testing.T, c *freeswitch.Call, since time.Duration, n int) {
	t.Helper()
	parts := loudParts(c.Phone.Packets().PCM(), 8000)
	if len(parts) < n || slices.ContainsFunc(parts[:n], func(d time.Duration) bool { return (d - sentence).Abs() > 20*time.Millisecond }) {
		c.Blame(since, "the caller heard %v, want %d sentences of %v", parts, n, sentence)
	}
}

// The receptionist: the first caller wants to order, the second has no more questions.

func receptionistAnswer(turn realtimetest.Turn) realtimetest.Reply {
	switch {
	case len(turn.PCM) == 0:
		return reply(says(sentence))
	case len(turn.PCM) > 2*turn.RateHz: // who speaks for long wants to order
		return reply(says(sentence), calling("transfer_call", `{"destination":"sales","summary":"wants flowers"}`))
	}
	return reply(says(sentence), calling("end_call", `{}`))
}

func receptionistExample(t *testing.T, x *example) {
	since := farend.Now()
	c := x.dial(t, "order", "5000")
	c.Event("openai_speech_stop", 1)
	c.Say(spoken(2*time.Second), 8000)
	hears(t, c.Phone, staffHz)
	heardSentences(t, c, since, 2)
	ended(t, c, 1, "transfer")
	wantVariable(c, "destination_number", "5100")
	wantVariable(c, "openai_audio_stream_transfer_destination", "sales")
	wantVariable(c, "openai_audio_stream_transfer_result", "transferred")
	wantVariable(c, "openai_audio_stream_transfer_summary", "wants flowers")
	for _, e := range c.Events(c.Agent, "CHANNEL_EXECUTE") {
		if strings.HasPrefix(e["Application-Data"], "receptionist-") {
			t.Errorf("the next line of the dialplan was run: %s %s", e["Application"], e["Application-Data"])
		}
	}

	since = farend.Now()
	c = x.dial(t, "goodbye", "5000")
	c.Event("openai_speech_stop", 1)
	c.Say(spoken(600*time.Millisecond), 8000)
	<-c.Phone.Done()
	heardSentences(t, c, since, 2)
	ended(t, c, 1, "hangup_tool")
	if e := c.Event("CHANNEL_HANGUP_COMPLETE", 1); e["Hangup-Cause"] != "NORMAL_CLEARING" {
		t.Errorf("the call ended with %s", e["Hangup-Cause"])
	}
}

// The keypad: a number is looked up, 0 is a human being.

func keypadAnswer(turn realtimetest.Turn) realtimetest.Reply {
	switch turn.Text {
	case "[The caller pressed the keys: 1 2 3 4]":
		if len(outputs(turn.Session)) == 0 {
			return reply(calling("find_parcel", `{"number":"1234"}`))
		}
	case "[The caller pressed the keys: 0]":
		return reply(says(sentence), calling("transfer_call", `{"destination":"colleague"}`))
	}
	return reply(says(sentence))
}

func keypadExample(t *testing.T, x *example) {
	c := x.dial(t, "caller", "profile-keypad")
	c.Event("openai_speech_start", 1)
	dial(c, "1234#")
	if body := <-x.asked; !strings.HasPrefix(body, "/find ") || gjson.Get(body[6:], "arguments").Raw != `{"number":"1234"}` {
		t.Errorf("the service was asked %s", body)
	}
	c.Event("openai_speech_stop", 2) // the greeting, which the first key cut off, and what was found
	session := x.of(t, 0)
	first := received(t, session, "conversation.item.create", 1)
	if text := first.Get("item.content.0.text").Str; text != "[The caller pressed the keys: 1 2 3 4]" {
		t.Errorf("the model was told %q", text)
	}
	if got := outputs(session); !slices.Equal(got, []string{`{"ok":true,"result":{"found":true}}`}) {
		t.Errorf("the function was answered with %q", got)
	}
	dial(c, "0") // and nothing more: the series ends by its timeout
	hears(t, c.Phone, staffHz)
	wantKeys(c, 2, `{"digits":"0","count":1,"ended_by":"timeout","masked":false}`)
	wantVariable(c, "destination_number", "5100")
	ended(t, c, 1, "transfer")
}

// The payment: the card number reaches the service, and nothing else.

func paymentAnswer(turn realtimetest.Turn) realtimetest.Reply {
	switch {
	case len(outputs(turn.Session)) > 0:
		return reply(says(sentence), calling("end_call", "{}"))
	case len(turn.PCM) > 0:
		return reply(says(sentence), calling("take_card", "{}"))
	}
	return reply(says(sentence))
}

func paymentExample(t *testing.T, x *example) {
	const card = "4929174038516273"
	all := everything(t, x.Switch)
	c := x.dial(t, "caller", "profile-payment")
	c.Event("openai_speech_stop", 1)
	c.Say(spoken(600*time.Millisecond), 8000)
	c.Event("tool", 1)
	x.Poll(t, "keys are masked", func() bool { return c.API("", "uuid_getvar %s sensitive_dtmf", c.Agent) == "true" })
	dial(c, card+"#")
	body := <-x.asked
	if !strings.HasPrefix(body, "/pay ") || gjson.Get(body[5:], "arguments").Raw != fmt.Sprintf(`{"card":%q}`, card) {
		t.Errorf("the service was asked %s", body)
	}
	<-c.Phone.Done()
	ended(t, c, 1, "hangup_tool")
	c.Event("CHANNEL_HANGUP_COMPLETE", 1)
	wantKeys(c, 1, fmt.Sprintf(`{"digits":"","count":%d,"ended_by":"terminator","masked":true}`, len(card)))
	session := x.of(t, 0)
	if got := outputs(session); !slices.Equal(got, []string{`{"ok":true,"result":{"found":true}}`}) {
		t.Errorf("the function was answered with %q", got)
	}

	shown := map[string]string{"an event": all()}
	if !strings.Contains(shown["an event"], c.Agent) || !strings.Contains(shown["an event"], "mod_openai_audio_stream%3A%3Atool") {
		t.Error("what is searched has not even the events of the call")
	}
	for _, e := range session.Events() {
		shown["a message to the server, or from it"] += string(e.Raw) + "\n"
	}
	if !slices.ContainsFunc(x.Logged("[DEBUG]"), func(line string) bool { return strings.HasPrefix(line, c.Agent) }) {
		t.Error("what is searched has no line of the log at debug")
	}
	err := filepath.WalkDir(x.Dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		text, err := os.ReadFile(path)
		shown[path] = string(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	spaced := strings.Join(strings.Split(card, ""), " ")
	for where, text := range shown {
		for _, form := range []string{card[:10], card[3:13], card[6:], spaced[:15], spaced[16:]} {
			if strings.Contains(text, form) {
				t.Errorf("%s has %q", where, form)
			}
		}
	}
	if n := len(c.Events(c.Agent, "DTMF")); n > 0 {
		t.Errorf("%d events tell of a key", n)
	}
	for _, line := range x.Logged("DTMF") {
		if strings.Contains(line, c.Agent) {
			t.Errorf("the log tells of a key: %s", line)
		}
	}
}

// everything subscribes to all events of FreeSWITCH, and returns a function that says what has come, and ends it.
func everything(t *testing.T, s *freeswitch.Switch) (text func() string) {
	t.Helper()
	conn, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", s.ESLPort()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if _, err := io.WriteString(conn, "auth ClueCon\n\nevent plain ALL\n\n"); err != nil {
		t.Fatal(err)
	}
	came := make(chan string, 1)
	go func() { // ends with the connection
		all, _ := io.ReadAll(conn)
		came <- string(all)
	}()
	return func() string {
		_, _ = io.WriteString(conn, "exit\n\n") // FreeSWITCH sends what it has, and closes
		return <-came
	}
}

// The warm transfer: the colleague hears the announcement, with the summary, while the caller hears music.

func warmAnswer(turn realtimetest.Turn) realtimetest.Reply {
	if len(turn.PCM) > 0 {
		return reply(says(sentence), calling("transfer_call", `{"destination":"colleague","summary":"Ann, about a broken vase, blue"}`))
	}
	return reply(says(sentence))
}

func warmExample(t *testing.T, x *example) {
	const summary = "Ann, about a broken vase, blue"
	c := x.dial(t, "refused", "5007") // by the colleague
	c.Event("openai_speech_stop", 1)
	c.Say(spoken(600*time.Millisecond), 8000)
	c.Event("openai_speech_stop", 3)
	back := received(t, x.of(t, 1), "session.update", 1)
	if text := back.Get("session.instructions").Str; !strings.HasSuffix(text, "nobody answered: "+summary) {
		t.Errorf("the instructions of who takes the caller back are %q", text)
	}
	c.Hangup()

	since := farend.Now()
	x.colleague.Answering(farend.Answer{})
	c = x.dial(t, "caller", "5007")
	c.Event("openai_speech_stop", 1)
	c.Say(spoken(600*time.Millisecond), 8000)
	colleague, err := x.colleague.Accept(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	hears(t, colleague, modelHz)
	if n := len(c.Events(c.Agent, "CHANNEL_BRIDGE")); n > 0 {
		t.Error("they were connected before the announcement was over")
	}
	hears(t, c.Phone, holdMusicHz)
	update := received(t, x.of(t, 3), "session.update", 1)
	if text := update.Get("session.instructions").Str; !strings.HasSuffix(text, "What is known of the caller: "+summary) {
		t.Errorf("the instructions of the announcement are %q", text)
	}
	c.Event("CHANNEL_BRIDGE", 1)
	heardSentences(t, c, since, 2)
	if heard := loudParts(colleague.Packets().PCM(), 8000); len(heard) != 1 || (heard[0]-sentence).Abs() > 20*time.Millisecond {
		c.Blame(since, "the colleague heard %v before, want one sentence of %v", heard, sentence)
	}
	colleague.Play(realtimetest.Sine(1200, 5*time.Second, 8000), 8000)
	hears(t, c.Phone, 1200)
	c.Phone.Play(realtimetest.Sine(600, 5*time.Second, 8000), 8000)
	hears(t, colleague, 600)
	if n := len(x.srv.Sessions()); n != 4 {
		t.Errorf("%d sessions, want three of the front desk's and the announcement's", n)
	}
	c.Hangup()
	<-colleague.Done()
}

// After hours: a message is left, a machine is recognised, and a caller who says nothing is told good night.

func afterhoursAnswer(turn realtimetest.Turn) realtimetest.Reply {
	switch {
	case len(turn.PCM) > 2*turn.RateHz: // who speaks for long is a machine
		return reply(calling("voicemail_detected", `{"destination":"machine"}`))
	case len(turn.PCM) > 0:
		return reply(says(sentence), calling("leave_message", `{"destination":"voicemail"}`))
	}
	return reply(says(sentence))
}

func afterhoursExample(t *testing.T, x *example) {
	for name, test := range map[string]func(*testing.T, *example){
		"message": leaveMessage, "machine": reachMachine, "nobody": sayNothing,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, x)
		})
	}
}

func leaveMessage(t *testing.T, x *example) {
	c := x.dial(t, "caller", "5006")
	c.Event("openai_speech_stop", 1)
	c.Say(spoken(600*time.Millisecond), 8000)
	hears(t, c.Phone, 1000) // the tone
	c.Say(append(make([]int16, 8000), realtimetest.Sine(700, 2*time.Second, 8000)...), 8000)
	c.Event("RECORD_STOP", 1)
	pcm, rateHz, _, err := realtimetest.ReadWAV(filepath.Join(x.Dir, "rec", c.Agent+".wav"))
	if err != nil {
		t.Fatal(err)
	}
	heard := loudParts(pcm, rateHz)
	if n := len(heard); n == 0 || (heard[n-1]-2*time.Second).Abs() > 100*time.Millisecond {
		t.Errorf("the message is %v, want what the caller has said, 2s", heard)
	}
	<-c.Phone.Done()
	ended(t, c, 1, "transfer")
}

func reachMachine(t *testing.T, x *example) {
	c := x.dial(t, "machine", "5006")
	c.Event("openai_speech_stop", 1)
	greeting := append(spoken(2*time.Second), spoken(3*time.Second)...) // it goes on while it is recognised
	c.Say(greeting, 8000)
	ended(t, c, 1, "transfer")
	hears(t, c.Phone, machineHz)
	<-c.Phone.Done()
	responses := 0
	for _, e := range c.Events(c.Agent, "json") {
		if gjson.Get(e["_body"], "type").Str == "response.created" {
			responses++
		}
	}
	if responses != 2 {
		t.Errorf("%d responses, want the greeting, and the one that called the function", responses)
	}
}

func sayNothing(t *testing.T, x *example) {
	since := farend.Now()
	c := x.dial(t, "nobody", "5006")
	<-c.Phone.Done()
	ended(t, c, 1, "idle")
	heardSentences(t, c, since, 4) // the greeting, two questions, the goodbye
	var bodies []string
	for _, e := range c.Events(c.Agent, "idle") {
		bodies = append(bodies, e["_body"])
	}
	if want := []string{`{"count":1}`, `{"count":2}`, `{"count":2,"goodbye":true}`}; !slices.Equal(bodies, want) {
		t.Errorf("events %q, want %q", bodies, want)
	}
}

// Two languages: there and back, with what it is about.

func languagesAnswer(turn realtimetest.Turn) realtimetest.Reply {
	switch update := turn.Session.Received("session.update"); {
	case len(turn.PCM) == 0:
		return reply(says(sentence))
	case update[0].Get("session.audio.output.voice").Str == "marin":
		return reply(says(sentence), calling("change_language", `{"destination":"german","summary":"ein Paket"}`))
	}
	return reply(says(sentence), calling("change_language", `{"destination":"english","summary":"a parcel, lost"}`))
}

func languagesExample(t *testing.T, x *example) {
	c := x.dial(t, "caller", "english")
	for n, want := range []struct{ voice, about string }{{"marin", ""}, {"cedar", "ein Paket"}, {"marin", "a parcel, lost"}} {
		c.Event("openai_speech_stop", 2*n+1)
		session := received(t, x.of(t, n), "session.update", 1).Get("session")
		voice, instructions := session.Get("audio.output.voice").Str, session.Get("instructions").Str
		if voice != want.voice || !strings.HasSuffix(instructions, strings.TrimSpace(": "+want.about)) {
			t.Errorf("session %d speaks by %q and was told %q, want %q and %q", n, voice, instructions, want.voice, want.about)
		}
		if n < 2 {
			c.Say(spoken(600*time.Millisecond), 8000)
			ended(t, c, n+1, "transfer")
		}
	}
}
