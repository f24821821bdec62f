package stream

import (
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tidwall/gjson"

	"mod_openai_audio_stream/module/audio"
)

// after lets time pass in which the channel takes a frame each 20 ms, and the caller says nothing.
func (c *call) after(d time.Duration) {
	for end := time.Now().Add(d); time.Now().Before(end); {
		c.host.rings.known()
		time.Sleep(20 * time.Millisecond)
		synctest.Wait()
		c.host.rings.play(c.host.rings.rateHz / 50)
	}
	synctest.Wait()
}

// attempt is the n-th connection, when it has been tried.
func (c *call) attempt(n int) *fakeConn {
	c.Helper()
	for range 6000 {
		if n < len(c.conns) {
			return c.conns[n]
		}
		c.after(20 * time.Millisecond)
	}
	c.Fatalf("%d attempts to connect, want %d", len(c.conns), n+1)
	return nil
}

// reopen is the n-th connection, with a session.
func (c *call) reopen(n int) *fakeConn {
	c.Helper()
	conn := c.attempt(n)
	conn.says(created)
	synctest.Wait()
	return conn
}

// of are the messages of these types that the stream has sent, in order.
func (c *fakeConn) of(types ...string) (msgs []string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, msg := range c.sent {
		if slices.Contains(types, gjson.Get(msg, "type").Str) {
			msgs = append(msgs, msg)
		}
	}
	return msgs
}

// speaks says a response's audio: pcm at 24 kHz in deltas of 200 ms, of the item "i"+id.
func (c *fakeConn) speaks(id string, pcm []int16) {
	for n := 0; n < len(pcm); n += 4800 {
		c.says(delta(id, audio.AppendPCM16LE(nil, pcm[n:min(n+4800, len(pcm))])))
	}
}

func delta(id string, wire []byte) string {
	return fmt.Sprintf(`{"type":"response.output_audio.delta","response_id":%q,"item_id":"i%s","content_index":0,"delta":%q}`,
		id, id, base64.StdEncoding.EncodeToString(wire))
}

func (c *fakeConn) responds(id string) {
	c.says(fmt.Sprintf(`{"type":"response.created","response":{"id":%q}}`, id))
}

func (c *fakeConn) done(id string) {
	c.says(fmt.Sprintf(`{"type":"response.done","response":{"id":%q,"status":"completed"}}`, id))
}

// tone is d of a sound at 24 kHz.
func tone(d time.Duration) []int16 {
	pcm := make([]int16, timeSamples(d, 24000))
	for i := range pcm {
		pcm[i] = int16(4000 + 4000*(i/30%2)) // never silent
	}
	return pcm
}

// heardFor is how long the caller has heard something.
func (c *call) heardFor() time.Duration {
	n := 0
	for _, v := range c.host.rings.heard {
		if v > 1000 || v < -1000 {
			n++
		}
	}
	return samplesTime(uint64(n), c.host.rings.rateHz)
}

// wantHeard demands what the caller has heard, but for the edges that a filter rounds.
func (c *call) wantHeard(want time.Duration) {
	c.Helper()
	if got := c.heardFor(); got < want-10*time.Millisecond || got > want+10*time.Millisecond {
		c.Errorf("the caller has heard %v, want %v", got, want)
	}
}

func errorEvent(code, eventID string) string {
	return fmt.Sprintf(`{"type":"error","error":{"code":%q,"message":"because","event_id":%q}}`, code, eventID)
}

// Errors that another attempt may mend end an attempt and not the call: at first, and when a connection comes back.
func TestServerRefusesForNow(t *testing.T) {
	for _, code := range []string{"server_error", "rate_limit_exceeded", "overloaded_error"} {
		for _, closes := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s, closes %v", code, closes), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					c := newCall(t, nil)
					c.start()
					refuse := func(conn *fakeConn) {
						conn.says(errorEvent(code, ""))
						if closes {
							conn.closed(1011, "")
						}
						synctest.Wait()
					}
					refuse(c.attempt(0))
					conn := c.reopen(1)
					conn.closed(1006, "")
					refuse(c.attempt(2))
					c.reopen(3)
					c.Command("call stop")
					c.wantEnd("stop", map[string]int{"connect": 2, "disconnect": 2, "error": 3, "reconnect": 1})
				})
			})
		}
	}
}

