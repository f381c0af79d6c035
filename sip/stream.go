package sip

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"net"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	gosip "github.com/emiago/sipgo/sip"
)

const (
	// connectLimit bounds a TCP connection and its TLS handshake.
	connectLimit = 5 * time.Second

	// writeLimit bounds one message to a peer that does not read.
	writeLimit = 5 * time.Second

	// keepAlive is how often an idle stream is pinged: shorter than any NAT
	// forgets a TCP connection (RFC 5626 4.4.1 allows up to 120 s).
	keepAlive = 30 * time.Second

	// pongLimit is when a peer that used to answer pings is dead (RFC 5626 4.4.1).
	pongLimit = 10 * time.Second

	// maxFlows bounds the streams of one agent: trunks times targets.
	maxFlows = 1024
)

// flow is the TCP or TLS way to one target: a connection, made again when it
// breaks. sipgo neither connects nor knows certificates; it is given finished
// connections and finds them by a local address, for which a flow lends its
// name. So a request reaches its flow whichever connection carries it, and when
// there is none sipgo cannot open a plain one in its place.
type flow struct {
	agent   *Agent
	name    gosip.Addr
	network string // "TCP" or "TLS"
	dest    netip.AddrPort
	host    string // the name the certificate must be for
	tls     TLS
	every   time.Duration // between pings

	mu     sync.Mutex
	conn   *stream
	making chan struct{} // closed when the connection being made is there, or is not
	err    error         // why the last one is not
	lost   chan struct{} // closed when the present connection breaks
}

// wayError is why a target cannot be reached by its stream. It names no number.
type wayError struct{ err error }

func (e *wayError) Error() string { return e.err.Error() }
func (e *wayError) Unwrap() error { return e.err }

// flows are an agent's, by what they lead to and by name.
type flows struct {
	mu     sync.Mutex
	known  map[flowKey]*flow
	byName map[string]*flow
}

type flowKey struct {
	network string
	dest    netip.AddrPort
	host    string
	tls     TLS
}

// flowTo finds or makes the flow to a target. It does not connect.
func (a *Agent) flowTo(network string, dest netip.AddrPort, host string, t *Trunk) (*flow, error) {
	key := flowKey{network: network, dest: dest}
	if network == "TLS" {
		key.host, key.tls = host, t.TLS
	}
	fs := &a.flows
	fs.mu.Lock()
	defer fs.mu.Unlock()
	if f := fs.known[key]; f != nil {
		return f, nil
	}
	if len(fs.known) >= maxFlows {
		return nil, fmt.Errorf("more than %d streams to targets", maxFlows)
	}
	f := &flow{agent: a, name: flowName(len(fs.known) + 1), network: network, dest: dest, host: key.host, tls: key.tls, every: t.KeepAlive}
	if f.every == 0 {
		f.every = keepAlive
	}
	if fs.known == nil {
		fs.known, fs.byName = map[flowKey]*flow{}, map[string]*flow{}
	}
	fs.known[key] = f
	fs.byName[f.name.String()] = f
	return f, nil
}

// flowName is a local address no socket has: of the discard prefix 100::/64
// (RFC 6666), so nothing could be bound to it either.
func flowName(n int) gosip.Addr {
	ip := make(net.IP, net.IPv6len)
	ip[0] = 1
	ip[14], ip[15] = byte(n>>8), byte(n)
	return gosip.Addr{IP: ip, Port: 1}
}

// flowOf finds the flow a request is to take, nil for a datagram.
func (a *Agent) flowOf(laddr gosip.Addr) *flow {
	if len(laddr.IP) != net.IPv6len || laddr.IP[0] != 1 {
		return nil
	}
	a.flows.mu.Lock()
	defer a.flows.mu.Unlock()
	return a.flows.byName[laddr.String()]
}

