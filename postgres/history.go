package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"warmline/compliance"
	"warmline/scheduler"
)

// historySQL reads the contacts that count, of all campaigns and channels: calls
// that reached the network's other side or are under way, and texts that may have
// arrived. A member's request is none: the person asked for it. Of other campaigns
// the last eight days are enough for any cap, of this one all its life.
const historySQL = `
SELECT contact, coalesce(dialed_at, planned_at) AS at, 'voice' AS channel, campaign,
	state IN ('planned', 'queued', 'claimed', 'dialing', 'ringing', 'early_media', 'in_dialog', 'transferring') AS in_flight,
	coalesce(disposition, '') AS ended
FROM attempts
WHERE contact = ANY ($1) AND id <> $4
  AND (campaign = $2 OR coalesce(dialed_at, planned_at) > $3)
  AND (dialed_at IS NOT NULL AND (disposition IS NULL OR ring_at IS NOT NULL OR answered_at IS NOT NULL OR disposition NOT IN
		('network_busy', 'trunk_unavailable', 'line_fault', 'carrier_blocked', 'not_dialed', 'cancelled'))
	OR state IN ('planned', 'queued', 'claimed'))
UNION ALL
SELECT contact, coalesce(sending_at, queued_at), 'sms', campaign, state = 'sending', ''
FROM messages
WHERE contact = ANY ($1) AND state IN ('sending', 'sent', 'delivered', 'unknown')
  AND (campaign = $2 OR sending_at > $3)
ORDER BY contact, at`

// historyOf is how far back contacts of other campaigns are read.
const historyOf = 8 * 24 * time.Hour

// noAttempt is the ID of no attempt.
const noAttempt = "00000000-0000-0000-0000-000000000000"

func readHistory(ctx context.Context, q querier, now time.Time, campaign, except string, ids []int64, by map[int64]*scheduler.Candidate) error {
	if except == "" {
		except = noAttempt
	}
	rows, err := q.Query(ctx, historySQL, ids, campaign, now.Add(-historyOf), except)
	if err != nil {
		return err
	}
	var id int64
	var c compliance.Contact
	var channel string
	if _, err = pgx.ForEachRow(rows, []any{&id, &c.At, &channel, &c.Campaign, &c.InFlight, &c.Ended}, func() error {
		if p := by[id]; p != nil {
			c.Channel, c.At = compliance.Channel(channel), c.At.UTC()
			p.Subject.History = append(p.Subject.History, c)
		}
		return nil
	}); err != nil {
		return err
	}
	return readDeadLines(ctx, q, ids, by)
}

// deadLinesSQL reads when numbers were last found not to exist or suspended.
const deadLinesSQL = `
SELECT contact, max(ended_at) FILTER (WHERE disposition IN ('invalid_number', 'number_changed')),
	max(ended_at) FILTER (WHERE disposition = 'suspended')
FROM attempts
WHERE contact = ANY ($1) AND disposition IN ('invalid_number', 'number_changed', 'suspended')
GROUP BY contact`

// How long the carrier's word about a number is believed.
const (
	invalidFor   = 180 * 24 * time.Hour
	suspendedFor = 30 * 24 * time.Hour
)

func readDeadLines(ctx context.Context, q querier, ids []int64, by map[int64]*scheduler.Candidate) error {
	rows, err := q.Query(ctx, deadLinesSQL, ids)
	if err != nil {
		return err
	}
	var id int64
	var invalid, suspended *time.Time
	_, err = pgx.ForEachRow(rows, []any{&id, &invalid, &suspended}, func() error {
		p := by[id]
		if p == nil {
			return nil
		}
		if invalid != nil {
			p.Subject.InvalidUntil = invalid.UTC().Add(invalidFor)
		}
		if suspended != nil {
			p.Subject.SuspendedUntil = suspended.UTC().Add(suspendedFor)
		}
		return nil
	})
	return err
}

// friendsSQL lists who must not be asked to become a friend: who is one, was one
// and left, is about to become one, or said to be one already.
const friendsSQL = `
SELECT contact FROM friendships WHERE contact = ANY ($1) AND evidence <> 'forwarded'
UNION
SELECT contact FROM invitations WHERE contact = ANY ($1)
	AND state IN ('consented', 'offered', 'clicked', 'half', 'awaiting_acceptance', 'not_found', 'throttled')
UNION
SELECT contact FROM attempts WHERE contact = ANY ($1) AND outcome = 'already_friend'`

func readFriends(ctx context.Context, q querier, ids []int64, by map[int64]*scheduler.Candidate) error {
	friends, err := collect[int64](ctx, q, friendsSQL, ids)
	for _, id := range friends {
		if p := by[id]; p != nil {
			p.Subject.AlreadyFriend = true
		}
	}
	return err
}

// abandonmentSQL is the share of answered calls a campaign dropped. The second
// count is made only when something was dropped.
const abandonmentSQL = `
SELECT CASE WHEN d.n = 0 THEN 0 ELSE d.n::float8 / greatest(1, (
	SELECT count(*) FROM attempts WHERE campaign = $1 AND answered_at > $2)) END
FROM (SELECT count(*) AS n FROM attempts WHERE campaign = $1 AND disposition = 'abandoned' AND ended_at > $2) d`

// abandonmentOver is the period of the 3 % rule (16 CFR 310.4).
const abandonmentOver = 30 * 24 * time.Hour

func readAbandonment(ctx context.Context, q querier, now time.Time, campaign string, list []scheduler.Candidate) error {
	var share float64
	if err := q.QueryRow(ctx, abandonmentSQL, campaign, now.Add(-abandonmentOver)).Scan(&share); err != nil {
		return err
	}
	for i := range list {
		list[i].Subject.Abandonment = share
	}
	return nil
}
