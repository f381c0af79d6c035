package sip

import (
	"context"
	"encoding/binary"
	"io"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"

	"warmline/sip/siptest"
)

// nameServer is a DNS server on loopback, by UDP and TCP on one port.
type nameServer struct {
	t    *testing.T
	addr string
	udp  net.PacketConn
	tcp  net.Listener

	mu      sync.Mutex
	records map[dnsQuestion][]dnsmessage.Resource
	asked   map[dnsQuestion]int
	broken  bool // answers SERVFAIL
	cut     bool // truncates by UDP
}

func newNameServer(t *testing.T) *nameServer {
	t.Helper()
	s := &nameServer{t: t, records: map[dnsQuestion][]dnsmessage.Resource{}, asked: map[dnsQuestion]int{}}
	var err error
	for range 20 { // a port free for both
		if s.udp, err = net.ListenPacket("udp", "127.0.0.1:0"); err != nil {
			t.Fatal(err)
		}
		if s.tcp, err = net.Listen("tcp", s.udp.LocalAddr().String()); err == nil {
			break
		}
		s.udp.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	s.addr = s.udp.LocalAddr().String()
	var wg sync.WaitGroup
	wg.Go(s.serveUDP)
	wg.Go(s.serveTCP)
	t.Cleanup(func() { s.udp.Close(); s.tcp.Close(); wg.Wait() })
	return s
}

func (s *nameServer) serveUDP() {
	buf := make([]byte, 4096)
	for {
		n, from, err := s.udp.ReadFrom(buf)
		if err != nil {
			return
		}
		s.mu.Lock()
		cut := s.cut
		s.mu.Unlock()
		s.udp.WriteTo(s.answer(buf[:n], cut), from)
	}
}

func (s *nameServer) serveTCP() {
	for {
		conn, err := s.tcp.Accept()
		if err != nil {
			return
		}
		var size [2]byte
		if _, err := io.ReadFull(conn, size[:]); err == nil {
			q := make([]byte, binary.BigEndian.Uint16(size[:]))
			if _, err := io.ReadFull(conn, q); err == nil {
				a := s.answer(q, false)
				conn.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(a))), a...))
			}
		}
		conn.Close()
	}
}

func (s *nameServer) answer(raw []byte, cut bool) []byte {
	var m dnsmessage.Message
	if err := m.Unpack(raw); err != nil || len(m.Questions) != 1 {
		return nil
	}
	q := dnsQuestion{strings.ToLower(strings.TrimSuffix(m.Questions[0].Name.String(), ".")), m.Questions[0].Type}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked[q]++
	reply := dnsmessage.Message{Header: dnsmessage.Header{ID: m.ID, Response: true}, Questions: m.Questions}
	switch {
	case s.broken:
		reply.RCode = dnsmessage.RCodeServerFailure
	case cut:
		reply.Truncated = true
	default:
		reply.Answers = s.records[q]
	}
	b, err := reply.Pack()
	if err != nil {
		s.t.Error(err)
	}
	return b
}

func (s *nameServer) set(name string, ttl uint32, bodies ...dnsmessage.ResourceBody) {
	s.mu.Lock()
	defer s.mu.Unlock()
	kinds := map[dnsQuestion][]dnsmessage.Resource{}
	for _, b := range bodies {
		kind := typeNAPTR
		switch b.(type) {
		case *dnsmessage.AResource:
			kind = dnsmessage.TypeA
		case *dnsmessage.AAAAResource:
			kind = dnsmessage.TypeAAAA
		case *dnsmessage.SRVResource:
			kind = dnsmessage.TypeSRV
		case *dnsmessage.CNAMEResource:
			kind = dnsmessage.TypeA
		}
		q := dnsQuestion{name, kind}
		kinds[q] = append(kinds[q], dnsmessage.Resource{
			Header: dnsmessage.ResourceHeader{Name: dnsmessage.MustNewName(name + "."), Class: dnsmessage.ClassINET, TTL: ttl}, Body: b,
		})
	}
	for q, rs := range kinds {
		s.records[q] = rs
	}
}

func (s *nameServer) count(name string, kind dnsmessage.Type) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.asked[dnsQuestion{name, kind}]
}

func aRecord(ip string) *dnsmessage.AResource {
	return &dnsmessage.AResource{A: netip.MustParseAddr(ip).As4()}
}

