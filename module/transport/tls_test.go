package transport_test

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"mod_openai_audio_stream/module/transport"
)

// secure starts an echoing TLS server.
func secure(t *testing.T, config *tls.Config) *httptest.Server {
	t.Helper()
	s := httptest.NewUnstartedServer(acceptor(echo, nil))
	s.TLS = config
	s.Config.ErrorLog = log.New(io.Discard, "", 0) // refused handshakes are what is tested
	s.StartTLS()
	t.Cleanup(s.Close)
	return s
}

func TestTLS(t *testing.T) {
	t.Parallel()
	ours, theirs := newAuthority(t, "ours"), newAuthority(t, "theirs")
	good, _, _ := ours.issue(t, loopback)
	unknown, _, _ := theirs.issue(t, loopback)
	wrongName, _, _ := ours.issue(t, names{dns: []string{"elsewhere.example"}})
	unknownWrongName, _, _ := theirs.issue(t, names{dns: []string{"elsewhere.example"}})
	expiredNames := loopback
	expiredNames.expired = true
	expired, _, _ := ours.issue(t, expiredNames)
	forClients, _, _ := ours.issue(t, names{ips: loopback.ips, client: true})

	const noHostname = true
	for _, tc := range []struct {
		name  string
		shown tls.Certificate
		with  transport.TLSOptions
		// refused is the kind of error that is expected, nil if the connection is.
		refused any
	}{
		{"good chain", good, transport.TLSOptions{CAFile: ours.file}, nil},
		{"unknown authority", unknown, transport.TLSOptions{CAFile: ours.file}, new(x509.UnknownAuthorityError)},
		{"unknown to the system", good, transport.TLSOptions{CAFile: "SYSTEM"}, new(x509.UnknownAuthorityError)},
		{"unknown by default", good, transport.TLSOptions{}, new(x509.UnknownAuthorityError)},
		{"wrong name", wrongName, transport.TLSOptions{CAFile: ours.file}, new(x509.HostnameError)},
		{"expired", expired, transport.TLSOptions{CAFile: ours.file}, new(x509.CertificateInvalidError)},
		{"for clients", forClients, transport.TLSOptions{CAFile: ours.file}, new(x509.CertificateInvalidError)},

		{"good chain, name not verified", good, transport.TLSOptions{CAFile: ours.file, DisableHostnameValidation: noHostname}, nil},
		{"wrong name, not verified", wrongName, transport.TLSOptions{CAFile: ours.file, DisableHostnameValidation: noHostname}, nil},
		{"expired, name not verified", expired, transport.TLSOptions{CAFile: ours.file, DisableHostnameValidation: noHostname}, new(x509.CertificateInvalidError)},
		{"unknown authority, name not verified", unknown, transport.TLSOptions{CAFile: ours.file, DisableHostnameValidation: noHostname}, new(x509.UnknownAuthorityError)},
		{"unknown to the system, name not verified", wrongName, transport.TLSOptions{DisableHostnameValidation: noHostname}, new(x509.UnknownAuthorityError)},
		{"for clients, name not verified", forClients, transport.TLSOptions{CAFile: ours.file, DisableHostnameValidation: noHostname}, new(x509.CertificateInvalidError)},

		{"nothing verified", unknownWrongName, transport.TLSOptions{CAFile: "NONE"}, nil},
		{"nothing verified, expired", expired, transport.TLSOptions{CAFile: "NONE", DisableHostnameValidation: noHostname}, nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			o := to(t, secure(t, &tls.Config{Certificates: []tls.Certificate{tc.shown}}))
			o.TLS = tc.with
			if tc.refused == nil {
				talk(t, o)
				return
			}
			failed := refusal(t, o)
			if failed.Stage != transport.StageTLS || !errors.As(failed, tc.refused) || failed.Permanent() {
				t.Errorf("stage %s, permanent %v: %v", failed.Stage, failed.Permanent(), failed)
			}
		})
	}
}

