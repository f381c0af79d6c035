package sip

import (
	"encoding/binary"
	"net"
	"net/netip"
	"os"
	"sync"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// direct reads and writes our socket by raw system calls. They never wait: the
// socket is non-blocking, and the runtime's poller says when there is something
// to read. Package net announces each call to the scheduler instead, which wakes
// the runtime's monitor thread whenever the process was idle: at 50 calls a
// second that was half of all the time a call took (measured: five futexes and
// eleven naps a call).
type direct struct {
	conn syscall.RawConn
	ipv4 bool
	in   *packet
	out  sync.Pool // of *packet
}

// newDirect is nil when a socket cannot be used so.
func newDirect(conn *net.UDPConn) *direct {
	if conn == nil {
		return nil
	}
	raw, err := conn.SyscallConn()
	if err != nil {
		return nil
	}
	d := &direct{conn: raw, in: newPacket(), out: sync.Pool{New: func() any { return newPacket() }}}
	var domain int
	err = raw.Control(func(fd uintptr) { domain, err = unix.GetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_DOMAIN) })
	if err != nil {
		return nil
	}
	d.ipv4 = domain == unix.AF_INET
	return d
}

// read is for the one goroutine that reads.
func (d *direct) read(b []byte) (int, netip.AddrPort, error) {
	in := d.in
	in.buffer = b
	if err := d.conn.Read(in.receive); err != nil {
		return 0, netip.AddrPort{}, err
	}
	return in.n, addressOf(&in.from), in.err
}

// packet is one on its way in or out.
type packet struct {
	buffer []byte
	from   unix.RawSockaddrInet6 // or to; the larger of the two kinds
	size   uint32
	n      int
	err    error

	receive, send func(fd uintptr) bool // the methods, bound once
}

func newPacket() *packet {
	p := new(packet)
	p.receive, p.send = p.recvfrom, p.sendto
	return p
}

// recvfrom reports whether there was a packet.
func (p *packet) recvfrom(fd uintptr) bool {
	return p.call("recvfrom", func() (uintptr, syscall.Errno) {
		p.size = uint32(unsafe.Sizeof(p.from))
		n, _, errno := syscall.RawSyscall6(unix.SYS_RECVFROM, fd, uintptr(unsafe.Pointer(unsafe.SliceData(p.buffer))), uintptr(len(p.buffer)),
			unix.MSG_DONTWAIT, uintptr(unsafe.Pointer(&p.from)), uintptr(unsafe.Pointer(&p.size)))
		return n, errno
	})
}

// sendto reports whether there was room for the packet.
func (p *packet) sendto(fd uintptr) bool {
	return p.call("sendto", func() (uintptr, syscall.Errno) {
		n, _, errno := syscall.RawSyscall6(unix.SYS_SENDTO, fd, uintptr(unsafe.Pointer(unsafe.SliceData(p.buffer))), uintptr(len(p.buffer)),
			unix.MSG_DONTWAIT, uintptr(unsafe.Pointer(&p.from)), uintptr(p.size))
		return n, errno
	})
}

// call keeps what a system call says; false means that the poller must wait.
func (p *packet) call(name string, do func() (uintptr, syscall.Errno)) bool {
	for {
		n, errno := do()
		switch errno {
		case 0:
			p.n, p.err = int(n), nil
			return true
		case unix.EINTR:
		case unix.EAGAIN:
			return false
		default:
			p.n, p.err = 0, os.NewSyscallError(name, errno)
			return true
		}
	}
}

// write may be called by many.
func (d *direct) write(b []byte, to netip.AddrPort) error {
	p := d.out.Get().(*packet)
	defer d.out.Put(p)
	p.buffer, p.from = b, unix.RawSockaddrInet6{}
	p.size = d.sockaddr(&p.from, to)
	err := d.conn.Write(p.send)
	if err == nil {
		err = p.err
	}
	p.buffer = nil
	if err != nil {
		return &net.OpError{Op: "write", Net: "udp", Addr: net.UDPAddrFromAddrPort(to), Err: err}
	}
	return nil
}

// sockaddr writes an address as the kernel reads it. An IPv6 socket takes IPv4
// addresses mapped (RFC 4291 2.5.5.2).
func (d *direct) sockaddr(sa *unix.RawSockaddrInet6, to netip.AddrPort) uint32 {
	port := (*[2]byte)(unsafe.Pointer(&sa.Port)) // at the same place in both
	binary.BigEndian.PutUint16(port[:], to.Port())
	if ip := to.Addr().Unmap(); d.ipv4 && ip.Is4() {
		sa4 := (*unix.RawSockaddrInet4)(unsafe.Pointer(sa))
		sa4.Family, sa4.Addr = unix.AF_INET, ip.As4()
		return unix.SizeofSockaddrInet4
	}
	sa.Family, sa.Addr = unix.AF_INET6, to.Addr().As16()
	if zone := to.Addr().Zone(); zone != "" {
		if link, err := net.InterfaceByName(zone); err == nil {
			sa.Scope_id = uint32(link.Index)
		}
	}
	return unix.SizeofSockaddrInet6
}

// addressOf reads an address the kernel wrote.
func addressOf(sa *unix.RawSockaddrInet6) netip.AddrPort {
	port := binary.BigEndian.Uint16((*[2]byte)(unsafe.Pointer(&sa.Port))[:])
	if sa.Family == unix.AF_INET {
		return netip.AddrPortFrom(netip.AddrFrom4((*unix.RawSockaddrInet4)(unsafe.Pointer(sa)).Addr), port)
	}
	ip := netip.AddrFrom16(sa.Addr).Unmap()
	if sa.Scope_id != 0 && ip.Is6() {
		if link, err := net.InterfaceByIndex(int(sa.Scope_id)); err == nil {
			ip = ip.WithZone(link.Name)
		}
	}
	return netip.AddrPortFrom(ip, port)
}