// A server that says that the key is of no use, and does not close, is not waited for.
func TestFatalErrorWithoutAClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCall(t, nil)
		conn := c.open()
		conn.says(errorEvent("insufficient_quota", ""))
		c.after(fatalWait - 100*time.Millisecond)
		if got := c.host.of("end"); len(got) > 0 {
			t.Errorf("ended at once: %q", got)
		}
		c.after(200 * time.Millisecond)
		if got := c.host.of("end"); len(got) != 1 || !strings.Contains(got[0], "insufficient_quota") {
			t.Errorf("end events %q, want one with the reason", got)
		}
		c.wantEnd("error", map[string]int{"connect": 1, "disconnect": 1, "error": 1})
	})
}

// A server that never answers a session.update gets the caller's audio all the same, unless it is known to answer.
func TestNoAnswerToSessionUpdate(t *testing.T) {
	for provider, wait := range map[string]time.Duration{"compatible": updateWait, "openai": updateWaitKnown} {
		t.Run(provider, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := newCall(t, map[string]string{"STREAM_VOICE": "marin", "STREAM_PROVIDER": provider,
					"STREAM_OPENAI_API_KEY": "secret-key", "STREAM_GREETING": "auto"})
				conn := c.open()
				c.host.rings.give(make([]int16, 160))
				c.after(wait - 100*time.Millisecond)
				if got := conn.of("input_audio_buffer.append", "response.create"); len(got) > 0 {
					t.Errorf("sent before the session was configured: %q", got)
				}
				c.after(200 * time.Millisecond)
				c.host.rings.give(make([]int16, 160))
				c.after(100 * time.Millisecond)
				if provider == "compatible" {
					if len(conn.of("input_audio_buffer.append")) == 0 || len(conn.of("response.create")) != 1 {
						t.Errorf("sent %q, want the caller's audio and the greeting", conn.types())
					}
					c.Command("call stop")
					c.wantEnd("stop", map[string]int{"connect": 1, "disconnect": 1})
					return
				}
				c.attempt(1)
				c.Command("call stop")
				c.wantEnd("stop", map[string]int{"connect": 1, "disconnect": 1, "error": 1})
			})
		})
	}
}

// An error without an event id while the session is configured is no refusal if session.updated follows.
func TestErrorWhileConfiguring(t *testing.T) {
	for _, updated := range []bool{true, false} {
		t.Run(fmt.Sprint("updated ", updated), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := newCall(t, map[string]string{"STREAM_VOICE": "marin"})
				conn := c.open()
				conn.says(errorEvent("something", ""))
				if updated {
					conn.says(`{"type":"session.updated","session":{}}`)
				}
				c.after(updateWait + time.Second)
				if updated {
					c.Command("call stop")
					c.wantEnd("stop", map[string]int{"connect": 1, "disconnect": 1})
				} else {
					c.wantEnd("error", map[string]int{"connect": 1, "disconnect": 1, "error": 1})
				}
			})
		})
	}
}

// What was received is played out when the server has closed, also where no other attempt follows.
func TestGoodbyeIsHeard(t *testing.T) {
	for name, test := range map[string]struct {
		code   int
		reason string
		errors int
	}{
		"in good order":          {1000, "server_closed", 0},
		"lost, no other attempt": {1006, "error", 1},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := newCall(t, map[string]string{"STREAM_NO_RECONNECT": "true"})
				conn := c.open()
				conn.responds("A")
				conn.speaks("A", tone(5*time.Second))
				synctest.Wait()
				conn.closed(test.code, "bye")
				c.after(4 * time.Second)
				if got := c.host.of("disconnect"); len(got) != 1 {
					t.Errorf("disconnect events %q, want one when it happens", got)
				}
				if got := c.host.of("end"); len(got) > 0 {
					t.Errorf("ended in the midst of the goodbye: %q", got)
				}
				c.after(2 * time.Second)
				c.wantHeard(5 * time.Second)
				if got := c.host.of("openai_speech_stop"); len(got) != 1 {
					t.Errorf("openai_speech_stop events %q, want one", got)
				}
				c.wantEnd(test.reason, map[string]int{"connect": 1, "disconnect": 1, "error": test.errors})
			})
		})
	}
	t.Run("on a channel that takes nothing", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			c := newCall(t, nil)
			conn := c.open()
			conn.responds("A")
			conn.speaks("A", tone(time.Second))
			synctest.Wait()
			c.host.rings.stuck = true
			conn.closed(1000, "bye")
			c.after(maxPlayout + 2*time.Second)
			if got := c.host.of("end"); len(got) != 1 {
				t.Errorf("end events %q, want one", got)
			}
			c.wantEnd("server_closed", map[string]int{"connect": 1, "disconnect": 1})
		})
	})
}

