package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"warmline/compliance"
	"warmline/contacts"
	"warmline/dialer"
	"warmline/dialogs"
	"warmline/media"
	"warmline/postgres"
	"warmline/scheduler"
	"warmline/sip"
)

// lease is how long a claim stands without renewal. The owner's heartbeat
// renews it; who is silent for deadAfter loses everything not yet dialed.
const (
	lease     = 15 * time.Second
	beat      = 3 * time.Second
	deadAfter = 9 * time.Second
	// window is how far ahead of itself a dialer may lease slots of a trunk.
	window = 200 * time.Millisecond
)

// caller is a dialer process: it takes wake-ups when lines, pace and its own
// send lateness allow, claims, dials and brings results home.
type caller struct {
	id       string
	addr     string
	db       *postgres.DB
	dialer   *dialer.Dialer
	engine   *media.Engine
	config   Config
	trees    *trees
	facts    *factBook
	clock    *clock
	spool    *spool
	log      *slog.Logger
	woken    chan string // as many as could start in a few seconds; more are forgotten and woken again
	lines    chan struct{}
	calls    sync.WaitGroup
	entering sync.Mutex // orders inbound calls with draining
	draining atomic.Bool
	running  sync.Map // attempt → context.CancelFunc
	progress chan postgres.Step
	decide   decider
	strained func() bool
}

func newCaller(h *house, d *dialer.Dialer, s *spool) *caller {
	return &caller{
		id: h.id, addr: h.url, db: h.stores.db, dialer: d, engine: d.Media, config: h.config, trees: h.trees, facts: h.facts,
		clock: h.clock, spool: s, log: h.log,
		woken: make(chan string, 512), lines: make(chan struct{}, h.config.Dialer.Channels),
		decide: h.decide, strained: h.strained, progress: make(chan postgres.Step, 1024), // a burst of rings while the store is slow; more are only not shown
	}
}

// wake is the handler of an attempt's wake-up: it asks admission and returns.
func (c *caller) wake(_ context.Context, attempt string) error {
	if c.draining.Load() || c.spool.waiting() > 0 {
		return nil // forgotten; the relay wakes again
	}
	select {
	case c.woken <- attempt:
	default: // as many wait here as this process could start soon
	}
	return nil
}

// refuse says why no new call may start here now, or "".
func (c *caller) refuse() string {
	switch {
	case c.draining.Load():
		return "draining"
	case c.spool.waiting() > 0:
		return "spool"
	case len(c.lines) == cap(c.lines):
		return "lines"
	case c.strained():
		return "late"
	}
	return ""
}

// rehearse voices the fixed parts of all trees, so that the first calls do not
// fight a burst of synthesis for the processor.
func (c *caller) rehearse(ctx context.Context) {
	for _, name := range c.trees.names() {
		t, _, err := c.trees.load(name)
		if err != nil {
			c.log.Warn("a dialog tree is not usable", "dialog", name, "err", err)
			continue
		}
		if err := c.dialer.Rehearse(ctx, t); err != nil && ctx.Err() == nil {
			c.log.Warn("voicing a dialog tree", "dialog", name, "err", err)
		}
	}
}

// run claims and dials woken attempts at the pace of their trunks until ctx
// ends, then lets calls finish.
func (c *caller) run(ctx context.Context) error {
	var wg sync.WaitGroup
	beatCtx, stopBeat := context.WithCancel(context.WithoutCancel(ctx))
	wg.Go(func() { c.heartbeat(beatCtx) })
	wg.Go(func() { c.tellProgress(beatCtx) })
	slots := map[lane]int{}
	tick := time.NewTicker(window / 4)
	defer tick.Stop()
	var waiting []wakeUp
	for ctx.Err() == nil {
		select {
		case <-ctx.Done():
		case a := <-c.woken:
			waiting = append(waiting, wakeUp{a, time.Now()})
			continue
		case <-tick.C:
			waiting = c.start(ctx, waiting, slots)
		}
		// What could not start here soon is left to others, or to later.
		for len(waiting) > 0 && time.Since(waiting[0].at) > patience {
			waiting = waiting[1:]
		}
	}
	c.entering.Lock()
	c.draining.Store(true)
	c.entering.Unlock()
	leaving, cancel := context.WithTimeout(context.WithoutCancel(ctx), 3*time.Second)
	if err := c.db.Drain(leaving, c.id); err != nil {
		c.log.Warn("telling that this dialer drains", "err", err)
	}
	cancel()
	c.drain()
	home, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	if err := c.spool.drain(home, c.unspool); err != nil {
		c.log.Error("results stay in the spool of the data folder", "waiting", c.spool.waiting(), "err", err)
	}
	cancel()
	stopBeat()
	wg.Wait()
	bye, cancel := context.WithTimeout(context.WithoutCancel(ctx), 3*time.Second)
	defer cancel()
	if err := c.db.Goodbye(bye, c.id); err != nil {
		c.log.Warn("leaving", "err", err)
	}
	return nil
}

