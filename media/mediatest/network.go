package mediatest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"time"
)

// ErrOccupied is returned by Listen when the address is taken.
var ErrOccupied = errors.New("address is occupied")

// A Network carries datagrams in memory: at once, in order, and without a
// goroutine, so that virtual time works. Its zero value is ready.
type Network struct {
	// Copies says how often a datagram arrives: 0 loses it, 2 repeats it. nil is once.
	Copies func(from, to netip.AddrPort, b []byte) int

	mu      sync.Mutex
	sockets map[netip.AddrPort]*Socket
}

// A Socket is one bound address; it has the methods of media.Packets, and Next.
type Socket struct {
	net  *Network
	at   netip.AddrPort
	more chan struct{} // holds a token when the queue may have something

	mu     sync.Mutex
	queue  []memoryDatagram
	closed bool
}

type memoryDatagram struct {
	b    []byte
	from netip.AddrPort
	at   time.Time
}

// socketRoom is what a socket holds before it loses the newest, like a kernel's.
const socketRoom = 256

// Listen binds an address.
func (n *Network) Listen(at netip.AddrPort) (*Socket, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.sockets == nil {
		n.sockets = map[netip.AddrPort]*Socket{}
	}
	if n.sockets[at] != nil {
		return nil, fmt.Errorf("binding %s: %w", at, ErrOccupied)
	}
	s := &Socket{net: n, at: at, more: make(chan struct{}, 1)}
	n.sockets[at] = s
	return s, nil
}

// Addr is the bound address.
func (s *Socket) Addr() netip.AddrPort { return s.at }

// Send gives b to whoever has the address; nobody is no error, as in UDP.
func (s *Socket) Send(b []byte, to netip.AddrPort) error {
	s.net.mu.Lock()
	other, copies := s.net.sockets[to], s.net.Copies
	s.net.mu.Unlock()
	if other == nil {
		return nil
	}
	times := 1
	if copies != nil {
		times = copies(s.at, to, b)
	}
	for range times {
		other.put(memoryDatagram{append([]byte(nil), b...), s.at, time.Now()})
	}
	return nil
}

func (s *Socket) put(d memoryDatagram) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || len(s.queue) == socketRoom {
		return
	}
	s.queue = append(s.queue, d)
	select {
	case s.more <- struct{}{}:
	default:
	}
}

// Receive takes the next datagram without waiting.
func (s *Socket) Receive(b []byte) (n int, from netip.AddrPort, at time.Time, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.queue) == 0 {
		return 0, from, at, false
	}
	d := s.queue[0]
	s.queue = s.queue[1:]
	return copy(b, d.b), d.from, d.at, true
}

// Next waits for a datagram. One goroutine may wait.
func (s *Socket) Next(ctx context.Context) (b []byte, from netip.AddrPort, err error) {
	b = make([]byte, 2048)
	for {
		if n, from, _, ok := s.Receive(b); ok {
			return b[:n], from, nil
		}
		select {
		case _, open := <-s.more:
			if !open {
				return nil, from, net.ErrClosed
			}
		case <-ctx.Done():
			return nil, from, ctx.Err()
		}
	}
}

// Close frees the address.
func (s *Socket) Close() error {
	s.net.mu.Lock()
	delete(s.net.sockets, s.at)
	s.net.mu.Unlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.closed {
		s.closed = true
		close(s.more)
	}
	return nil
}
