package siptest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// maxDatagram is the largest UDP payload there is.
const maxDatagram = 65535

// Peer is a scripted SIP endpoint on one UDP socket, or on the TCP or TLS
// connections made to it (ListenTCP, ListenTLS). It does nothing by itself:
// a test reads what came and sends what it likes. Its methods may be called
// from several goroutines.
type Peer struct {
	conn net.PacketConn // nil of a peer on streams
	flow *streams       // nil of a peer on UDP
	done chan struct{}  // closed when the reader has ended

	mu    sync.Mutex
	inbox []arrival     // every datagram, in order, kept until Close
	next  int           // first one Next has not handed out
	wake  chan struct{} // closed and renewed at each arrival
	dead  error
}

// arrival is one datagram: a message, or why it is none.
type arrival struct {
	msg  *Message
	from netip.AddrPort
	err  error
}

// Listen opens a peer on a UDP address such as "127.0.0.1:0".
func Listen(addr string) (*Peer, error) {
	a, err := net.ResolveUDPAddr("udp", addr)
	if err != nil {
		return nil, fmt.Errorf("resolving peer address %s: %w", addr, err)
	}
	conn, err := net.ListenUDP("udp", a)
	if err != nil {
		return nil, fmt.Errorf("listening on %s: %w", addr, err)
	}
	return On(conn), nil
}

// On opens a peer on a socket of UDP, or on one end of a Wire.
func On(conn net.PacketConn) *Peer {
	p := &Peer{conn: conn, done: make(chan struct{}), wake: make(chan struct{})}
	go p.read()
	return p
}

func (p *Peer) read() {
	defer close(p.done)
	buf := make([]byte, maxDatagram)
	for {
		n, addr, err := p.conn.ReadFrom(buf)
		if err != nil {
			p.post(arrival{}, err)
			return
		}
		if n <= 4 { // a keep-alive: CRLF or CRLFCRLF (RFC 5626 3.5.1)
			continue
		}
		from := addr.(*net.UDPAddr).AddrPort()
		from = netip.AddrPortFrom(from.Addr().Unmap(), from.Port())
		m, err := Parse(slices.Clone(buf[:n]))
		if m != nil {
			m.Source = from
		}
		p.post(arrival{m, from, err}, nil)
	}
}

func (p *Peer) post(a arrival, dead error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if dead != nil {
		p.dead = dead
	} else {
		p.inbox = append(p.inbox, a)
	}
	close(p.wake)
	p.wake = make(chan struct{})
}

// Addr is the peer's own host:port.
func (p *Peer) Addr() string {
	if p.flow != nil {
		return p.flow.listener.Addr().String()
	}
	return p.conn.LocalAddr().String()
}

// Close closes the socket and waits for the reader.
func (p *Peer) Close() error {
	if p.flow != nil {
		return p.flow.close()
	}
	err := p.conn.Close()
	<-p.done
	return err
}

// Next returns the next datagram in order of arrival, requests and responses,
// retransmissions too. A datagram that is no SIP message comes as an error.
func (p *Peer) Next(ctx context.Context) (*Message, net.Addr, error) {
	for {
		p.mu.Lock()
		if p.next < len(p.inbox) {
			a := p.inbox[p.next]
			p.next++
			p.mu.Unlock()
			return a.msg, net.UDPAddrFromAddrPort(a.from), a.err
		}
		wake, dead := p.wake, p.dead
		p.mu.Unlock()
		if dead != nil {
			return nil, nil, fmt.Errorf("reading the next SIP message: %w", dead)
		}
		select {
		case <-wake:
		case <-ctx.Done():
			return nil, nil, fmt.Errorf("waiting for a SIP message: %w", context.Cause(ctx))
		}
	}
}

// Wait returns the next request of a method, skipping everything before it.
func (p *Peer) Wait(ctx context.Context, method string) (*Message, error) {
	return p.WaitFor(ctx, method, func(m *Message) bool { return m.Method() == method })
}

// WaitStatus returns the next response of a status to a request of a method,
// skipping everything before it; status 0 means any final one.
func (p *Peer) WaitStatus(ctx context.Context, method string, status int) (*Message, error) {
	what := fmt.Sprintf("%d to %s", status, method)
	return p.WaitFor(ctx, what, func(m *Message) bool {
		_, of := m.CSeq()
		return of == method && (m.Status() == status || status == 0 && m.Status() >= 200)
	})
}