// talk sees that a connection carries messages.
func talk(t *testing.T, o *transport.Options) {
	t.Helper()
	c := dial(t, o)
	if err := c.Send([]byte("hello")); err != nil {
		t.Fatal(err)
	}
	if got := read(t, c); got != "hello" {
		t.Errorf("got %q", got)
	}
}

func TestAChainWithAnIntermediateNeedsNoName(t *testing.T) {
	t.Parallel()
	root := newAuthority(t, "root")
	middle := root.subordinate(t)
	cert, _, _ := middle.issue(t, names{dns: []string{"elsewhere.example"}})
	cert.Certificate = append(cert.Certificate, middle.cert.Raw)
	o := to(t, secure(t, &tls.Config{Certificates: []tls.Certificate{cert}}))
	o.TLS = transport.TLSOptions{CAFile: root.file, DisableHostnameValidation: true}
	talk(t, o)
}

func TestClientCertificate(t *testing.T) {
	t.Parallel()
	ours, theirs := newAuthority(t, "ours"), newAuthority(t, "theirs")
	server, _, _ := ours.issue(t, loopback)
	_, cert, key := ours.issue(t, names{client: true})
	_, strangerCert, strangerKey := theirs.issue(t, names{client: true})
	for version, name := range map[uint16]string{tls.VersionTLS12: "TLS 1.2", tls.VersionTLS13: "TLS 1.3"} {
		config := &tls.Config{
			Certificates: []tls.Certificate{server}, MaxVersion: version,
			ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: ours.pool(),
		}
		t.Run(name+" given", func(t *testing.T) {
			t.Parallel()
			o := to(t, secure(t, config.Clone()))
			o.TLS = transport.TLSOptions{CAFile: ours.file, CertFile: cert, KeyFile: key}
			talk(t, o)
		})
		t.Run(name+" missing", func(t *testing.T) {
			t.Parallel()
			o := to(t, secure(t, config.Clone()))
			o.TLS = transport.TLSOptions{CAFile: ours.file}
			if failed := refusal(t, o); failed.Stage != transport.StageTLS || failed.Permanent() {
				t.Errorf("stage %s, permanent %v: %v", failed.Stage, failed.Permanent(), failed)
			}
		})
		t.Run(name+" of another authority", func(t *testing.T) {
			t.Parallel()
			o := to(t, secure(t, config.Clone()))
			o.TLS = transport.TLSOptions{CAFile: ours.file, CertFile: strangerCert, KeyFile: strangerKey}
			if failed := refusal(t, o); failed.Stage != transport.StageTLS {
				t.Errorf("stage %s: %v", failed.Stage, failed)
			}
		})
	}
}

func TestTLSVersions(t *testing.T) {
	t.Parallel()
	ours := newAuthority(t, "ours")
	server, _, _ := ours.issue(t, loopback)
	for name, tc := range map[string]struct {
		max     uint16
		refused bool
	}{
		"1.0": {tls.VersionTLS10, true},
		"1.1": {tls.VersionTLS11, true},
		"1.2": {tls.VersionTLS12, false},
		"1.3": {tls.VersionTLS13, false},
	} {
		for _, trust := range []string{ours.file, "NONE"} {
			t.Run(name+" "+filepath.Base(trust), func(t *testing.T) {
				t.Parallel()
				o := to(t, secure(t, &tls.Config{
					Certificates: []tls.Certificate{server}, MinVersion: tls.VersionTLS10, MaxVersion: tc.max,
				}))
				o.TLS.CAFile = trust
				if !tc.refused {
					talk(t, o)
				} else if failed := refusal(t, o); failed.Stage != transport.StageTLS {
					t.Errorf("stage %s: %v", failed.Stage, failed)
				}
			})
		}
	}
}

