package siptest

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"sync"
)

// streams are the connections made to a peer by TCP or TLS.
type streams struct {
	listener net.Listener
	protocol string // "TCP" or "TLS"
	peer     *Peer
	readers  sync.WaitGroup

	mu    sync.Mutex
	conns map[string]net.Conn // by remote address
	made  int                 // connections so far
	pings int                 // CRLF CRLF received
	mute  bool                // pings are not answered
	dead  bool
}

// ListenTCP opens a peer that waits for TCP connections.
func ListenTCP(addr string) (*Peer, error) { return listenStream(addr, "TCP", nil) }

// ListenTLS opens a peer that waits for TLS connections.
func ListenTLS(addr string, c *tls.Config) (*Peer, error) { return listenStream(addr, "TLS", c) }

func listenStream(addr, protocol string, c *tls.Config) (*Peer, error) {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("listening on %s: %w", addr, err)
	}
	if c != nil {
		l = tls.NewListener(l, c)
	}
	p := &Peer{done: make(chan struct{}), wake: make(chan struct{})}
	p.flow = &streams{listener: l, protocol: protocol, peer: p, conns: map[string]net.Conn{}}
	go p.flow.accept()
	return p, nil
}

func (s *streams) accept() {
	defer close(s.peer.done)
	for {
		conn, err := s.listener.Accept()
		if err != nil {
			s.peer.post(arrival{}, err)
			return
		}
		s.mu.Lock()
		if s.dead {
			s.mu.Unlock()
			conn.Close()
			return
		}
		s.made++
		s.conns[conn.RemoteAddr().String()] = conn
		s.readers.Go(func() { s.read(conn) })
		s.mu.Unlock()
	}
}

// read takes messages off one connection by their Content-Length (RFC 3261
// 18.3), and answers pings with a pong (RFC 5626 3.5.1).
func (s *streams) read(conn net.Conn) {
	defer s.drop(conn)
	from, err := netip.ParseAddrPort(conn.RemoteAddr().String())
	if err != nil {
		return
	}
	r := bufio.NewReader(conn)
	for {
		head, err := s.head(r, conn)
		if err != nil {
			return
		}
		body := make([]byte, length(head))
		if _, err := io.ReadFull(r, body); err != nil {
			return
		}
		m, err := Parse(append(head, body...))
		if m != nil {
			m.Source = netip.AddrPortFrom(from.Addr().Unmap(), from.Port())
		}
		s.peer.post(arrival{m, from, err}, nil)
	}
}

// head reads up to the empty line behind a header.
func (s *streams) head(r *bufio.Reader, conn net.Conn) ([]byte, error) {
	var head []byte
	for len(head) < maxDatagram {
		line, err := r.ReadBytes('\n')
		if err != nil {
			return nil, err
		}
		if head = append(head, line...); !bytes.Equal(line, []byte("\r\n")) {
			continue
		}
		switch {
		case len(head) > 4:
			return head, nil
		case len(head) == 4: // CRLF CRLF
			if head = nil; !s.pinged() {
				continue
			}
			if _, err := conn.Write([]byte("\r\n")); err != nil {
				return nil, err
			}
		}
	}
	return nil, errors.New("reading a SIP header: longer than any datagram")
}

// pinged counts a ping and says whether to answer it.
func (s *streams) pinged() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.pings++
	return !s.mute
}

func length(head []byte) int {
	for line := range strings.Lines(string(head)) {
		name, value, _ := strings.Cut(line, ":")
		name = strings.TrimSpace(name)
		if strings.EqualFold(name, "Content-Length") || strings.EqualFold(name, "l") {
			n, err := strconv.Atoi(strings.TrimSpace(value))
			if err == nil && n > 0 && n < maxDatagram {
				return n
			}
		}
	}
	return 0
}

func (s *streams) send(raw []byte, to string) error {
	s.mu.Lock()
	conn := s.conns[to]
	s.mu.Unlock()
	if conn == nil {
		return fmt.Errorf("sending %d bytes to %s: no connection from there", len(raw), to)
	}
	if _, err := conn.Write(raw); err != nil {
		return fmt.Errorf("sending %d bytes to %s: %w", len(raw), to, err)
	}
	return nil
}

func (s *streams) drop(conn net.Conn) {
	conn.Close()
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.conns, conn.RemoteAddr().String())
}

func (s *streams) close() error {
	s.mu.Lock()
	s.dead = true
	s.mu.Unlock()
	err := s.listener.Close()
	s.peer.HangUpStreams()
	s.readers.Wait()
	<-s.peer.done
	return err
}

// HangUpStreams closes every connection made so far; new ones are accepted.
func (p *Peer) HangUpStreams() {
	p.flow.mu.Lock()
	defer p.flow.mu.Unlock()
	for _, c := range p.flow.conns {
		c.Close()
	}
}

// MuteStreams stops answering pings, as a peer does whose connection is dead on
// the way.
func (p *Peer) MuteStreams() {
	p.flow.mu.Lock()
	defer p.flow.mu.Unlock()
	p.flow.mute = true
}

// Streams says how many connections were made so far and how many pings came.
func (p *Peer) Streams() (made, pings int) {
	p.flow.mu.Lock()
	defer p.flow.mu.Unlock()
	return p.flow.made, p.flow.pings
}
