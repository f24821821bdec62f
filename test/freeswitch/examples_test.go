package freeswitch_test

import (
	"bufio"
	"encoding/base64"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/tidwall/gjson"

	"mod_openai_audio_stream/module/realtime/realtimetest"
	"mod_openai_audio_stream/test/freeswitch"
)

// TestExamples runs every file of examples/ as it is, but for the address of the server, which is the test's, and the
// paths of the key, the scripts and the CDRs.
func TestExamples(t *testing.T) {
	s := freeswitch.Start(t)
	srv := realtimetest.New(t, realtimetest.Config{Key: "sk-example", Answer: exampleAnswer})
	key := filepath.Join(s.Dir, "openai.key")
	if err := os.WriteFile(key, []byte("sk-example\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	example := func(name string) string {
		t.Helper()
		text, err := os.ReadFile("../../examples/" + name)
		if err != nil {
			t.Fatal(err)
		}
		return strings.NewReplacer("wss://api.openai.com", "ws://"+srv.Addr(), "/etc/freeswitch/openai.key", key,
			`<settings>`, `<settings><param name="log-base" value="`+s.Dir+`"/>`).Replace(string(text))
	}
	inside := func(text string) string { // an <include> is for a file of its own
		return strings.NewReplacer("<include>", "", "</include>", "").Replace(text)
	}
	addToXML(t, s, `<section name="configuration">`, example("cdr_csv.conf.xml")+
		`<configuration name="openai_audio_stream.conf"><settings/><profiles>`+example("profiles/receptionist.xml")+
		example("profiles/clerk.xml")+`</profiles></configuration>`)
	script := filepath.Join(s.Dir, "clerk.lua")
	if err := os.WriteFile(script, []byte(example("scripts/clerk.lua")), 0o600); err != nil {
		t.Fatal(err)
	}
	addToXML(t, s, `<context name="agent">`, inside(example("dialplan/receptionist.xml"))+inside(example("dialplan/parked.xml"))+
		inside(example("dialplan/interruptions.xml"))+
		`<extension name="clerk"><condition field="destination_number" expression="^5003$"><action application="lua" data="`+
		script+`"/></condition></extension>`)
	s.API(t, "+OK", "reloadxml")
	for _, module := range []string{"mod_cdr_csv", "mod_lua", "mod_tone_stream"} {
		s.API(t, "", "load %s", module)
	}
	lines := watch(t, s, example("scripts/watch.py"))
	lines("watching ")

	// The agent speaks first, answers, and the call's totals are in its CDR.
	call := s.Call(t, "receptionist", freeswitch.Options{Extension: "5000"})
	call.Event("openai_speech_stop", 1)
	greeting := received(t, call.Session(srv, 0), "response.create", 1)
	if text := greeting.Get("response.instructions").String(); !strings.Contains(text, "How can I help?") {
		t.Errorf("the greeting asks for %q", text)
	}
	update := received(t, call.Session(srv, 0), "session.update", 1)
	if text := update.Get("session.instructions").String(); !strings.Contains(text, "caller's number is 0000000000") {
		t.Errorf("the instructions are %q", text)
	}
	call.Stream("send_text SGVsbG8=")
	call.Event("turn", 2)
	call.Stream("stop")
	call.Switch.Event(t, "receptionist", "CHANNEL_HANGUP_COMPLETE", 1)
	var row string
	s.Poll(t, "the CDR is written", func() bool {
		file, err := os.ReadFile(filepath.Join(s.Dir, "cdr-csv", "Master.csv"))
		for line := range strings.Lines(string(file)) {
			if strings.HasPrefix(line, `"receptionist"`) {
				row = strings.TrimSpace(line)
			}
		}
		return err == nil && row != ""
	})
	fields := strings.Split(strings.Trim(row, `"`), `","`)
	if len(fields) != 14 || fields[3] != "NORMAL_CLEARING" || fields[4] != "success" || fields[5] != "stop" || fields[6] != "2" ||
		fields[7] != "0" || fields[12] != "600" {
		t.Errorf("CDR %s", row)
	}
	if tokens, _ := strconv.Atoi(fields[9]); tokens <= 0 {
		t.Errorf("no output tokens in the CDR %s", row)
	}

	// Without its server the call goes on: here to a busy tone.
	s.API(t, "+OK", "originate {origination_uuid=no-server,sip_invite_call_id=lost,absolute_codec_string=PCMU,"+
		"STREAM_OPENAI_API_KEY=wrong}loopback/5000/agent &park()")
	s.Poll(t, "the dialplan goes on after a refused key", func() bool { return len(s.Logged("no agent: ")) > 0 })

	// A parked channel speaks.
	call = s.Call(t, "parked", freeswitch.Options{Extension: "5001"})
	call.Event("openai_speech_stop", 1)
	call.Hangup()

	// min_ms: the caller's word in the first 300 ms does not cut the answer, a later one does.
	call = s.Call(t, "interruptions", freeswitch.Options{Extension: "5002"})
	call.Event("openai_speech_start", 1)
	detection := received(t, session(t, srv, "interruptions"), "session.update", 1).Get("session.audio.input.turn_detection")
	if detection.Get("threshold").Float() != 0.7 || detection.Get("interrupt_response").Bool() {
		t.Errorf("turn detection %s", detection)
	}
	call.Hangup()

	// The model calls a function, gets its answer, and hangs up after the goodbye has been heard: not when the connection
	// is lost, and not when an answer before the goodbye ends.
	call = s.Call(t, "clerk", freeswitch.Options{Extension: "5003"})
	s.API(t, "+OK", "uuid_broadcast %s silence_stream://-1 aleg", call.Far) // a phone sends packets, on which the script's clock runs
	call.Event("turn", 1)
	session(t, srv, "clerk").CloseTCP()
	call.Event("reconnect", 1)
	call.Stream("send_text %s", base64.StdEncoding.EncodeToString([]byte(clerkQuestion)))
	call.Switch.Event(t, "clerk", "CHANNEL_HANGUP_COMPLETE", 1)
	if told := outputs(session(t, srv, "clerk")); !slices.Equal(told, []string{`{"open":"9 to 17"}`}) {
		t.Errorf("the function was answered with %q", told)
	}
	var heard []int64
	for _, e := range call.Events("clerk", "turn") {
		if gjson.Get(e["_body"], "interrupted").Bool() {
			t.Errorf("an answer was cut off: %s", e["_body"])
		}
		heard = append(heard, gjson.Get(e["_body"], "played_ms").Int())
	}
	if !slices.Equal(heard, []int64{300, 1000, 300}) {
		t.Errorf("the caller heard %d ms of the answers before the hang-up, want the greeting, the hours and the goodbye", heard)
	}

	for _, want := range []string{"receptionist connect ", "receptionist turn {", "receptionist disconnect ", "clerk connect "} {
		lines(want)
	}
}

// clerkQuestion is what the clerk is asked.
const clerkQuestion = "When are you open?"

// exampleAnswer is what the model says in the examples: it greets. As a clerk it says at length that it will look for the
// hours, calls a function, and says goodbye: all of that has come before the first answer has been heard.
func exampleAnswer(turn realtimetest.Turn) realtimetest.Reply {
	tone := realtimetest.Sine(440, 300*time.Millisecond, 24000)
	if !isClerk(turn.Session) {
		return realtimetest.Say(tone, 24000, "tone")
	}
	switch answered := len(turn.Session.Answers()); {
	case turn.Text == clerkQuestion:
		return realtimetest.Reply{Items: []realtimetest.ReplyItem{
			{PCM: realtimetest.Sine(440, time.Second, 24000), RateHz: 24000, Transcript: "One moment, please."},
			{Function: "opening_hours", Arguments: `{"day":"Monday"}`}}}
	case answered > 0:
		return realtimetest.Reply{Items: []realtimetest.ReplyItem{
			{PCM: tone, RateHz: 24000, Transcript: "From 9 to 17. Goodbye."}, {Function: "hang_up", Arguments: "{}"}}}
	}
	return realtimetest.Say(tone, 24000, "Good day.")
}

// isClerk reports whether a session has been given functions.
func isClerk(s *realtimetest.Session) bool {
	for _, e := range s.Received("session.update") {
		if e.Get("session.tools.0.name").String() == "opening_hours" {
			return true
		}
	}
	return false
}

func received(t *testing.T, s *realtimetest.Session, typ string, n int) realtimetest.Event {
	t.Helper()
	e, err := s.WaitReceived(t.Context(), typ, n)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// session is the newest session of the server's.
func session(t *testing.T, srv *realtimetest.Server, what string) *realtimetest.Session {
	t.Helper()
	all := srv.Sessions()
	if len(all) == 0 {
		t.Fatalf("no session of %s", what)
	}
	return all[len(all)-1]
}

// addToXML puts text behind a place in FreeSWITCH's configuration.
func addToXML(t *testing.T, s *freeswitch.Switch, place, text string) {
	t.Helper()
	path := filepath.Join(s.Dir, "freeswitch.xml")
	old, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(old), place) {
		t.Fatalf("no %s in the configuration", place)
	}
	if err := os.WriteFile(path, []byte(strings.Replace(string(old), place, place+text, 1)), 0o600); err != nil {
		t.Fatal(err)
	}
}

// watch runs the script that prints what happens, and returns a function that waits for a line with this beginning.
func watch(t *testing.T, s *freeswitch.Switch, script string) func(want string) {
	t.Helper()
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Log("python3 is missing: scripts/watch.py is not tried")
		return func(string) {}
	}
	path := filepath.Join(s.Dir, "watch.py")
	if err := os.WriteFile(path, []byte(script), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(python, path, "127.0.0.1", fmt.Sprint(s.ESLPort()))
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	lines := make(chan string, 10000)
	go func() { // ends with the script
		defer close(lines)
		for scanner := bufio.NewScanner(out); scanner.Scan(); {
			lines <- scanner.Text()
		}
	}()
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	return func(want string) {
		t.Helper()
		for {
			select {
			case line, ok := <-lines:
				if !ok {
					t.Fatalf("the script ended without printing %q", want)
				}
				if strings.HasPrefix(line, want) {
					return
				}
			case <-t.Context().Done():
				t.Fatalf("the script did not print %q", want)
			}
		}
	}
}
