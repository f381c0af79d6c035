package sip

import (
	"time"

	gosip "github.com/emiago/sipgo/sip"
)

// unacked is our 2xx to an INVITE or re-INVITE until its ACK comes. The transaction does
// not repeat a 2xx; the one who answered must (RFC 3261 13.3.1.4).
type unacked struct {
	held
	res    *gosip.Response
	asked  bool // the offer was ours, the ACK brings their answer
	first  bool // the INVITE that began the call
	next   time.Time
	wait   time.Duration
	giveUp time.Time
}

// open reports whether an answer of theirs is still to come. An offer of theirs
// that we have answered is done with our 2xx: datagrams overtake each other, so
// their next offer may arrive before the ACK.
func (u *unacked) open() bool { return u != nil && u.asked }

// onReinvite answers a new offer, or makes one when asked for it.
func (c *Call) onReinvite(h held) {
	switch {
	case c.dialog == nil && c.in != nil: // theirs is not answered yet (RFC 3261 14.2)
		h.refuse(500, "Another INVITE Is Open", gosip.NewHeader("Retry-After", "1"))
		return
	case c.dialog == nil: // our own INVITE is open
		h.refuse(491, "Request Pending")
		return
	case c.pending(): // and so is a proposal of ours
		h.refuse(491, "Request Pending")
		return
	case c.offer.open():
		h.refuse(500, "Another Offer Is Open", gosip.NewHeader("Retry-After", "1"))
		return
	case tooSmall(h.req):
		h.refuse(422, "Session Interval Too Small", gosip.NewHeader("Min-SE", seconds(minSession)))
		return
	}
	if c.offer != nil && c.offer.first { // who offers anew has had our answer; the ACK may come behind
		c.emit(Event{Kind: Answered, Status: 200, SDP: c.in.SDP})
	}
	c.offer = nil
	offer := sdpOf(h.req)
	answer := c.local
	if offer != nil {
		var ok bool
		if answer, ok = c.consider(h, offer); !ok {
			return
		}
	}
	c.dialog.refresh(h.req)
	c.learn(h.req)
	res := h.respond(200, "OK", answer, c.accepting(h.req)...)
	c.ladder.note(true, "200 OK (SDP) to INVITE")
	c.await(h, res, offer == nil)
}

// accepting are the headers of a 2xx of ours to INVITE or UPDATE.
func (c *Call) accepting(req *gosip.Request) []gosip.Header {
	return append(c.acceptSession(req),
		c.contact(), gosip.NewHeader("Allow", allow), gosip.NewHeader("Supported", "timer"))
}

// await repeats a 2xx until its ACK.
func (c *Call) await(h held, res *gosip.Response, asked bool) {
	now := time.Now()
	c.offer = &unacked{held: h, res: res, asked: asked, wait: gosip.T1, next: now.Add(gosip.T1), giveUp: now.Add(64 * gosip.T1)}
}

// onUpdate refreshes the session, or takes a new offer (RFC 3311 5.2).
func (c *Call) onUpdate(h held) {
	offer := sdpOf(h.req)
	switch {
	case offer != nil && c.dialog == nil && c.in != nil: // that of their INVITE awaits our answer
		h.refuse(500, "Another Offer Is Open", gosip.NewHeader("Retry-After", "1"))
		return
	case offer != nil && (c.pending() || !c.settledWith(h.tag)):
		h.refuse(491, "Request Pending")
		return
	case c.dialog != nil && tooSmall(h.req):
		h.refuse(422, "Session Interval Too Small", gosip.NewHeader("Min-SE", seconds(minSession)))
		return
	}
	var answer []byte
	if offer != nil {
		var ok bool
		if answer, ok = c.consider(h, offer); !ok {
			return
		}
	}
	headers := []gosip.Header{c.contact(), gosip.NewHeader("Allow", allow)}
	if c.dialog != nil {
		c.dialog.refresh(h.req)
		c.learn(h.req)
		headers = c.accepting(h.req)
	} else if f := c.early[h.tag]; f != nil && f.dialog != nil {
		f.dialog.refresh(h.req)
	}
	h.respond(200, "OK", answer, headers...)
	c.ladder.note(true, "200 OK to UPDATE")
}

// settledWith reports whether every offer in the dialog with this tag of theirs
// has its answer, so that a new one may come.
func (c *Call) settledWith(tag string) bool {
	if c.dialog != nil {
		return !c.offer.open()
	}
	f := c.early[tag]
	return f != nil && f.agreed
}

// consider asks the call's media for an answer and refuses when there is none.
func (c *Call) consider(h held, offer []byte) (answer []byte, ok bool) {
	if c.inv.OnOffer == nil {
		h.refuse(488, "Not Acceptable Here")
		return nil, false
	}
	answer, err := c.inv.OnOffer(offer)
	if err != nil || len(answer) == 0 {
		c.agent.log.Debug("offer refused", "call", c.id, "err", err)
		c.ladder.note(true, "488 Not Acceptable Here")
		h.refuse(488, "Not Acceptable Here")
		return nil, false
	}
	c.local = answer
	return answer, true
}

// onAck ends the repetition of our 2xx.
func (c *Call) onAck(ack *gosip.Request) {
	if c.offer == nil || fromTag(ack) != c.offer.tag || ack.CSeq() == nil || ack.CSeq().SeqNo != c.offer.seq {
		return
	}
	c.ladder.note(false, "ACK")
	o := c.offer
	c.offer = nil
	sdp := sdpOf(ack)
	switch {
	case c.farewell != "": // we hung up before it came
		c.sayFarewell()
	case c.isOver():
	case o.first:
		if !o.asked {
			sdp = c.in.SDP
		}
		c.emit(Event{Kind: Answered, Status: 200, SDP: sdp})
	case o.asked && sdp != nil && c.inv.OnOffer != nil:
		if _, err := c.inv.OnOffer(sdp); err != nil {
			c.agent.log.Debug("answer in ACK not taken", "call", c.id, "err", err)
		}
	}
}

// repeatOffer sends an unacknowledged 2xx again, doubling from T1 to T2, and
// hangs up after 64·T1.
func (c *Call) repeatOffer(now time.Time) {
	o := c.offer
	if o == nil || now.Before(o.next) {
		return
	}
	if c.isOver() && c.farewell == "" {
		c.offer = nil
		return
	}
	if !now.Before(o.giveUp) {
		c.offer = nil
		if c.isOver() {
			c.sayFarewell()
			return
		}
		c.hangUp(`SIP;cause=408;text="no ACK"`, Cause{Status: 200, Phrase: "no ACK to our answer", By: ByCarrier})
		return
	}
	o.tx.Respond(o.res)
	c.ladder.note(true, "200 OK (again)")
	o.wait = min(2*o.wait, gosip.T2)
	o.next = now.Add(o.wait)
}
