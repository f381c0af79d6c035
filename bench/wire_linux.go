package bench

import (
	"fmt"
	"os"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// The wheel of the media engine: slots of 2 ms, calls spread over ten of them.
const (
	Slot   = 2 * time.Millisecond
	Phases = 10
)

// PacketSize is an RTP header and 20 ms of G.711.
const PacketSize = 12 + 160

// FarKey is key and salt of the far end that speaks SRTP; nothing secret is said.
var FarKey = [28]byte{'a', ' ', 'k', 'e', 'y', ' ', 'f', 'o', 'r', ' ', 'b', 'e', 'n', 'c', 'h'}

// A Wire is one UDP socket on 127.0.0.1 used by system calls alone.
type Wire struct {
	Port int
	To   unix.RawSockaddrInet4 // where Send sends
	From unix.RawSockaddrInet4 // whom ReceiveFrom heard

	fd   int
	size uint32
}

// Bind opens a wire on a port of the kernel's choice.
func Bind() (*Wire, error) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, os.NewSyscallError("socket", err)
	}
	if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, 32<<10); err != nil {
		return nil, os.NewSyscallError("setsockopt", err)
	}
	if err := unix.Bind(fd, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		return nil, os.NewSyscallError("bind", err)
	}
	at, err := unix.Getsockname(fd)
	if err != nil {
		return nil, os.NewSyscallError("getsockname", err)
	}
	v4, ok := at.(*unix.SockaddrInet4)
	if !ok {
		return nil, fmt.Errorf("an IPv4 socket is bound to %T", at)
	}
	return &Wire{Port: v4.Port, fd: fd}, nil
}

// BindAll opens n wires.
func BindAll(n int) ([]*Wire, error) {
	wires := make([]*Wire, n)
	for i := range wires {
		var err error
		if wires[i], err = Bind(); err != nil {
			return nil, fmt.Errorf("opening socket %d of %d: %w", i+1, n, err)
		}
	}
	return wires, nil
}

// Aim has Send send to a port of 127.0.0.1.
func (w *Wire) Aim(port int) {
	w.To = unix.RawSockaddrInet4{Family: unix.AF_INET, Addr: [4]byte{127, 0, 0, 1}}
	at := (*[2]byte)(unsafe.Pointer(&w.To.Port)) // on the wire, high byte first
	at[0], at[1] = byte(port>>8), byte(port)
}

// Send hands over one datagram.
func (w *Wire) Send(b []byte) bool {
	_, _, errno := unix.RawSyscall6(unix.SYS_SENDTO, uintptr(w.fd), uintptr(unsafe.Pointer(unsafe.SliceData(b))),
		uintptr(len(b)), unix.MSG_DONTWAIT, uintptr(unsafe.Pointer(&w.To)), unsafe.Sizeof(w.To))
	return errno == 0
}

// Receive takes one waiting datagram, whoever sent it.
func (w *Wire) Receive(b []byte) bool {
	_, _, errno := unix.RawSyscall6(unix.SYS_RECVFROM, uintptr(w.fd), uintptr(unsafe.Pointer(unsafe.SliceData(b))),
		uintptr(len(b)), unix.MSG_DONTWAIT, 0, 0)
	return errno == 0
}

// ReceiveFrom is Receive with the sender left in From.
func (w *Wire) ReceiveFrom(b []byte) bool {
	w.size = uint32(unsafe.Sizeof(w.From))
	_, _, errno := unix.RawSyscall6(unix.SYS_RECVFROM, uintptr(w.fd), uintptr(unsafe.Pointer(unsafe.SliceData(b))),
		uintptr(len(b)), unix.MSG_DONTWAIT, uintptr(unsafe.Pointer(&w.From)), uintptr(unsafe.Pointer(&w.size)))
	return errno == 0
}

