package e2e_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"mod_openai_audio_stream/module/realtime/realtimetest"
)

// The model's audio is heard whole on a channel that nothing else writes to, whatever the size of the deltas.
func TestAgentAudioIsComplete(t *testing.T) {
	t.Parallel()
	ramp := countTo(16000) // 2 s at 8 kHz
	for name, cfg := range map[string]realtimetest.Config{
		"deltas of 10 ms":    {Delta: 10 * time.Millisecond},
		"odd deltas":         {DeltaSizes: []int{1, 3, 479, 7, 1001, 321}},
		"one delta":          {WholeDelta: true},
		"writer of its own":  {},
		"bursts of a second": {Delta: time.Second},
		"older event names":  {Beta: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRigWith(t, `<param name="output-rate" value="8000"/>`) // the beta's session does not say it
			cfg.InputRate, cfg.OutputRate, cfg.NoVAD = 8000, 8000, true
			cfg.Answer = realtimetest.Speech(ramp, 8000, "ramp")
			srv := realtimetest.New(t, cfg)
			writer := "none"
			if name == "writer of its own" {
				writer = "silence"
			}
			heard := filepath.Join(t.TempDir(), "heard.raw")
			r.do("create call rate=8000 caller=silence writer=%s record_write=%s", writer, heard)
			r.api("+OK", "call start %s mono 8k", srv.URL()+"&rate=8000&output_rate=8000")
			r.event("call", "connect", 1)
			r.api("+OK", "call send_json %s", base64JSON(responseCreate))
			r.event("call", "openai_speech_stop", 1)
			if n := len(r.Events("call", "openai_speech_start")); n != 1 {
				t.Errorf("%d start events, want 1", n)
			}
			status := r.status("call")
			r.do("hangup call wait=1")
			raw, err := os.ReadFile(heard)
			if err != nil {
				t.Fatal(err)
			}
			// A machine that stalls makes the ring run dry, which is heard and counted. The answer is whole all the same.
			checkUnderruns(t, samples(t, raw), len(ramp), status)
		})
	}
}

func countTo(n int) []int16 {
	ramp := make([]int16, n)
	for i := range ramp {
		ramp[i] = int16(i + 1)
	}
	return ramp
}

func samples(t *testing.T, raw []byte) []int16 {
	t.Helper()
	pcm := make([]int16, len(raw)/2)
	if err := binary.Read(bytes.NewReader(raw), binary.LittleEndian, pcm); err != nil {
		t.Fatal(err)
	}
	return pcm
}

// truncation is the body of a truncated event.
type truncation struct {
	ItemID     string `json:"item_id"`
	AudioEndMS int64  `json:"audio_end_ms"`
	Discarded  int64  `json:"discarded_ms"`
}

// The caller's voice silences the model, and the server learns how much was heard: as much as left on the channel, and what
// was not heard is the rest.
func TestInterruption(t *testing.T) {
	t.Parallel()
	r := newRigWith(t, `<param name="output-rate" value="8000"/>`)
	const length = 32000 // samples: four seconds that count themselves
	srv := realtimetest.New(t, realtimetest.Config{Answer: realtimetest.Speech(countTo(length), 8000, "ramp"), InputRate: 8000, OutputRate: 8000})
	heard := filepath.Join(t.TempDir(), "heard.raw")
	r.do("create call rate=8000 caller=silence writer=none record_write=%s", heard)
	r.api("+OK", "call start %s mono 8k", srv.URL()+"&rate=8000&output_rate=8000")
	r.event("call", "connect", 1)
	r.api("+OK", "call send_json %s", base64JSON(responseCreate))
	r.poll("the answer is not taken", func() bool { return jsonEvents(r, "call", "response.done") == 1 })
	r.event("call", "openai_speech_start", 1)
	r.do("caller call ../testdata/caller.wav")
	r.poll("the caller is not heard", func() bool { return spoke(r, "call") == 1 })
	r.event("call", "turn", 1) // the truncation comes before it
	if len(r.Events("call", "truncated")) == 0 {
		if played := r.status("call").PlayedMS; played != length/8 {
			t.Fatalf("%d ms were played, nothing was cut", played)
		}
		r.notJudged("the answer was over before the caller spoke", r.late())
	}
	var cut truncation
	decode(t, r.event("call", "truncated", 1).Body, &cut)
	s := r.session(srv, 0)
	e, err := s.WaitReceived(r.ctx, "conversation.item.truncate", 1)
	if err != nil {
		t.Fatal(err)
	}
	if got := e.Get("audio_end_ms").Int(); got != cut.AudioEndMS || e.Get("item_id").Str != cut.ItemID {
		t.Errorf("truncated at %d, the event says %+v", got, cut)
	}
	if all := cut.AudioEndMS + cut.Discarded; all < length/8-1 || all > length/8 { // each is rounded down
		t.Errorf("%d ms were heard or discarded of %d: %+v", all, length/8, cut)
	}
	if _, err := s.WaitSent(r.ctx, "conversation.item.truncated", 1); err != nil {
		t.Error("the server did not accept the truncation: ", err)
	}
	if n := r.status("call").Underruns; n > 0 {
		r.notJudged("how much of an answer with holes was heard", r.late())
	}
	r.do("hangup call wait=1")
	raw, err := os.ReadFile(heard)
	if err != nil {
		t.Fatal(err)
	}
	// The last sample that is not faded out is the one before what was skipped.
	last := 0
	for _, v := range samples(t, raw) {
		if int(v) == last+1 {
			last++
		}
	}
	if ms := int64(last) / 8; ms > cut.AudioEndMS || ms < cut.AudioEndMS-fadeOutMS {
		t.Errorf("%d ms left on the channel whole, the server is told %d", ms, cut.AudioEndMS)
	}
}