func srvRecord(priority, weight, port uint16, target string) *dnsmessage.SRVResource {
	return &dnsmessage.SRVResource{Priority: priority, Weight: weight, Port: port, Target: dnsmessage.MustNewName(target + ".")}
}

func naptrRecord(order, preference uint16, flags, service, next string) *dnsmessage.UnknownResource {
	b := binary.BigEndian.AppendUint16(nil, order)
	b = binary.BigEndian.AppendUint16(b, preference)
	for _, s := range []string{flags, service, ""} {
		b = append(append(b, byte(len(s))), s...)
	}
	for label := range strings.SplitSeq(next, ".") {
		b = append(append(b, byte(len(label))), label...)
	}
	return &dnsmessage.UnknownResource{Type: typeNAPTR, Data: append(b, 0)}
}

func TestATargetIsFoundByNAPTRThenSRVThenAddress(t *testing.T) { // RFC 3263 4
	s := newNameServer(t)
	s.set("carrier.example", 60, naptrRecord(20, 1, "s", "SIP+D2U", "_sip._udp.carrier.example"),
		naptrRecord(10, 2, "s", "SIP+D2T", "_sip._tcp.carrier.example"), naptrRecord(10, 1, "s", "SIPS+D2T", "_sips._tcp.carrier.example"),
		naptrRecord(1, 1, "u", "E2U+sip", "x.example"))
	s.set("carrier.example", 60, aRecord("192.0.2.9"))
	s.set("_sips._tcp.carrier.example", 60, srvRecord(20, 0, 5061, "b.carrier.example"), srvRecord(10, 7, 5071, "a.carrier.example"))
	s.set("_sip._udp.carrier.example", 60, srvRecord(5, 3, 5066, "a.carrier.example"))
	s.set("a.carrier.example", 60, aRecord("192.0.2.1"), aRecord("192.0.2.2"))
	s.set("b.carrier.example", 60, aRecord("192.0.2.3"))
	s.set("plain.example", 60, aRecord("192.0.2.4"))
	s.set("six.example", 60, &dnsmessage.AAAAResource{AAAA: netip.MustParseAddr("2001:db8::1").As16()})
	s.set("none.example", 60, aRecord("192.0.2.5"))
	s.set("_sip._udp.none.example", 60, srvRecord(0, 0, 0, ""))
	s.set("_sip._udp.streams.example", 60, srvRecord(0, 0, 0, ""))
	s.set("_sip._tcp.streams.example", 60, srvRecord(1, 0, 5060, "a.carrier.example"))
	s.set("alias.example", 60, &dnsmessage.CNAMEResource{CNAME: dnsmessage.MustNewName("plain.example.")})
	tests := []struct {
		name, addr, transport string
		want                  []string
		fails                 string
	}{
		{"NAPTR chooses TLS", "carrier.example", "auto", []string{"tls:192.0.2.3:5061 p20 w0", "tls:192.0.2.1:5071 p10 w7", "tls:192.0.2.2:5071 p10 w7"}, ""},
		{"the transport is set: SRV of that one", "carrier.example", "udp", []string{"udp:192.0.2.1:5066 p5 w3", "udp:192.0.2.2:5066 p5 w3"}, ""},
		{"a port leaves SRV out", "carrier.example:5060", "udp", []string{"udp:192.0.2.9:5060 p0 w0"}, ""},
		{"an address needs no DNS", "192.0.2.7", "tls", []string{"tls:192.0.2.7:5061 p0 w0"}, ""},
		{"an address with auto is UDP", "192.0.2.7", "auto", []string{"udp:192.0.2.7:5060 p0 w0"}, ""},
		{"no SRV: the host at its transport's port", "plain.example", "tcp", []string{"tcp:192.0.2.4:5060 p0 w0"}, ""},
		{"no NAPTR and no SRV: UDP", "plain.example", "auto", []string{"udp:192.0.2.4:5060 p0 w0"}, ""},
		{"IPv6 of a host without IPv4", "six.example:5060", "udp", []string{"udp:[2001:db8::1]:5060 p0 w0"}, ""},
		{"a transport that is not served leaves the others", "streams.example", "auto", []string{"tcp:192.0.2.1:5060 p1 w0", "tcp:192.0.2.2:5060 p1 w0"}, ""},
		{"SRV target . says there is none", "none.example", "udp", nil, "not served"},
		{"a name nobody knows", "nobody.example:5060", "udp", nil, "no address"},
	}
	r := newResolver([]string{s.addr})
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			at, err := r.locate(t.Context(), Target{Addr: tt.addr}, tt.transport)
			if tt.fails != "" {
				if err == nil || !strings.Contains(err.Error(), tt.fails) {
					t.Errorf("got %v, %v; want an error with %q", at, err, tt.fails)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, e := range at {
				got = append(got, e.String()+" p"+strconv.Itoa(e.priority)+" w"+strconv.Itoa(e.weight))
			}
			if !slices.Equal(got, tt.want) {
				t.Errorf("got %q\nwant %q", got, tt.want)
			}
		})
	}
}