// Stamp has the kernel note when each datagram comes in, for Take.
func (w *Wire) Stamp() error {
	return os.NewSyscallError("setsockopt", unix.SetsockoptInt(w.fd, unix.SOL_SOCKET, unix.SO_TIMESTAMPNS, 1))
}

// Take is ReceiveFrom that tells the datagram's size and, of a wire with Stamp,
// when it came: over loopback that is when it was sent, however late it is taken.
func (w *Wire) Take(b []byte) (n int, at time.Time, ok bool) {
	var control [64]byte
	iov := unix.Iovec{Base: unsafe.SliceData(b), Len: uint64(len(b))}
	msg := unix.Msghdr{Name: (*byte)(unsafe.Pointer(&w.From)), Namelen: uint32(unsafe.Sizeof(w.From)), Iov: &iov, Iovlen: 1, Control: &control[0]}
	msg.SetControllen(len(control))
	got, _, errno := unix.RawSyscall(unix.SYS_RECVMSG, uintptr(w.fd), uintptr(unsafe.Pointer(&msg)), unix.MSG_DONTWAIT)
	if errno != 0 {
		return 0, at, false
	}
	if head := (*unix.Cmsghdr)(unsafe.Pointer(&control[0])); int(msg.Controllen) >= unix.CmsgLen(int(unsafe.Sizeof(unix.Timespec{}))) && head.Type == unix.SO_TIMESTAMPNS {
		t := (*unix.Timespec)(unsafe.Pointer(&control[unix.CmsgLen(0)]))
		at = time.Unix(t.Sec, t.Nsec)
	}
	return int(got), at, true
}

// A Wheel tells one thread when its slots are due, by an absolute schedule.
type Wheel struct {
	began time.Time // tick 0
	base  int64     // the same by CLOCK_MONOTONIC
	Tick  int64
	until unix.Timespec
}

// NearPhase is when a measured wheel turns after the far end's. Two that turn at
// the same moment contend for the kernel's memory, and how much so would be chance.
const NearPhase = Slot / 2

// NewWheel begins with the next slot of the machine's clock and a phase.
func NewWheel(phase time.Duration) (*Wheel, error) {
	wait, now, err := untilPhase(phase)
	if err != nil {
		return nil, err
	}
	return &Wheel{began: time.Now().Add(wait), base: now + int64(wait)}, nil
}

// SleepToPhase returns when a wheel with that phase would begin.
func SleepToPhase(phase time.Duration) error {
	wait, now, err := untilPhase(phase)
	if err != nil {
		return err
	}
	sleepUntil(unix.NsecToTimespec(now + int64(wait))) // time.Sleep may be a millisecond late
	return nil
}

// sleepUntil keeps the thread in the kernel until a time of CLOCK_MONOTONIC.
func sleepUntil(until unix.Timespec) {
	for {
		if err := unix.ClockNanosleep(unix.CLOCK_MONOTONIC, unix.TIMER_ABSTIME, &until, nil); err != unix.EINTR {
			return
		}
	}
}

func untilPhase(phase time.Duration) (wait time.Duration, now int64, err error) {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts); err != nil {
		return 0, 0, os.NewSyscallError("clock_gettime", err)
	}
	now = ts.Nano()
	return Slot - time.Duration(now-int64(phase))%Slot, now, nil
}

// Next sleeps until the next slot is due; it does not sleep when that is past.
func (w *Wheel) Next() {
	w.Tick++
	w.until = unix.NsecToTimespec(w.base + w.Tick*int64(Slot))
	for {
		_, _, errno := unix.RawSyscall6(unix.SYS_CLOCK_NANOSLEEP, unix.CLOCK_MONOTONIC, unix.TIMER_ABSTIME,
			uintptr(unsafe.Pointer(&w.until)), 0, 0, 0)
		if errno != unix.EINTR {
			return
		}
	}
}

// Late is how far behind its slot the thread is now.
func (w *Wheel) Late() time.Duration { return time.Since(w.began) - time.Duration(w.Tick)*Slot }
