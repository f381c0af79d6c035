package sip

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	gosip "github.com/emiago/sipgo/sip"
)

// EventKind says what happened to a call.
type EventKind string

// What may happen to a call, in the order the package comment gives.
const (
	Trying   EventKind = "trying"   // 100, or 181–183 without SDP, once per status
	Ringing  EventKind = "ringing"  // 180, once
	Early    EventKind = "early"    // sound before the answer: SDP, each time it changes
	Answered EventKind = "answered" // SDP is theirs; empty when a broken gateway sent none
	Info     EventKind = "info"     // a key: Digit
	Referred EventKind = "referred" // how a transfer goes: Status of the call the other side places
	Ended    EventKind = "ended"    // Cause; always the last
)

// Event is one thing that happened to a call.
type Event struct {
	Kind   EventKind
	At     time.Time
	Status int    // of the response behind it
	SDP    []byte // for Early and Answered
	Digit  string // for Info: 0–9 * # A–D
	Cause  Cause  // for Ended, and what a provisional says in its Reason
}

const (
	// eventRoom lets a slow reader fall behind by every kind of event a call
	// has. Key presses leave eventReserve free for progress, and both leave
	// finalEvents free for answered and ended, which are never lost. An event is
	// 160 bytes and every call has this room, so it is not larger.
	eventRoom    = 16
	eventReserve = 8
	finalEvents  = 2

	// mailRoom is how many in-dialog requests may wait for the call's owner;
	// more are answered 500 with Retry-After.
	mailRoom = 8

	// progressRoom is how many responses may wait, finalRoom how many of these
	// places are kept for final ones; the carrier repeats what is more.
	progressRoom = 32
	finalRoom    = 8
)

// Call is one call, placed by us or taken by Incoming.Answer. Its methods may be
// used from any goroutine.
type Call struct {
	agent *Agent
	peer  *peer // the target of the INVITE now open; the owner's
	inv   Invite
	id    string // Call-ID
	tag   string // ours: in From of what we send, in To of what they send

	events  chan Event
	mail    chan any             // what others want of the owner
	told    chan *gosip.Response // responses in order of arrival
	hang    chan string          // room for the one reason Hangup gives
	settled chan struct{}        // closed when ended and confirmed by the carrier
	gone    chan struct{}        // closed when the owner is gone
	hangup  sync.Once
	over    atomic.Bool
	hopsMu  sync.Mutex
	hops    []Hop
	known   sources // who may speak for this call: every target tried
	ladder  ladder
	nap     nap
	in      *Incoming // a call that came in; nil for one we placed

	// What follows belongs to the owner goroutine.

	tx       *transaction     // the INVITE that is open
	invites  []*gosip.Request // sent so far: the first, and its repetitions with credentials
	auths    int              // credentials given
	refused  map[string]bool  // by branch: INVITEs that have had a refusal
	tried    []int            // provisional statuses reported
	early    map[string]*fork // by To tag: the phones that ring
	heard    []byte           // SDP last reported as early
	ringing  bool             // a 1xx has come: CANCEL may go
	cancel   bool             // nobody wants an answer any more
	canceled bool             // CANCEL has gone
	final    bool             // the INVITE has its final response, or will not get one

	dialog     *dialog
	asked      *dialog                   // that of a call that came in, until we answer it
	cancelCame <-chan struct{}           // closed by the caller's CANCEL; nil for calls we placed
	acks       map[string]*gosip.Request // by To tag: the ACK of each answer
	remote     map[string]uint32         // by To tag: last CSeq of theirs
	held       []held
	offer      *unacked
	farewell   string // the BYE that waits for the ACK of our answer
	local      []byte // our SDP as they know it
	allows     string // Allow, as they last said it

	proposals []*proposal // offers of ours: the first is on its way
	reinvites []acked     // the latest re-INVITEs of ours, for late answers
	refers    []refer     // transfers whose reports may come

	session   session
	minSE     time.Duration // the least interval they take; 0 before a 422
	routing   routing
	exchanges []*exchange // requests on their way, but for the INVITE
	timer     *time.Timer
	last      time.Time // something came
	ringUntil time.Time
	stayUntil time.Time
	isSettled bool
}

