package sip

import (
	gosip "github.com/emiago/sipgo/sip"
)

// onHangup ends the call by our will.
func (c *Call) onHangup(reason string) {
	if c.isOver() {
		return
	}
	switch {
	case c.dialog == nil && c.in != nil:
		c.reject(480, "Temporarily Unavailable")
		return
	case c.dialog == nil:
		c.giveUp(Cause{Status: 487, Phrase: printable(reason), By: ByUs})
		return
	}
	header := "Q.850;cause=16" // normal call clearing
	if reason != "" {
		header += ";text=" + quote(printable(reason))
	}
	c.hangUp(header, Cause{Status: 200, Phrase: printable(reason), Q850: 16, By: ByUs})
}

// hangUp sends BYE and ends the call without waiting for its answer. Who answered
// must not send BYE before the ACK, or before giving up on it (RFC 3261 15).
func (c *Call) hangUp(reason string, why Cause) {
	if c.offer != nil && c.offer.first {
		c.farewell = reason
	} else {
		c.bye(c.dialog, reason)
	}
	c.finish(why)
}

// sayFarewell sends the BYE that waited for an ACK.
func (c *Call) sayFarewell() {
	c.offer = nil
	c.bye(c.dialog, c.farewell)
	c.farewell = ""
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
	c.ask(nil, same(c.invites[len(c.invites)-1], gosip.CANCEL), nil)
}

// bye hangs up one dialog: the call's own, or that of an unwanted answer.
func (c *Call) bye(d *dialog, reason string) {
	req := d.request(gosip.BYE, d.next())
	req.AppendHeader(gosip.NewHeader("Reason", reason))
	c.ask(d, req, nil)
}
