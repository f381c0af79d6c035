package media

import (
	"net/netip"
	"time"
)

// Latching rules; the numbers are Asterisk's strictrtp and our facts.
const (
	latchProbation = 4           // packets in a row another source must show
	latchSilence   = time.Second // how long the latched source must have been quiet
)

// A latch decides whose packets are the call's. The SDP address is right from the
// first packet. Another source may win before that, from the same host, the host
// of the signalling or an allowed prefix, by four packets in a row; after that only
// another port of the same address, when the one before has been silent.
type latch struct {
	host   netip.Addr // of the SDP
	signal netip.Addr // where the trunk's signalling is
	allow  []netip.Prefix

	rival     netip.AddrPort
	rivalSSRC uint32
	rivalNext uint16

	source netip.AddrPort // accepted, and where we send
	heard  time.Duration  // last packet of source
	run    int            // of the rival's packets
	locked bool
	waits  bool // the SDP address is behind their NAT: nothing is sent before they have sent
	exact  bool // nothing but the SDP address, ever
}

// aim starts over with the address of a new description.
func (l *latch) aim(sdp netip.AddrPort, c *LegConfig) {
	*l = latch{source: sdp, host: sdp.Addr(), exact: c.Loopback, signal: c.Signal, allow: c.Sources}
	if sdp.IsValid() && !c.Loopback && c.Signal.IsValid() && !inside(c.Signal) && inside(sdp.Addr()) {
		l.source, l.waits = netip.AddrPort{}, true
	}
}

// inside tells an address that nobody outside a network can reach (RFC 1918, 6598,
// 3927, 4193).
func inside(ip netip.Addr) bool {
	return ip.IsPrivate() || ip.IsLoopback() || ip.IsLinkLocalUnicast() || sharedSpace.Contains(ip)
}

var sharedSpace = netip.MustParsePrefix("100.64.0.0/10")

// admit tells whether a packet with an agreed payload type belongs to the call.
func (l *latch) admit(from netip.AddrPort, h header, now time.Duration) bool {
	if from == l.source {
		l.locked, l.heard, l.run = true, now, 0
		return true
	}
	if !l.possible(from) || l.locked && (now-l.heard < latchSilence || from.Addr() != l.source.Addr()) {
		return false
	}
	if from != l.rival || h.ssrc != l.rivalSSRC || h.seq != l.rivalNext {
		l.run = 0
	}
	l.rival, l.rivalSSRC, l.rivalNext = from, h.ssrc, h.seq+1
	l.run++
	if l.run < latchProbation {
		return false
	}
	l.source, l.locked, l.waits, l.heard, l.run = from, true, false, now, 0
	return true
}

// possible tells whether a source could ever win.
func (l *latch) possible(from netip.AddrPort) bool {
	switch {
	case from == l.source:
		return true
	case l.exact, !l.source.IsValid() && !l.waits:
		return false
	}
	return l.plausible(from.Addr())
}

func (l *latch) plausible(ip netip.Addr) bool {
	if ip == l.host || ip == l.signal {
		return true
	}
	for _, p := range l.allow {
		if p.Contains(ip) {
			return true
		}
	}
	return false
}
