package sip

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	gosip "github.com/emiago/sipgo/sip"
)

// maxIncoming is how many calls that came in may wait for their answer; more
// are asked to come later.
const maxIncoming = 256

// Incoming is a call from a trunk that we have not answered yet. Whoever gets it
// answers or rejects it; left alone it is refused when the trunk's RingTimeout
// is over. Its methods may be used from any goroutine.
type Incoming struct {
	Trunk Trunk
	From  string // the caller's number as the trunk gives it; "" when withheld
	To    string // the number called
	SDP   []byte // their offer; empty when they want ours

	// OnOffer is set before Answer; it is that of [Invite].
	OnOffer func(sdp []byte) (answer []byte, err error)

	call *Call
	from netip.Addr // where it came from
	req  inbound
	over chan struct{} // closed when nobody waits for an answer any more

	cancelOnce sync.Once
	cancel     chan struct{} // closed when the caller has hung up
}

// ErrGone is Answer's error when the caller has hung up, or has been answered
// or refused before.
var ErrGone = errors.New("nobody waits for this answer any more")

// fresh marks an INVITE outside any call. The mark is in a field that no packet
// can set and that sipgo reads only in requests of ours.
const fresh = "fresh"

// tagFresh gives an INVITE outside any call the To tag of its call before sipgo
// shares it between goroutines: sipgo's own 487 after a CANCEL then carries the
// tag of our other responses (RFC 3261 9.2). Repeated, it gets the same tag.
func (a *Agent) tagFresh(req *gosip.Request) {
	to := req.To()
	if req.Method != gosip.INVITE || to == nil || param(to.Params, "tag") != "" {
		return
	}
	to.Params = append(to.Params, gosip.HeaderKV{K: "tag", V: a.tags.repeat(callID(req), branch(req))})
	req.Laddr.Hostname = fresh
}

func takeFresh(req *gosip.Request) bool { return req.Laddr.Hostname == fresh }

// onIncoming takes an INVITE outside any call: from a trunk that may call in it
// starts one, from others it is refused. It reports whether there is a call.
func (a *Agent) onIncoming(in inbound) bool {
	p := a.servedBy(in.req)
	if a.onCall == nil || p == nil {
		a.count.strangers.Add(1)
		in.refuse(403, "Forbidden")
		return false
	}
	if fromTag(in.req) == "" || callID(in.req) == "" || in.req.CSeq() == nil {
		in.refuse(400, "Bad Request")
		return false
	}
	if tooSmall(in.req) {
		in.refuse(422, "Session Interval Too Small", gosip.NewHeader("Min-SE", seconds(minSession)))
		return false
	}
	d, ok := dialogAsked(in.req, p.local, p.laddr, p.has)
	if !ok {
		in.refuse(400, "Bad Contact")
		return false
	}
	if a.waiting.Add(1) > maxIncoming {
		a.waiting.Add(-1)
		in.refuse(503, "Too Many Calls", gosip.NewHeader("Retry-After", "2"))
		return false
	}
	if !a.begin(newIncoming(a, p, in, d)) {
		a.waiting.Add(-1)
		in.refuse(482, "Loop Detected") // the same call by another way (RFC 3261 8.2.2.2)
		return false
	}
	return true
}

// newIncoming makes the call of an INVITE.
func newIncoming(a *Agent, p *peer, req inbound, d *dialog) *Call {
	in := &Incoming{
		Trunk: *p.trunk, From: callerOf(req.req), To: userOf(req.req.Recipient), SDP: sdpOf(req.req),
		req: req, from: p.dest.Addr(), over: make(chan struct{}), cancel: make(chan struct{}),
	}
	c := newCall(a, p, Invite{To: in.From, From: in.To, RingTimeout: p.trunk.RingTimeout})
	if c.inv.RingTimeout == 0 {
		c.inv.RingTimeout = DefaultRingTimeout
	}
	c.id, c.tag = callID(req.req), toTag(req.req)
	c.in, in.call, c.cancelCame = in, c, in.cancel
	c.ringUntil = time.Now().Add(c.inv.RingTimeout)
	c.asked, c.final = d, true // there is no INVITE of ours to wait for
	c.remote = map[string]uint32{fromTag(req.req): req.req.CSeq().SeqNo}
	c.learn(req.req)
	c.ladder.note(false, "INVITE")
	return c
}

