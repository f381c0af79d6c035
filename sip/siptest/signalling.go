package siptest

import (
	"cmp"
	"fmt"
	"strconv"
	"time"
)

var allow = Field{"Allow", "INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, UPDATE"}

func (g *Gateway) contact() Field { return Field{"Contact", "<sip:" + g.addr + ">"} }

// receive is where every datagram comes in.
func (g *Gateway) receive(d datagram, now time.Time) {
	if g.faults.hit(g.faults.Drop) {
		return
	}
	m, err := Parse(d.raw)
	if err == nil {
		err = complete(m)
	}
	if err != nil {
		g.books.malformed++
		g.o.Log.Warn("refusing a datagram", "from", d.from, "bytes", len(d.raw)) // err may quote a number
		return
	}
	m.Source = d.from
	c := g.calls[dialogKey(m)]
	if m.Status() != 0 {
		g.onResponse(m, now)
		return
	}
	switch m.Method() {
	case "INVITE":
		g.onInvite(m, c, now)
	case "ACK":
		if c != nil {
			c.onAck(m, now)
		}
	case "CANCEL":
		g.onCancel(m, c, now)
	case "BYE":
		g.onBye(m, c, now)
	case "OPTIONS":
		g.answer(m, 200, "OK", g.contact(), allow)
	case "INFO", "UPDATE":
		g.onMidDialog(m, c)
	case "REFER":
		g.onRefer(m, c, now)
	default:
		g.answer(m, 405, "Method Not Allowed", allow)
	}
}

// complete refuses a message without the headers every message has (RFC 3261
// 8.1.1).
func complete(m *Message) error {
	for _, name := range []string{"Via", "From", "To", "Call-ID", "CSeq"} {
		if m.Get(name) == "" {
			return fmt.Errorf("reading %q: no %s header", m.Start, name)
		}
	}
	_, method := m.CSeq()
	if method == "" || m.Status() == 0 && method != m.Method() {
		return fmt.Errorf("reading %q: CSeq %q does not fit", m.Start, m.Get("CSeq"))
	}
	return nil
}

// dialogKey names a call by what the caller chose.
func dialogKey(m *Message) string { return m.Get("Call-ID") + " " + m.FromTag() }

// answer responds outside any call.
func (g *Gateway) answer(req *Message, status int, phrase string, parts ...Part) {
	g.send(respond(req, status, phrase, g.newTag(), g.contact(), parts...).Bytes(), req.Source)
}

func (g *Gateway) newTag() string {
	g.tags++
	return fmt.Sprintf("w%x", g.tags)
}

func (g *Gateway) onInvite(m *Message, c *call, now time.Time) {
	switch {
	case c != nil && m.ToTag() != "":
		c.onReinvite(m, now)
	case c != nil && m.Branch() == c.invite.Branch(): // a retransmission
		g.send(c.last, m.Source)
	case c != nil && !(c.over && c.refused):
		g.answer(m, 482, "Loop Detected")
	case m.ToTag() != "":
		g.answer(m, 481, "Call/Transaction Does Not Exist")
	case m.Get("Require") != "":
		g.answer(m, 420, "Bad Extension", Field{"Unsupported", m.Get("Require")})
	default:
		g.newCall(m, now)
	}
}

// newCall checks who calls and what they offer, and lets the phone ring.
func (g *Gateway) newCall(m *Message, now time.Time) {
	if g.o.Auth != nil {
		if stale, err := g.nonces.check(m, *g.o.Auth, now); err != nil {
			g.o.Log.Debug("challenging an INVITE", "why", err)
			g.answer(m, 407, "Proxy Authentication Required",
				challenge("MD5", g.o.Auth.Realm, g.nonces.fresh(now), stale))
			return
		}
	}
	var media stream
	if len(m.Body) > 0 {
		var err error
		if media, err = parseSDP(m.Body); err != nil {
			g.answer(m, 400, "Bad Session Description", Field{"Warning", `399 siptest "` + plain(err.Error()) + `"`})
			return
		}
		if !media.pcma() {
			g.answer(m, 488, "Not Acceptable Here", Field{"Warning", `305 siptest "no PCMA offered"`})
			return
		}
	}
	number := userOf(m.URI())
	c := &call{
		g: g, key: dialogKey(m), who: personFor(number), invite: m, peer: m.Source, tag: g.newTag(), media: media,
		rec: &CallRecord{
			CallID: m.Get("Call-ID"), Attempt: m.Get("X-Attempt"), Number: number,
			From: userOf(addressURI(m.Get("From"))), InviteAt: g.o.Now(),
		},
	}
	c.theirs, _ = m.CSeq()
	c.rec.Case = c.who.Name
	g.visits[plainNumber(number)]++
	g.book(c)
	g.add(c)
	g.prepare(c.who)
	c.respond(100, "Trying")
	if g.faults.hit(g.faults.Unavailable) {
		c.refuse(503, "Service Unavailable", "carrier", now, Field{"Retry-After", "2"})
		return
	}
	c.alert(now)
}

