package sip

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	gosip "github.com/emiago/sipgo/sip"
)

// Register is how we make ourselves known to a carrier that does not know our
// address (RFC 3261 10).
type Register struct {
	Wanted    bool
	Registrar string        // the domain registered with; the trunk's when empty
	Expires   time.Duration // asked for; an hour when zero
}

const (
	defaultExpires = time.Hour
	maxExpires     = 24 * time.Hour // a registrar may not park us longer than that without a look

	// A refused registration is tried again after firstRetry, twice as long each
	// time, at most lastRetry, each time 50–100 % of it (RFC 5626 4.5).
	firstRetry = 4 * time.Second
	lastRetry  = 5 * time.Minute

	// registerLimit bounds one REGISTER: four retransmissions by UDP.
	registerLimit = 8 * time.Second

	// farewell bounds the unregistration of a closing agent.
	farewell = time.Second
)

// registration is its state; served.mu guards it.
type registration struct {
	ok           bool
	until        time.Time
	failed       string
	serviceRoute []string
}

// registrar is the loop's own memory.
type registrar struct {
	agent   *Agent
	kept    *kept
	id      string // Call-ID of all its REGISTERs (RFC 3261 10.2)
	seq     uint32
	expires time.Duration
	flow    *flow // the stream it went by
}

// stayRegistered registers a trunk, refreshes it, begins again when its stream
// breaks or our address changes, and unregisters when the agent closes.
func (a *Agent) stayRegistered(k *kept) {
	r := &registrar{agent: a, kept: k, id: randomHex(12), expires: cmp.Or(k.Register.Expires, defaultExpires)}
	retry := firstRetry
	for {
		granted, err := r.register(a.leaving, r.expires)
		var wait time.Duration
		if err == nil {
			retry = firstRetry
			wait = between(granted/2, granted*9/10) // well before it ends, not all at once
		} else if a.leaving.Err() == nil {
			a.log.Warn("trunk not registered", "trunk", k.Trunk, "err", err)
			wait = between(retry/2, retry)
			retry = min(2*retry, lastRetry)
			var why *refusedError
			if errors.As(err, &why) {
				wait = max(wait, why.after)
			}
		}
		if !r.rest(wait) {
			r.unregister()
			return
		}
	}
}

// rest waits for the next REGISTER; false when the agent closes.
func (r *registrar) rest(wait time.Duration) bool {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	var lost <-chan struct{}
	if r.flow != nil {
		lost = r.flow.breaks()
	}
	select {
	case <-timer.C:
	case <-lost:
		r.forget("the connection broke")
	case <-r.kept.moved:
	case <-r.agent.leaving.Done():
		return false
	}
	return true
}

// forget notes that the carrier does not know us any more.
func (r *registrar) forget(why string) {
	r.agent.served.mu.Lock()
	defer r.agent.served.mu.Unlock()
	r.kept.reg.ok, r.kept.reg.failed = false, why
}

// register tries the trunk's targets in order until one gives an answer of its
// own, and keeps what became of it.
func (r *registrar) register(ctx context.Context, expires time.Duration) (granted time.Duration, err error) {
	at, ips, err := r.agent.endpoints(ctx, &r.kept.Trunk)
	if err == nil {
		slices.SortStableFunc(at, func(a, b endpoint) int { return cmp.Compare(a.priority, b.priority) })
		for _, e := range at {
			granted, err = r.with(ctx, way{trunk: &r.kept.Trunk, at: e, ips: ips}, expires)
			var why *refusedError
			if err == nil || errors.As(err, &why) && why.status != 503 || ctx.Err() != nil {
				break
			}
		}
	}
	r.agent.served.mu.Lock()
	defer r.agent.served.mu.Unlock()
	if err != nil {
		// What was granted still stands until its time is over.
		r.kept.reg.ok = r.kept.reg.ok && time.Now().Before(r.kept.reg.until)
		r.kept.reg.failed = printable(err.Error())
		return 0, err
	}
	r.kept.reg.ok, r.kept.reg.failed, r.kept.reg.until = expires > 0, "", time.Now().Add(granted)
	return granted, nil
}

// refusedError is a registrar's no.
type refusedError struct {
	status int
	phrase string
	after  time.Duration
}

func (e *refusedError) Error() string {
	switch e.status {
	case 401, 407:
		return fmt.Sprintf("the registrar does not take user and password (%d %s)", e.status, e.phrase)
	}
	return fmt.Sprintf("the registrar answers %d %s", e.status, e.phrase)
}

