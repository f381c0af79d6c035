package sip

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	gosip "github.com/emiago/sipgo/sip"
)

// served are the trunks an agent keeps: registered, asked for their health, let
// in at any time.
type served struct {
	mu     sync.Mutex
	trunks []*kept
}

// kept is one served trunk.
type kept struct {
	Trunk
	at      []endpoint
	ips     []netip.Addr
	learned sentBy // our address as the trunk sees it; empty host while unknown
	moved   chan struct{}
	reg     registration
}

// Serve keeps trunks from now on: registers with those that want it, asks their
// targets with OPTIONS for their health, and lets them call in: their calls go to
// Config.OnCall. Routing uses what it finds, Trunks tells it, Close unregisters.
// ctx bounds the first look-up of their addresses; one that DNS does not know yet
// is looked up again and again.
func (a *Agent) Serve(ctx context.Context, trunks ...Trunk) error {
	for _, t := range trunks {
		if err := t.Check(); err != nil {
			return fmt.Errorf("serving trunk %s: %w", t.Name, err)
		}
		k := &kept{Trunk: t, moved: make(chan struct{}, 1)} // room for one: the news is that it moved
		a.served.mu.Lock()
		if slices.ContainsFunc(a.served.trunks, func(o *kept) bool { return o.Name == t.Name }) {
			a.served.mu.Unlock()
			return fmt.Errorf("serving trunk %s: it is served already", t.Name)
		}
		a.served.trunks = append(a.served.trunks, k)
		a.served.mu.Unlock()
		a.lookUp(ctx, k)
		if err := a.keep(k); err != nil {
			return err
		}
	}
	return nil
}

// keep starts what a served trunk needs.
func (a *Agent) keep(k *kept) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.closed {
		return ErrClosed
	}
	a.keepers.Go(func() { a.watch(k) })
	if k.Register.Wanted {
		a.keepers.Go(func() { a.stayRegistered(k) })
	}
	return nil
}

// lookUp finds a served trunk's addresses and lets them in.
func (a *Agent) lookUp(ctx context.Context, k *kept) ([]endpoint, []netip.Addr) {
	at, ips, err := a.endpoints(ctx, &k.Trunk)
	if err != nil {
		a.log.Warn("trunk not found", "trunk", k.Trunk, "err", err)
		return nil, nil
	}
	a.door.admit(ips) // again and again, by watch; what DNS has dropped runs out
	a.served.mu.Lock()
	defer a.served.mu.Unlock()
	k.ips, k.at = ips, at
	return at, ips
}

// find returns a served trunk.
func (s *served) find(name string) *kept {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, k := range s.trunks {
		if k.Name == name {
			return k
		}
	}
	return nil
}

// servedBy is the trunk that may send a request outside any call, and how to
// answer it and ask it anything: the way the request came, or over a stream of
// ours when the trunk made the connection itself. It is nil for strangers.
func (a *Agent) servedBy(req *gosip.Request) *peer {
	source, err := netip.ParseAddrPort(req.Source())
	if err != nil {
		return nil
	}
	source = netip.AddrPortFrom(source.Addr().Unmap(), source.Port())
	a.served.mu.Lock()
	i := slices.IndexFunc(a.served.trunks, func(k *kept) bool { return slices.Contains(k.ips, source.Addr()) })
	if i < 0 {
		a.served.mu.Unlock()
		return nil
	}
	k := a.served.trunks[i]
	p := &peer{trunk: &k.Trunk, dest: source, ips: k.ips, nonces: &a.nonces, laddr: a.laddr}
	at := k.at
	a.served.mu.Unlock()
	network := gosip.NetworkToUpper(req.Transport())
	if network == "UDP" {
		p.local, err = a.sentBy(source)
		p.local = a.outward(&k.Trunk, p.local)
		if err != nil {
			return nil
		}
		return p
	}
	f := a.flowFrom(network, source)
	for _, e := range at {
		if f == nil && e.network == network && e.dest.Addr() == source.Addr() {
			f, err = a.flowTo(network, e.dest, e.host, &k.Trunk)
		}
	}
	if f == nil || err != nil {
		return nil
	}
	p.dest, p.local, p.laddr = f.dest, a.outward(&k.Trunk, f.local()), f.name
	return p
}

