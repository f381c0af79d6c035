package sip

import (
	"bytes"
	"net/netip"
	"sync"
	"time"
)

const (
	// strangeRate and strangeBurst are how many packets that belong to no call
	// of ours one address may send a second, and at once: pings, calls that come
	// in, answers to our registrations.
	strangeRate  = 200
	strangeBurst = 400

	// strangePorts is how many ports of one address may send such packets:
	// sipgo keeps every source it has read from for good.
	strangePorts = 64

	// maxSources bounds the addresses we count; trunks have few.
	maxSources = 1024
)

// flood measures what addresses send that belongs to no call, before it is
// parsed. Whoever forges a trunk's address can thereby cost us no more than a
// careless trunk would; packets of our calls are not counted.
type flood struct {
	mu      sync.Mutex
	sources map[netip.Addr]*source
}

// source is the token bucket of one address.
type source struct {
	tokens float64
	at     time.Time
	ports  map[uint16]bool
}

// allows takes a token; false when the address has sent too much.
func (f *flood) allows(from netip.AddrPort, now time.Time) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	s := f.sources[from.Addr()]
	if s == nil {
		if len(f.sources) >= maxSources {
			f.sources = nil // strangers cannot get here; so many trunks start anew
		}
		if f.sources == nil {
			f.sources = map[netip.Addr]*source{}
		}
		s = &source{tokens: strangeBurst, at: now, ports: map[uint16]bool{}}
		f.sources[from.Addr()] = s
	}
	s.tokens = min(strangeBurst, s.tokens+now.Sub(s.at).Seconds()*strangeRate)
	s.at = now
	if s.tokens < 1 {
		return false
	}
	if !s.ports[from.Port()] {
		if len(s.ports) >= strangePorts {
			return false
		}
		s.ports[from.Port()] = true
	}
	s.tokens--
	return true
}

// rawCallID finds the Call-ID in an unparsed message, nil when there is none.
// To be wrong is to count a packet of a call as a stranger's, no more.
func rawCallID(data []byte) []byte {
	for len(data) > 0 {
		line, rest, found := bytes.Cut(data, []byte("\r\n"))
		if !found || len(line) == 0 {
			return nil
		}
		data = rest
		name, value, found := bytes.Cut(line, []byte(":"))
		if !found {
			continue
		}
		name = bytes.TrimSpace(name)
		if len(name) == 1 && name[0]|0x20 == 'i' || len(name) == 7 && bytes.EqualFold(name, []byte("Call-ID")) {
			return bytes.TrimSpace(value)
		}
	}
	return nil
}
