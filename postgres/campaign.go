package postgres

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"warmline/scheduler"
)

// createCampaignSQL writes a campaign in its first state.
const createCampaignSQL = `
INSERT INTO campaigns (id, name, brand, segment, dialog, tree_source, tree_version, purpose, policy, trunk, caller_id,
	rate, channels, ring_timeout, retry, state, author, created_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, 'draft', $16, $17)`

// CreateCampaign saves a new campaign as a draft and returns it with its ID.
func (db *DB) CreateCampaign(ctx context.Context, now time.Time, c scheduler.Campaign) (scheduler.Campaign, error) {
	if err := c.Check(); err != nil {
		return c, err
	}
	if c.ID == "" {
		c.ID = uuid.NewString()
	}
	c.State, c.CreatedAt = scheduler.Draft, now.UTC()
	retry, err := json.Marshal(c.Retry)
	if err != nil {
		return c, fmt.Errorf("campaign %s: %w", c.Name, err)
	}
	err = db.tx(ctx, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, createCampaignSQL, c.ID, c.Name, c.Brand, c.Segment, c.Dialog, c.TreeSource, c.TreeVersion,
			c.Purpose, c.Policy, c.Trunk, c.CallerID, c.Rate, c.Channels, c.RingTimeout, retry, c.Author, now); err != nil {
			return err
		}
		if err := audit(ctx, tx, now, c.Author, "create campaign", c.ID, c); err != nil {
			return err
		}
		return change(ctx, tx, now, "campaign", c.ID, map[string]any{"name": c.Name, "state": c.State})
	})
	if err != nil {
		return c, fmt.Errorf("saving campaign %s: %w", c.Name, err)
	}
	return c, nil
}

// campaignColumns are the columns scanCampaign reads.
const campaignColumns = `g.id, g.name, g.brand, g.segment, g.dialog, g.tree_source, g.tree_version, g.purpose, g.policy,
	g.trunk, g.caller_id, g.rate, g.channels, g.ring_timeout, g.retry, g.state, g.why, g.author, g.approved_by,
	g.created_at, g.started_at, g.ended_at`

func scanCampaign(r pgx.Row) (c scheduler.Campaign, err error) {
	var retry []byte
	var started, ended *time.Time
	if err := r.Scan(&c.ID, &c.Name, &c.Brand, &c.Segment, &c.Dialog, &c.TreeSource, &c.TreeVersion, &c.Purpose, &c.Policy,
		&c.Trunk, &c.CallerID, &c.Rate, &c.Channels, &c.RingTimeout, &retry, &c.State, &c.Why, &c.Author, &c.ApprovedBy,
		&c.CreatedAt, &started, &ended); err != nil {
		return c, err
	}
	c.CreatedAt, c.StartedAt, c.EndedAt = c.CreatedAt.UTC(), instant(started), instant(ended)
	return c, json.Unmarshal(retry, &c.Retry)
}

// campaignSQL reads one campaign.
const campaignSQL = `
SELECT ` + campaignColumns + `
FROM campaigns g
WHERE g.id = $1`

// Campaign reads one campaign by its ID.
func (db *DB) Campaign(ctx context.Context, id string) (scheduler.Campaign, error) {
	return db.campaign(ctx, db.pool, campaignSQL, id)
}

// campaignByNameSQL reads one campaign by its unique name.
const campaignByNameSQL = `
SELECT ` + campaignColumns + `
FROM campaigns g
WHERE g.name = $1`

// CampaignByName reads one campaign by its name.
func (db *DB) CampaignByName(ctx context.Context, name string) (scheduler.Campaign, error) {
	return db.campaign(ctx, db.pool, campaignByNameSQL, name)
}

func (db *DB) campaign(ctx context.Context, q querier, sql, which string) (scheduler.Campaign, error) {
	if sql != campaignByNameSQL && uuid.Validate(which) != nil {
		return scheduler.Campaign{}, fmt.Errorf("campaign %s: %w", which, ErrNotFound)
	}
	c, err := scanCampaign(q.QueryRow(ctx, sql, which))
	if err != nil {
		return c, fmt.Errorf("campaign %s: %w", which, notFound(err))
	}
	return c, nil
}

