package sip

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strconv"
	"time"

	gosip "github.com/emiago/sipgo/sip"
)

// overhear takes messages in the order they came: sipgo calls it for each before
// it starts a goroutine for each, and there a 200 may overtake the 183 whose
// sound it belongs to.
func (a *Agent) overhear(m gosip.Message) {
	switch m := m.(type) {
	case *gosip.Request:
		a.tagFresh(m)
	case *gosip.Response: // of a stream; those of datagrams are taken by the socket
		a.onResponse(m)
	}
}

// onResponse gives a response to whom it answers. It runs on the goroutine that
// reads and waits for nobody.
func (a *Agent) onResponse(res *gosip.Response) {
	if res.CSeq() == nil {
		return
	}
	a.mu.Lock()
	c, answers := a.calls[callID(res)], a.awaited[branch(res)]
	a.mu.Unlock()
	switch {
	case answers != nil:
		select {
		case answers <- res:
		default:
		}
	case c == nil:
		a.onStray(res)
	case res.StatusCode >= 200 || len(c.told) < progressRoom-finalRoom:
		select {
		case c.told <- res:
			c.stir()
		default:
		}
	}
}

// onTold takes a response: to the INVITE that is open, to another request, or to
// one that has its answer. A branch of ours shows that the response is meant for
// us; without, it must come from the trunk and carry our tag.
func (c *Call) onTold(res *gosip.Response) {
	sure := c.tag == fromTag(res) && c.trusts(res.Source())
	if t := c.tx; t != nil && t.answers(res) {
		c.onInvited(res, sure)
		return
	}
	if e := c.exchangeOf(res); e != nil {
		c.onReply(e, res)
		return
	}
	if res.CSeq().MethodName != gosip.INVITE {
		return
	}
	switch {
	case !sure && res.StatusCode >= 200 && res.StatusCode < 300:
		c.agent.count.spoofed.Add(1)
	case !sure:
	case res.StatusCode < 200:
		c.onProvisional(res)
	case res.StatusCode < 300:
		c.onAgain(res)
	default:
		c.onRepeatedRefusal(res)
	}
}

// onInvited takes a response to the INVITE that is open.
func (c *Call) onInvited(res *gosip.Response, sure bool) {
	if res.StatusCode < 200 {
		c.tx.progress()
		if sure {
			c.onProvisional(res)
		}
		return
	}
	invite := c.tx.req
	c.tx = nil
	c.ladder.note(false, statusLine(res))
	if res.StatusCode < 300 {
		c.onAnswer(res)
		return
	}
	if c.refused == nil {
		c.refused = map[string]bool{}
	}
	c.refused[branch(invite)] = true
	c.write(ackOf(invite, res), "ACK")
	c.onRefusal(res)
}

// onReply takes a response to another request.
func (c *Call) onReply(e *exchange, res *gosip.Response) {
	if res.StatusCode < 200 {
		e.tx.progress()
		if e.req.Method == gosip.INVITE {
			e.tx.until = e.limit
		}
		return
	}
	if e.req.Method == gosip.INVITE && res.StatusCode >= 300 {
		c.agent.send(ackOf(e.req, res))
	}
	c.onExchanged(e, res)
}

// catchUp takes the responses that came before what is about to be taken.
func (c *Call) catchUp() {
	for {
		select {
		case res := <-c.told:
			c.onTold(res)
		default:
			return
		}
	}
}

// statusLine is a response as a ladder shows it.
func statusLine(res *gosip.Response) string {
	line := strconv.Itoa(res.StatusCode) + " " + said(res.Reason)
	if len(res.Body()) > 0 && sdpOf(res) != nil {
		line += " (SDP)"
	}
	return line
}

// maxForks bounds what we remember of phones ringing in parallel.
const maxForks = 16

// onProvisional reports progress. There may be any number of them: some trunks
// repeat 180 or 183 for as long as it rings.
func (c *Call) onProvisional(res *gosip.Response) {
	if len(c.invites) == 0 || c.abandoned(res) || branch(res) != branch(c.invites[len(c.invites)-1]) {
		c.onDeparted(res)
		return // of the INVITE before the password, of one left behind, or of none
	}
	c.ladder.note(false, statusLine(res))
	if !c.ringing {
		c.ringing = true
		if c.cancel {
			c.sendCancel()
		}
	}
	if c.isOver() || c.dialog != nil || !c.inOrder(res) {
		return
	}
	if !slices.Contains(c.tried, res.StatusCode) && len(c.tried) < maxForks {
		c.tried = append(c.tried, res.StatusCode)
		kind := Trying
		if res.StatusCode == 180 {
			kind = Ringing
		}
		if sdpOf(res) == nil || kind == Ringing {
			c.emit(Event{Kind: kind, Status: res.StatusCode, Cause: causeOf(res)})
		}
	}
	if res.StatusCode == 100 {
		return
	}
	c.alert()
	sdp := sdpOf(res)
	if f := c.forkOf(toTag(res)); f != nil {
		if sdp != nil {
			f.sdp = sdp
		}
		if methods := joined(res, "allow"); methods != "" {
			f.allows = methods
		}
	}
	if sdp != nil && !bytes.Equal(sdp, c.heard) {
		c.heard = sdp
		c.emit(Event{Kind: Early, Status: res.StatusCode, SDP: sdp, Cause: causeOf(res)})
	}
}