// fadeOutMS is the end of what is heard of an answer that is cut: it is faded out.
const fadeOutMS = 6

const responseCreate = `{"type":"response.create"}`

// pause holds an answer, and resume goes on where it was, with nothing lost in between.
func TestPauseHoldsTheAnswer(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	cfg := quiet
	cfg.OutputRate, cfg.Answer = 8000, realtimetest.Speech(countTo(16000), 8000, "ramp")
	srv := realtimetest.New(t, cfg)
	heard := filepath.Join(t.TempDir(), "heard.raw")
	r.do("create call rate=8000 caller=silence writer=none record_write=%s", heard)
	r.api("+OK", "call start %s mono 8k", srv.URL())
	r.event("call", "connect", 1)
	s := r.session(srv, 0)
	r.api("+OK", "call send_json %s", base64JSON(responseCreate))
	r.event("call", "openai_speech_start", 1)
	r.frames("call", 20)
	r.api("+OK", "call pause")
	r.mark("call", s)
	before := s.AudioBytes()
	r.frames("call", 25)
	r.mark("call", s)
	if after := s.AudioBytes(); after != before {
		t.Errorf("%d bytes of the caller's audio came during the pause", after-before)
	}
	if n := len(r.Events("call", "openai_speech_stop")); n != 0 {
		r.notJudged("the answer had ended before the pause", r.late())
	}
	r.api("+OK", "call resume")
	r.event("call", "openai_speech_stop", 1)
	if err := s.WaitAudio(r.ctx, before+320); err != nil {
		t.Error("the caller's audio does not go on: ", err)
	}
	status := r.status("call")
	r.do("hangup call wait=1")
	raw, err := os.ReadFile(heard)
	if err != nil {
		t.Fatal(err)
	}
	// The pause, and where a stalled machine made the ring run dry.
	lengths := checkAnswer(t, samples(t, raw), 16000, 1+int(status.Underruns))
	if len(lengths) > 0 && slices.Max(lengths) < 20*frame {
		t.Errorf("the answer was held for %d samples, want a pause of more than %d", lengths, 20*frame)
	}
}

