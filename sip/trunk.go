package sip

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"strings"
	"time"

	gosip "github.com/emiago/sipgo/sip"
)

// Trunk is a carrier's gateway and how we are known there.
type Trunk struct {
	Name        string        // ours, for people and logs
	Addr        string        // the gateway, host:port; port 5060 when left out, by TLS 5061
	User        string        // digest user name; "" when the trunk knows us by address
	Password    string        // digest password; given to nobody but this trunk
	Realm       string        // digest realm the password belongs to; Domain, else Addr's host, when empty
	From        string        // caller ID, the user part of From
	Domain      string        // domain of Request-URI, To and From; Addr when empty
	RingTimeout time.Duration // how long a phone may ring; DefaultRingTimeout when zero
	UserPhone   bool          // adds ;user=phone to the Request-URI (RFC 3261 19.1.6)

	Transport string        // "udp", the default, "tcp" or "tls"
	TLS       TLS           // of Transport "tls"
	KeepAlive time.Duration // between pings on an idle stream (RFC 5626); 30 s when zero

	NoReliable     bool          // no 100rel (RFC 3262), for gateways that stumble over PRACK
	SessionExpires time.Duration // how often a call is shown to be alive (RFC 4028); 30 min when 0, never when negative
}

// DefaultRingTimeout is how long a phone rings when nobody says otherwise.
const DefaultRingTimeout = 45 * time.Second

// Loopback reports whether the gateway is on this machine, as a test's is.
func (t Trunk) Loopback() bool {
	host, _ := t.hostPort()
	if host == "localhost" {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.Unmap().IsLoopback()
}

// String names the trunk without its password.
func (t Trunk) String() string { return t.Name + " (" + t.Addr + ")" }

// LogValue keeps the password out of logs.
func (t Trunk) LogValue() slog.Value { return slog.StringValue(t.String()) }

// hostPort splits Addr, filling in the default port.
func (t Trunk) hostPort() (host, port string) {
	host, port, err := net.SplitHostPort(t.Addr)
	if err != nil {
		if t.Transport == "tls" {
			return t.Addr, "5061"
		}
		return t.Addr, "5060"
	}
	return host, port
}

// realm is the only realm that gets this trunk's password.
func (t Trunk) realm() string {
	if t.Realm != "" {
		return t.Realm
	}
	if t.Domain != "" {
		return t.Domain
	}
	host, _ := t.hostPort()
	return host
}

// check refuses a trunk that cannot be written into a request safely.
func (t Trunk) check() error {
	switch t.Transport {
	case "", "udp", "tcp", "tls":
	default:
		return fmt.Errorf("transport %q is not udp, tcp or tls", t.Transport)
	}
	host, port := t.hostPort()
	if host == "" {
		return errors.New("trunk has no gateway address")
	}
	for _, v := range []struct{ what, s string }{
		{"gateway address", host}, {"gateway port", port}, {"domain", t.Domain},
	} {
		if err := checkToken(v.what, v.s); err != nil {
			return err
		}
	}
	for _, v := range []struct{ what, s string }{
		{"digest user", t.User}, {"digest realm", t.Realm},
	} {
		if err := checkValue(v.what, v.s); err != nil {
			return err
		}
	}
	return nil
}

// peer is a trunk's target as the network sees it for one call.
type peer struct {
	trunk Trunk
	dest  netip.AddrPort // where packets go
	ips   []netip.Addr   // every address that may speak for the trunk
	local sentBy
	laddr gosip.Addr // our socket, or the name of the stream
}

// owns reports whether a packet's source is this trunk.
func (p *peer) owns(source string) bool {
	ap, err := netip.ParseAddrPort(source)
	if err != nil {
		return false
	}
	return p.has(ap.Addr().Unmap())
}

// has reports whether an address is one of the trunk's.
func (p *peer) has(ip netip.Addr) bool { return slices.Contains(p.ips, ip) }

// resolve finds the gateway's addresses and opens the door for them.
func (a *Agent) resolve(ctx context.Context, t Trunk) (*peer, error) {
	host, portName := t.hostPort()
	port, err := net.LookupPort("udp", portName)
	if err != nil {
		return nil, fmt.Errorf("gateway port %q: %w", portName, err)
	}
	if port == 0 {
		return nil, errors.New("gateway port is 0")
	}
	ips, err := a.names.lookup(ctx, host)
	if err != nil {
		return nil, err
	}
	return a.approach(ctx, t, strings.ToUpper(t.Transport), netip.AddrPortFrom(ips[0], uint16(port)), host, ips)
}

// approach readies the way to one target: the door opens for its addresses, a
// stream is connected.
func (a *Agent) approach(ctx context.Context, t Trunk, network string, dest netip.AddrPort, host string, ips []netip.Addr) (*peer, error) {
	a.door.admit(ips)
	p := &peer{trunk: t, ips: ips, dest: dest, laddr: a.laddr}
	if network == "TCP" || network == "TLS" {
		f, err := a.flowTo(network, dest, host, t)
		if err != nil {
			return nil, err
		}
		if network == "TCP" {
			a.acceptTCP()
		}
		if err := f.ensure(ctx); err != nil {
			return nil, err
		}
		p.local, p.laddr = f.local(), f.name
		return p, nil
	}
	var err error
	p.local, err = a.sentBy(dest)
	return p, err
}
