package sip

import (
	"bufio"
	"cmp"
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"strings"
	"sync"
	"time"

	"golang.org/x/net/dns/dnsmessage"
	"golang.org/x/sync/singleflight"
)

const (
	dnsTry     = 2 * time.Second  // one server's time for one answer
	dnsLimit   = 6 * time.Second  // one question's, over all servers
	dnsTries   = 2                // rounds over the servers
	minTTL     = time.Second      // a TTL of 0 would ask for every call
	maxTTL     = 24 * time.Hour   //
	failTTL    = 10 * time.Second // while DNS fails, the old answer serves so long before it is asked again
	noneTTL    = 30 * time.Second // of "there is no such record" without an SOA
	maxNoneTTL = 5 * time.Minute  // RFC 2308 5 lets it be hours; a trunk just being set up should not wait
	maxNames   = 4096             // answers remembered
)

// resolver asks DNS itself, for only then are records' own TTLs known, and SRV
// and NAPTR to be had at all (RFC 3263). Answers are remembered for their TTL,
// and beyond it while DNS fails: a trunk that worked keeps working.
type resolver struct {
	servers []string // host:port; none means that only addresses and hosts-file names resolve
	flight  singleflight.Group

	mu    sync.Mutex
	known map[dnsQuestion]dnsAnswer
}

type dnsQuestion struct {
	name string // lower case, without the last dot
	kind dnsmessage.Type
}

// dnsAnswer is what a name has of one kind; empty when it has none.
type dnsAnswer struct {
	addrs  []netip.Addr
	srv    []srv
	naptr  []naptr
	until  time.Time
	broken error // DNS did not answer, and there was no older answer
}

type srv struct {
	target           string
	port             uint16
	priority, weight uint16
}

// naptr is the part of a NAPTR record that RFC 3263 4.1 uses.
type naptr struct {
	order, preference    uint16
	flags, service, next string
}

// newResolver takes the servers given, else the system's.
func newResolver(servers []string) *resolver {
	if len(servers) == 0 {
		servers = systemServers("/etc/resolv.conf")
	}
	return &resolver{servers: servers, known: map[dnsQuestion]dnsAnswer{}}
}

// systemServers reads resolv.conf; without one the local resolver is taken.
func systemServers(file string) []string {
	f, err := os.Open(file)
	if err != nil {
		return []string{"127.0.0.1:53"}
	}
	defer f.Close()
	var servers []string
	for s := bufio.NewScanner(f); s.Scan() && len(servers) < 3; { // resolv.conf(5): at most three
		words := strings.Fields(s.Text())
		if len(words) >= 2 && words[0] == "nameserver" {
			servers = append(servers, net.JoinHostPort(words[1], "53"))
		}
	}
	if len(servers) == 0 {
		return []string{"127.0.0.1:53"}
	}
	return servers
}

// addresses are a host's, those of the hosts file before DNS's, IPv6 only of a
// host without IPv4 (carriers' IPv6 is young).
func (r *resolver) addresses(ctx context.Context, host string) ([]netip.Addr, error) {
	if ip, err := netip.ParseAddr(host); err == nil {
		return []netip.Addr{ip.Unmap()}, nil
	}
	if ips := hostsFile("/etc/hosts", host); len(ips) > 0 {
		return ips, nil
	}
	four := r.ask(ctx, host, dnsmessage.TypeA)
	if len(four.addrs) > 0 {
		return four.addrs, nil
	}
	six := r.ask(ctx, host, dnsmessage.TypeAAAA)
	if len(six.addrs) > 0 {
		return six.addrs, nil
	}
	if err := cmp.Or(four.broken, six.broken); err != nil {
		return nil, fmt.Errorf("looking up %q: %w", host, err)
	}
	return nil, fmt.Errorf("looking up %q: DNS has no address for it", host)
}

