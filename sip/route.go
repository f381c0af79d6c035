package sip

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	gosip "github.com/emiago/sipgo/sip"
)

// Route is the trunks a call may take. The first is the one the caller has
// counted the call on (its channels, its calls per second); the others are tried
// when it fails for its own sake, and only as far as their Channels and Rate go.
// Trunks of equal Priority share calls by load; so a Route of equals is a pool.
type Route []Trunk

const (
	// maxHops bounds the INVITEs of one call: a number no trunk can reach
	// should not be tried through all of a carrier's twenty gateways.
	maxHops = 4

	// defaultSilence is how long a target may say nothing before the next is
	// tried: four INVITEs by UDP, at 0, 0.5, 1.5 and 3.5 s.
	defaultSilence = 6 * time.Second
)

// ErrNoTrunk is Dial's error when every way is closed: breakers open, targets
// not reachable. The person has not been tried.
var ErrNoTrunk = errors.New("no trunk takes calls now")

// Hop is one INVITE's way and what came of it. A call that reached a person at
// once has one; a call moved on by failing trunks has one for each.
type Hop struct {
	Trunk  string
	Target string // address, as udp:192.0.2.1:5060
	At     time.Time
	Cause  Cause // as that target gave it; By is empty while it is open

	dest netip.AddrPort
}

// Hops are the ways tried so far, with the raw codes of each.
func (c *Call) Hops() []Hop {
	c.hopsMu.Lock()
	defer c.hopsMu.Unlock()
	return slices.Clone(c.hops)
}

// Trunk names the trunk the call is on.
func (c *Call) Trunk() string {
	c.hopsMu.Lock()
	defer c.hopsMu.Unlock()
	if len(c.hops) == 0 {
		return ""
	}
	return c.hops[len(c.hops)-1].Trunk
}

// routing is a call's way through its route. It belongs to whoever places the
// call, then to the owner.
type routing struct {
	ways    []way // not yet tried
	seat    way   // where the open INVITE went
	seated  bool  // and is counted there
	told    bool  // its breaker knows the outcome
	moving  bool  // the next way is being readied
	alerted bool  // a 101–199 has come by this way: the person may be ringing
	silent  time.Time
	left    map[string]departed // by branch: INVITEs of targets the call has gone from
	hopped  int
	turned  int // redirections followed
}

// departed is an INVITE left behind. Of a silent one nobody proved that it did
// not arrive: if its target wakes up it is cancelled. An answer to any of them is
// hung up.
type departed struct {
	invite *gosip.Request
	peer   *peer
	done   bool // refused, or cancelled: there is nothing to cancel
}

// leaveBehind notes that nobody waits for an answer to the last INVITE any more.
func (c *Call) leaveBehind(refused bool) {
	r, invite := &c.routing, c.invites[len(c.invites)-1]
	if _, known := r.left[branch(invite)]; known {
		return
	}
	if r.left == nil {
		r.left = map[string]departed{}
	}
	r.left[branch(invite)] = departed{invite, c.peer, refused}
}

// ways lists where a call may go, in no order: every endpoint of every trunk
// that may carry it. The error is the first trunk's when there is none.
func (a *Agent) ways(ctx context.Context, r Route, inv Invite) ([]way, error) {
	var all []way
	var first error
	for i, t := range r { // a copy that the ways share
		found, err := a.waysOf(ctx, &t, inv)
		for _, w := range found {
			w.rank, w.backup = t.Priority, i > 0
			all = append(all, w)
		}
		if err != nil {
			first = cmp.Or(first, err)
		}
	}
	if len(all) == 0 {
		return nil, cmp.Or(first, errors.New("the route has no trunk"))
	}
	return all, nil
}

func (a *Agent) waysOf(ctx context.Context, t *Trunk, inv Invite) ([]way, error) {
	if err := t.check(); err != nil {
		return nil, err
	}
	f, err := t.form(inv)
	if err != nil {
		return nil, err
	}
	at, ips, err := a.endpoints(ctx, t)
	if err != nil {
		return nil, err
	}
	ways := make([]way, len(at))
	for i, e := range at {
		ways[i] = way{trunk: t, at: e, ips: ips, form: f}
	}
	return ways, nil
}

