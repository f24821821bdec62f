package freeswitch_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"mod_openai_audio_stream/module/realtime"
	"mod_openai_audio_stream/module/realtime/realtimetest"
	"mod_openai_audio_stream/test/farend"
	"mod_openai_audio_stream/test/freeswitch"
)

// A stream is a guest on its channel: what else writes to it, holds it or bridges it works as it would without.

func init() {
	calls["Guest/broadcast after a re-INVITE"] = testBroadcastAfterReinvite
	for _, direction := range []farend.Direction{farend.SendOnly, farend.Inactive} {
		calls["Guest/held "+string(direction)] = func(t testing.TB) { testRemoteHold(t, direction) }
		calls["Guest/cut after held "+string(direction)] = func(t testing.TB) { testCutAfterHold(t, direction) }
	}
	calls["Guest/gap in a bridge"] = testGapInBridge
	calls["Guest/broadcast during a pause"] = testBroadcastDuringPause
	calls["Guest/keys"] = testKeys
	for name, bad := range map[string]realtimetest.Misbehaviour{
		"HTTP 401": {Status: 401}, "error event": {Reject: &realtimetest.Rejection{Code: "invalid_api_key", Message: "no", Close: 3000}},
	} {
		calls["Guest/second application after "+name] = func(t testing.TB) { testSecondApplication(t, bad) }
	}
	calls["Guest/passthrough parked"] = testPassthroughParked
	calls["Guest/passthrough bridged"] = testPassthroughBridged
	calls["Guest/re-INVITE to passthrough"] = testReinviteToPassthrough
}

// frames are the numbered frames of a broadcast or an answer: count of them, of 20 ms at this rate.
func frames(first, count, rateHz int) []int16 { return farend.Numbered(first, count, rateHz/50) }

// checkFrames demands that these numbered frames left on the wire, each once and in order.
func checkFrames(t testing.TB, what string, wire farend.Packets, first, count, rateHz int) {
	t.Helper()
	var numbers []int
	found := farend.Numbers(wire.PCM(), rateHz/50)
	for _, f := range found {
		if f.N >= first && f.N < first+count {
			numbers = append(numbers, f.N)
		}
	}
	if missing := farend.Missing(found, first, first+count-1); len(missing) > 0 {
		t.Errorf("%s: %d of %d frames never left: %s", what, len(missing), count, ranges(missing))
	} else if !slices.IsSorted(numbers) || len(numbers) != count {
		t.Errorf("%s: %d frames left in the order %s", what, len(numbers), ranges(numbers))
	}
}

// checkOthers is checkFrames for what another writer wrote. FreeSWITCH loses the first frame or two of a file itself when
// its threads do not run: so much may be blamed on the machine, not more.
func checkOthers(t testing.TB, c *freeswitch.Call, since time.Duration, what, codec string, first, count, rateHz int) {
	t.Helper()
	missing := lost(c, since, codec, first, count, rateHz)
	if n := len(missing); n > 0 && n <= 2 {
		c.Blame(since, "%s: %d of %d frames never left: %s", what, n, count, ranges(missing))
		return
	}
	checkFrames(t, what, broadcast(c, since, codec), first, count, rateHz)
}

// broadcast is the packets of one codec since a time.
func broadcast(c *freeswitch.Call, since time.Duration, codec string) farend.Packets {
	return c.Phone.Packets().Between(since, farend.Now()).Of(codec)
}

// lost is the frames of a file that have not left, when they had time to. FreeSWITCH says that a file is over before its last
// packet is here; and long before when it has changed the packet time in its midst, which a re-INVITE may lead it to
// (switch_core_media.c, "Asynchronous PTIME"), with a stream or without.
func lost(c *freeswitch.Call, since time.Duration, codec string, first, count, rateHz int) (missing []int) {
	c.TB.Helper()
	inVain := farend.Now() + 2*time.Second
	c.Until("the last frames", func() bool {
		missing = farend.Missing(farend.Numbers(broadcast(c, since, codec).PCM(), rateHz/50), first, first+count-1)
		return len(missing) == 0 || farend.Now() > inVain
	})
	return missing
}

