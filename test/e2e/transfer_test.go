package e2e_test

import (
	"strings"
	"testing"
	"time"
)

// What ends the call, or sends it elsewhere, does so in FreeSWITCH when its sentence has been heard, and the dialplan is told.
func TestLeaving(t *testing.T) {
	t.Parallel()
	f := newFunctions(t, "", `
		<tool name="end_call" action="hangup" cause="USER_BUSY"/>
		<tool name="blind" action="transfer"><destination key="sales" to="1001 XML shop"/></tool>
		<tool name="attended" action="transfer" mode="attended"><destination key="sales" to="{told=yes}answer/colleague"/></tool>
		<tool name="refer" action="transfer" mode="refer"><destination key="sales" to="sip:sales@example.com"/></tool>`)
	const to, heardMS = `{"destination":"sales","summary":"wants flowers"}`, 400
	result := func(uuid, want string) {
		t.Helper()
		f.wantVariable(uuid, "openai_audio_stream_transfer_destination", "sales")
		f.wantVariable(uuid, "openai_audio_stream_transfer_summary", "wants flowers")
		f.wantVariable(uuid, "openai_audio_stream_transfer_result", want)
	}
	for _, test := range []struct {
		tool, arguments, reason string
		happened                func(uuid string)
	}{
		{"end_call", `{}`, "hangup_tool", func(uuid string) {
			if cause := f.event(uuid, "CHANNEL_HANGUP", 1).Headers["Hangup-Cause"]; cause != "USER_BUSY" {
				t.Errorf("hung up with %q", cause)
			}
		}},
		{"blind", to, "transfer", func(uuid string) {
			f.event(uuid, "host::transfer", 1)
			f.wantVariable(uuid, "host_transfer", "1001 XML shop")
			result(uuid, "transferred")
		}},
		{"attended", to, "transfer", func(uuid string) {
			f.event(uuid, "CHANNEL_BRIDGE", 1)
			f.event("colleague", "CHANNEL_BRIDGE", 1)
			f.wantVariable("colleague", "told", "yes")
			result(uuid, "answered")
			f.do("hangup colleague wait=1")
		}},
		{"refer", to, "transfer", func(uuid string) {
			m := f.event(uuid, "CHANNEL_HANGUP", 1)
			for name, want := range map[string]string{"Hangup-Cause": "BLIND_TRANSFER", "variable_host_refer_to": "sip:sales@example.com",
				"variable_openai_audio_stream_transfer_result": "transferred", "variable_openai_audio_stream_transfer_destination": "sales"} {
				if got := m.Headers[name]; got != want {
					t.Errorf("%s is %q, want %q", name, got, want)
				}
			}
		}},
	} {
		uuid := "call-" + test.tool
		s := f.call(uuid, "")
		f.tell(uuid, sentence(heardMS*time.Millisecond), function(test.tool, test.arguments))
		end := f.wantLast(uuid, 1)
		if end.Reason != test.reason {
			t.Errorf("%s: ended with %+v, want %s", test.tool, end, test.reason)
		}
		test.happened(uuid)
		if got, want := f.statuses(uuid), test.tool+" started, "+test.tool+" done"; got != want {
			t.Errorf("events of functions: %s, want %s", got, want)
		}
		if told := f.outputs(s); len(told) > 0 { // there is no conversation for it to go on with
			t.Errorf("%s: the model was told %s", test.tool, told)
		}
		if played := f.turnPlayed(uuid); played != heardMS {
			t.Errorf("%s: %d ms of the sentence were heard, want %d", test.tool, played, heardMS)
		}
	}
}

// turnPlayed is how much of the first turn was heard, in milliseconds.
func (f *functions) turnPlayed(uuid string) int64 {
	f.Helper()
	var turn struct {
		PlayedMS int64 `json:"played_ms"`
	}
	decode(f.T, f.event(uuid, "turn", 1).Body, &turn)
	return turn.PlayedMS
}

