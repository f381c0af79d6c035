package sip

import (
	"net"
	"sync"
	"time"
)

// spout is a listener that accepts the connections we have made ourselves: the
// way to give sipgo one with a certificate of the trunk's own.
type spout struct {
	addr  net.Addr
	conns chan net.Conn
	done  chan struct{}
	once  sync.Once
}

func newSpout(addr net.Addr) *spout {
	return &spout{addr: addr, conns: make(chan net.Conn), done: make(chan struct{})}
}

// Accept hands out the next connection.
func (s *spout) Accept() (net.Conn, error) {
	select {
	case c := <-s.conns:
		return c, nil
	case <-s.done:
		return nil, net.ErrClosed
	}
}

// Close ends Accept.
func (s *spout) Close() error {
	s.once.Do(func() { close(s.done) })
	return nil
}

// Addr is any host and port; sipgo only reads it.
func (s *spout) Addr() net.Addr { return s.addr }

// pour gives sipgo a connection and waits until it is known there.
func (a *Agent) pour(s *stream) error {
	to := a.tcp
	if s.flow != nil && s.flow.network == "TLS" {
		to = a.tls
	}
	select {
	case to.conns <- s:
	case <-to.done:
		s.Close()
		return ErrClosed
	}
	select {
	case <-s.reading:
	case <-to.done:
		s.Close()
		return ErrClosed
	}
	return nil
}

// maxAccepted bounds the connections trunks have opened to us.
const maxAccepted = 256

// acceptTCP listens for connections of trunks, on the port we send datagrams
// from: a carrier that lost its connection to us opens one to our Contact. It
// is tried once, when the first trunk by TCP is used; a port in use means only
// that carriers must keep to the connections we make.
func (a *Agent) acceptTCP() {
	a.listenTCP.Do(func() {
		l, err := net.Listen("tcp", a.Addr())
		if err != nil {
			a.log.Warn("trunks cannot connect to us by TCP; they must use our connections", "err", err)
			return
		}
		a.mu.Lock()
		ended := a.ended
		if !ended {
			a.inlet = l
			a.wg.Go(func() { a.takeIn(l) })
		}
		a.mu.Unlock()
		if ended {
			l.Close()
		}
	})
}

// accepting reports whether a trunk can connect to us by TCP.
func (a *Agent) accepting() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.inlet != nil
}

// takeIn accepts connections from trunks and closes all others unread.
func (a *Agent) takeIn(l net.Listener) {
	room := make(chan struct{}, maxAccepted)
	for {
		conn, err := l.Accept()
		if err != nil {
			select {
			case <-a.stop:
				return
			case <-time.After(100 * time.Millisecond): // out of file descriptors, perhaps
				continue
			}
		}
		from, ok := conn.RemoteAddr().(*net.TCPAddr)
		if !ok || !a.door.open(from.AddrPort().Addr().Unmap()) {
			a.door.dropped.Add(1)
			conn.Close()
			continue
		}
		select {
		case room <- struct{}{}:
		default:
			conn.Close()
			continue
		}
		s := newStream(conn, nil)
		if a.pour(s) != nil || !a.spawn(func() {
			select {
			case <-s.dead:
			case <-a.stop:
				s.Close()
			}
			<-room
		}) {
			s.Close()
			return
		}
	}
}
