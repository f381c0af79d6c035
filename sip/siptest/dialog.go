package siptest

import (
	"fmt"
	"net"
	"strconv"
	"sync/atomic"
)

// branches numbers the transactions this package opens.
var branches atomic.Uint64

func newBranch() string { return "z9hG4bK-siptest-" + strconv.FormatUint(branches.Add(1), 36) }

// Dialog is the called side of a dialog that an INVITE opened: what is needed
// to send a BYE, a re-INVITE or any other request to the caller.
type Dialog struct {
	p         *Peer
	remote    string // remote target: Contact of the INVITE
	local, to string // our From and our To
	callID    string
	route     []string
	dst       net.Addr
	seq       uint32
}

// Dialog returns the called side of the dialog that a response to the INVITE
// with this To tag opened.
func (p *Peer) Dialog(invite *Message, toTag string) *Dialog {
	local := invite.Get("To")
	if param(local, "tag") == "" {
		local += ";tag=" + toTag
	}
	return &Dialog{
		p: p, remote: addressURI(invite.Get("Contact")), local: local, to: invite.Get("From"),
		callID: invite.Get("Call-ID"), route: invite.All("Record-Route"),
		dst: net.UDPAddrFromAddrPort(invite.Source), seq: 100,
	}
}

// Request builds the next request of the dialog, CSeq counted up, without
// sending it. ACK takes the CSeq of the request before it.
func (d *Dialog) Request(method string, parts ...Part) *Message {
	if method != "ACK" {
		d.seq++
	}
	m := &Message{Start: method + " " + d.remote + " SIP/2.0", Header: []Field{
		{"Via", "SIP/2.0/" + d.p.protocol() + " " + d.p.Addr() + ";rport;branch=" + newBranch()},
		{"Max-Forwards", "70"},
		{"From", d.local}, {"To", d.to}, {"Call-ID", d.callID},
		{"CSeq", fmt.Sprintf("%d %s", d.seq, method)},
	}}
	for _, r := range d.route {
		m.Header = append(m.Header, Field{"Route", r})
	}
	for _, part := range parts {
		part.addTo(m)
	}
	return m
}

// Send builds the next request and sends it to where the INVITE came from.
// Sending the returned bytes again is a retransmission.
func (d *Dialog) Send(method string, parts ...Part) (*Message, error) {
	m := d.Request(method, parts...)
	return m, d.p.SendTo(m.Bytes(), d.dst)
}

// Bye hangs up from the called side, with Reason Q.850 cause 16.
func (d *Dialog) Bye() (*Message, error) {
	return d.Send("BYE", Q850(16, "Normal call clearing"))
}

// Reinvite offers a changed session; a nil sdp asks the caller for an offer.
func (d *Dialog) Reinvite(sdp SDP) (*Message, error) {
	parts := []Part{d.p.Contact()}
	if sdp != nil {
		parts = append(parts, sdp)
	}
	return d.Send("INVITE", parts...)
}