// hostsFile finds a name's addresses in a hosts file.
func hostsFile(file, host string) []netip.Addr {
	f, err := os.Open(file)
	if err != nil {
		return nil
	}
	defer f.Close()
	var four, six []netip.Addr
	for s := bufio.NewScanner(io.LimitReader(f, 1<<20)); s.Scan(); {
		line, _, _ := strings.Cut(s.Text(), "#")
		words := strings.Fields(line)
		if len(words) < 2 {
			continue
		}
		ip, err := netip.ParseAddr(words[0])
		if err != nil {
			continue
		}
		for _, name := range words[1:] {
			switch {
			case !strings.EqualFold(name, strings.TrimSuffix(host, ".")):
			case ip.Unmap().Is4():
				four = append(four, ip.Unmap())
			default:
				six = append(six, ip)
			}
		}
	}
	return append(four, six...)
}

// ask returns what is known of a name, asking DNS when its time is over.
func (r *resolver) ask(ctx context.Context, name string, kind dnsmessage.Type) dnsAnswer {
	q := dnsQuestion{strings.ToLower(strings.TrimSuffix(name, ".")), kind}
	r.mu.Lock()
	old, known := r.known[q]
	r.mu.Unlock()
	if known && time.Now().Before(old.until) {
		return old
	}
	// The question outlives the call that asked it: others wait for it too.
	done := r.flight.DoChan(fmt.Sprint(q), func() (any, error) { return r.refresh(q), nil })
	select {
	case res := <-done:
		return res.Val.(dnsAnswer)
	case <-ctx.Done():
		if known {
			return old
		}
		return dnsAnswer{broken: ctx.Err()}
	}
}

// refresh asks and remembers.
func (r *resolver) refresh(q dnsQuestion) dnsAnswer {
	fresh, err := r.query(q)
	now := time.Now()
	r.mu.Lock()
	defer r.mu.Unlock()
	if err != nil {
		old, known := r.known[q]
		if !known || old.broken != nil {
			return dnsAnswer{broken: err}
		}
		old.until = now.Add(failTTL)
		r.known[q] = old
		return old
	}
	if len(r.known) >= maxNames {
		clear(r.known)
	}
	r.known[q] = fresh
	return fresh
}

// query asks one server after the other.
func (r *resolver) query(q dnsQuestion) (dnsAnswer, error) {
	ctx, stop := context.WithTimeout(context.Background(), dnsLimit)
	defer stop()
	name, err := dnsmessage.NewName(q.name + ".")
	if err != nil {
		return dnsAnswer{}, fmt.Errorf("%q is no DNS name", q.name)
	}
	err = errors.New("no DNS server is configured")
	for range dnsTries {
		for _, server := range r.servers {
			var answer dnsAnswer
			if answer, err = exchangeDNS(ctx, server, name, q.kind); err == nil {
				return answer, nil
			}
			if ctx.Err() != nil {
				return dnsAnswer{}, err
			}
		}
	}
	return dnsAnswer{}, err
}

// exchangeDNS asks one server by UDP, and by TCP when the answer did not fit.
func exchangeDNS(ctx context.Context, server string, name dnsmessage.Name, kind dnsmessage.Type) (dnsAnswer, error) {
	ctx, stop := context.WithTimeout(ctx, dnsTry)
	defer stop()
	id, question, err := packQuestion(name, kind)
	if err != nil {
		return dnsAnswer{}, err
	}
	var truncated bool
	for _, network := range []string{"udp", "tcp"} {
		var conn net.Conn
		if conn, err = new(net.Dialer).DialContext(ctx, network, server); err != nil {
			return dnsAnswer{}, err
		}
		deadline, _ := ctx.Deadline()
		conn.SetDeadline(deadline)
		var answer dnsAnswer
		answer, truncated, err = roundTrip(conn, network, id, question, name, kind)
		conn.Close()
		if err != nil || !truncated {
			return answer, err
		}
	}
	return dnsAnswer{}, fmt.Errorf("DNS server %s truncates its answer by TCP too", server)
}

