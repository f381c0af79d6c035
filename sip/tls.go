package sip

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
)

// TLS says how a trunk by TLS is trusted and how it trusts us. Files are read
// at each connection, so a renewed certificate needs no restart. There is no
// switch to trust everybody: a carrier with a certificate of its own making
// gets its CA named here.
type TLS struct {
	ServerName string // the name the carrier's certificate must be for, and SNI; the target's host when empty
	CA         string // PEM file of the authorities trusted; the system's when empty
	Cert       string // PEM file of our certificate, for carriers that ask for one (mTLS)
	Key        string // PEM file of its key
}

// config reads the files.
func (t TLS) config(host string) (*tls.Config, error) {
	c := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: host}
	if t.ServerName != "" {
		c.ServerName = t.ServerName
	}
	if t.CA != "" {
		pem, err := os.ReadFile(t.CA)
		if err != nil {
			return nil, fmt.Errorf("reading the trunk's CA: %w", err)
		}
		c.RootCAs = x509.NewCertPool()
		if !c.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("the trunk's CA file %s holds no PEM certificate", t.CA)
		}
	}
	if (t.Cert == "") != (t.Key == "") {
		return nil, errors.New("our certificate needs both its file and its key's")
	}
	if t.Cert != "" {
		own, err := tls.LoadX509KeyPair(t.Cert, t.Key)
		if err != nil {
			return nil, fmt.Errorf("reading our certificate for the trunk: %w", err)
		}
		c.Certificates = []tls.Certificate{own}
	}
	return c, nil
}

// client shakes hands over a connection, and closes it when that fails. The
// name checked is the one the operator configured, not one that DNS led to
// (RFC 5922 7.3).
func (t TLS) client(ctx context.Context, conn net.Conn, host string) (net.Conn, error) {
	config, err := t.config(host)
	if err != nil {
		conn.Close()
		return nil, err
	}
	secure := tls.Client(conn, config)
	if err := secure.HandshakeContext(ctx); err != nil {
		conn.Close()
		return nil, plainTLS(err, config.ServerName)
	}
	return secure, nil
}

// plainTLS says in an operator's words why a handshake failed.
func plainTLS(err error, name string) error {
	var host x509.HostnameError
	var unknown x509.UnknownAuthorityError
	var invalid x509.CertificateInvalidError
	var record tls.RecordHeaderError
	switch {
	case errors.As(err, &host):
		return fmt.Errorf("its certificate is not for %q but for %s", name, strings.Join(names509(host.Certificate), ", "))
	case errors.As(err, &unknown):
		return errors.New("its certificate is signed by an authority we do not trust; name the carrier's CA file for this trunk")
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return fmt.Errorf("its certificate is expired or not yet valid (until %s)", invalid.Cert.NotAfter.Format("2006-01-02"))
	case errors.As(err, &record):
		return errors.New("it does not speak TLS on this port")
	case strings.Contains(err.Error(), "certificate required"), strings.Contains(err.Error(), "bad certificate"):
		return fmt.Errorf("it asks for a certificate of ours and does not accept what it got: %w", err)
	}
	return fmt.Errorf("TLS handshake: %w", err)
}

// names509 are the names and addresses a certificate is for.
func names509(c *x509.Certificate) []string {
	names := c.DNSNames
	for _, ip := range c.IPAddresses {
		names = append(names, ip.String())
	}
	if len(names) == 0 {
		return []string{"nobody (it has no subjectAltName)"}
	}
	return names
}
