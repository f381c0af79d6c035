//go:build unix

package siptest

import (
	"fmt"
	"net/netip"
	"syscall"
)

// socket is a UDP socket outside Go's poller: the pacing goroutine visits it
// every 20 ms anyway, so nothing needs to be woken by a packet.
type socket struct {
	fd   int
	port int
	far  bool // connected
}

func openSocket(ip netip.Addr, port int) (*socket, error) {
	family := syscall.AF_INET
	if ip.Is6() {
		family = syscall.AF_INET6
	}
	fd, err := syscall.Socket(family, syscall.SOCK_DGRAM, 0)
	if err != nil {
		return nil, fmt.Errorf("opening an RTP socket: %w", err)
	}
	syscall.CloseOnExec(fd)
	if err = syscall.SetNonblock(fd, true); err == nil {
		err = syscall.Bind(fd, sockaddr(netip.AddrPortFrom(ip, uint16(port))))
	}
	if err != nil {
		syscall.Close(fd)
		return nil, fmt.Errorf("binding RTP port %d: %w", port, err)
	}
	return &socket{fd: fd, port: port}, nil
}

func sockaddr(a netip.AddrPort) syscall.Sockaddr {
	if a.Addr().Is4() {
		return &syscall.SockaddrInet4{Port: int(a.Port()), Addr: a.Addr().As4()}
	}
	return &syscall.SockaddrInet6{Port: int(a.Port()), Addr: a.Addr().As16()}
}

// aim connects the socket: write sends there and read hears only from there,
// so that stray packets on a busy machine are never counted.
func (s *socket) aim(a netip.AddrPort) { s.far = syscall.Connect(s.fd, sockaddr(a)) == nil }

// write sends one packet; like any network it may lose it.
func (s *socket) write(b []byte) bool {
	if !s.far {
		return false
	}
	_, err := syscall.Write(s.fd, b)
	return err == nil
}

// read returns the next waiting packet, or false at once.
func (s *socket) read(b []byte) (int, bool) {
	n, err := syscall.Read(s.fd, b)
	return n, err == nil && n >= 0
}

func (s *socket) close() { syscall.Close(s.fd) }
