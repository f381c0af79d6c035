package postgres

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"warmline/contacts"
	"warmline/dialogs"
	"warmline/scheduler"
)

// enrolSQL makes a task of everyone in a segment. The condition in its last line
// is replaced by the segment's own (contacts.Segment.SQL).
const enrolSQL = `
INSERT INTO contact_tasks (campaign, contact, state, due_at, updated_at)
SELECT $1::uuid, id, 'pending', $2::timestamptz, $2
FROM contacts
WHERE TRUE
ON CONFLICT (campaign, contact) DO NOTHING`

// Enrol puts everyone of the campaign's segment who is not in it yet into the
// campaign, due at once, and returns how many came in. Nobody is left out for
// what they may not be called for: the door decides that, and says so.
func (db *DB) Enrol(ctx context.Context, now time.Time, campaign string) (n int, err error) {
	err = db.tx(ctx, func(tx pgx.Tx) error {
		c, err := db.campaign(ctx, tx, lockCampaignSQL, campaign)
		if err != nil {
			return err
		}
		if c.State.Over() {
			return fmt.Errorf("campaign %s is %s", c.Name, c.State)
		}
		segment, err := contacts.ParseSegment(c.Segment)
		if err != nil {
			return fmt.Errorf("segment of campaign %s: %w", c.Name, err)
		}
		where, args := segment.SQL(3)
		for i, a := range args {
			if _, ok := a.(contacts.NowArg); ok {
				args[i] = now
			}
		}
		sql := strings.Replace(enrolSQL, "WHERE TRUE", "WHERE "+where, 1)
		tag, err := tx.Exec(ctx, sql, append([]any{campaign, now}, args...)...)
		if err != nil {
			return err
		}
		n = int(tag.RowsAffected())
		return change(ctx, tx, now, "campaign", campaign, map[string]any{"name": c.Name, "enrolled": n})
	})
	if err != nil {
		return 0, fmt.Errorf("enrolling into campaign %s: %w", campaign, err)
	}
	return n, nil
}

// dueSQL reads who is to be looked at now, longest due first.
const dueSQL = `
SELECT contact
FROM contact_tasks
WHERE campaign = $1 AND state IN ('pending', 'waiting') AND due_at <= $2
ORDER BY due_at, contact
LIMIT $3`

// Due returns up to limit people of a campaign who are to be looked at now, each
// with all that the store knows and the door asks about. What the store does not
// know (the words, the trunk) stays zero in Subject.
func (db *DB) Due(ctx context.Context, now time.Time, campaign string, limit int) ([]scheduler.Candidate, error) {
	c, err := db.Campaign(ctx, campaign)
	if err != nil {
		return nil, err
	}
	ids, err := collect[int64](ctx, db.pool, dueSQL, campaign, now, limit)
	if err == nil {
		var list []scheduler.Candidate
		if list, err = db.candidates(ctx, db.pool, now, c, ids, ""); err == nil {
			return list, nil
		}
	}
	return nil, fmt.Errorf("reading who is due in campaign %s: %w", campaign, err)
}

// enrolledSQL reads everyone a campaign is not done with.
const enrolledSQL = `
SELECT contact
FROM contact_tasks
WHERE campaign = $1 AND state <> 'done'
ORDER BY contact`

// page is how many people are read in one go.
const page = 1000

// All returns everyone a campaign is not done with, due or not, for a preflight.
func (db *DB) All(ctx context.Context, now time.Time, campaign string) ([]scheduler.Candidate, error) {
	c, err := db.Campaign(ctx, campaign)
	if err != nil {
		return nil, err
	}
	ids, err := collect[int64](ctx, db.pool, enrolledSQL, campaign)
	if err != nil {
		return nil, fmt.Errorf("reading campaign %s: %w", campaign, err)
	}
	list := make([]scheduler.Candidate, 0, len(ids))
	for some := range slices.Chunk(ids, page) {
		part, err := db.candidates(ctx, db.pool, now, c, some, "")
		if err != nil {
			return nil, fmt.Errorf("reading campaign %s: %w", campaign, err)
		}
		list = append(list, part...)
	}
	return list, nil
}

// ledgerSQL reads what people have heard since a moment.
const ledgerSQL = `
SELECT contact, line, hook
FROM lines_heard
WHERE contact = ANY ($1) AND heard_at > $2`

// coolDown is how long a line heard is not said again.
const coolDown = 60 * 24 * time.Hour

// Ledger returns what people have heard within the last 60 days. Everyone asked
// for is in the map.
func (db *DB) Ledger(ctx context.Context, now time.Time, contactIDs []int64) (map[int64]dialogs.Ledger, error) {
	return ledger(ctx, db.pool, now, contactIDs)
}

func ledger(ctx context.Context, q querier, now time.Time, ids []int64) (map[int64]dialogs.Ledger, error) {
	heard := make(map[int64]dialogs.Ledger, len(ids))
	for _, id := range ids {
		heard[id] = dialogs.Ledger{Lines: map[string]bool{}, Hooks: map[string]bool{}}
	}
	rows, err := q.Query(ctx, ledgerSQL, ids, now.Add(-coolDown))
	if err == nil {
		var id int64
		var line, hook string
		_, err = pgx.ForEachRow(rows, []any{&id, &line, &hook}, func() error {
			heard[id].Lines[line] = true
			if hook != "" {
				heard[id].Hooks[hook] = true
			}
			return nil
		})
	}
	if err != nil {
		return nil, fmt.Errorf("reading what %d people have heard: %w", len(ids), err)
	}
	return heard, nil
}
