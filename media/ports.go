package media

import (
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"time"
)

// ErrNoPorts is returned by Open when every port is in use or resting.
var ErrNoPorts = errors.New("no free RTP port")

// quarantine is how long a port rests after a call, so that late packets of the
// old call do not reach the next one.
const quarantine = 5 * time.Second

// ports hands out even ports, the longest unused first.
type ports struct {
	mu   sync.Mutex
	free []freePort // oldest first
}

type freePort struct {
	port  int
	since time.Time // zero: never used
}

// newPorts takes the even ports whose odd neighbour is in the range too.
func newPorts(low, high int) (*ports, error) {
	if low < 1 || high > 65535 || low > high {
		return nil, fmt.Errorf("RTP ports %d to %d: want 1 ≤ min ≤ max ≤ 65535", low, high)
	}
	p := &ports{}
	for port := low + low%2; port+1 <= high; port += 2 {
		p.free = append(p.free, freePort{port: port})
	}
	if len(p.free) == 0 {
		return nil, fmt.Errorf("RTP ports %d to %d: no even port with its odd neighbour", low, high)
	}
	return p, nil
}

// take gives the port that has rested longest, at least the quarantine.
func (p *ports) take(now time.Time) (int, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.free) == 0 {
		return 0, false
	}
	first := p.free[0]
	if !first.since.IsZero() && now.Sub(first.since) < quarantine {
		return 0, false
	}
	p.free = p.free[1:]
	return first.port, true
}

// release puts a port at the end of the queue.
func (p *ports) release(port int, now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.free = append(p.free, freePort{port, now})
}

// bind takes ports until one pair can be bound. A port somebody else holds goes
// to the end of the queue like a used one.
func (p *ports) bind(ip netip.Addr, listen ListenFunc) (port int, rtp, rtcp Packets, err error) {
	for {
		now := time.Now()
		port, ok := p.take(now)
		if !ok {
			return 0, nil, nil, ErrNoPorts
		}
		rtp, rtcp, err := bindPair(ip, port, listen)
		if err == nil {
			return port, rtp, rtcp, nil
		}
		p.release(port, now)
		if !errors.Is(err, ErrOccupied) {
			return 0, nil, nil, err
		}
	}
}

func bindPair(ip netip.Addr, port int, listen ListenFunc) (rtp, rtcp Packets, err error) {
	rtp, err = listen(netip.AddrPortFrom(ip, uint16(port)))
	if err != nil {
		return nil, nil, err
	}
	rtcp, err = listen(netip.AddrPortFrom(ip, uint16(port+1)))
	if err != nil {
		_ = rtp.Close()
		return nil, nil, err
	}
	if r, ok := rtcp.(interface{ stampAll() }); ok {
		r.stampAll() // round trips are measured by it, and it is looked at but every three seconds
	}
	return rtp, rtcp, nil
}
