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

// A latch decides whose packets are the call's. The SDP address is right from
// the first packet; another source may only win before that, or after silence,
// from the same host or an allowed prefix, by four packets in a row.
type latch struct {
	source netip.AddrPort // accepted, and where we send
	host   netip.Addr     // of the SDP
	exact  bool           // nothing but the SDP address, ever
	allow  []netip.Prefix
	locked bool
	heard  time.Duration // last packet of source

	rival     netip.AddrPort
	rivalSSRC uint32
	rivalNext uint16
	run       int
}

// aim starts over with the address of a new description.
func (l *latch) aim(sdp netip.AddrPort, exact bool, allow []netip.Prefix) {
	*l = latch{source: sdp, host: sdp.Addr(), exact: exact, allow: allow}
}

// admit tells whether a packet with an agreed payload type belongs to the call.
func (l *latch) admit(from netip.AddrPort, h header, now time.Duration) bool {
	if from == l.source {
		l.locked, l.heard, l.run = true, now, 0
		return true
	}
	if l.exact || !l.source.IsValid() || l.locked && now-l.heard < latchSilence || !l.plausible(from.Addr()) {
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
	l.source, l.locked, l.heard, l.run = from, true, now, 0
	return true
}

func (l *latch) plausible(ip netip.Addr) bool {
	if ip == l.host {
		return true
	}
	for _, p := range l.allow {
		if p.Contains(ip) {
			return true
		}
	}
	return false
}
