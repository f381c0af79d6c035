package dialer

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"warmline/dialogs"
	"warmline/media"
	"warmline/sip"
	"warmline/speech"
)

const (
	// staleAfter is how old the second commit may be when the INVITE leaves:
	// what was true then (consent, hours, caps) is not known to be true later.
	staleAfter = 2 * time.Second
	// firstWords bounds the preparation of the first lines before dialling.
	firstWords = 10 * time.Second
	// release is how long the end of a call may take to be told.
	release = 1500 * time.Millisecond
	// busyFor is when a caller we cannot answer now may try again.
	busyFor = 10 * time.Second
)

// Dialer places calls. Its fields are set before the first call and not changed;
// any number of goroutines may place calls with one Dialer.
type Dialer struct {
	SIP     *sip.Agent
	Media   *media.Engine
	Prompts *speech.Prompts
	Ears    speech.Recognizer // nil hears nothing: calls go by keys
	Log     *slog.Logger      // nil is silent
	Now     func() time.Time  // the world's clock; nil is time.Now
	Observe func(Live)        // told each change of each call by its goroutine; must not wait
	Queues  map[string]*Queue // who takes calls over, by the name trees use; nil is nobody

	// Understander is asked what the rules leave open; nil is nobody. It is waited
	// for as long as Patience, 1.2 s when zero, while the call goes on.
	Understander dialogs.Understander
	Patience     time.Duration

	// Line is asked before an agent is called, which takes a second line; nil is
	// always yes.
	Line func() (release func(), ok bool)

	since func(time.Time) time.Duration // monotonic; nil is time.Since, a test may be slower

	mu   sync.Mutex
	live map[string]Live
}

// Place places one call, holds its conversation and returns when the call's
// media is closed and its signalling needs nobody any more. Cancelling ctx hangs
// up; the result comes within two seconds all the same. A Result with Err and
// disposition not_dialed says that no INVITE was sent.
func (d *Dialer) Place(ctx context.Context, j Job, door Door) Result {
	c := newCall(d, j, door)
	defer c.close()
	if err := c.prepare(ctx); err != nil {
		return c.notDialed(err)
	}
	if err := c.dial(ctx); err != nil {
		return c.notDialed(err)
	}
	c.run(ctx)
	r := c.result()
	c.log.Info("call ended", "attempt", r.Attempt, "call", c.sip.ID(), "disposition", r.Disposition, "outcome", r.Outcome,
		"by", r.EndedBy, "cause", r.Cause.Status, "q850", r.Cause.Q850)
	return r
}

// prepare opens the media and has the first words ready.
func (c *call) prepare(ctx context.Context) error {
	if c.job.Tree == nil && c.job.Clip == nil {
		return errors.New("there is no dialog tree to speak")
	}
	leg, err := c.dialer.open(ctx, c.job.Trunk, c.job.sound())
	if err != nil {
		return fmt.Errorf("opening media: %w", err)
	}
	c.leg = leg
	if c.job.Clip != nil {
		return nil
	}
	return c.prepareWords(ctx)
}

// prepareWords has the first lines voiced.
func (c *call) prepareWords(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, firstWords)
	defer cancel()
	// The tree is pure, so the words it will start with can be asked for now.
	_, opening := c.job.Tree.Start(c.job.Attempt, c.job.Facts, c.job.Ledger)
	for _, l := range sayings(opening) {
		if _, err := c.voice(ctx, l); err != nil {
			return fmt.Errorf("preparing the first words: %w", err)
		}
	}
	return nil
}

// dial takes the second commit and sends the INVITE directly behind it.
func (c *call) dial(ctx context.Context) error {
	if c.door != nil {
		if err := c.door.Dial(ctx); err != nil {
			return fmt.Errorf("the house refused: %w", err)
		}
	}
	committed := time.Now()
	late := func() time.Duration { return staleAfter - c.dialer.age(committed) }
	if late() <= 0 {
		return fmt.Errorf("more than %v passed between the decision to dial and the INVITE", staleAfter)
	}
	sending, cancel := context.WithTimeout(ctx, late())
	defer cancel()
	c.res.InviteAt = c.dialer.now()
	placed, err := c.dialer.SIP.DialRoute(sending, c.job.route(), sip.Invite{
		To: c.job.To, From: c.job.CallerID, SDP: c.leg.Offer(), RingTimeout: c.job.RingTimeout,
		AttemptID: c.job.Attempt, OnOffer: c.leg.Reoffer, Again: c.again,
	})
	if err != nil {
		c.res.InviteAt = time.Time{}
		return err
	}
	c.sip, c.sent = placed, time.Now()
	c.enter(Dialing)
	return nil
}

// again asks the house before a further target rings, on a goroutine of the agent.
func (c *call) again(ctx context.Context) error {
	if c.door == nil {
		return nil
	}
	return c.door.Again(ctx)
}

// notDialed is the result of a call that never left.
func (c *call) notDialed(err error) Result {
	c.res.Disposition, c.res.EndedBy, c.res.Err = NotDialed, sip.ByUs, err
	c.res.TrunkFault = errors.Is(err, sip.ErrNoTrunk)
	c.res.EndedAt = c.dialer.now()
	c.log.Info("call not placed", "attempt", c.job.Attempt, "err", err)
	if c.leg != nil {
		c.leg.Close()
	}
	return c.res
}

func (d *Dialer) now() time.Time {
	if d.Now != nil {
		return d.Now()
	}
	return time.Now()
}

func (d *Dialer) age(t time.Time) time.Duration {
	if d.since != nil {
		return d.since(t)
	}
	return time.Since(t)
}

func (d *Dialer) log() *slog.Logger {
	if d.Log != nil {
		return d.Log
	}
	return slog.New(slog.DiscardHandler)
}
