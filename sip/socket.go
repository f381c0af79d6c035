package sip

import (
	"bytes"
	"net"
	"net/netip"
	"sync"

	gosip "github.com/emiago/sipgo/sip"
)

// socket is the one all datagrams go through, as sipgo reads it: responses are
// taken out and given to their calls by the goroutine that reads, in the order
// they came; sipgo would start a goroutine for each. Requests are left to it.
type socket struct {
	net.PacketConn
	udp     *net.UDPConn // nil in tests that bring their own network
	direct  *direct      // nil where the system has no such way
	agent   *Agent
	parser  *gosip.Parser
	once    sync.Once
	reading chan struct{} // closed when sipgo reads: only then does its pool know the socket
}

func newSocket(a *Agent, conn net.PacketConn) *socket {
	udp, _ := conn.(*net.UDPConn)
	return &socket{PacketConn: conn, udp: udp, direct: newDirect(udp), agent: a, parser: gosip.NewParser(), reading: make(chan struct{})}
}

// ReadFrom returns the next packet that is none of a call's answers.
func (s *socket) ReadFrom(b []byte) (int, net.Addr, error) {
	s.once.Do(func() { close(s.reading) })
	for {
		n, from, err := s.read(b)
		if err != nil {
			return 0, nil, err
		}
		if !s.agent.door.lets(from, b[:n]) {
			continue
		}
		if !bytes.HasPrefix(b[:n], []byte("SIP/")) {
			return n, net.UDPAddrFromAddrPort(from), nil
		}
		s.take(b[:n], from)
	}
}

func (s *socket) read(b []byte) (int, netip.AddrPort, error) {
	if s.direct != nil {
		return s.direct.read(b)
	}
	if s.udp != nil {
		n, from, err := s.udp.ReadFromUDPAddrPort(b)
		return n, netip.AddrPortFrom(from.Addr().Unmap(), from.Port()), err
	}
	n, from, err := s.PacketConn.ReadFrom(b)
	if udp, ok := from.(*net.UDPAddr); ok {
		ap := udp.AddrPort()
		return n, netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port()), err
	}
	return n, netip.AddrPort{}, err
}

// take parses a response and gives it to whom it answers.
func (s *socket) take(b []byte, from netip.AddrPort) {
	m, err := s.parser.ParseSIP(b)
	if err != nil {
		s.agent.noise.Warn("failed to parse a response")
		return
	}
	res, ok := m.(*gosip.Response)
	if !ok {
		return
	}
	res.SetTransport("UDP")
	res.SetSource(from.String())
	s.agent.onResponse(res)
}

func (s *socket) write(b []byte, to netip.AddrPort) error {
	if s.direct != nil {
		return s.direct.write(b, to)
	}
	if s.udp != nil {
		_, err := s.udp.WriteToUDPAddrPort(b, to)
		return err
	}
	_, err := s.PacketConn.WriteTo(b, net.UDPAddrFromAddrPort(to))
	return err
}
