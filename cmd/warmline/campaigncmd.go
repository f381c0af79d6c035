package main

import (
	"context"
	"fmt"
	"os/user"
	"slices"
	"time"

	"warmline/contacts"
	"warmline/postgres"
	"warmline/scheduler"
)

// campaignCmd groups campaigns.
type campaignCmd struct {
	Create campaignCreateCmd `cmd:"" help:"Make a draft: who, with which words, over which trunk, how fast."`
	Start  campaignStartCmd  `cmd:"" help:"Check, approve and start."`
	Pause  campaignMoveCmd   `cmd:"" help:"Plan no new calls; live ones finish."`
	Resume campaignMoveCmd   `cmd:"" help:"Go on after a pause."`
	Cancel campaignMoveCmd   `cmd:"" help:"End it; nobody else is called."`
	Status campaignStatusCmd `cmd:"" help:"Where campaigns stand."`
}

type campaignCreateCmd struct {
	Name        string        `required:"" help:"Name, unique."`
	Segment     string        `help:"Who: an expression." default:"all"`
	Dialog      string        `required:"" help:"Tree: a name of the dialogs folder, or a file."`
	Trunk       string        `help:"Trunk of the config; the first when left out."`
	Rate        float64       `help:"New calls a second; the trunk's when left out."`
	Channels    int           `help:"Calls at once; the trunk's when left out."`
	RingTimeout time.Duration `help:"How long a phone rings." default:"30s"`
	Attempts    int           `help:"Attempts a person gets." default:"3"`
	JSON        bool          `help:"One JSON object."`
}

// Help shows an example.
func (campaignCreateCmd) Help() string {
	return `Segments are expressions over people: city in ["杭州", "上海"] && frequency >= 2,
tag("会员"), recency_days <= 30; "all" is everyone. Consent, hours, caps and
opt-outs are not written here: the door asks them for every person.

Example:

  warmline campaign create --name winter --segment 'city in ["哈尔滨"]' --dialog winter-care`
}

// newCampaign builds a campaign from its settings and the tree's own purpose.
func newCampaign(cfg Config, t *trees, now time.Time, author string, c campaignCreateCmd) (scheduler.Campaign, error) {
	tree, src, err := t.load(c.Dialog)
	if err != nil {
		return scheduler.Campaign{}, err
	}
	if _, err := contacts.ParseSegment(c.Segment); err != nil {
		return scheduler.Campaign{}, fmt.Errorf("segment %q: %w", c.Segment, err)
	}
	trunk, err := cfg.trunk(c.Trunk)
	if err != nil {
		return scheduler.Campaign{}, err
	}
	if c.Rate == 0 {
		c.Rate = trunk.Rate
	}
	if c.Channels == 0 {
		c.Channels = trunk.Channels
	}
	s := scheduler.Campaign{
		Name: c.Name, Brand: cfg.Brand, Segment: c.Segment, Dialog: tree.Name(), TreeSource: src, TreeVersion: tree.Version(),
		Purpose: tree.Purpose(), Policy: "cn-" + tree.Purpose(), Trunk: trunk.Name, CallerID: trunk.CallerID,
		Rate: min(c.Rate, trunk.Rate), Channels: min(c.Channels, trunk.Channels), RingTimeout: c.RingTimeout,
		Retry: scheduler.Retry{Attempts: c.Attempts}, State: scheduler.Draft, Author: author, CreatedAt: now,
	}
	return s, s.Check()
}

// Run creates.
func (c *campaignCreateCmd) Run(a *app) error {
	return withStore(a, func(db *postgres.DB, cfg Config) error {
		s, err := newCampaign(cfg, newTrees(cfg.Dialogs), time.Now(), me(), *c)
		if err != nil {
			return err
		}
		if s, err = db.CreateCampaign(a.ctx, s.CreatedAt, s); err != nil {
			return err
		}
		if c.JSON {
			return a.json(s)
		}
		a.printf("%s is a draft of purpose %s; start it with: warmline campaign start %s\n", s.Name, s.Purpose, s.Name)
		return nil
	})
}

// me is who types.
func me() string {
	if u, err := user.Current(); err == nil {
		return u.Username
	}
	return "unknown"
}

type campaignStartCmd struct {
	Name       string `arg:"" help:"Campaign."`
	ApprovedBy string `help:"Who approves; in a small shop the author may, and the audit says so." placeholder:"WHO"`
	DryRun     bool   `help:"Only the preflight: who could be called now, who is held and why."`
	JSON       bool   `help:"One JSON object."`
}

// Help shows an example.
func (campaignStartCmd) Help() string {
	return `Prints the preflight (可外呼人数, then every reason with its count) and starts.

Example:

  warmline campaign start winter --dry-run
  warmline campaign start winter --approved-by lihua`
}