// book opens the call's record.
func (g *Gateway) book(c *call) {
	b := &g.books
	b.calls = append(b.calls, c.rec)
	b.up++
	b.peak = max(b.peak, b.up)
	_, stopped := g.stopped[plainNumber(c.rec.Number)]
	if stopped {
		b.afterOptOut++
	}
	b.note(g.o, entry{Event: "invite", AfterOptOut: stopped}, c.rec)
}

// prepare has everything this person may say voiced while the phone rings.
func (g *Gateway) prepare(p person) {
	if p.early != "" {
		g.voice(p.early)
	}
	for _, l := range p.lines {
		if l.say != "" {
			g.voice(l.say)
		}
	}
}

func (c *call) onAck(m *Message, now time.Time) {
	if m.ToTag() != c.tag || !c.answered && !c.refused {
		return
	}
	c.retry.stop()
	if c.reinvite == nil && !c.rec.Acked {
		c.rec.Acked = true
		c.g.books.note(c.g.o, entry{Event: "acked", Status: c.rec.Status}, c.rec)
	}
	if c.sock != nil && !c.media.addr.IsValid() && len(m.Body) > 0 { // the answer to our offer
		media, err := parseSDP(m.Body)
		if err != nil || !media.pcma() {
			c.g.o.Log.Warn("refusing the answer in an ACK", "call", c.rec.CallID, "err", err)
			c.hangUp("callee", now)
			return
		}
		c.media = media
		c.aim()
	}
}

// onCancel answers CANCEL; a call not yet answered ends with 487 (RFC 3261 9.2),
// unless its person picks up at that very moment.
func (g *Gateway) onCancel(m *Message, c *call, now time.Time) {
	if c == nil || m.Branch() != c.invite.Branch() {
		g.answer(m, 481, "Call/Transaction Does Not Exist")
		return
	}
	g.send(respond(m, 200, "OK", c.tag, g.contact()).Bytes(), m.Source)
	if c.answered || c.refused {
		return
	}
	g.books.note(g.o, entry{Event: "cancelled"}, c.rec)
	c.plan = nil
	if c.who.late {
		c.pickUp(now)
		return
	}
	c.refuse(487, "Request Terminated", "us", now)
}

func (g *Gateway) onBye(m *Message, c *call, now time.Time) {
	if c == nil || m.ToTag() != c.tag || !c.answered {
		g.answer(m, 481, "Call/Transaction Does Not Exist")
		return
	}
	g.send(respond(m, 200, "OK", c.tag, g.contact()).Bytes(), m.Source)
	if c.over {
		return
	}
	by := "us"
	if c.farewell.raw != nil { // both hung up at once
		by = c.rec.EndedBy
	}
	c.retry.stop()
	c.farewell.stop()
	c.rec.Byed = true
	g.books.note(g.o, entry{Event: "bye", By: "us"}, c.rec)
	c.finish(by, now)
}

// onMidDialog accepts INFO and UPDATE inside a live dialog. A session an UPDATE
// describes is answered like a re-INVITE's.
func (g *Gateway) onMidDialog(m *Message, c *call) {
	if c == nil || m.ToTag() != c.tag || c.over {
		g.answer(m, 481, "Call/Transaction Does Not Exist")
		return
	}
	if m.Method() == "UPDATE" && len(m.Body) > 0 && c.sock != nil {
		if media, err := parseSDP(m.Body); err == nil && media.pcma() {
			c.media = media
			c.aim()
			g.send(respond(m, 200, "OK", c.tag, g.contact(), g.contact(), c.description()).Bytes(), m.Source)
			return
		}
		g.answer(m, 488, "Not Acceptable Here")
		return
	}
	g.send(respond(m, 200, "OK", c.tag, g.contact()).Bytes(), m.Source)
}