// flowFrom finds the flow a message came by, nil when it came otherwise.
func (a *Agent) flowFrom(network string, source netip.AddrPort) *flow {
	a.flows.mu.Lock()
	defer a.flows.mu.Unlock()
	for key, f := range a.flows.known {
		if key.network == network && key.dest == source {
			return f
		}
	}
	return nil
}

// streams counts the connections that stand.
func (a *Agent) streams() int {
	a.flows.mu.Lock()
	defer a.flows.mu.Unlock()
	n := 0
	for _, f := range a.flows.known {
		if f.breaks() != nil {
			n++
		}
	}
	return n
}

// ensure connects, unless connected. Many may call it; one connects.
func (f *flow) ensure(ctx context.Context) error {
	f.mu.Lock()
	if f.conn != nil {
		f.mu.Unlock()
		return nil
	}
	making := f.making
	if making == nil {
		making = make(chan struct{})
		f.making = making
		if !f.agent.spawn(func() { f.connect(making) }) {
			f.making = nil
			f.mu.Unlock()
			return ErrClosed
		}
	}
	f.mu.Unlock()
	select {
	case <-making:
	case <-ctx.Done():
		return fmt.Errorf("connecting by %s to %s: %w", f.network, f.dest, ctx.Err())
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.err
}

// connect makes one connection and gives it to sipgo.
func (f *flow) connect(made chan struct{}) {
	s, err := f.dial()
	if err == nil {
		err = f.agent.pour(s)
	}
	if f.take(s, err, made) && !f.agent.spawn(s.keepAlive) {
		s.Close()
	}
}

// take keeps what came of a connection being made, and reports whether it stands.
func (f *flow) take(s *stream, err error, made chan struct{}) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	defer close(made)
	f.making, f.err = nil, nil
	if err != nil {
		f.err = &wayError{err}
		f.agent.log.Warn("trunk not reached", "transport", f.network, "target", f.dest, "err", err)
		return false
	}
	if s.isDead() {
		f.err = &wayError{fmt.Errorf("%s closed the connection at once", f.dest)}
		return false
	}
	f.conn, f.lost = s, make(chan struct{})
	return true
}

func (f *flow) dial() (*stream, error) {
	ctx, stop := context.WithTimeout(context.Background(), connectLimit)
	defer stop()
	defer context.AfterFunc(f.agent.living, stop)()
	d := net.Dialer{}
	if ip := f.agent.laddr.IP; !ip.IsUnspecified() {
		d.LocalAddr = &net.TCPAddr{IP: ip}
	}
	conn, err := d.DialContext(ctx, "tcp", f.dest.String())
	if err != nil {
		return nil, fmt.Errorf("connecting by %s: %w", f.network, netError(err))
	}
	mark(conn, f.agent.dscp)
	if f.network == "TLS" {
		if conn, err = f.tls.client(ctx, conn, f.host); err != nil {
			return nil, fmt.Errorf("connecting by TLS to %s: %w", f.dest, err)
		}
	}
	return newStream(conn, f), nil
}

// broken takes a connection out of service; the next request makes a new one.
func (f *flow) broken(s *stream) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.conn == s {
		f.conn = nil
		close(f.lost)
		f.agent.spawn(f.agent.bereave)
	}
}

// bereave tells every call that a stream has broken: what it has on its way there
// gets no answer.
func (a *Agent) bereave() {
	a.mu.Lock()
	calls := slices.Collect(maps.Values(a.calls))
	a.mu.Unlock()
	for _, c := range calls {
		if c.tell(a.living, func(c *Call) { c.onTimer(time.Now()) }) != nil && a.isClosed() {
			return
		}
	}
}

// breaks returns a channel that is closed when the present connection breaks;
// nil when there is none.
func (f *flow) breaks() <-chan struct{} {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.conn == nil {
		return nil
	}
	return f.lost
}

// local is where the target reaches us: our listener if there is one, else the
// connection itself.
func (f *flow) local() sentBy {
	f.mu.Lock()
	defer f.mu.Unlock()
	by := sentBy{host: f.agent.laddr.IP.String(), port: f.agent.laddr.Port, transport: f.network}
	if f.conn == nil {
		return by
	}
	own := f.conn.Conn.LocalAddr().(*net.TCPAddr)
	by.host = own.IP.String()
	if f.network == "TLS" || !f.agent.accepting() {
		by.port = own.Port
	}
	return by
}