// mute openai throws away what arrives meanwhile; the next answer is heard.
func TestMuteOpenAI(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	cfg := quiet
	cfg.OutputRate = 8000
	cfg.Answer = realtimetest.InTurn(realtimetest.Say(realtimetest.Sine(440, time.Second, 8000), 8000, "unheard"),
		realtimetest.Say(realtimetest.Sine(440, 30*time.Second, 8000), 8000, "cut"), realtimetest.Say(realtimetest.Sine(440, 300*time.Millisecond, 8000), 8000, "heard"))
	srv := realtimetest.New(t, cfg)
	r.talker("call", srv.URL())
	r.event("call", "connect", 1)
	s := r.session(srv, 0)
	answer := func(n int) {
		t.Helper()
		r.api("+OK", "call send_json %s", base64JSON(responseCreate))
		if _, err := s.WaitSent(r.ctx, "response.done", n); err != nil {
			t.Fatal(err)
		}
	}
	r.api("+OK", "call mute openai")
	answer(1)
	r.poll("the module does not know that the answer is done", func() bool { return jsonEvents(r, "call", "response.done") == 1 })
	if status := r.status("call"); status.PlayedMS != 0 || status.AgentWaitMS != 0 || len(r.Events("call", "openai_speech_start")) != 0 {
		t.Errorf("something of a muted answer was kept: %+v", status)
	}
	r.api("+OK", "call unmute openai")
	answer(2)
	r.event("call", "openai_speech_start", 1)
	r.api("+OK", "call mute openai") // in the middle: silence now
	r.event("call", "openai_speech_stop", 1)
	// What of it is still on its way comes while muted.
	r.poll("the module does not know that the second answer is done", func() bool { return jsonEvents(r, "call", "response.done") == 2 })
	if status := r.status("call"); status.AgentWaitMS != 0 || status.PlayedMS >= 30000 {
		t.Errorf("the rest of the answer waits: %+v", status)
	}
	before := r.status("call").PlayedMS
	r.api("+OK", "call unmute openai")
	answer(3)
	r.event("call", "openai_speech_stop", 2)
	if played := r.status("call").PlayedMS - before; played != 300 {
		t.Errorf("%d ms of the last answer were heard, want 300", played)
	}
}

// jsonEvents is how many json events have this type.
func jsonEvents(r *rig, uuid, typ string) (n int) {
	for _, m := range r.Events(uuid, "json") {
		if strings.Contains(m.Body, fmt.Sprintf(`"type":%q`, typ)) {
			n++
		}
	}
	return n
}

// An answer of five minutes that comes at once is kept whole, in bounded memory.
func TestLongAnswer(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	cfg := quiet
	cfg.Answer = realtimetest.Tone(440, 5*time.Minute)
	srv := realtimetest.New(t, cfg)
	r.talker("call", srv.URL())
	r.event("call", "connect", 1)
	r.api("+OK", "call send_json %s", base64JSON(responseCreate))
	r.poll("the answer is not taken", func() bool { return jsonEvents(r, "call", "response.done") == 1 })
	status, held := r.status("call"), r.held()
	if status.AgentDropMS != 0 {
		t.Errorf("part of the answer was dropped: %+v", status)
	}
	const samples = 5 * 60 * 24000 * 2 // bytes
	if limit := int64(3 * samples); held.HeapLiveBytes > limit || held.MallocBytes > 4<<20 {
		t.Errorf("an answer of %d bytes of samples takes %+v", samples, held)
	}
	if n := len(r.Events("call", "error")); n != 0 {
		t.Errorf("%d error events", n)
	}
	r.api("+OK", "call mute openai") // nobody waits for five minutes: what was not heard is told in the event
	r.event("call", "openai_speech_stop", 1)
	var cut truncation
	decode(t, r.event("call", "truncated", 1).Body, &cut)
	if all := cut.AudioEndMS + cut.Discarded; all < 299_999 || all > 300_000 { // each is rounded down
		t.Errorf("%d ms of an answer of 300 s were there: %+v", all, cut)
	}
}

// What does not fit into the playback buffer is dropped, counted, and told in one error event.
func TestPlaybackLimit(t *testing.T) {
	t.Parallel()
	r := newRigWith(t, `<param name="playback-buffer" value="1000"/>`)
	cfg := quiet
	cfg.Answer = realtimetest.Tone(440, 20*time.Second)
	srv := realtimetest.New(t, cfg)
	r.talker("call", srv.URL())
	r.event("call", "connect", 1)
	r.api("+OK", "call send_json %s", base64JSON(responseCreate))
	r.event("call", "openai_speech_stop", 1)
	status := r.status("call")
	if all := status.PlayedMS + status.AgentDropMS; all < 19_999 || all > 20_000 || status.AgentDropMS == 0 || status.PlayedMS < 1000 {
		t.Errorf("played and dropped are not the 20 s: %+v", status)
	}
	if len(r.Events("call", "error")) != 1 {
		t.Fatalf("%d error events, want one", len(r.Events("call", "error")))
	}
	if f := r.failure(r.event("call", "error", 1)).Message; !strings.Contains(f.Error, "playback buffer of 1s") {
		t.Errorf("error %q does not name the limit", f.Error)
	}
	if len(r.Events("call", "disconnect")) != 0 {
		t.Error("the stream ended")
	}
}

