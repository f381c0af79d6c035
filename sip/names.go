package sip

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"
)

// nameTTL is how long a gateway's addresses are believed. Go's resolver does
// not tell the record's own TTL; a minute is what carriers commonly use.
const nameTTL = time.Minute

// names resolves gateway names and remembers them, so that not every call
// waits for DNS and a DNS failure does not stop a known trunk.
type names struct {
	mu    sync.Mutex
	known map[string]addresses
}

type addresses struct {
	ips []netip.Addr
	at  time.Time
}

// lookup returns the addresses of host, IPv4 first.
func (n *names) lookup(ctx context.Context, host string) ([]netip.Addr, error) {
	if ip, err := netip.ParseAddr(host); err == nil {
		return []netip.Addr{ip.Unmap()}, nil
	}
	n.mu.Lock()
	old, found := n.known[host]
	n.mu.Unlock()
	if found && time.Since(old.at) < nameTTL {
		return old.ips, nil
	}
	ips, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
	if err != nil || len(ips) == 0 {
		if found {
			return old.ips, nil
		}
		return nil, fmt.Errorf("looking up gateway %q: %w", host, err)
	}
	for i := range ips {
		ips[i] = ips[i].Unmap()
	}
	slices.SortStableFunc(ips, func(a, b netip.Addr) int { return a.BitLen() - b.BitLen() })
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.known == nil {
		n.known = map[string]addresses{}
	}
	n.known[host] = addresses{ips, time.Now()}
	return ips, nil
}
