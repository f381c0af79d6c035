package dialer

import (
	"context"
	"time"

	"warmline/dialogs"
)

// patience is how long a person waits for our answer before it feels like a
// pause: as long as words may come after somebody fell quiet.
const patience = 1200 * time.Millisecond

// longestName is the most bytes the name of an intent has.
const longestName = 64

// doubt is a sentence that waits for an Understander. Nothing of the call waits
// with it: sound, keys, hang-up and the clock go on.
type doubt struct {
	event   dialogs.Event
	reading dialogs.Reading // what came, kept back while the person goes on speaking
	stop    context.CancelFunc
}

// wonder has a sentence understood by a worker when the rules leave it open, and
// reports whether the tree is told later. The answer is awaited for as long as a
// pause is natural; what comes later is dropped.
func (c *call) wonder(e dialogs.Event) bool {
	u := c.dialer.Understander
	if u == nil || e.Kind != dialogs.Heard {
		return false
	}
	question, open := c.session.Doubt(e.Text, c.dialer.now())
	if !open {
		return false
	}
	wait := c.dialer.Patience
	if wait <= 0 {
		wait = patience
	}
	ctx, stop := context.WithTimeout(c.ctx, wait)
	d := &doubt{event: e, stop: stop}
	c.doubt = d
	c.thinking.Reset(wait)
	c.work(func(context.Context) {
		defer stop()
		r, err := u.Understand(ctx, question)
		c.post(func() { c.read(d, r, err) })
	})
	return true
}

// read is the Understander's answer. While the person goes on speaking it is kept
// until they have finished, or our patience has.
func (c *call) read(d *doubt, r dialogs.Reading, err error) {
	if c.doubt != d {
		return // too late
	}
	switch {
	case err != nil:
		c.log.Info("not understood", "attempt", c.job.Attempt, "err", err)
	case len(r.Intent) <= longestName && r.Confidence >= 0 && r.Confidence <= 1: // what a journal can keep
		d.reading = r
	}
	if !c.hear.voicing {
		c.resolve()
	}
}

// resolve tells the tree the sentence that waits, with what is known of it by now.
func (c *call) resolve() {
	if e, ok := c.undoubted(); ok {
		c.tell(e, true)
	}
}

// undoubted takes back the sentence that waits.
func (c *call) undoubted() (dialogs.Event, bool) {
	d := c.doubt
	if d == nil {
		return dialogs.Event{}, false
	}
	c.doubt = nil
	c.thinking.Stop()
	d.stop()
	d.event.Understood, d.event.Confidence = d.reading.Intent, d.reading.Confidence
	return d.event, true
}

// joined is what was said while a sentence still waited to be understood: the
// two are one, as they would have been without the breath in between.
func (c *call) joined(text string) string {
	e, ok := c.undoubted()
	if !ok {
		return text
	}
	return e.Text + "，" + text
}
