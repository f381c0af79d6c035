package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// Wake is one announcement to a worker that something is to be done. Key is an
// attempt, invitation or message ID; Dispatch counts the announcements of the
// same work, so that (Key, Dispatch) names this one.
type Wake struct {
	Kind     string // attempt, invite or message
	Key      string
	Dispatch int
	Outbox   int64
}

// Stale is how long announced work may lie undone before it is announced again.
const Stale = 30 * time.Second

// relaySQL reads what is to be announced: new work, and work announced too long
// ago. Attempts of a campaign that is not dialing wait in silence.
const relaySQL = `
SELECT o.kind, o.key, o.dispatch + 1, o.id
FROM outbox o
LEFT JOIN attempts a ON a.id = CASE o.kind WHEN 'attempt' THEN o.key::uuid END
LEFT JOIN campaigns g ON g.id = a.campaign
WHERE o.done_at IS NULL AND o.not_before <= $1
  AND (o.dispatched_at IS NULL OR o.dispatched_at < clock_timestamp() - $3::interval)
  AND (o.kind <> 'attempt' OR a.state = 'queued' AND g.state IN ('piloting', 'running', 'completing'))
ORDER BY o.not_before, o.id
LIMIT $2`

// Relay returns up to limit announcements that are due. It changes nothing:
// announce them, then say so with [DB.Relayed]. Two relays may return the same
// announcement; its name makes it one.
func (db *DB) Relay(ctx context.Context, now time.Time, limit int) ([]Wake, error) {
	list, err := collectRows(ctx, db.pool, relaySQL, func(r pgx.Row) (w Wake, err error) {
		return w, r.Scan(&w.Kind, &w.Key, &w.Dispatch, &w.Outbox)
	}, now, limit, Stale)
	if err != nil {
		return nil, fmt.Errorf("reading the outbox: %w", err)
	}
	return list, nil
}

// relayedSQL notes announcements, in wall time.
const relayedSQL = `
UPDATE outbox
SET dispatch = dispatch + 1, dispatched_at = clock_timestamp()
WHERE id = ANY ($1)`

// Relayed notes that the rows were announced.
func (db *DB) Relayed(ctx context.Context, outbox []int64) error {
	if len(outbox) == 0 {
		return nil
	}
	if _, err := db.pool.Exec(ctx, relayedSQL, outbox); err != nil {
		return fmt.Errorf("noting %d announcements: %w", len(outbox), err)
	}
	return nil
}

// doneSQL closes announced work.
const doneSQL = `
UPDATE outbox
SET done_at = $3
WHERE kind = $1 AND key = $2 AND done_at IS NULL`

func done(ctx context.Context, q querier, now time.Time, kind, key string) error {
	_, err := q.Exec(ctx, doneSQL, kind, key, now)
	return err
}