// wakeUp is a woken attempt that waits for a line and a slot.
type wakeUp struct {
	attempt string
	at      time.Time
}

// patience is how long a wake-up waits here before it is forgotten.
const patience = 10 * time.Second

// lane is what pace belongs to: a trunk and a caller ID.
type lane struct{ trunk, callerID string }

// start begins as many waiting attempts as lines and slots allow and returns
// the rest.
func (c *caller) start(ctx context.Context, waiting []wakeUp, slots map[lane]int) (rest []wakeUp) {
	full := map[lane]bool{} // lanes without a slot or a channel now; others go on
	for i, w := range waiting {
		id := w.attempt
		if c.refuse() != "" {
			return append(rest, waiting[i:]...)
		}
		trunk, callerID, ok, err := c.db.Lane(ctx, id)
		if err != nil {
			c.log.Warn("looking at a woken attempt", "attempt", id, "err", err)
			return append(rest, waiting[i+1:]...)
		}
		if !ok {
			continue // ended or claimed by another meanwhile
		}
		t, err := c.config.trunk(trunk)
		if err != nil {
			c.log.Error("an attempt names a trunk this dialer does not have", "attempt", id, "trunk", trunk)
			continue
		}
		if !c.dialer.SIP.Takes(append(sip.Route{t.sip()}, c.config.failover(t)...)) {
			rest = append(rest, w) // no person is claimed for a trunk that is left alone
			continue
		}
		l := lane{t.Name, callerID}
		if slots[l] == 0 && !full[l] {
			n, err := c.lease(ctx, l, t)
			if err != nil {
				c.log.Warn("leasing slots", "trunk", l.trunk, "err", err)
				return append(rest, waiting[i:]...)
			}
			slots[l], full[l] = n, n == 0
		}
		if slots[l] == 0 {
			rest = append(rest, w)
			continue
		}
		release, free := c.line() // agents and callers take lines too
		if !free {
			return append(rest, waiting[i:]...)
		}
		claimed, ok, err := c.db.Claim(ctx, c.clock.now(), id, c.id, lease)
		if err != nil {
			c.log.Warn("claiming", "attempt", id, "err", err)
		}
		if err != nil || !ok {
			release()
			continue
		}
		slots[l]--
		c.calls.Go(func() {
			defer release()
			c.place(context.WithoutCancel(ctx), claimed, t)
		})
	}
	clear(slots) // what was not used in its window is not saved up for a burst
	return rest
}

// lease asks for as many slots of a lane as its window holds and its trunk has
// channels free.
func (c *caller) lease(ctx context.Context, l lane, t TrunkConfig) (int, error) {
	busy, err := c.db.Busy(ctx, l.trunk)
	if err != nil || busy >= t.Channels {
		return 0, err
	}
	g := scheduler.Rate(t.Rate, int(t.Rate*window.Seconds())+1)
	return c.db.LeaseSlots(ctx, l.trunk, l.callerID, g, min(g.Burst, t.Channels-busy))
}

