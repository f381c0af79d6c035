package sip

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	gosip "github.com/emiago/sipgo/sip"
)

const (
	// maxProposals bounds the offers that wait for the one before them.
	maxProposals = 4

	// maxTries bounds the repetitions of one offer after 491, 422 or 500.
	maxTries = 4

	// maxRetryWait bounds what 500 with Retry-After may ask during a call
	// (RFC 3261 14.2 lets it ask for 0 to 10 s).
	maxRetryWait = 10 * time.Second

	// maxReinvites is how many of our re-INVITEs are remembered for answers
	// that come late or again.
	maxReinvites = 4
)

// RefusedError says that the other side did not want what was proposed; the
// call goes on as it was.
type RefusedError struct {
	Method string // INVITE, UPDATE, REFER or INFO
	Status int
	Phrase string
}

func (e *RefusedError) Error() string {
	return fmt.Sprintf("%s refused with %d %s", e.Method, e.Status, e.Phrase)
}

var (
	// ErrNotAnswered is the error of methods that need an answered call.
	ErrNotAnswered = errors.New("the call is not answered")

	// ErrBusy is the error of methods that ask for more than can wait.
	ErrBusy = errors.New("too many requests of this call wait for their answers")

	// ErrNoAnswer says that the other side kept silent; the call has ended.
	ErrNoAnswer = errors.New("no answer from the other side")
)

// proposal is an offer of ours, or a refresh of the session, until the other
// side has answered it.
type proposal struct {
	method gosip.RequestMethod // INVITE or UPDATE
	sdp    []byte
	dialog *dialog // the one it was last sent in
	tries  int
	at     time.Time // when to send it; zero while it is on its way
	done   func(answer []byte, err error)
}

// acked is a re-INVITE of ours and the ACK of its 2xx.
type acked struct {
	invite, ack *gosip.Request
}

// Reinvite offers a changed session, as for hold or a moved media address, and
// returns their answer. One proposal is on its way at a time, others wait for
// it. When both sides propose at once the loser repeats after the pause of
// RFC 3261 14.1, so a wait of several seconds is possible; ctx bounds the wait,
// not the proposal. A *RefusedError leaves the call as it was.
func (c *Call) Reinvite(ctx context.Context, sdp []byte) (answer []byte, err error) {
	return c.offerAnew(ctx, gosip.INVITE, sdp)
}

// Update is Reinvite by UPDATE, which asks nobody and works before the answer
// too, once a phone has answered our offer reliably (RFC 3311). It needs a side
// that allows UPDATE; without, it is a re-INVITE, which needs an answered call.
func (c *Call) Update(ctx context.Context, sdp []byte) (answer []byte, err error) {
	return c.offerAnew(ctx, gosip.UPDATE, sdp)
}

func (c *Call) offerAnew(ctx context.Context, method gosip.RequestMethod, sdp []byte) (answer []byte, err error) {
	type outcome struct {
		answer []byte
		err    error
	}
	result := make(chan outcome, 1)
	p := &proposal{method: method, sdp: slices.Clone(sdp), done: func(answer []byte, err error) {
		result <- outcome{answer, err}
	}}
	err = c.tell(ctx, func(c *Call) { c.propose(p) })
	if err == nil {
		select {
		case o := <-result:
			answer, err = o.answer, o.err
		case <-c.gone:
			err = ErrEnded
		case <-ctx.Done():
			err = ctx.Err()
		}
	}
	if err != nil {
		return nil, fmt.Errorf("offering a new session: %w", err)
	}
	return answer, nil
}

// propose sends a proposal, or lets it wait for those before it.
func (c *Call) propose(p *proposal) {
	switch {
	case c.isOver():
		p.done(nil, ErrEnded)
	case c.partner(p.method) == nil:
		p.done(nil, ErrNotAnswered)
	case len(c.proposals) >= maxProposals:
		p.done(nil, ErrBusy)
	default:
		p.at = time.Now() // now, by the owner's timer
		c.proposals = append(c.proposals, p)
	}
}

// sendProposal sends the first proposal if its time has come. It waits while an
// answer of ours is not acknowledged: one INVITE at a time (RFC 3261 14.1).
func (c *Call) sendProposal(now time.Time) {
	if len(c.proposals) == 0 || c.offer != nil || c.isOver() {
		return
	}
	p := c.proposals[0]
	if p.at.IsZero() || now.Before(p.at) {
		return
	}
	p.dialog = c.partner(p.method)
	if p.dialog == nil { // the phone that rang has stopped
		c.conclude(nil, ErrNotAnswered)
		return
	}
	if p.method == gosip.UPDATE && p.dialog == c.dialog && !lists(c.allows, "UPDATE") {
		p.method = gosip.INVITE
	}
	p.at = time.Time{}
	p.tries++
	req := p.dialog.request(p.method, p.dialog.next())
	req.AppendHeader(c.contact())
	req.AppendHeader(gosip.NewHeader("Allow", allow))
	if c.dialog != nil {
		req.AppendHeader(gosip.NewHeader("Supported", "timer"))
		c.proposeSession(req)
	}
	c.attach(req, p.sdp)
	c.ask(p.dialog, req, func(req *gosip.Request, res *gosip.Response) { c.onProposed(p, req, res) })
}

