package main

import (
	"context"
	"fmt"
	"time"

	"warmline/compliance"
)

// cold is where the almanac's cold wave strikes.
const cold = `city in ["哈尔滨", "长春", "沈阳", "北京", "天津"]`

// dayOne is when the demo's world begins: ten o'clock of a working day, so that
// it runs at any hour of the night without opening a door.
var dayOne = time.Date(2026, 12, 1, 10, 0, 0, 0, shanghai)

// launch creates, approves and starts a campaign and shows its preflight.
func (d *demo) launch(ctx context.Context, cfg Config, name, segment, dialog string) error {
	c, err := newCampaign(cfg, d.house.trees, d.clock.now(), "demo", campaignCreateCmd{
		Name: name, Segment: segment, Dialog: dialog, RingTimeout: 15 * time.Second, Attempts: 3,
	})
	if err != nil {
		return err
	}
	if c, err = d.stores.db.CreateCampaign(ctx, d.clock.now(), c); err != nil {
		return err
	}
	pre, err := startCampaign(ctx, d.house.planner, c, "demo (a second step of the same person)", false)
	if err != nil {
		return err
	}
	held := without(pre, "")
	d.screen.say("campaign %s (%s, segment %s): 可外呼人数 %d, held %s", name, dialog, segment, pre[""], counts(held))
	return nil
}

// live is the two days.
func (d *demo) live(ctx context.Context, cfg Config) (demoReport, error) {
	broad := d.segment
	if broad == "" {
		broad = cold
	}
	d.screen.say("day one: %s", d.clock.now().In(shanghai).Format("2006-01-02 15:04 Mon"))
	for _, l := range []struct{ name, segment, dialog string }{
		{"birthday", "birthday.within(0)", "birthday"},
		{"local-event", `city in ["杭州"]`, "local-event"},
		{"winter-care", broad, "winter-care"},
	} {
		if err := d.launch(ctx, cfg, l.name, l.segment, l.dialog); err != nil {
			return demoReport{}, err
		}
	}
	if err := d.untilQuiet(ctx); err != nil {
		return demoReport{}, err
	}
	next, err := nextWorkday(dayOne)
	if err != nil {
		return demoReport{}, err
	}
	d.clock.set(next)
	d.screen.say("day two: %s", next.Format("2006-01-02 15:04 Mon"))
	if err := d.launch(ctx, cfg, "second-round", broad, "winter-care"); err != nil {
		return demoReport{}, err
	}
	if err := d.untilQuiet(ctx); err != nil {
		return demoReport{}, err
	}
	// The house's own reading of all friends finds what a push lost.
	if err := d.house.friends.reconcile(ctx); err != nil {
		return demoReport{}, err
	}
	if d.look != nil {
		if err := d.look(ctx); err != nil {
			return demoReport{}, err
		}
	}
	return d.report(ctx)
}

// nextWorkday is ten o'clock of the next day on which selling is allowed.
func nextWorkday(t time.Time) (time.Time, error) {
	p, err := compliance.Preset("cn-marketing")
	if err != nil {
		return t, err
	}
	y, m, day := t.In(shanghai).Date()
	return p.NextOpen(time.Date(y, m, day+1, 0, 0, 0, 0, shanghai), "Asia/Shanghai"), nil
}

// quietAfter is how long nothing may be due or live before a day is over;
// dayLimit ends a demo that hangs.
const (
	quietAfter = 1500 * time.Millisecond
	dayLimit   = 6 * time.Minute
)

// untilQuiet waits until nobody is due, nothing is live, and the simulated
// people have done what they were going to do.
func (d *demo) untilQuiet(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, dayLimit)
	defer cancel()
	tick := time.NewTicker(250 * time.Millisecond)
	defer tick.Stop()
	var quiet time.Time
	for {
		busy, err := d.busy(ctx)
		if err != nil {
			return err
		}
		if busy {
			quiet = time.Time{}
		} else if quiet.IsZero() {
			quiet = time.Now()
		} else if time.Since(quiet) > quietAfter {
			break
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("the day did not end: %w", ctx.Err())
		case <-tick.C:
		}
	}
	settled := make(chan struct{})
	go func() { d.sms.Wait(); d.wecom.Wait(); close(settled) }()
	select {
	case <-settled:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("the simulated people did not finish: %w", ctx.Err())
	}
}

func (d *demo) busy(ctx context.Context) (bool, error) {
	list, err := d.stores.db.Campaigns(ctx)
	if err != nil {
		return false, err
	}
	busy := false
	now := d.clock.now()
	for _, c := range list {
		if c.State.Over() {
			continue
		}
		b, err := d.stores.db.Backlog(ctx, c.ID)
		if err != nil {
			return false, err
		}
		due := !b.NextDue.IsZero() && !b.NextDue.After(now)
		busy = busy || b.InFlight() > 0 || b.Attempting > 0 || due
	}
	t := d.gateway.Truth()
	w := d.wecom.Truth()
	d.screen.status("%s  calls up %d (peak %d)  placed %d  answered %d  friends %d", now.In(shanghai).Format("01-02 15:04:05"), t.Up, t.PeakCalls, t.Invites, t.Answered, w.Friends)
	open, err := d.stores.db.OpenWork(ctx, now)
	if err != nil {
		return false, err
	}
	return busy || t.Up > 0 || open > 0, nil
}
