package dialer

import (
	"slices"
	"strings"
	"time"

	"warmline/dialogs"
)

// Live is one call as the console sees it.
type Live struct {
	Attempt string
	Masked  string    // the number, masked
	State   string    // Dialing … Ended
	Node    string    // of the tree, last spoken
	Since   time.Time // when State began
	Who     string    // who said Words: "bot" or "callee"
	Words   string    // the last thing said
}

// Live lists the calls that are up, by attempt.
func (d *Dialer) Live() []Live {
	d.mu.Lock()
	defer d.mu.Unlock()
	out := make([]Live, 0, len(d.live))
	for _, l := range d.live {
		out = append(out, l)
	}
	slices.SortFunc(out, func(a, b Live) int { return strings.Compare(a.Attempt, b.Attempt) })
	return out
}

// show publishes the call's picture.
func (d *Dialer) show(l Live) {
	d.mu.Lock()
	if d.live == nil {
		d.live = map[string]Live{}
	}
	if l.State == Ended {
		delete(d.live, l.Attempt)
	} else {
		d.live[l.Attempt] = l
	}
	d.mu.Unlock()
	if d.Observe != nil {
		d.Observe(l)
	}
}

// enter moves the call to a state and tells the house.
func (c *call) enter(state string) {
	if c.live.State == state {
		return
	}
	c.live.State, c.live.Since = state, c.dialer.now()
	c.dialer.show(c.live)
	c.log.Debug("call "+state, "attempt", c.job.Attempt)
	if c.door != nil && state != Ended && state != Dialing { // those two the house did itself
		c.door.Progress(c.job.Attempt, state)
	}
}

// said writes down what somebody said.
func (c *call) said(who, text, node string) {
	c.res.Transcript = append(c.res.Transcript, Turn{At: c.clock(), Who: who, Text: text})
	if node != "" {
		c.live.Node = node
	}
	c.live.Who, c.live.Words = who, text
	c.dialer.show(c.live)
}

// sayings are the lines among actions.
func sayings(actions []dialogs.Action) (lines []dialogs.Line) {
	for _, a := range actions {
		if a.Do == dialogs.Say {
			lines = append(lines, a.Line)
		}
	}
	return lines
}