// partner is the dialog for a proposal: that of the answered call, or for UPDATE
// that of a ringing phone with which an offer is settled.
func (c *Call) partner(method gosip.RequestMethod) *dialog {
	if c.dialog != nil || method != gosip.UPDATE {
		return c.dialog
	}
	for _, f := range c.early {
		if f.agreed && lists(f.allows, "UPDATE") {
			return f.dialog
		}
	}
	return nil
}

// pending reports whether an offer of ours awaits its answer: theirs then gets
// 491 (RFC 3261 14.2, RFC 3311 5.2).
func (c *Call) pending() bool {
	if len(c.proposals) == 0 {
		return false
	}
	p := c.proposals[0]
	return p.at.IsZero() && (p.method == gosip.INVITE || len(p.sdp) > 0)
}

// onProposed takes the final response to a proposal.
func (c *Call) onProposed(p *proposal, req *gosip.Request, res *gosip.Response) {
	if res != nil && res.StatusCode < 300 && req.Method == gosip.INVITE {
		c.acknowledgeReinvite(req)
	}
	switch {
	case c.isOver(): // finish has told p
	case res == nil:
		c.conclude(nil, ErrNoAnswer)
	case res.StatusCode < 300:
		p.dialog.refresh(res)
		c.learn(res)
		if p.dialog == c.dialog {
			c.agree(res)
		}
		if len(p.sdp) > 0 {
			c.local = p.sdp
		}
		c.conclude(sdpOf(res), nil)
	case p.tries < maxTries && c.postpone(p, res):
	default:
		c.conclude(nil, &RefusedError{string(p.method), res.StatusCode, said(res.Reason)})
	}
}

// conclude ends the first proposal; the owner's timer lets the next one go.
func (c *Call) conclude(answer []byte, err error) {
	p := c.proposals[0]
	c.proposals = slices.Delete(c.proposals, 0, 1)
	p.done(answer, err)
}

// dropProposals tells those who wait that the call is over.
func (c *Call) dropProposals() {
	for _, p := range c.proposals {
		p.done(nil, ErrEnded)
	}
	c.proposals = nil
}

// postpone decides whether a refused proposal is worth repeating, and when.
func (c *Call) postpone(p *proposal, res *gosip.Response) bool {
	switch res.StatusCode {
	case 491:
		p.at = time.Now().Add(c.backOff())
	case 422:
		if !c.raiseSession(res) {
			return false
		}
		p.at = time.Now()
	case 405, 501:
		if p.method != gosip.UPDATE || p.dialog != c.dialog {
			return false
		}
		c.allows = strings.ReplaceAll(strings.ToUpper(c.allows), "UPDATE", "") // whatever it says
		p.method, p.at = gosip.INVITE, time.Now()
		if len(p.sdp) == 0 {
			p.sdp = c.local
		}
	case 500, 503:
		after := causeOf(res).RetryAfter
		if after == 0 || after > maxRetryWait {
			return false
		}
		p.at = time.Now().Add(after)
	default:
		return false
	}
	return true
}

// backOff is how long the loser of a glare waits: who made the Call-ID 2.1 to
// 4 s, the other 0 to 2 s, in steps of 10 ms (RFC 3261 14.1).
func (c *Call) backOff() time.Duration {
	const step = 10 * time.Millisecond
	if c.in != nil {
		return rand.N(time.Duration(201)) * step
	}
	return (210 + rand.N(time.Duration(191))) * step
}

// acknowledgeReinvite sends the ACK of a 2xx to a re-INVITE and keeps it for
// repetitions (RFC 3261 13.2.2.4).
func (c *Call) acknowledgeReinvite(invite *gosip.Request) {
	ack := c.dialog.request(gosip.ACK, invite.CSeq().SeqNo)
	copyCredentials(invite, ack)
	for i := range c.reinvites {
		if c.reinvites[i].invite == invite {
			c.reinvites[i].ack = ack
		}
	}
	c.write(ack, "ACK")
}

// learn takes what a message says about its sender.
func (c *Call) learn(m gosip.Message) {
	if methods := joined(m, "allow"); methods != "" {
		c.allows = methods
	}
}
