package transport

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
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

// config is the crypto/tls form for a server of that name.
func (t *TLSOptions) config(serverName string) (*tls.Config, error) {
	c := &tls.Config{
		MinVersion: tls.VersionTLS12,
		ServerName: serverName,
		NextProtos: []string{"http/1.1"}, // the upgrade exists in HTTP/1.1 alone
	}
	switch t.CAFile {
	case "", CASystem:
	case CANone:
		c.InsecureSkipVerify = true // asked for by name
	default:
		pem, err := os.ReadFile(t.CAFile)
		if err != nil {
			return nil, fmt.Errorf("authorities: %w", err)
		}
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
