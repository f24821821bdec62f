package transport

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"sync"
)

// The words that CAFile may be.
const (
	CASystem = "SYSTEM" // the system's authorities
	CANone   = "NONE"   // no verification at all
)

// TLSOptions says whom to trust and who we are. The zero value trusts the system's authorities. TLS 1.2 is the oldest
// version used. Files are read by each Dial, so that an exchanged one is used by the next attempt.
type TLSOptions struct {
	CAFile   string // CASystem (also ""), CANone, or a file of PEM certificates, which replaces the system's
	CertFile string // client certificate, and what leads to its authority, PEM; with KeyFile or not at all
	KeyFile  string
	// DisableHostnameValidation: chain and dates are verified, the name in the certificate is not.
	DisableHostnameValidation bool
}

// trust is what connections have in common that verify a server in the same way.
type trust struct {
	server           string
	anyName, anybody bool
	authorities      [sha256.Size]byte // of the file's content; zero without one
}

// maxShared bounds shared: there are few servers, and files seldom change.
const maxShared = 32

// shared are configurations without a client certificate. Connections share one for the authorities in it, which may be
// many and are costly to read, and for the sessions, with which a server need not be verified once more.
var (
	sharedMu sync.Mutex // Protects following.
	shared   = map[trust]*tls.Config{}
)

// config is the crypto/tls form for a server of that name.
func (t *TLSOptions) config(serverName string) (*tls.Config, error) {
	key := trust{server: serverName, anyName: t.DisableHostnameValidation, anybody: t.CAFile == CANone}
	var pem []byte
	if t.CAFile != "" && t.CAFile != CASystem && t.CAFile != CANone {
		var err error
		if pem, err = os.ReadFile(t.CAFile); err != nil {
			return nil, fmt.Errorf("authorities: %w", err)
		}
		key.authorities = sha256.Sum256(pem)
	}
	if t.CertFile != "" || t.KeyFile != "" {
		return t.build(serverName, pem) // who we are stays with the connection
	}
	sharedMu.Lock()
	defer sharedMu.Unlock()
	if c := shared[key]; c != nil {
		return c, nil
	}
	c, err := t.build(serverName, pem)
	if err != nil {
		return nil, err
	}
	c.ClientSessionCache = tls.NewLRUClientSessionCache(1)
	if len(shared) >= maxShared {
		clear(shared)
	}
	shared[key] = c
	return c, nil
}

// build makes a configuration; pem are the authorities, nil if there is no file of them.
func (t *TLSOptions) build(serverName string, pem []byte) (*tls.Config, error) {
	c := &tls.Config{
		MinVersion: tls.VersionTLS12,
		ServerName: serverName,
		NextProtos: []string{"http/1.1"}, // the upgrade exists in HTTP/1.1 alone
		// A message of 20 ms is a bit longer than the small records that a connection would begin with: two of them, and
		// two system calls.
		DynamicRecordSizingDisabled: true,
		InsecureSkipVerify:          t.CAFile == CANone, // asked for by name
	}
	if pem != nil {
		c.RootCAs = x509.NewCertPool()
		if !c.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("authorities: %s: expected PEM certificates", t.CAFile)
		}
	}
	if t.DisableHostnameValidation && !c.InsecureSkipVerify {
		// crypto/tls verifies chain and name together, so it is told to do neither and the chain is verified here.
		c.InsecureSkipVerify = true
		c.VerifyConnection = func(state tls.ConnectionState) error { return verifyChain(state.PeerCertificates, c.RootCAs) }
	}
	if t.CertFile != "" || t.KeyFile != "" {
		cert, err := tls.LoadX509KeyPair(t.CertFile, t.KeyFile)
		if err != nil {
			return nil, fmt.Errorf("client certificate: %w", err)
		}
		c.Certificates = []tls.Certificate{cert}
	}
	return c, nil
}

// verifyChain is crypto/tls's own verification without the name.
func verifyChain(certs []*x509.Certificate, roots *x509.CertPool) error {
	if len(certs) == 0 {
		return errors.New("the server showed no certificate")
	}
	options := x509.VerifyOptions{Roots: roots, Intermediates: x509.NewCertPool()}
	for _, cert := range certs[1:] {
		options.Intermediates.AddCert(cert)
	}
	if _, err := certs[0].Verify(options); err != nil {
		return &tls.CertificateVerificationError{UnverifiedCertificates: certs, Err: err}
	}
	return nil
}
