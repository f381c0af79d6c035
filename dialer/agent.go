package dialer

import (
	"context"
	"errors"
	"fmt"
	"time"

	"warmline/media"
	"warmline/sip"
	"warmline/speech"
)

// How an agent who was asked answered.
const (
	accepted  = "accepted"
	declined  = "declined"
	agentBusy = "busy"
	noAnswer  = "no_answer"
	failed    = "failed"
	withdrawn = "withdrawn" // the call went elsewhere first
)

const (
	// decideWithin is how long an agent may take after the brief.
	decideWithin = 8 * time.Second
	// agentWithin bounds one agent's call up to their decision, ringing aside.
	agentWithin = 45 * time.Second
)

// agentLeg is the call to one agent. It belongs to the worker that asks them;
// the call's owner only bridges its leg.
type agentLeg struct {
	name  string
	leg   *media.Leg
	sip   *sip.Call
	ears  <-chan speech.Event
	tap   *media.Tap
	heard chan struct{} // closed when the ears' pump has ended; nil without ears
}

// ask rings one agent and tells them who it is. The leg is open only when they
// accepted.
func (c *call) ask(ctx context.Context, q *Queue, a Agent, text string, until time.Time) (taken *agentLeg, try Try) {
	began := time.Now()
	try = Try{Agent: a.Name, Came: failed}
	defer func() { try.Took = time.Since(began) }()
	words, err := c.briefing(ctx, text)
	if err != nil {
		c.log.Warn("the brief could not be voiced", "attempt", c.job.Attempt, "err", err)
		return nil, try
	}
	g, err := c.ringAgent(ctx, q, a, until)
	if err != nil {
		if try.Came = failed; ctx.Err() != nil {
			try.Came = withdrawn
		}
		c.log.Warn("an agent could not be called", "attempt", c.job.Attempt, "agent", a.Name, "err", err)
		return nil, try
	}
	if try.Came, try.Status = g.answered(ctx); try.Came == "" {
		try.Came = c.decide(ctx, g, q, words)
	}
	if try.Came != accepted {
		g.close("not taken")
		return nil, try
	}
	return g, try
}

// briefing voices what the agent is told, by the tree's own voice.
func (c *call) briefing(ctx context.Context, text string) (*media.Clip, error) {
	ctx, cancel := context.WithTimeout(ctx, firstWords)
	defer cancel()
	t := c.job.Tree
	return c.dialer.Prompts.Clip(ctx, speech.Utterance{Text: text, Voice: t.Voice().Name, Lang: t.Language(), Rate: t.Voice().Rate})
}

// ringAgent dials the second leg. It rings no longer than the queue and the tree
// allow.
func (c *call) ringAgent(ctx context.Context, q *Queue, a Agent, until time.Time) (*agentLeg, error) {
	leg, err := c.dialer.open(ctx, a.Trunk, a.sound())
	if err != nil {
		return nil, fmt.Errorf("opening media: %w", err)
	}
	placed, err := c.dialer.SIP.Dial(ctx, a.Trunk, sip.Invite{
		To: a.To, From: a.CallerID, SDP: leg.Offer(), OnOffer: leg.Reoffer,
		RingTimeout: max(min(q.ring(), time.Until(until)), time.Second),
	})
	if err != nil {
		leg.Close()
		return nil, err
	}
	signalled(leg, a.Trunk, placed.Gateway())
	return &agentLeg{name: a.Name, leg: leg, sip: placed}, nil
}

// answered waits for the agent's phone to be picked up; came is "" when it was.
func (g *agentLeg) answered(ctx context.Context) (came string, status int) {
	for {
		select {
		case e, ok := <-g.sip.Events():
			switch {
			case !ok:
				return failed, 0
			case e.Kind == sip.Answered && len(e.SDP) == 0, e.Kind == sip.Answered && g.leg.Accept(e.SDP) != nil:
				return failed, 488
			case e.Kind == sip.Answered:
				return "", e.Status
			case e.Kind == sip.Ended:
				return refusedBy(e.Cause), e.Cause.Status
			}
		case _, ok := <-g.leg.Events():
			if !ok {
				return failed, 0
			}
		case <-ctx.Done():
			return withdrawn, 0
		}
	}
}

