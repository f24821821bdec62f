package stream

import (
	"testing"
	"testing/synctest"
	"time"
)

const three = `<param name="prewarm" value="3"/>`

// A stock is filled one connection after the other, and each that is claimed is replaced.
func TestAStockIsKeptFull(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x := newWarmth(t, "", "")
		defer x.Close(time.Second)
		x.hold = make(chan struct{})
		x.reload("", three)
		time.Sleep(openWait / 2)
		for n := range 3 {
			x.wants(n, n, n+1)
			x.hold <- struct{}{}
		}
		x.wants(3, 3, 3)
		time.Sleep(time.Minute)
		x.wants(3, 3, 3)
		x.want("+OK", "call start profile:p")
		x.wants(2, 3, 4)
		x.hold <- struct{}{}
		x.wants(3, 4, 4)
		x.want("+OK", "call stop")
		x.wants(3, 3, 4)
	})
}

// Connections of a stock do not get old, and do not all end at once.
func TestAStockStaysFresh(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x := newWarmth(t, "", three)
		defer x.Close(time.Second)
		time.Sleep(stockKeep * 4 / 5)
		x.wants(3, 3, 3)
		time.Sleep(stockKeep/5 + time.Second)
		x.wants(3, 3, 6)
		if x.begun[3].Equal(x.begun[4]) || x.begun[4].Equal(x.begun[5]) {
			t.Error("all were replaced at the same time")
		}
		if x.says("no call has come for it") != 3 {
			t.Errorf("logged %q", x.logged)
		}
	})
}

// A server that takes no connections, or does not keep them, is asked less and less often, and the log says so once.
func TestAStockIsNoStorm(t *testing.T) {
	for name, test := range map[string]struct {
		refuse func(int) error
		first  string
		loud   int // lines
	}{
		"refused":           {func(int) error { return refusal(401) }, "", 1},
		"refused afterward": {nil, errorEvent("invalid_api_key", ""), 1},
		"a bug":             {func(int) error { panic("a bug") }, "", 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				x := newWarmth(t, "", "")
				defer x.Close(time.Second)
				x.refuse, x.first = test.refuse, test.first
				x.reload("", `<param name="prewarm" value="100"/>`)
				time.Sleep(10 * time.Minute)
				if n := x.attempts(); n < 10 || n > 30 {
					t.Errorf("%d attempts in ten minutes", n)
				}
				for i, at := range x.begun[1:] {
					if wait := at.Sub(x.begun[i]); wait < stockBackoffStart/2 || wait > stockBackoffCap {
						t.Errorf("attempt %d came after %v", i+1, wait)
					}
				}
				if x.says("4 a connection") != test.loud || x.says("7 a connection")+x.says("3 a connection") != x.attempts()-test.loud {
					t.Errorf("%d warnings for %d attempts: %q", x.says("4 a connection"), x.attempts(), x.logged)
				}
				before := x.attempts()
				x.refuse, x.first = nil, created
				x.reload("", three) // it does not wait for the next attempt to be due
				if x.wants(3, 3, before+3); x.pool.stocks["p"].failing {
					t.Error("it still counts as failing")
				}
			})
		})
	}
}

// A connection that dies is replaced, after a while.
func TestAStockReplacesTheDead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x := newWarmth(t, "", three)
		defer x.Close(time.Second)
		time.Sleep(time.Minute)
		x.conn(1).closed(1006, "")
		x.wants(2, 2, 3)
		time.Sleep(stockBackoffStart)
		x.wants(3, 3, 4)
		for _, conn := range x.conns {
			conn.closed(1006, "")
		}
		time.Sleep(time.Minute)
		x.wants(3, 3, 7)
		for n := 7; n < 20; n++ { // those that lived well do not make it slow
			time.Sleep(steadyLife)
			x.conn(n-1).closed(1001, "idle")
			time.Sleep(stockBackoffStart)
			x.wants(3, 3, n+1)
		}
	})
}

// reloadxml changes what is kept, and leaves alone what it does not change.
func TestAStockAndReloadxml(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x := newWarmth(t, "", three)
		defer x.Close(time.Second)
		x.want("+OK", "prewarm p 600")
		x.wants(4, 4, 4)
		x.reload("", three+`<param name="voice" value="ash"/>`)
		x.wants(4, 4, 4)
		if x.Configure([]byte("<broken")) == nil {
			t.Error("a broken file is taken")
		}
		x.wants(4, 4, 4)
		x.reload("", `<param name="prewarm" value="1"/>`)
		x.wants(2, 2, 4)
		x.reload("", three)
		x.wants(4, 4, 6)
		x.reload("", three+`<param name="heart-beat" value="10"/>`)
		x.wants(4, 4, 9)
		x.reload("", "")
		x.wants(1, 1, 9) // the command's
		time.Sleep(10 * time.Minute)
		x.wants(0, 0, 9)
	})
}

// While the module drains nothing is kept, and afterwards what the file says.
func TestAStockAndDrain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x := newWarmth(t, "", three)
		defer x.Close(time.Second)
		x.want("+OK draining, 0 streams left", "drain")
		x.wants(0, 0, 3)
		x.reload("", `<param name="prewarm" value="2"/>`)
		time.Sleep(time.Hour)
		x.wants(0, 0, 3)
		x.want("+OK", "drain off")
		x.wants(2, 2, 5)
	})
}

// A stock takes the places that the calls leave.
func TestAStockAndMaxSessions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x := newWarmth(t, `<param name="max-sessions" value="2"/>`, three)
		defer x.Close(time.Second)
		x.wants(2, 2, 2)
		x.want("+OK", "a start ws://other/")
		x.wants(1, 2, 3)
		x.want("+OK", "b start ws://other/")
		x.wants(0, 2, 4)
		x.want("+OK", "a stop")
		time.Sleep(stockFull)
		x.wants(1, 2, 5)
	})
}

// A profile that can't be read is no connection, and is tried again.
func TestAStockWhoseFilesAreMissing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x := newWarmth(t, "", "")
		defer x.Close(time.Second)
		err := x.Configure([]byte(`<configuration name="openai_audio_stream.conf"><profiles><profile name="q">` + three +
			`<param name="url" value="ws://h/"/><param name="api-key" value="file:/not/there"/></profile></profiles></configuration>`))
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Hour)
		x.wants(0, 0, 0)
		if x.says(`no connection can wait for calls: profile "q": param "api-key"`) != 1 {
			t.Errorf("logged %q", x.logged)
		}
	})
}
