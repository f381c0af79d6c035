package mediatest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"time"
)

// A Peer is a far end on UDP. A goroutine keeps what it hears, in order.
type Peer struct {
	conn *net.UDPConn
	done chan struct{}

	mu    sync.Mutex
	heard []Heard
	more  chan struct{} // closed and renewed when something is heard
	echo  bool
	count int
}

// Heard is one packet and where it came from.
type Heard struct {
	Packet
	From netip.AddrPort
	At   time.Time
}

// peerMemory bounds what a peer keeps; the oldest goes first.
const peerMemory = 10000

// Listen starts a peer, usually at "127.0.0.1:0".
func Listen(addr string) (*Peer, error) {
	at, err := netip.ParseAddrPort(addr)
	if err != nil {
		return nil, fmt.Errorf("peer at %q: %w", addr, err)
	}
	conn, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(at))
	if err != nil {
		return nil, fmt.Errorf("peer: %w", err)
	}
	p := &Peer{conn: conn, done: make(chan struct{}), more: make(chan struct{})}
	go p.listen()
	return p, nil
}

func (p *Peer) listen() {
	defer close(p.done)
	b := make([]byte, 2048)
	for {
		n, from, err := p.conn.ReadFromUDPAddrPort(b)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		packet, err := Parse(b[:n])
		if err != nil {
			continue
		}
		p.note(Heard{packet, netip.AddrPortFrom(from.Addr().Unmap(), from.Port()), time.Now()})
	}
}

func (p *Peer) note(h Heard) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.heard = append(p.heard, h); len(p.heard) > peerMemory {
		p.heard = p.heard[1:]
	}
	p.count++
	close(p.more)
	p.more = make(chan struct{})
	if p.echo {
		_ = p.Send(h.Packet, h.From)
	}
}

// Addr is where the peer listens.
func (p *Peer) Addr() netip.AddrPort {
	return p.conn.LocalAddr().(*net.UDPAddr).AddrPort()
}

// SDP is the peer's answer: A-law, then key presses as type 96, then extra lines.
func (p *Peer) SDP(extra ...string) []byte { return Answer(p.Addr(), extra...) }

// Answer is an SDP answer for audio at an address: A-law and key presses as type 96.
func Answer(at netip.AddrPort, extra ...string) []byte {
	b := fmt.Appendf(nil, "v=0\r\no=peer 1 1 IN IP4 %[1]s\r\ns=peer\r\nc=IN IP4 %[1]s\r\nt=0 0\r\n"+
		"m=audio %[2]d RTP/AVP 8 96\r\na=rtpmap:96 telephone-event/8000\r\n", at.Addr(), at.Port())
	for _, line := range extra {
		b = append(b, line+"\r\n"...)
	}
	return b
}

// Echo sends back everything heard from now on, byte for byte.
func (p *Peer) Echo() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.echo = true
}

// Send sends one packet.
func (p *Peer) Send(packet Packet, to netip.AddrPort) error { return p.SendRaw(packet.Bytes(), to) }

// SendRaw sends any bytes.
func (p *Peer) SendRaw(b []byte, to netip.AddrPort) error {
	_, err := p.conn.WriteToUDPAddrPort(b, to)
	return err
}

// Count is how many packets were heard so far.
func (p *Peer) Count() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.count
}

// Next waits for the next packet not yet given.
func (p *Peer) Next(ctx context.Context) (Heard, error) {
	for {
		p.mu.Lock()
		more := p.more
		if len(p.heard) > 0 {
			h := p.heard[0]
			p.heard = p.heard[1:]
			p.mu.Unlock()
			return h, nil
		}
		p.mu.Unlock()
		select {
		case <-more:
		case <-p.done:
			return Heard{}, net.ErrClosed
		case <-ctx.Done():
			return Heard{}, ctx.Err()
		}
	}
}

// Close ends the peer.
func (p *Peer) Close() error {
	err := p.conn.Close()
	<-p.done
	return err
}
