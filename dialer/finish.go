package dialer

import (
	"cmp"
	"slices"
	"time"

	"warmline/dialogs"
	"warmline/sip"
	"warmline/speech"
)

const (
	// lastWords is how long the ears may take for what was said at the very end.
	lastWords = 500 * time.Millisecond
	// lastAnswers is how long a refusal may still be on its way to the house.
	lastAnswers = refusalWithin + 200*time.Millisecond
)

// finish closes the media and hears out what is still on its way: somebody who
// says 不要再打了 and hangs up has said it.
func (c *call) finish() {
	if e, ok := c.undoubted(); ok {
		c.lastly(e)
	}
	line, heard := c.cut()
	ours := c.hanging
	c.hanging = true
	c.res.EndedAt = c.dialer.now()
	c.releaseAgent()
	c.res.RTP = c.leg.Close() // the tap ends, and with it the ears
	c.res.MOS, c.res.R = c.res.RTP.MOS, c.res.RTP.R
	c.keepRecording()
	c.res.Late = c.dialer.Media.Stats().LateP99
	c.hearLastWords()
	if c.session != nil && !ours {
		if line != "" {
			c.lastly(dialogs.Event{Kind: dialogs.Said, LineID: line, Heard: heard})
		}
		c.lastly(dialogs.Event{Kind: dialogs.Bye, LineID: line, Heard: heard})
	}
	c.awaitRefusal()
	c.res.Ladder, c.res.Hops = c.sip.Ladder(), c.sip.Hops()
}

// hearLastWords gives the tree the sentences that the ears finish only now.
func (c *call) hearLastWords() {
	late := time.NewTimer(lastWords)
	defer late.Stop()
	for c.hear.events != nil {
		select {
		case e, ok := <-c.hear.events:
			switch {
			case !ok || e.Kind == speech.Failed:
				c.hear.events = nil
			case e.Kind != speech.Final:
			case !c.res.Answered:
				c.res.Announced += e.Text
			case e.At > c.hear.deaf && c.machine == "":
				c.said("callee", e.Text, "")
				if !c.isMachine(e.Text) {
					c.hear.words++
					c.lastly(dialogs.Event{Kind: dialogs.Heard, Text: e.Text})
				}
			}
		case <-late.C:
			return
		}
	}
}

// lastly gives the tree an event when nothing can be said any more; of what it
// wants, only what is owed to the person is done.
func (c *call) lastly(e dialogs.Event) {
	if c.session == nil {
		return
	}
	if c.session.Done() {
		c.afterword(e.Text)
		return
	}
	e.At, e.Now = c.clock(), c.dialer.now()
	for _, a := range c.session.Step(e) {
		switch a.Do {
		case dialogs.OptOut:
			c.optOut(a.Channels)
		case dialogs.Callback:
			c.res.Callback = a.At
		}
	}
}

// awaitRefusal waits for the house to answer a refusal.
func (c *call) awaitRefusal() {
	late := time.NewTimer(lastAnswers)
	defer late.Stop()
	for c.res.OptOutPending && c.door != nil && c.deciding > 0 {
		select {
		case f := <-c.inbox:
			f()
		case <-late.C:
			return
		}
	}
}

// result gathers what the call came to.
func (c *call) result() Result {
	r := &c.res
	if r.Cause.By == "" {
		r.Cause.By = sip.ByUs // the end was not told in time; it was ours
	}
	if r.EndedBy == "" {
		r.EndedBy = r.Cause.By
	}
	if !r.Answered && c.inbound { // answered by us, and their ACK never came
		r.Disposition = Cancelled
		return *r
	}
	if !r.Answered {
		r.Disposition = Verdict(r.Cause, false, r.Announced)
		r.TrunkFault = TrunkFault(r.Cause, r.Disposition)
		return *r
	}
	c.conversation()
	r.Disposition = c.disposition()
	if r.Disposition != Answered { // nobody was spoken to
		r.Outcome, r.Heard = "", nil
	}
	r.AnsweredBy = c.answeredBy()
	slices.SortStableFunc(r.Transcript, func(a, b Turn) int { return cmp.Compare(a.At, b.At) })
	return *r
}

// conversation copies what the tree made of the call.
func (c *call) conversation() {
	if c.session == nil {
		return
	}
	r, o := &c.res, c.session.Outcome()
	r.Outcome, r.Grade, r.Tags = o.Name, o.Grade, o.Tags
	r.Heard = o.Heard
	r.Slots, r.Variants = o.Slots, o.Variants
	r.OptOut = r.OptOut || o.OptOut
	if r.Callback.IsZero() {
		r.Callback = o.Callback
	}
	if c.speechless || c.dropped && r.Outcome == "" {
		r.Outcome = "system_error"
	}
	if r.OptOut {
		r.Outcome = "opt_out"
	}
	r.Journal = c.session.Journal()
}

// disposition of an answered call.
func (c *call) disposition() string {
	switch {
	case c.fault != "":
		return c.fault
	case c.machine != "":
		return c.machine
	case c.dropped && c.hear.words == 0 && !c.floor.reached:
		return Abandoned
	case c.job.Clip != nil && c.job.Clip.Frames() == 0: // hung up at the answer, before sound could come
	case c.res.RTP.Received == 0 && c.hear.words == 0:
		return NoMedia
	}
	if c.session != nil {
		if d := c.session.Outcome().Disposition; d != "" {
			return d
		}
	}
	return Answered
}

// answeredBy says who took the call; unsure is treated as a person.
func (c *call) answeredBy() string {
	switch {
	case c.machine == Assistant:
		return "assistant"
	case c.machine != "":
		return "machine"
	case c.hear.words > 0:
		return "person"
	}
	return "unsure"
}
