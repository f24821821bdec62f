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
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"time"

	"golang.org/x/sys/unix"
)

func selfSigned() (*tls.Config, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(24 * time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}, err
}

// socket is a connection whose reads wait for nothing once the session is open. The kernel notes when what is read has come.
type socket struct {
	net.Conn
	fd    int
	open  bool
	empty bool  // the last read took all there was
	came  int64 // when the last of what was read last had come, in ns of CLOCK_REALTIME
	oob   [64]byte
}

// errLater is temporary, so that TLS goes on after it.
var errLater net.Error = later{}

type later struct{}

func (later) Error() string   { return "nothing to be read yet" }
func (later) Timeout() bool   { return true }
func (later) Temporary() bool { return true }

func (s *socket) Read(b []byte) (int, error) {
	for {
		if s.open && s.empty {
			return 0, errLater
		}
		n, oob, _, _, err := unix.Recvmsg(s.fd, b, s.oob[:], 0)
		switch {
		case err == unix.EAGAIN && s.open:
			s.empty = true
		case err == unix.EAGAIN || err == unix.EINTR:
			s.wait(unix.POLLIN)
		case err != nil:
			return 0, err
		case n == 0:
			return 0, io.EOF
		default:
			s.empty = n < len(b)
			if oob >= unix.SizeofCmsghdr+16 {
				s.came = int64(binary.NativeEndian.Uint64(s.oob[unix.SizeofCmsghdr:]))*1e9 +
					int64(binary.NativeEndian.Uint64(s.oob[unix.SizeofCmsghdr+8:]))
			}
			return n, nil
		}
	}
}

// Write waits until the client takes what is written: it does, or what it measures is worth nothing.
func (s *socket) Write(b []byte) (written int, err error) {
	for written < len(b) {
		n, err := unix.Write(s.fd, b[written:])
		if err == unix.EAGAIN || err == unix.EINTR {
			s.wait(unix.POLLOUT)
		} else if err != nil {
			return written, err
		}
		written += max(n, 0)
	}
	return written, nil
}

func (s *socket) wait(events int16) {
	_, _ = unix.Poll([]unix.PollFd{{Fd: int32(s.fd), Events: events}}, 1000)
}

// connection is a session's, after RFC 6455 as far as clients that talk to a Realtime server go.
type connection struct {
	*socket
	stream io.ReadWriter // the socket, or TLS on it
	call   string
	closed bool
	in     []byte // what has been read and not looked at
	out    []byte

	talk
}

const (
	opText  = 1
	opClose = 8
	opPing  = 9
	opPong  = 10
)

// accept does the handshakes and says the session's first word.
func accept(conn *net.TCPConn, config *tls.Config) (*connection, error) {
	defer conn.Close() //nolint:errcheck // a copy of the descriptor is used
	file, err := conn.File()
	if err != nil {
		return nil, err
	}
	defer file.Close() //nolint:errcheck // likewise
	fd, err := unix.FcntlInt(file.Fd(), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	if err := errors.Join(unix.SetNonblock(fd, true), unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_TIMESTAMPNS, 1)); err != nil {
		return nil, errors.Join(err, unix.Close(fd))
	}
	s := &socket{Conn: conn, fd: fd}
	c := &connection{socket: s, stream: s}
	if config != nil {
		c.stream = tls.Server(s, config)
	}
	in := bufio.NewReader(c.stream)
	r, err := http.ReadRequest(in)
	if err != nil {
		return nil, errors.Join(err, unix.Close(fd))
	}
	c.call = r.URL.Query().Get("call")
	sum := sha1.Sum([]byte(r.Header.Get("Sec-Websocket-Key") + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	_, err = fmt.Fprintf(c.stream, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"+
		"Sec-WebSocket-Accept: %s\r\n\r\n", base64.StdEncoding.EncodeToString(sum[:]))
	if err == nil {
		err = c.write(opText, created)
	}
	if err != nil {
		return nil, errors.Join(err, unix.Close(fd))
	}
	early, _ := in.Peek(in.Buffered())
	c.in = append(c.in, early...)
	c.open = true
	return c, nil
}

// write writes a message of these parts.
func (c *connection) write(op byte, parts ...[]byte) error {
	n := 0
	for _, part := range parts {
		n += len(part)
	}
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
	_, err := c.stream.Write(c.out)
	return err
}

// read reads what has come.
func (c *connection) read(l *loop) error {
	c.empty = false
	for {
		if cap(c.in)-len(c.in) < 8<<10 {
			c.in = append(make([]byte, 0, 2*len(c.in)+32<<10), c.in...)
		}
		n, err := c.stream.Read(c.in[len(c.in):cap(c.in)])
		c.in = c.in[:len(c.in)+n]
		if err := c.messages(l); err != nil {
			return err
		}
		if err == error(errLater) {
			return nil
		} else if err != nil {
			return err
		}
	}
}

// messages looks at those that have come whole.
func (c *connection) messages(l *loop) error {
	rest := c.in
	for len(rest) >= 2 {
		n, head := int(rest[1]&127), 2
		switch {
		case n == 126 && len(rest) >= 4:
			n, head = int(binary.BigEndian.Uint16(rest[2:])), 4
		case n == 127 && len(rest) >= 10:
			n, head = int(binary.BigEndian.Uint64(rest[2:])), 10
		case n >= 126:
			n = len(rest) // not yet
		}
		if len(rest) < head+4+n {
			break
		}
		op, mask, payload := rest[0]&15, rest[head:head+4], rest[head+4:head+4+n]
		begin := payload[:min(n, 128)]
		for i := range begin {
			begin[i] ^= mask[i%4]
		}
		var err error
		switch op {
		case opText:
			err = c.text(l, begin, n)
		case opPing:
			err = c.write(opPong, begin)
		case opClose:
			_ = c.write(opClose, begin[:min(2, n)])
			err = io.EOF
		}
		if err != nil {
			return err
		}
		rest = rest[head+4+n:]
	}
	c.in = c.in[:copy(c.in, rest)]
	return nil
}

var (
	isAudio    = []byte(`"type":"input_audio_buffer.append"`)
	audioField = []byte(`"audio":"`)
	isUpdate   = []byte(`"type":"session.update"`)
)

// text notes a message of n bytes, of which it sees the beginning. Of messages that were read together the last one's time is
// taken: they came within lookEvery.
func (c *connection) text(l *loop, begin []byte, n int) error {
	if at := bytes.Index(begin, audioField); at >= 0 && bytes.Contains(begin, isAudio) {
		pcm := (n - at - len(audioField) - len(`"}`)) / 4 * 3 // to a sample or two
		j := l.journal(c.call)
		j.Audio = append(j.Audio, Audio{l.clock.FromReal(c.came), pcm})
	} else if bytes.Contains(begin, isUpdate) {
		return c.write(opText, updated)
	}
	return nil
}