// ranges writes numbers as 1-3 7.
func ranges(numbers []int) string {
	var b strings.Builder
	for i := 0; i < len(numbers); {
		j := i
		for j+1 < len(numbers) && numbers[j+1] == numbers[j]+1 {
			j++
		}
		fmt.Fprintf(&b, " %d", numbers[i])
		if j > i {
			fmt.Fprintf(&b, "-%d", numbers[j])
		}
		i = j + 1
	}
	return strings.TrimSpace(b.String())
}

// A parked call with a stream gets another codec, rate or packet time, again and again. What is played on it then is heard
// whole.
func testBroadcastAfterReinvite(t testing.TB) {
	const count = 50
	c := shared.Dial(t, uuidOf(t), "reinvite", farend.Invite{})
	c.Begin(realtimetest.Config{NoVAD: true}, 24000)
	c.Until("the module paces the channel", func() bool { return len(c.Phone.Packets()) > 25 })
	rounds := []farend.Format{farend.PCMU, l16, farend.PCMU, l16, farend.PCMU.With(40 * time.Millisecond), farend.PCMA,
		farend.PCMA.With(60 * time.Millisecond), l16, farend.PCMU}
	for i, f := range rounds {
		since, began := len(c.Phone.Packets()), farend.Now()
		if i > 0 {
			c.Change(f, farend.SendRecv)
		}
		// Anything else that writes comes some packets later.
		c.Until("the module paces the channel", func() bool { return len(c.Phone.Packets()) > since+i })
		rateHz := c.Phone.Format().RateHz
		c.Broadcast(frames(1000*i, count, rateHz), rateHz)
		checkOthers(t, c, began, fmt.Sprintf("round %d, %v", i, f), f.Name, 1000*i, count, rateHz)
		// The next re-INVITE comes right after a packet: then FreeSWITCH changes the packet time in the midst of a file.
		c.Wire()
	}
}

// The process is stopped, as a machine does with other work to do. What is played then is heard whole, and no packets make
// up for the time. Beside it is a call without a stream, for comparison.
func TestStalledProcess(t *testing.T) {
	t.Parallel()
	s := freeswitch.Start(t)
	c := s.Dial(t, "streaming", "park", farend.Invite{})
	plain := s.Dial(t, "plain", "park", farend.Invite{})
	c.Begin(realtimetest.Config{NoVAD: true}, 24000)
	c.Until("the module paces the channel", func() bool { return len(c.Phone.Packets()) > 50 })
	const count = 50 // a second
	for i, length := range []time.Duration{20, 40, 60, 60, 60, 80, 100, 150} {
		have := len(c.Phone.Packets())
		c.Until("the module paces the channel again", func() bool { return len(c.Phone.Packets()) > have+10 })
		took := s.Stop(t, length*time.Millisecond)
		resumed := farend.Now()
		first := 1000 * (i + 1)
		all := []*freeswitch.Call{c, plain}
		for _, call := range all {
			call.Play(call.Agent, frames(first, count, 8000), 8000)
		}
		for _, call := range all {
			call.Event("PLAYBACK_STOP", i+1)
		}
		what := fmt.Sprintf("after a stall of %v", took.Round(time.Millisecond))
		// What was late leaves at once; from then on there is no more than the packet rate.
		burst := func(call *freeswitch.Call) farend.Report {
			return call.Phone.Packets().Between(resumed+200*time.Millisecond, farend.Now()).Report()
		}
		pcmu := farend.PCMU.Name
		ours, theirs := lost(c, resumed, pcmu, first, count, 8000), lost(plain, resumed, pcmu, first, count, 8000)
		with, without := burst(c), burst(plain)
		t.Logf("%s: %v; without a stream %v", what, with, without)
		if len(ours) > len(theirs)+2 || with.Burst > without.Burst+6 {
			t.Errorf("%s: frames %s never left, and %.1f packets more than the packet rate; without a stream %s and %.1f",
				what, ranges(ours), with.Burst, ranges(theirs), without.Burst)
		} else if len(ours) > len(theirs) || with.Burst > without.Burst+2.5 {
			c.Blame(resumed, "%s: frames %s never left, and %.1f packets more than the packet rate; without a stream %s and %.1f",
				what, ranges(ours), with.Burst, ranges(theirs), without.Burst)
		}
	}
}