func newCall(a *Agent, p *peer, inv Invite) *Call {
	id := randomHex(12)
	c := &Call{
		agent: a, peer: p, inv: inv, id: id, tag: a.tags.issue(id),
		events:  make(chan Event, eventRoom),
		mail:    make(chan any, mailRoom),
		told:    make(chan *gosip.Response, progressRoom),
		hang:    make(chan string, 1),
		settled: make(chan struct{}),
		gone:    make(chan struct{}),
		acks:    map[string]*gosip.Request{},
		local:   inv.SDP,
	}
	if p != nil {
		c.known.add(p.ips)
	}
	return c
}

// trusts reports whether a packet's source is a target of this call. Any
// goroutine may ask.
func (c *Call) trusts(source string) bool { return c.known.has(source) }

// ID is the call's Call-ID.
func (c *Call) ID() string { return c.id }

// Events delivers what happens to the call; it is closed after Ended.
func (c *Call) Events() <-chan Event { return c.events }

// Ladder returns the messages sent and received so far, without numbers.
func (c *Call) Ladder() []Turn { return c.ladder.copy() }

// Hangup ends the call and returns at once: CANCEL before the answer, BYE after
// it. Ended follows at once too; the reason becomes its Cause.Phrase and goes
// out with BYE. Only the first Hangup counts.
func (c *Call) Hangup(reason string) {
	c.hangup.Do(func() {
		c.hang <- reason
		c.stir()
	})
}

func (c *Call) isOver() bool { return c.over.Load() }

// wish is mail from a caller of a method: what the owner shall do.
type wish func(c *Call)

// ErrEnded is the error of methods that need a living call.
var ErrEnded = errors.New("the call has ended")

// tell gives the owner a wish, however full its mailbox is.
func (c *Call) tell(ctx context.Context, w wish) error {
	select {
	case c.mail <- w:
		c.stir()
		return nil
	case <-c.gone:
		return ErrEnded
	case <-ctx.Done():
		return ctx.Err()
	}
}

// post gives the owner a message; false when its mailbox is full or it is gone.
func (c *Call) post(m any) bool {
	select {
	case <-c.gone:
		return false
	default:
	}
	select {
	case c.mail <- m:
		c.stir()
		return true
	default:
		return false
	}
}

// run is the owner: everything that happens to a call happens here, in order.
func (c *Call) run() {
	c.timer = time.NewTimer(0)
	c.attend()
}

// attend is the owner's watch: until the call is forgotten, or rests.
func (c *Call) attend() {
	c.last = time.Now()
	for !c.finished() {
		if c.idle() && c.rest() {
			return
		}
		c.arm()
		var acks <-chan *gosip.Request // those with the branch of the INVITE, from before RFC 3261
		if c.offer != nil {
			acks = c.offer.tx.Acks()
		}
		var leaving <-chan struct{} // a closing agent cannot wait for the ACK
		if c.farewell != "" {
			leaving = c.agent.leaving.Done()
		}
		select {
		case res := <-c.told:
			c.onTold(res)
		case <-c.cancelCame:
			c.onCanceled()
		case <-leaving:
			c.sayFarewell()
		case ack := <-acks:
			c.onAck(ack)
		case m := <-c.mail:
			c.catchUp()
			c.onMail(m)
		case reason := <-c.hang:
			c.onHangup(reason)
		case now := <-c.timer.C:
			c.onTimer(now)
			c.settle()
			continue
		case <-c.agent.stop:
			c.depart()
			return
		}
		c.last = time.Now()
		c.settle()
	}
	c.depart()
}

// depart closes what is still open.
func (c *Call) depart() {
	c.timer.Stop()
	if !c.isOver() {
		c.finish(Cause{Status: 487, Phrase: "closing", By: ByUs})
	}
	if c.in != nil {
		c.leaveWaiting()
	}
	if !c.isSettled {
		close(c.settled)
	}
	close(c.gone)
	c.agent.leave(c)
	for {
		select {
		case m := <-c.mail:
			if in, ok := m.(inbound); ok {
				in.refuse(481, "Call Does Not Exist")
			}
		default:
			return
		}
	}
}

// finished reports whether nothing can come any more that needs an answer.
func (c *Call) finished() bool {
	return c.isOver() && len(c.exchanges) == 0 && !time.Now().Before(c.stayUntil)
}

// settle tells Close when the carrier has confirmed the end.
func (c *Call) settle() {
	if !c.isSettled && c.isOver() && len(c.exchanges) == 0 && c.final && c.farewell == "" {
		c.isSettled = true
		close(c.settled)
	}
}