// sipfrag is the body of a NOTIFY that tells how a transfer goes (RFC 3420).
type sipfrag string

func (f sipfrag) addTo(m *Message) {
	m.Header = append(m.Header, Field{"Content-Type", "message/sipfrag;version=2.0"})
	m.Body = []byte(f)
}

// onRefer transfers the person (RFC 3515): the agent rings, and NOTIFYs tell what
// came of it. Nobody is connected: that is the carrier's own affair.
func (g *Gateway) onRefer(m *Message, c *call, now time.Time) {
	if c == nil || m.ToTag() != c.tag || c.over || !c.answered {
		g.answer(m, 481, "Call/Transaction Does Not Exist")
		return
	}
	number := userOf(addressURI(m.Get("Refer-To")))
	b := personFor(number).behaviour
	answer := []Part{}
	if b.untold {
		answer = append(answer, Field{"Refer-Sub", "false"})
	}
	g.send(respond(m, 202, "Accepted", c.tag, g.contact(), answer...).Bytes(), m.Source)
	if c.rec.ReferredTo == number { // a retransmission
		return
	}
	c.rec.ReferredTo = number
	tell := func(status, state string) {
		g.send(c.request("NOTIFY", g.contact(), Field{"Event", "refer"}, Field{"Subscription-State", state}, sipfrag("SIP/2.0 "+status+"\r\n")).Bytes(), c.peer)
	}
	taken := now.Add(cmp.Or(b.takes, c.ringTime()))
	if b.untold {
		c.at(taken, func(now time.Time) { c.hangUp("callee", now) })
		return
	}
	tell("100 Trying", "active;expires=60")
	switch {
	case b.never:
	case b.status != 0:
		c.at(now.Add(c.ringTime()), func(time.Time) { tell(strconv.Itoa(b.status)+" "+b.phrase, "terminated;reason=noresource") })
	default:
		c.at(taken, func(time.Time) { tell("200 OK", "terminated;reason=noresource") })
	}
}

// onReinvite changes the session of a live dialog.
func (c *call) onReinvite(m *Message, now time.Time) {
	seq, _ := m.CSeq()
	switch {
	case c.reinvite != nil && m.Branch() == c.reBranch:
		c.g.send(c.reinvite, m.Source)
		return
	case m.ToTag() != c.tag || c.over || c.sock == nil:
		c.g.answer(m, 481, "Call/Transaction Does Not Exist")
		return
	case seq <= c.theirs: // RFC 3261 12.2.2
		c.g.answer(m, 500, "CSeq Out Of Order")
		return
	}
	if len(m.Body) > 0 {
		media, err := parseSDP(m.Body)
		if err != nil || !media.pcma() {
			c.g.answer(m, 488, "Not Acceptable Here")
			return
		}
		c.media = media
		c.aim()
	}
	c.theirs, c.reBranch = seq, m.Branch()
	c.reinvite = respond(m, 200, "OK", c.tag, c.g.contact(), c.description(), allow).Bytes()
	c.g.send(c.reinvite, m.Source)
	c.retry.start(c.reinvite, now, func(now time.Time) { c.hangUp("timeout", now) })
}

// onResponse takes the answer to our BYE; the caller's tag stands in To.
func (g *Gateway) onResponse(m *Message, now time.Time) {
	c := g.calls[m.Get("Call-ID")+" "+m.ToTag()]
	_, method := m.CSeq()
	if method == "INVITE" {
		g.onInvited(m, now)
		return
	}
	if c == nil || method != "BYE" || m.Status() < 200 || c.farewell.raw == nil {
		return
	}
	c.farewell.stop()
	c.rec.Byed = m.Status() == 200
	g.books.note(g.o, entry{Event: "bye", By: c.rec.EndedBy, Status: m.Status()}, c.rec)
	c.finish(c.rec.EndedBy, now)
}

// plain makes a text fit for a quoted header value.
func plain(s string) string {
	out := []rune(s)
	for i, r := range out {
		if r < ' ' || r == '"' || r == '\\' || r > '~' {
			out[i] = '.'
		}
	}
	return string(out)
}