// refusedBy says what the end of an agent's call means that was never answered.
func refusedBy(why sip.Cause) string {
	switch Verdict(why, false, "") {
	case Busy:
		return agentBusy
	case Rejected:
		return declined
	case NoAnswer, Unreachable, PoweredOff, Cancelled:
		return noAnswer
	case TrunkUnavailable:
		if why.Status == 408 || why.Status == 0 {
			return noAnswer
		}
	}
	return failed
}

// decide speaks the brief and waits for the agent's key or word.
func (c *call) decide(ctx context.Context, g *agentLeg, q *Queue, words *media.Clip) string {
	ctx, cancel := context.WithTimeout(ctx, agentWithin)
	defer cancel()
	g.listen(ctx, c)
	defer g.deafen()
	told := g.leg.Play(words)
	late := time.NewTimer(words.Duration() + decideWithin)
	defer late.Stop()
	for {
		key := ""
		select {
		case e, ok := <-g.sip.Events():
			if !ok || e.Kind == sip.Ended {
				return declined // they hung up
			}
			if e.Kind == sip.Info {
				key = e.Digit
			}
		case e, ok := <-g.leg.Events():
			switch {
			case !ok:
				return failed
			case e.Kind == "digit":
				key = e.Digit
			case e.Kind == "timeout":
				return failed
			case e.Kind == "played" && e.ID == told:
				late.Reset(decideWithin)
			}
		case e, ok := <-g.ears:
			if !ok || e.Kind == speech.Failed {
				g.ears = nil // keys still count
			} else if e.Kind == speech.Final {
				if machine(e.Text) != "" {
					return noAnswer
				}
				if yes, no := took(e.Text, c.job.Tree.Language(), c.dialer.now()); yes || no {
					return map[bool]string{true: accepted, false: declined}[yes]
				}
			}
		case <-late.C:
			return noAnswer
		case <-ctx.Done():
			if errors.Is(ctx.Err(), context.DeadlineExceeded) {
				return noAnswer
			}
			return withdrawn
		}
		if yes, no := q.decides(key); yes || no {
			return map[bool]string{true: accepted, false: declined}[yes]
		}
	}
}

// listen opens ears for the agent's decision, when there are any.
func (g *agentLeg) listen(ctx context.Context, c *call) {
	if c.dialer.Ears == nil {
		return
	}
	stream, err := c.dialer.Ears.Open(ctx, speech.Options{Lang: c.job.Tree.Language()})
	if err != nil {
		c.log.Warn("no ears for an agent; they answer by keys", "attempt", c.job.Attempt, "err", err)
		return
	}
	g.ears, g.tap, g.heard = stream.Events(), g.leg.Tap(), make(chan struct{})
	go func() {
		defer close(g.heard)
		defer stream.Close()
		pcm := make([]int16, 800)
		for {
			n, err := g.tap.Read(ctx, pcm)
			if err != nil || stream.Push(pcm[:n]) != nil {
				return
			}
		}
	}()
}

// deafen ends the ears: what the two say to each other is not for us.
func (g *agentLeg) deafen() {
	if g.tap != nil {
		g.tap.Close()
		<-g.heard
		g.ears, g.tap = nil, nil
	}
}

// stay keeps the agent's call until they hang up, their media is gone, or ctx
// ends.
func (g *agentLeg) stay(ctx context.Context) {
	for {
		select {
		case e, ok := <-g.sip.Events():
			if !ok || e.Kind == sip.Ended {
				return
			}
		case e, ok := <-g.leg.Events():
			if !ok || e.Kind == "timeout" {
				return
			}
		case <-ctx.Done():
			return
		}
	}
}

// close hangs the agent up and gives the record of their audio.
func (g *agentLeg) close(reason string) media.Stats {
	g.sip.Hangup(reason)
	return g.leg.Close()
}
