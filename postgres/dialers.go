package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// Dead is how long a dialer may be silent before its attempts are taken from it.
const Dead = 9 * time.Second

// heartbeatSQL notes a sign of life.
const heartbeatSQL = `
INSERT INTO dialers AS d (id, addr, heartbeat)
VALUES ($1, $2, clock_timestamp())
ON CONFLICT (id) DO UPDATE SET addr = excluded.addr, heartbeat = excluded.heartbeat`

// renewSQL renews the leases of whatever the dialer still owns. A lease that has
// lapsed stays lapsed: its owner slept, and may not dial on it.
const renewSQL = `
UPDATE attempts
SET lease_until = clock_timestamp() + $2::interval
WHERE owner = $1 AND lease_until > clock_timestamp()
  AND state IN ('claimed', 'dialing', 'ringing', 'early_media', 'in_dialog', 'transferring')`

// Heartbeat says that a dialer lives and where its listener is, and renews the
// leases of its attempts. Call it every 3 seconds.
func (db *DB) Heartbeat(ctx context.Context, dialer, addr string) error {
	err := db.tx(ctx, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, heartbeatSQL, dialer, addr); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, renewSQL, dialer, Dead)
		return err
	})
	if err != nil {
		return fmt.Errorf("heartbeat of dialer %s: %w", dialer, err)
	}
	return nil
}

// drainSQL notes that a dialer takes no more.
const drainSQL = `
UPDATE dialers SET draining = true WHERE id = $1`

// Drain says that a dialer claims no more and only lets its calls finish.
func (db *DB) Drain(ctx context.Context, dialer string) error {
	if _, err := db.pool.Exec(ctx, drainSQL, dialer); err != nil {
		return fmt.Errorf("draining dialer %s: %w", dialer, err)
	}
	return nil
}

// goodbyeSQL forgets a dialer.
const goodbyeSQL = `
DELETE FROM dialers WHERE id = $1`

// Goodbye forgets a dialer that has left. Should it still own attempts, the next
// [DB.Sweep] deals with them.
func (db *DB) Goodbye(ctx context.Context, dialer string) error {
	if _, err := db.pool.Exec(ctx, goodbyeSQL, dialer); err != nil {
		return fmt.Errorf("goodbye of dialer %s: %w", dialer, err)
	}
	return nil
}

// Dialer is one process that places calls.
type Dialer struct {
	ID       string        `json:"id"`
	Addr     string        `json:"addr"`
	Silent   time.Duration `json:"silent"` // since its last heartbeat
	Draining bool          `json:"draining"`
	Owns     int           `json:"owns"` // attempts claimed or live
}

// dialersSQL lists dialers with what they own.
const dialersSQL = `
SELECT d.id, d.addr, clock_timestamp() - d.heartbeat, d.draining,
	(SELECT count(*) FROM attempts a WHERE a.owner = d.id
		AND a.state IN ('claimed', 'dialing', 'ringing', 'early_media', 'in_dialog', 'transferring'))
FROM dialers d
ORDER BY d.id`

// Dialers lists the dialers that have not said goodbye.
func (db *DB) Dialers(ctx context.Context) ([]Dialer, error) {
	list, err := collectRows(ctx, db.pool, dialersSQL, func(r pgx.Row) (d Dialer, err error) {
		return d, r.Scan(&d.ID, &d.Addr, &d.Silent, &d.Draining, &d.Owns)
	})
	if err != nil {
		return nil, fmt.Errorf("reading dialers: %w", err)
	}
	return list, nil
}

// requeueDeadSQL gives back what was claimed and not dialed: the owner is dead,
// or let the lease lapse.
const requeueDeadSQL = `
UPDATE attempts a
SET state = 'queued', epoch = epoch + 1, owner = '', lease_until = NULL, claimed_at = NULL
WHERE a.id IN (
	SELECT b.id FROM attempts b
	WHERE b.state = 'claimed' AND (b.lease_until < clock_timestamp()
		OR NOT EXISTS (SELECT FROM dialers d WHERE d.id = b.owner AND d.heartbeat > clock_timestamp() - $1::interval))
	FOR UPDATE SKIP LOCKED)
RETURNING a.id::text`

// unknownSQL gives up on dialed attempts whose owner is dead. The epoch stays, so
// that the owner may still bring the true result.
const unknownSQL = `
UPDATE attempts a
SET state = 'unknown', disposition = 'unknown'
WHERE a.id IN (
	SELECT b.id FROM attempts b
	WHERE b.state IN ('dialing', 'ringing', 'early_media', 'in_dialog', 'transferring')
	  AND NOT EXISTS (SELECT FROM dialers d WHERE d.id = b.owner AND d.heartbeat > clock_timestamp() - $1::interval)
	FOR UPDATE SKIP LOCKED)
RETURNING a.id::text, a.campaign::text, a.contact`

// unknownTaskSQL closes the person's task: nobody is redialed by accident.
const unknownTaskSQL = `
UPDATE contact_tasks
SET state = 'done', done_reason = 'unknown', due_at = NULL, attempts = attempts + 1, updated_at = $3
WHERE campaign = $1 AND contact = $2 AND state = 'attempting'`

// forgetSQL forgets dialers that have been silent for an hour.
const forgetSQL = `
DELETE FROM dialers WHERE heartbeat < clock_timestamp() - interval '1 hour'`

// orphanMessagesSQL gives up on messages whose sender never came back: nobody
// knows whether the provider has them.
const orphanMessagesSQL = `
UPDATE messages
SET state = 'unknown', error = 'the sender died'
WHERE state = 'sending' AND sending_at < $1`

// orphaned is how long a message may be in sending.
const orphaned = 10 * time.Minute

// Sweep takes the attempts of dialers that have been silent for dead: claimed
// ones go back to the queue with a new epoch, dialed ones become unknown. It
// returns how many of each. Messages left in sending become unknown as well.
func (db *DB) Sweep(ctx context.Context, now time.Time, dead time.Duration) (requeued, unknown int, err error) {
	type lost struct {
		attempt, campaign string
		contact           int64
	}
	err = db.tx(ctx, func(tx pgx.Tx) error {
		ids, err := collect[string](ctx, tx, requeueDeadSQL, dead)
		if err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, reopenSQL, ids, Stale-breath); err != nil {
			return err
		}
		list, err := collectRows(ctx, tx, unknownSQL, func(r pgx.Row) (l lost, err error) {
			return l, r.Scan(&l.attempt, &l.campaign, &l.contact)
		}, dead)
		if err != nil {
			return err
		}
		for _, l := range list {
			if _, err := tx.Exec(ctx, unknownTaskSQL, l.campaign, l.contact, now); err != nil {
				return err
			}
			if err := change(ctx, tx, now, "attempt", l.attempt, map[string]any{"campaign": l.campaign, "state": "unknown"}); err != nil {
				return err
			}
		}
		requeued, unknown = len(ids), len(list)
		if _, err := tx.Exec(ctx, orphanMessagesSQL, now.Add(-orphaned)); err != nil {
			return err
		}
		_, err = tx.Exec(ctx, forgetSQL)
		return err
	})
	if err != nil {
		return 0, 0, fmt.Errorf("sweeping: %w", err)
	}
	return requeued, unknown, nil
}
