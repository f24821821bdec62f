package stream

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tidwall/gjson"
)

// openMute opens a call that asks for a response, of which the server begins the first and says nothing.
func openMute(t *testing.T, variables map[string]string) (*call, *fakeConn) {
	c := newCall(t, variables)
	conn := c.open()
	c.Command("call say SGVsbG8u") // Hello.
	conn.responds("A")
	synctest.Wait()
	return c, conn
}

// acted are the actions with the call.
func (h *fakeHost) acted() []string {
	h.fakeActions.mu.Lock()
	defer h.fakeActions.mu.Unlock()
	var done []string
	for _, action := range h.done {
		done = append(done, strings.TrimSpace(action))
	}
	return done
}

// A response without audio is cancelled in time, and asked for once more with the same words.
func TestMuteModelIsAskedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, conn := openMute(t, nil)
		c.after(19 * time.Second)
		if got := conn.of("response.cancel"); len(got) > 0 {
			t.Errorf("cancelled before 20 s: %q", got)
		}
		c.after(2 * time.Second)
		if got := conn.of("response.cancel"); len(got) != 1 || gjson.Get(got[0], "response_id").Str != "A" {
			t.Errorf("cancelled %q, want A", got)
		}
		conn.says(`{"type":"response.done","response":{"id":"A","status":"cancelled"}}`)
		synctest.Wait()
		if got := conn.asked(); len(got) != 2 || got[0] != got[1] {
			t.Errorf("asked for %q, want the same twice", got)
		}
		c.answers(conn, "B", time.Second)
		c.after(time.Minute)
		c.wantHeard(time.Second)
		c.Command("call stop")
		c.wantEnd("stop", map[string]int{"connect": 1, "disconnect": 1})
		if got := c.host.acted(); len(got) > 0 {
			t.Errorf("done with the call: %q", got)
		}
	})
}

// A model that says nothing the second time either is an error, after which STREAM_ON_ERROR is done.
func TestModelStaysMute(t *testing.T) {
	for name, test := range map[string]struct {
		onError string
		acted   []string
		reason  string
		errors  int
	}{
		"continue":         {"continue", nil, "stop", 1},
		"hang up":          {"hangup", []string{"hangup NORMAL_TEMPORARY_FAILURE"}, "error", 1},
		"transfer":         {"transfer:1000", []string{"transfer 1000"}, "error", 1},
		"transfer further": {"transfer:1000 XML public", []string{"transfer 1000 XML public"}, "error", 1},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c, conn := openMute(t, map[string]string{"STREAM_ON_ERROR": test.onError, "STREAM_RESPONSE_TIMEOUT": "5"})
				c.after(6 * time.Second)
				conn.says(`{"type":"response.done","response":{"id":"A","status":"cancelled"}}`)
				conn.responds("B")
				c.within("given up", c.until("error", 1, time.Minute), 5*time.Second)
				if got := c.host.of("error")[0]; !strings.Contains(got, "said nothing for 5s, twice") {
					t.Errorf("error event %s", got)
				}
				c.after(time.Minute)
				if got := conn.of("response.create"); len(got) != 2 {
					t.Errorf("asked for %q, want two responses", got)
				}
				if got := c.host.acted(); !slices.Equal(got, test.acted) {
					t.Errorf("done with the call: %q, want %q", got, test.acted)
				}
				if test.reason == "stop" {
					c.Command("call stop")
				}
				c.wantEnd(test.reason, map[string]int{"connect": 1, "disconnect": 1, "error": test.errors})
			})
		})
	}
}

