package e2e_test

import (
	"encoding/csv"
	"encoding/json"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	"mod_openai_audio_stream/module/realtime/realtimetest"
)

const (
	frame  = 160                   // samples of 20 ms at 8 kHz
	tick   = 20 * time.Millisecond // a frame
	tail   = 3 * 8                 // samples of the decay where an answer is held or runs dry (oas_play.h)
	fadeIn = 2 * 8                 // samples of the fade where it goes on
	// A media thread that is late by more may look like a pause of the caller's: the module waits for 120 ms.
	maxLate = 100 * time.Millisecond
)

// notJudged ends a test that a busy machine has made impossible to judge. late is a measurement of the machine, never
// what the module did.
func (r *rig) notJudged(why string, late time.Duration) {
	r.Helper()
	r.Skipf("not judged: %s: the host's clocks were late by up to %v", why, late.Round(time.Millisecond))
}

// late is how long the host's clocks were late at most, since the host was started or told to forget it.
func (r *rig) late() time.Duration { return r.longest("tick_late") }

// longest is the longest of the durations that the host has measured under this name.
func (r *rig) longest(name string) time.Duration {
	r.Helper()
	var m map[string]json.RawMessage
	decode(r.T, string(r.do("stats").Raw), &m)
	var duration struct {
		MaxNS int64 `json:"max_ns"`
	}
	decode(r.T, string(m[name]), &duration)
	return time.Duration(duration.MaxNS)
}

// checkCaller demands the host's ramp without a sample lost, repeated or out of order, after silence. Silence may stand
// between its samples only as much as the module has counted, and only where the host's own clocks were late: a thread
// that gives no frames for so long looks like a caller who pauses.
func (r *rig) checkCaller(uuid string, pcm []int16) {
	r.Helper()
	silence := r.checkCallerGap(pcm)
	filled, late := int(r.status(uuid).GapFilledMS)*8, r.late()
	if silence > filled+8 {
		r.Errorf("%s: %d samples of silence in the middle of words, %d are counted", uuid, silence, filled)
	}
	if pcm[len(pcm)-1] == 0 && pcm[max(len(pcm)-frame, 0)] == 0 && late < maxLate { // the ramp has one 0 in eight seconds
		r.Errorf("%s: the caller's audio ends in silence, and the host's clocks were late by %v at most", uuid, late)
	}
	if silence > 0 && late < maxLate {
		r.Errorf("%s: %d samples of silence in the middle of words, and the host's clocks were late by %v at most", uuid, silence, late)
	}
}

// checkCallerGap demands the ramp and returns how much silence stands in it.
func (r *rig) checkCallerGap(pcm []int16) (silence int) {
	r.Helper()
	first := slices.IndexFunc(pcm, func(v int16) bool { return v != 0 })
	if first < 0 {
		r.Fatalf("%d samples of silence", len(pcm))
	}
	next, held := pcm[first], 0
	for i, v := range pcm[first:] {
		switch v {
		case next:
			next++
			silence, held = silence+held, 0
		case 0:
			held++ // silence at the end is not yet between anything
		default:
			r.Fatalf("sample %d is %d, not %d: lost, repeated or out of order", first+i, v, next)
		}
	}
	return silence
}

// checkAnswer demands the samples 1, 2, 3 ... n in the recording, once each and in order, after silence. Where the
// answer was held or ran dry, breaks times exactly, there is a decay, silence up to a frame's edge and a fade, and
// nothing is lost. It returns the samples in each break.
func checkAnswer(t *testing.T, pcm []int16, n, breaks int) (lengths []int) {
	t.Helper()
	at := slices.IndexFunc(pcm, func(v int16) bool { return v != 0 })
	if at < 0 {
		t.Fatalf("%d samples of silence, want the answer", len(pcm))
	}
	for i := 0; i < n; {
		if at < len(pcm) && pcm[at] == int16(i+1) {
			at++
			i++
			continue
		}
		end := at - at%frame + frame
		for at < len(pcm) && end < len(pcm) && !goesOn(pcm[end:], i, n) {
			end += frame
		}
		if end >= len(pcm) {
			t.Fatalf("sample %d of the answer (%d of the recording) is not there", i+1, at)
		}
		for j, v := range pcm[at:end] {
			if j >= tail && v != 0 || v < 0 || int(v) > i {
				t.Fatalf("sample %d of the break after sample %d of the answer is %d, want silence", j, i, v)
			}
		}
		lengths = append(lengths, end-at)
		k := min(fadeIn, n-i)
		at, i = end+k, i+k
	}
	if rest := pcm[at:]; slices.ContainsFunc(rest[min(tail, len(rest)):], func(v int16) bool { return v != 0 }) {
		t.Errorf("something follows the answer")
	}
	if len(lengths) != breaks {
		t.Errorf("the answer is whole, with %d breaks of %d samples in it, want %d breaks", len(lengths), lengths, breaks)
	}
	return lengths
}