// begin starts the owner and tells OnCall; false when there is such a call
// already, or no room for goroutines.
func (a *Agent) begin(c *Call) bool {
	a.mu.Lock()
	_, twice := a.calls[c.id]
	if twice || a.closed {
		a.mu.Unlock()
		return false
	}
	a.calls[c.id] = c
	a.wg.Go(c.run)
	a.mu.Unlock()
	a.count.incoming.Add(1)
	if !c.in.req.tx.OnCancel(func(*gosip.Request) { c.in.gaveUp() }) {
		c.in.gaveUp()
	}
	c.in.req.respond(100, "Trying", nil)
	c.ladder.note(true, "100 Trying")
	a.spawn(func() { a.onCall(c.in) })
	return true
}

func (in *Incoming) gaveUp() { in.cancelOnce.Do(func() { close(in.cancel) }) }

// Gone is closed when nobody waits for an answer any more: answered, rejected,
// or the caller has hung up.
func (in *Incoming) Gone() <-chan struct{} { return in.over }

// ID is the call's Call-ID.
func (in *Incoming) ID() string { return in.call.id }

// Ring tells the caller that a phone rings (180).
func (in *Incoming) Ring() {
	in.call.tell(context.Background(), func(c *Call) {
		if c.isOver() || c.dialog != nil {
			return
		}
		c.in.req.respond(180, "Ringing", nil, c.contact(), gosip.NewHeader("Allow", allow))
		c.ladder.note(true, "180 Ringing")
	})
}

// Answer takes the call with our SDP: the answer to their offer, or the offer
// they asked for. The Call's Answered event comes with their ACK.
func (in *Incoming) Answer(sdp []byte) (*Call, error) {
	result := make(chan error, 1)
	if err := in.call.tell(context.Background(), func(c *Call) { result <- c.take(sdp) }); err != nil {
		return nil, fmt.Errorf("answering a call: %w", ErrGone)
	}
	select {
	case err := <-result:
		if err != nil {
			return nil, fmt.Errorf("answering a call: %w", err)
		}
		return in.call, nil
	case <-in.call.gone:
		return nil, fmt.Errorf("answering a call: %w", ErrGone)
	}
}

// Reject refuses the call with a status of 300 to 699, as 486 for busy or 603
// for declined.
func (in *Incoming) Reject(status int, phrase string) { in.RejectFor(status, phrase, 0) }

// RejectFor refuses the call for a while: Retry-After says when it may be tried
// again (RFC 3261 20.33).
func (in *Incoming) RejectFor(status int, phrase string, after time.Duration) {
	if status < 300 || status > 699 {
		status, phrase = 480, "Temporarily Unavailable"
	}
	var headers []gosip.Header
	if after > 0 {
		headers = append(headers, gosip.NewHeader("Retry-After", strconv.Itoa(int(after.Seconds()))))
	}
	in.call.tell(context.Background(), func(c *Call) { c.reject(status, printable(phrase), headers...) })
}

// take answers. The 2xx is repeated until its ACK comes (RFC 3261 13.3.1.4).
func (c *Call) take(sdp []byte) error {
	if c.isOver() || c.dialog != nil {
		return ErrGone
	}
	h := held{inbound: c.in.req, tag: fromTag(c.in.req.req), seq: c.in.req.req.CSeq().SeqNo}
	res := h.respond(200, "OK", sdp, c.accepting(h.req)...)
	select {
	case <-c.cancelCame: // before our 200, which therefore was not sent
		c.onCanceled()
		return ErrGone
	default:
	}
	c.leaveWaiting()
	c.inv.OnOffer = c.in.OnOffer
	c.dialog, c.local = c.asked, sdp
	c.ladder.note(true, "200 OK (SDP)")
	c.agent.count.answered.Add(1)
	c.await(h, res, len(c.in.SDP) == 0)
	c.offer.first = true
	return nil
}

