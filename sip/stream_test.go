package sip_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"warmline/sip"
	"warmline/sip/siptest"
)

// streamStage is a stage whose trunk is reached by TCP, or by TLS when there is
// a config.
func streamStage(t *testing.T, c *tls.Config) *stage {
	t.Helper()
	s := newStage(t)
	var err error
	transport := "tcp"
	if c == nil {
		s.peer, err = siptest.ListenTCP("127.0.0.1:0")
	} else {
		transport = "tls"
		s.peer, err = siptest.ListenTLS("127.0.0.1:0", c)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.peer.Close() })
	s.trunk.Addr, s.trunk.Transport = s.peer.Addr(), transport
	return s
}

// talk carries one call from INVITE to the callee's BYE.
func (s *stage) talk() *siptest.Message {
	s.Helper()
	c := s.dial()
	invite := s.request("INVITE")
	s.reply(invite, 180, "Ringing", "a")
	s.event(c, sip.Ringing)
	s.reply(invite, 200, "OK", "a", sdp(30000))
	s.requestTo("ACK", "a")
	s.event(c, sip.Answered)
	bye, err := s.peer.Dialog(invite, "a").Bye()
	if err != nil {
		s.Fatal(err)
	}
	if res := s.response(s.peer, bye); res.Status() != 200 {
		s.Errorf("BYE answered %s", res.Start)
	}
	if why := s.ended(c); why.By != sip.ByCallee {
		s.Errorf("cause %+v", why)
	}
	return invite
}

func TestACallByTCPGoesOverOneConnectionBothWays(t *testing.T) {
	s := streamStage(t, nil)
	invite := s.talk()
	if via := invite.Get("Via"); !strings.HasPrefix(via, "SIP/2.0/TCP ") {
		t.Errorf("Via %q", via)
	}
	if c := invite.Get("Contact"); !strings.Contains(c, ";transport=tcp") {
		t.Errorf("Contact %q", c)
	}
	s.talk()
	if made, _ := s.peer.Streams(); made != 1 {
		t.Errorf("%d connections for two calls, want 1", made)
	}
}

func TestABrokenConnectionIsMadeAgainForTheNextRequestOfTheCall(t *testing.T) {
	s := streamStage(t, nil)
	c := s.dial()
	s.answer(c, "a")
	s.peer.HangUpStreams()
	waitFor(s, func() bool { return s.connected() == 0 })
	c.Hangup("")
	bye := s.request("BYE")
	s.reply(bye, 200, "OK", "")
	if made, _ := s.peer.Streams(); made != 2 {
		t.Errorf("%d connections, want 2", made)
	}
}

func TestAConnectionThatBreaksBeforeAnyResponseIsATransportError(t *testing.T) {
	s := streamStage(t, nil)
	c := s.dial()
	s.request("INVITE")
	s.peer.HangUpStreams()
	if why := s.ended(c); why.Status != 503 || why.By != sip.ByCarrier {
		t.Errorf("cause %+v", why)
	}
}

func TestATrunkThatLostItsConnectionMayConnectToOurContact(t *testing.T) {
	s := streamStage(t, nil)
	c := s.dial()
	invite := s.answer(c, "a")
	conn, err := net.Dial("tcp", s.agent.Addr())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	bye := s.peer.Dialog(invite, "a").Request("BYE")
	if _, err := conn.Write(bye.Bytes()); err != nil {
		t.Fatal(err)
	}
	if why := s.ended(c); why.By != sip.ByCallee {
		t.Errorf("cause %+v", why)
	}
}

func TestAnIdleConnectionIsPinged(t *testing.T) { // RFC 5626 3.5.1
	s := streamStage(t, nil)
	s.trunk.KeepAlive = 50 * time.Millisecond
	s.talk()
	waitFor(s, func() bool { _, pings := s.peer.Streams(); return pings >= 3 })
	if made, _ := s.peer.Streams(); made != 1 {
		t.Errorf("%d connections, want the first to live", made)
	}
}

// waitFor looks until something is so; what it looks at cannot be waited for.
func waitFor(s *stage, so func() bool) {
	s.Helper()
	look := time.NewTicker(5 * time.Millisecond)
	defer look.Stop()
	for !so() {
		select {
		case <-look.C:
		case <-s.ctx.Done():
			s.Fatal("it never became so")
		}
	}
}

func (s *stage) connected() int { return s.agent.Stats().Streams }

// authority signs certificates for tests and keeps them in files.
type authority struct {
	t    *testing.T
	dir  string
	key  *ecdsa.PrivateKey
	cert *x509.Certificate
	pool *x509.CertPool
	CA   string // file
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	a := &authority{t: t, dir: t.TempDir(), key: key, pool: x509.NewCertPool()}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test CA"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), KeyUsage: x509.KeyUsageCertSign}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	a.cert, _ = x509.ParseCertificate(der)
	a.pool.AddCert(a.cert)
	a.CA = a.write("ca.pem", "CERTIFICATE", der)
	return a
}

