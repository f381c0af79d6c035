package sip

import (
	"context"
	"net/netip"
	"strings"
)

// Outward is our address as a trunk sees it, for the SDP of a call through it:
// its External or, of a served trunk whose External is "auto", what it has taught
// us (RFC 3581). It is the zero Addr where we are seen as we are, or do not know.
func (a *Agent) Outward(ctx context.Context, t Trunk) netip.Addr {
	host := a.outward(&t, sentBy{}).host
	if host == "" || t.External == "auto" && a.local(t) == host {
		return netip.Addr{}
	}
	ips, err := a.dns.addresses(ctx, strings.Trim(host, "[]"))
	if err != nil {
		a.log.Warn("our own address as a trunk sees it is not found", "trunk", t, "err", err)
		return netip.Addr{}
	}
	return ips[0]
}

// local is the host we have towards a served trunk when nobody translates it.
func (a *Agent) local(t Trunk) string {
	k := a.served.find(t.Name)
	if k == nil {
		return ""
	}
	a.served.mu.Lock()
	at := k.at
	a.served.mu.Unlock()
	if len(at) == 0 {
		return ""
	}
	own, err := a.sentBy(at[0].dest)
	if err != nil {
		return ""
	}
	return own.host
}

// Gateway is the address of the trunk that the call is on: where its INVITE went,
// or came from.
func (c *Call) Gateway() netip.Addr {
	if c.in != nil {
		return c.in.Gateway()
	}
	c.hopsMu.Lock()
	defer c.hopsMu.Unlock()
	if len(c.hops) == 0 {
		return netip.Addr{}
	}
	return c.hops[len(c.hops)-1].dest.Addr()
}

// Gateway is the address the call came from.
func (in *Incoming) Gateway() netip.Addr { return in.from }
