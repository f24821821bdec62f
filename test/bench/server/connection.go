package server

import (
	"bufio"
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha1"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"sync"
	"time"

	"mod_openai_audio_stream/test/bench/machine"
)

// listen serves sessions until the process ends and returns their URL.
func listen(b *book, certificate *tls.Certificate, answer bool) (string, error) {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	clock, err := machine.NewClock()
	if err != nil {
		return "", err
	}
	scheme := "ws"
	if certificate != nil {
		scheme = "wss"
	}
	url := fmt.Sprintf("%s://%s/v1/realtime?model=bench&call=", scheme, l.Addr())
	if certificate != nil {
		l = tls.NewListener(l, &tls.Config{Certificates: []tls.Certificate{*certificate}})
	}
	go func() { // ends with the process
		for {
			nc, err := l.Accept()
			if err != nil {
				return
			}
			c := &connection{Conn: nc, in: bufio.NewReaderSize(nc, 16<<10), clock: clock, ended: make(chan struct{})}
			go c.serve(b, answer) // ends with the connection
		}
	}()
	return url, nil
}

func selfSigned() (*tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(24 * time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	return &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, err
}

// connection is a session's, after RFC 6455 as far as clients that talk to a Realtime server go.
type connection struct {
	net.Conn
	in    *bufio.Reader
	clock machine.Clock
	ended chan struct{}
	page  *page

	mu  sync.Mutex // Protects following, and writes.
	out []byte
}

const (
	opText  = 1
	opClose = 8
	opPing  = 9
	opPong  = 10
)

func (c *connection) serve(b *book, answer bool) {
	defer c.Close() //nolint:errcheck // it has ended
	defer close(c.ended)
	r, err := http.ReadRequest(c.in)
	if err != nil {
		return
	}
	c.page = b.page(r.URL.Query().Get("call"))
	sum := sha1.Sum([]byte(r.Header.Get("Sec-Websocket-Key") + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	_, err = fmt.Fprintf(c, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"+
		"Sec-WebSocket-Accept: %s\r\n\r\n", base64.StdEncoding.EncodeToString(sum[:]))
	if err != nil || c.write(opText, created) != nil {
		return
	}
	if answer {
		go c.answer() // ends with the connection
	}
	for c.read() == nil {
	}
}

// write writes a message of these parts.
func (c *connection) write(op byte, parts ...[]byte) error {
	n := 0
	for _, part := range parts {
		n += len(part)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.out = append(c.out[:0], 0x80|op)
	switch {
	case n < 126:
		c.out = append(c.out, byte(n))
	case n < 1<<16:
		c.out = binary.BigEndian.AppendUint16(append(c.out, 126), uint16(n))
	default:
		c.out = binary.BigEndian.AppendUint64(append(c.out, 127), uint64(n))
	}
	for _, part := range parts {
		c.out = append(c.out, part...)
	}
	_, err := c.Conn.Write(c.out)
	return err
}

var (
	isAudio    = []byte(`"type":"input_audio_buffer.append"`)
	audioField = []byte(`"audio":"`)
	isUpdate   = []byte(`"type":"session.update"`)
)

// read reads a message, of which it looks at the beginning alone.
func (c *connection) read() error {
	var head [14]byte
	if _, err := io.ReadFull(c.in, head[:2]); err != nil {
		return err
	}
	op, n, extra := head[0]&15, int(head[1]&127), 0
	switch n {
	case 126:
		extra = 2
	case 127:
		extra = 8
	}
	if _, err := io.ReadFull(c.in, head[2:2+extra+4]); err != nil {
		return err
	}
	switch extra {
	case 2:
		n = int(binary.BigEndian.Uint16(head[2:]))
	case 8:
		n = int(binary.BigEndian.Uint64(head[2:]))
	}
	mask := head[2+extra : 2+extra+4]
	var text [128]byte
	begin := text[:min(n, len(text))]
	if _, err := io.ReadFull(c.in, begin); err != nil {
		return err
	}
	for i := range begin {
		begin[i] ^= mask[i%4]
	}
	if _, err := c.in.Discard(n - len(begin)); err != nil {
		return err
	}
	switch op {
	case opText:
		return c.text(begin, n)
	case opPing:
		return c.write(opPong, begin)
	case opClose:
		_ = c.write(opClose, begin[:min(2, len(begin))])
		return io.EOF
	}
	return nil
}

// text notes a message of n bytes.
func (c *connection) text(begin []byte, n int) error {
	if at := bytes.Index(begin, audioField); at >= 0 && bytes.Contains(begin, isAudio) {
		now := c.clock.NS(time.Now())
		bytes := (n - at - len(audioField) - len(`"}`)) / 4 * 3 // to a sample or two
		c.page.mu.Lock()
		c.page.j.Audio = append(c.page.j.Audio, Audio{now, bytes})
		c.page.mu.Unlock()
	} else if bytes.Contains(begin, isUpdate) {
		return c.write(opText, updated)
	}
	return nil
}