// Another call's re-INVITE holds that call's lock for a packet time, and with it one of the threads that pace both. What is
// played on the first call then is heard whole.
func TestStalledPacer(t *testing.T) {
	t.Parallel()
	const count = 50
	s := freeswitch.Start(t) // of its own: there are no more threads than at the start
	c := s.Dial(t, "streaming", "park", farend.Invite{})
	other := s.Dial(t, "other", "reinvite", farend.Invite{Formats: []farend.Format{farend.PCMU.With(60 * time.Millisecond)}})
	c.Begin(realtimetest.Config{NoVAD: true}, 24000)
	other.Begin(realtimetest.Config{NoVAD: true}, 24000)
	for i, f := range []farend.Format{farend.PCMA.With(60 * time.Millisecond), farend.PCMU.With(40 * time.Millisecond), l16, farend.PCMU.With(60 * time.Millisecond),
		farend.PCMA, l16.With(60 * time.Millisecond), farend.PCMU} {
		have := len(c.Phone.Packets())
		c.Until("the module paces the channel", func() bool { return len(c.Phone.Packets()) > have+10 })
		since := farend.Now()
		other.Change(f, farend.SendRecv)
		c.Broadcast(frames(1000*(i+1), count, 8000), 8000)
		checkOthers(t, c, since, fmt.Sprintf("after re-INVITE %d of another call, to %v", i+1, f), farend.PCMU.Name, 1000*(i+1), count, 8000)
	}
}

// The process is stopped while the caller speaks. The server gets each frame that FreeSWITCH's own reading, which drops
// packets after a stall, gave to the channel, and no frame twice.
func TestStalledProcessListens(t *testing.T) {
	t.Parallel()
	const count = 500
	s := freeswitch.Start(t)
	c := s.Dial(t, "listening", "park", farend.Invite{})
	c.Set("STREAM_INPUT_FORMAT", realtime.G711ULaw.String())
	session := c.Begin(realtimetest.Config{NoVAD: true}, 8000)
	read := c.Record(c.Agent, freeswitch.Hears)
	moreAudio(t, session, 8000)
	playing := c.Phone.Play(frames(0, count, 8000), 8000)
	for _, length := range []time.Duration{20, 60, 60, 100, 300} {
		moreAudio(t, session, 8000) // a second
		s.Stop(t, length*time.Millisecond)
	}
	<-playing.Done()
	moreAudio(t, session, 8000)
	from, _, _ := read.Stop()
	caller, _, _ := session.CallerPCM()
	given, got := farend.Numbers(from, 160), farend.Numbers(caller, 160)
	var lost []int
	for _, n := range given {
		if !slices.ContainsFunc(got, func(g farend.Number) bool { return g.N == n.N }) {
			lost = append(lost, n.N)
		}
	}
	if len(lost) > 0 {
		t.Errorf("the channel read %d frames, the server got %d: %s is missing", len(given), len(got), ranges(lost))
	}
	if !slices.IsSortedFunc(got, func(a, b farend.Number) int { return a.N - b.N }) {
		t.Error("the server got frames in another order")
	}
	for i := 1; i < len(got); i++ {
		if got[i].N == got[i-1].N {
			t.Errorf("the server got frame %d twice", got[i].N)
		}
	}
	t.Logf("of %d frames that the telephone sent FreeSWITCH dropped %s", count, ranges(farend.Missing(given, 0, count-1)))
	if dropped := len(farend.Missing(given, 0, count-1)); dropped > count/2 {
		freeswitch.NotJudged(t, "FreeSWITCH read only %d of %d frames", count-dropped, count)
	}
}