// A server that does not answer a request at all is mute, too.
func TestServerThatNeverAnswers(t *testing.T) {
	for _, limit := range []string{"5", "20"} {
		t.Run(limit, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := newCall(t, map[string]string{"STREAM_GREETING": "Hello.", "STREAM_ON_ERROR": "hangup", "STREAM_RESPONSE_TIMEOUT": limit})
				conn := c.open()
				seconds, _ := time.ParseDuration(limit + "s")
				c.within("ended", c.until("end", 1, time.Minute), 2*seconds)
				var sent []string
				for _, msg := range conn.of("response.create", "response.cancel") {
					sent = append(sent, gjson.Get(msg, "type").Str)
				}
				if want := []string{"response.create", "response.cancel", "response.create", "response.cancel"}; !slices.Equal(sent, want) {
					t.Errorf("sent %q, want %q", sent, want)
				}
				c.wantEnd("error", map[string]int{"connect": 1, "disconnect": 1, "error": 1})
			})
		})
	}
}

// These may take as long as they do.
func TestNotMute(t *testing.T) {
	for name, test := range map[string]struct {
		variables map[string]string
		says      func(*fakeConn)
	}{
		"text": {nil, func(c *fakeConn) {
			c.says(`{"type":"session.updated","session":{"output_modalities":["text"]}}`)
			c.responds("A")
		}},
		"a function": {nil, func(c *fakeConn) {
			c.responds("A")
			c.says(`{"type":"response.output_item.added","response_id":"A","item":{"id":"f","type":"function_call","name":"x"}}`)
		}},
		"audio that stops": {nil, func(c *fakeConn) { c.responds("A"); c.speaks("A", tone(time.Second)) }},
		"off":              {map[string]string{"STREAM_RESPONSE_TIMEOUT": "0"}, func(c *fakeConn) { c.responds("A") }},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := newCall(t, test.variables)
				conn := c.open()
				test.says(conn)
				c.after(50 * time.Second)
				if got := conn.of("response.cancel", "response.create"); len(got) > 0 {
					t.Errorf("sent %q", got)
				}
				c.Command("call stop")
				c.wantEnd("stop", map[string]int{"connect": 1, "disconnect": 1})
			})
		})
	}
}

// STREAM_ON_ERROR is done when the stream has failed, after what was received has been heard: a call is hung up while the
// stream is on its channel, and transferred when the channel is free.
func TestRescue(t *testing.T) {
	for name, test := range map[string]struct {
		onError  string
		acted    string
		detached int
	}{
		"hang up":  {"hangup", "hangup NORMAL_TEMPORARY_FAILURE", 0},
		"transfer": {"transfer:sales", "transfer sales", 1},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := newCall(t, map[string]string{"STREAM_ON_ERROR": test.onError, "STREAM_NO_RECONNECT": "true"})
				detached := -1
				c.host.before = func(string) { detached = c.host.rings.detached }
				conn := c.open()
				conn.responds("A")
				conn.speaks("A", tone(5*time.Second))
				synctest.Wait()
				conn.closed(1006, "")
				c.after(4 * time.Second)
				if got := c.host.acted(); len(got) > 0 {
					t.Errorf("%q before the last word was heard", got)
				}
				c.after(2 * time.Second)
				c.wantHeard(5 * time.Second)
				if got := c.host.acted(); !slices.Equal(got, []string{test.acted}) || detached != test.detached {
					t.Errorf("done with the call: %q, detached %d times by then, want %q, %d", got, detached, test.acted, test.detached)
				}
				c.wantEnd("error", map[string]int{"connect": 1, "disconnect": 1, "error": 1})
			})
		})
	}
}

