package media

import (
	"errors"
	"net/netip"
	"time"
)

// Packets is one bound datagram socket as the engine needs it: nothing here waits.
// Production uses raw UDP; tests use memory and virtual time (mediatest.Network).
type Packets interface {
	// Receive copies the next datagram to b; ok is false when none is waiting. Now
	// and then, at least with every sixteenth, it says when the datagram came: that
	// may cost a system call, and jitter needs no more. Otherwise at is zero.
	Receive(b []byte) (n int, from netip.AddrPort, at time.Time, ok bool)
	// Send hands one datagram over; a full buffer is an error, never a wait.
	Send(b []byte, to netip.AddrPort) error
	// Close frees the address.
	Close() error
}

// ErrOccupied is what a Listen function wraps when somebody else has the port;
// the engine then tries the next one.
var ErrOccupied = errors.New("port is occupied")

// A ListenFunc binds one address.
type ListenFunc func(at netip.AddrPort) (Packets, error)

// receiveBuffer bounds stale audio and kernel memory per call.
const receiveBuffer = 32 << 10

// expedited is DSCP EF for voice (RFC 4594 §4.1), as the TOS byte.
const expedited = 46 << 2
