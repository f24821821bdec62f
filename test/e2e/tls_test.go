package e2e_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"mod_openai_audio_stream/module/realtime/realtimetest"
)

// certificate is one made for a test, with its files.
type certificate struct {
	tls.Certificate
	leaf              *x509.Certificate
	certFile, keyFile string
}

// issue makes a certificate that by has signed, nil for one that signs itself as an authority.
func issue(t *testing.T, by *certificate, template x509.Certificate) *certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template.SerialNumber, template.Subject = big.NewInt(1), pkix.Name{CommonName: "of a test"}
	template.NotBefore = time.Now().Add(-time.Hour)
	if template.NotAfter.IsZero() {
		template.NotAfter = time.Now().Add(time.Hour)
	}
	parent, signer := &template, any(key)
	if by == nil {
		template.IsCA, template.BasicConstraintsValid, template.KeyUsage = true, true, x509.KeyUsageCertSign
	} else {
		parent, signer = by.leaf, by.PrivateKey
	}
	der, err := x509.CreateCertificate(rand.Reader, &template, parent, key.Public(), signer)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	write := func(name, kind string, der []byte) string {
		path := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	return &certificate{
		tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, leaf,
		write("cert.pem", "CERTIFICATE", der), write("key.pem", "PRIVATE KEY", pkcs8),
	}
}

// Each row of the table of TLS variables, against servers with a good chain, an unknown authority, a wrong name, an old
// certificate, and one that wants a certificate of the client's.
func TestTLS(t *testing.T) {
	ours, other := issue(t, nil, x509.Certificate{}), issue(t, nil, x509.Certificate{})
	t.Setenv("SSL_CERT_FILE", other.certFile) // the system's authorities
	here := x509.Certificate{IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}}
	old := here
	old.NotAfter = time.Now().Add(-time.Minute)
	server := func(cert *certificate, wantsClient bool) *realtimetest.Server {
		cfg := quiet
		cfg.TLS = &tls.Config{Certificates: []tls.Certificate{cert.Certificate}}
		if wantsClient {
			cfg.TLS.ClientAuth, cfg.TLS.ClientCAs = tls.RequireAndVerifyClientCert, x509.NewCertPool()
			cfg.TLS.ClientCAs.AddCert(ours.leaf)
		}
		return realtimetest.New(t, cfg)
	}
	good := server(issue(t, ours, here), false)
	systems := server(issue(t, other, here), false)
	misnamed := server(issue(t, ours, x509.Certificate{DNSNames: []string{"elsewhere.invalid"}}), false)
	expired := server(issue(t, ours, old), false)
	strict := server(issue(t, ours, here), true)
	client := issue(t, ours, x509.Certificate{ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}})
	stranger := issue(t, other, x509.Certificate{ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}})

	const ca, name, cert, key = "STREAM_TLS_CA_FILE", "STREAM_TLS_DISABLE_HOSTNAME_VALIDATION", "STREAM_TLS_CERT_FILE", "STREAM_TLS_KEY_FILE"
	r := newRig(t)
	for i, c := range []struct {
		srv       *realtimetest.Server
		want      string // part of the error; "" = connected
		variables []string
	}{
		{good, "", []string{ca, ours.certFile}},
		{good, "certificate", []string{ca, other.certFile}},
		{good, "certificate", nil},
		{good, "certificate", []string{ca, "SYSTEM"}},
		{systems, "", nil},
		{systems, "", []string{ca, "SYSTEM"}},
		{good, "", []string{ca, "NONE"}},
		{misnamed, "certificate", []string{ca, ours.certFile}},
		{misnamed, "certificate", []string{ca, ours.certFile, name, "false"}},
		{misnamed, "", []string{ca, ours.certFile, name, "true"}},
		{misnamed, "", []string{ca, ours.certFile, name, "1"}},
		{misnamed, "certificate", []string{ca, other.certFile, name, "true"}},
		{expired, "expired", []string{ca, ours.certFile}},
		{expired, "expired", []string{ca, ours.certFile, name, "true"}},
		{expired, "", []string{ca, "NONE"}},
		{strict, "certificate", []string{ca, ours.certFile}},
		{strict, "", []string{ca, ours.certFile, cert, client.certFile, key, client.keyFile}},
		{strict, "certificate", []string{ca, ours.certFile, cert, stranger.certFile, key, stranger.keyFile}},
	} {
		uuid := fmt.Sprintf("call-%d", i)
		r.talker(uuid, c.srv.URL(), append(c.variables, "STREAM_NO_RECONNECT", "true")...)
		if c.want == "" {
			r.event(uuid, "connect", 1)
			r.api("+OK", "%s stop", uuid)
			continue
		}
		f := r.failure(r.event(uuid, "error", 1)).Message
		if !strings.Contains(f.Error, "tls") || !strings.Contains(f.Error, c.want) {
			t.Errorf("%d %v: error %q, want one of tls that names %q", i, c.variables, f.Error, c.want)
		}
		r.ends(uuid, "error")
	}

	r.do("create call rate=8000")
	r.set("call", cert, client.certFile)
	r.api("-ERR STREAM_TLS_CERT_FILE and STREAM_TLS_KEY_FILE: expected both or neither", "call start %s", good.URL())
}