// endpoints finds every address of a trunk. A target that DNS does not know
// takes only itself out.
func (a *Agent) endpoints(ctx context.Context, t *Trunk) (all []endpoint, ips []netip.Addr, err error) {
	var errs []error
	for _, target := range t.next() {
		found, err := a.dns.locate(ctx, target, t.Transport)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		for _, e := range found {
			if len(t.Targets) > 1 || target.Priority != 0 { // the configured order stands above DNS's
				e.priority += target.Priority << 16
			}
			all = append(all, e)
			if !slices.Contains(ips, e.dest.Addr()) {
				ips = append(ips, e.dest.Addr())
			}
		}
	}
	if len(all) == 0 {
		return nil, nil, errors.Join(errs...)
	}
	return all, ips, nil
}

// nextWay takes the best way left and counts the call on it.
func (c *Call) nextWay(now time.Time) (way, bool) {
	r := &c.routing
	if r.hopped >= maxHops {
		return way{}, false
	}
	i, ok := c.agent.targets.choose(r.ways, now)
	if !ok {
		return way{}, false
	}
	w := r.ways[i]
	r.ways = slices.Delete(r.ways, i, i+1)
	c.board(w, now)
	return w, true
}

// board notes that the call goes by a way; it is counted there already.
func (c *Call) board(w way, now time.Time) {
	r := &c.routing
	r.hopped++
	r.seat, r.seated, r.told, r.alerted, r.silent = w, true, false, false, time.Time{}
	c.hopsMu.Lock()
	defer c.hopsMu.Unlock()
	c.hops = append(c.hops, Hop{Trunk: w.trunk.Name, Target: w.at.String(), At: now, dest: w.at.dest})
}

// alight undoes board for a way that got no INVITE.
func (c *Call) alight() {
	if !c.routing.seated {
		return
	}
	c.judge(unknown, Cause{})
	c.stand()
	c.hopsMu.Lock()
	defer c.hopsMu.Unlock()
	c.hops = c.hops[:len(c.hops)-1]
}

// setOut sends the first INVITE that will go: by the best way, else the next. It
// runs before there is an owner, and may wait for connections.
func (c *Call) setOut(ctx context.Context) error {
	var last error
	for {
		w, ok := c.nextWay(time.Now())
		if !ok && last != nil {
			return fmt.Errorf("%w: %w", ErrNoTrunk, last)
		}
		if !ok {
			return fmt.Errorf("%w: %s", ErrNoTrunk, c.agent.targets.closed(c.routing.ways))
		}
		p, err := c.approach(ctx, w)
		if err == nil {
			err = c.goBy(ctx, p)
		}
		if err == nil {
			return nil
		}
		if ctx.Err() != nil {
			c.judge(unknown, Cause{})
			c.stand()
			return err
		}
		last = err
		c.judge(failed, unreachable(err))
		c.stand()
	}
}

// unreachable is the cause of a target no packet could be sent to.
func unreachable(err error) Cause {
	c := Cause{Status: 503, Phrase: "trunk not reachable", By: ByCarrier}
	var way *wayError
	if errors.As(err, &way) {
		c.Phrase += ": " + printable(way.Error())
	}
	return c
}

// goBy sends the INVITE by a target that is ready.
func (c *Call) goBy(ctx context.Context, p *peer) error {
	c.peer, c.auths, c.ringing = p, 0, false
	c.known.add(p.ips)
	seq := uint32(1)
	if n := len(c.invites); n > 0 {
		seq = c.invites[n-1].CSeq().SeqNo + 1
	}
	invite := c.invite(seq, nil)
	if h, ok := p.preauthorize(invite); ok {
		invite.AppendHeader(h)
	}
	if err := c.send(ctx, invite); err != nil {
		return err
	}
	now := time.Now()
	c.ringUntil = now.Add(c.ringTimeout(p.trunk))
	c.listenFor(now)
	return nil
}

// listenFor begins the time in which the target of the INVITE just sent must say
// something, when there is another to go to.
func (c *Call) listenFor(now time.Time) {
	c.routing.silent = time.Time{}
	if len(c.routing.ways) > 0 {
		c.routing.silent = now.Add(cmp.Or(c.peer.trunk.Silence, defaultSilence))
	}
}

func (c *Call) ringTimeout(t *Trunk) time.Duration {
	return cmp.Or(c.inv.RingTimeout, t.RingTimeout, DefaultRingTimeout)
}