// held makes a call whose answer is 10 s of numbered frames, and holds it after 2 s for 5 s, while the telephone's music
// plays. It returns when the telephone has resumed, with the times of both.
func held(t testing.TB, direction farend.Direction) (c *freeswitch.Call, session *realtimetest.Session, from, until time.Duration) {
	t.Helper()
	c = shared.Dial(t, uuidOf(t), "park", farend.Invite{})
	c.Set("STREAM_INPUT_FORMAT", realtime.G711ULaw.String())
	c.Set("STREAM_OUTPUT_FORMAT", realtime.G711ULaw.String())
	session = c.Begin(realtimetest.Config{NoVAD: true, Answer: realtimetest.Speech(frames(0, answerFrames, 8000), 8000, "numbers")}, 8000)
	c.Say(frames(voiceFrom, voiceFrames, 8000), 8000)
	c.Ask()
	c.Until("two seconds of the answer", func() bool { return len(farend.Numbers(c.Phone.Packets().PCM(), 160)) >= 100 })
	c.Change(c.Phone.Format(), direction)
	from = farend.Now()
	music := c.Phone.Play(frames(musicFrom, musicFrames, 8000), 8000)
	if direction == farend.Inactive {
		time.Sleep(5 * time.Second) // the length of the hold: nothing of it can be waited for
	} else {
		<-music.Done()
	}
	until = farend.Now()
	c.Change(c.Phone.Format(), farend.SendRecv)
	return c, session, from, until
}

// The numbers of the frames of each voice.
const (
	answerFrames = 500
	musicFrom    = 5000
	musicFrames  = 250
	voiceFrom    = 9000 // the caller's, before the hold
	voiceFrames  = 50
)

// The telephone holds the call in mid-answer. Every sample of the answer leaves, before the hold and after it, none during
// it; and the server gets nothing of the music.
func testRemoteHold(t testing.TB, direction farend.Direction) {
	c, session, from, until := held(t, direction)
	c.Event("openai_speech_stop", 1)
	wire := c.Wire()
	checkFrames(t, "the answer", wire, 0, answerFrames, 8000)
	// What was on its way when the hold was agreed may still come.
	if during := farend.Numbers(wire.Between(from+40*time.Millisecond, until).PCM(), 160); len(during) > 0 {
		t.Errorf("%d frames of the answer left during the hold", len(during))
	}
	if status := c.Stream("status"); !strings.Contains(status, `"audio_out_ms":10000,`) {
		t.Errorf("not 10 s were played: %s", status)
	}
	if stopped := len(c.Events(c.Agent, "openai_speech_stop")); stopped != 1 {
		t.Errorf("%d openai_speech_stop", stopped)
	}
	caller, _, _ := session.CallerPCM()
	numbers := farend.Numbers(caller, 160)
	if missing := farend.Missing(numbers, voiceFrom, voiceFrom+voiceFrames-1); len(missing) > voiceFrames/2 {
		t.Errorf("the server did not get what the caller said before: %s is missing", ranges(missing))
	}
	for _, n := range numbers {
		// In an inactive call the music waits until it is over.
		if n.N >= musicFrom && n.N < musicFrom+musicFrames && direction == farend.SendOnly {
			t.Errorf("the server got the telephone's music, from frame %d on", n.N-musicFrom)
			break
		}
	}
}