// with registers by one target: again with a password when it is asked for, and
// for longer when the registrar finds the time too brief (423, RFC 3261 10.2.8).
func (r *registrar) with(ctx context.Context, w way, expires time.Duration) (granted time.Duration, err error) {
	p, err := r.agent.approach(ctx, w)
	if err != nil {
		return 0, err
	}
	r.flow = r.agent.flowOf(p.laddr)
	given := 0
	var credential gosip.Header
	for range 5 { // the first, a password, a fresh nonce, a longer time, and once more
		req := r.request(p, expires)
		if credential == nil {
			credential, _ = p.preauthorize(req)
		}
		if credential != nil {
			req.AppendHeader(credential)
		}
		credential = nil
		res := r.transact(ctx, req)
		if res == nil {
			return 0, fmt.Errorf("the registrar at %s does not answer", w.at)
		}
		r.agent.learn(p, res)
		switch {
		case res.StatusCode < 300:
			granted = r.granted(p, res, expires)
			r.routes(res)
			return granted, nil
		case res.StatusCode == 401 || res.StatusCode == 407:
			c, stale, ok := p.credential(res, req)
			if given++; !ok || given > 2 || given == 2 && !stale {
				p.refused()
				return 0, r.no(res)
			}
			credential = c
		case res.StatusCode == 423:
			least := time.Duration(deltaSeconds(values(res, "min-expires"))) * time.Second
			if least <= expires || least > maxExpires {
				return 0, r.no(res)
			}
			expires, r.expires = least, least
		default:
			return 0, r.no(res)
		}
	}
	return 0, errors.New("the registrar asks again and again")
}

func (r *registrar) transact(ctx context.Context, req *gosip.Request) *gosip.Response {
	ctx, stop := context.WithTimeout(ctx, registerLimit)
	defer stop()
	return r.agent.transact(ctx, req)
}

func (r *registrar) no(res *gosip.Response) error {
	c := causeOf(res)
	return &refusedError{c.Status, c.Phrase, c.RetryAfter}
}

// request writes a REGISTER (RFC 3261 10.2).
func (r *registrar) request(p *peer, expires time.Duration) *gosip.Request {
	t := r.kept.Trunk
	domain, port, err := splitTarget(cmp.Or(t.Register.Registrar, t.Domain, t.gateways()[0].Addr))
	if err != nil {
		domain, port = t.domain(), 0
	}
	uri := gosip.Uri{Scheme: "sip", Host: domain, Port: port}
	who := gosip.Uri{Scheme: "sip", User: userOr(t.User, "warmline"), Host: domain, Port: port}
	r.seq++
	withoutRoute := *p
	withoutRoute.routes = nil // the Service-Route is for what comes after (RFC 3608 6.1)
	if t.Proxy != "" {
		withoutRoute.routes = p.routes[:1]
	}
	req := r.agent.outside(&withoutRoute, gosip.REGISTER, uri, who, who, r.id, r.seq)
	req.AppendHeader(r.contact(p))
	req.AppendHeader(gosip.NewHeader("Expires", strconv.Itoa(int(expires/time.Second))))
	req.AppendHeader(gosip.NewHeader("Supported", "path")) // RFC 3327: proxies between may add themselves
	return req
}

func (r *registrar) contact(p *peer) *gosip.ContactHeader {
	return &gosip.ContactHeader{Address: p.local.uri(userOr(r.kept.User, "warmline"))}
}

// granted is how long the registrar keeps us: what it says of our own Contact
// among all it knows, else of all (RFC 3261 10.2.4).
func (r *registrar) granted(p *peer, res *gosip.Response, asked time.Duration) time.Duration {
	ours := r.contact(p).Address
	n := deltaSeconds(values(res, "expires"))
	if n == 0 {
		n = int(asked / time.Second)
	}
	for _, h := range res.GetHeaders("contact") {
		c, ok := h.(*gosip.ContactHeader)
		if !ok || c.Address.User != ours.User || !strings.EqualFold(c.Address.Host, ours.Host) || c.Address.Port != ours.Port {
			continue
		}
		if e := param(c.Params, "expires"); e != "" {
			n = deltaSeconds([]string{e})
		}
	}
	return min(max(time.Duration(n)*time.Second, 2*time.Second), maxExpires) // a grant of nothing would register without end
}

// routes keeps the Service-Route (RFC 3608).
func (r *registrar) routes(res *gosip.Response) {
	var routes []string
	for _, v := range values(res, "service-route") {
		for route := range splitQuoted(v, ',') {
			if route = strings.TrimSpace(route); checkValue("service route", route) == nil && strings.HasPrefix(route, "<") && len(routes) < 8 {
				routes = append(routes, route)
			}
		}
	}
	r.agent.served.mu.Lock()
	defer r.agent.served.mu.Unlock()
	r.kept.reg.serviceRoute = routes
}

// unregister says goodbye, shortly.
func (r *registrar) unregister() {
	r.agent.served.mu.Lock()
	known := r.kept.reg.ok
	r.agent.served.mu.Unlock()
	if !known {
		return
	}
	ctx, stop := context.WithTimeout(context.Background(), farewell)
	defer stop()
	if _, err := r.register(ctx, 0); err != nil {
		r.agent.log.Debug("trunk not unregistered", "trunk", r.kept.Trunk, "err", err)
	}
}

// deltaSeconds reads the delta-seconds of a header's first value, 0 when there are none.
func deltaSeconds(values []string) int {
	if len(values) == 0 {
		return 0
	}
	return int(parseRetryAfter(values[0]) / time.Second)
}

// portOf reads a port.
func portOf(s string) (int, error) {
	n, err := strconv.Atoi(s)
	if err != nil || n < 1 || n > 65535 {
		return 0, fmt.Errorf("%q is no port", s)
	}
	return n, nil
}