// serviceRoute is what the trunk's registrar wants requests to pass (RFC 3608).
func (s *served) serviceRoute(name string) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, k := range s.trunks {
		if k.Name == name {
			return k.reg.serviceRoute
		}
	}
	return nil
}

// defaultOptions is how often a target is asked.
const defaultOptions = 30 * time.Second

// watch asks every target of a trunk with OPTIONS, again and again, and keeps the
// door open for their addresses.
func (a *Agent) watch(k *kept) {
	every := k.Options
	if every == 0 {
		every = defaultOptions
	}
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-timer.C:
		case <-a.leaving.Done():
			return
		}
		at, ips := a.lookUp(a.leaving, k)
		if every < 0 {
			timer.Reset(defaultOptions)
			continue
		}
		var round sync.WaitGroup
		for _, e := range at {
			round.Go(func() { a.examine(k, way{trunk: &k.Trunk, at: e, ips: ips}) })
		}
		round.Wait()
		timer.Reset(jitter(every))
	}
}

// examine asks one target and notes what it says.
func (a *Agent) examine(k *kept, w way) {
	ctx, stop := context.WithTimeout(a.leaving, pingLimit)
	defer stop()
	began := time.Now()
	status, err := a.options(ctx, w)
	if a.leaving.Err() != nil {
		return
	}
	ts := &a.targets
	ts.mu.Lock()
	s := ts.at(w.key())
	s.asked, s.status = began, status
	if status != 0 {
		s.rtt = time.Since(began)
	} else if err != nil {
		s.failed = printable(err.Error())
	}
	changed := s.observe(alive(status))
	down := s.down
	ts.mu.Unlock()
	switch {
	case changed && down:
		a.log.Warn("trunk target is down", "trunk", k.Trunk, "target", w.at.String(), "status", status, "err", err)
	case changed:
		a.log.Info("trunk target is up again", "trunk", k.Trunk, "target", w.at.String())
	}
}

// options asks one target; status 0 and an error when it does not answer.
func (a *Agent) options(ctx context.Context, w way) (status int, err error) {
	p, err := a.approach(ctx, w)
	if err != nil {
		return 0, err
	}
	host, port := p.uriHost()
	uri := gosip.Uri{Scheme: "sip", Host: host, Port: port}
	req := a.outside(p, gosip.OPTIONS, uri, p.fromURI(userOr(w.trunk.From, "ping")), uri, randomHex(12), 1)
	req.AppendHeader(gosip.NewHeader("Accept", "application/sdp"))
	res := a.transact(ctx, req)
	if res == nil {
		return 0, fmt.Errorf("no answer to OPTIONS from %s", w.at)
	}
	a.learn(p, res)
	return res.StatusCode, nil
}

// userOr is a user part that can be written, or another.
func userOr(user, other string) string {
	if s, err := escapeUser("user", user); err == nil {
		return s
	}
	return other
}

// outside writes a request outside any call.
func (a *Agent) outside(p *peer, method gosip.RequestMethod, uri, from, to gosip.Uri, id string, seq uint32) *gosip.Request {
	req := gosip.NewRequest(method, uri)
	req.AppendHeader(newVia(p.local))
	for _, r := range p.routes {
		req.AppendHeader(gosip.NewHeader("Route", r))
	}
	hops := gosip.MaxForwardsHeader(70)
	req.AppendHeader(&hops)
	req.AppendHeader(&gosip.FromHeader{Address: from, Params: gosip.HeaderParams{{K: "tag", V: a.tags.issue(id)}}})
	req.AppendHeader(&gosip.ToHeader{Address: to})
	callID := gosip.CallIDHeader(id)
	req.AppendHeader(&callID)
	req.AppendHeader(&gosip.CSeqHeader{SeqNo: seq, MethodName: method})
	req.AppendHeader(gosip.NewHeader("User-Agent", a.name))
	address(req, p.dest, p.laddr)
	return req
}

// outward is our address as the trunk should see it.
func (a *Agent) outward(t *Trunk, local sentBy) sentBy {
	switch t.External {
	case "":
		return local
	case "auto":
		k := a.served.find(t.Name)
		if k == nil {
			return local
		}
		a.served.mu.Lock()
		defer a.served.mu.Unlock()
		if k.learned.host != "" {
			local.host = k.learned.host
			if k.learned.port != 0 && local.protocol() == "UDP" {
				local.port = k.learned.port
			}
		}
		return local
	}
	host, port, err := splitTarget(t.External)
	if err != nil {
		return local
	}
	local.host = host
	if port != 0 {
		local.port = port
	}
	return local
}

