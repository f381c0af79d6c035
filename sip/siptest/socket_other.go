//go:build !unix

package siptest

import (
	"fmt"
	"net"
	"net/netip"
)

// socket is a UDP socket with a reader of its own, where there are no raw
// non-blocking sockets.
type socket struct {
	conn *net.UDPConn
	port int
	to   netip.AddrPort
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
		n, _, err := s.conn.ReadFromUDPAddrPort(b)
		if err != nil {
			return
		}
		select {
		case s.in <- b[:n]:
		default:
		}
	}
}

// aim sets where write sends.
func (s *socket) aim(a netip.AddrPort) { s.to = a }

// write sends one packet; like any network it may lose it.
func (s *socket) write(b []byte) bool {
	if !s.to.IsValid() {
		return false
	}
	_, err := s.conn.WriteToUDPAddrPort(b, s.to)
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