// The answer is cut a second after a hold: the server is told what was heard, and a hold is not.
func testCutAfterHold(t testing.TB, direction farend.Direction) {
	c, _, _, until := held(t, direction)
	heard := func() int { return len(farend.Numbers(c.Phone.Packets().PCM(), 160)) }
	c.Until("more of the answer after the hold", func() bool {
		return len(farend.Numbers(c.Phone.Packets().Between(until, farend.Now()).PCM(), 160)) >= 50
	})
	c.Stream("interrupt")
	var cut struct {
		AudioEndMS int `json:"audio_end_ms"`
	}
	if err := json.Unmarshal([]byte(c.Event("truncated", 1)["_body"]), &cut); err != nil {
		t.Fatal(err)
	}
	if off := heard()*20 - cut.AudioEndMS; off > 40 || off < -40 {
		t.Errorf("%d ms of the answer left, the server was told %d ms", heard()*20, cut.AudioEndMS)
	}
}

// bridged makes a call that is bridged to another telephone, with a stream or without.
func bridged(t testing.TB, name string, f farend.Format, stream bool) (a *freeswitch.Call, b *farend.Call) {
	t.Helper()
	a, b = bridgedOn(t, shared, name, f)
	if stream {
		a.Begin(realtimetest.Config{NoVAD: true, Answer: realtimetest.Tone(440, time.Second)}, 24000)
	}
	return a, b
}

func bridgedOn(t testing.TB, s *freeswitch.Switch, name string, f farend.Format) (a *freeswitch.Call, b *farend.Call) {
	t.Helper()
	peer, err := farend.Listen()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := peer.Close(); err != nil {
			t.Error(err)
		}
	})
	peer.Answering(farend.Answer{Formats: []farend.Format{f}})
	a = s.Dial(t, name, "peer", farend.Invite{Formats: []farend.Format{f},
		Headers: map[string]string{"X-Peer": peer.Addr(), "X-Codec": f.Name}})
	if b, err = peer.Accept(t.Context()); err != nil {
		t.Fatal(err)
	}
	a.Event("CHANNEL_BRIDGE", 1)
	return a, b
}

// between is the packets from the first numbered one to the last, and what is odd about them: packets without a number,
// which no other telephone sent, and timestamps that go back or jump by more than a second.
func between(ps farend.Packets) (wire farend.Packets, unnumbered, wild int) {
	first, last, count := -1, -1, 0
	for i, p := range ps {
		if len(farend.Numbers(p.Samples(), 160)) > 0 {
			if first < 0 {
				first = i
			}
			last = i
			count++
		}
	}
	if first < 0 {
		return nil, 0, 0
	}
	wire = ps[first : last+1]
	for _, j := range wire.Report().Jumps {
		if j.Samples < 0 || j.Samples > 8000 {
			wild++
		}
	}
	return wire, len(wire) - count, wild
}

// The far side of a bridge pauses for 100 ms, five times. The module adds nothing of its own. FreeSWITCH does: with a media
// bug on the leg, whosever, it fills the other leg's pauses with its timer's silence (switch_core_io.c,
// "other_session_bugs"), and drops a packet behind one. When the model has something to say, it is heard in the pause.
func testGapInBridge(t testing.TB) {
	const pauses = 5
	a, b := bridged(t, uuidOf(t), farend.PCMU, true)
	b.Play(frames(0, 50, 8000), 8000)
	for n := range pauses {
		b.Rest(100 * time.Millisecond)
		b.Play(frames(1000*(n+1), 50, 8000), 8000)
	}
	a.Until("the last frame", func() bool {
		found := farend.Numbers(a.Phone.Packets().PCM(), 160)
		return len(found) > 0 && found[len(found)-1].N == 1000*pauses+49
	})
	wire, unnumbered, _ := between(a.Phone.Packets())
	if n := ofTheModule(wire); n > 0 {
		t.Errorf("the module wrote %d packets into the pauses", n)
	}
	t.Logf("%d packets that the other telephone did not send; %v", unnumbered, wire.Report())
	b.Rest(time.Minute)
	since := farend.Now()
	a.Ask()
	a.Event("openai_speech_stop", 1)
	if wire := a.Wire().Between(since, farend.Now()); farend.Loudest(wire.PCM()) < 3000 {
		t.Errorf("nothing of the answer was heard: %v", wire.Report())
	}
}