func packQuestion(name dnsmessage.Name, kind dnsmessage.Type) (id uint16, packed []byte, err error) {
	var random [2]byte
	rand.Read(random[:])
	id = binary.BigEndian.Uint16(random[:])
	b := dnsmessage.NewBuilder(nil, dnsmessage.Header{ID: id, RecursionDesired: true})
	var opt dnsmessage.ResourceHeader
	err = errors.Join(
		b.StartQuestions(),
		b.Question(dnsmessage.Question{Name: name, Type: kind, Class: dnsmessage.ClassINET}),
		b.StartAdditionals(),
		opt.SetEDNS0(1232, dnsmessage.RCodeSuccess, false),
		b.OPTResource(opt, dnsmessage.OPTResource{}),
	)
	if err != nil {
		return 0, nil, fmt.Errorf("asking DNS for %s: %w", name, err)
	}
	packed, err = b.Finish()
	return id, packed, err
}

// maxStrayAnswers bounds datagrams read that answer another question.
const maxStrayAnswers = 16

func roundTrip(conn net.Conn, network string, id uint16, question []byte, name dnsmessage.Name, kind dnsmessage.Type) (dnsAnswer, bool, error) {
	if network == "tcp" { // RFC 1035 4.2.2
		question = append(binary.BigEndian.AppendUint16(nil, uint16(len(question))), question...)
	}
	if _, err := conn.Write(question); err != nil {
		return dnsAnswer{}, false, err
	}
	buf := make([]byte, 64<<10)
	for range maxStrayAnswers {
		n, err := readDNS(conn, network, buf)
		if err != nil {
			return dnsAnswer{}, false, err
		}
		answer, truncated, ours, err := parseDNS(buf[:n], id, name, kind, time.Now())
		if ours {
			return answer, truncated, err
		}
	}
	return dnsAnswer{}, false, errors.New("DNS answers other questions than ours")
}

func readDNS(conn net.Conn, network string, buf []byte) (int, error) {
	if network == "udp" {
		return conn.Read(buf)
	}
	var size [2]byte
	if _, err := io.ReadFull(conn, size[:]); err != nil {
		return 0, err
	}
	return io.ReadFull(conn, buf[:binary.BigEndian.Uint16(size[:])])
}

// parseDNS reads an answer. It is not ours when ID or question are not.
func parseDNS(b []byte, id uint16, name dnsmessage.Name, kind dnsmessage.Type, now time.Time) (a dnsAnswer, truncated, ours bool, err error) {
	var p dnsmessage.Parser
	h, err := p.Start(b)
	if err != nil || h.ID != id || !h.Response {
		return a, false, false, nil
	}
	q, err := p.Question()
	if err != nil || !strings.EqualFold(q.Name.String(), name.String()) || q.Type != kind {
		return a, false, false, nil
	}
	if h.Truncated {
		return a, true, true, nil
	}
	if h.RCode != dnsmessage.RCodeSuccess && h.RCode != dnsmessage.RCodeNameError {
		return a, false, true, fmt.Errorf("DNS answers %s", strings.TrimPrefix(h.RCode.String(), "RCode"))
	}
	if err := p.SkipAllQuestions(); err != nil {
		return a, false, true, fmt.Errorf("reading a DNS answer: %w", err)
	}
	ttl, err := a.take(&p, name.String(), kind)
	if err != nil {
		return a, false, true, fmt.Errorf("reading a DNS answer: %w", err)
	}
	if ttl == 0 && len(a.addrs)+len(a.srv)+len(a.naptr) == 0 {
		ttl = noSuch(&p)
	}
	a.until = now.Add(min(max(ttl, minTTL), maxTTL))
	return a, false, true, nil
}

// maxRecords bounds what one name may have.
const maxRecords = 64

