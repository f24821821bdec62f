package freeswitch

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/textproto"
	"strconv"
	"strings"
	"sync"
)

// Event is an event of FreeSWITCH's: its headers, and its body under "_body".
type Event map[string]string

// UnmarshalJSON leaves out what is no text: FreeSWITCH writes an array where a variable has several values, as that of the
// dialplan's matches has.
func (e *Event) UnmarshalJSON(b []byte) error {
	var all map[string]any
	if err := json.Unmarshal(b, &all); err != nil {
		return err
	}
	*e = Event{}
	for name, value := range all {
		if text, ok := value.(string); ok {
			(*e)[name] = text
		}
	}
	return nil
}

// Subclass is the name of a CUSTOM event without the module's prefix, or the name of any other event.
func (e Event) Subclass() string {
	if e["Event-Name"] == "CUSTOM" {
		return strings.TrimPrefix(e["Event-Subclass"], "mod_openai_audio_stream::")
	}
	return e["Event-Name"]
}

// esl is a connection to the event socket. Its methods may be called from any goroutine.
type esl struct {
	conn net.Conn
	done chan struct{} // closed when the connection has ended

	mu      sync.Mutex // Protects following, and writes to conn.
	next    int
	jobs    map[string]chan string
	events  []Event
	changed chan struct{} // closed and replaced at each event
}

// subscribed is what tests wait for.
const subscribed = "event json BACKGROUND_JOB CHANNEL_CREATE CHANNEL_ANSWER CHANNEL_HANGUP_COMPLETE CHANNEL_EXECUTE " +
	"CHANNEL_EXECUTE_COMPLETE CHANNEL_PARK CHANNEL_BRIDGE PLAYBACK_START PLAYBACK_STOP RECORD_STOP CODEC DTMF CHANNEL_HOLD CHANNEL_UNHOLD CUSTOM " +
	"mod_openai_audio_stream::connect mod_openai_audio_stream::disconnect mod_openai_audio_stream::error " +
	"mod_openai_audio_stream::json mod_openai_audio_stream::openai_speech_start " +
	"mod_openai_audio_stream::openai_speech_stop mod_openai_audio_stream::truncated mod_openai_audio_stream::turn " +
	"mod_openai_audio_stream::reconnect mod_openai_audio_stream::end mod_openai_audio_stream::tool mod_openai_audio_stream::dtmf " +
	"mod_openai_audio_stream::idle mod_openai_audio_stream::silent_answer"

func dialESL(ctx context.Context, addr, password, events string) (*esl, error) {
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", addr)
	if err != nil {
		return nil, err
	}
	c := &esl{conn: conn, done: make(chan struct{}), jobs: map[string]chan string{}, changed: make(chan struct{})}
	r := textproto.NewReader(bufio.NewReaderSize(conn, 1<<16))
	for _, line := range []string{"", "auth " + password, events} {
		if line != "" {
			if _, err := fmt.Fprintf(conn, "%s\n\n", line); err != nil {
				return nil, errors.Join(err, conn.Close())
			}
		}
		if h, err := r.ReadMIMEHeader(); err != nil || strings.HasPrefix(h.Get("Reply-Text"), "-ERR") {
			return nil, errors.Join(fmt.Errorf("event socket: %q: %v, %w", line, h, err), conn.Close())
		}
	}
	go c.read(r) // ends with the connection
	return c, nil
}

func (c *esl) read(r *textproto.Reader) {
	defer close(c.done)
	for {
		h, err := r.ReadMIMEHeader()
		if err != nil {
			return
		}
		n, _ := strconv.Atoi(h.Get("Content-Length"))
		body := make([]byte, n)
		if _, err := io.ReadFull(r.R, body); err != nil {
			return
		}
		var e Event
		if h.Get("Content-Type") != "text/event-json" || json.Unmarshal(body, &e) != nil {
			continue
		}
		c.mu.Lock()
		if reply := c.jobs[e["Job-UUID"]]; e["Event-Name"] == "BACKGROUND_JOB" && reply != nil {
			delete(c.jobs, e["Job-UUID"])
			reply <- e["_body"]
		} else {
			c.events = append(c.events, e)
			close(c.changed)
			c.changed = make(chan struct{})
		}
		c.mu.Unlock()
	}
}

// api runs an API command in the background of FreeSWITCH, so that none waits for another, and returns its answer.
func (c *esl) api(ctx context.Context, command string) (string, error) {
	reply := make(chan string, 1)
	c.mu.Lock()
	c.next++
	job := fmt.Sprintf("job-%d", c.next)
	c.jobs[job] = reply
	_, err := fmt.Fprintf(c.conn, "bgapi %s\nJob-UUID: %s\n\n", command, job)
	c.mu.Unlock()
	if err != nil {
		return "", fmt.Errorf("%s: %w", command, err)
	}
	select {
	case text := <-reply:
		return strings.TrimSpace(text), nil
	case <-c.done:
		return "", fmt.Errorf("%s: FreeSWITCH has closed the event socket", command)
	case <-ctx.Done():
		return "", fmt.Errorf("%s: %w", command, ctx.Err())
	}
}

// of is the events so far of a channel, by subclass or name.
func (c *esl) of(uuid, name string) (events []Event) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, e := range c.events {
		if e["Unique-ID"] == uuid && e.Subclass() == name {
			events = append(events, e)
		}
	}
	return events
}

// wait waits until cond, which is asked again after each event, is true.
func (c *esl) wait(ctx context.Context, cond func() bool) error {
	for {
		c.mu.Lock()
		changed := c.changed
		c.mu.Unlock()
		if cond() {
			return nil
		}
		select {
		case <-changed:
		case <-c.done:
			return errors.New("FreeSWITCH has closed the event socket")
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
