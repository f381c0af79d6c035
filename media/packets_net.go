package media

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"syscall"
	"time"
)

// netUDP is the portable socket: a net.UDPConn whose reader goroutine keeps the
// newest datagrams until the shard comes by. It is used where rawUDP does not
// build, and tested everywhere.
type netUDP struct {
	conn *net.UDPConn
	done chan struct{}

	mu     sync.Mutex
	queue  [netQueue]datagram
	oldest int
	length int
}

// netQueue holds what may come between two visits; the oldest goes first.
const netQueue = 8

type datagram struct {
	b    [maxDatagram]byte
	n    int
	from netip.AddrPort
	at   time.Time
}

// listenNet binds a portable socket at the address.
func listenNet(at netip.AddrPort) (Packets, error) {
	conn, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(at))
	if err != nil {
		if errors.Is(err, syscall.EADDRINUSE) {
			return nil, fmt.Errorf("binding %s: %w", at, ErrOccupied)
		}
		return nil, fmt.Errorf("binding %s: %w", at, err)
	}
	_ = conn.SetReadBuffer(receiveBuffer)
	u := &netUDP{conn: conn, done: make(chan struct{})}
	go u.read()
	return u, nil
}

func (u *netUDP) read() {
	defer close(u.done)
	var b [maxDatagram]byte
	for {
		n, from, err := u.conn.ReadFromUDPAddrPort(b[:])
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil { // an ICMP answer to something we sent, on some systems
			continue
		}
		u.mu.Lock()
		if u.length == netQueue {
			u.oldest = (u.oldest + 1) % netQueue
			u.length--
		}
		d := &u.queue[(u.oldest+u.length)%netQueue]
		d.n, d.from = copy(d.b[:], b[:n]), netip.AddrPortFrom(from.Addr().Unmap(), from.Port())
		d.at = time.Now()
		u.length++
		u.mu.Unlock()
	}
}

func (u *netUDP) Receive(b []byte) (int, netip.AddrPort, time.Time, bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.length == 0 {
		return 0, netip.AddrPort{}, time.Time{}, false
	}
	d := &u.queue[u.oldest]
	u.oldest = (u.oldest + 1) % netQueue
	u.length--
	return copy(b, d.b[:d.n]), d.from, d.at, true
}

// Send gives a full buffer one millisecond at most.
func (u *netUDP) Send(b []byte, to netip.AddrPort) error {
	_ = u.conn.SetWriteDeadline(time.Now().Add(time.Millisecond))
	_, err := u.conn.WriteToUDPAddrPort(b, to)
	return err
}

func (u *netUDP) Close() error {
	err := u.conn.Close()
	<-u.done
	return err
}
