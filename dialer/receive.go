package dialer

import (
	"context"
	"errors"
	"fmt"

	"warmline/sip"
)

// Receive answers a call that somebody makes to us and holds its conversation,
// like [Dialer.Place] for a call of ours. The phone rings until the first words
// are ready. Job.To and Trunk are not dialed; Attempt is the call's own ID. A
// call that cannot be answered is refused, and its Result has Err.
func (d *Dialer) Receive(ctx context.Context, in *sip.Incoming, j Job, door Door) Result {
	c := newCall(d, j, door)
	c.inbound = true
	c.res.InviteAt = d.now()
	defer c.close()
	if err := c.pickUp(ctx, in); err != nil {
		return c.notAnswered(in, err)
	}
	c.run(ctx)
	r := c.result()
	c.log.Info("inbound call ended", "attempt", r.Attempt, "call", c.sip.ID(), "disposition", r.Disposition, "outcome", r.Outcome,
		"by", r.EndedBy, "cause", r.Cause.Status, "q850", r.Cause.Q850)
	return r
}

// errNoSession refuses an offer we cannot speak to.
var errNoSession = errors.New("no common media")

// pickUp agrees on media, has the first words ready, and answers. The
// conversation begins with the caller's ACK.
func (c *call) pickUp(ctx context.Context, in *sip.Incoming) error {
	if c.job.Tree == nil {
		return errors.New("there is no dialog tree to speak")
	}
	in.Ring()
	leg, err := c.dialer.open(ctx, in.Trunk, c.job.sound())
	if err != nil {
		return fmt.Errorf("opening media: %w", err)
	}
	c.leg = leg
	signalled(leg, in.Trunk, in.Gateway())
	sdp, err := leg.Reoffer(in.SDP)
	if err != nil {
		return fmt.Errorf("%w: %w", errNoSession, err)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	c.work(func(context.Context) { // a caller who hangs up needs no words
		select {
		case <-in.Gone():
			cancel()
		case <-ctx.Done():
		}
	})
	if err := c.prepareWords(ctx); err != nil {
		select {
		case <-in.Gone():
			return sip.ErrGone
		default:
			return err
		}
	}
	in.OnOffer = leg.Reoffer
	if c.sip, err = in.Answer(sdp); err != nil {
		return err
	}
	c.accepted = true
	c.openEars()
	return nil
}

// notAnswered refuses a call and is its result.
func (c *call) notAnswered(in *sip.Incoming, err error) Result {
	c.res.Disposition, c.res.EndedBy, c.res.Err = NotDialed, sip.ByUs, err
	switch {
	case errors.Is(err, sip.ErrGone):
		c.res.Disposition, c.res.EndedBy, c.res.Err = Cancelled, sip.ByCallee, nil
	case errors.Is(err, errNoSession):
		c.res.Disposition = LineFault
		in.Reject(488, "Not Acceptable Here")
	default:
		in.RejectFor(503, "Service Unavailable", busyFor)
	}
	c.res.EndedAt = c.dialer.now()
	c.log.Info("inbound call not answered", "attempt", c.job.Attempt, "err", err)
	if c.leg != nil {
		c.leg.Close()
	}
	return c.res
}
