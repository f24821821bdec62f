package transport_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/coder/websocket"

	"mod_openai_audio_stream/module/transport"
)

const beat = 20 * time.Millisecond

func TestAPeerThatStopsAnsweringIsDead(t *testing.T) {
	t.Parallel()
	o := to(t, mute(t))
	o.HeartBeat = beat
	c := dial(t, o)
	closed := ending(t, c)
	if closed.Code != 1006 || !errors.Is(closed, transport.ErrHeartBeat) {
		t.Errorf("got %+v", closed)
	}
}

func TestAPeerThatTakesNothingAndSaysNothingIsDead(t *testing.T) {
	t.Parallel()
	o := to(t, mute(t))
	o.HeartBeat = beat
	c := dial(t, o)
	if err := c.Send(make([]byte, 32<<20)); err != nil { // the ping waits behind it
		t.Fatal(err)
	}
	if closed := ending(t, c); closed.Code != 1006 {
		t.Errorf("got %+v", closed)
	}
}

func TestAnIdlePeerThatAnswersPingsLives(t *testing.T) {
	t.Parallel()
	pings := make(chan struct{}, 100)
	o := to(t, serving(t, acceptor(func(ctx context.Context, ws *websocket.Conn) {
		_, _, _ = ws.Read(ctx) // answers pings
	}, &websocket.AcceptOptions{OnPingReceived: func(context.Context, []byte) bool {
		pings <- struct{}{}
		return true
	}})))
	o.HeartBeat = 2 * time.Second // room for a machine that stalls
	c := dial(t, o)
	ended := make(chan *transport.CloseError, 1)
	go func() { ended <- ending(t, c) }()
	for range 2 {
		select {
		case <-pings:
		case closed := <-ended:
			t.Fatalf("ended: %v", closed)
		}
	}
	c.Close(1000, "")
	if closed := <-ended; closed.Code != 1000 {
		t.Errorf("got %v", closed)
	}
}

func TestAPeerThatTalksLivesWithoutPongs(t *testing.T) {
	t.Parallel()
	const slow = 100 * time.Millisecond // room for a machine that stalls
	o := to(t, serving(t, acceptor(func(ctx context.Context, ws *websocket.Conn) {
		ctx = ws.CloseRead(ctx)
		tick := time.NewTicker(time.Millisecond)
		defer tick.Stop()
		for range 5 * slow / time.Millisecond { // long after silence would have ended the connection
			<-tick.C
			if ws.Write(ctx, websocket.MessageText, []byte("talk")) != nil {
				return
			}
		}
		_ = ws.Close(1000, "")
	}, &websocket.AcceptOptions{OnPingReceived: func(context.Context, []byte) bool { return false }})))
	o.HeartBeat = slow
	c := dial(t, o)
	if closed := ending(t, c); closed.Code != 1000 {
		t.Errorf("got %v", closed)
	}
}

func TestSilenceThatNobodyListenedToIsNotThePeers(t *testing.T) {
	t.Parallel()
	pings := make(chan struct{}, 100)
	o := to(t, serving(t, acceptor(func(ctx context.Context, ws *websocket.Conn) {
		_ = ws.Write(ctx, websocket.MessageText, []byte("first"))
		_, _, _ = ws.Read(ctx)
	}, &websocket.AcceptOptions{OnPingReceived: func(context.Context, []byte) bool {
		pings <- struct{}{}
		return true
	}})))
	o.HeartBeat = beat
	c := dial(t, o)
	read(t, c)
	for range 5 { // nobody reads: the pongs can't be seen, and that is not the server's fault
		<-pings
	}
	select {
	case <-c.Done():
		t.Errorf("ended: %v", ending(t, c))
	default:
	}
}
