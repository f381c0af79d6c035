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
	fd   int
	from unix.RawSockaddrInet6 // large enough for both families
	to4  unix.RawSockaddrInet4
	to6  unix.RawSockaddrInet6

	message unix.Msghdr
	vector  unix.Iovec
	control [8]uint64 // aligned as a control message wants to be
}

const timestampSize = int(unsafe.Sizeof(unix.Timespec{}))

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
	_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_TIMESTAMPNS, 1)
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
	return &rawUDP{fd: fd}, nil
}

func (u *rawUDP) Receive(b []byte) (int, netip.AddrPort, time.Time, bool) {
	u.vector = unix.Iovec{Base: unsafe.SliceData(b)}
	u.vector.SetLen(len(b))
	u.message = unix.Msghdr{Name: (*byte)(unsafe.Pointer(&u.from)), Namelen: uint32(unsafe.Sizeof(u.from)), Iov: &u.vector}
	u.message.SetIovlen(1)
	u.message.Control = (*byte)(unsafe.Pointer(&u.control[0]))
	u.message.SetControllen(int(unsafe.Sizeof(u.control)))
	n, _, errno := unix.RawSyscall(unix.SYS_RECVMSG, uintptr(u.fd), uintptr(unsafe.Pointer(&u.message)), unix.MSG_DONTWAIT)
	u.vector.Base = nil // b is the caller's again
	if errno != 0 {
		return 0, netip.AddrPort{}, time.Time{}, false
	}
	return int(n), u.source(), u.arrived(), true
}

// arrived reads the kernel's time of the datagram, the only control message asked for.
func (u *rawUDP) arrived() time.Time {
	head := (*unix.Cmsghdr)(unsafe.Pointer(&u.control[0]))
	if u.message.Controllen < uint64(unix.CmsgLen(timestampSize)) ||
		head.Level != unix.SOL_SOCKET || head.Type != unix.SCM_TIMESTAMPNS {
		return time.Time{}
	}
	at := (*unix.Timespec)(unsafe.Add(unsafe.Pointer(&u.control[0]), unix.CmsgLen(0)))
	return time.Unix(at.Sec, at.Nsec)
}

// source reads the address the kernel left; its port is in network order.
func (u *rawUDP) source() netip.AddrPort {
	if u.from.Family == unix.AF_INET {
		in := (*unix.RawSockaddrInet4)(unsafe.Pointer(&u.from))
		return netip.AddrPortFrom(netip.AddrFrom4(in.Addr), networkOrder(in.Port))
	}
	return netip.AddrPortFrom(netip.AddrFrom16(u.from.Addr).Unmap(), networkOrder(u.from.Port))
}

func (u *rawUDP) Send(b []byte, to netip.AddrPort) error {
	var at unsafe.Pointer
	var size uintptr
	if to.Addr().Is4() {
		u.to4 = unix.RawSockaddrInet4{Family: unix.AF_INET, Port: networkOrder(to.Port()), Addr: to.Addr().As4()}
		at, size = unsafe.Pointer(&u.to4), unsafe.Sizeof(u.to4)
	} else {
		u.to6 = unix.RawSockaddrInet6{Family: unix.AF_INET6, Port: networkOrder(to.Port()), Addr: to.Addr().As16()}
		at, size = unsafe.Pointer(&u.to6), unsafe.Sizeof(u.to6)
	}
	_, _, errno := unix.RawSyscall6(unix.SYS_SENDTO, uintptr(u.fd),
		uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b)), unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL,
		uintptr(at), size)
	if errno != 0 {
		return errno
	}
	return nil
}

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
