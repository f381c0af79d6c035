package siptest

import (
	"fmt"
	"net/netip"
	"strconv"
	"time"
)

// call is one INVITE and what followed, seen from the called side.
type call struct {
	g      *Gateway
	key    string
	who    person
	invite *Message
	peer   netip.AddrPort // where the INVITE came from: where everything goes
	tag    string
	media  stream // the caller's
	rec    *CallRecord

	last     []byte    // last response to the INVITE
	reinvite []byte    // last response to a re-INVITE, and
	reBranch string    // its transaction
	plan     []planned // what the phone does next, in order of time
	retry    retry     // final response until ACK
	farewell retry     // our BYE until answered
	seq      uint32    // our CSeq
	theirs   uint32    // the caller's highest CSeq
	calling  bool      // this person calls us and has no answer yet
	answered bool      // a 2xx was sent, or came
	refused  bool      // a 3xx to 6xx was sent
	over     bool
	forget   time.Time

	// Audio; sock is nil while there is none.
	sock      *socket
	version   int // of our SDP
	tx        *sender
	nextFrame time.Time
	ear       listener
	voiced    int    // voiced packets since the last frame
	silent    int    // and the others
	text      string // being said, or about to be
	started   bool
	out       []byte // what is left of it
	tail      []byte // follows the words: a beep
	then      func(now time.Time)
	keys      string // being pressed
	keyStep   int
	optOut    bool // the act under way means: never again
}

type planned struct {
	at  time.Time
	run func(now time.Time)
}

func (c *call) at(t time.Time, run func(time.Time)) {
	c.plan = append(c.plan, planned{t, run})
}

// faster scales a wait of the network by Options.Pace.
func (c *call) faster(d time.Duration) time.Duration {
	return time.Duration(float64(d) / c.g.o.Pace)
}

// ringTime is 0.32 to 1 of Options.Ring, stable for a number.
func (c *call) ringTime() time.Duration {
	return c.faster(time.Duration((0.32 + 0.68*share(c.rec.Number, "ring")) * float64(c.g.o.Ring)))
}

// longestRing is how long a carrier lets an unanswered phone ring.
const longestRing = 120 * time.Second

// alert plans what the phone does: nothing, an announcement, a ring.
func (c *call) alert(now time.Time) {
	b := c.who.behaviour
	delay := c.faster(time.Duration(100+200*share(c.rec.Number, "delay")) * time.Millisecond)
	start := now.Add(delay) // post-dial delay
	switch {
	case b.instant:
		c.at(now, c.refuseAsPlanned)
		return
	case b.early != "":
		c.at(start, c.announce)
		return
	case b.storm > 0:
		for i := range b.storm {
			c.at(start.Add(time.Duration(i)*c.ringTime()/time.Duration(b.storm)), c.ringback)
		}
	default:
		c.at(start, func(time.Time) { c.respond(180, "Ringing") })
	}
	end := start.Add(c.ringTime())
	switch {
	case b.never || b.once && c.g.visits[plainNumber(c.rec.Number)] == 1:
		c.at(start.Add(longestRing), func(now time.Time) {
			c.refuse(480, "Temporarily Unavailable", "carrier", now, Q850(19, "No answer from user"))
		})
	case b.status != 0:
		c.at(end, c.refuseAsPlanned)
	default:
		c.at(end, c.pickUp)
	}
}

// refuseAsPlanned ends the call the way its case says.
func (c *call) refuseAsPlanned(now time.Time) {
	b := c.who.behaviour
	var parts []Part
	if b.cause != 0 {
		parts = append(parts, Q850(b.cause, b.causeText))
	}
	if b.retryAfter != 0 {
		parts = append(parts, Field{"Retry-After", strconv.Itoa(b.retryAfter)})
	}
	c.refuse(b.status, b.phrase, b.refusedBy, now, parts...)
}