// A stream that has given up plays out what it has received, also if the connection is lost meanwhile.
func TestGivenUpAndLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCall(t, nil)
		conn := c.open()
		conn.responds("A")
		conn.speaks("A", tone(2*time.Second))
		conn.says(`{"type":"session.updated","session":{"input_audio_format":"g711_ulaw"}}`)
		synctest.Wait()
		conn.closed(1006, "")
		c.after(3 * time.Second)
		c.wantHeard(2 * time.Second)
		c.wantEnd("error", map[string]int{"connect": 1, "disconnect": 1, "error": 1})
	})
}

// Nothing is taken for the server any more while the goodbye is played out, and the stream is not paused.
func TestCommandsWhileEnding(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCall(t, nil)
		conn := c.open()
		conn.responds("A")
		conn.speaks("A", tone(2*time.Second))
		synctest.Wait()
		conn.closed(1000, "bye")
		c.after(time.Second)
		for _, args := range []string{"say aGk=", "send_text aGk=", "send_json eyJ0eXBlIjoicmVzcG9uc2UuY3JlYXRlIn0="} {
			if reply := c.Command("call " + args); reply != "-ERR "+ErrEnded.Error() {
				t.Errorf("%s: %s", args, reply)
			}
		}
		c.Command("call pause")
		c.Command("call resume")
		c.host.rings.give(make([]int16, 160))
		c.after(20 * time.Millisecond)
		status := strings.TrimPrefix(c.Command("call status"), "+OK ")
		if gjson.Get(status, "paused").Bool() || gjson.Get(status, "caller_waiting_ms").Int() > 0 {
			t.Error(status)
		}
		c.Command("call stop")
		c.wantEnd("server_closed", map[string]int{"connect": 1, "disconnect": 1})
	})
}

// What the client sends while a lost connection comes back reaches the new session, in order, after what was said.
func TestClientWhileReconnecting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCall(t, nil)
		conn := c.open()
		output := func(n int) string {
			return fmt.Sprintf(`{"type":"conversation.item.create","item":{"type":"function_call_output","call_id":"c%d","output":"x"}}`, n)
		}
		send := func(msg string) string {
			return c.Command("call send_json " + base64.StdEncoding.EncodeToString([]byte(msg)))
		}
		conn.says(`{"type":"response.output_item.done","response_id":"A","item":{"id":"f1","type":"function_call","call_id":"c0","name":"f","arguments":"{}"}}`)
		synctest.Wait()
		conn.closed(1006, "")
		synctest.Wait()
		for n := range 3 {
			if reply := send(output(n)); reply != "+OK queued" {
				t.Error(reply)
			}
		}
		if reply := send(`{"type":"response.create"}`); reply != "+OK queued" {
			t.Error(reply)
		}
		if reply := send(`{"type":"input_audio_buffer.commit"}`); !strings.HasPrefix(reply, "-ERR ") {
			t.Error(reply)
		}
		conn = c.reopen(1)
		var got []string
		for _, msg := range conn.of("conversation.item.create", "response.create") {
			got = append(got, gjson.Get(msg, "type").Str+gjson.Get(msg, "item.type").Str+gjson.Get(msg, "item.call_id").Str)
		}
		want := []string{"conversation.item.createfunction_callc0", "conversation.item.createfunction_call_outputc0",
			"conversation.item.createfunction_call_outputc1", "conversation.item.createfunction_call_outputc2", "response.create"}
		if !slices.Equal(got, want) {
			t.Errorf("the new session was told\n%q, want\n%q", got, want)
		}
		c.Command("call stop")
		c.wantEnd("stop", map[string]int{"connect": 2, "disconnect": 2, "error": 1, "reconnect": 1})
	})
}

// The attempts are counted anew when a connection was a good one.
func TestRetriesStartAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCall(t, nil, refusal(503), refusal(503))
		c.start()
		conn := c.reopen(2)
		c.after(steadyLife)
		conn.closed(1006, "")
		synctest.Wait()
		var counts []int64
		for _, body := range c.host.of("error") {
			counts = append(counts, gjson.Get(body, "message.retries").Int())
		}
		if !slices.Equal(counts, []int64{1, 2, 1}) {
			t.Errorf("retries %v, want 1, 2, and 1 after a good connection", counts)
		}
		c.Command("call stop")
		c.wantEnd("stop", map[string]int{"connect": 1, "disconnect": 1, "error": 3})
	})
}

