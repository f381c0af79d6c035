package sip

import (
	"sync"
	"time"
)

// nap is an ended call's sleep. It stays listed for 64·T1 because answers may
// still be repeated, but in nearly every call nothing comes; so its owner's
// goroutine goes home, its stack serves the next call, and the first message
// calls it back.
type nap struct {
	mu      sync.Mutex
	resting bool
	alarm   *time.Timer // at stayUntil
}

// idle reports whether the owner has nothing left to do but to be there.
func (c *Call) idle() bool {
	return c.isSettled && c.offer == nil && len(c.held) == 0 && len(c.proposals) == 0 && c.farewell == ""
}

// rest sends the owner home until a message or the end of its stay. It reports
// false when something has come meanwhile, or the agent is closing.
func (c *Call) rest() bool {
	c.nap.mu.Lock()
	defer c.nap.mu.Unlock()
	if len(c.mail) > 0 || len(c.told) > 0 || c.agent.isClosed() {
		return false
	}
	c.timer.Stop()
	c.tried, c.early, c.heard, c.routing.ways = nil, nil, nil, nil // of a call that is not over
	c.nap.resting = true
	until := time.Until(c.stayUntil)
	if c.nap.alarm == nil {
		c.nap.alarm = time.AfterFunc(until, c.stir)
	} else {
		c.nap.alarm.Reset(until)
	}
	return true
}

// stir calls the owner back if it rests. Whoever leaves it a message does.
func (c *Call) stir() {
	c.nap.mu.Lock()
	defer c.nap.mu.Unlock()
	if c.nap.resting && c.agent.spawn(c.attend) {
		c.nap.resting = false
		c.nap.alarm.Stop()
	}
}
