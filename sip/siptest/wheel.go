package siptest

import "time"

const (
	wheelSlots = 4
	slotTime   = frameTime / wheelSlots // 5 ms
	maxBurst   = 25                     // frames sent late in one go; older ones are skipped

	t1     = 500 * time.Millisecond // RFC 3261 17.1.1.1
	t2     = 4 * time.Second
	linger = 64 * t1 // an ended call still answers retransmissions for so long
)

// own is the owner goroutine: datagrams and requests as they come, and every
// call once in 20 ms. With no call there is no tick.
func (g *Gateway) own() {
	defer close(g.done)
	timer := time.NewTimer(slotTime)
	defer timer.Stop()
	next, slot, ticking := time.Now(), 0, true
	for {
		if busy := len(g.calls) > 0 || len(g.faults.held) > 0; busy && !ticking {
			next, ticking = time.Now(), true
			timer.Reset(0)
		}
		select {
		case d := <-g.in:
			g.receive(d, time.Now())
		case f := <-g.ops:
			f()
		case <-timer.C:
			now := time.Now()
			g.release(now)
			for n := 0; n < wheelSlots && !now.Before(next); n++ {
				g.visit(slot, now)
				slot = (slot + 1) % wheelSlots
				next = next.Add(slotTime)
			}
			if now.Sub(next) > frameTime { // late by a whole turn: every call has just been seen
				next = now
			}
			if ticking = len(g.calls) > 0 || len(g.faults.held) > 0; ticking {
				timer.Reset(time.Until(next))
			}
		case <-g.quit:
			g.hangUpAll()
			return
		}
	}
}

// visit gives every call of one slot its turn and forgets the long ended.
func (g *Gateway) visit(slot int, now time.Time) {
	kept := g.wheel[slot][:0]
	for _, c := range g.wheel[slot] {
		if c.visit(now); c.over && now.After(c.forget) {
			if g.calls[c.key] == c { // a redial may have taken its place
				delete(g.calls, c.key)
			}
			if g.callers[c.rec.CallID] == c {
				delete(g.callers, c.rec.CallID)
			}
			continue
		}
		kept = append(kept, c)
	}
	clear(g.wheel[slot][len(kept):])
	g.wheel[slot] = kept
}

// add puts a call into the emptiest slot.
func (g *Gateway) add(c *call) {
	best := 0
	for i := range g.wheel {
		if len(g.wheel[i]) < len(g.wheel[best]) {
			best = i
		}
	}
	g.wheel[best] = append(g.wheel[best], c)
	g.calls[c.key] = c
}

func (g *Gateway) hangUpAll() {
	now := time.Now()
	for _, c := range g.calls {
		switch {
		case c.over:
		case c.answered:
			c.hangUp("carrier", now)
			c.finish("carrier", now)
		case c.calling:
			c.finish("carrier", now)
		default:
			c.refuse(503, "Service Unavailable", "carrier", now)
		}
	}
}

// visit does what is due in one call: timers, then audio.
func (c *call) visit(now time.Time) {
	c.retry.visit(c, now)
	c.farewell.visit(c, now)
	for len(c.plan) > 0 && !now.Before(c.plan[0].at) {
		run := c.plan[0].run
		c.plan = c.plan[1:]
		run(now)
	}
	if c.sock == nil {
		return
	}
	c.listen()
	for n := 0; c.sock != nil && !now.Before(c.nextFrame); n++ {
		c.nextFrame = c.nextFrame.Add(frameTime)
		if n >= maxBurst {
			c.tx.skip()
			continue
		}
		c.frame(now)
	}
}

// retry sends bytes again at T1, doubling to T2, until it is stopped or 64*T1
// have passed (RFC 3261 13.3.1.4, 17.2.1 timer G, 17.1.2.2 timer E).
type retry struct {
	raw   []byte
	every time.Duration
	at    time.Time
	until time.Time
	lost  func(now time.Time) // nobody answered
}

func (r *retry) start(raw []byte, now time.Time, lost func(time.Time)) {
	*r = retry{raw, t1, now.Add(t1), now.Add(64 * t1), lost}
}

func (r *retry) stop() { r.raw = nil }

func (r *retry) visit(c *call, now time.Time) {
	if r.raw == nil || now.Before(r.at) {
		return
	}
	if !now.Before(r.until) {
		r.raw = nil
		r.lost(now)
		return
	}
	c.g.send(r.raw, c.peer)
	r.every = min(2*r.every, t2)
	r.at = now.Add(r.every)
}
