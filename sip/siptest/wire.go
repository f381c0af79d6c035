package siptest

import (
	"net"
	"slices"
	"sync"
)

// wireRoom is how many datagrams may be under way; more are lost, as on a
// network.
const wireRoom = 1024

// Wire is a network of two addresses such as "127.0.0.1:5060" without sockets,
// for tests in virtual time (testing/synctest): what one end writes the other
// reads, in order.
func Wire(a, b string) (net.PacketConn, net.PacketConn) {
	ab, ba := make(chan []byte, wireRoom), make(chan []byte, wireRoom)
	ua, ub := udpAddr(a), udpAddr(b)
	return &wireEnd{local: ua, remote: ub, in: ba, out: ab, closed: make(chan struct{})},
		&wireEnd{local: ub, remote: ua, in: ab, out: ba, closed: make(chan struct{})}
}

func udpAddr(s string) *net.UDPAddr {
	a, err := net.ResolveUDPAddr("udp", s)
	if err != nil {
		panic("siptest: " + s + " is no UDP address") // of a test's own making
	}
	return a
}

type wireEnd struct {
	net.PacketConn // nil: deadlines are not for wires
	local, remote  *net.UDPAddr
	in, out        chan []byte
	once           sync.Once
	closed         chan struct{}
}

func (w *wireEnd) ReadFrom(b []byte) (int, net.Addr, error) {
	select {
	case raw := <-w.in:
		return copy(b, raw), w.remote, nil
	case <-w.closed:
		return 0, nil, net.ErrClosed
	}
}

func (w *wireEnd) WriteTo(b []byte, _ net.Addr) (int, error) {
	select {
	case <-w.closed:
		return 0, net.ErrClosed
	default:
	}
	select {
	case w.out <- slices.Clone(b):
	default:
	}
	return len(b), nil
}

func (w *wireEnd) LocalAddr() net.Addr { return w.local }

func (w *wireEnd) Close() error {
	w.once.Do(func() { close(w.closed) })
	return nil
}