// learn takes our address from the Via of a response: received and rport (RFC
// 3581 4). Only served trunks that ask for it teach us.
func (a *Agent) learn(p *peer, res *gosip.Response) {
	via := res.Via()
	if p.trunk.External != "auto" || via == nil || !p.owns(res.Source()) {
		return
	}
	k := a.served.find(p.trunk.Name)
	if k == nil {
		return
	}
	seen := sentBy{host: p.local.host}
	if ip, err := netip.ParseAddr(strings.Trim(param(via.Params, "received"), "[]")); err == nil {
		seen.host = ip.Unmap().String()
	}
	if n, err := portOf(param(via.Params, "rport")); err == nil && p.local.protocol() == "UDP" {
		seen.port = n
	}
	a.served.mu.Lock()
	defer a.served.mu.Unlock()
	if seen == k.learned {
		return
	}
	known := k.learned.host != ""
	k.learned = seen
	if known || seen.host != p.local.host || seen.port != 0 && seen.port != p.local.port {
		select {
		case k.moved <- struct{}{}:
		default:
		}
	}
}

// TrunkState is what is known of a served trunk.
type TrunkState struct {
	Name       string
	Registers  bool      // it wants registration
	Registered bool      // and has it
	Until      time.Time // when the registration ends
	Failed     string    // why it is not registered
	External   string    // our address as it sees it, where that is learned
	Live       int       // calls on it
	Targets    []TargetState
}

// TargetState is what is known of one address of a trunk.
type TargetState struct {
	Addr    string        // as udp:192.0.2.1:5060
	Up      bool          // by OPTIONS, with hysteresis
	Breaker string        // closed, open, half-open
	Until   time.Time     // while open: when it is tried again
	Live    int           // calls on it
	Placed  uint64        // INVITEs it got
	Status  int           // of the last OPTIONS; 0 when it was not answered
	RTT     time.Duration // of the last OPTIONS answered
	Failed  string        // the last failure, in words
}

// Trunks tells what is known of the served trunks, in the order they were given.
func (a *Agent) Trunks() []TrunkState {
	a.served.mu.Lock()
	var all []TrunkState
	for _, k := range a.served.trunks {
		s := TrunkState{Name: k.Name, Registers: k.Register.Wanted, Registered: k.reg.ok, Until: k.reg.until, Failed: k.reg.failed}
		if k.learned.host != "" {
			s.External = k.learned.host
		}
		all = append(all, s)
	}
	a.served.mu.Unlock()
	now := time.Now()
	ts := &a.targets
	ts.mu.Lock()
	defer ts.mu.Unlock()
	for key, s := range ts.known {
		i := slices.IndexFunc(all, func(t TrunkState) bool { return t.Name == key.trunk })
		if i < 0 {
			continue
		}
		all[i].Live += s.live
		all[i].Targets = append(all[i].Targets, TargetState{
			Addr: endpoint{network: key.network, dest: key.dest}.String(), Up: !s.down, Breaker: s.state(now), Until: s.until,
			Live: s.live, Placed: s.placed, Status: s.status, RTT: s.rtt, Failed: s.failed,
		})
	}
	for i := range all {
		slices.SortFunc(all[i].Targets, func(a, b TargetState) int { return strings.Compare(a.Addr, b.Addr) })
	}
	return all
}

// between is a random time in [lo, hi).
func between(lo, hi time.Duration) time.Duration {
	if hi <= lo {
		return lo
	}
	return lo + time.Duration(rand.Int64N(int64(hi-lo)))
}

// Takes reports whether any trunk of a route would get a call now. A trunk never
// used would; what is left alone after failures (breaker, Retry-After) would not.
// It is the question to ask before a person is claimed.
func (a *Agent) Takes(r Route) bool {
	now := time.Now()
	ts := &a.targets
	ts.mu.Lock()
	defer ts.mu.Unlock()
	for _, t := range r {
		seen, open := false, false
		for k, s := range ts.known {
			if k.trunk == t.Name {
				seen, open = true, open || s.allows(now)
			}
		}
		if open || !seen {
			return true
		}
	}
	return false
}