// WaitFor returns the next message that ok accepts, skipping everything before
// it; what names it in the error.
func (p *Peer) WaitFor(ctx context.Context, what string, ok func(*Message) bool) (*Message, error) {
	for {
		m, _, err := p.Next(ctx)
		if m == nil {
			if ctx.Err() != nil || errors.Is(err, net.ErrClosed) {
				return nil, fmt.Errorf("waiting for %s: %w", what, err)
			}
			continue
		}
		if ok(m) {
			return m, nil
		}
	}
}

// Received returns every message so far, whether or not Next handed it out.
func (p *Peer) Received() []*Message {
	p.mu.Lock()
	defer p.mu.Unlock()
	var out []*Message
	for _, a := range p.inbox {
		if a.msg != nil {
			out = append(out, a.msg)
		}
	}
	return out
}

// Count says how many requests of a method have come so far.
func (p *Peer) Count(method string) int {
	n := 0
	for _, m := range p.Received() {
		if m.Method() == method {
			n++
		}
	}
	return n
}

// Send sends raw bytes, right or wrong, to host:port.
func (p *Peer) Send(raw []byte, to string) error {
	a, err := net.ResolveUDPAddr("udp", to)
	if err != nil {
		return fmt.Errorf("sending %d bytes to %s: %w", len(raw), to, err)
	}
	return p.SendTo(raw, a)
}

// SendTo sends raw bytes to an address that Next returned.
func (p *Peer) SendTo(raw []byte, to net.Addr) error {
	if p.flow != nil {
		return p.flow.send(raw, to.String())
	}
	if _, err := p.conn.WriteTo(raw, to); err != nil {
		return fmt.Errorf("sending %d bytes to %s: %w", len(raw), to, err)
	}
	return nil
}

// Reply answers a request to where it came from. A toTag of "" leaves the To
// header as it was. A 101 to 299 to an INVITE carries the peer's Contact unless
// a part brings another. Repeating a call repeats the same bytes.
func (p *Peer) Reply(req *Message, status int, phrase, toTag string, parts ...Part) error {
	m := p.Response(req, status, phrase, toTag, parts...)
	return p.SendTo(m.Bytes(), net.UDPAddrFromAddrPort(req.Source))
}

// Response builds what Reply sends, for a test that wants to bend it first.
func (p *Peer) Response(req *Message, status int, phrase, toTag string, parts ...Part) *Message {
	return respond(req, status, phrase, toTag, p.Contact(), parts...)
}

// Contact is the peer's Contact header.
func (p *Peer) Contact() Field {
	if p.flow != nil {
		return Field{"Contact", "<sip:" + p.Addr() + ";transport=" + strings.ToLower(p.flow.protocol) + ">"}
	}
	return Field{"Contact", "<sip:" + p.Addr() + ">"}
}

func (p *Peer) protocol() string {
	if p.flow != nil {
		return p.flow.protocol
	}
	return "UDP"
}

// RecordRoute is a Record-Route header that keeps host:port on the path.
func RecordRoute(hostport string) Field {
	return Field{"Record-Route", "<sip:" + hostport + ";lr>"}
}

// Q850 is a Reason header with an ISUP cause (RFC 3326).
func Q850(cause int, text string) Field {
	return Field{"Reason", fmt.Sprintf(`Q.850;cause=%d;text="%s"`, cause, text)}
}

// respond builds a response (RFC 3261 8.2.6).
func respond(req *Message, status int, phrase, toTag string, contact Field, parts ...Part) *Message {
	m := &Message{Start: "SIP/2.0 " + strconv.Itoa(status) + " " + phrase}
	for i, via := range req.All("Via") {
		if i == 0 {
			via = received(via, req.Source)
		}
		m.Header = append(m.Header, Field{"Via", via})
	}
	to := req.Get("To")
	if toTag != "" && param(to, "tag") == "" {
		to += ";tag=" + toTag
	}
	m.Header = append(m.Header,
		Field{"From", req.Get("From")}, Field{"To", to},
		Field{"Call-ID", req.Get("Call-ID")}, Field{"CSeq", req.Get("CSeq")})
	dialog := req.Method() == "INVITE" && status > 100 && status < 300
	if dialog {
		for _, rr := range req.All("Record-Route") {
			m.Header = append(m.Header, Field{"Record-Route", rr})
		}
	}
	for _, part := range parts {
		part.addTo(m)
	}
	if dialog && m.Get("Contact") == "" {
		m.Header = append(m.Header, contact)
	}
	return m
}

// received fills rport and received into a Via (RFC 3581 4).
func received(via string, src netip.AddrPort) string {
	p := splitParams(via)
	for i, s := range p {
		if s == "rport" && src.IsValid() {
			p[i] = fmt.Sprintf("rport=%d;received=%s", src.Port(), src.Addr())
		}
	}
	return joinParams(p)
}