// A call is rescued from whatever the stream failed of, and from nothing else.
func TestRescueFromWhat(t *testing.T) {
	for name, test := range map[string]struct {
		answers []error
		run     func(*call)
		reason  string
		want    bool
	}{
		"refused for good":  {[]error{refusal(401)}, (*call).start, "error", true},
		"the server closes": {nil, func(c *call) { c.open().closed(1000, ""); synctest.Wait() }, "server_closed", false},
		"stop":              {nil, func(c *call) { c.open(); c.Command("call stop") }, "stop", false},
		"hang-up":           {nil, func(c *call) { c.open(); c.hangUp() }, "hangup", false},
		"a limit of time":   {nil, func(c *call) { c.open(); c.after(31 * time.Second) }, "max_duration", false},
		"a codec unheard of": {nil, func(c *call) {
			c.open()
			c.host.rings.closeReason, c.host.rings.closeError = "passthrough_codec", "codec"
			c.hangUp()
		}, "passthrough_codec", true},
		"a bug": {nil, func(c *call) {
			conn := c.open()
			conn.mu.Lock()
			conn.boom = true
			conn.mu.Unlock()
			c.Command("call send_json eyJ0eXBlIjoieCJ9")
			synctest.Wait()
		}, "internal_error", true},
		"stopped while it plays out": {nil, func(c *call) {
			conn := c.open()
			conn.responds("A")
			conn.speaks("A", tone(5*time.Second))
			synctest.Wait()
			conn.closed(3000, "")
			c.after(time.Second)
			c.Command("call stop") // by the application, say, because the call was transferred
		}, "error", false},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := newCall(t, map[string]string{"STREAM_ON_ERROR": "hangup", "STREAM_MAX_DURATION": "30"}, test.answers...)
				test.run(c)
				c.Close(time.Second)
				synctest.Wait()
				if got := c.host.rings.reason; got != test.reason {
					t.Errorf("ended with %q, want %q", got, test.reason)
				}
				if got := c.host.acted(); len(got) == 1 != test.want {
					t.Errorf("done with the call: %q, want something %v", got, test.want)
				}
			})
		})
	}
}

// A transfer that FreeSWITCH refuses is logged, and the stream ends all the same.
func TestRescueFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCall(t, map[string]string{"STREAM_ON_ERROR": "transfer:nowhere"}, refusal(401))
		c.host.fail = map[string]error{"transfer": errors.New("no route")}
		c.start()
		c.wantEnd("error", map[string]int{"error": 1})
		if !slices.ContainsFunc(c.host.logged, func(line string) bool { return strings.Contains(line, "no route") }) {
			t.Errorf("log %q, want the refusal", c.host.logged)
		}
	})
}

// An answer below -60 dBFS throughout is told of; one with a single louder sample, or that was cut off, is not.
func TestSilentAnswer(t *testing.T) {
	quiet := make([]int16, 24000)
	for i := range quiet {
		quiet[i] = int16(32 - 64*(i%2))
	}
	loud := slices.Clone(quiet)
	loud[len(loud)-1] = -33
	for name, test := range map[string]struct {
		pcm    []int16
		status string
		want   []string
	}{
		"silent":          {quiet, "completed", []string{`{"response_id":"A","ms":1000}`}},
		"a sample louder": {loud, "completed", nil},
		"cut off":         {quiet, "cancelled", nil},
		"no audio":        {nil, "completed", nil},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := newCall(t, nil)
				conn := c.open()
				conn.responds("B") // loud, and out of band: the two do not mix
				conn.speaks("B", tone(200*time.Millisecond))
				conn.responds("A")
				conn.speaks("A", test.pcm)
				conn.speaks("B", quiet)
				conn.says(`{"type":"response.done","response":{"id":"A","status":"` + test.status + `"}}`)
				conn.done("B")
				c.after(3 * time.Second)
				if got := c.host.of("silent_answer"); !slices.Equal(got, test.want) {
					t.Errorf("silent_answer events %q, want %q", got, test.want)
				}
				c.Command("call stop")
			})
		})
	}
}

// What another session calls the same is another response.
func TestSilentAnswerOfANewSession(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCall(t, nil)
		conn := c.open()
		conn.responds("A")
		conn.speaks("A", tone(200*time.Millisecond))
		synctest.Wait()
		conn.closed(1006, "")
		conn = c.reopen(1)
		conn.responds("A")
		conn.speaks("A", make([]int16, 24000))
		conn.done("A")
		synctest.Wait()
		if got := c.host.of("silent_answer"); len(got) != 1 {
			t.Errorf("silent_answer events %q, want one", got)
		}
		c.Command("call stop")
	})
}