// ofTheModule counts the packets between numbered ones that are the module's: they continue the other telephone's clock, half
// a packet beside its steps. FreeSWITCH's own have their timer's clock.
func ofTheModule(wire farend.Packets) (n int) {
	var last uint32 // timestamp of a numbered packet
	for _, p := range wire {
		if len(farend.Numbers(p.Samples(), 160)) > 0 {
			last = p.Timestamp
		} else if beside := int32(p.Timestamp - last); beside > 0 && beside < 16000 && beside%160 == 80 {
			n++
		}
	}
	return n
}

// The model is paused in mid-answer. What is played on the channel then is heard, once the answer has died away.
func testBroadcastDuringPause(t testing.TB) {
	const dying = 5 // frames
	c := shared.Dial(t, uuidOf(t), "park", farend.Invite{})
	c.Set("STREAM_OUTPUT_FORMAT", realtime.G711ULaw.String())
	c.Begin(realtimetest.Config{NoVAD: true, Answer: realtimetest.Speech(frames(0, answerFrames, 8000), 8000, "numbers")}, 8000)
	c.Ask()
	c.Until("some of the answer", func() bool { return len(farend.Numbers(c.Phone.Packets().PCM(), 160)) >= 50 })
	c.Stream("pause")
	since := farend.Now()
	c.Broadcast(frames(1000, 100, 8000), 8000)
	checkOthers(t, c, since, "the broadcast", farend.PCMU.Name, 1000+dying, 100-dying, 8000)
	c.Stream("resume")
	c.Event("openai_speech_stop", 1)
	checkFrames(t, "the answer after it", c.Wire(), 60, answerFrames-60, 8000) // a frame at the pause may be cut up
}

// Keys that are pressed during the application are not typed into the menu behind it.
func testKeys(t testing.TB) {
	srv := realtimetest.New(t, realtimetest.Config{NoVAD: true})
	c := shared.Dial(t, uuidOf(t), "menu", farend.Invite{Headers: map[string]string{"X-Server": srv.URL()}})
	c.Event("connect", 1)
	for _, digit := range []byte("57") {
		up, err := c.Phone.Press(digit, 100*time.Millisecond)
		if err != nil {
			t.Fatal(err)
		}
		<-up
	}
	shared.Poll(t, "FreeSWITCH has got two keys", func() bool {
		n := 0
		for _, line := range shared.Logged(" RECV DTMF ") {
			if strings.HasPrefix(line, c.Agent) {
				n++
			}
		}
		return n == 2
	})
	c.Stream("stop")
	c.Event("CHANNEL_PARK", 1)
	if pressed := c.API("", "uuid_getvar %s pressed", c.Agent); pressed != "" && pressed != "_undef_" {
		t.Errorf("the menu got the keys %q that the caller pressed before it", pressed)
	}
}