// announce plays the carrier's words in early media, twice, then refuses.
func (c *call) announce(now time.Time) {
	if !c.openAudio(now) {
		return
	}
	c.respond(183, "Session Progress", c.description())
	c.utter(c.who.early, nil, func(now time.Time) {
		c.utter(c.who.early, nil, c.refuseAsPlanned)
	})
}

// ringback repeats a 183 and plays the Chinese ringing tone, 450 Hz (YD/T 729).
func (c *call) ringback(now time.Time) {
	if c.sock == nil {
		if !c.openAudio(now) {
			return
		}
		c.out = tone(450, time.Second)
	}
	c.respond(183, "Session Progress", c.description())
}

// pickUp answers: 200 with SDP until ACK, and the person listens.
func (c *call) pickUp(now time.Time) {
	if c.sock == nil && !c.openAudio(now) {
		return
	}
	b := c.who.behaviour
	patience := c.g.o.Patience * time.Duration(max(1, b.morePatience))
	c.ear = listener{lines: b.lines, wait: c.g.o.Quiet, patience: patience}
	c.out, c.answered = nil, true
	c.respond(200, "OK", c.description(), allow)
	c.retry.start(c.last, now, func(now time.Time) { c.hangUp("timeout", now) })
	c.rec.Status, c.rec.AnsweredAt = 200, c.g.o.Now()
	c.g.books.note(c.g.o, entry{Event: "answer", Status: 200}, c.rec)
}

// respond sends a response to the INVITE and keeps it for retransmissions.
func (c *call) respond(status int, phrase string, parts ...Part) {
	c.last = respond(c.invite, status, phrase, c.tag, c.g.contact(), parts...).Bytes()
	c.g.send(c.last, c.peer)
}

// refuse sends a final response until ACK and ends the call.
func (c *call) refuse(status int, phrase, by string, now time.Time, parts ...Part) {
	c.respond(status, phrase, parts...)
	c.refused = true
	c.retry.start(c.last, now, func(time.Time) {})
	c.rec.Status = status
	c.finish(by, now)
}

// hangUp sends BYE until it is answered. The call ends when the BYE has been
// answered, so that a caller who never reacts stays visible as up.
func (c *call) hangUp(by string, now time.Time) {
	if c.over || c.farewell.raw != nil {
		return
	}
	c.retry.stop()
	c.closeAudio()
	c.rec.EndedBy = by
	raw := c.request("BYE", Q850(16, "Normal call clearing")).Bytes()
	c.g.send(raw, c.peer)
	c.farewell.start(raw, now, func(now time.Time) { c.finish(by, now) })
}

// request builds a request to the caller inside the dialog.
func (c *call) request(method string, parts ...Part) *Message {
	c.seq++
	m := &Message{Start: method + " " + addressURI(c.invite.Get("Contact")) + " SIP/2.0", Header: []Field{
		{"Via", "SIP/2.0/UDP " + c.g.addr + ";rport;branch=" + newBranch()},
		{"Max-Forwards", "70"},
		{"From", c.invite.Get("To") + ";tag=" + c.tag}, {"To", c.invite.Get("From")},
		{"Call-ID", c.invite.Get("Call-ID")}, {"CSeq", fmt.Sprintf("%d %s", c.seq, method)},
	}}
	for _, r := range c.invite.All("Record-Route") {
		m.Header = append(m.Header, Field{"Route", r})
	}
	for _, p := range parts {
		p.addTo(m)
	}
	return m
}

// finish ends the call in the books; it stays for retransmissions.
func (c *call) finish(by string, now time.Time) {
	if c.over {
		return
	}
	c.closeAudio()
	c.plan = nil
	c.over, c.forget = true, now.Add(linger)
	c.rec.EndedBy, c.rec.EndedAt = by, c.g.o.Now()
	c.g.books.up--
	c.g.books.note(c.g.o, entry{Event: "end", Status: c.rec.Status, By: by, RTPIn: c.rec.RTPIn, RTPOut: c.rec.RTPOut}, c.rec)
}