// Run starts.
func (c *campaignStartCmd) Run(a *app) error {
	return withStore(a, func(db *postgres.DB, cfg Config) error {
		s, err := db.CampaignByName(a.ctx, c.Name)
		if err != nil {
			return err
		}
		facts, err := newFactBook(cfg, a.log)
		if err != nil {
			return err
		}
		p := &planner{db: db, config: cfg, trees: newTrees(cfg.Dialogs), facts: facts, clock: new(clock), log: a.log, decide: decideByPolicy}
		if !c.DryRun && c.ApprovedBy == "" {
			return fmt.Errorf("campaign %s needs an approval: --approved-by WHO (--dry-run shows the preflight first)", c.Name)
		}
		pre, err := startCampaign(a.ctx, p, s, c.ApprovedBy, c.DryRun)
		if err != nil {
			return err
		}
		if c.JSON {
			return a.json(map[string]any{"campaign": s.Name, "callable": pre[""], "held": without(pre, "")})
		}
		a.printf("可外呼人数 callable %d\n", pre[""])
		for _, k := range byCount(without(pre, "")) {
			a.printf("  held %-22s %d\n", k, pre[k])
		}
		if !c.DryRun {
			a.printf("%s runs\n", s.Name)
		}
		return nil
	})
}

// startCampaign enrols the segment, asks the door about everyone, and walks the
// campaign through validation and approval to running.
func startCampaign(ctx context.Context, p *planner, c scheduler.Campaign, approvedBy string, dry bool) (map[string]int, error) {
	now := p.clock.now()
	if _, err := p.db.Enrol(ctx, now, c.ID); err != nil {
		return nil, err
	}
	pre, err := p.preflight(ctx, c)
	if err != nil || dry {
		return pre, err
	}
	for _, step := range []struct {
		to  scheduler.CampaignState
		who string
	}{{scheduler.Validating, c.Author}, {scheduler.AwaitingApproval, c.Author}, {scheduler.Ready, approvedBy}, {scheduler.Running, approvedBy}} {
		if !c.State.May(step.to) {
			continue // already further
		}
		if err := p.db.MoveCampaign(ctx, now, c.ID, step.to, "", step.who); err != nil {
			return pre, err
		}
		c.State = step.to
	}
	if c.State != scheduler.Running {
		return pre, fmt.Errorf("campaign %s is %s and cannot be started", c.Name, c.State)
	}
	return pre, nil
}

type campaignMoveCmd struct {
	Name string `arg:"" help:"Campaign."`
	JSON bool   `help:"One JSON object."`
}

// Help shows an example.
func (campaignMoveCmd) Help() string { return "Example:\n\n  warmline campaign pause winter" }

// moves says what each moving command moves to.
func (c *campaignCmd) moves() map[*campaignMoveCmd]scheduler.CampaignState {
	return map[*campaignMoveCmd]scheduler.CampaignState{
		&c.Pause: scheduler.Pausing, &c.Resume: scheduler.Running, &c.Cancel: scheduler.Cancelled,
	}
}

// Run moves.
func (c *campaignMoveCmd) Run(a *app) error {
	to := a.cli.Campaign.moves()[c]
	return withStore(a, func(db *postgres.DB, _ Config) error {
		s, err := db.CampaignByName(a.ctx, c.Name)
		if err != nil {
			return err
		}
		open, err := db.Backlog(a.ctx, s.ID)
		if err != nil {
			return err
		}
		why := ""
		if to == scheduler.Pausing {
			why = "user"
		}
		if err := db.MoveCampaign(a.ctx, time.Now(), s.ID, to, why, me()); err != nil {
			return err
		}
		if c.JSON {
			return a.json(map[string]any{"campaign": s.Name, "state": to, "people_open": open.Open(), "calls_live": open.Live})
		}
		a.printf("%s is %s; %d people open, %d calls live\n", s.Name, to, open.Open(), open.Live)
		return nil
	})
}

type campaignStatusCmd struct {
	Name string `arg:"" optional:"" help:"Campaign; all when left out."`
	JSON bool   `help:"One JSON object."`
}

// Help shows an example.
func (campaignStatusCmd) Help() string { return "Example:\n\n  warmline campaign status" }

// campaignStatus is one line of status.
type campaignStatus struct {
	Name    string                  `json:"name"`
	State   scheduler.CampaignState `json:"state"`
	Why     string                  `json:"why,omitempty"`
	Dialog  string                  `json:"dialog"`
	Backlog postgres.Backlog        `json:"backlog"`
}

// Run tells.
func (c *campaignStatusCmd) Run(a *app) error {
	return withStore(a, func(db *postgres.DB, _ Config) error {
		list, err := db.Campaigns(a.ctx)
		if err != nil {
			return err
		}
		out := []campaignStatus{}
		for _, s := range list {
			if c.Name != "" && s.Name != c.Name {
				continue
			}
			b, err := db.Backlog(a.ctx, s.ID)
			if err != nil {
				return err
			}
			out = append(out, campaignStatus{s.Name, s.State, s.Why, s.Dialog, b})
		}
		if c.Name != "" && len(out) == 0 {
			return fmt.Errorf("no campaign %q", c.Name)
		}
		if c.JSON {
			return a.json(map[string]any{"campaigns": out})
		}
		for _, s := range out {
			a.printf("%-20s %-12s %-16s pending %d, waiting %d, queued %d, live %d\n", s.Name, s.State, s.Dialog,
				s.Backlog.Pending, s.Backlog.Waiting, s.Backlog.Queued, s.Backlog.Live)
		}
		return nil
	})
}

// byCount orders reasons by their number, then name.
func byCount(m map[string]int) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, func(a, b string) int {
		if m[a] != m[b] {
			return m[b] - m[a]
		}
		if a < b {
			return -1
		}
		return 1
	})
	return keys
}

func without(m map[string]int, key string) map[string]int {
	out := make(map[string]int, len(m))
	for k, v := range m {
		if k != key {
			out[k] = v
		}
	}
	return out
}