func (a *authority) write(name, kind string, der []byte) string {
	a.t.Helper()
	file := filepath.Join(a.dir, name)
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		a.t.Fatal(err)
	}
	return file
}

// issue makes a certificate for a DNS name and returns its files and itself.
func (a *authority) issue(name string, until time.Duration) (cert, key string, pair tls.Certificate) {
	a.t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		a.t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(time.Now().UnixNano()), DNSNames: []string{name},
		NotBefore: time.Now().Add(-2 * time.Hour), NotAfter: time.Now().Add(until),
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}}
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, &private.PublicKey, a.key)
	if err != nil {
		a.t.Fatal(err)
	}
	secret, err := x509.MarshalECPrivateKey(private)
	if err != nil {
		a.t.Fatal(err)
	}
	cert, key = a.write(name+".pem", "CERTIFICATE", der), a.write(name+"-key.pem", "EC PRIVATE KEY", secret)
	if pair, err = tls.LoadX509KeyPair(cert, key); err != nil {
		a.t.Fatal(err)
	}
	return cert, key, pair
}

func TestACallByTLSChecksTheNameAndShowsOurCertificate(t *testing.T) {
	ca := newAuthority(t)
	_, _, theirs := ca.issue("sip.carrier.example", time.Hour)
	ourCert, ourKey, _ := ca.issue("dialer.shop.example", time.Hour)
	var sni string
	s := streamStage(t, &tls.Config{
		ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: ca.pool,
		GetCertificate: func(h *tls.ClientHelloInfo) (*tls.Certificate, error) { sni = h.ServerName; return &theirs, nil },
	})
	s.trunk.TLS = sip.TLS{ServerName: "sip.carrier.example", CA: ca.CA, Cert: ourCert, Key: ourKey}
	invite := s.talk()
	if via := invite.Get("Via"); !strings.HasPrefix(via, "SIP/2.0/TLS ") {
		t.Errorf("Via %q", via)
	}
	if c := invite.Get("Contact"); !strings.Contains(c, ";transport=tls") {
		t.Errorf("Contact %q", c)
	}
	if sni != "sip.carrier.example" {
		t.Errorf("SNI %q", sni)
	}
}

func TestTLSErrorsAreSaidPlainlyAndNothingIsSent(t *testing.T) {
	ca, other := newAuthority(t), newAuthority(t)
	_, _, good := ca.issue("sip.carrier.example", time.Hour)
	_, _, expired := ca.issue("sip.carrier.example", -time.Hour)
	tests := []struct {
		name   string
		server *tls.Config
		trunk  sip.TLS
		want   string
	}{
		{"a certificate for somebody else", &tls.Config{Certificates: []tls.Certificate{good}},
			sip.TLS{ServerName: "sip.other.example", CA: ca.CA}, `not for "sip.other.example" but for sip.carrier.example`},
		{"an authority we do not trust", &tls.Config{Certificates: []tls.Certificate{good}},
			sip.TLS{ServerName: "sip.carrier.example", CA: other.CA}, "authority we do not trust"},
		{"an expired certificate", &tls.Config{Certificates: []tls.Certificate{expired}},
			sip.TLS{ServerName: "sip.carrier.example", CA: ca.CA}, "expired"},
		{"a CA file that is none", &tls.Config{Certificates: []tls.Certificate{good}},
			sip.TLS{CA: "stream_test.go"}, "holds no PEM certificate"},
		{"a certificate without its key", &tls.Config{Certificates: []tls.Certificate{good}},
			sip.TLS{Cert: "x.pem"}, "needs both"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := streamStage(t, tt.server)
			s.trunk.TLS = tt.trunk
			_, err := s.agent.Dial(s.ctx, s.trunk, sip.Invite{To: "13800138000", SDP: []byte(offer)})
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
			if got := s.peer.Received(); len(got) != 0 {
				t.Errorf("%d messages were sent", len(got))
			}
		})
	}
	t.Run("a port without TLS", func(t *testing.T) {
		s := newStage(t)
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		go func() {
			if c, err := l.Accept(); err == nil {
				c.Write([]byte("SIP/2.0 400 Bad Request\r\n\r\n"))
				c.Close()
			}
		}()
		s.trunk.Addr, s.trunk.Transport = l.Addr().String(), "tls"
		_, err = s.agent.Dial(s.ctx, s.trunk, sip.Invite{To: "13800138000", SDP: []byte(offer)})
		if err == nil || !strings.Contains(err.Error(), "does not speak TLS") {
			t.Errorf("got %v", err)
		}
	})
}