func TestAnExchangedFileOfAuthoritiesIsUsedByTheNextAttempt(t *testing.T) {
	t.Parallel()
	ours, theirs := newAuthority(t, "ours"), newAuthority(t, "theirs")
	server, _, _ := ours.issue(t, loopback)
	o := to(t, secure(t, &tls.Config{Certificates: []tls.Certificate{server}}))
	o.TLS.CAFile = filepath.Join(t.TempDir(), "ca.pem")
	exchange := func(a *authority) {
		pem, err := os.ReadFile(a.file)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(o.TLS.CAFile, pem, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 { // the server has been trusted before, and its session is known
		exchange(ours)
		talk(t, o)
		exchange(theirs)
		if failed := refusal(t, o); failed.Stage != transport.StageTLS {
			t.Errorf("stage %s: %v", failed.Stage, failed)
		}
	}
}

func TestTheNextConnectionResumesTheSession(t *testing.T) {
	t.Parallel()
	ours := newAuthority(t, "ours")
	server, _, _ := ours.issue(t, loopback)
	_, cert, key := ours.issue(t, names{client: true})
	for name, tc := range map[string]struct {
		with transport.TLSOptions
		want bool
	}{
		"server verified":   {transport.TLSOptions{CAFile: ours.file}, true},
		"name not verified": {transport.TLSOptions{CAFile: ours.file, DisableHostnameValidation: true}, true},
		// Who we are is said anew: the certificate may have been exchanged.
		"client certificate": {transport.TLSOptions{CAFile: ours.file, CertFile: cert, KeyFile: key}, false},
	} {
		t.Run(name, func(t *testing.T) {
			// Not parallel: the other tests' servers on this machine have the same name, and theirs are other sessions.
			var resumed []bool
			s := secure(t, &tls.Config{Certificates: []tls.Certificate{server}, ClientAuth: tls.RequestClientCert})
			serve := s.Config.Handler
			s.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				resumed = append(resumed, r.TLS.DidResume)
				serve.ServeHTTP(w, r)
			})
			o := to(t, s)
			o.TLS = tc.with
			talk(t, o)
			talk(t, o)
			if len(resumed) != 2 || resumed[0] || resumed[1] != tc.want {
				t.Errorf("resumed: %v", resumed)
			}
		})
	}
}

func TestTLSFilesThatAreNone(t *testing.T) {
	t.Parallel()
	ours := newAuthority(t, "ours")
	_, cert, key := ours.issue(t, names{client: true})
	_, _, otherKey := ours.issue(t, names{client: true})
	junk := filepath.Join(t.TempDir(), "junk.pem")
	if err := os.WriteFile(junk, []byte("no certificate"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, with := range map[string]transport.TLSOptions{
		"no such authorities": {CAFile: "/nowhere/ca.pem"},
		"authorities of junk": {CAFile: junk},
		"no such certificate": {CertFile: "/nowhere/cert.pem", KeyFile: key},
		"no such key":         {CertFile: cert, KeyFile: "/nowhere/key.pem"},
		"another's key":       {CertFile: cert, KeyFile: otherKey},
		"certificate alone":   {CertFile: cert},
		"key alone":           {KeyFile: key},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := to(t, serving(t, http.NotFoundHandler()))
			o.TLS = with
			failed := refusal(t, o)
			if failed.Stage != transport.StageOptions || !failed.Permanent() || failed.HTTPStatus != 0 {
				t.Errorf("stage %s, permanent %v: %v", failed.Stage, failed.Permanent(), failed)
			}
		})
	}
}

func TestAServerWithoutTLS(t *testing.T) {
	t.Parallel()
	o := to(t, serving(t, acceptor(echo, nil)))
	o.URL.Scheme = "wss"
	failed := refusal(t, o)
	if failed.Stage != transport.StageTLS || failed.Permanent() || !strings.Contains(failed.Error(), "tls") {
		t.Errorf("stage %s: %v", failed.Stage, failed)
	}
}