// The odd byte at the end of what a lost connection sent is not the first of what the next one sends.
func TestOddByteEndsWithItsConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCall(t, nil)
		conn := c.open()
		conn.responds("A")
		conn.says(delta("A", append(audio.AppendPCM16LE(nil, tone(200*time.Millisecond)), 0x7f)))
		synctest.Wait()
		conn.closed(1006, "")
		conn = c.reopen(1)
		c.after(time.Second)
		before := len(c.host.rings.heard)
		conn.responds("B")
		quiet := make([]int16, 4800)
		for i := range quiet {
			quiet[i] = 3
		}
		conn.speaks("B", quiet)
		conn.done("B")
		c.after(time.Second)
		for _, v := range c.host.rings.heard[before:] {
			if v > 100 || v < -100 {
				t.Fatalf("a sample of %d where the server sent 3", v)
			}
		}
		c.Command("call stop")
	})
}

// A server whose audio is never base64 is given up, whatever else it sends.
func TestAudioThatIsNeverBase64(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCall(t, nil)
		conn := c.open()
		for range maxUnusable {
			conn.says(`{"type":"response.output_audio.delta","response_id":"A","item_id":"i","delta":"???"}`)
			conn.says(`{"type":"rate_limits.updated"}`)
			synctest.Wait()
		}
		c.after(100 * time.Millisecond)
		c.wantEnd("error", map[string]int{"connect": 1, "disconnect": 1, "error": 1})
	})
}

// A server that names another rate than start asked for, and was not told one, gets that rate.
func TestRateThatTheServerNames(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCall(t, nil)
		if reply := c.Command("call start ws://h/ mono 8k"); reply != "+OK stream started" {
			t.Fatal(reply)
		}
		synctest.Wait()
		for range 50 { // while the socket connects
			c.host.rings.give(make([]int16, 160))
			c.after(20 * time.Millisecond)
		}
		conn := c.conns[0]
		conn.says(`{"type":"session.created","session":{"audio":{"input":{"format":{"type":"audio/pcm","rate":24000}}}}}`)
		synctest.Wait()
		for range 50 {
			c.host.rings.give(make([]int16, 160))
			c.after(20 * time.Millisecond)
		}
		bytes := 0
		for _, msg := range conn.of("input_audio_buffer.append") {
			pcm, _ := base64.StdEncoding.DecodeString(gjson.Get(msg, "audio").Str)
			bytes += len(pcm)
		}
		if got := samplesTime(uint64(bytes/2), 24000); got < 1950*time.Millisecond || got > 2050*time.Millisecond {
			t.Errorf("%v of audio at 24 kHz for two seconds of the caller's", got)
		}
		notices := 0
		for _, line := range c.host.logged {
			if strings.Contains(line, "resampled") {
				notices++
			}
		}
		if notices != 1 {
			t.Errorf("%d lines about it in the log, want one: %q", notices, c.host.logged)
		}
		c.Command("call stop")
	})
}

// The same holds if session.created is not the first event.
func TestRateIsNamedLate(t *testing.T) {
	for name, test := range map[string]struct {
		session, want string
	}{
		"another rate":   {`{"audio":{"input":{"format":{"type":"audio/pcm","rate":24000}}}}`, `"rate_hz":24000`},
		"another format": {`{"input_audio_format":"g711_ulaw"}`, `"state":"ending"`},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := newCall(t, nil)
				c.Command("call start ws://h/ mono 8k")
				synctest.Wait()
				conn := c.conns[0]
				conn.says(`{"type":"conversation.created"}`)
				conn.responds("A")
				conn.speaks("A", tone(time.Second))
				conn.says(`{"type":"session.created","session":` + test.session + `}`)
				synctest.Wait()
				if status := c.Command("call status"); !strings.Contains(status, test.want) {
					t.Errorf("%s, want %s", status, test.want)
				}
				c.Command("call stop")
			})
		})
	}
}

// What a call's record gets at its hang-up is true to a tenth of a second: an answer that plays is in it, and audio of the
// caller's without a turn.
func TestTotalsAtHangUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCall(t, nil)
		conn := c.open()
		conn.responds("A")
		conn.speaks("A", tone(10*time.Second))
		for range 100 {
			c.host.rings.give(make([]int16, 160))
			c.after(20 * time.Millisecond)
		}
		got := c.host.rings.totals // as the shim reads it
		near := func(name string, ms int64) {
			if ms < 1800 || ms > 2100 {
				t.Errorf("%s %d ms, want 2000", name, ms)
			}
		}
		near("audio_in", got.AudioInMS)
		near("audio_out", got.AudioOutMS)
		if got.Turns != 1 {
			t.Errorf("%d turns, want the one that is under way", got.Turns)
		}
		c.hangUp()
		c.wantEnd("hangup", map[string]int{"connect": 1, "disconnect": 1})
		if stops, turns := c.host.of("openai_speech_stop"), c.host.of("turn"); len(stops) != 1 || len(turns) != 1 {
			t.Errorf("speech stops %q, turns %q, want one each", stops, turns)
		}
	})
}