// Whatever writes to the channel, the answer is heard, and never more packets go out than packet times have passed.
func TestPacketRate(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	cfg := quiet
	cfg.Answer = realtimetest.Tone(440, time.Second)
	srv := realtimetest.New(t, cfg)
	writers := []string{"none", "silence", "tone:300"}
	dir := t.TempDir()
	for i, writer := range writers {
		uuid := fmt.Sprintf("call-%d", i)
		r.do("create %s rate=8000 caller=silence writer=%s loop=1 frames=%s", uuid, writer, filepath.Join(dir, uuid))
		r.api("+OK", "%s start %s mono 8k", uuid, srv.URL())
		r.event(uuid, "connect", 1)
		r.api("+OK", "%s send_json %s", uuid, base64JSON(responseCreate))
	}
	for i, writer := range writers {
		uuid := fmt.Sprintf("call-%d", i)
		r.event(uuid, "openai_speech_stop", 1)
		// A writer that comes in the middle of a call takes over, one that goes is replaced.
		r.do("writer %s %s", uuid, writers[(i+1)%len(writers)])
		r.api("+OK", "%s send_json %s", uuid, base64JSON(responseCreate))
		r.event(uuid, "openai_speech_stop", 2)
		if played := r.status(uuid).PlayedMS; played != 2000 {
			t.Errorf("writer %s: %d ms were played, want 2000", writer, played)
		}
		r.do("hangup %s wait=1", uuid)
		takeovers := 0
		if writer == "none" {
			takeovers = 1
		}
		checkRate(t, "writer "+writer, filepath.Join(dir, uuid), true, takeovers)
	}
}

// Re-INVITEs in mid-answer, to a rate six times as high and back, and a stall of the process at each rate: all of the
// answer is heard, and nothing of the caller's is dropped.
func TestReinvitesInMidAnswer(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	const level, length = 20000, 6 * time.Second
	pcm := make([]int16, length/time.Millisecond*24)
	for i := range pcm {
		pcm[i] = level
	}
	cfg := quiet
	cfg.Speed, cfg.Answer = 2, realtimetest.Speech(pcm, 24000, "level")
	srv := realtimetest.New(t, cfg)
	dir := t.TempDir()
	heard, frames := filepath.Join(dir, "heard.raw"), filepath.Join(dir, "frames.csv")
	r.do("create call rate=8000 caller=tone:300 writer=none record_write=%s frames=%s", heard, frames)
	r.api("+OK", "call start %s mono 24k", srv.URL())
	r.event("call", "connect", 1)
	r.api("+OK", "call send_json %s", base64JSON(responseCreate))
	r.event("call", "openai_speech_start", 1)
	rates := []int{48000, 8000, 48000, 16000, 8000}
	for _, hz := range rates {
		r.frames("call", 15)
		r.do("codec call rate=%d", hz)
		r.frames("call", 10)
		r.stop(400 * time.Millisecond)
	}
	r.event("call", "openai_speech_stop", 1)
	status := r.status("call")
	if status.PlayedMS != length.Milliseconds() || status.CallerDropMS+status.AgentDropMS > 0 {
		t.Errorf("played, dropped: %+v, want %v and nothing", status, length)
	}
	r.do("hangup call wait=1")
	raw, err := os.ReadFile(heard)
	if err != nil {
		t.Fatal(err)
	}
	loud := loudTime(t, samples(t, raw), frames)
	// The edges of a seam and of a hole are not told from the level.
	edges := 3 * time.Millisecond * time.Duration(len(rates)+1+int(status.Underruns))
	if off := (loud - length).Abs(); off > edges {
		t.Errorf("%v heard of %v; %+v", loud, length, status)
	}
}

// loudTime is how long the samples of a recording are loud whose rates are those of its frames.
func loudTime(t *testing.T, pcm []int16, frames string) (loud time.Duration) {
	t.Helper()
	csv, err := os.ReadFile(frames)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(csv)) {
		f := strings.Split(line, ",")
		if f[0] != "heard" {
			continue
		}
		rate, _ := strconv.Atoi(f[2])
		n, _ := strconv.Atoi(f[4])
		for _, v := range pcm[:n] {
			if v > 10000 {
				loud += time.Second / time.Duration(rate)
			}
		}
		pcm = pcm[n:]
	}
	return loud
}
