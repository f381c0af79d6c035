package postgres

import (
	"context"
	"fmt"
	"time"
)

// Backlog says where a campaign's people and attempts are.
type Backlog struct {
	Pending    int       `json:"pending"`    // never looked at
	Waiting    int       `json:"waiting"`    // held until a moment, or to be tried again
	Attempting int       `json:"attempting"` // in an attempt
	Done       int       `json:"done"`
	NextDue    time.Time `json:"next_due,omitzero"` // when somebody is to be looked at next
	Queued     int       `json:"queued"`            // attempts planned and not claimed
	Claimed    int       `json:"claimed"`
	Live       int       `json:"live"` // attempts dialed and not ended
}

// Open is how many people are still to be dealt with.
func (b Backlog) Open() int { return b.Pending + b.Waiting + b.Attempting }

// InFlight is how many channels the campaign has asked for or holds.
func (b Backlog) InFlight() int { return b.Queued + b.Claimed + b.Live }

// backlogSQL counts where a campaign's people and attempts are.
const backlogSQL = `
SELECT count(*) FILTER (WHERE state = 'pending'), count(*) FILTER (WHERE state = 'waiting'),
	count(*) FILTER (WHERE state = 'attempting'), count(*) FILTER (WHERE state = 'done'),
	min(due_at),
	(SELECT count(*) FROM attempts WHERE campaign = $1 AND state IN ('planned', 'queued')),
	(SELECT count(*) FROM attempts WHERE campaign = $1 AND state = 'claimed'),
	(SELECT count(*) FROM attempts WHERE campaign = $1 AND state IN ('dialing', 'ringing', 'early_media', 'in_dialog', 'transferring'))
FROM contact_tasks
WHERE campaign = $1`

// Backlog counts a campaign's people and attempts by where they are.
func (db *DB) Backlog(ctx context.Context, campaign string) (b Backlog, err error) {
	var due *time.Time
	if err := db.pool.QueryRow(ctx, backlogSQL, campaign).Scan(&b.Pending, &b.Waiting, &b.Attempting, &b.Done, &due,
		&b.Queued, &b.Claimed, &b.Live); err != nil {
		return b, fmt.Errorf("backlog of campaign %s: %w", campaign, err)
	}
	b.NextDue = instant(due)
	return b, nil
}

// pulseSQL is what a tick needs of a backlog, by index alone.
const pulseSQL = `
SELECT count(*) FILTER (WHERE state IN ('planned', 'queued')),
	count(*) FILTER (WHERE state = 'claimed'),
	count(*) FILTER (WHERE state NOT IN ('planned', 'queued', 'claimed')),
	EXISTS (SELECT FROM contact_tasks WHERE campaign = $1 AND state IN ('pending', 'waiting')),
	(SELECT min(due_at) FROM contact_tasks WHERE campaign = $1 AND state IN ('pending', 'waiting'))
FROM attempts
WHERE campaign = $1
  AND state IN ('planned', 'queued', 'claimed', 'dialing', 'ringing', 'early_media', 'in_dialog', 'transferring')`

// Pulse is the part of a backlog that costs the same for ten people and for a
// million.
type Pulse struct {
	Queued, Claimed, Live int
	Waits                 bool      // somebody is still to be looked at
	NextDue               time.Time // when
}

// Over reports whether the campaign has nothing left to do.
func (p Pulse) Over() bool { return !p.Waits && p.Queued+p.Claimed+p.Live == 0 }

// Pulse reads what a planner's tick asks of a campaign's backlog.
func (db *DB) Pulse(ctx context.Context, campaign string) (p Pulse, err error) {
	var due *time.Time
	if err := db.pool.QueryRow(ctx, pulseSQL, campaign).Scan(&p.Queued, &p.Claimed, &p.Live, &p.Waits, &due); err != nil {
		return p, fmt.Errorf("pulse of campaign %s: %w", campaign, err)
	}
	p.NextDue = instant(due)
	return p, nil
}
