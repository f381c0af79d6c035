package sip

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/net/dns/dnsmessage"
)

// endpoint is one address a target may be reached at.
type endpoint struct {
	network  string // "UDP", "TCP" or "TLS"
	dest     netip.AddrPort
	host     string // as configured: the name a certificate must be for
	port     int    // as configured; 0 when DNS chose it
	priority int    // lower first
	weight   int    // share within a priority
}

// locate finds where a target is (RFC 3263 4). An address or a port leaves no
// choice; else NAPTR chooses the transport when it is to be chosen, SRV the
// hosts and ports, and A or AAAA the addresses. Without SRV records the host
// itself is taken at its transport's own port.
func (r *resolver) locate(ctx context.Context, t Target, transport string) ([]endpoint, error) {
	host, port, err := splitTarget(t.Addr)
	if err != nil {
		return nil, err
	}
	base := endpoint{network: networkOf(transport), host: host, port: port, weight: t.Weight}
	if _, err := netip.ParseAddr(host); err == nil || port != 0 {
		if base.network == "" {
			base.network = "UDP" // RFC 3263 4.1: of a numeric address or a port
		}
		return r.at(ctx, base, host, cmp.Or(port, defaultPort(base.network)))
	}
	services, err := r.services(ctx, host, base.network)
	if err != nil {
		return nil, err
	}
	var unserved error
	for _, s := range services {
		base.network = s.network
		found, err := r.serving(ctx, base, s.name)
		if errors.Is(err, errNotServed) { // another transport may be
			unserved = cmp.Or(unserved, err)
			continue
		}
		if err != nil || len(found) > 0 {
			return found, err
		}
	}
	if unserved != nil {
		return nil, unserved
	}
	base.network = cmp.Or(networkOf(transport), "UDP")
	return r.at(ctx, base, host, defaultPort(base.network))
}

// splitTarget takes host or host:port apart; port is 0 when there is none.
func splitTarget(addr string) (host string, port int, err error) {
	host, name, err := net.SplitHostPort(addr)
	if err != nil {
		return strings.Trim(addr, "[]"), 0, nil
	}
	port, err = strconv.Atoi(name)
	if err != nil || port < 1 || port > 65535 {
		return "", 0, fmt.Errorf("port %q of the gateway is not between 1 and 65535", name)
	}
	return host, port, nil
}

// networkOf is a transport as Via names it; "" when DNS is to choose.
func networkOf(transport string) string {
	switch transport {
	case "auto":
		return ""
	case "":
		return "UDP"
	}
	return strings.ToUpper(transport)
}

func defaultPort(network string) int {
	if network == "TLS" {
		return 5061
	}
	return 5060
}

// service is an SRV name and the transport it is for.
type service struct{ network, name string }

// srvName is where a transport's SRV records are (RFC 3263 4.1).
func srvName(network, host string) string {
	switch network {
	case "TLS":
		return "_sips._tcp." + host
	case "TCP":
		return "_sip._tcp." + host
	}
	return "_sip._udp." + host
}

// services are the SRV names to try in order.
func (r *resolver) services(ctx context.Context, host, network string) ([]service, error) {
	if network != "" {
		return []service{{network, srvName(network, host)}}, nil
	}
	answer := r.ask(ctx, host, typeNAPTR)
	if answer.broken != nil {
		return nil, fmt.Errorf("asking for the transport of %q: %w", host, answer.broken)
	}
	records := slices.Clone(answer.naptr)
	slices.SortStableFunc(records, func(a, b naptr) int {
		return cmp.Or(cmp.Compare(a.order, b.order), cmp.Compare(a.preference, b.preference))
	})
	networks := map[string]string{"SIP+D2U": "UDP", "SIP+D2T": "TCP", "SIPS+D2T": "TLS"}
	var found []service
	for _, n := range records {
		if network := networks[n.service]; network != "" && n.flags == "S" && n.next != "" {
			found = append(found, service{network, n.next})
		}
	}
	if len(found) == 0 { // RFC 3263 4.1: then SRV of every transport we have
		for _, network := range []string{"UDP", "TCP", "TLS"} {
			found = append(found, service{network, srvName(network, host)})
		}
	}
	return found, nil
}

// errNotServed is an SRV record with the target "." (RFC 2782).
var errNotServed = errors.New("DNS says that it is not served")

// serving are the endpoints an SRV name has.
func (r *resolver) serving(ctx context.Context, base endpoint, name string) ([]endpoint, error) {
	answer := r.ask(ctx, name, dnsmessage.TypeSRV)
	if answer.broken != nil {
		return nil, fmt.Errorf("asking where %s is served: %w", name, answer.broken)
	}
	if len(answer.srv) == 1 && answer.srv[0].target == "" {
		return nil, fmt.Errorf("%s: %w", name, errNotServed)
	}
	var all []endpoint
	var errs []error
	for _, s := range answer.srv {
		e := base
		e.priority, e.weight = int(s.priority), int(s.weight)
		found, err := r.at(ctx, e, s.target, int(s.port))
		all, errs = append(all, found...), append(errs, err)
	}
	if len(all) == 0 {
		return nil, errors.Join(errs...)
	}
	return all, nil
}

// at are the addresses of one host: its IPv4 ones, or IPv6 when it has no other.
func (r *resolver) at(ctx context.Context, e endpoint, host string, port int) ([]endpoint, error) {
	ips, err := r.addresses(ctx, host)
	if err != nil {
		return nil, err
	}
	var all []endpoint
	for _, ip := range ips {
		if ip.Is4() == ips[0].Is4() {
			e.dest = netip.AddrPortFrom(ip, uint16(port))
			all = append(all, e)
		}
	}
	return all, nil
}