// stream is one connection as sipgo sees it.
type stream struct {
	net.Conn
	flow    *flow // nil of a connection the trunk made
	guard   guard
	once    sync.Once
	reading chan struct{} // closed when sipgo reads, and so knows the connection
	end     sync.Once
	dead    chan struct{}
	news    chan struct{} // something came since it was emptied; room for one
	pongs   atomic.Bool   // the peer answers pings
}

func newStream(conn net.Conn, f *flow) *stream {
	return &stream{Conn: conn, flow: f, reading: make(chan struct{}), dead: make(chan struct{}), news: make(chan struct{}, 1)}
}

// LocalAddr is the name of the flow, by which sipgo finds the connection.
func (s *stream) LocalAddr() net.Addr {
	if s.flow == nil {
		return s.Conn.LocalAddr()
	}
	return &net.TCPAddr{IP: s.flow.name.IP, Port: s.flow.name.Port}
}

// Read passes on what is well formed; anything else ends the connection, for
// behind it nobody knows where a message begins.
func (s *stream) Read(b []byte) (int, error) {
	s.once.Do(func() { close(s.reading) })
	n, err := s.Conn.Read(b)
	if n > 0 && s.guard.pass(b[:n]) {
		if n <= 4 && len(bytes.Trim(b[:n], "\r\n")) == 0 {
			s.pongs.Store(true)
		}
		select {
		case s.news <- struct{}{}:
		default:
		}
		return n, nil // an error comes again with the next read
	}
	if n > 0 || err != nil {
		s.Close()
		return 0, net.ErrClosed // said quietly: sipgo logs other errors
	}
	return 0, nil
}

func (s *stream) Write(b []byte) (int, error) {
	if err := s.SetWriteDeadline(time.Now().Add(writeLimit)); err != nil {
		return 0, err
	}
	n, err := s.Conn.Write(b)
	if err != nil {
		s.Close()
	}
	return n, err
}

// Close ends the connection; more than once is once.
func (s *stream) Close() error {
	var err error
	s.end.Do(func() {
		close(s.dead)
		err = s.Conn.Close()
		if s.flow != nil {
			s.flow.broken(s)
		}
	})
	return err
}

func (s *stream) isDead() bool {
	select {
	case <-s.dead:
		return true
	default:
		return false
	}
}

// keepAlive pings the peer with CRLF CRLF (RFC 5626 3.5.1). One that has
// answered pings before and does not any more is dead, whatever TCP thinks.
func (s *stream) keepAlive() {
	timer := time.NewTimer(jitter(s.flow.every))
	defer timer.Stop()
	for {
		select {
		case <-timer.C:
		case <-s.dead:
			return
		case <-s.flow.agent.stop:
			s.Close()
			return
		}
		select {
		case <-s.news:
		default:
		}
		if _, err := s.Write([]byte("\r\n\r\n")); err != nil {
			return
		}
		if s.pongs.Load() && !s.answers() {
			s.flow.agent.log.Warn("trunk does not answer pings any more; connecting anew", "target", s.flow.dest)
			s.Close()
			return
		}
		timer.Reset(jitter(s.flow.every))
	}
}

// answers waits for anything from the peer after a ping.
func (s *stream) answers() bool {
	limit := time.NewTimer(pongLimit)
	defer limit.Stop()
	select {
	case <-s.news:
		return true
	case <-s.dead:
		return true
	case <-limit.C:
		return false
	}
}

// jitter spreads a period over 80 to 100 % of itself (RFC 5626 4.4.1), so that
// thousands of streams do not ping at once.
func jitter(d time.Duration) time.Duration {
	return d - time.Duration(rand.Int64N(int64(d)/5+1))
}