// The first server refuses: the application in the next line of the dialplan converses.
func testSecondApplication(t testing.TB, bad realtimetest.Misbehaviour) {
	answer := freeswitch.Signal(time.Second, 24000)
	first := realtimetest.New(t, realtimetest.Config{Misbehave: realtimetest.Always(bad)})
	second := realtimetest.New(t, realtimetest.Config{NoVAD: true, Answer: realtimetest.Speech(answer, 24000, "tone")})
	c := shared.Dial(t, uuidOf(t), "twice", farend.Invite{Headers: map[string]string{"X-First": first.URL(), "X-Server": second.URL()}})
	// Either it connects, or the dialplan has come to its end.
	shared.Poll(t, "the second application connects, or the call ends", func() bool {
		return len(c.Events(c.Agent, "connect")) > 0 || len(c.Events(c.Agent, "CHANNEL_HANGUP_COMPLETE")) > 0
	})
	if len(c.Events(c.Agent, "connect")) == 0 {
		t.Fatalf("the second application did not connect: %s", strings.Join(c.Logged("has a stream already"), "\n"))
	}
	c.Ask()
	c.Event("openai_speech_stop", 1)
	checkWire(t, "server to caller", freeswitch.PCMU(freeswitch.Resample(answer, 24000, 8000)), c.Wire(), 8000, 35)
	// Once per stream, last of all its events.
	if n := len(c.Events(c.Agent, "end")); n != 1 {
		t.Errorf("%d end events after one of two streams has ended, want 1", n)
	}
}

// lives demands that a call still is one.
func lives(t testing.TB, c *freeswitch.Call) {
	t.Helper()
	select {
	case <-c.Phone.Done():
		t.Errorf("the call has ended: %s", c.Events(c.Agent, "CHANNEL_HANGUP_COMPLETE"))
	default:
		c.API("true", "uuid_exists %s", c.Agent)
	}
}

// refused demands that a stream cannot be started on the call because of its codec.
func refused(t testing.TB, c *freeswitch.Call, srv *realtimetest.Server, codec string) {
	t.Helper()
	reply := c.API("", "uuid_openai_audio_stream %s start %s mono 24k", c.Agent, srv.URL())
	if !strings.HasPrefix(reply, "-ERR") || !strings.Contains(reply, codec) {
		t.Errorf("start on %s: %q, want -ERR ... %s ...", codec, reply, codec)
	}
}

// FreeSWITCH cannot decode G.729 here, it only passes it on: a start says so, and the call goes on.
func testPassthroughParked(t testing.TB) {
	srv := realtimetest.New(t, realtimetest.Config{NoVAD: true})
	c := shared.Dial(t, uuidOf(t), "park", farend.Invite{Formats: []farend.Format{farend.G729}})
	refused(t, c, srv, "G729")
	lives(t, c)
}

func testPassthroughBridged(t testing.TB) {
	srv := realtimetest.New(t, realtimetest.Config{NoVAD: true})
	a, b := bridged(t, uuidOf(t), farend.G729, false)
	a.Until("packets pass", func() bool { return len(a.Phone.Packets()) > 25 })
	refused(t, a, srv, "G729")
	have, theirs := len(a.Phone.Packets()), len(b.Packets())
	passes := func() bool { return len(a.Phone.Packets()) > have+50 && len(b.Packets()) > theirs+40 }
	shared.Poll(t, "packets pass after the start, or the call ends", func() bool {
		select {
		case <-a.Phone.Done():
			return true
		default:
			return passes()
		}
	})
	if !passes() {
		t.Errorf("the bridge has ended: %d packets more came, and %d on the other side", len(a.Phone.Packets())-have, len(b.Packets())-theirs)
	}
	lives(t, a)
}

// A re-INVITE leads to such a codec: the stream ends and says why, the call goes on.
func testReinviteToPassthrough(t testing.TB) {
	c := shared.Dial(t, uuidOf(t), "park", farend.Invite{})
	session := c.Begin(realtimetest.Config{NoVAD: true, Answer: realtimetest.Tone(440, 20*time.Second)}, 24000)
	c.Ask()
	c.Event("openai_speech_start", 1)
	c.Change(farend.G729, farend.SendRecv)
	ctx, cancel := contextOf(t, 10*time.Second)
	defer cancel()
	if _, err := session.WaitEnd(ctx); err != nil {
		t.Errorf("the stream goes on: %v", err)
	} else {
		end := c.Event("end", 1)
		if !strings.Contains(end["_body"], "G729") {
			t.Errorf("the stream ended with %s, which does not name the codec", end["_body"])
		}
	}
	lives(t, c)
}
