package sip

import (
	"context"
	"slices"
	"time"

	gosip "github.com/emiago/sipgo/sip"
)

// exchanged is mail from a finished exchange: the final response, nil when
// there was none.
type exchanged struct {
	exchange
	res *gosip.Response
}

// exchange is a request of ours on its way, and what to do with its answer.
type exchange struct {
	dialog *dialog // nil for CANCEL, which is in none
	peer   *peer   // whose password it may carry
	req    *gosip.Request
	auths  int    // credentials given
	then   answer // runs on the owner; nil when nobody cares
}

// answer takes the request as it was last sent and its final response, nil when
// there was none.
type answer func(req *gosip.Request, res *gosip.Response)

// ask sends a request and gives its final response to then. A goroutine of the
// exchange's own waits for it, the owner takes it.
func (c *Call) ask(d *dialog, req *gosip.Request, then answer) {
	c.exchange(exchange{dialog: d, peer: c.through(req), req: req, then: then})
}

func (c *Call) exchange(e exchange) {
	c.exchanges++
	c.ladder.note(true, e.req.Method.String())
	if e.req.Method == gosip.INVITE {
		c.reinvites = append(c.reinvites, acked{invite: e.req})
		if len(c.reinvites) > maxReinvites {
			c.reinvites = slices.Delete(c.reinvites, 0, 1)
		}
	}
	if !c.agent.spawn(func() {
		res := c.agent.transact(context.Background(), e.req)
		select {
		case c.mail <- exchanged{e, res}:
		case <-c.gone:
		}
	}) {
		c.exchanges--
	}
}

// onExchanged takes the end of an exchange. A challenge is answered in the
// dialog's next CSeq: once, and once more when only the nonce was stale
// (RFC 7616 3.3). CANCEL cannot be challenged (RFC 3261 22.1).
func (c *Call) onExchanged(e exchanged) {
	c.exchanges--
	c.noteAnswer(e.res, e.req)
	if e.res != nil && e.dialog != nil && (e.res.StatusCode == 401 || e.res.StatusCode == 407) {
		next := repeat(e.req, e.dialog.seq+1)
		credential, stale, ok := e.peer.credential(e.res, next)
		if ok && (e.auths == 0 || e.auths == 1 && stale) {
			e.dialog.next()
			next.AppendHeader(credential)
			c.exchange(exchange{e.dialog, e.peer, next, e.auths + 1, e.then})
			return
		}
	}
	if e.then != nil {
		e.then(e.req, e.res)
	}
	c.mourn(e)
}

// mourn ends the call when a request inside it shows that the other side has
// forgotten it, or is gone (RFC 3261 12.2.1.2). Who is only silent may still
// hold the line open and gets a BYE (RFC 5057 5.1). A PRACK says nothing about
// the dialog: 481 there means that its provisional is forgotten (RFC 3262 3).
func (c *Call) mourn(e exchanged) {
	if c.isOver() || c.dialog == nil || e.dialog != c.dialog || e.req.Method == gosip.PRACK {
		return
	}
	switch {
	case e.res == nil:
		c.hangUp(`SIP;cause=408;text="no answer to `+e.req.Method.String()+`"`,
			Cause{Status: 408, Phrase: "no answer to " + e.req.Method.String(), By: ByTimeout})
	case e.res.StatusCode == 408:
		why := causeOf(e.res)
		why.By = ByCarrier
		c.hangUp(`SIP;cause=408`, why)
	case e.res.StatusCode == 481:
		why := causeOf(e.res)
		why.By = ByCarrier
		c.finish(why)
	}
}

// repeat copies a request into a new transaction. Credentials belong to the
// request they were computed for and stay behind.
func repeat(req *gosip.Request, seq uint32) *gosip.Request {
	next := req.Clone()
	for next.RemoveHeader("Authorization") || next.RemoveHeader("Proxy-Authorization") {
	}
	next.ReplaceHeader(newVia(sentBy{req.Via().Host, req.Via().Port, req.Via().Transport}))
	next.ReplaceHeader(&gosip.CSeqHeader{SeqNo: seq, MethodName: req.Method})
	return next
}

func (c *Call) noteAnswer(res *gosip.Response, req *gosip.Request) {
	if res == nil {
		c.ladder.note(false, "no answer to "+req.Method.String())
		return
	}
	c.ladder.note(false, statusLine(res)+" to "+req.Method.String())
}

// inviteLimit is how long a re-INVITE may stay provisional: nobody needs to be
// asked for it, so a minute is a fault.
const inviteLimit = time.Minute

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
	var limit <-chan time.Time
	if req.Method == gosip.INVITE {
		limit = time.After(inviteLimit)
	}
	for {
		select {
		case res := <-tx.Responses():
			if res.StatusCode >= 200 {
				return res
			}
		case <-tx.Done():
			return nil
		case <-limit:
			return nil
		case <-ctx.Done():
			return nil
		case <-a.stop:
			return nil
		}
	}
}
