package dialer

import (
	"context"
	"fmt"
	"time"

	"warmline/dialogs"
	"warmline/media"
	"warmline/sip"
)

const (
	// longestTalk bounds what we carry between a customer and a person of ours.
	longestTalk = 2 * time.Hour
	// transferWithin is how long a tree's transfer may take when it does not say.
	transferWithin = 20 * time.Second
	// referWithin is how long a carrier may take to accept a REFER.
	referWithin = 10 * time.Second
)

// handing is a handover under way. It belongs to the call's owner; the worker
// that asks the agents only reads queue, brief and until.
type handing struct {
	queue *Queue
	brief string
	until time.Time
	stop  context.CancelFunc
	done  chan struct{} // closed when the worker has ended; its agent is hung up then

	at     int // of the call's Handovers
	joined bool
	asked  bool   // REFER has gone, of a blind one
	held   bool   // the hold has begun, or is being fetched
	hold   uint64 // the play the customer holds to; 0 while it is fetched
	bridge *media.Bridge
}

// handOver asks a person of ours to take the call. The tree waits for the answer.
func (c *call) handOver(to string, timeout time.Duration) {
	c.asked++
	if timeout <= 0 {
		timeout = transferWithin
	}
	c.res.Handovers = append(c.res.Handovers, Handover{Queue: to, At: c.clock()})
	q := c.dialer.Queues[to]
	if q == nil || len(q.Agents) == 0 {
		c.entry(len(c.res.Handovers) - 1).Why = "no_agent"
		c.todo = append(c.todo, func() { c.answer(dialogs.Event{Kind: dialogs.NotTransferred}) })
		return
	}
	h := &handing{
		queue: q, brief: brief(q, c.job.Tree.Language(), c.job.Facts, c.res.Transcript),
		until: time.Now().Add(timeout), at: len(c.res.Handovers) - 1, done: make(chan struct{}),
	}
	c.handing = h
	c.entry(h.at).Mode = q.mode()
	c.enter(Handing)
	c.attend(false)
	ctx, stop := context.WithCancel(c.ctx)
	h.stop = stop
	if q.mode() == Blind { // once the line before it has been said
		close(h.done)
		return
	}
	c.work(func(context.Context) {
		defer close(h.done)
		defer stop()
		c.seek(ctx, h)
	})
}

func (c *call) entry(i int) *Handover { return &c.res.Handovers[i] }

// seek is the worker: it asks one agent after the other until one accepts, and
// then stays with that one's call to its end.
func (c *call) seek(ctx context.Context, h *handing) {
	asked := map[int]bool{}
	for time.Now().Before(h.until) && ctx.Err() == nil {
		i, wait, ok := h.queue.take(c.dialer.now(), asked)
		if !ok && wait == nil {
			break
		}
		if !ok {
			c.await(ctx, wait, h.until)
			continue
		}
		asked[i] = true
		release, line := c.dialer.line()
		if !line {
			h.queue.give(i)
			break
		}
		g, try := c.ask(ctx, h.queue, h.queue.Agents[i], h.brief, h.until)
		c.post(func() { c.entry(h.at).Tries = append(c.entry(h.at).Tries, try) })
		if g != nil {
			c.post(func() { c.join(h, g) })
			g.stay(ctx)
			st := g.close("the other side hung up")
			c.post(func() { c.parted(h, st) })
		}
		release()
		h.queue.give(i)
		if g != nil {
			return
		}
	}
	why := "no_agent"
	if !time.Now().Before(h.until) {
		why = "timeout"
	}
	c.post(func() { c.notTaken(h, why) })
}

// await waits for an agent to be free again, until then.
func (c *call) await(ctx context.Context, free <-chan struct{}, until time.Time) {
	late := time.NewTimer(time.Until(until))
	defer late.Stop()
	select {
	case <-free:
	case <-late.C:
	case <-ctx.Done():
	}
}

// line asks for one more line of this process; release gives it back.
func (d *Dialer) line() (release func(), ok bool) {
	if d.Line == nil {
		return func() {}, true
	}
	return d.Line()
}

// carryOn is what the customer hears while nobody speaks to them: the hold, once
// our last line has been said. A blind transfer is asked for then.
func (c *call) carryOn() {
	h := c.handing
	switch {
	case h.joined || h.held || h.asked:
	case h.queue.mode() == Blind:
		c.refer(h)
		c.hold(h)
	default:
		c.hold(h)
	}
}

// hold plays the hold once; sound begins it anew when it is over.
func (c *call) hold(h *handing) {
	h.held = true
	if h.queue.Hold == "" {
		h.hold = c.leg.Play(chime())
		return
	}
	h.hold = 0 // an empty play would end at once, and begin this anew
	c.work(func(ctx context.Context) {
		clip, err := c.dialer.Prompts.Recording(ctx, h.queue.Hold)
		if err != nil {
			c.log.Warn("the hold cannot be played", "queue", h.queue.Name, "err", err)
			clip = chime()
		}
		c.post(func() {
			if c.handing == h && !h.joined && !c.floor.busy() && !c.hanging {
				h.hold = c.leg.Play(clip)
			}
		})
	})
}