func TestAnAliasIsFollowedInTheAnswer(t *testing.T) {
	name := dnsmessage.MustNewName("www.example.")
	m := dnsmessage.Message{
		Header:    dnsmessage.Header{ID: 7, Response: true},
		Questions: []dnsmessage.Question{{Name: name, Type: dnsmessage.TypeA, Class: dnsmessage.ClassINET}},
		Answers: []dnsmessage.Resource{
			{Header: dnsmessage.ResourceHeader{Name: name, Class: dnsmessage.ClassINET, TTL: 30}, Body: &dnsmessage.CNAMEResource{CNAME: dnsmessage.MustNewName("real.example.")}},
			{Header: dnsmessage.ResourceHeader{Name: dnsmessage.MustNewName("other.example."), Class: dnsmessage.ClassINET, TTL: 1}, Body: aRecord("203.0.113.1")},
			{Header: dnsmessage.ResourceHeader{Name: dnsmessage.MustNewName("real.example."), Class: dnsmessage.ClassINET, TTL: 300}, Body: aRecord("192.0.2.1")},
		},
	}
	b, err := m.Pack()
	if err != nil {
		t.Fatal(err)
	}
	now := time.Unix(1000, 0)
	a, _, ours, err := parseDNS(b, 7, name, dnsmessage.TypeA, now)
	if err != nil || !ours || len(a.addrs) != 1 || a.addrs[0] != netip.MustParseAddr("192.0.2.1") || !a.until.Equal(now.Add(30*time.Second)) {
		t.Errorf("got %+v, ours %v, %v", a, ours, err)
	}
	if _, _, ours, _ := parseDNS(b, 8, name, dnsmessage.TypeA, now); ours {
		t.Error("an answer with another ID was taken")
	}
}

// age makes an answer as old as its TTL.
func (r *resolver) age(name string, kind dnsmessage.Type) {
	r.mu.Lock()
	defer r.mu.Unlock()
	q := dnsQuestion{name, kind}
	a := r.known[q]
	a.until = time.Now().Add(-time.Second)
	r.known[q] = a
}

func TestAnswersLiveForTheirTTLAndServeOnWhileDNSFails(t *testing.T) {
	s := newNameServer(t)
	s.set("gw.example", 600, aRecord("192.0.2.1"))
	r := newResolver([]string{s.addr})
	look := func(want string) {
		t.Helper()
		ips, err := r.addresses(t.Context(), "GW.example")
		if err != nil || len(ips) != 1 || ips[0].String() != want {
			t.Errorf("got %v, %v; want %s", ips, err, want)
		}
	}
	look("192.0.2.1")
	if left := time.Until(r.known[dnsQuestion{"gw.example", dnsmessage.TypeA}].until); left < 590*time.Second || left > 600*time.Second {
		t.Errorf("the answer lives for %v, want its TTL of 600 s", left)
	}
	s.set("gw.example", 600, aRecord("192.0.2.2"))
	look("192.0.2.1")
	if n := s.count("gw.example", dnsmessage.TypeA); n != 1 {
		t.Errorf("asked %d times within the TTL", n)
	}
	r.age("gw.example", dnsmessage.TypeA)
	look("192.0.2.2")
	s.mu.Lock()
	s.broken = true
	s.mu.Unlock()
	r.age("gw.example", dnsmessage.TypeA)
	look("192.0.2.2")
	asked := s.count("gw.example", dnsmessage.TypeA)
	look("192.0.2.2")
	if n := s.count("gw.example", dnsmessage.TypeA); n != asked {
		t.Error("failing DNS is asked for every call")
	}
	if _, err := r.addresses(t.Context(), "new.example"); err == nil || !strings.Contains(err.Error(), "ServerFailure") {
		t.Errorf("an unknown name while DNS fails: %v", err)
	}
}

