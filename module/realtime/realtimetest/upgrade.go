package realtimetest

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/coder/websocket"
)

// upgrade answers one request: it is the goroutine of the session, if it becomes one.
func (srv *Server) upgrade(w http.ResponseWriter, r *http.Request) {
	srv.mu.Lock()
	if srv.ended {
		srv.mu.Unlock()
		return
	}
	srv.handlers.Add(1)
	defer srv.handlers.Done()
	attempt := len(srv.attempts)
	srv.attempts = append(srv.attempts, Attempt{Time: time.Now(), URL: r.URL, Header: r.Header.Clone()})
	srv.mu.Unlock()
	srv.notify()

	bad := &Misbehaviour{}
	if srv.cfg.Misbehave != nil {
		if m := srv.cfg.Misbehave(attempt); m != nil {
			bad = m
		}
	}
	if bad.Hold != nil {
		select {
		case <-bad.Hold:
		case <-srv.ctx.Done():
			return
		case <-r.Context().Done(): // the client has gone
			return
		}
	}
	if bad.Status != 0 {
		if bad.RetryAfter != "" {
			w.Header().Set("Retry-After", bad.RetryAfter)
		}
		srv.answered(attempt, bad.Status)
		http.Error(w, `{"error":{"message":"refused by the test server"}}`, bad.Status)
		return
	}
	var s *Session // pings come when it runs
	options := &websocket.AcceptOptions{
		Subprotocols:       []string{"realtime"},
		InsecureSkipVerify: true, // origins are a browser's matter
		OnPingReceived: func(context.Context, []byte) bool {
			s.notePing()
			return !bad.IgnorePings
		},
	}
	if srv.cfg.Deflate {
		options.CompressionMode = websocket.CompressionContextTakeover
	}
	conn, err := websocket.Accept(w, r, options)
	if err != nil {
		srv.answered(attempt, http.StatusBadRequest)
		return
	}
	defer conn.CloseNow() //nolint:errcheck // it has ended
	conn.SetReadLimit(32 << 20)
	s = newSession(srv, conn, r, bad)
	srv.mu.Lock()
	srv.attempts[attempt].Status = http.StatusSwitchingProtocols
	s.Number = len(srv.sessions)
	s.ID = fmt.Sprintf("sess_%d", s.Number)
	srv.sessions = append(srv.sessions, s)
	srv.mu.Unlock()
	srv.notify()
	if srv.cfg.OnOpen != nil {
		srv.cfg.OnOpen(s)
	}
	s.run(srv.ctx)
	if srv.cfg.OnEnd != nil {
		srv.cfg.OnEnd(s)
	}
}

func (srv *Server) answered(attempt, status int) {
	srv.mu.Lock()
	srv.attempts[attempt].Status = status
	srv.mu.Unlock()
	srv.notify()
}

// verdict is why a client is refused after the upgrade; nil if it is not.
func (s *Session) verdict() *Rejection {
	cfg := &s.srv.cfg
	if s.bad.Reject != nil {
		return s.bad.Reject
	}
	key := strings.TrimPrefix(s.Header.Get("Authorization"), "Bearer ")
	if key == "" {
		key = s.Header.Get("Api-Key")
	}
	switch {
	case s.Header.Get("OpenAI-Beta") != "" && !cfg.Beta:
		return &Rejection{Code: "beta_api_shape_disabled", Close: 4000,
			Message: "The Realtime Beta API is no longer supported. Please use /v1/realtime for the GA API."}
	case cfg.Key != "" && key == "":
		return &Rejection{Close: 3000, Message: "Missing bearer or basic authentication in header"}
	case cfg.Key != "" && key != cfg.Key:
		// OpenAI quotes the ends of the key.
		shown := key
		if len(key) > 12 {
			shown = key[:8] + strings.Repeat("*", len(key)-12) + key[len(key)-4:]
		}
		return &Rejection{Code: "invalid_api_key", Close: 3000, Message: "Incorrect API key provided: " + shown + "."}
	case cfg.Strict && s.URL.Query().Get("model") == "" && s.URL.Query().Get("intent") == "":
		return &Rejection{Code: "missing_model", Close: 4000, Message: "You must provide a model parameter."}
	}
	return nil
}

// reject says why and closes.
func (s *Session) reject(r *Rejection) {
	reason := "invalid_request_error"
	var code any
	if r.Code != "" {
		reason += "." + r.Code
		code = r.Code
	}
	s.emit("error", fields{"error": fields{"type": "invalid_request_error", "code": code, "message": r.Message, "param": nil, "event_id": nil}})
	s.Close(r.Close, reason)
}

func closeReason(err error) string {
	var closed websocket.CloseError
	if errors.As(err, &closed) {
		return closed.Reason
	}
	return ""
}