// take reads the records of the name, and of those it is an alias of. The
// lowest TTL on the way counts.
func (a *dnsAnswer) take(p *dnsmessage.Parser, name string, kind dnsmessage.Type) (time.Duration, error) {
	lowest := time.Duration(-1)
	for range maxRecords {
		h, err := p.AnswerHeader()
		if errors.Is(err, dnsmessage.ErrSectionDone) {
			break
		}
		if err != nil {
			return 0, err
		}
		if !strings.EqualFold(h.Name.String(), name) || h.Class != dnsmessage.ClassINET {
			if err := p.SkipAnswer(); err != nil {
				return 0, err
			}
			continue
		}
		used := h.Type == kind
		switch {
		case h.Type == dnsmessage.TypeCNAME:
			alias, err := p.CNAMEResource()
			if err != nil {
				return 0, err
			}
			name, used = alias.CNAME.String(), true
		case !used:
			err = p.SkipAnswer()
		default:
			err = a.record(p, kind)
		}
		if err != nil {
			return 0, err
		}
		if ttl := time.Duration(h.TTL) * time.Second; used && (lowest < 0 || ttl < lowest) {
			lowest = ttl
		}
	}
	return max(lowest, 0), p.SkipAllAnswers()
}

// typeNAPTR is RFC 3403's; dnsmessage knows it by number only.
const typeNAPTR dnsmessage.Type = 35

func (a *dnsAnswer) record(p *dnsmessage.Parser, kind dnsmessage.Type) error {
	switch kind {
	case dnsmessage.TypeA:
		r, err := p.AResource()
		if err == nil {
			a.addrs = append(a.addrs, netip.AddrFrom4(r.A))
		}
		return err
	case dnsmessage.TypeAAAA:
		r, err := p.AAAAResource()
		if err == nil {
			a.addrs = append(a.addrs, netip.AddrFrom16(r.AAAA).Unmap())
		}
		return err
	case dnsmessage.TypeSRV:
		r, err := p.SRVResource()
		if err == nil {
			a.srv = append(a.srv, srv{strings.TrimSuffix(r.Target.String(), "."), r.Port, r.Priority, r.Weight})
		}
		return err
	case typeNAPTR:
		r, err := p.UnknownResource()
		if err != nil {
			return err
		}
		n, ok := parseNAPTR(r.Data)
		if !ok {
			return errors.New("a NAPTR record is cut short")
		}
		a.naptr = append(a.naptr, n)
		return nil
	}
	return p.SkipAnswer()
}

// parseNAPTR reads the data of a NAPTR record (RFC 3403 4.1). Its domain name
// is never compressed (RFC 3597 4).
func parseNAPTR(b []byte) (n naptr, ok bool) {
	if len(b) < 4 {
		return n, false
	}
	n.order, n.preference = binary.BigEndian.Uint16(b), binary.BigEndian.Uint16(b[2:])
	b = b[4:]
	var regexp string
	for _, s := range []*string{&n.flags, &n.service, &regexp} {
		if *s, b, ok = cutString(b); !ok {
			return n, false
		}
	}
	var labels []string
	for len(b) > 0 && b[0] != 0 {
		var label string
		if label, b, ok = cutString(b); !ok {
			return n, false
		}
		labels = append(labels, label)
	}
	n.next = strings.Join(labels, ".")
	n.flags, n.service = strings.ToUpper(n.flags), strings.ToUpper(n.service)
	return n, len(b) > 0
}

// cutString takes a string behind its length.
func cutString(b []byte) (s string, rest []byte, ok bool) {
	if len(b) == 0 || len(b) < 1+int(b[0]) {
		return "", nil, false
	}
	return string(b[1 : 1+int(b[0])]), b[1+int(b[0]):], true
}

// noSuch is how long "there is none" holds: the SOA's word (RFC 2308 5).
func noSuch(p *dnsmessage.Parser) time.Duration {
	for range maxRecords {
		h, err := p.AuthorityHeader()
		if err != nil {
			break
		}
		if h.Type != dnsmessage.TypeSOA {
			if p.SkipAuthority() != nil {
				break
			}
			continue
		}
		soa, err := p.SOAResource()
		if err != nil {
			break
		}
		return min(time.Duration(min(h.TTL, soa.MinTTL))*time.Second, maxNoneTTL)
	}
	return noneTTL
}