// onMail sorts what others sent.
func (c *Call) onMail(m any) {
	switch m := m.(type) {
	case inbound:
		c.onRequest(m)
	case wish:
		m(c)
	case approached:
		c.onApproached(m)
	}
}

// deadlines are the moments the owner must act by itself.
func (c *Call) deadlines(yield func(time.Time)) {
	if !c.isOver() && c.dialog == nil {
		yield(c.ringUntil)
		if !c.routing.silent.IsZero() && !c.ringing {
			yield(c.routing.silent)
		}
	}
	if c.tx != nil {
		c.tx.deadlines(yield)
	}
	for _, e := range c.exchanges {
		e.tx.deadlines(yield)
	}
	if c.isOver() && len(c.exchanges) == 0 {
		yield(c.stayUntil)
	}
	for _, h := range c.held {
		yield(h.until)
	}
	if c.offer != nil {
		yield(c.offer.next)
	}
	if len(c.proposals) > 0 && !c.proposals[0].at.IsZero() && c.offer == nil {
		yield(c.proposals[0].at)
	}
	if c.session.interval > 0 && !c.isOver() {
		yield(c.session.expires)
		if !c.session.refresh.IsZero() {
			yield(c.session.refresh)
		}
	}
}

// nearest is the first of the deadlines, zero when there is none.
func (c *Call) nearest() (next time.Time) {
	c.deadlines(func(t time.Time) {
		if next.IsZero() || t.Before(next) {
			next = t
		}
	})
	return next
}

// arm sets the one timer to the nearest deadline.
func (c *Call) arm() {
	next := c.nearest()
	if calm := c.last.Add(calmAfter); c.calm() && !c.isOver() && (next.IsZero() || calm.Before(next)) {
		next = calm
	}
	if next.IsZero() {
		c.timer.Stop()
		return
	}
	c.timer.Reset(max(0, time.Until(next)))
}

func (c *Call) onTimer(now time.Time) {
	if c.tx != nil {
		if err := c.tx.due(c.agent, now); err != nil {
			c.onSilence(err)
		}
	}
	c.repeatExchanges(now)
	c.tooSilent(now)
	if !c.isOver() && c.dialog == nil && !now.Before(c.ringUntil) {
		c.onRingTimeout()
	}
	c.releaseHeld(now)
	c.repeatOffer(now)
	c.sendProposal(now)
	c.watchSession(now)
}

// onRingTimeout ends the wait for an answer, theirs or ours.
func (c *Call) onRingTimeout() {
	if c.in != nil {
		c.reject(480, "Temporarily Unavailable")
		return
	}
	c.giveUp(c.timeoutCause())
}

// emit tells the reader and never waits for it: progress and key presses are
// dropped rather than crowd out the two events that come last.
func (c *Call) emit(e Event) {
	if c.isOver() {
		return
	}
	room := eventRoom
	switch e.Kind {
	case Trying, Ringing, Early:
		room -= finalEvents
	case Info, Referred:
		room -= eventReserve
	}
	if len(c.events) >= room {
		c.agent.count.lostEvents.Add(1)
		return
	}
	e.At = time.Now()
	c.events <- e
}

// finish delivers Ended. The owner stays for 64·T1, the time in which answers
// and their repetitions may still come (RFC 3261 13.2.2.4, 17.1.1.2).
func (c *Call) finish(why Cause) {
	if c.isOver() {
		return
	}
	c.judge(c.lastWord(why), why)
	c.stand()
	c.emit(Event{Kind: Ended, Status: why.Status, Cause: why})
	c.over.Store(true)
	close(c.events)
	c.agent.count.ended.Add(1)
	if c.stayUntil.IsZero() {
		c.stay()
	}
	c.dropProposals()
	c.agent.door.admit(c.known.all())
	if ctx := context.Background(); c.agent.log.Enabled(ctx, slog.LevelDebug) {
		c.agent.log.DebugContext(ctx, "call ended", "call", c.id, "cause", why.Status, "q850", why.Q850, "by", why.By)
	}
}

// stay prolongs the owner's life by the longest a packet may be late.
func (c *Call) stay() { c.stayUntil = time.Now().Add(64 * gosip.T1) }

// send starts an INVITE transaction.
func (c *Call) send(ctx context.Context, req *gosip.Request) error {
	t, err := c.agent.start(ctx, req)
	if err != nil {
		return netError(err)
	}
	c.tx = t
	c.invites = append(c.invites, req)
	c.ladder.note(true, "INVITE")
	return nil
}