// reject refuses a call that is not answered yet. ACK and repetitions are the
// transaction's.
func (c *Call) reject(status int, phrase string, headers ...gosip.Header) {
	if c.isOver() || c.dialog != nil {
		return
	}
	c.in.req.respond(status, phrase, nil, headers...)
	c.ladder.note(true, fmt.Sprintf("%d %s", status, phrase))
	c.leaveWaiting()
	c.finish(Cause{Status: status, Phrase: phrase, By: ByUs})
}

// onCanceled takes the caller's CANCEL; sipgo has answered it and sent 487.
func (c *Call) onCanceled() {
	c.cancelCame = nil // a closed channel would be ready for ever
	if c.isOver() || c.dialog != nil {
		return
	}
	c.ladder.note(false, "CANCEL")
	c.withdraw()
}

// withdraw ends a call whose caller has hung up before the answer.
func (c *Call) withdraw() {
	if c.isOver() {
		return
	}
	c.in.req.respond(487, "Request Terminated", nil) // once, if sipgo has sent it
	c.ladder.note(true, "487 Request Terminated")
	c.leaveWaiting()
	c.finish(Cause{Status: 487, Phrase: "caller hung up", By: ByCallee})
}

// leaveWaiting ends the time in which the call may be answered.
func (c *Call) leaveWaiting() {
	select {
	case <-c.in.over:
	default:
		close(c.in.over)
		c.agent.waiting.Add(-1)
	}
}

// callerOf is who calls: the identity the trunk asserts (RFC 3325 9.1), else
// From; "" when there is no number.
func callerOf(req *gosip.Request) string {
	for _, v := range values(req, "p-asserted-identity") {
		if user := numberIn(v); user != "" {
			return user
		}
	}
	if from := req.From(); from != nil {
		return userOf(from.Address)
	}
	return ""
}

// numberIn finds the user part of the first URI in a header value such as
// `"Ann" <sip:+8613800138000@carrier.example;user=phone>, <tel:+8613800138000>`.
func numberIn(value string) string {
	for addr := range splitQuoted(value, ',') {
		if _, after, found := strings.Cut(addr, "<"); found {
			addr, _, _ = strings.Cut(after, ">")
		}
		scheme, rest, found := strings.Cut(strings.TrimSpace(addr), ":")
		if !found {
			continue
		}
		switch strings.ToLower(scheme) {
		case "sip", "sips":
			if user, _, found := strings.Cut(rest, "@"); found {
				return cleanUser(user)
			}
		case "tel":
			return cleanUser(rest)
		}
	}
	return ""
}

func userOf(u gosip.Uri) string { return cleanUser(u.User) }

// cleanUser takes a number out of a user part: without parameters (RFC 3966) and
// escapes; "" for what is no printable value of a number's length, and for
// "anonymous" (RFC 3323 4.1.1.3).
func cleanUser(user string) string {
	user, _, _ = strings.Cut(user, ";")
	user, err := url.PathUnescape(user)
	if err != nil || len(user) > maxValue || checkValue("user", user) != nil || printable(user) != user ||
		strings.EqualFold(user, "anonymous") {
		return ""
	}
	return user
}

// dialogAsked builds the called side of the dialog of an INVITE (RFC 3261
// 12.1.1): the route set in the order it came.
func dialogAsked(req *gosip.Request, via sentBy, laddr gosip.Addr, trusted func(netip.Addr) bool) (*dialog, bool) {
	from, to, contact := req.From(), req.To(), req.Contact()
	source, err := netip.ParseAddrPort(req.Source())
	if from == nil || to == nil || contact == nil || contact.Address.Host == "" || err != nil {
		return nil, false
	}
	d := &dialog{
		callID: callID(req),
		local:  gosip.FromHeader{Address: *to.Address.Clone(), Params: to.Params.Clone()},
		remote: gosip.ToHeader{Address: *from.Address.Clone(), Params: from.Params.Clone()},
		via:    via,
		laddr:  laddr,
	}
	d.refresh(req)
	for _, h := range req.GetHeaders("record-route") {
		if rr, ok := h.(*gosip.RecordRouteHeader); ok {
			d.routes = append(d.routes, *rr.Address.Clone())
		}
	}
	d.hop = d.nextHop(source, trusted)
	return d, true
}
