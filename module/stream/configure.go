package stream

import (
	"errors"
	"fmt"

	"mod_openai_audio_stream/module/realtime"
	"mod_openai_audio_stream/module/transport"
)

// updateEventID marks the session.update that the module itself sends, so that its refusal is recognised.
const updateEventID = "oas_session_update"

// logMost is how many characters of a server message the log shows.
const logMost = 2000

// logCrit is FreeSWITCH's number for its most urgent level but alert.
const logCrit = 2

var (
	errNotConnected     = errors.New("the stream is not connected yet: wait for the connect event")
	errTooManyResponses = fmt.Errorf("%d response.create events wait already: wait for response.done", createMost)
)

// transportOptions is how the server is dialled.
func (c *Config) transportOptions() *transport.Options {
	set := &c.Settings
	return &transport.Options{
		URL:            c.Start.URL,
		Header:         set.Header(c.Provider.KeyHeader),
		Subprotocols:   c.Provider.Subprotocols,
		TLS:            set.TLS,
		Proxy:          set.Proxy,
		DisableDeflate: set.DisableDeflate,
		ConnectTimeout: set.ConnectTimeout,
		HeartBeat:      set.HeartBeat,
	}
}

// configure sends the session.update that the settings ask for, if they ask for any. Caller audio waits for the answer.
func (s *Stream) configure() {
	set := &s.cfg.Settings
	o := realtime.SessionOptions{
		Base:          set.Session,
		Instructions:  set.Instructions,
		Voice:         set.Voice,
		TurnDetection: set.TurnDetection,
		KeepAnswer:    set.BargeIn.Off || set.BargeIn.Min > 0,
		InputFormat:   s.inFormat,
		OutputFormat:  s.outFormat,
		InputRateHz:   s.capture.rateHz,
		OutputRateHz:  s.player.sourceHz,
		EventID:       updateEventID,
	}
	if o.Empty() {
		s.greet()
		return
	}
	msg, err := realtime.AppendSessionUpdate(nil, s.provider, o)
	if err != nil {
		s.giveUp(errorMessage{Error: "STREAM_SESSION: " + s.mask(err.Error())})
		return
	}
	s.update, s.updating = msg, true
	(*sessionActions)(s).send(msg)
}

// greet has the model speak first, once per call.
func (s *Stream) greet() {
	greeting := s.cfg.Settings.Greeting
	if greeting == "" || s.greeted {
		return
	}
	s.greeted = true
	msg := realtime.ResponseCreate()
	if greeting != "auto" {
		msg = realtime.ResponseSay(greeting)
	}
	s.talk.client(msg)
}

func rateText(hz int) string { return fmt.Sprintf("%d Hz", hz) }
