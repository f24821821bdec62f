package transport_test

import (
	"bufio"
	"context"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
	"golang.org/x/sys/unix"

	"mod_openai_audio_stream/module/transport"
)

// The peer of the benchmarks is a process of its own, so that what is measured is one side.

// peerVariable in the environment makes the test binary that peer; its value is the file for the certificate.
const peerVariable = "TRANSPORT_TEST_PEER"

// benchMessage is 20 ms of a caller's PCM16 at 24 kHz as an event; benchDelta is 200 ms of an answer's.
const (
	benchMessage = 1320
	benchDelta   = 13 << 10
)

// servePeer is the peer. It serves until its standard input ends.
func servePeer(certificate string) error {
	plain := httptest.NewServer(acceptor(peerTalk, nil))
	secured := httptest.NewUnstartedServer(acceptor(peerTalk, nil))
	secured.StartTLS()
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: secured.Certificate().Raw})
	if err := os.WriteFile(certificate, text, 0o600); err != nil {
		return err
	}
	fmt.Println(plain.URL, secured.URL)
	_, err := io.Copy(io.Discard, os.Stdin)
	return err
}

// peerTalk reads what comes. A message "n every d" is answered with n deltas, one every d.
func peerTalk(_ context.Context, ws *websocket.Conn) {
	ctx := context.Background()
	delta := make([]byte, benchDelta)
	for {
		_, r, err := ws.Reader(ctx)
		if err != nil {
			return
		}
		head := make([]byte, 32)
		n, _ := io.ReadFull(r, head)
		if _, err := io.Copy(io.Discard, r); err != nil {
			return
		}
		count, every, ok := strings.Cut(string(head[:n]), " every ")
		if !ok {
			continue
		}
		pause, _ := time.ParseDuration(every)
		for range must(strconv.Atoi(count)) {
			if ws.Write(ctx, websocket.MessageText, delta) != nil {
				return
			}
			time.Sleep(pause)
		}
	}
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// peer starts the other process and says how it is dialled.
func peer(b *testing.B) (plain, secured *transport.Options) {
	b.Helper()
	certificate := filepath.Join(b.TempDir(), "peer.pem")
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), peerVariable+"="+certificate)
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		b.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		stdin.Close()
		_ = cmd.Wait()
	})
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		b.Fatal(err)
	}
	options := func(address string) *transport.Options {
		u, err := url.Parse(strings.Replace(address, "http", "ws", 1) + "/v1/realtime")
		if err != nil {
			b.Fatal(err)
		}
		return &transport.Options{URL: u, Proxy: "none", TLS: transport.TLSOptions{CAFile: certificate}}
	}
	first, second, _ := strings.Cut(strings.TrimSpace(line), " ")
	return options(first), options(second)
}

// eachPeer runs a benchmark without and with TLS.
func eachPeer(b *testing.B, f func(b *testing.B, o *transport.Options)) {
	plain, secured := peer(b)
	b.Run("plain", func(b *testing.B) { f(b, plain) })
	b.Run("tls", func(b *testing.B) { f(b, secured) })
}

// connect dials n connections that are read from.
func connect(b *testing.B, o *transport.Options, n int) []*transport.Conn {
	b.Helper()
	conns := make([]*transport.Conn, n)
	for i := range conns {
		c, err := transport.Dial(context.Background(), o)
		if err != nil {
			b.Fatal(err)
		}
		conns[i] = c
	}
	b.Cleanup(func() {
		for _, c := range conns {
			c.Close(1000, "")
		}
		for _, c := range conns {
			<-c.Done()
		}
	})
	return conns
}

// processor is what the process has used.
func processor() (user, system time.Duration) {
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		panic(err)
	}
	return time.Duration(u.Utime.Nano()), time.Duration(u.Stime.Nano())
}

// metered reports the processor's time for each turn of f.
func metered(b *testing.B, f func()) {
	b.ReportAllocs()
	user, system := processor()
	f()
	b.StopTimer()
	u, s := processor()
	b.ReportMetric(float64((u-user).Nanoseconds())/float64(b.N), "user-ns/op")
	b.ReportMetric(float64((s-system).Nanoseconds())/float64(b.N), "sys-ns/op")
}

