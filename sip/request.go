package sip

import (
	"strings"

	gosip "github.com/emiago/sipgo/sip"
)

// inbound is a request on its way to the owner of its call.
type inbound struct {
	req *gosip.Request
	tx  *gosip.ServerTx
}

// respond answers with the headers every answer of ours carries.
func (in inbound) respond(status int, phrase string, body []byte, extra ...gosip.Header) *gosip.Response {
	res := gosip.NewResponseFromRequest(in.req, status, phrase, nil)
	for _, h := range extra {
		res.AppendHeader(h)
	}
	if len(body) > 0 {
		kind := gosip.ContentTypeHeader("application/sdp")
		res.AppendHeader(&kind)
		res.SetBody(body)
	}
	in.tx.Respond(res) // a lost answer makes them ask again
	return res
}

func (in inbound) refuse(status int, phrase string, extra ...gosip.Header) {
	if !in.req.IsAck() {
		in.respond(status, phrase, nil, extra...)
	}
}

// onRequest is the door for requests: sipgo calls it on a goroutine per
// request, so nothing here may depend on their order. Of a request that becomes
// no call's nothing is kept (RFC 3261 8.2.7): who repeats it is answered again.
func (a *Agent) onRequest(req *gosip.Request, tx *gosip.ServerTx) {
	if !a.hand(inbound{req, tx}) || req.IsAck() { // an ACK has no answer that would end its transaction
		tx.Terminate()
	}
}

// hand gives a request to its call, or answers it; false when it becomes no
// call's.
func (a *Agent) hand(in inbound) bool {
	req := in.req
	unknown := unsupported(req)
	c, known := a.callOf(req)
	switch {
	case !understood(req.Method):
		in.refuse(405, "Method Not Allowed", gosip.NewHeader("Allow", allow))
	case unknown != "" && !req.IsAck() && !req.IsCancel(): // RFC 3261 8.2.2.3
		in.refuse(420, "Bad Extension", gosip.NewHeader("Unsupported", printable(unknown)))
	case takeFresh(req):
		return a.onIncoming(in)
	case toTag(req) == "":
		a.onStranger(in)
	case req.Method == gosip.CANCEL: // sipgo itself takes one that matches an INVITE
		in.refuse(481, "Call Does Not Exist")
	case !known:
		in.refuse(481, "Call Does Not Exist")
	case !c.post(in):
		in.refuse(500, "Busy With This Call", gosip.NewHeader("Retry-After", "1"))
		return true
	default:
		return true
	}
	return false
}

func understood(m gosip.RequestMethod) bool {
	switch m {
	case gosip.INVITE, gosip.ACK, gosip.CANCEL, gosip.BYE, gosip.OPTIONS, gosip.INFO, gosip.UPDATE, gosip.NOTIFY:
		return true
	}
	return false
}

// unsupported are the extensions a request requires that we do not have.
func unsupported(req *gosip.Request) string {
	var unknown []string
	for tag := range strings.SplitSeq(joined(req, "require"), ",") {
		if tag = strings.TrimSpace(tag); tag != "" && !strings.EqualFold(tag, "timer") {
			unknown = append(unknown, tag)
		}
	}
	return strings.Join(unknown, ", ")
}

// callOf finds the call a request belongs to: by Call-ID and our tag, and from
// the call's own trunk. Their tag is the owner's to check.
func (a *Agent) callOf(req *gosip.Request) (*Call, bool) {
	c := a.find(callID(req))
	if c == nil {
		return nil, false
	}
	if toTag(req) != c.tag || !c.trusts(req.Source()) {
		a.count.spoofed.Add(1)
		return nil, false
	}
	return c, true
}

// onStranger answers requests outside any call but INVITE. Trunks ask with
// OPTIONS whether we live.
func (a *Agent) onStranger(in inbound) {
	switch in.req.Method {
	case gosip.OPTIONS:
		in.respond(200, "OK", nil, gosip.NewHeader("Allow", allow), gosip.NewHeader("Accept", "application/sdp"))
	default: // BYE, CANCEL, INFO and UPDATE live only inside a call
		a.count.strangers.Add(1)
		in.refuse(481, "Call Does Not Exist")
	}
}