// join connects the customer with the agent who accepted.
func (c *call) join(h *handing, g *agentLeg) {
	if c.handing != h || c.hanging { // the worker hangs the agent up
		return
	}
	if line, heard := c.cut(); line != "" {
		c.session.Step(dialogs.Event{Kind: dialogs.Said, At: c.clock(), Now: c.dialer.now(), LineID: line, Heard: heard})
	}
	c.leg.Stop()
	c.deafen()
	h.joined = true
	h.bridge = media.NewBridge(c.leg, g.leg)
	e := c.entry(h.at)
	e.Agent, e.Joined = g.name, c.clock()
	c.said("agent", "["+g.name+"]", "")
	c.talk.Reset(longestTalk)
	c.log.Info("call handed over", "attempt", c.job.Attempt, "queue", h.queue.Name, "agent", g.name)
	c.answer(dialogs.Event{Kind: dialogs.Transferred})
}

// parted is the end of the agent's call.
func (c *call) parted(h *handing, st media.Stats) {
	if h.joined {
		c.ledger(h)
		c.entry(h.at).MOS = st.MOS
	}
	if c.handing == h && h.joined && !c.hanging {
		c.hangup("the agent hung up")
	}
}

// ledger counts the talk of the two.
func (c *call) ledger(h *handing) {
	if h.bridge != nil {
		h.bridge.Close()
		h.bridge = nil
		c.entry(h.at).Talk = c.clock() - c.entry(h.at).Joined
	}
}

// notTaken gives the call back to the tree.
func (c *call) notTaken(h *handing, why string) {
	if c.handing != h || h.joined {
		return
	}
	c.handing = nil
	h.stop()
	c.entry(h.at).Why = why
	c.log.Info("nobody took the call", "attempt", c.job.Attempt, "queue", h.queue.Name, "why", why)
	if c.hanging {
		return
	}
	if h.hold != 0 {
		c.leg.Stop()
	}
	c.enter(InDialog)
	c.attend(true)
	c.answer(dialogs.Event{Kind: dialogs.NotTransferred})
}

// withdraw ends a handover because the call went elsewhere: the customer wants
// no more calls, or has hung up.
func (c *call) withdraw() {
	h := c.handing
	if h == nil || h.joined {
		return
	}
	c.handing = nil
	c.asked--
	h.stop()
	if h.hold != 0 {
		c.leg.Stop()
	}
	c.entry(h.at).Why = withdrawn
	if !c.hanging {
		c.enter(InDialog)
		c.attend(true)
	}
}

// releaseAgent ends an agent's call with the customer's, and waits until it is
// ended.
func (c *call) releaseAgent() {
	h := c.handing
	if h == nil {
		return
	}
	if !h.joined {
		c.withdraw()
	}
	c.ledger(h)
	h.stop()
	late := time.NewTimer(release)
	defer late.Stop()
	for ended := false; !ended; {
		select {
		case f := <-c.inbox: // what the worker still has to tell
			f()
		case <-h.done:
			ended = true
		case <-late.C:
			ended = true
		}
	}
	for len(c.inbox) > 0 {
		(<-c.inbox)()
	}
}

// refer asks the carrier to connect the customer with an agent (RFC 3515). The
// outcome comes by NOTIFY, as Referred.
func (c *call) refer(h *handing) {
	h.asked = true
	i, _, ok := h.queue.take(c.dialer.now(), nil)
	if !ok {
		c.todo = append(c.todo, func() { c.notTaken(h, "no_agent") })
		return
	}
	a := h.queue.Agents[i]
	h.queue.give(i) // whether they still talk is the carrier's to know
	c.entry(h.at).Agent = a.Name
	c.entry(h.at).Tries = append(c.entry(h.at).Tries, Try{Agent: a.Name})
	c.handover.Reset(max(time.Until(h.until), time.Second)) // the carrier may never tell
	c.work(func(ctx context.Context) {
		ctx, cancel := context.WithTimeout(ctx, referWithin)
		defer cancel()
		if err := c.sip.Refer(ctx, a.To); err != nil {
			c.post(func() {
				c.log.Warn("the carrier does not transfer", "attempt", c.job.Attempt, "err", err)
				if c.handing == h {
					c.referred(sip.Event{Status: 500})
				}
			})
		}
	})
}

// referred is how a blind transfer goes on. A carrier that stops telling (Status
// 0) may still take the customer over and hang up; till then they hold. One that
// took them over after we had given up on it is not kept from them.
func (c *call) referred(e sip.Event) {
	h := c.handing
	switch {
	case e.Status < 200 || c.hanging:
		return
	case h == nil || !h.asked:
		if e.Status < 300 {
			c.hangup("transferred")
		}
		return
	}
	try := &c.entry(h.at).Tries[0]
	try.Status, try.Took = e.Status, c.clock()-c.entry(h.at).At
	c.handover.Stop()
	if e.Status >= 300 {
		try.Came = refusedBy(sip.Cause{Status: e.Status, By: sip.ByCarrier})
		c.entry(h.at).Agent = ""
		c.notTaken(h, "failed")
		return
	}
	try.Came = accepted
	h.joined = true
	c.entry(h.at).Joined = c.clock()
	c.said("agent", fmt.Sprintf("[%s]", c.entry(h.at).Agent), "")
	c.answer(dialogs.Event{Kind: dialogs.Transferred})
	c.hangup("transferred")
}

// untold is a carrier that never said how the transfer went.
func (c *call) untold() {
	if h := c.handing; h != nil {
		c.notTaken(h, "timeout")
	}
}
