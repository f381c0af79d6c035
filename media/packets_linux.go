//go:build linux && (amd64 || arm64 || riscv64 || loong64)

package media

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// rawUDP is a non-blocking socket that Go's poller does not know. Only its
// shard uses it, so it needs no lock; its address buffers are part of it, so a
// packet costs one system call and no allocation.
type rawUDP struct {
	fd    int
	asked uint8                 // datagrams since the kernel was asked for a time
	every uint8                 // datagrams share one question
	size  uint32                // of from
	from  unix.RawSockaddrInet6 // whom Receive heard; large enough for both families
	// Where Send sent last, as the kernel has it and as Go has it: on a call it
	// hardly ever changes.
	aimed     unix.RawSockaddrInet6
	aimedSize uint32
	to        netip.AddrPort
	stamp     unix.Timespec
}

// stampEvery is how many datagrams share one question for the time of arrival.
const stampEvery = 16

// listenUDP binds a raw socket at the address.
func listenUDP(at netip.AddrPort) (Packets, error) {
	family, bind := unix.AF_INET, unix.Sockaddr(&unix.SockaddrInet4{Port: int(at.Port()), Addr: as4(at.Addr())})
	if at.Addr().Is6() {
		family, bind = unix.AF_INET6, &unix.SockaddrInet6{Port: int(at.Port()), Addr: at.Addr().As16()}
	}
	fd, err := unix.Socket(family, unix.SOCK_DGRAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("opening UDP socket: %w", err)
	}
	_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, receiveBuffer) // a wish, not a need
	if family == unix.AF_INET {
		_ = unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_TOS, expedited)
	} else {
		_ = unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_TCLASS, expedited)
	}
	if err := unix.Bind(fd, bind); err != nil {
		_ = unix.Close(fd)
		if errors.Is(err, unix.EADDRINUSE) {
			return nil, fmt.Errorf("binding %s: %w", at, ErrOccupied)
		}
		return nil, fmt.Errorf("binding %s: %w", at, os.NewSyscallError("bind", err))
	}
	u := &rawUDP{fd: fd, every: stampEvery}
	u.arrived() // nothing has; from now on the kernel notes when
	return u, nil
}

func (u *rawUDP) Receive(b []byte) (int, netip.AddrPort, time.Time, bool) {
	u.size = uint32(unsafe.Sizeof(u.from))
	n, _, errno := unix.RawSyscall6(unix.SYS_RECVFROM, uintptr(u.fd),
		uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b)), unix.MSG_DONTWAIT,
		uintptr(unsafe.Pointer(&u.from)), uintptr(unsafe.Pointer(&u.size)))
	if errno != 0 {
		return 0, netip.AddrPort{}, time.Time{}, false
	}
	if u.asked++; u.asked < u.every {
		return int(n), sourceOf(&u.from), time.Time{}, true
	}
	u.asked = 0
	return int(n), sourceOf(&u.from), u.arrived(), true
}

// stampAll has every datagram told with its time.
func (u *rawUDP) stampAll() { u.every = 1 }

// arrived asks the kernel when the last datagram came. Unlike a control message
// with every datagram, a question can be left out.
func (u *rawUDP) arrived() time.Time {
	if _, _, errno := unix.RawSyscall(unix.SYS_IOCTL, uintptr(u.fd), siocgstampns, uintptr(unsafe.Pointer(&u.stamp))); errno != 0 {
		return time.Time{}
	}
	return time.Unix(u.stamp.Sec, u.stamp.Nsec)
}

// siocgstampns is SIOCGSTAMPNS with a 64-bit timespec (linux/sockios.h); x/sys
// does not name it on every architecture.
const siocgstampns = 0x8907

// sourceOf reads the address the kernel left; its port is in network order.
func sourceOf(from *unix.RawSockaddrInet6) netip.AddrPort {
	if from.Family == unix.AF_INET {
		in := (*unix.RawSockaddrInet4)(unsafe.Pointer(from))
		return netip.AddrPortFrom(netip.AddrFrom4(in.Addr), networkOrder(in.Port))
	}
	return netip.AddrPortFrom(netip.AddrFrom16(from.Addr).Unmap(), networkOrder(from.Port))
}

func (u *rawUDP) Send(b []byte, to netip.AddrPort) error {
	if to != u.to {
		u.aim(to)
	}
	_, _, errno := unix.RawSyscall6(unix.SYS_SENDTO, uintptr(u.fd),
		uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b)), unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL,
		uintptr(unsafe.Pointer(&u.aimed)), uintptr(u.aimedSize))
	if errno != 0 {
		return errno
	}
	return nil
}

// aim writes an address as the kernel wants it.
func (u *rawUDP) aim(to netip.AddrPort) {
	u.to, u.aimed = to, unix.RawSockaddrInet6{}
	if to.Addr().Is4() {
		*(*unix.RawSockaddrInet4)(unsafe.Pointer(&u.aimed)) = unix.RawSockaddrInet4{
			Family: unix.AF_INET, Port: networkOrder(to.Port()), Addr: to.Addr().As4()}
		u.aimedSize = unix.SizeofSockaddrInet4
		return
	}
	u.aimed = unix.RawSockaddrInet6{Family: unix.AF_INET6, Port: networkOrder(to.Port()), Addr: to.Addr().As16()}
	u.aimedSize = unix.SizeofSockaddrInet6
}

// memory is what a visit reads.
func (u *rawUDP) memory() unsafe.Pointer { return unsafe.Pointer(u) }

func (u *rawUDP) Close() error { return unix.Close(u.fd) }

// networkOrder turns a port to or from the order it has on the wire.
func networkOrder(port uint16) uint16 {
	var b [2]byte
	binary.BigEndian.PutUint16(b[:], port)
	return binary.NativeEndian.Uint16(b[:])
}

// as4 is the IPv4 address, or zeros for any other.
func as4(ip netip.Addr) (four [4]byte) {
	if ip.Is4() {
		four = ip.As4()
	}
	return four
}
