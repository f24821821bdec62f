package freeswitch

import (
	"context"
	"encoding/base64"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"mod_openai_audio_stream/module/realtime/realtimetest"
	"mod_openai_audio_stream/test/farend"
)

// Options are how a call is made. The zero value is PCMU to a parked agent leg.
type Options struct {
	Codec     string   // that the far leg offers, as absolute_codec_string has it; "" = PCMU
	Extension string   // of the context agent, what the agent leg does; "" = park
	Vars      []string // more variables of the far leg, name=value
}

// Call is a call of the FreeSWITCH, with a telephone or to itself. A far leg is parked: while it plays nothing it sends
// nothing, as a phone with silence suppression.
type Call struct {
	*Switch
	testing.TB
	Agent      string       // the uuid of the leg that streams
	Phone      *farend.Call // the other end; nil if that is a leg of FreeSWITCH
	Far        string       // the uuid of that leg, else ""
	recordings int
}

// Dial makes a call of a telephone to an extension of the context agent, which is hung up with the test. It returns when
// the telephone has media: answered, or early.
func (s *Switch) Dial(tb testing.TB, name, extension string, in farend.Invite) *Call {
	tb.Helper()
	ctx, cancel := context.WithTimeout(tb.Context(), Bound)
	defer cancel()
	in.To, in.CallID = fmt.Sprintf("sip:%s@127.0.0.1:%d", extension, s.agentSIP), name
	phone, err := s.phone.Dial(ctx, in)
	if err != nil {
		tb.Fatal(err)
	}
	c := &Call{Switch: s, TB: tb, Agent: name, Phone: phone}
	c.logged()
	tb.Cleanup(c.Hangup)
	return c
}

// logged shows FreeSWITCH's log of the call when its test fails.
func (c *Call) logged() {
	c.TB.Cleanup(func() {
		if c.TB.Failed() {
			c.TB.Logf("the log of %s:\n%s", c.Agent, strings.Join(c.Logged(c.Agent), "\n"))
		}
	})
}

// Say has the telephone say this and returns when the last of it has left.
func (c *Call) Say(pcm []int16, rateHz int) {
	c.TB.Helper()
	playing := c.Phone.Play(pcm, rateHz)
	<-playing.Done()
	if err := playing.Err(); err != nil {
		c.TB.Fatal(err)
	}
}

// Until waits until cond, which is asked again after each packet of the telephone's, is true.
func (c *Call) Until(what string, cond func() bool) {
	c.TB.Helper()
	ctx, cancel := context.WithTimeout(c.TB.Context(), Bound)
	defer cancel()
	if err := c.Phone.Wait(ctx, cond); err != nil {
		c.TB.Fatalf("%s: %v", what, err)
	}
}

// Wire is what has left for the telephone, with what was on its way when this was called: FreeSWITCH and the module say that
// something is over before its last packet is here. Something must write to the channel.
func (c *Call) Wire() farend.Packets {
	c.TB.Helper()
	asked := farend.Now()
	var wire farend.Packets
	c.Until("the packets on their way", func() bool {
		wire = c.Phone.Packets()
		return len(wire) > 0 && wire[len(wire)-1].Arrival > asked
	})
	return wire
}

// Change has the telephone offer another codec or direction in a re-INVITE.
func (c *Call) Change(f farend.Format, d farend.Direction) {
	c.TB.Helper()
	ctx, cancel := context.WithTimeout(c.TB.Context(), Bound)
	defer cancel()
	if err := c.Phone.Change(ctx, f, d); err != nil {
		c.TB.Fatal(err)
	}
}

// Call makes a SIP call, which is hung up with the test. It returns when the far leg hears the agent leg: answered, or
// in early media.
func (s *Switch) Call(tb testing.TB, name string, o Options) *Call {
	tb.Helper()
	c := &Call{Switch: s, TB: tb, Agent: name, Far: "far-" + name}
	codec, extension := o.Codec, o.Extension
	if codec == "" {
		codec = "PCMU"
	}
	if extension == "" {
		extension = "park"
	}
	// timer_name: playback keeps its own time, and does not wait for a packet of the agent's leg before each of its own.
	vars := append([]string{"origination_uuid=" + c.Far, "sip_invite_call_id=" + c.Agent, "timer_name=soft",
		"absolute_codec_string=" + codec}, o.Vars...)
	c.API("+OK", "originate {%s}sofia/far/%s@127.0.0.1:%d &park()", strings.Join(vars, ","), extension, s.agentSIP)
	c.logged()
	return c
}

// Loopback makes a loopback call; its first leg is the agent's.
func (s *Switch) Loopback(tb testing.TB, name string) *Call {
	tb.Helper()
	c := &Call{Switch: s, TB: tb, Agent: name}
	c.API("+OK", "originate {origination_uuid=%s,loopback_bowout=false}loopback/park/far &park()", name)
	c.Far = c.API("", "uuid_getvar %s other_loopback_leg_uuid", name)
	c.API("+OK", "uuid_setvar %s timer_name soft", c.Far)
	return c
}