// place carries one claimed attempt to its result and the result home.
//
// home outlives the call: who hangs up a call does not throw away its result.
func (c *caller) place(home context.Context, a postgres.Claimed, t TrunkConfig) {
	ctx, cancel := context.WithCancel(home)
	defer cancel()
	c.running.Store(a.Attempt, cancel)
	defer c.running.Delete(a.Attempt)
	log := c.log.With("campaign", a.Campaign.Name, "attempt", a.Attempt)
	job, err := c.job(ctx, a, t)
	if err != nil {
		log.Error("preparing", "err", err)
		c.finish(home, a, dialer.Result{Attempt: a.Attempt, Disposition: "not_dialed", TrunkFault: true, Err: err, EndedAt: c.clock.now()})
		return
	}
	r := c.dialer.Place(ctx, job, &door{caller: c, claimed: a})
	if errors.Is(r.Err, errNotNow) {
		if err := c.db.Requeue(home, a.Attempt, a.Epoch); err != nil {
			log.Warn("giving an attempt back", "err", err)
		}
		return
	}
	var refused *postgres.RefusedError
	if errors.As(r.Err, &refused) || errors.Is(r.Err, postgres.ErrLost) {
		log.Info("not dialed", "why", r.Err)
		return // the store has already written what became of it
	}
	c.finish(home, a, r)
	log.Info("call", "to", a.Contact.Phone, "disposition", r.Disposition, "outcome", r.Outcome, "cause", r.Cause.Status, "by", r.EndedBy)
}

// job puts together what the dialer needs for one call.
func (c *caller) job(ctx context.Context, a postgres.Claimed, t TrunkConfig) (dialer.Job, error) {
	tree, err := c.trees.parse(a.Campaign.Dialog, a.Campaign.TreeSource)
	if err != nil {
		return dialer.Job{}, fmt.Errorf("the tree of campaign %s: %w", a.Campaign.Name, err)
	}
	codecs, ptime, security, err := t.audio()
	if err != nil {
		return dialer.Job{}, fmt.Errorf("trunk %s: %w", t.Name, err)
	}
	now := c.clock.now()
	facts := c.facts.of(ctx, a.Contact, now)
	callerID := a.Campaign.CallerID
	if callerID == "" {
		callerID = t.CallerID
	}
	record := ""
	if policy, err := compliance.Preset(a.Campaign.Policy); err == nil && policy.Record {
		record = c.config.recordings()
	}
	return dialer.Job{
		Record:  record,
		Attempt: a.Attempt, To: a.Contact.Phone.National(), Masked: a.Contact.Phone.Masked(), Trunk: t.sip(), CallerID: callerID,
		Tree: tree, Facts: facts, Ledger: a.Ledger, RingTimeout: a.Campaign.RingTimeout, MaxTalk: c.config.Dialer.MaxTalk,
		Codecs: codecs, PTime: ptime, Security: security, Failover: c.config.failover(t),
	}, nil
}

// finish brings a result home: to PostgreSQL, else to the spool.
func (c *caller) finish(ctx context.Context, a postgres.Claimed, r dialer.Result) {
	in := postgres.FinishIn{Attempt: a.Attempt, Epoch: a.Epoch, Result: r}
	in.Follow = scheduler.After(scheduler.Result{
		Attempt: a.Attempt, Number: a.Number, Disposition: r.Disposition, Outcome: r.Outcome,
		// Whoever picked up was disturbed, whatever the trunk did then.
		TrunkFault: !r.Answered && (r.TrunkFault || scheduler.TrunkFault(r.Disposition)), Template: r.Template, Callback: r.Callback, EndedAt: c.clock.now(),
	}, a.Campaign.Retry)
	c.bringHome(ctx, in)
}

func (c *caller) bringHome(ctx context.Context, in postgres.FinishIn) {
	var err error
	for try := range 3 {
		tctx, cancel := context.WithTimeout(ctx, 5*time.Second)
		err = c.db.Finish(tctx, c.clock.now(), in)
		cancel()
		if err == nil {
			return
		}
		select {
		case <-time.After(time.Duration(try+1) * 300 * time.Millisecond):
		case <-ctx.Done():
		}
	}
	c.log.Warn("PostgreSQL does not take a result; it goes to the spool", "attempt", in.Attempt, "err", err)
	if err := c.spool.add("result", c.clock.now(), in); err != nil {
		c.log.Error("the spool does not take a result either", "attempt", in.Attempt, "err", err)
	}
}