// checkUnderruns demands the samples 1, 2, 3 ... n as checkAnswer does, with the breaks that status has counted and of the
// length that it has.
func checkUnderruns(t *testing.T, pcm []int16, n int, status streamStatus) {
	t.Helper()
	silence := 0
	for _, length := range checkAnswer(t, pcm, n, int(status.Underruns)) {
		silence += length
	}
	if ms := int64(silence) / 8; ms != status.UnderrunMS {
		t.Errorf("%d ms of silence in the answer, %d are counted", ms, status.UnderrunMS)
	}
}

// goesOn reports whether the answer goes on here with its sample i, faded in.
func goesOn(pcm []int16, i, n int) bool {
	for j := 0; j < fadeIn && i+j < n; j++ {
		if j >= len(pcm) || int(pcm[j]) != (i+j+1)*(j+1)/(fadeIn+1) {
			return false
		}
	}
	return i+fadeIn >= n || len(pcm) > fadeIn && int(pcm[fadeIn]) == i+fadeIn+1
}

// mark waits until all that the module sent before now has come to the server.
func (r *rig) mark(uuid string, s *realtimetest.Session) {
	r.Helper()
	received, _ := s.Count("input_audio_buffer.clear")
	r.api("+OK", "%s send_json %s", uuid, base64JSON(`{"type":"input_audio_buffer.clear"}`))
	if _, err := s.WaitReceived(r.ctx, "input_audio_buffer.clear", received+1); err != nil {
		r.Fatalf("%v\n%s", err, r.log)
	}
}

// passing is a frame that a channel's recorder has seen.
type passing struct {
	at time.Duration // by the host's clock
}

// readFrames reads what a channel's frames=FILE has of one side, said or heard.
func readFrames(t *testing.T, path, side string) (list []passing) {
	t.Helper()
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	rows, err := csv.NewReader(file).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range rows {
		if row[0] != side {
			continue
		}
		at, err := strconv.ParseInt(row[1], 10, 64)
		if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		list = append(list, passing{time.Duration(at)})
	}
	return list
}

// checkRate demands that at no time more packets have gone out than packet times had passed. Where the host has a writer
// of its own, what that makes up for when its thread was late, and the module had stood in for it, comes on top: that is
// not the module's. Each time that another writer takes over from the module, the module's last packet and the other's first
// may fall into one packet time.
func checkRate(t *testing.T, what, path string, writes bool, takeovers int) {
	t.Helper()
	heard, said := readFrames(t, path, "heard"), readFrames(t, path, "said")
	if len(heard) == 0 || len(said) == 0 {
		t.Fatalf("%s: %d packets out, %d in", what, len(heard), len(said))
	}
	begin := said[0].at // of the thread's clock, whose earliest tick was in time
	for k, p := range said {
		begin = min(begin, p.at-time.Duration(k)*tick)
	}
	madeUp := 0
	for i, p := range heard {
		for ; len(said) > 0 && said[0].at <= p.at; said, begin = said[1:], begin+tick {
			if writes && said[0].at-begin >= tick/2 { // its next one was due two frames after the last: the module took it to be away
				madeUp++
			}
		}
		if passed := int((p.at-heard[0].at)/tick) + 1; i+1 > passed+1+madeUp+takeovers {
			t.Errorf("%s: %d packets in %d packet times; the host's own thread made up for %d", what, i+1, passed, madeUp)
			return
		}
	}
}
