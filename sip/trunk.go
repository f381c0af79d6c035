package sip

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"time"

	gosip "github.com/emiago/sipgo/sip"
)

// Trunk is a carrier's gateway and how we are known there. Addr is enough for a
// gateway that knows us by address; docs/trunks.md shows trunks of every kind.
type Trunk struct {
	Name        string        // ours, for people and logs
	Addr        string        // the gateway, host:port, or host: then SRV is asked (RFC 3263), and without SRV it is 5060, by TLS 5061
	User        string        // digest user name; "" when the trunk knows us by address
	Password    string        // digest password; given to nobody but this trunk
	Realm       string        // digest realm the password belongs to; Domain, else Addr's host, when empty
	RefuseMD5   bool          // no answer to challenges that offer nothing better (RFC 8760)
	From        string        // caller ID, the user part of From
	Domain      string        // domain of Request-URI, To and From; the gateway's address when empty
	RingTimeout time.Duration // how long a phone may ring; DefaultRingTimeout when zero
	UserPhone   bool          // adds ;user=phone to the Request-URI (RFC 3261 19.1.6)

	Transport string        // "udp", the default, "tcp" or "tls"; "auto" asks NAPTR (RFC 3263 4.1)
	TLS       TLS           // of Transport "tls"
	KeepAlive time.Duration // between pings on an idle stream (RFC 5626); 30 s when zero
	BigToTCP  bool          // an INVITE over 1300 bytes goes by TCP (RFC 3261 18.1.1); else IP fragments it
	Targets   []Target      // the carrier's gateways when there are several; Addr is not used then
	Proxy     string        // outbound proxy, as Addr: where packets go whatever the Request-URI says (RFC 3261 8.1.2)
	External  string        // our address as the carrier sees it, host or host:port; "auto" learns it from received and rport (RFC 3581)

	Numbers   Numbers  // how numbers are written
	Identity  Identity // who is shown as the caller
	CallerIDs []string // caller IDs the trunk owns; any when empty
	Allow     []string // prefixes that may be called; see mayCall
	Deny      []string // prefixes that may not

	Register  Register      // registration, for carriers that do not know our address
	Options   time.Duration // between OPTIONS to each target, for Serve; 30 s when zero, none when negative
	Redirects Redirects     // 3xx, not followed by default
	Priority  int           // in a Route: lower first
	Channels  int           // in a Route: calls at once, when another trunk's call comes over; 0 has no limit
	Rate      float64       // in a Route: calls per second, likewise
	Silence   time.Duration // how long a target may say nothing before the next is tried; 6 s when zero

	NoReliable     bool          // no 100rel (RFC 3262), for gateways that stumble over PRACK
	SessionExpires time.Duration // how often a call is shown to be alive (RFC 4028); 30 min when 0, never when negative
}

// Target is one gateway of a trunk.
type Target struct {
	Addr     string // as Trunk.Addr
	Priority int    // lower first, as in SRV
	Weight   int    // share of calls within a priority (RFC 2782)
}

// DefaultRingTimeout is how long a phone rings when nobody says otherwise.
const DefaultRingTimeout = 45 * time.Second

// Loopback reports whether every gateway is on this machine, as a test's is. A
// proxy here leads to a carrier all the same.
func (t Trunk) Loopback() bool {
	for _, g := range slices.Concat(t.next(), t.gateways()) {
		host, _, err := splitTarget(g.Addr)
		if err != nil { // a port that is none: the host still tells
			host, _, _ = net.SplitHostPort(g.Addr)
		}
		ip, err := netip.ParseAddr(host)
		if host != "localhost" && (err != nil || !ip.Unmap().IsLoopback()) {
			return false
		}
	}
	return true
}

// gateways are the carrier's, at least one.
func (t *Trunk) gateways() []Target {
	if len(t.Targets) > 0 {
		return t.Targets
	}
	return []Target{{Addr: t.Addr}}
}

// next are where packets go: the outbound proxy, else the gateways.
func (t *Trunk) next() []Target {
	if t.Proxy != "" {
		return []Target{{Addr: t.Proxy}}
	}
	return t.gateways()
}