func TestALongAnswerComesByTCP(t *testing.T) { // RFC 7766 5
	s := newNameServer(t)
	s.mu.Lock()
	s.cut = true
	s.mu.Unlock()
	s.set("gw.example", 60, aRecord("192.0.2.1"))
	r := newResolver([]string{s.addr})
	if ips, err := r.addresses(t.Context(), "gw.example"); err != nil || len(ips) != 1 {
		t.Errorf("got %v, %v", ips, err)
	}
}

func TestTheSecondServerIsAskedWhenTheFirstFails(t *testing.T) {
	bad, good := newNameServer(t), newNameServer(t)
	bad.mu.Lock()
	bad.broken = true
	bad.mu.Unlock()
	good.set("gw.example", 60, aRecord("192.0.2.1"))
	r := newResolver([]string{bad.addr, good.addr})
	if ips, err := r.addresses(t.Context(), "gw.example"); err != nil || len(ips) != 1 {
		t.Errorf("got %v, %v", ips, err)
	}
}

func TestACallFindsItsGatewayBySRV(t *testing.T) {
	peer, err := siptest.Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer peer.Close()
	at := netip.MustParseAddrPort(peer.Addr())
	s := newNameServer(t)
	s.set("_sip._udp.carrier.example", 60, srvRecord(1, 0, at.Port(), "gw.carrier.example"))
	s.set("gw.carrier.example", 60, aRecord("127.0.0.1"))
	ctx, stop := context.WithTimeout(t.Context(), 10*time.Second)
	defer stop()
	a, err := Listen(ctx, Config{Addr: "127.0.0.1:0", DNS: []string{s.addr}})
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	trunk := Trunk{Name: "by-name", Addr: "carrier.example", From: "02160000000"}
	c, err := a.Dial(ctx, trunk, Invite{To: "13800138000", SDP: []byte("v=0\r\n")})
	if err != nil {
		t.Fatal(err)
	}
	invite, err := peer.Wait(ctx, "INVITE")
	if err != nil {
		t.Fatal(err)
	}
	if got := invite.URI(); got != "sip:13800138000@carrier.example" {
		t.Errorf("Request-URI %q", got)
	}
	peer.Reply(invite, 486, "Busy Here", "x")
	for e := range c.Events() {
		if e.Kind == Ended && e.Cause.Status != 486 {
			t.Errorf("cause %+v", e.Cause)
		}
	}
}

func TestResolvConfAndHosts(t *testing.T) {
	if got := systemServers("testdata/resolv.conf"); !slices.Equal(got, []string{"192.0.2.53:53", "[2001:db8::53]:53"}) {
		t.Errorf("servers %q", got)
	}
	if got := hostsFile("testdata/hosts", "GW.example"); len(got) != 2 || got[0].String() != "192.0.2.8" || got[1].String() != "2001:db8::8" {
		t.Errorf("addresses %v", got)
	}
}

func FuzzDNSAnswer(f *testing.F) {
	name := dnsmessage.MustNewName("a.example.")
	m := dnsmessage.Message{Header: dnsmessage.Header{ID: 1, Response: true},
		Questions: []dnsmessage.Question{{Name: name, Type: typeNAPTR, Class: dnsmessage.ClassINET}},
		Answers: []dnsmessage.Resource{{Header: dnsmessage.ResourceHeader{Name: name, Class: dnsmessage.ClassINET, TTL: 1},
			Body: naptrRecord(1, 1, "s", "SIP+D2U", "x.example")}}}
	b, err := m.Pack()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b, uint16(typeNAPTR))
	f.Fuzz(func(t *testing.T, b []byte, kind uint16) {
		a, _, _, err := parseDNS(b, 1, name, dnsmessage.Type(kind), time.Unix(0, 0))
		if err == nil && len(a.addrs)+len(a.srv)+len(a.naptr) > maxRecords {
			t.Fatal("more records than there may be")
		}
	})
}
