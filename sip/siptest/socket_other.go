//go:build !unix

package siptest

import (
	"fmt"
	"net"
	"net/netip"
	"sync/atomic"
)

// socket is a UDP socket with a reader of its own, where there are no raw
// non-blocking sockets.
type socket struct {
	conn *net.UDPConn
	port int
	to   atomic.Pointer[netip.AddrPort]
	in   chan []byte // 64 packets: more than a second, then the newest are lost
	done chan struct{}
}

func openSocket(ip netip.Addr, port int) (*socket, error) {
	conn, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.AddrPortFrom(ip, uint16(port))))
	if err != nil {
		return nil, fmt.Errorf("binding RTP port %d: %w", port, err)
	}
	s := &socket{conn: conn, port: port, in: make(chan []byte, 64), done: make(chan struct{})}
	go s.pump()
	return s, nil
}

func (s *socket) pump() {
	defer close(s.done)
	for {
		b := make([]byte, 1500)
		n, from, err := s.conn.ReadFromUDPAddrPort(b)
		if err != nil {
			return
		}
		if to := s.to.Load(); to == nil || *to != netip.AddrPortFrom(from.Addr().Unmap(), from.Port()) {
			continue
		}
		select {
		case s.in <- b[:n]:
		default:
		}
	}
}

// aim sets where write sends and what alone read hears.
func (s *socket) aim(a netip.AddrPort) { s.to.Store(&a) }

// write sends one packet; like any network it may lose it.
func (s *socket) write(b []byte) bool {
	to := s.to.Load()
	if to == nil {
		return false
	}
	_, err := s.conn.WriteToUDPAddrPort(b, *to)
	return err == nil
}

// read returns the next waiting packet, or false at once.
func (s *socket) read(b []byte) (int, bool) {
	select {
	case p := <-s.in:
		return copy(b, p), true
	default:
		return 0, false
	}
}

func (s *socket) close() {
	s.conn.Close()
	<-s.done
}