// onAnswer takes a 2xx. The first one, if still wanted, makes the dialog; every
// other is a phone in a hand that must be put down again.
func (c *Call) onAnswer(res *gosip.Response) {
	if c.abandoned(res) || c.refused[branch(res)] { // another INVITE is on its way, or the call has failed
		c.onSurplus(res)
		return
	}
	c.final = true
	if c.isOver() || c.dialog != nil {
		c.onSurplus(res)
		return
	}
	d, ok := c.confirm(res)
	if !ok {
		c.finish(Cause{Status: res.StatusCode, Phrase: "malformed answer", By: ByCarrier})
		return
	}
	c.dialog = d
	c.alert()
	c.stay()
	f := c.early[toTag(res)]
	if f != nil {
		c.allows = f.allows
	}
	c.learn(res)
	c.agree(res)
	sdp := sdpOf(res)
	var answer []byte
	if len(c.inv.SDP) == 0 && sdp != nil && (f == nil || !f.agreed) {
		answer = c.answerTo(sdp) // they offer, the ACK answers (RFC 3261 13.2.1)
	}
	c.acknowledge(c.inviteOf(res), d, toTag(res), answer)
	if sdp == nil && f != nil { // RFC 3261 13.2.1 wants it in the 2xx; some gateways send it only in 18x
		sdp = f.sdp
	}
	if f := c.early[""]; sdp == nil && f != nil {
		sdp = f.sdp // nor do they all tag their 18x
	}
	c.agent.count.answered.Add(1)
	c.emit(Event{Kind: Answered, Status: res.StatusCode, SDP: sdp, Cause: causeOf(res)})
}

func (c *Call) dialogOf(res *gosip.Response) (*dialog, bool) {
	p := c.peerOf(res)
	return dialogOf(res, p.local, p.laddr, p.has)
}

// acknowledge sends the ACK of a 2xx and keeps it for repetitions. It is a
// request of its own with the INVITE's CSeq number and credentials (RFC 3261
// 13.2.2.4).
func (c *Call) acknowledge(invite *gosip.Request, d *dialog, tag string, answer []byte) {
	ack := d.request(gosip.ACK, invite.CSeq().SeqNo)
	copyCredentials(invite, ack)
	c.attach(ack, answer)
	c.acks[tag] = ack
	c.write(ack, "ACK")
}

// copyCredentials gives the ACK of a 2xx what its INVITE carried (RFC 3261
// 22.1).
func copyCredentials(invite, ack *gosip.Request) {
	for _, name := range []string{"authorization", "proxy-authorization"} {
		gosip.CopyHeaders(name, invite, ack)
	}
}

// write sends a request that has no transaction.
func (c *Call) write(req *gosip.Request, line string) {
	c.ladder.note(true, line)
	c.agent.send(req)
}

// onAgain takes a 2xx after the one that ended its transaction.
func (c *Call) onAgain(res *gosip.Response) {
	c.ladder.note(false, statusLine(res))
	if c.isOfReinvite(res) {
		return
	}
	c.onAnswer(res)
}

// isOfReinvite takes a repeated or late 2xx to a re-INVITE of ours.
func (c *Call) isOfReinvite(res *gosip.Response) bool {
	if c.dialog == nil || toTag(res) != param(c.dialog.remote.Params, "tag") {
		return false
	}
	for _, r := range c.reinvites {
		if r.invite.CSeq().SeqNo != res.CSeq().SeqNo {
			continue
		}
		if r.ack != nil {
			c.write(r.ack, "ACK (again)")
		} else {
			c.acknowledgeReinvite(r.invite)
		}
		return true
	}
	return c.in != nil // we sent no other INVITE
}

// onSurplus takes a 2xx that is not the call's first: known by its tag, its ACK
// was lost and goes again; else it is another fork, or it crossed our CANCEL,
// and is acknowledged and hung up.
func (c *Call) onSurplus(res *gosip.Response) {
	tag := toTag(res)
	if ack, known := c.acks[tag]; known {
		c.write(ack, "ACK (again)")
		return
	}
	d, ok := c.confirm(res)
	if !ok || len(c.acks) >= maxForks {
		return
	}
	c.agent.count.forks.Add(1)
	c.acknowledge(c.inviteOf(res), d, tag, nil)
	c.bye(d, `SIP;cause=487;text="answer no longer wanted"`)
}