// BenchmarkSend is one message after the other on one connection. The peer is waited for after some, so that the socket
// takes them all.
func BenchmarkSend(b *testing.B) {
	eachPeer(b, func(b *testing.B, o *transport.Options) {
		const batch = 50
		c := connect(b, o, 1)[0]
		msg := make([]byte, benchMessage)
		metered(b, func() {
			for i := 1; b.Loop(); i++ {
				if err := c.Send(msg); err != nil {
					b.Fatal(err)
				}
				if i%batch != 0 {
					continue
				}
				if err := c.Send([]byte("1 every 0s")); err != nil {
					b.Fatal(err)
				}
				answer, err := c.Read(context.Background())
				if err != nil {
					b.Fatal(err)
				}
				transport.Recycle(answer)
			}
		})
	})
}

// BenchmarkCalls is 100 calls, each with a message every 20 ms, all sent by one goroutine. The processor's time is what
// it is about, ns/op is the pace.
func BenchmarkCalls(b *testing.B) {
	eachPeer(b, func(b *testing.B, o *transport.Options) {
		const calls = 100
		conns := connect(b, o, calls)
		for _, c := range conns {
			go func() {
				for {
					if _, err := c.Read(context.Background()); err != nil {
						return
					}
				}
			}()
		}
		msg := make([]byte, benchMessage)
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		metered(b, func() {
			for i := 0; b.Loop(); i++ {
				if i%calls == 0 {
					<-tick.C
				}
				if err := conns[i%calls].Send(msg); err != nil {
					b.Fatal(err)
				}
			}
		})
	})
}

// BenchmarkRead is messages of an answer, that stand in line or come one every 2 ms.
func BenchmarkRead(b *testing.B) {
	for name, every := range map[string]string{"in line": "0s", "one by one": "2ms"} {
		b.Run(name, func(b *testing.B) {
			eachPeer(b, func(b *testing.B, o *transport.Options) {
				const batch = 100
				c := connect(b, o, 1)[0]
				ctx, cancel := context.WithCancel(context.Background())
				defer cancel()
				b.SetBytes(benchDelta)
				metered(b, func() {
					for i := 0; b.Loop(); i++ {
						if i%batch == 0 {
							if err := c.Send(fmt.Appendf(nil, "%d every %s", batch, every)); err != nil {
								b.Fatal(err)
							}
						}
						msg, err := c.Read(ctx)
						if err != nil {
							b.Fatal(err)
						}
						transport.Recycle(msg)
					}
				})
			})
		})
	}
}

// BenchmarkDial is a connection that is made and closed again.
func BenchmarkDial(b *testing.B) {
	eachPeer(b, func(b *testing.B, o *transport.Options) {
		metered(b, func() {
			for b.Loop() {
				c, err := transport.Dial(context.Background(), o)
				if err != nil {
					b.Fatal(err)
				}
				if err := c.Send([]byte("1 every 0s")); err != nil {
					b.Fatal(err)
				}
				if _, err := c.Read(context.Background()); err != nil {
					b.Fatal(err)
				}
				c.Close(1000, "")
				<-c.Done()
			}
		})
	})
}

// BenchmarkIdle is what a connection costs at rest: one that is read from, and that has carried some messages.
func BenchmarkIdle(b *testing.B) {
	eachPeer(b, func(b *testing.B, o *transport.Options) {
		const n = 500
		for b.Loop() {
			o.HeartBeat = time.Minute
			heap, stacks, goroutines := atRest()
			conns := connect(b, o, n)
			arrived := make(chan error, n)
			for _, c := range conns {
				go func() {
					err := c.Send([]byte("5 every 0s"))
					for range 5 {
						var msg []byte
						if msg, err = c.Read(context.Background()); err != nil {
							break
						}
						transport.Recycle(msg)
					}
					arrived <- err
					for err == nil {
						_, err = c.Read(context.Background())
					}
				}()
			}
			for range n {
				if err := <-arrived; err != nil {
					b.Fatal(errors.Unwrap(err))
				}
			}
			h, s, g := atRest()
			b.ReportMetric(float64(h-heap)/n, "heap-B/conn")
			b.ReportMetric(float64(s-stacks)/n, "stack-B/conn")
			b.ReportMetric(float64(g-goroutines)/n, "goroutines/conn")
		}
	})
}

// atRest is the memory in use after the garbage is gone: of the heap, of stacks, and how many goroutines there are.
func atRest() (heap, stacks int64, goroutines int) {
	for range 3 { // what is in a pool lives for two collections
		runtime.GC()
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc), int64(m.StackInuse), runtime.NumGoroutine()
}
