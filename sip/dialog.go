package sip

import (
	"net/netip"
	"slices"
	"strings"

	gosip "github.com/emiago/sipgo/sip"
)

// dialog is what every request inside a call repeats (RFC 3261 12).
type dialog struct {
	callID string
	local  gosip.FromHeader // us, with our tag
	remote gosip.ToHeader   // them, with their tag
	target gosip.Uri        // their Contact
	routes []gosip.Uri      // from us to them
	seq    uint32           // last CSeq we used
	hop    netip.AddrPort   // where packets really go
	via    sentBy
	laddr  gosip.Addr
}

// dialogOf builds the caller's side of the dialog from a response to INVITE
// alone (RFC 3261 12.1.2), so that it also serves answers to forgotten calls.
// It reports false when the response lacks what a dialog needs.
func dialogOf(res *gosip.Response, via sentBy, laddr gosip.Addr, trusted func(netip.Addr) bool) (*dialog, bool) {
	from, to, seq := res.From(), res.To(), res.CSeq()
	source, err := netip.ParseAddrPort(res.Source())
	if from == nil || to == nil || seq == nil || callID(res) == "" || err != nil {
		return nil, false
	}
	d := &dialog{
		callID: callID(res),
		local:  gosip.FromHeader{Address: *from.Address.Clone(), Params: from.Params.Clone()},
		remote: gosip.ToHeader{Address: *to.Address.Clone(), Params: to.Params.Clone()},
		seq:    seq.SeqNo,
		via:    via,
		laddr:  laddr,
	}
	d.target = *to.Address.Clone()
	d.refresh(res)
	for _, h := range res.GetHeaders("record-route") {
		if rr, ok := h.(*gosip.RecordRouteHeader); ok {
			d.routes = append(d.routes, *rr.Address.Clone())
		}
	}
	slices.Reverse(d.routes)
	d.hop = d.nextHop(source, trusted)
	return d, true
}

// refresh takes a new remote target from a Contact, if there is a usable one.
func (d *dialog) refresh(m gosip.Message) {
	for _, h := range m.GetHeaders("contact") {
		if c, ok := h.(*gosip.ContactHeader); ok && c.Address.Host != "" && !c.Address.Wildcard {
			d.target = *c.Address.Clone()
			return
		}
	}
}

// nextHop is the first route, else the remote target, if that is an address of
// the trunk; else the source of the answer. Gateways behind NAT name private
// addresses, and strangers would have us send to a third party.
func (d *dialog) nextHop(source netip.AddrPort, trusted func(netip.Addr) bool) netip.AddrPort {
	next := d.target
	if len(d.routes) > 0 {
		next = d.routes[0]
	}
	ip, err := netip.ParseAddr(strings.Trim(next.Host, "[]"))
	if err != nil || !trusted(ip.Unmap()) || next.Port < 0 || next.Port > 65535 {
		return source
	}
	if next.Port == 0 {
		next.Port = gosip.DefaultUdpPort
	}
	return netip.AddrPortFrom(ip.Unmap(), uint16(next.Port))
}

// request writes a request inside the dialog, with a transaction of its own.
func (d *dialog) request(method gosip.RequestMethod, seq uint32) *gosip.Request {
	uri, routes := d.path()
	req := gosip.NewRequest(method, uri)
	req.AppendHeader(newVia(d.via))
	for _, r := range routes {
		req.AppendHeader(&gosip.RouteHeader{Address: r})
	}
	hops := gosip.MaxForwardsHeader(70)
	req.AppendHeader(&hops)
	req.AppendHeader(gosip.HeaderClone(&d.local))
	req.AppendHeader(gosip.HeaderClone(&d.remote))
	id := gosip.CallIDHeader(d.callID)
	req.AppendHeader(&id)
	req.AppendHeader(&gosip.CSeqHeader{SeqNo: seq, MethodName: method})
	address(req, d.hop, d.laddr)
	return req
}

// path chooses Request-URI and Route (RFC 3261 12.2.1.1). A first route without
// lr is a strict router: it takes the Request-URI's place and the target goes
// to the end.
func (d *dialog) path() (gosip.Uri, []gosip.Uri) {
	if len(d.routes) == 0 {
		return d.target, nil
	}
	if loose(d.routes[0]) {
		return d.target, d.routes
	}
	return d.routes[0], append(slices.Clone(d.routes[1:]), d.target)
}

func loose(u gosip.Uri) bool {
	for _, p := range u.UriParams {
		if strings.EqualFold(p.K, "lr") {
			return true
		}
	}
	return false
}

// next takes the dialog's next CSeq.
func (d *dialog) next() uint32 { d.seq++; return d.seq }

// newVia opens a transaction; rport asks for answers to come back the way the
// request went (RFC 3581).
func newVia(local sentBy) *gosip.ViaHeader {
	return &gosip.ViaHeader{
		ProtocolName: "SIP", ProtocolVersion: "2.0", Transport: local.protocol(),
		Host: local.host, Port: local.port,
		Params: gosip.HeaderParams{{K: "branch", V: newBranch()}, {K: "rport"}},
	}
}

// address pins a request to our socket or stream and its destination, so that
// sipgo neither resolves names nor opens sockets.
func address(req *gosip.Request, to netip.AddrPort, laddr gosip.Addr) {
	req.SetTransport(req.Via().Transport)
	req.SetDestination(to.String())
	req.Laddr = laddr
	if req.ContentLength() == nil {
		req.SetBody(nil)
	}
}
