package siptest

import (
	"fmt"
	"net"
)

// Invite builds an INVITE of this peer's to uri, for a test that calls in. Its
// Call-ID, tag and branch are new; nothing is sent.
func (p *Peer) Invite(uri, from string, parts ...Part) *Message {
	id := newBranch()[len("z9hG4bK-"):]
	m := &Message{Start: "INVITE " + uri + " SIP/2.0", Header: []Field{
		{"Via", "SIP/2.0/UDP " + p.Addr() + ";rport;branch=" + newBranch()},
		{"Max-Forwards", "70"},
		{"From", "<sip:" + from + "@" + p.Addr() + ">;tag=from-" + id},
		{"To", "<" + uri + ">"},
		{"Call-ID", id + "@siptest"},
		{"CSeq", "1 INVITE"},
		p.Contact(),
	}}
	for _, part := range parts {
		part.addTo(m)
	}
	return m
}

// Within makes a request of another method in the transaction of an INVITE:
// CANCEL, or the ACK of a refusal, whose To is that of the response.
func (m *Message) Within(method, to string) *Message {
	n, _ := m.CSeq()
	out := &Message{Start: method + " " + m.URI() + " SIP/2.0", Header: []Field{
		{"Via", m.Get("Via")}, {"Max-Forwards", "70"}, {"From", m.Get("From")}, {"To", to},
		{"Call-ID", m.Get("Call-ID")}, {"CSeq", fmt.Sprintf("%d %s", n, method)},
	}}
	for _, r := range m.All("Route") {
		out.Header = append(out.Header, Field{"Route", r})
	}
	return out
}

// Calling returns the calling side of the dialog that the answer to our INVITE
// opened; requests go to where the answer came from. Its first ACK has the
// INVITE's CSeq.
func (p *Peer) Calling(invite, answer *Message) *Dialog {
	n, _ := invite.CSeq()
	d := &Dialog{
		p: p, remote: addressURI(answer.Get("Contact")), local: invite.Get("From"), to: answer.Get("To"),
		callID: invite.Get("Call-ID"), dst: net.UDPAddrFromAddrPort(answer.Source), seq: n,
	}
	routes := answer.All("Record-Route")
	for i := len(routes) - 1; i >= 0; i-- {
		d.route = append(d.route, routes[i])
	}
	return d
}