// campaignsSQL reads all campaigns, newest first.
const campaignsSQL = `
SELECT ` + campaignColumns + `
FROM campaigns g
ORDER BY g.created_at DESC, g.name`

// Campaigns reads all campaigns, newest first.
func (db *DB) Campaigns(ctx context.Context) ([]scheduler.Campaign, error) {
	list, err := collectRows(ctx, db.pool, campaignsSQL, scanCampaign)
	if err != nil {
		return nil, fmt.Errorf("reading campaigns: %w", err)
	}
	return list, nil
}

// lockCampaignSQL reads one campaign and keeps others from moving it.
const lockCampaignSQL = campaignSQL + `
FOR UPDATE`

// moveCampaignSQL writes a campaign's new state; the trigger campaign_moves
// refuses what scheduler.CampaignState refuses.
const moveCampaignSQL = `
UPDATE campaigns
SET state = $2, why = $3,
	approved_by = CASE $2::text WHEN 'ready' THEN $4 WHEN 'draft' THEN '' ELSE approved_by END,
	started_at = CASE WHEN $2 IN ('piloting', 'running') THEN coalesce(started_at, $5) ELSE started_at END,
	ended_at = CASE WHEN $2 IN ('completed', 'cancelled', 'failed') THEN $5::timestamptz END
WHERE id = $1`

// MoveCampaign moves a campaign to another state, for actor, with a reason where
// one is needed (paused: user, window, budget, breaker, capacity, compliance). A
// campaign that ends takes its waiting people and undialed attempts with it.
func (db *DB) MoveCampaign(ctx context.Context, now time.Time, id string, to scheduler.CampaignState, why, actor string) error {
	err := db.tx(ctx, func(tx pgx.Tx) error {
		c, err := db.campaign(ctx, tx, lockCampaignSQL, id)
		if err != nil {
			return err
		}
		if !c.State.May(to) {
			return fmt.Errorf("campaign %s is %s and cannot become %s", c.Name, c.State, to)
		}
		if _, err := tx.Exec(ctx, moveCampaignSQL, id, string(to), why, actor, now); err != nil {
			return err
		}
		if to.Over() {
			if err := endCampaign(ctx, tx, now, id, string(to)); err != nil {
				return err
			}
		}
		if err := audit(ctx, tx, now, actor, "move campaign", id, map[string]any{"from": c.State, "to": to, "why": why}); err != nil {
			return err
		}
		return change(ctx, tx, now, "campaign", id, map[string]any{"name": c.Name, "state": to, "why": why})
	})
	if err != nil {
		return fmt.Errorf("moving campaign %s to %s: %w", id, to, err)
	}
	return nil
}

// refuseCampaignSQL takes back what a campaign has not dialed.
const refuseCampaignSQL = `
WITH refused AS (
	UPDATE attempts
	SET state = 'refused', reason = $2, ended_at = $3, owner = '', lease_until = NULL
	WHERE campaign = $1 AND state IN ('planned', 'queued', 'claimed')
	RETURNING id
)
UPDATE outbox o
SET done_at = $3
FROM refused
WHERE o.kind = 'attempt' AND o.key = refused.id::text`

// closeCampaignTasksSQL closes everyone who is not on the line.
const closeCampaignTasksSQL = `
UPDATE contact_tasks t
SET state = 'done', done_reason = $2, due_at = NULL, updated_at = $3
WHERE campaign = $1 AND state <> 'done'
  AND NOT EXISTS (SELECT FROM attempts a WHERE a.campaign = t.campaign AND a.contact = t.contact
	AND a.state IN ('dialing', 'ringing', 'early_media', 'in_dialog', 'transferring'))`

func endCampaign(ctx context.Context, tx pgx.Tx, now time.Time, id, reason string) error {
	if _, err := tx.Exec(ctx, closeCampaignTasksSQL, id, reason, now); err != nil {
		return err
	}
	_, err := tx.Exec(ctx, refuseCampaignSQL, id, reason, now)
	return err
}
