package sip

import (
	"sync"
	"time"
)

// nap is the sleep of a call in which nothing happens: a conversation, in which
// only media flows, or the 64·T1 an ended call stays listed because answers may
// still be repeated. Its owner's goroutine goes home, its stack serves other
// calls, and the first message calls it back.
type nap struct {
	mu      sync.Mutex
	resting bool
	alarm   *time.Timer // at the nearest deadline; nil before the first
}

// calmAfter is how long nothing has happened in a conversation before its owner
// rests, so that a call hung up at once pays for no rest.
const calmAfter = time.Second

// calm reports whether a call waits for nothing: ended and confirmed, or answered
// with all questions settled.
func (c *Call) calm() bool {
	return c.tx == nil && c.offer == nil && len(c.exchanges)+len(c.held)+len(c.proposals) == 0 && c.farewell == "" &&
		(c.isSettled || c.dialog != nil && !c.isOver())
}

// idle reports whether the owner has nothing left to do but to be there.
func (c *Call) idle() bool {
	return c.calm() && (c.isOver() || time.Since(c.last) >= calmAfter)
}

// rest sends the owner home until a message or the next deadline. It reports
// false when something has come meanwhile, or the agent is closing.
func (c *Call) rest() bool {
	c.nap.mu.Lock()
	defer c.nap.mu.Unlock()
	if len(c.mail)+len(c.told)+len(c.hang) > 0 || c.agent.isClosed() {
		return false
	}
	c.timer.Stop()
	if c.isOver() { // these are of a call that is not
		c.tried, c.early, c.heard, c.routing.ways = nil, nil, nil, nil
	}
	c.nap.resting = true
	switch next := c.nearest(); {
	case next.IsZero():
	case c.nap.alarm == nil:
		c.nap.alarm = time.AfterFunc(time.Until(next), c.stir)
	default:
		c.nap.alarm.Reset(time.Until(next))
	}
	return true
}

// stir calls the owner back if it rests. Whoever leaves it a message does.
func (c *Call) stir() {
	c.nap.mu.Lock()
	defer c.nap.mu.Unlock()
	if c.nap.resting && c.agent.spawn(c.attend) {
		c.nap.resting = false
		if c.nap.alarm != nil {
			c.nap.alarm.Stop()
		}
	}
}
