package server_test

import (
	"context"
	"crypto/tls"
	"encoding/base64"
	"net/http"
	"os"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/tidwall/gjson"

	"mod_openai_audio_stream/test/bench/machine"
	"mod_openai_audio_stream/test/bench/server"
)

func TestMain(m *testing.M) {
	server.ServeIfAsked()
	os.Exit(m.Run())
}

// A client sends audio, which is noted, and gets an answer.
func TestServer(t *testing.T) {
	for name, cfg := range map[string]server.Config{"ws": {Answer: true}, "wss": {Answer: true, TLS: true}} {
		t.Run(name, func(t *testing.T) {
			srv, err := server.Start(cfg)
			if err != nil {
				t.Fatal(err)
			}
			defer func() {
				if err := srv.Close(); err != nil {
					t.Error(err)
				}
			}()
			clock, err := machine.NewClock()
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithTimeout(t.Context(), 100*time.Second)
			defer cancel()
			client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}
			conn, _, err := websocket.Dial(ctx, srv.URL+"one", &websocket.DialOptions{HTTPClient: client})
			if err != nil {
				t.Fatal(err)
			}
			defer conn.CloseNow() //nolint:errcheck // the test is over
			conn.SetReadLimit(1 << 20)
			before := clock.NS(time.Now())
			audio := base64.StdEncoding.EncodeToString(make([]byte, 960))
			if err := conn.Write(ctx, websocket.MessageText, []byte(`{"type":"input_audio_buffer.append","audio":"`+audio+`"}`)); err != nil {
				t.Fatal(err)
			}
			for _, want := range []string{"session.created", "response.created", "response.output_item.added", "conversation.item.added",
				"response.content_part.added", "response.output_audio.delta"} {
				_, msg, err := conn.Read(ctx)
				if err != nil {
					t.Fatal(err)
				}
				if got := gjson.GetBytes(msg, "type").Str; !gjson.ValidBytes(msg) || got != want {
					t.Fatalf("%s, want a %s", msg, want)
				}
			}
			var j *server.Journal
			for noted := false; !noted; {
				calls, err := srv.Take()
				if err != nil {
					t.Fatal(err)
				}
				j, noted = calls["one"], calls["one"] != nil && len(calls["one"].Audio) > 0
				if ctx.Err() != nil {
					t.Fatal("the message was not noted")
				}
			}
			if a := j.Audio[0]; a.Bytes != 960 || a.At < before-int64(time.Second) || a.At > clock.NS(time.Now())+int64(time.Second) {
				t.Errorf("%+v noted, want 960 bytes about %d", a, before)
			}
		})
	}
}