// approach readies the way to one target: the door opens for its addresses, a
// stream is connected. It reads nothing of the owner's.
func (c *Call) approach(ctx context.Context, w way) (*peer, error) {
	p, err := c.agent.approach(ctx, w)
	if err != nil || w.at.network != "UDP" || !w.trunk.BigToTCP {
		return p, err
	}
	if (&Call{agent: c.agent, peer: p, inv: c.inv, id: c.id, tag: c.tag}).size() <= maxInvite {
		return p, nil
	}
	w.at.network = "TCP"
	byTCP, err := c.agent.approach(ctx, w)
	if err != nil { // RFC 3261 18.1.1: then UDP all the same
		c.agent.log.Warn("an INVITE too large for one datagram goes by UDP", "trunk", w.trunk, "err", err)
		return p, nil
	}
	return byTCP, nil
}

const (
	// maxInvite is what fits an unknown path in one piece (RFC 3261 18.1.1).
	maxInvite = 1300

	// credentialRoom is what a digest answer adds to an INVITE.
	credentialRoom = 350
)

// size is how long the INVITE will be.
func (c *Call) size() int {
	n := len(c.invite(1, nil).String())
	if c.peer.trunk.User != "" {
		n += credentialRoom
	}
	return n
}

// approached is mail: the next way is ready, or is not.
type approached struct {
	peer  *peer
	err   error
	to    *way  // where a redirection led; the call is not counted there yet
	after Cause // why the target before was left
	no    bool  // Invite.Again does not want the call to go on
}

// moveOn takes the failure of the open INVITE and tries the next way, if that is
// the trunk's own fault and nobody's phone has rung. False means that the call
// has failed with it.
func (c *Call) moveOn(why Cause) bool {
	o := verdict(why)
	c.judge(o, why)
	if o != failed || c.routing.alerted || c.isOver() || c.dialog != nil || c.cancel {
		return false
	}
	c.stand()
	w, ok := c.nextWay(time.Now())
	if !ok {
		return false
	}
	c.agent.log.Info("call moves to another target", "call", c.id, "trunk", w.trunk, "cause", why.Status, "q850", why.Q850)
	return c.moveTo(why, func(ctx context.Context) approached {
		p, err := c.approach(ctx, w)
		return approached{peer: p, err: err}
	})
}

// moveTo readies a way beside the owner, who gets it by mail.
func (c *Call) moveTo(after Cause, ready func(context.Context) approached) bool {
	c.leaveBehind(true)
	c.routing.moving, c.ringing = true, false
	c.ringUntil = time.Now().Add(moveLimit)
	ok := c.agent.spawn(func() {
		ctx, stop := context.WithTimeout(context.Background(), moveLimit)
		defer stop()
		m := c.goOn(ctx, ready)
		m.after = after
		select {
		case c.mail <- m:
			c.stir()
		case <-c.gone:
		}
	})
	c.routing.moving = ok
	return ok
}

// goOn readies a way, if the call shall go on at all.
func (c *Call) goOn(ctx context.Context, ready func(context.Context) approached) approached {
	if c.inv.Again != nil {
		if err := c.inv.Again(ctx); err != nil {
			c.agent.log.Info("call does not move to another target", "call", c.id, "err", err)
			return approached{no: true}
		}
	}
	return ready(ctx)
}

// moveLimit bounds looking up and connecting to the next target.
const moveLimit = dnsLimit + connectLimit

// onApproached sends the INVITE by the way that is now ready.
func (c *Call) onApproached(m approached) {
	c.routing.moving = false
	if c.isOver() { // hung up meanwhile
		c.final = true
		return
	}
	if m.no {
		c.alight()
		c.final = true
		c.finish(m.after)
		return
	}
	if m.to != nil {
		c.agent.targets.seat(m.to, time.Now())
		c.board(*m.to, time.Now())
	}
	err := m.err
	if err == nil {
		ctx, stop := context.WithTimeout(context.Background(), gosip.T1)
		err = c.goBy(ctx, m.peer)
		stop()
	}
	if err == nil {
		return
	}
	if why := unreachable(err); !c.moveOn(why) {
		c.final = true
		c.finish(why)
	}
}

