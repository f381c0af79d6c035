package siptest

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"time"
)

// CallIn is a person who calls us back.
type CallIn struct {
	To        string // host:port of our signalling
	Person    string // whose number: decides how they behave, as in [Staff]
	From      string // what they show; Person when empty, "anonymous" when withheld
	Number    string // the caller ID they dial
	Offerless bool   // the INVITE carries no SDP: the offer is asked of us
}

// Call sends a person's INVITE and returns its Call-ID. What becomes of it is
// in Truth, as a record with Inbound.
func (g *Gateway) Call(in CallIn) (id string, err error) {
	addr, err := net.ResolveUDPAddr("udp", in.To)
	if err != nil {
		return "", fmt.Errorf("calling %s: %w", in.To, err)
	}
	if in.From == "" {
		in.From = in.Person
	}
	peer := addr.AddrPort()
	peer = netip.AddrPortFrom(peer.Addr().Unmap(), peer.Port())
	g.do(func() { id, err = g.callIn(in, peer, time.Now()) })
	return id, err
}

// callIn runs on the owner.
func (g *Gateway) callIn(in CallIn, peer netip.AddrPort, now time.Time) (string, error) {
	tag := g.newTag()
	id := "in-" + tag + "-" + strconv.Itoa(g.port) + "@siptest"
	c := &call{
		g: g, key: id + " ", who: personFor(in.Person), peer: peer, tag: tag, calling: true, seq: 1,
		rec: &CallRecord{CallID: id, Number: in.Person, From: in.From, Inbound: true, InviteAt: g.o.Now()},
	}
	c.rec.Case = c.who.Name
	if !c.bindAudio(now) {
		return "", errors.New("calling in: no free RTP port")
	}
	c.invite = &Message{Start: "INVITE sip:" + in.Number + "@" + in.To + " SIP/2.0", Header: []Field{
		{"Via", "SIP/2.0/UDP " + g.addr + ";rport;branch=" + newBranch()},
		{"Max-Forwards", "70"},
		{"From", "<sip:" + in.From + "@" + g.addr + ">;tag=" + tag},
		{"To", "<sip:" + in.Number + "@" + in.To + ">"},
		{"Call-ID", id}, {"CSeq", "1 INVITE"}, g.contact(), allow,
	}}
	if !in.Offerless {
		c.description().addTo(c.invite)
	}
	g.books.calls = append(g.books.calls, c.rec)
	g.books.up++
	g.books.peak = max(g.books.peak, g.books.up)
	g.books.note(g.o, entry{Event: "invite"}, c.rec)
	g.callers[id] = c
	g.add(c)
	g.prepare(c.who)
	raw := c.invite.Bytes()
	g.send(raw, peer)
	c.retry.start(raw, now, func(now time.Time) { c.finish("timeout", now) })
	return id, nil
}

// onInvited takes the answer to a person's INVITE.
func (g *Gateway) onInvited(m *Message, now time.Time) {
	c := g.callers[m.Get("Call-ID")]
	if c == nil || m.FromTag() != c.tag && c.calling {
		return
	}
	switch status := m.Status(); {
	case status < 200:
		c.retry.stop() // RFC 3261 17.1.1.2: a provisional ends timer A
	case status < 300 && c.calling:
		c.pickedUp(m, now)
	case status < 300 && !c.over: // our ACK was lost (RFC 3261 13.2.2.4)
		g.send(c.last, c.peer)
	case c.calling || c.last != nil && status >= 300:
		c.turnedAway(m, now)
	}
}

// pickedUp opens the dialog: from here on the call is like one that came to us,
// so the INVITE is kept turned around.
func (c *call) pickedUp(m *Message, now time.Time) {
	c.retry.stop()
	media, err := parseSDP(m.Body)
	if err != nil || !media.pcma() {
		c.g.o.Log.Warn("refusing the answer to a caller", "call", c.rec.CallID, "err", err)
		c.finish("callee", now)
		return
	}
	sent := c.invite
	own, _, _ := strings.Cut(sent.Get("From"), ";tag=")
	offerless := len(sent.Body) == 0
	c.media = media
	c.aim()
	c.invite = &Message{Start: sent.Start, Header: []Field{
		{"From", m.Get("To")}, {"To", own}, {"Contact", m.Get("Contact")}, {"Call-ID", c.rec.CallID},
	}}
	for _, r := range m.All("Record-Route") {
		c.invite.Header = append([]Field{{"Record-Route", r}}, c.invite.Header...) // RFC 3261 12.1.2: in reverse
	}
	delete(c.g.calls, c.key)
	c.key = c.rec.CallID + " " + m.ToTag()
	c.g.calls[c.key] = c
	ack := c.request("ACK")
	c.seq--
	ack.Set("CSeq", "1 ACK")
	if offerless {
		c.description().addTo(ack)
	}
	c.last = ack.Bytes()
	c.g.send(c.last, c.peer)
	patience := c.g.o.Patience * time.Duration(max(1, c.who.morePatience))
	c.ear = listener{lines: c.who.lines, wait: c.g.o.Quiet, patience: patience}
	c.calling, c.answered = false, true
	c.rec.Status, c.rec.AnsweredAt, c.rec.Acked = m.Status(), c.g.o.Now(), true
	c.g.books.note(c.g.o, entry{Event: "answer", Status: m.Status()}, c.rec)
}

// turnedAway acknowledges a refusal (RFC 3261 17.1.1.3).
func (c *call) turnedAway(m *Message, now time.Time) {
	if c.calling {
		c.retry.stop()
		ack := &Message{Start: "ACK" + c.invite.Start[len("INVITE"):], Header: []Field{
			{"Via", c.invite.Get("Via")}, {"Max-Forwards", "70"}, {"From", c.invite.Get("From")}, {"To", m.Get("To")},
			{"Call-ID", c.rec.CallID}, {"CSeq", "1 ACK"},
		}}
		c.last, c.calling = ack.Bytes(), false
		c.rec.Status, c.rec.RetryAfter, c.rec.Acked = m.Status(), m.Get("Retry-After"), true
		c.finish("us", now)
	}
	c.g.send(c.last, c.peer)
}
