package sip

import (
	"fmt"
	"strconv"
	"strings"

	gosip "github.com/emiago/sipgo/sip"
)

// fork is a phone that rings for a call of ours: one early dialog (RFC 3261 12).
type fork struct {
	sdp    []byte
	dialog *dialog // for PRACK and UPDATE; nil until one is needed
	rseq   uint32  // of the last reliable provisional; 0 before the first
	agreed bool    // our offer has its answer for good: new offers may follow (RFC 3311 5.1)
	allows string  // Allow
}

// forkOf finds or makes what we know of a ringing phone; nil when there are too
// many of them.
func (c *Call) forkOf(tag string) *fork {
	f, known := c.early[tag]
	if !known && len(c.early) < maxForks {
		f = &fork{}
		if c.early == nil {
			c.early = map[string]*fork{}
		}
		c.early[tag] = f
	}
	return f
}

// extensions are the option tags we offer in an INVITE, made once per case.
func (c *Call) extensions() string {
	switch timer := c.asks() > 0; {
	case c.peer.trunk.NoReliable && timer:
		return "timer"
	case c.peer.trunk.NoReliable:
		return ""
	case timer:
		return "100rel, timer"
	}
	return "100rel"
}

// rseqOf reads a reliable provisional's number (RFC 3262 7.1), 0 when it is
// none: unreliable, or without what a PRACK needs.
func rseqOf(res *gosip.Response) uint32 {
	v := values(res, "rseq")
	if len(v) == 0 || res.StatusCode <= 100 || toTag(res) == "" || !lists(joined(res, "require"), "100rel") {
		return 0
	}
	n, err := strconv.ParseUint(strings.TrimSpace(v[0]), 10, 32)
	if err != nil || n > 1<<31-1 {
		return 0
	}
	return uint32(n)
}

// inOrder acknowledges a reliable provisional and reports whether it is to be
// acted on: unreliable ones always, reliable ones once and in order. What comes
// too early is repeated by its sender, what comes again has its PRACK under way
// (RFC 3262 4).
func (c *Call) inOrder(res *gosip.Response) bool {
	n := rseqOf(res)
	if n == 0 || c.peer.trunk.NoReliable || c.isOver() || c.dialog != nil {
		return true
	}
	f := c.forkOf(toTag(res))
	if f == nil || f.rseq != 0 && n != f.rseq+1 {
		return false
	}
	if f.dialog == nil {
		d, ok := c.dialogOf(res)
		if !ok {
			return false
		}
		f.dialog = d
	} else {
		f.dialog.refresh(res)
	}
	f.rseq = n
	c.prack(f, res)
	return true
}

// prack acknowledges a reliable provisional. To our INVITE's offer its SDP is
// the answer; without an offer in the INVITE it is theirs, and PRACK carries our
// answer (RFC 3262 5).
func (c *Call) prack(f *fork, res *gosip.Response) {
	req := f.dialog.request(gosip.PRACK, f.dialog.next())
	req.AppendHeader(gosip.NewHeader("RAck", fmt.Sprintf("%d %d %s", f.rseq, res.CSeq().SeqNo, res.CSeq().MethodName)))
	if sdp := sdpOf(res); sdp != nil && !f.agreed {
		f.agreed = true
		if len(c.inv.SDP) == 0 {
			c.attach(req, c.answerTo(sdp))
		}
	}
	c.ask(f.dialog, req, nil)
}

// answerTo asks the call's media for the answer to an offer in a response, which
// cannot be refused; nil when there is none.
func (c *Call) answerTo(offer []byte) []byte {
	if c.inv.OnOffer == nil {
		return nil
	}
	answer, err := c.inv.OnOffer(offer)
	if err != nil {
		c.agent.log.Debug("offer in a response not taken", "call", c.id, "err", err)
		return nil
	}
	c.local = answer
	return answer
}

// attach puts SDP into a request.
func (c *Call) attach(req *gosip.Request, sdp []byte) {
	if len(sdp) == 0 {
		return
	}
	kind := gosip.ContentTypeHeader("application/sdp")
	req.AppendHeader(&kind)
	req.SetBody(sdp)
}

// confirm makes the dialog of a 2xx, which goes on counting where the early
// dialog with the same phone stands (RFC 3261 12.1).
func (c *Call) confirm(res *gosip.Response) (*dialog, bool) {
	d, ok := c.dialogOf(res)
	f := c.early[toTag(res)]
	if !ok || f == nil || f.dialog == nil {
		return d, ok
	}
	d.seq = max(d.seq, f.dialog.seq)
	*f.dialog = *d // requests on their way go on in it
	return f.dialog, true
}
