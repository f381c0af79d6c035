package sip

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"sync"

	gosip "github.com/emiago/sipgo/sip"
	"golang.org/x/net/ipv4"
	"golang.org/x/net/ipv6"
)

// sentBy is where the trunk reaches us: Via and Contact.
type sentBy struct {
	host      string
	port      int
	transport string // "UDP", "TCP" or "TLS"; "" is UDP
}

func (s sentBy) protocol() string {
	if s.transport == "" {
		return "UDP"
	}
	return s.transport
}

// uri is a Contact: where requests to this user reach us.
func (s sentBy) uri(user string) gosip.Uri {
	u := gosip.Uri{Scheme: "sip", User: user, Host: s.host, Port: s.port}
	if p := s.protocol(); p != "UDP" {
		u.UriParams = gosip.HeaderParams{{K: "transport", V: strings.ToLower(p)}}
	}
	return u
}

// sources are the addresses that may speak for a call. Its owner adds, the
// readers of sockets ask.
type sources struct {
	mu  sync.Mutex
	ips []netip.Addr
}

func (s *sources) add(ips []netip.Addr) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ips = append(s.ips[:len(s.ips):len(s.ips)], ips...)
}

func (s *sources) all() []netip.Addr {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ips
}

func (s *sources) has(source string) bool {
	ap, err := netip.ParseAddrPort(source)
	if err != nil {
		return false
	}
	ip := ap.Addr().Unmap()
	for _, known := range s.all() {
		if known == ip {
			return true
		}
	}
	return false
}

// send writes a request that has no transaction. It waits for no connection:
// one that must be made first is made beside.
func (a *Agent) send(req *gosip.Request) {
	if f := a.flowOf(req.Laddr); f != nil && f.breaks() == nil {
		a.spawn(func() {
			ctx, stop := context.WithTimeout(context.Background(), connectLimit)
			defer stop()
			if f.ensure(ctx) == nil {
				a.trySend(req)
			}
		})
		return
	}
	a.trySend(req)
}

func (a *Agent) trySend(req *gosip.Request) {
	if err := a.put(req); err != nil {
		a.log.Debug("SIP request not sent", "method", req.Method.String(), "err", netError(err))
	}
}

// put writes a request: to its stream, which sipgo keeps, or to our socket.
func (a *Agent) put(req *gosip.Request) error {
	if len(req.Laddr.IP) == net.IPv6len && a.flowOf(req.Laddr) != nil {
		return a.tp.WriteMsg(req)
	}
	to, err := netip.ParseAddrPort(req.Destination())
	if err != nil {
		return fmt.Errorf("sending to a gateway: %w", err)
	}
	b := packets.Get().(*bytes.Buffer)
	defer packets.Put(b)
	b.Reset()
	req.StringWrite(b)
	return a.socket.write(b.Bytes(), to)
}

// packets are the buffers requests are written in.
var packets = sync.Pool{New: func() any { return bytes.NewBuffer(make([]byte, 0, 2048)) }}

// wayBack is how to answer a response whose call is forgotten: by what it came.
func (a *Agent) wayBack(res *gosip.Response, source netip.AddrPort) (sentBy, gosip.Addr, error) {
	network := gosip.NetworkToUpper(res.Transport())
	if network == "UDP" || network == "" {
		via, err := a.sentBy(source)
		return via, a.laddr, err
	}
	f := a.flowFrom(network, netip.AddrPortFrom(source.Addr().Unmap(), source.Port()))
	if f == nil {
		return sentBy{}, gosip.Addr{}, fmt.Errorf("no %s stream leads to %s", network, source)
	}
	return f.local(), f.name, nil
}

// cs3 is the DSCP that routers commonly take for call signalling.
const cs3 = 24

// mark sets the DSCP of a socket; a system that forbids it only loses priority.
func mark(c any, dscp int) {
	if dscp <= 0 {
		return
	}
	switch c := c.(type) {
	case net.PacketConn:
		if ipv4.NewPacketConn(c).SetTOS(dscp<<2) != nil {
			_ = ipv6.NewPacketConn(c).SetTrafficClass(dscp << 2)
		}
	case net.Conn:
		if ipv4.NewConn(c).SetTOS(dscp<<2) != nil {
			_ = ipv6.NewConn(c).SetTrafficClass(dscp << 2)
		}
	}
}
