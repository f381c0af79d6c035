package sip

import (
	"bytes"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// admitFor is how long a trunk's address stays admitted after its last
	// call began or ended, or it was looked up last; far longer than any call.
	admitFor = 4 * time.Hour

	// minPacket is shorter than any SIP message; what is shorter is a NAT
	// keep-alive or noise.
	minPacket = 32
)

// door drops packets that no trunk in use has sent, before they are parsed and
// before sipgo keeps a pool entry for their source.
type door struct {
	mu       sync.RWMutex
	admitted map[netip.Addr]time.Time
	dropped  atomic.Uint64

	ours  func(callID []byte) bool // whether a call of ours has this Call-ID
	flood flood
}

// admit lets packets of these addresses in.
func (d *door) admit(ips []netip.Addr) {
	now := time.Now()
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.admitted == nil {
		d.admitted = map[netip.Addr]time.Time{}
	}
	for ip, since := range d.admitted {
		if now.Sub(since) > admitFor {
			delete(d.admitted, ip)
		}
	}
	for _, ip := range ips {
		d.admitted[ip] = now
	}
}

// open reports whether packets of this address come in.
func (d *door) open(ip netip.Addr) bool {
	d.mu.RLock()
	defer d.mu.RUnlock()
	since, ok := d.admitted[ip]
	return ok && time.Since(since) <= admitFor
}

// lets reports whether a datagram comes in.
func (d *door) lets(from netip.AddrPort, data []byte) bool {
	if !d.open(from.Addr()) || !looksLikeSIP(data) || !cleanLines(data) ||
		!d.ours(rawCallID(data)) && !d.flood.allows(from, time.Now()) {
		d.dropped.Add(1)
		return false
	}
	return true
}

// cleanLines reports whether the header's lines all end in CRLF. sipgo accepts a
// lone LF inside a value; repeated in a request of ours (a nonce, a tag, a
// route) it would start a header line for a less careful reader.
func cleanLines(data []byte) bool {
	head, _, _ := bytes.Cut(data, []byte("\r\n\r\n"))
	ends := bytes.Count(head, []byte("\r\n"))
	return bytes.Count(head, []byte{'\r'}) == ends && bytes.Count(head, []byte{'\n'}) == ends && bytes.IndexByte(head, 0) < 0
}

// looksLikeSIP looks at the first byte: a method or "SIP/2.0" begins with a
// capital letter, RTP and STUN do not.
func looksLikeSIP(data []byte) bool {
	return len(data) >= minPacket && data[0] >= 'A' && data[0] <= 'Z'
}
