package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"warmline/reports"
)

// peopleFunnelSQL counts the people of a campaign before and after the call.
const peopleFunnelSQL = `
SELECT
	CASE WHEN $1::uuid IS NULL THEN (SELECT count(*) FROM contacts)
		ELSE (SELECT count(*) FROM contact_tasks WHERE campaign = $1) END,
	(SELECT count(DISTINCT contact) FROM contact_tasks WHERE eligible AND ($1::uuid IS NULL OR campaign = $1)),
	(SELECT count(*) FROM (
		SELECT contact FROM invitations WHERE offered_at IS NOT NULL AND ($1::uuid IS NULL OR campaign = $1)
		UNION
		SELECT contact FROM messages WHERE sent_at IS NOT NULL AND ($1::uuid IS NULL OR campaign = $1)) s)`

// callFunnelSQL counts, for each step of a call, people and attempts.
const callFunnelSQL = `
SELECT count(DISTINCT contact), count(*),
	count(DISTINCT contact) FILTER (WHERE dialed), count(*) FILTER (WHERE dialed),
	count(DISTINCT contact) FILTER (WHERE answered), count(*) FILTER (WHERE answered),
	count(DISTINCT contact) FILTER (WHERE human), count(*) FILTER (WHERE human),
	count(DISTINCT contact) FILTER (WHERE human AND disclosed), count(*) FILTER (WHERE human AND disclosed),
	count(DISTINCT contact) FILTER (WHERE human AND identified), count(*) FILTER (WHERE human AND identified),
	count(DISTINCT contact) FILTER (WHERE human AND pitched), count(*) FILTER (WHERE human AND pitched),
	count(DISTINCT contact) FILTER (WHERE agreed), count(*) FILTER (WHERE agreed),
	count(*) FILTER (WHERE disposition IS NOT NULL),
	count(*) FILTER (WHERE state = 'refused'),
	count(*) FILTER (WHERE outcome = 'complaint')
FROM (
	SELECT contact, state, disposition, outcome, disclosed, identified, pitched,
		dialed_at IS NOT NULL AND disposition IS DISTINCT FROM 'not_dialed' AS dialed,
		answered_at IS NOT NULL AS answered,
		answered_at IS NOT NULL AND answered_by = 'person' AS human,
		outcome IN ('agreed_add', 'agreed_sms') AS agreed
	FROM attempts
	WHERE $1::uuid IS NULL OR campaign = $1) a`

// afterFunnelSQL counts what followed.
const afterFunnelSQL = `
SELECT
	(SELECT count(DISTINCT s.hash) FROM suppressions s LEFT JOIN attempts a ON a.id = s.attempt
		WHERE $1::uuid IS NULL OR a.campaign = $1),
	(SELECT count(*) FROM messages WHERE sent_at IS NOT NULL AND ($1::uuid IS NULL OR campaign = $1)),
	(SELECT count(*) FROM messages WHERE state = 'delivered' AND ($1::uuid IS NULL OR campaign = $1)),
	(SELECT count(*) FROM invitations WHERE $1::uuid IS NULL OR campaign = $1)`

// friendFunnelSQL counts friendships laid to a campaign, and who stayed.
const friendFunnelSQL = `
SELECT count(*) FILTER (WHERE lost_at IS NULL), count(*) FILTER (WHERE lost_at IS NOT NULL),
	count(DISTINCT f.contact),
	count(DISTINCT f.contact) FILTER (WHERE f.added_at <= $2),
	count(DISTINCT f.contact) FILTER (WHERE f.added_at <= $2 AND (lost_at IS NULL OR lost_at - f.added_at >= $3::interval))
FROM friendships f
JOIN invitations i ON i.id = f.invitation
WHERE f.contact IS NOT NULL AND ($1::uuid IS NULL OR i.campaign = $1)`

// dispositionsSQL counts results.
const dispositionsSQL = `
SELECT disposition, count(*)
FROM attempts
WHERE disposition IS NOT NULL AND ($1::uuid IS NULL OR campaign = $1)
GROUP BY disposition`

// outcomesSQL counts what conversations came to.
const outcomesSQL = `
SELECT outcome, count(*)
FROM attempts
WHERE outcome <> '' AND ($1::uuid IS NULL OR campaign = $1)
GROUP BY outcome`

// heldNowSQL counts who is not called now, in one campaign or all.
const heldNowSQL = `
SELECT held_reason, count(*)
FROM contact_tasks
WHERE held_reason <> '' AND state <> 'attempting' AND ($1::uuid IS NULL OR campaign = $1)
GROUP BY held_reason`

// Funnel rolls a campaign up, by ID, or all campaigns for "". The definitions are
// those of package reports; reports.Fold over [DB.Events] gives the same numbers.
func (db *DB) Funnel(ctx context.Context, now time.Time, campaign string) (reports.Funnel, error) {
	f := reports.Funnel{At: now.UTC()}
	if campaign != "" {
		c, err := db.Campaign(ctx, campaign)
		if err != nil {
			return f, err
		}
		f.Campaign = c.Name
	}
	// One snapshot, so that the numbers belong together.
	err := pgx.BeginTxFunc(ctx, db.pool, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}, func(tx pgx.Tx) error {
		return rollUp(ctx, tx, now, orNull(campaign), &f)
	})
	if err != nil {
		return f, fmt.Errorf("funnel: %w", err)
	}
	return f, nil
}

