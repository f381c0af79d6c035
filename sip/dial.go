package sip

import (
	"context"
	"errors"
	"fmt"
	"time"

	gosip "github.com/emiago/sipgo/sip"
)

// Invite is one call to place.
type Invite struct {
	To          string        // number; each trunk writes it its own way
	From        string        // caller ID; the trunk's From when empty
	SDP         []byte        // our offer
	RingTimeout time.Duration // how long it may ring; the trunk's when zero
	AttemptID   string        // sent as X-Attempt, so that both sides' records meet

	// Again is asked before a further target gets the call: what allowed the first
	// INVITE may have changed since. It may wait as long as its ctx; an error ends
	// the call with the failure that would have moved it. nil is always yes.
	Again func(ctx context.Context) error

	// OnOffer answers a new offer during the call (hold, new address) with our
	// SDP. It runs on the call's own goroutine and must not wait; an error
	// refuses the offer with 488 and the call goes on as it was. A nil OnOffer
	// refuses all. An answer that arrives in an ACK, to an offer we were asked
	// to make, is given to it too, and what it returns is then ignored.
	OnOffer func(sdp []byte) (answer []byte, err error)
}

// Dial places a call through a trunk, by the best of its targets. It returns once
// the INVITE has left; an error means that nothing was sent. ctx bounds only
// that: a call that has been placed ends by Hangup.
func (a *Agent) Dial(ctx context.Context, t Trunk, inv Invite) (*Call, error) {
	return a.DialRoute(ctx, Route{t}, inv)
}

// DialRoute is Dial through the first of a route's trunks that takes the call.
func (a *Agent) DialRoute(ctx context.Context, r Route, inv Invite) (*Call, error) {
	if len(r) == 0 {
		return nil, errors.New("dialing: the route has no trunk")
	}
	c, err := a.prepare(ctx, r, inv)
	if err == nil {
		err = c.place(ctx)
	}
	if err != nil {
		return nil, fmt.Errorf("dialing through trunk %s: %w", r[0].Name, err)
	}
	a.count.dialed.Add(1)
	return c, nil
}

// prepare checks everything that goes into headers and finds the gateways.
func (a *Agent) prepare(ctx context.Context, r Route, inv Invite) (*Call, error) {
	if inv.To == "" {
		return nil, errors.New("number is empty")
	}
	if err := checkToken("attempt ID", inv.AttemptID); err != nil {
		return nil, err
	}
	ways, err := a.ways(ctx, r, inv)
	if err != nil {
		return nil, err
	}
	c := newCall(a, nil, inv)
	c.routing.ways = ways
	return c, nil
}

// place sends the first INVITE and hands the call to its owner.
func (c *Call) place(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	left := make(chan struct{}) // closed when the INVITE has left, or could not
	sent := false
	if err := c.agent.enter(c, func() {
		<-left
		if sent {
			c.run()
		}
	}); err != nil {
		return err
	}
	defer close(left)
	if err := c.setOut(ctx); err != nil {
		c.agent.leave(c)
		close(c.settled)
		close(c.gone)
		return err
	}
	sent = true
	return nil
}

// invite writes an INVITE (RFC 3261 13.2.1).
func (c *Call) invite(seq uint32, credential gosip.Header) *gosip.Request {
	local := c.peer.local
	uri, to, from := c.addresses()
	req := gosip.NewRequest(gosip.INVITE, uri)
	req.AppendHeader(newVia(local))
	for _, r := range c.peer.routes {
		req.AppendHeader(gosip.NewHeader("Route", r))
	}
	hops := gosip.MaxForwardsHeader(70)
	req.AppendHeader(&hops)
	req.AppendHeader(&gosip.FromHeader{Address: from, Params: gosip.HeaderParams{{K: "tag", V: c.tag}}})
	req.AppendHeader(&gosip.ToHeader{Address: to})
	id := gosip.CallIDHeader(c.id)
	req.AppendHeader(&id)
	req.AppendHeader(&gosip.CSeqHeader{SeqNo: seq, MethodName: gosip.INVITE})
	req.AppendHeader(c.contact())
	for _, h := range c.peer.identity() {
		req.AppendHeader(h)
	}
	if credential != nil {
		req.AppendHeader(credential)
	}
	req.AppendHeader(gosip.NewHeader("Allow", allow))
	if tags := c.extensions(); tags != "" {
		req.AppendHeader(gosip.NewHeader("Supported", tags))
	}
	c.proposeSession(req)
	req.AppendHeader(gosip.NewHeader("User-Agent", c.agent.name))
	if c.inv.AttemptID != "" {
		req.AppendHeader(gosip.NewHeader("X-Attempt", c.inv.AttemptID))
	}
	if len(c.inv.SDP) > 0 {
		kind := gosip.ContentTypeHeader("application/sdp")
		req.AppendHeader(&kind)
		req.SetBody(c.inv.SDP)
	}
	address(req, c.peer.dest, c.peer.laddr)
	return req
}

// contact is where requests inside the call reach us.
func (c *Call) contact() *gosip.ContactHeader {
	user := c.peer.form.from
	if c.in != nil {
		user = userOr(c.inv.From, "warmline")
	}
	return &gosip.ContactHeader{Address: c.peer.local.uri(user)}
}
