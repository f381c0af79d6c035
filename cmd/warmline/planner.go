package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"warmline/compliance"
	"warmline/dialogs"
	"warmline/occasions"
	"warmline/postgres"
	"warmline/scheduler"
)

// planEvery is the planner's tick.
const planEvery = 200 * time.Millisecond

// planner turns due people of running campaigns into attempts, a little more
// than there are free lines, so that wake-ups never run dry and a changed mind
// never waits behind a long queue.
type planner struct {
	db     *postgres.DB
	config Config
	trees  *trees
	facts  *factBook
	clock  *clock
	log    *slog.Logger
	decide decider
}

// decider is the door. It is a value so that a test may take a gate out and see
// the simulators notice.
type decider func(now time.Time, p compliance.Policy, s compliance.Subject) compliance.Verdict

// by binds the door to a policy.
func (d decider) by(p compliance.Policy) func(time.Time, compliance.Subject) compliance.Verdict {
	return func(now time.Time, s compliance.Subject) compliance.Verdict { return d(now, p, s) }
}

func decideByPolicy(now time.Time, p compliance.Policy, s compliance.Subject) compliance.Verdict {
	return compliance.Decide(now, p, s)
}

// run plans until ctx ends.
func (p *planner) run(ctx context.Context) error {
	tick := time.NewTicker(planEvery)
	defer tick.Stop()
	for {
		if err := p.tick(ctx); err != nil && ctx.Err() == nil {
			p.log.Warn("planning", "err", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

func (p *planner) tick(ctx context.Context) error {
	campaigns, err := p.db.Campaigns(ctx)
	if err != nil {
		return err
	}
	var failed []error // one campaign's trouble is not the others'
	for _, c := range campaigns {
		var err error
		switch {
		case c.State == scheduler.Pausing:
			err = p.db.MoveCampaign(ctx, p.clock.now(), c.ID, scheduler.Paused, c.Why, "planner")
		case c.State == scheduler.Completing:
			err = p.complete(ctx, c, scheduler.Completed)
		case c.State.Dialing():
			err = p.plan(ctx, c)
		}
		if err != nil {
			failed = append(failed, fmt.Errorf("campaign %s: %w", c.Name, err))
		}
	}
	return errors.Join(failed...)
}

// plan writes one tick of one campaign.
func (p *planner) plan(ctx context.Context, c scheduler.Campaign) error {
	now := p.clock.now()
	open, err := p.db.Pulse(ctx, c.ID)
	if err != nil {
		return err
	}
	ahead := int(c.Rate) + 1 // a second of pace
	lines := min(c.Channels-open.Live-open.Claimed, ahead) - open.Queued
	if lines <= 0 {
		return nil
	}
	due, err := p.db.Due(ctx, now, c.ID, 4*ahead)
	if err != nil {
		return err
	}
	if len(due) == 0 {
		if open.Over() {
			return p.complete(ctx, c, scheduler.Completing)
		}
		return nil
	}
	policy, err := compliance.Preset(c.Policy)
	if err != nil {
		return err
	}
	if err := p.newWords(ctx, c, due, now); err != nil {
		return err
	}
	plan := scheduler.Next(now, c, due, p.decide.by(policy), scheduler.Room{Lines: lines})
	_, err = p.db.SavePlan(ctx, now, c.ID, policy.Hash(), plan)
	return err
}

// know adds what only this process can tell of a contact: whether the line is
// ours, and that the tree, which was checked when it was approved, says who
// calls, that it is an AI, and how to refuse.
func know(s *compliance.Subject, cfg Config, c scheduler.Campaign) {
	s.Disclosed = true
	s.InviteToAFriend = c.Purpose == string(compliance.Marketing)
	if t, err := cfg.trunk(c.Trunk); err == nil {
		s.CallerIDRegistered = t.CallerID != "" && (c.CallerID == "" || c.CallerID == t.CallerID)
		s.Loopback = t.sip().Loopback()
	}
}

// newWords marks the due who would hear nothing they have not heard.
func (p *planner) newWords(ctx context.Context, c scheduler.Campaign, due []scheduler.Candidate, now time.Time) error {
	tree, err := p.trees.parse(c.Dialog, c.TreeSource)
	if err != nil {
		return err
	}
	ids := make([]int64, len(due))
	for i, d := range due {
		ids[i] = d.ContactID
	}
	ledgers, err := p.db.Ledger(ctx, now, ids)
	if err != nil {
		return err
	}
	for i := range due {
		d := &due[i]
		know(&d.Subject, p.config, c)
		reading := occasions.For(ctx, d.Contact, now, p.facts.sources, p.log)
		d.Subject.Sensitive = append(d.Subject.Sensitive, sensitive(reading)...)
		d.Subject.NothingNew = dialogs.NothingNew(tree, p.facts.with(d.Contact, now, reading), ledgerOf(ledgers[d.ContactID]))
	}
	return nil
}

func (p *planner) complete(ctx context.Context, c scheduler.Campaign, to scheduler.CampaignState) error {
	p.log.Info("campaign", "campaign", c.Name, "state", to)
	return p.db.MoveCampaign(ctx, p.clock.now(), c.ID, to, "", "planner")
}

// preflight asks the door about everyone of a campaign and writes nothing:
// reason → people, with "" for who may be called now.
func (p *planner) preflight(ctx context.Context, c scheduler.Campaign) (map[string]int, error) {
	now := p.clock.now()
	policy, err := compliance.Preset(c.Policy)
	if err != nil {
		return nil, err
	}
	people, err := p.db.All(ctx, now, c.ID)
	if err != nil {
		return nil, err
	}
	if err := p.newWords(ctx, c, people, now); err != nil {
		return nil, err
	}
	plan := scheduler.Next(now, c, people, p.decide.by(policy), scheduler.Room{Lines: len(people)})
	counts := map[string]int{"": len(plan.Calls)}
	for _, h := range plan.Held {
		counts[h.Reason]++
	}
	return counts, nil
}
