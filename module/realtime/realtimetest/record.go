package realtimetest

import (
	"context"
	"fmt"
	"time"

	"github.com/coder/websocket"
	"github.com/tidwall/gjson"

	"mod_openai_audio_stream/module/audio"
	"mod_openai_audio_stream/module/realtime"
)

// Event is one message of a session, as it was written down.
type Event struct {
	Time   time.Time
	Client bool   // the client sent it
	Type   string // GA name; "" for what has none
	// Raw is the message, nil for audio in either direction, whose length is AudioBytes.
	Raw        []byte
	AudioBytes int
}

// Get is a field of the event, by its gjson path.
func (e Event) Get(path string) gjson.Result { return gjson.GetBytes(e.Raw, path) }

// Closing is how a session ended: the close code and reason that the client sent, or 1006 if none came.
type Closing struct {
	Code   int
	Reason string
}

// Answer is one audio item that the server spoke.
type Answer struct {
	ResponseID string
	ItemID     string
	Started    time.Time // of its first delta
	// PCM is all of it, at RateHz, before encoding; Sent is how many samples of it went out.
	PCM    []int16
	RateHz int
	Sent   int
	// Status is the item's: in_progress, completed or incomplete.
	Status string
	// TruncatedMS is the audio_end_ms of the client's truncation, -1 without one.
	TruncatedMS int64
}

// note writes an event down and tells those who wait.
func (s *Session) note(e Event) {
	s.mu.Lock()
	counts := s.sentCount
	if e.Client {
		counts = s.receivedCount
	}
	counts[e.Type]++
	if !s.srv.cfg.NoRecord {
		s.events = append(s.events, e)
	}
	s.mu.Unlock()
	if s.srv.cfg.OnEvent != nil {
		s.eventMu.Lock()
		s.srv.cfg.OnEvent(s, e)
		s.eventMu.Unlock()
	}
	s.srv.notify()
}

// Events is a copy of all events so far, of both sides, in the order in which they were received or written.
func (s *Session) Events() []Event {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]Event(nil), s.events...)
}

// Received is the client's events so far, of this type or, if it is "", of all.
func (s *Session) Received(typ string) []Event { return s.filter(true, typ) }

// Sent is the server's events so far, of this GA name or, if it is "", of all.
func (s *Session) Sent(typ string) []Event { return s.filter(false, typ) }

func (s *Session) filter(client bool, typ string) (events []Event) {
	for _, e := range s.Events() {
		if e.Client == client && (typ == "" || typ == e.Type) {
			events = append(events, e)
		}
	}
	return events
}

// Count is how many events of a type came from the client and went to it. It works with NoRecord too.
func (s *Session) Count(typ string) (received, sent int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.receivedCount[typ], s.sentCount[typ]
}

func (s *Session) notePing() {
	s.mu.Lock()
	s.pings++
	s.mu.Unlock()
	s.srv.notify()
}

// Pings is how many pings came from the client.
func (s *Session) Pings() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.pings
}

// WaitReceived waits for the n-th event of a type, from 1, of the client's.
func (s *Session) WaitReceived(ctx context.Context, typ string, n int) (Event, error) {
	return s.waitEvent(ctx, true, typ, n)
}

// WaitSent waits for the n-th event with this GA name, from 1, of the server's.
func (s *Session) WaitSent(ctx context.Context, typ string, n int) (Event, error) {
	return s.waitEvent(ctx, false, typ, n)
}

func (s *Session) waitEvent(ctx context.Context, client bool, typ string, n int) (Event, error) {
	err := s.srv.Wait(ctx, func() bool {
		received, sent := s.Count(typ)
		return client && received >= n || !client && sent >= n
	})
	if err != nil {
		return Event{}, fmt.Errorf("event %s number %d of %s: %w", typ, n, s.ID, err)
	}
	if events := s.filter(client, typ); len(events) >= n {
		return events[n-1], nil
	}
	return Event{Type: typ, Client: client}, nil // NoRecord
}

// WaitEnd waits until the connection has ended.
func (s *Session) WaitEnd(ctx context.Context) (Closing, error) {
	var end Closing
	err := s.srv.Wait(ctx, func() bool {
		c, ended := s.Ended()
		end = c
		return ended
	})
	if err != nil {
		return Closing{}, fmt.Errorf("end of %s: %w", s.ID, err)
	}
	return end, nil
}

// Ended is how the connection ended, and whether it has.
func (s *Session) Ended() (Closing, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closing == nil {
		return Closing{}, false
	}
	return *s.closing, true
}

func (s *Session) noteEnd(err error) {
	end := Closing{Code: 1006}
	if code := websocket.CloseStatus(err); code >= 0 {
		end.Code = int(code)
		end.Reason = closeReason(err)
	} else {
		// The client's closing frame may have gone to our own closing handshake instead of the reader.
		s.closeMu.Lock()
		if s.closed != nil {
			end = *s.closed
		}
		s.closeMu.Unlock()
	}
	s.mu.Lock()
	s.closing = &end
	s.mu.Unlock()
	s.srv.notify()
}

// WaitAudio waits until the client has appended so many bytes of audio.
func (s *Session) WaitAudio(ctx context.Context, n int) error {
	if err := s.srv.Wait(ctx, func() bool { return s.AudioBytes() >= n }); err != nil {
		return fmt.Errorf("%d of %d bytes of audio: %w", s.AudioBytes(), n, err)
	}
	return nil
}

// AudioBytes is how many bytes of audio the client has appended. It works with NoRecord too.
func (s *Session) AudioBytes() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.audioBytes
}

// Audio is a copy of all audio that the client appended, as it was sent but for the base64.
func (s *Session) Audio() []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]byte(nil), s.audio...)
}

// CallerPCM is all audio that the client appended, in the session's present format, channels interleaved.
func (s *Session) CallerPCM() (pcm []int16, rateHz, channels int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch s.inFormat {
	case realtime.G711ULaw:
		return audio.DecodeULaw(nil, s.audio), s.inRate, 1
	case realtime.G711ALaw:
		return audio.DecodeALaw(nil, s.audio), s.inRate, 1
	}
	return audio.DecodePCM16LE(nil, s.audio), s.inRate, s.channels
}

// Answers is a copy of the audio items spoken so far, in order. PCM is shared.
func (s *Session) Answers() []Answer {
	s.mu.Lock()
	defer s.mu.Unlock()
	answers := make([]Answer, 0, len(s.answers))
	for _, a := range s.answers {
		answers = append(answers, *a)
	}
	return answers
}