// verdict says what a failed INVITE tells of its target. The Q.850 cause of a
// Reason header (RFC 3326) beats the status line: 503 with cause 17 is a busy
// person, 480 with cause 34 a trunk without circuits.
func verdict(why Cause) outcome {
	switch q := why.Q850; {
	case q == 34, q == 38, q == 41, q == 42, q == 44, q == 47: // no circuit, network out of order, congestion
		return failed
	case q > 0 && q < 31 && q != 16: // the person's, or the number's
		return worked
	}
	switch why.Status {
	case 500, 502, 503, 504:
		return failed
	case 408:
		if why.By == ByTimeout {
			return failed // nothing came back at all
		}
	case 401, 403, 407:
		return doubtful
	}
	return worked
}

// judge tells the target's breaker how the open INVITE went, once, and keeps the
// raw cause with the hop.
func (c *Call) judge(o outcome, why Cause) {
	r := &c.routing
	if !r.seated {
		return
	}
	if !r.told {
		r.told = true
		c.agent.targets.note(r.seat.key(), o, why, time.Now())
	}
	c.hopsMu.Lock()
	defer c.hopsMu.Unlock()
	if h := &c.hops[len(c.hops)-1]; h.Cause.By == "" {
		h.Cause = why
	}
}

// lastWord is what a call's end tells of its target, when nothing has told before.
func (c *Call) lastWord(why Cause) outcome {
	if why.Status == 408 && why.By == ByTimeout && !c.ringing {
		return failed // not a word in all the time it had
	}
	return unknown
}

// stand takes the call off its target.
func (c *Call) stand() {
	if c.routing.seated {
		c.routing.seated = false
		c.agent.targets.release(c.routing.seat.key())
	}
}

// alert notes a provisional beyond 100: the trunk works, and the person's phone
// may ring, so there is no moving on any more.
func (c *Call) alert() {
	r := &c.routing
	r.alerted = true
	if r.seated && !r.told {
		r.told = true
		c.agent.targets.note(r.seat.key(), worked, Cause{}, time.Now())
	}
}

// tooSilent leaves a target that has said nothing for too long, when there is
// another.
func (c *Call) tooSilent(now time.Time) {
	r := &c.routing
	if r.silent.IsZero() || now.Before(r.silent) {
		return
	}
	r.silent = time.Time{}
	if c.ringing || c.isOver() || c.dialog != nil || c.tx == nil || r.hopped >= maxHops || !c.agent.targets.open(r.ways, now) {
		return
	}
	c.leaveBehind(false)
	c.tx = nil
	why := Cause{Status: 408, Phrase: "no response from trunk", By: ByTimeout}
	if !c.moveOn(why) {
		c.final = true
		c.finish(why)
	}
}

// onDeparted takes a provisional of an INVITE left behind: a silent target lives
// after all, and is told that nobody waits.
func (c *Call) onDeparted(res *gosip.Response) {
	d, ok := c.routing.left[branch(res)]
	if !ok || d.done {
		return
	}
	d.done = true
	c.routing.left[branch(res)] = d
	c.stay()
	c.ask(nil, same(d.invite, gosip.CANCEL), nil)
}

// inviteOf is the INVITE a response answers, by its CSeq; the last one when none fits.
func (c *Call) inviteOf(res *gosip.Response) *gosip.Request {
	for _, sent := range c.invites {
		if sent.CSeq().SeqNo == res.CSeq().SeqNo {
			return sent
		}
	}
	return c.invites[len(c.invites)-1]
}

// peerOf is the target a response to INVITE belongs to.
func (c *Call) peerOf(res *gosip.Response) *peer {
	if d, ok := c.routing.left[branch(res)]; ok {
		return d.peer
	}
	return c.peer
}

// abandoned reports whether a response is to an INVITE left behind.
func (c *Call) abandoned(res *gosip.Response) bool {
	_, ok := c.routing.left[branch(res)]
	return ok
}

// through is the target a request of the call goes to.
func (c *Call) through(req *gosip.Request) *peer {
	for _, d := range c.routing.left {
		if d.peer.dest.String() == req.Destination() {
			return d.peer
		}
	}
	return c.peer
}

// String writes an endpoint for people.
func (e endpoint) String() string { return strings.ToLower(e.network) + ":" + e.dest.String() }

// words says in one line why a call failed.
func (c Cause) words() string {
	s := strconv.Itoa(c.Status) + " " + c.Phrase
	if c.Q850 != 0 {
		s += " (Q.850 " + strconv.Itoa(c.Q850) + ")"
	}
	return s
}