// String names the trunk without its password.
func (t Trunk) String() string { return t.Name + " (" + t.gateways()[0].Addr + ")" }

// LogValue keeps the password out of logs.
func (t Trunk) LogValue() slog.Value { return slog.StringValue(t.String()) }

// realm is the only realm that gets this trunk's password.
func (t *Trunk) realm() string {
	if t.Realm != "" {
		return t.Realm
	}
	return t.domain()
}

// domain is the carrier's: where its users are.
func (t *Trunk) domain() string {
	if t.Domain != "" {
		return t.Domain
	}
	host, _, _ := splitTarget(t.gateways()[0].Addr)
	return host
}

// maxGateways is more than any carrier gives.
const maxGateways = 32

// check refuses a trunk that cannot be written into a request safely.
func (t *Trunk) check() error {
	if !slices.Contains([]string{"", "udp", "tcp", "tls", "auto"}, t.Transport) {
		return fmt.Errorf("transport %q is not udp, tcp, tls or auto", t.Transport)
	}
	if len(t.Targets) > maxGateways {
		return fmt.Errorf("%d targets; at most %d", len(t.Targets), maxGateways)
	}
	for _, g := range slices.Concat(t.gateways(), t.next()) {
		host, _, err := splitTarget(g.Addr)
		if err != nil {
			return err
		}
		if host == "" {
			return errors.New("trunk has no gateway address")
		}
		if err := checkToken("gateway address", host); err != nil {
			return err
		}
		if g.Priority < 0 || g.Weight < 0 || g.Weight > 1<<16 {
			return fmt.Errorf("target %s: priority %d or weight %d is not between 0 and 65535", g.Addr, g.Priority, g.Weight)
		}
	}
	for _, v := range []struct{ what, s string }{
		{"domain", t.Domain}, {"external address", t.External}, {"registrar", t.Register.Registrar},
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
	return errors.Join(t.checkNumbers(), t.checkPrefixes())
}

// Check refuses a trunk that could not be used, saying what is wrong with it. Its
// TLS files are read.
func (t Trunk) Check() error {
	if err := t.check(); err != nil {
		return err
	}
	if t.Register.Wanted && t.User == "" {
		return errors.New("registration needs a user")
	}
	if t.Transport == "tls" || t.Transport == "auto" {
		_, err := t.TLS.config("")
		return err
	}
	return nil
}

// peer is a trunk's target as the network sees it for one call.
type peer struct {
	trunk  *Trunk
	at     endpoint
	dest   netip.AddrPort // where packets go
	ips    []netip.Addr   // every address that may speak for the trunk
	local  sentBy
	laddr  gosip.Addr // our socket, or the name of the stream
	routes []string   // Route of requests outside dialogs: the proxy's, the registrar's
	form   form
	nonces *nonces
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

// approach readies the way to one target: the door opens for the trunk's
// addresses, a stream is connected.
func (a *Agent) approach(ctx context.Context, w way) (*peer, error) {
	t := w.trunk
	a.door.admit(w.ips)
	p := &peer{trunk: t, at: w.at, dest: w.at.dest, ips: w.ips, laddr: a.laddr, form: w.form, nonces: &a.nonces, routes: a.routes(t)}
	if w.at.network == "UDP" {
		local, err := a.sentBy(p.dest)
		p.local = a.outward(t, local)
		return p, err
	}
	f, err := a.flowTo(w.at.network, p.dest, w.at.host, t)
	if err != nil {
		return nil, err
	}
	if w.at.network == "TCP" {
		a.acceptTCP()
	}
	if err := f.ensure(ctx); err != nil {
		return nil, err
	}
	p.local, p.laddr = a.outward(t, f.local()), f.name
	return p, nil
}

// routes are the Route headers of a request that opens a dialog: the outbound
// proxy's, then what the registrar gave (RFC 3608 6.1).
func (a *Agent) routes(t *Trunk) []string {
	var routes []string
	if t.Proxy != "" {
		routes = append(routes, "<sip:"+t.Proxy+";lr>")
	}
	return append(routes, a.served.serviceRoute(t.Name)...)
}