// A transfer that nobody takes brings the caller back to the model, which is told once, and goes on.
func TestTransferInVain(t *testing.T) {
	t.Parallel()
	f := newFunctions(t, "", `
		<tool name="busy" action="transfer" mode="attended"><destination key="sales" to="busy/x"/></tool>
		<tool name="refuses" action="transfer" mode="attended"><destination key="sales" to="refuse/x"/></tool>
		<tool name="silent" action="transfer" mode="attended" timeout="1"><destination key="sales" to="ring/silent"/></tool>
		<tool name="broken" action="transfer" mode="attended"><destination key="sales" to="nothing/x"/></tool>
		<tool name="refer" action="transfer" mode="refer"><destination key="sales" to="sip:sales@example.com"/></tool>`)
	for _, test := range [][2]string{{"busy", "busy"}, {"refuses", "refused"}, {"silent", "no_answer"}, {"broken", "failed"}, {"refer", "refused"}} {
		uuid := "call-" + test[0]
		s := f.call(uuid, "")
		f.set(uuid, "host_refer", "603")
		f.tell(uuid, sentence(100*time.Millisecond), function(test[0], `{"destination":"sales"}`))
		for _, output := range f.outcome(s, 1) {
			if want := `{"ok":false,"error":"` + test[1] + `"}`; output != want {
				t.Errorf("%s: the model was told %s, want %s", test[0], output, want)
			}
		}
		f.event(uuid, "turn", 2) // it tells the caller
		f.wantVariable(uuid, "openai_audio_stream_transfer_result", test[1])
		f.api("+OK", "%s stop", uuid)
		if end := f.wantLast(uuid, 1); end.Reason != "stop" {
			t.Errorf("%s: ended with %+v", test[0], end)
		}
		f.outcome(s, 1)
		if f.variable(uuid, "host_transfer") != "" {
			t.Errorf("%s: transferred all the same", test[0])
		}
	}
}

// A colleague who answers a call that has ended meanwhile is not kept waiting.
func TestTransferOfACallThatEnds(t *testing.T) {
	t.Parallel()
	f := newFunctions(t, "", `
		<tool name="ask" action="transfer" mode="attended" timeout="60"><destination key="sales" to="ring/colleague"/></tool>`)
	for i, end := range []string{"api call-0 stop", "hangup call-1 wait=1", "unload"} {
		uuid := "call-" + string(rune('0'+i))
		f.call(uuid, "")
		f.tell(uuid, sentence(100*time.Millisecond), function("ask", `{"destination":"sales"}`))
		f.event("colleague", "CHANNEL_ORIGINATE", i+1)
		f.do("%s", end)
		if cause := f.event("colleague", "CHANNEL_HANGUP", i+1).Headers["Hangup-Cause"]; cause != "ORIGINATOR_CANCEL" {
			t.Errorf("%s: the colleague's call ends with %s", end, cause)
		}
		f.event("colleague", "CHANNEL_DESTROY", i+1)
		f.wantLast(uuid, 1)
	}
}

// A stream that is given up does with the call what STREAM_ON_ERROR says.
func TestOnError(t *testing.T) {
	t.Parallel()
	sorry := t.TempDir() + "/sorry.wav"
	writeWAV(t, sorry, countTo(8000))
	f := newFunctions(t, `<param name="no-reconnect" value="1"/>`, "")
	for _, test := range []struct {
		does     string
		happened func(uuid string)
	}{
		{"hangup", func(uuid string) {
			if cause := f.event(uuid, "CHANNEL_HANGUP", 1).Headers["Hangup-Cause"]; cause != "NORMAL_TEMPORARY_FAILURE" {
				t.Errorf("hung up with %q", cause)
			}
		}},
		{"transfer:1002 XML rescue", func(uuid string) {
			f.event(uuid, "host::transfer", 1)
			f.wantVariable(uuid, "host_transfer", "1002 XML rescue")
		}},
		{"play:" + sorry, func(uuid string) {
			if _, heard := f.passed(uuid); heard < 8000/frame {
				t.Errorf("the stream ended after %d frames, before the file was heard", heard)
			}
			f.wantVariable(uuid, "host_transfer", "")
		}},
	} {
		kind, _, _ := strings.Cut(test.does, ":")
		uuid := "call-" + kind
		f.do("create %s rate=8000 caller=silence writer=none", uuid)
		f.set(uuid, "STREAM_ON_ERROR", test.does)
		f.converse(uuid).CloseTCP()
		if end := f.wantLast(uuid, 1); end.Reason != "error" || end.Error == "" {
			t.Errorf("%s: ended with %+v", kind, end)
		}
		test.happened(uuid)
		if n := len(f.Events(uuid, "error")); n != 1 {
			t.Errorf("%s: %d error events", kind, n)
		}
	}
}
