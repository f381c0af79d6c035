package sip

import (
	"context"
	"slices"
	"time"

	gosip "github.com/emiago/sipgo/sip"
)

// exchange is a request of ours on its way, and what to do with its answer.
type exchange struct {
	dialog *dialog // nil for CANCEL, which is in none
	peer   *peer   // whose password it may carry
	req    *gosip.Request
	auths  int    // credentials given
	then   answer // runs on the owner; nil when nobody cares
	tx     *transaction
	limit  time.Time // of an INVITE: when its provisionals have lasted too long
}

// answer takes the request as it was last sent and its final response, nil when
// there was none.
type answer func(req *gosip.Request, res *gosip.Response)

// ask sends a request and gives its final response to then.
func (c *Call) ask(d *dialog, req *gosip.Request, then answer) {
	c.exchange(exchange{dialog: d, peer: c.through(req), req: req, then: then})
}

func (c *Call) exchange(e exchange) {
	c.ladder.note(true, e.req.Method.String())
	if e.req.Method == gosip.INVITE {
		c.reinvites = append(c.reinvites, acked{invite: e.req})
		if len(c.reinvites) > maxReinvites {
			c.reinvites = slices.Delete(c.reinvites, 0, 1)
		}
	}
	open := &e
	c.exchanges = append(c.exchanges, open)
	f := c.agent.flowOf(e.req.Laddr)
	if f == nil || f.breaks() != nil {
		c.set(open)
		return
	}
	// Its stream must be made first, and the owner waits for nobody.
	open.tx = &transaction{req: e.req}
	if !c.agent.spawn(func() {
		ctx, stop := context.WithTimeout(context.Background(), time.Second)
		defer stop()
		err := f.ensure(ctx)
		_ = c.tell(c.agent.living, func(c *Call) { // a call that is gone needs no answer
			if err != nil {
				open.tx.err = err
				return
			}
			c.set(open)
		})
	}) {
		open.tx.err = ErrClosed
	}
}

// set sends an exchange's request. A failure is taken when the owner looks at
// its timer, so that whoever asks never hears the answer while asking.
func (c *Call) set(e *exchange) {
	e.limit = time.Now().Add(inviteLimit)
	t, err := c.agent.start(context.Background(), e.req)
	if err != nil {
		c.agent.log.Debug("SIP request not sent", "method", e.req.Method.String(), "err", netError(err))
		t = &transaction{req: e.req, err: err}
	}
	e.tx = t
}

// exchangeOf finds the request a response belongs to.
func (c *Call) exchangeOf(res *gosip.Response) *exchange {
	for _, e := range c.exchanges {
		if e.tx.answers(res) {
			return e
		}
	}
	return nil
}

// repeatExchanges repeats what is not answered, and ends what never will be.
func (c *Call) repeatExchanges(now time.Time) {
	for _, e := range slices.Clone(c.exchanges) {
		if e.tx.due(c.agent, now) != nil {
			c.onExchanged(e, nil)
		}
	}
}

// onExchanged takes the end of an exchange. A challenge is answered in the
// dialog's next CSeq: once, and once more when only the nonce was stale
// (RFC 7616 3.3). CANCEL cannot be challenged (RFC 3261 22.1).
func (c *Call) onExchanged(e *exchange, res *gosip.Response) {
	c.exchanges = slices.DeleteFunc(c.exchanges, func(open *exchange) bool { return open == e })
	c.noteAnswer(res, e.req)
	if res != nil && e.dialog != nil && (res.StatusCode == 401 || res.StatusCode == 407) {
		next := repeat(e.req, e.dialog.seq+1)
		credential, stale, ok := e.peer.credential(res, next)
		if ok && (e.auths == 0 || e.auths == 1 && stale) {
			e.dialog.next()
			next.AppendHeader(credential)
			c.exchange(exchange{dialog: e.dialog, peer: e.peer, req: next, auths: e.auths + 1, then: e.then})
			return
		}
	}
	if e.then != nil {
		e.then(e.req, res)
	}
	c.mourn(e, res)
}

// mourn ends the call when a request inside it shows that the other side has
// forgotten it, or is gone (RFC 3261 12.2.1.2). Who is only silent may still
// hold the line open and gets a BYE (RFC 5057 5.1). A PRACK says nothing about
// the dialog: 481 there means that its provisional is forgotten (RFC 3262 3).
func (c *Call) mourn(e *exchange, res *gosip.Response) {
	if c.isOver() || c.dialog == nil || e.dialog != c.dialog || e.req.Method == gosip.PRACK {
		return
	}
	switch {
	case res == nil:
		c.hangUp(`SIP;cause=408;text="no answer to `+e.req.Method.String()+`"`,
			Cause{Status: 408, Phrase: "no answer to " + e.req.Method.String(), By: ByTimeout})
	case res.StatusCode == 408:
		why := causeOf(res)
		why.By = ByCarrier
		c.hangUp(`SIP;cause=408`, why)
	case res.StatusCode == 481:
		why := causeOf(res)
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