// API runs a command, whose answer must begin with want.
func (c *Call) API(want, format string, args ...any) string {
	c.TB.Helper()
	return c.Switch.API(c.TB, want, format, args...)
}

// Event waits for the n-th event of the agent leg.
func (c *Call) Event(name string, n int) Event {
	c.TB.Helper()
	return c.Switch.Event(c.TB, c.Agent, name, n)
}

// Set sets a variable of the agent leg.
func (c *Call) Set(name, value string) {
	c.TB.Helper()
	c.API("+OK", "uuid_setvar %s %s %s", c.Agent, name, value)
}

// Stream runs a command of the module on the agent leg, which must succeed.
func (c *Call) Stream(format string, args ...any) string {
	c.TB.Helper()
	return c.API("+OK", "uuid_openai_audio_stream %s %s", c.Agent, fmt.Sprintf(format, args...))
}

// Begin starts a stream with a server of the call's own and waits until it is connected. The call is hung up before the
// server ends.
func (c *Call) Begin(cfg realtimetest.Config, rateHz int) *realtimetest.Session {
	c.TB.Helper()
	srv := realtimetest.New(c.TB, cfg)
	c.TB.Cleanup(c.Hangup)
	c.Stream("start %s mono %d", srv.URL(), rateHz)
	c.Event("connect", 1)
	return c.Session(srv, 0)
}

// Session waits for a session of the server's.
func (c *Call) Session(srv *realtimetest.Server, n int) *realtimetest.Session {
	c.TB.Helper()
	s, err := srv.Session(c.TB.Context(), n)
	if err != nil {
		c.TB.Fatal(err)
	}
	return s
}

// Ask has the model speak, without a word of the caller's.
func (c *Call) Ask() {
	c.TB.Helper()
	c.Stream("send_json %s", base64.StdEncoding.EncodeToString([]byte(`{"type":"response.create"}`)))
}

// Play begins to play a recording on a leg, which is parked.
func (c *Call) Play(leg string, pcm []int16, rateHz int) {
	c.TB.Helper()
	c.recordings++
	path := filepath.Join(c.Dir, "rec", fmt.Sprintf("%s-%d-played.wav", c.Agent, c.recordings))
	WriteWAV(c.TB, path, pcm, rateHz)
	c.API("+OK", "uuid_broadcast %s %s aleg", leg, path)
}

// Broadcast plays a recording on the agent leg, over whatever it does, and returns when it is over.
func (c *Call) Broadcast(pcm []int16, rateHz int) {
	c.TB.Helper()
	n := len(c.Events(c.Agent, "PLAYBACK_STOP"))
	c.Play(c.Agent, pcm, rateHz)
	c.Event("PLAYBACK_STOP", n+1)
}

// Which of a leg's audio a recording has.
const (
	Hears  = "RECORD_READ_ONLY"  // what it receives
	Sends  = "RECORD_WRITE_ONLY" // what it sends, before encoding
	Stereo = "RECORD_STEREO"     // both: left what it receives
)

// Recording is one that FreeSWITCH makes.
type Recording struct {
	call      *Call
	leg, path string
}

// Record begins a recording of a leg.
func (c *Call) Record(leg, which string) *Recording {
	c.TB.Helper()
	c.recordings++
	r := &Recording{c, leg, filepath.Join(c.Dir, "rec", fmt.Sprintf("%s-%d.wav", leg, c.recordings))}
	for _, name := range []string{Hears, Sends, Stereo} {
		c.API("+OK", "uuid_setvar %s %s %t", leg, name, name == which)
	}
	c.API("+OK", "uuid_record %s start %s", leg, r.path)
	return r
}

// Stop ends the recording and returns it, channels interleaved.
func (r *Recording) Stop() (pcm []int16, rateHz, channels int) {
	r.call.TB.Helper()
	r.call.API("+OK", "uuid_record %s stop %s", r.leg, r.path)
	pcm, rateHz, channels, err := realtimetest.ReadWAV(r.path)
	if err != nil {
		r.call.TB.Fatal(err)
	}
	return pcm, rateHz, channels
}

// Hangup ends the call and waits until its legs are gone.
func (c *Call) Hangup() {
	c.TB.Helper()
	if c.Phone != nil {
		ctx, cancel := context.WithTimeout(context.Background(), Bound)
		defer cancel()
		if err := c.Phone.Hangup(ctx); err != nil {
			c.TB.Error(err)
		}
		c.Switch.Event(c.TB, c.Agent, "CHANNEL_HANGUP_COMPLETE", 1)
		return
	}
	c.API("", "uuid_kill %s", c.Far)
	for _, leg := range []string{c.Agent, c.Far} {
		c.Switch.Event(c.TB, leg, "CHANNEL_HANGUP_COMPLETE", 1)
	}
}
