package postgres

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// auditSQL appends who did what.
const auditSQL = `
INSERT INTO audit (at, actor, action, ref, detail)
VALUES ($1, $2, $3, $4, $5)`

func audit(ctx context.Context, q querier, now time.Time, actor, action, ref string, detail any) error {
	b, err := json.Marshal(detail)
	if err != nil {
		return fmt.Errorf("audit of %s %s: %w", action, ref, err)
	}
	if _, err := q.Exec(ctx, auditSQL, now, actor, action, ref, b); err != nil {
		return fmt.Errorf("audit of %s %s: %w", action, ref, err)
	}
	return nil
}

// changeSQL appends what the console shows.
const changeSQL = `
INSERT INTO changes (at, kind, ref, payload)
VALUES ($1, $2, $3, $4)`

func change(ctx context.Context, q querier, now time.Time, kind, ref string, payload any) error {
	b, err := json.Marshal(payload)
	if err != nil {
		return fmt.Errorf("change %s of %s: %w", kind, ref, err)
	}
	if _, err := q.Exec(ctx, changeSQL, now, kind, ref, b); err != nil {
		return fmt.Errorf("change %s of %s: %w", kind, ref, err)
	}
	return nil
}

// Change is one durable event of the house. Kinds: import, campaign, attempt,
// opt_out, message, invitation, friend. Ref names the thing; Payload says more
// and never holds a whole number.
type Change struct {
	ID      int64           `json:"id"`
	At      time.Time       `json:"at"`
	Kind    string          `json:"kind"`
	Ref     string          `json:"ref"`
	Payload json.RawMessage `json:"payload,omitempty"`
}

// changesSQL reads in transaction order, and only rows no older transaction can
// still precede.
const changesSQL = `
SELECT id, at, kind, ref, payload
FROM changes
WHERE (tx, id) > (coalesce((SELECT tx FROM changes WHERE id = $1), '0'::xid8), $1)
  AND tx < pg_snapshot_xmin(pg_current_snapshot())
ORDER BY tx, id
LIMIT $2`

// Changes returns what happened after the change named after (0 for all), oldest
// first. The ID of the last one is the next cursor. IDs are names and not an
// order; nothing is skipped, however transactions overlap.
func (db *DB) Changes(ctx context.Context, after int64, limit int) ([]Change, error) {
	list, err := collectRows(ctx, db.pool, changesSQL, func(r pgx.Row) (c Change, err error) {
		err = r.Scan(&c.ID, &c.At, &c.Kind, &c.Ref, &c.Payload)
		c.At = c.At.UTC()
		return c, err
	}, after, limit)
	if err != nil {
		return nil, fmt.Errorf("reading changes after %d: %w", after, err)
	}
	return list, nil
}

// lastChangeSQL is the newest change that Changes would return.
const lastChangeSQL = `
SELECT coalesce((
	SELECT id FROM changes
	WHERE tx < pg_snapshot_xmin(pg_current_snapshot())
	ORDER BY tx DESC, id DESC LIMIT 1), 0)`

// LastChange is the cursor of somebody who wants only what is new.
func (db *DB) LastChange(ctx context.Context) (id int64, err error) {
	if err := db.pool.QueryRow(ctx, lastChangeSQL).Scan(&id); err != nil {
		return 0, fmt.Errorf("reading the last change: %w", err)
	}
	return id, nil
}
