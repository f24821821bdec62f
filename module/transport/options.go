package transport

import (
	"encoding/base64"
	"net/http"
	"net/url"
	"strings"
	"time"

	"mod_openai_audio_stream/module/secret"
)

// What the zero fields of Options stand for.
const (
	DefaultConnectTimeout = 5 * time.Second
	DefaultWriteTimeout   = 10 * time.Second
	DefaultCloseTimeout   = 3 * time.Second
	DefaultReadLimit      = 32 << 20 // the API's own largest event is 15 MiB
	DefaultSendQueue      = 4 << 20  // a minute of 24 kHz PCM as base64
)

// Options says how a server is dialled. Dial changes nothing in it.
type Options struct {
	URL *url.URL // ws or wss; required
	// Header is sent with the upgrade as it is, the authorization among it. A User-Agent is added if there is none.
	Header       http.Header
	Subprotocols []string
	TLS          TLSOptions
	// Proxy is "" for what the environment says (HTTPS_PROXY for wss, HTTP_PROXY for ws, NO_PROXY), "none", or the
	// http or https URL of a proxy, with its user and password if it wants them. CONNECT is used for ws too.
	Proxy string
	// DisableDeflate: permessage-deflate is not offered. When it is used, the server compresses what it sends; what we
	// send is not compressed, because that costs 1.2 MB and a few percent of a processor for every call's audio.
	DisableDeflate bool

	// ConnectTimeout bounds everything up to the answer to the upgrade.
	ConnectTimeout time.Duration
	// HeartBeat is how long the server may be silent before it is sent a ping. If nothing comes for as long again, the
	// connection is lost. 0 = no pings.
	HeartBeat time.Duration
	// WriteTimeout is how long the server may read nothing of what is sent.
	WriteTimeout time.Duration
	// CloseTimeout bounds Close: sending what is queued, and the server's answer to the closing frame.
	CloseTimeout time.Duration
	// ReadLimit bounds a message from the server, in bytes after decompression. Beyond it the connection is closed with
	// status 1009.
	ReadLimit int64
	// SendQueue limits the bytes that wait to be sent, beside the message that is being written. A single message may be
	// longer.
	SendQueue int
}

// withDefaults is a copy of o with its zero fields filled in.
func (o *Options) withDefaults() *Options {
	c := *o
	setDefault(&c.ConnectTimeout, DefaultConnectTimeout)
	setDefault(&c.WriteTimeout, DefaultWriteTimeout)
	setDefault(&c.CloseTimeout, DefaultCloseTimeout)
	setDefault(&c.ReadLimit, DefaultReadLimit)
	setDefault(&c.SendQueue, DefaultSendQueue)
	return &c
}

func setDefault[T time.Duration | int64 | int](field *T, value T) {
	if *field <= 0 {
		*field = value
	}
}

// masker masks what must not stand in an error: the header values that are credentials, keys among the subprotocols, and
// the secrets of both URLs.
func (o *Options) masker() *secret.Masker {
	m := secret.New(secret.InURL(o.URL)...)
	for name, values := range o.Header {
		if !CredentialHeader(name) {
			continue
		}
		for _, v := range values {
			m.Add(v)
			if _, token, ok := strings.Cut(v, " "); ok {
				m.Add(token) // without its scheme
			}
		}
	}
	for _, p := range o.Subprotocols {
		if _, key, ok := strings.Cut(p, "."); ok {
			m.Add(key) // openai-insecure-api-key.<key>
		}
	}
	if proxy, err := url.Parse(o.Proxy); err == nil && proxy.User != nil {
		m.Add(secret.InURL(proxy)...)
		m.Add(base64.StdEncoding.EncodeToString([]byte(userinfo(proxy))))
	}
	return m
}

// userinfo is user:password, unescaped.
func userinfo(u *url.URL) string {
	password, _ := u.User.Password()
	return u.User.Username() + ":" + password
}
