package transport

import (
	"bufio"
	"errors"
	"io"
	"net"
	"net/http"
)

// maxAnswer bounds the headers, and the part of the body that is read, of an HTTP answer.
const maxAnswer = 64 << 10

// handshake is the http.RoundTripper of one upgrade on a connection that is already there. Unlike http.Transport it has
// no goroutines and no pool: what has failed is gone when Dial returns.
type handshake struct {
	conn net.Conn
}

func (h *handshake) RoundTrip(req *http.Request) (*http.Response, error) {
	if err := req.Write(h.conn); err != nil {
		return nil, err
	}
	br := bufio.NewReaderSize(&io.LimitedReader{R: h.conn, N: maxAnswer}, 4096)
	for range 5 { // informational answers (103 Early Hints) that may come before the one that counts
		resp, err := http.ReadResponse(br, req)
		if err != nil {
			return nil, err
		}
		if resp.StatusCode == http.StatusSwitchingProtocols {
			resp.Body = &unread{Conn: h.conn, rest: buffered(br)}
			return resp, nil
		}
		if resp.StatusCode >= 200 {
			resp.Body = body{resp.Body, h.conn}
			return resp, nil
		}
	}
	return nil, errors.New("too many informational answers")
}

// body reads an answer and closes the connection.
type body struct {
	io.Reader
	io.Closer
}

// unread is a connection of which some bytes were read too early.
type unread struct {
	net.Conn
	rest []byte
}

func (u *unread) Read(p []byte) (int, error) {
	if len(u.rest) > 0 {
		n := copy(p, u.rest)
		u.rest = u.rest[n:]
		return n, nil
	}
	return u.Conn.Read(p)
}

// buffered is what br has read and nobody has taken.
func buffered(br *bufio.Reader) []byte {
	rest, _ := br.Peek(br.Buffered()) // can't fail: it is there
	return append([]byte(nil), rest...)
}
