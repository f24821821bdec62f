package freeswitch_test

import (
	"strings"
	"testing"
	"time"

	"mod_openai_audio_stream/test/farend"
	"mod_openai_audio_stream/test/freeswitch"
)

// TestUnloadActing unloads the module while models act: what they have begun ends, the calls go on, nothing stays behind,
// and the module can be loaded again.
func TestUnloadActing(t *testing.T) {
	t.Parallel()
	const music = "tone_stream://%(10000,0,700);loops=-1"
	busy := map[string]agent{
		"asks":    {tools: `<tool name="f" action="http" url="{service}/" timeout="600"/>`},
		"fills":   {tools: `<tool name="f" action="http" url="{service}/" timeout="600" filler="` + music + `" filler-after="0"/>`},
		"plays":   {tools: `<tool name="f" action="play" file="` + music + `"/>`},
		"holds":   {tools: `<tool name="f" action="hold" music="` + music + `"/>`},
		"waits":   {tools: `<tool name="f" action="event" timeout="600"/>`},
		"command": {tools: `<tool name="f" action="api" command="msleep 4000" timeout="600"/>`},
		"collects": {tools: `<tool name="f" action="collect" then="g"/>` +
			`<tool name="g" action="set"><argument name="keys" required="true"/></tool>`},
		"leaves": {tools: `<tool name="f" action="hangup"/>`},
		"dials":  {tools: transferTo("attended", "loopback/ringing/agent"), lines: extension("ringing", "ring_ready", "sleep 600000")},
		"refers": {tools: transferTo("refer", "sip:sales@127.0.0.1"), phone: farend.Invite{Refer: &farend.Referral{Silent: true}}},
	}
	for name, a := range busy {
		switch name {
		case "dials", "refers":
			a.server = handOver
		case "leaves":
			a.server = fast(acts(says(60*time.Second), calling("f", "{}")))
		default:
			a.server = fast(acts(calling("f", "{}")))
		}
		busy[name] = a
	}
	s := freeswitch.Start(t)
	calls := actOn(t, s, busy)
	for name, a := range busy {
		c := calls[name]
		c.Call = s.Dial(t, uuidOf(t)+"-"+name, "park", a.phone)
		calls[name] = c
		c.Stream("start profile:%s", name)
	}
	gone := map[string]<-chan struct{}{}
	for name, c := range calls {
		c.wantTool(1, "started")
		switch name {
		case "asks", "fills":
			gone[name] = (<-c.asked).gone
		case "dials":
			s.Poll(t, "the destination rings", func() bool { return strings.HasPrefix(ringing(t, s), "uuid") })
		case "refers":
			<-c.Phone.Referred()
		}
	}
	for _, name := range []string{"fills", "plays", "holds"} {
		calls[name].hears(musicHz, 100*time.Millisecond)
	}

	if n := len(calls["command"].Events(calls["command"].Agent, "tool")); n != 1 {
		freeswitch.NotJudged(t, "the command is over already")
	}
	began := time.Now()
	s.API(t, "+OK", "unload %s", freeswitch.Module)
	t.Logf("unloaded in %v", time.Since(began))
	for _, asked := range gone {
		<-asked
	}
	for name, c := range calls {
		c.wantEnd("unload")
		if c.API("", "uuid_exists %s", c.Agent) != "true" {
			t.Errorf("the call that %s has ended", name)
		}
	}
	s.Poll(t, "the destination's legs end", func() bool { return strings.HasPrefix(ringing(t, s), "0 total") })
	s.API(t, "+OK", "load %s", freeswitch.Module)
	for name, c := range calls {
		c.Stream("start profile:%s", name)
		c.Event("connect", 2)
		c.Hangup()
	}
	s.Poll(t, "all channels end", func() bool { return strings.HasPrefix(s.API(t, "", "show channels count"), "0 total") })
}

// ringing are the legs of the destination that nobody answers.
func ringing(t *testing.T, s *freeswitch.Switch) string {
	t.Helper()
	return s.API(t, "", "show channels like loopback/ringing")
}
