package sip

import (
	"cmp"
	"slices"
	"time"

	gosip "github.com/emiago/sipgo/sip"
)

const (
	// reorderWait is how long a request waits for one with a lower CSeq: sipgo
	// hands every datagram to its own goroutine, so two requests sent in order
	// may reach us out of order.
	reorderWait = 50 * time.Millisecond

	// answerWait is how long a request of an unknown fork waits for the 2xx it
	// may have overtaken.
	answerWait = 200 * time.Millisecond

	// maxHeld bounds the waiting room.
	maxHeld = 8
)

// held is a request waiting for its turn.
type held struct {
	inbound
	tag   string
	seq   uint32
	until time.Time
}

// onRequest puts a request in order by CSeq, not by arrival (RFC 3261 12.2.2).
func (c *Call) onRequest(in inbound) {
	if in.req.IsAck() {
		c.onAck(in.req)
		return
	}
	h := held{inbound: in, tag: fromTag(in.req)}
	if cseq := in.req.CSeq(); cseq != nil {
		h.seq = cseq.SeqNo
	}
	c.ladder.note(false, in.req.Method.String())
	last, seen := c.remote[h.tag]
	switch {
	case seen && h.seq <= last:
		in.refuse(500, "CSeq Out Of Order")
	case len(c.held) == maxHeld:
		in.refuse(500, "Busy With This Call", gosip.NewHeader("Retry-After", "1"))
	case seen && h.seq == last+1:
		c.serve(h)
		c.serveNext(h.tag)
	case c.knows(h.tag):
		h.until = time.Now().Add(reorderWait)
		c.held = append(c.held, h)
	case c.isOver():
		c.stranger(in)
	default:
		h.until = time.Now().Add(answerWait)
		c.held = append(c.held, h)
	}
}

// knows reports whether a tag of theirs belongs to an answer of this call, or
// to a phone ringing for it.
func (c *Call) knows(tag string) bool {
	if c.answered(tag) {
		return true
	}
	if c.in != nil {
		return tag == param(c.asked.remote.Params, "tag")
	}
	return c.early[tag] != nil && c.dialog == nil && tag != ""
}

// answered reports whether a tag of theirs belongs to an answer, theirs or ours.
func (c *Call) answered(tag string) bool {
	if c.in != nil {
		return c.dialog != nil && tag == param(c.dialog.remote.Params, "tag")
	}
	_, ok := c.acks[tag]
	return ok
}

func (c *Call) stranger(in inbound) {
	c.agent.count.spoofed.Add(1)
	in.refuse(481, "Call Does Not Exist")
}

// serveNext serves what waited for the request just served.
func (c *Call) serveNext(tag string) {
	for {
		i := slices.IndexFunc(c.held, func(h held) bool { return h.tag == tag && h.seq == c.remote[tag]+1 })
		if i < 0 {
			return
		}
		h := c.held[i]
		c.held = slices.Delete(c.held, i, i+1)
		c.serve(h)
	}
}

// releaseHeld serves, in order, what has waited long enough.
func (c *Call) releaseHeld(now time.Time) {
	if !slices.ContainsFunc(c.held, func(h held) bool { return !now.Before(h.until) }) {
		return
	}
	slices.SortStableFunc(c.held, func(a, b held) int { return cmp.Compare(a.seq, b.seq) })
	waiting := c.held
	c.held = nil
	for _, h := range waiting {
		last, seen := c.remote[h.tag]
		switch {
		case c.knows(h.tag) && (!seen || h.seq > last):
			c.serve(h)
		case c.knows(h.tag):
			h.refuse(500, "CSeq Out Of Order")
		case now.Before(h.until) && !c.isOver():
			c.held = append(c.held, h)
		default:
			c.stranger(h.inbound)
		}
	}
}

// serve acts on a request whose turn it is.
func (c *Call) serve(h held) {
	if c.remote == nil {
		c.remote = map[string]uint32{}
	}
	c.remote[h.tag] = h.seq
	if c.isOver() && h.req.Method != gosip.BYE {
		h.refuse(481, "Call Does Not Exist")
		return
	}
	switch h.req.Method {
	case gosip.BYE:
		c.onBye(h)
	case gosip.OPTIONS:
		h.respond(200, "OK", nil, gosip.NewHeader("Allow", allow), gosip.NewHeader("Accept", "application/sdp"))
	case gosip.INFO:
		c.onInfo(h)
	case gosip.INVITE:
		c.onReinvite(h)
	case gosip.UPDATE:
		c.onUpdate(h)
	case gosip.NOTIFY:
		c.onNotify(h)
	default:
		h.refuse(481, "Call Does Not Exist")
	}
}

// onBye ends the call if it is the call's own dialog; a fork we hung up may
// send one too, and a phone that only rings may not (RFC 3261 15).
func (c *Call) onBye(h held) {
	if c.in != nil && c.dialog == nil { // who calls may end a dialog that only rings
		h.respond(200, "OK", nil)
		c.withdraw()
		return
	}
	if !c.answered(h.tag) {
		h.refuse(481, "Call Does Not Exist")
		return
	}
	h.respond(200, "OK", nil)
	if c.isOver() || c.dialog == nil || param(c.dialog.remote.Params, "tag") != h.tag {
		return
	}
	why := causeOf(h.req)
	why.Status, why.Phrase, why.By = 200, "BYE", ByCallee
	c.finish(why)
}

// onInfo takes a key press. An empty INFO is a keep-alive; others are refused
// with what we do take (RFC 3261 21.4.13).
func (c *Call) onInfo(h held) {
	kind, _ := contentType(h.req)
	switch digit := digitOf(kind, h.req.Body()); {
	case digit != "" && c.dialog != nil:
		h.respond(200, "OK", nil)
		c.emit(Event{Kind: Info, Digit: digit})
	case len(h.req.Body()) == 0:
		h.respond(200, "OK", nil)
	default:
		h.refuse(415, "Unsupported Media Type", gosip.NewHeader("Accept", "application/dtmf-relay, application/dtmf"))
	}
}
