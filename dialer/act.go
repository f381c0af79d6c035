package dialer

import (
	"context"
	"time"

	"warmline/dialogs"
)

const (
	// refusalWithin is how long the house has to commit a refusal before the
	// person is told that it is noted.
	refusalWithin = 800 * time.Millisecond
	// inviteWithin is how long the house has to find a member; a person waits.
	inviteWithin = 2 * time.Second
)

// tell gives the tree an event and does what it answers. With yield, an answer
// replaces what is still being said; without, it comes after it.
func (c *call) tell(e dialogs.Event, yield bool) {
	if c.session == nil || c.hanging {
		return
	}
	e.At, e.Now = c.clock(), c.dialer.now()
	actions := c.session.Step(e)
	if yield && len(actions) > 0 {
		if line, heard := c.cut(); line != "" { // counts for the ledger only: newer words follow
			actions = append(actions, c.session.Step(dialogs.Event{Kind: dialogs.Said, At: e.At, Now: e.Now, LineID: line, Heard: heard})...)
		}
	}
	c.perform(actions)
}

// perform does the tree's actions: questions to the house at once, lines in
// their order, and what follows them when they have been said.
func (c *call) perform(actions []dialogs.Action) {
	if len(actions) > 0 {
		c.floor.then = nil
		c.closeWindow()
		c.withdraw() // the tree went elsewhere
	}
	var lines []dialogs.Line
	for _, a := range actions {
		switch a.Do {
		case dialogs.Say:
			lines = append(lines, a.Line)
		case dialogs.Listen, dialogs.HangUp:
			c.floor.then = &a
		case dialogs.OptOut:
			c.optOut(a.Channels)
		case dialogs.Invite:
			c.invite()
		case dialogs.Transfer:
			c.handOver(a.To, a.Timeout)
		case dialogs.Send:
			c.res.Send, c.res.Template = true, a.Template
		case dialogs.Callback:
			c.res.Callback = a.At
		case dialogs.Note: // kept by the session's outcome
		}
	}
	if len(lines) > 0 {
		c.speak(lines)
	}
	c.proceed()
}

// proceed does what follows when nothing is left to say.
func (c *call) proceed() {
	if c.floor.busy() || c.hanging {
		return
	}
	then := c.floor.then
	switch {
	case c.handing != nil:
		c.carryOn()
	case then != nil && then.Do == dialogs.HangUp, then == nil && c.asked == 0 && c.session.Done():
		if c.asked == 0 || c.session.Done() {
			c.hangup("goodbye")
		}
	case c.hear.open, c.doubt != nil:
	case then != nil:
		c.openWindow(then.Timeout)
	case c.asked == 0:
		c.openWindow(0) // a tree that says nothing must not leave a call open
	}
}

// answer gives the tree the house's answer to something it asked for.
func (c *call) answer(e dialogs.Event) {
	c.asked--
	c.tell(e, false)
}

// optOut has a refusal kept. The house's answer is awaited for 800 ms; what it
// says later still reaches the result.
func (c *call) optOut(channels []string) {
	c.res.OptOut, c.res.OptOutPending = true, true
	if !c.refuse {
		c.refuse = true
		c.asked++
	}
	if c.door == nil {
		c.todo = append(c.todo, func() { c.refusalKept(false) })
		return
	}
	c.refusal.Reset(refusalWithin)
	c.deciding++
	c.work(func(ctx context.Context) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), refusalWithin)
		defer cancel()
		committed := c.door.OptOut(ctx, c.job.Attempt, channels)
		c.post(func() {
			c.deciding--
			c.refusalKept(committed)
		})
	})
}

// refusalKept is the house's answer to a refusal, or its absence in time.
func (c *call) refusalKept(committed bool) {
	if committed {
		c.res.OptOutPending = false
	}
	if !c.refuse {
		return
	}
	c.refuse = false
	c.refusal.Stop()
	kind := dialogs.Pending
	if committed {
		kind = dialogs.Committed
	}
	c.answer(dialogs.Event{Kind: kind})
}

// invite reserves a member before anything is promised.
func (c *call) invite() {
	c.asked++
	if c.door == nil {
		c.todo = append(c.todo, func() { c.answer(dialogs.Event{Kind: dialogs.NoRoom}) })
		return
	}
	c.work(func(ctx context.Context) {
		ctx, cancel := context.WithTimeout(ctx, inviteWithin)
		defer cancel()
		member, ok := c.door.Invite(ctx, c.job.Attempt)
		c.post(func() {
			e := dialogs.Event{Kind: dialogs.NoRoom}
			if ok {
				c.res.Invite, c.res.Member = true, member
				e = dialogs.Event{Kind: dialogs.Invited, Member: member}
			}
			c.answer(e)
		})
	})
}