// onRepeatedRefusal sends the ACK of a 3xx–6xx that comes again, or to an INVITE
// left behind: one for each (RFC 3261 17.1.1.2).
func (c *Call) onRepeatedRefusal(res *gosip.Response) {
	for _, req := range c.invites {
		if branch(req) != branch(res) {
			continue
		}
		c.write(ackOf(req, res), "ACK (again)")
		return
	}
	for _, r := range c.reinvites {
		if branch(r.invite) == branch(res) {
			c.write(ackOf(r.invite, res), "ACK (again)")
			return
		}
	}
}

// ackOf makes the ACK of a 3xx–6xx, part of the INVITE's transaction (RFC 3261
// 17.1.1.3).
func ackOf(invite *gosip.Request, res *gosip.Response) *gosip.Request {
	ack := same(invite, gosip.ACK)
	to := res.To()
	if to == nil {
		to = invite.To()
	}
	ack.ReplaceHeader(gosip.HeaderClone(to))
	return ack
}

// same repeats an INVITE's identity with another method: Request-URI, Via,
// Route, From, To, Call-ID and CSeq number, as CANCEL (RFC 3261 9.1) and the
// ACK of a failure need.
func same(invite *gosip.Request, method gosip.RequestMethod) *gosip.Request {
	req := gosip.NewRequest(method, *invite.Recipient.Clone())
	req.AppendHeader(gosip.HeaderClone(invite.Via()))
	gosip.CopyHeaders("route", invite, req)
	hops := gosip.MaxForwardsHeader(70)
	req.AppendHeader(&hops)
	req.AppendHeader(gosip.HeaderClone(invite.From()))
	req.AppendHeader(gosip.HeaderClone(invite.To()))
	req.AppendHeader(gosip.HeaderClone(invite.CallID()))
	req.AppendHeader(&gosip.CSeqHeader{SeqNo: invite.CSeq().SeqNo, MethodName: method})
	req.SetTransport(invite.Transport())
	req.SetDestination(invite.Destination())
	req.Laddr = invite.Laddr
	req.SetBody(nil)
	return req
}

// onRefusal takes a 3xx–6xx: once with a password if that is what is asked,
// else the call has failed.
func (c *Call) onRefusal(res *gosip.Response) {
	if !c.isOver() && (res.StatusCode == 401 || res.StatusCode == 407) && c.sendAgain(res) {
		return
	}
	if !c.isOver() && res.StatusCode == 422 && c.raiseSession(res) && c.sendLonger() {
		return
	}
	why := causeOf(res)
	why.By = failureBy(why.Status, why.Q850)
	if c.redirect(res) || c.moveOn(why) {
		return
	}
	c.final = true
	c.finish(why)
	c.stay()
}

// sendAgain repeats the INVITE with credentials: once, and once more when the
// carrier says that only the nonce was stale (RFC 7616 3.3).
func (c *Call) sendAgain(res *gosip.Response) bool {
	last := c.invites[len(c.invites)-1]
	next := c.invite(last.CSeq().SeqNo+1, nil)
	credential, stale, ok := c.peer.credential(res, next)
	if !ok && c.peer.trunk.User != "" {
		c.agent.log.Warn("trunk asks for a password we do not give it", "trunk", c.peer.trunk,
			"realm", c.peer.trunk.realm(), "from", res.Source(), "call", c.id)
	}
	if !ok || c.auths >= 2 || (c.auths == 1 && !stale) {
		c.peer.refused()
		return false
	}
	next.AppendHeader(credential)
	c.auths++
	c.ringing = false
	ctx, stop := context.WithTimeout(context.Background(), gosip.T1)
	defer stop()
	if err := c.send(ctx, next); err != nil {
		c.agent.log.Debug("INVITE with credentials not sent", "call", c.id, "err", err)
		return false
	}
	c.listenFor(time.Now())
	return true
}

// sendLonger repeats the INVITE with the session interval that a 422 asked for
// (RFC 4028 7.3). A carrier raises it at most maxTries times.
func (c *Call) sendLonger() bool {
	if len(c.invites) > maxTries {
		return false
	}
	last := c.invites[len(c.invites)-1]
	next := c.invite(last.CSeq().SeqNo+1, nil)
	if h, ok := c.peer.preauthorize(next); ok {
		next.AppendHeader(h)
	}
	c.auths = 0 // another request, another challenge
	ctx, stop := context.WithTimeout(context.Background(), gosip.T1)
	defer stop()
	c.ringing = false
	if err := c.send(ctx, next); err != nil {
		c.agent.log.Debug("INVITE with a longer session not sent", "call", c.id, "err", err)
		return false
	}
	c.listenFor(time.Now())
	return true
}

// onSilence takes the end of an INVITE without a final response: none at all for
// 64·T1, the network refusing packets, or a broken stream.
func (c *Call) onSilence(err error) {
	c.tx = nil
	why := Cause{Status: 503, Phrase: "trunk not reachable", By: ByCarrier}
	if errors.Is(err, errSilence) {
		why = Cause{Status: 408, Phrase: "no response from trunk", By: ByTimeout}
	}
	if !c.isOver() && c.dialog == nil && c.moveOn(why) {
		return
	}
	c.final = true
	if c.dialog == nil {
		c.finish(why)
	}
}