// heartbeat tells the store we live, and drains the spool when it answers.
func (c *caller) heartbeat(ctx context.Context) {
	tick := time.NewTicker(beat)
	defer tick.Stop()
	for {
		hctx, cancel := context.WithTimeout(ctx, beat)
		err := c.db.Heartbeat(hctx, c.id, c.addr)
		if err == nil {
			err = c.spool.drain(hctx, c.unspool)
		}
		cancel()
		if err != nil && ctx.Err() == nil {
			c.log.Warn("heartbeat", "err", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// tellProgress writes the states of live calls, in order, off the calls' own
// goroutines.
func (c *caller) tellProgress(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case p := <-c.progress:
			pctx, cancel := context.WithTimeout(ctx, 2*time.Second)
			if err := c.db.Progress(pctx, c.clock.now(), p); err != nil && ctx.Err() == nil {
				c.log.Debug("progress", "attempt", p.Attempt, "err", err)
			}
			cancel()
		}
	}
}

// drain waits for live calls, then hangs up what is left.
func (c *caller) drain() {
	done := make(chan struct{})
	go func() { c.calls.Wait(); close(done) }()
	select {
	case <-done:
		return
	case <-time.After(c.config.Dialer.Drain):
	}
	c.running.Range(func(_, v any) bool { v.(context.CancelFunc)(); return true })
	<-done
}

// hangup ends a live call by the operator's hand; false when it is not here.
func (c *caller) hangup(attempt string) bool {
	v, ok := c.running.Load(attempt)
	if ok {
		v.(context.CancelFunc)()
	}
	return ok
}

// door is what one live call may ask of the house.
type door struct {
	caller  *caller
	claimed postgres.Claimed
}

// errNotNow gives a claimed attempt back: this process contacts nobody now.
var errNotNow = errors.New("this process contacts nobody now")

// dialLimit bounds the last look before the INVITE: a yes from before a stall
// of the store is no yes.
const dialLimit = 2 * time.Second

// Dial is the second commit: suppression, consent, window and caps once more,
// directly before the INVITE.
func (d *door) Dial(ctx context.Context) error {
	c := d.caller
	// Preparing took a while; what closes admission closes this call too.
	if c.draining.Load() || c.spool.waiting() > 0 {
		return errNotNow
	}
	ctx, cancel := context.WithTimeout(ctx, dialLimit)
	defer cancel()
	check, err := d.check(ctx)
	if err != nil {
		return err
	}
	return c.db.Dial(ctx, c.clock.now(), d.claimed.Attempt, d.claimed.Epoch, c.id, check)
}

// Again puts the same question before the call tries another trunk or target.
func (d *door) Again(ctx context.Context) error {
	c := d.caller
	if c.draining.Load() || c.spool.waiting() > 0 {
		return errNotNow
	}
	ctx, cancel := context.WithTimeout(ctx, dialLimit)
	defer cancel()
	check, err := d.check(ctx)
	if err != nil {
		return err
	}
	return c.db.Again(ctx, c.clock.now(), d.claimed.Attempt, d.claimed.Epoch, c.id, check)
}

// check is the question of whether this person may be called now.
func (d *door) check(ctx context.Context) (func(compliance.Subject) compliance.Verdict, error) {
	c := d.caller
	policy, err := compliance.Preset(d.claimed.Campaign.Policy)
	if err != nil {
		return nil, err
	}
	// Asked before the locks: services are cached, and nobody waits for them here.
	grave := c.facts.held(ctx, d.claimed.Contact, c.clock.now())
	return func(s compliance.Subject) compliance.Verdict {
		know(&s, c.config, d.claimed.Campaign)
		s.Sensitive = append(s.Sensitive, grave...)
		return c.decide(c.clock.now(), policy, s) // the time when the locks were won
	}, nil
}

// optOutLimit is how long an opt-out may wait for PostgreSQL before the fact
// goes to the local spool.
const optOutLimit = 800 * time.Millisecond

// spooledOptOut is an opt-out as the spool keeps it. The number is needed to
// make the suppression; the spool's folder is private and drained in seconds.
type spooledOptOut struct {
	Phone    string   `json:"phone"`
	Channels []string `json:"channels"`
	Attempt  string   `json:"attempt"`
	Source   string   `json:"source,omitempty"` // call when empty
}

func (o spooledOptOut) in() postgres.OptOutIn {
	in := postgres.OptOutIn{Phone: contacts.Phone(o.Phone), Channels: o.Channels, Source: o.Source, Attempt: o.Attempt}
	if in.Source == "" {
		in.Source = "call"
	}
	return in
}

// OptOut commits that this person is not contacted again; false means the fact
// is on our own disk and PostgreSQL has yet to confirm.
func (d *door) OptOut(ctx context.Context, attempt string, channels []string) bool {
	return d.caller.optOut(ctx, spooledOptOut{Phone: d.claimed.Contact.Phone.E164(), Channels: channels, Attempt: attempt, Source: "call"})
}

// optOut commits a refusal, or spools it and says false.
func (c *caller) optOut(ctx context.Context, o spooledOptOut) bool {
	octx, cancel := context.WithTimeout(ctx, optOutLimit)
	defer cancel()
	now := c.clock.now()
	err := c.db.OptOut(octx, now, o.in())
	if err == nil {
		return true
	}
	c.log.Warn("an opt-out waits in the spool; this process starts no new contact", "attempt", o.Attempt, "err", err)
	if err := c.spool.add("opt_out", now, o); err != nil {
		c.log.Error("the spool does not take an opt-out", "attempt", o.Attempt, "err", err)
	}
	return false
}

// Invite reserves a member and room before anything is promised.
func (d *door) Invite(ctx context.Context, attempt string) (member string, ok bool) {
	member, _, ok, err := d.caller.db.ReserveInvitation(ctx, d.caller.clock.now(), attempt, d.claimed.ContactID)
	if err != nil {
		d.caller.log.Warn("reserving an invitation", "attempt", attempt, "err", err)
		return "", false
	}
	return member, ok
}

// Progress notes a state for the console; it never waits.
func (d *door) Progress(attempt, state string) {
	select {
	case d.caller.progress <- postgres.Step{Attempt: attempt, Epoch: d.claimed.Epoch, State: state}:
	default:
	}
}

// ledgerOf is a copy that can be asked without a check for nil.
func ledgerOf(l dialogs.Ledger) dialogs.Ledger {
	if l.Lines == nil {
		l.Lines = map[string]bool{}
	}
	if l.Hooks == nil {
		l.Hooks = map[string]bool{}
	}
	return l
}

// unspool brings one spooled fact home.
func (c *caller) unspool(ctx context.Context, f spooled) error {
	switch f.Kind {
	case "opt_out":
		var o spooledOptOut
		if err := json.Unmarshal(f.Data, &o); err != nil {
			return fmt.Errorf("reading a spooled opt-out: %w: %w", err, errNever)
		}
		return c.db.OptOut(ctx, f.At, o.in())
	case "inbound":
		var in postgres.InboundIn
		if err := json.Unmarshal(f.Data, &in); err != nil {
			return fmt.Errorf("reading a spooled inbound call: %w: %w", err, errNever)
		}
		err := c.db.FinishInbound(ctx, f.At, in)
		if postgres.Permanent(err) {
			return fmt.Errorf("a spooled inbound call %s: %w: %w", in.Result.Attempt, err, errNever)
		}
		return err
	case "result":
		var in postgres.FinishIn
		if err := json.Unmarshal(f.Data, &in); err != nil {
			return fmt.Errorf("reading a spooled result: %w: %w", err, errNever)
		}
		err := c.db.Finish(ctx, f.At, in)
		if errors.Is(err, postgres.ErrLost) || errors.Is(err, postgres.ErrNotFound) || postgres.Permanent(err) {
			return fmt.Errorf("a spooled result of attempt %s: %w: %w", in.Attempt, err, errNever)
		}
		return err
	}
	return fmt.Errorf("kind %q is not known to this version: %w", f.Kind, errNever)
}