func rollUp(ctx context.Context, tx pgx.Tx, now time.Time, campaign *string, f *reports.Funnel) (err error) {
	rows := map[reports.Step]*reports.Row{}
	for _, s := range reports.Steps() {
		rows[s] = &reports.Row{Step: s}
	}
	if err := tx.QueryRow(ctx, peopleFunnelSQL, campaign).Scan(&rows[reports.Imported].People, &rows[reports.Eligible].People,
		&rows[reports.LinkSent].People); err != nil {
		return err
	}
	var places []any
	for _, s := range []reports.Step{reports.Admitted, reports.Dialed, reports.Answered, reports.Human, reports.Disclosed,
		reports.RightParty, reports.Pitched, reports.Agreed} {
		places = append(places, &rows[s].People, &rows[s].Attempts)
	}
	if err := tx.QueryRow(ctx, callFunnelSQL, campaign).Scan(append(places, &f.Ended, &f.Refused, &f.Complaints)...); err != nil {
		return err
	}
	f.Attempts = rows[reports.Admitted].Attempts
	if err := tx.QueryRow(ctx, afterFunnelSQL, campaign).Scan(&f.OptedOut, &f.Messages, &f.Delivered, &f.Invited); err != nil {
		return err
	}
	if err := tx.QueryRow(ctx, friendFunnelSQL, campaign, now.Add(-reports.Maturity), reports.Maturity).Scan(&f.Friends, &f.FriendsLost,
		&rows[reports.Added].People, &f.Matured, &rows[reports.Retained].People); err != nil {
		return err
	}
	if f.Dispositions, err = countBy(ctx, tx, dispositionsSQL, campaign); err != nil {
		return err
	}
	if f.Outcomes, err = countBy(ctx, tx, outcomesSQL, campaign); err != nil {
		return err
	}
	if f.Held, err = countBy(ctx, tx, heldNowSQL, campaign); err != nil {
		return err
	}
	for _, s := range reports.Steps() {
		f.Rows = append(f.Rows, *rows[s])
	}
	return nil
}

// eventsSQL tells a campaign's story event by event, for reports.Fold.
const eventsSQL = `
WITH t AS (SELECT * FROM contact_tasks WHERE $1::uuid IS NULL OR campaign = $1),
a AS (SELECT * FROM attempts WHERE $1::uuid IS NULL OR campaign = $1),
m AS (SELECT * FROM messages WHERE $1::uuid IS NULL OR campaign = $1),
i AS (SELECT * FROM invitations WHERE $1::uuid IS NULL OR campaign = $1),
f AS (SELECT f.*, f.external_userid || '/' || f.member AS key FROM friendships f JOIN i ON i.id = f.invitation WHERE f.contact IS NOT NULL)
SELECT 'known', contact, '', '', false, updated_at FROM t
UNION ALL SELECT 'known', id, '', '', false, created_at FROM contacts WHERE $1::uuid IS NULL
UNION ALL SELECT 'judged', contact, '', CASE state WHEN 'attempting' THEN '' ELSE held_reason END, coalesce(eligible, false), updated_at FROM t
UNION ALL SELECT 'planned', contact, id::text, '', false, planned_at FROM a
UNION ALL SELECT 'dialed', contact, id::text, '', false, dialed_at FROM a
	WHERE dialed_at IS NOT NULL AND disposition IS DISTINCT FROM 'not_dialed'
UNION ALL SELECT 'answered', contact, id::text, '', false, answered_at FROM a WHERE answered_at IS NOT NULL
UNION ALL SELECT 'human', contact, id::text, '', false, answered_at FROM a WHERE answered_at IS NOT NULL AND answered_by = 'person'
UNION ALL SELECT 'disclosed', contact, id::text, '', false, answered_at FROM a
	WHERE answered_at IS NOT NULL AND answered_by = 'person' AND disclosed
UNION ALL SELECT 'identified', contact, id::text, '', false, answered_at FROM a
	WHERE answered_at IS NOT NULL AND answered_by = 'person' AND identified
UNION ALL SELECT 'pitched', contact, id::text, '', false, answered_at FROM a
	WHERE answered_at IS NOT NULL AND answered_by = 'person' AND pitched
UNION ALL SELECT 'ended', contact, id::text, disposition, false, coalesce(ended_at, dialed_at) FROM a WHERE disposition IS NOT NULL
UNION ALL SELECT 'outcome', contact, id::text, outcome, false, coalesce(ended_at, planned_at) FROM a WHERE outcome <> ''
UNION ALL SELECT 'refused', contact, id::text, reason, false, ended_at FROM a WHERE state = 'refused'
UNION ALL SELECT 'opted_out', 0, encode(s.hash, 'hex'), s.source, false, s.at FROM suppressions s
	WHERE $1::uuid IS NULL OR s.attempt IN (SELECT id FROM a)
UNION ALL SELECT 'texted', contact, id::text, '', false, sent_at FROM m WHERE sent_at IS NOT NULL
UNION ALL SELECT 'delivered', contact, id::text, '', false, ended_at FROM m WHERE state = 'delivered'
UNION ALL SELECT 'invited', contact, id::text, '', false, reserved_at FROM i
UNION ALL SELECT 'offered', contact, id::text, '', false, offered_at FROM i WHERE offered_at IS NOT NULL
UNION ALL SELECT 'added', contact, key, '', false, added_at FROM f
UNION ALL SELECT 'lost', contact, key, lost_by, false, lost_at FROM f WHERE lost_at IS NOT NULL`

// Events tells a campaign's story, or all campaigns' for "", event by event, in
// no order. It is the raw material of reports.Fold.
func (db *DB) Events(ctx context.Context, campaign string) ([]reports.Event, error) {
	list, err := collectRows(ctx, db.pool, eventsSQL, func(r pgx.Row) (e reports.Event, err error) {
		return e, r.Scan(&e.Kind, &e.Contact, &e.Key, &e.Word, &e.Yes, &e.At)
	}, orNull(campaign))
	if err != nil {
		return nil, fmt.Errorf("reading events: %w", err)
	}
	return list, nil
}
