package sip

import (
	"context"
	"time"

	gosip "github.com/emiago/sipgo/sip"
)

// onHangup ends the call by our will.
func (c *Call) onHangup(reason string) {
	if c.isOver() {
		return
	}
	if c.dialog == nil {
		c.giveUp(Cause{Status: 487, Phrase: printable(reason), By: ByUs})
		return
	}
	header := "Q.850;cause=16" // normal call clearing
	if reason != "" {
		header += ";text=" + quote(printable(reason))
	}
	c.hangUp(header, Cause{Status: 200, Phrase: printable(reason), Q850: 16, By: ByUs})
}

// hangUp sends BYE and ends the call without waiting for its answer.
func (c *Call) hangUp(reason string, why Cause) {
	c.bye(c.dialog, reason)
	c.finish(why)
}

// giveUp stops waiting for an answer. CANCEL goes only after a 1xx (RFC 3261
// 9.1): before, the carrier may not know the INVITE yet. The caller does not
// wait for that, nor for the 487.
func (c *Call) giveUp(why Cause) {
	c.cancel = true
	c.finish(why)
	if c.ringing {
		c.sendCancel()
	}
}

// timeoutCause tells a phone nobody took from a trunk that said nothing.
func (c *Call) timeoutCause() Cause {
	if c.ringing {
		return Cause{Status: 487, Phrase: "ring timeout", By: ByTimeout}
	}
	return Cause{Status: 408, Phrase: "no response from trunk", By: ByTimeout}
}

// sendCancel cancels the INVITE. Its own answer means nothing: 200 may be
// followed by an answer all the same, 481 may mean that the answer is on its
// way. If nothing final comes in 64·T1, the INVITE is forgotten.
func (c *Call) sendCancel() {
	if c.canceled || c.final || len(c.invites) == 0 {
		return
	}
	c.canceled = true
	c.stay()
	c.exchange(same(c.invites[len(c.invites)-1], gosip.CANCEL), "CANCEL")
}

// bye hangs up one dialog: the call's own, or that of an unwanted answer.
func (c *Call) bye(d *dialog, reason string) {
	req := d.request(gosip.BYE, d.next())
	req.AppendHeader(gosip.NewHeader("Reason", reason))
	c.exchange(req, "BYE")
}

// exchanged is mail from a finished exchange.
type exchanged struct{}

// exchange sends a CANCEL or BYE and sees it through on a goroutine of its own.
func (c *Call) exchange(req *gosip.Request, line string) {
	c.exchanges++
	c.ladder.note(true, line)
	through := c.peer
	if !c.agent.spawn(func() {
		c.seeThrough(req, through)
		select {
		case c.mail <- exchanged{}:
		case <-c.gone:
		}
	}) {
		c.exchanges--
	}
}

// repeat copies a request into a new transaction.
func repeat(req *gosip.Request, seq uint32) *gosip.Request {
	next := req.Clone()
	next.ReplaceHeader(newVia(sentBy{req.Via().Host, req.Via().Port, req.Via().Transport}))
	next.ReplaceHeader(&gosip.CSeqHeader{SeqNo: seq, MethodName: req.Method})
	return next
}

// seeThrough carries a CANCEL or BYE to its final response, or to 64·T1 of
// silence. A challenge to BYE is answered once; CANCEL cannot be challenged
// (RFC 3261 22.1).
func (c *Call) seeThrough(req *gosip.Request, through *peer) {
	res := c.agent.transact(context.Background(), req)
	c.noteAnswer(res, req)
	if res == nil || req.Method == gosip.CANCEL || (res.StatusCode != 401 && res.StatusCode != 407) {
		return
	}
	credential, _, ok := through.credential(res, req)
	if !ok {
		return
	}
	next := repeat(req, req.CSeq().SeqNo+1)
	next.AppendHeader(credential)
	c.ladder.note(true, req.Method.String())
	c.noteAnswer(c.agent.transact(context.Background(), next), next)
}

func (c *Call) noteAnswer(res *gosip.Response, req *gosip.Request) {
	if res == nil {
		c.ladder.note(false, "no answer to "+req.Method.String())
		return
	}
	c.ladder.note(false, statusLine(res)+" to "+req.Method.String())
}

// transact returns the final response, nil when there is none before ctx ends
// or the transaction gives up (64·T1, RFC 3261 17.1.2.2).
func (a *Agent) transact(ctx context.Context, req *gosip.Request) *gosip.Response {
	sending, stop := context.WithTimeout(ctx, time.Second)
	defer stop()
	tx, err := a.request(sending, req)
	if err != nil {
		a.log.Debug("SIP request not sent", "method", req.Method.String(), "err", netError(err))
		return nil
	}
	defer tx.Terminate()
	for {
		select {
		case res := <-tx.Responses():
			if res.StatusCode >= 200 {
				return res
			}
		case <-tx.Done():
			return nil
		case <-ctx.Done():
			return nil
		case <-a.stop:
			return nil
		}
	}
}
