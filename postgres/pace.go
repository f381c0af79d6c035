package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"warmline/scheduler"
)

// paceRowSQL makes sure a trunk and caller ID has its row.
const paceRowSQL = `
INSERT INTO pace (trunk, caller_id, tat)
VALUES ($1, $2, 'epoch')
ON CONFLICT DO NOTHING`

// lockPaceSQL reads the pace and keeps others waiting.
const lockPaceSQL = `
SELECT tat
FROM pace
WHERE trunk = $1 AND caller_id = $2
FOR UPDATE`

// savePaceSQL stores the pace.
const savePaceSQL = `
UPDATE pace
SET tat = $3
WHERE trunk = $1 AND caller_id = $2`

// LeaseSlots asks for up to want slots to start a call on a trunk with a caller
// ID, and returns how many are granted now. The limit holds over all dialers:
// its state is one row, its clock the database's.
func (db *DB) LeaseSlots(ctx context.Context, trunk, callerID string, g scheduler.GCRA, want int) (granted int, err error) {
	if want <= 0 {
		return 0, nil
	}
	err = db.tx(ctx, func(tx pgx.Tx) error {
		var tat, clock time.Time
		if _, err := tx.Exec(ctx, paceRowSQL, trunk, callerID); err != nil {
			return err
		}
		// The clock is read after the lock was won, not while waiting for it.
		if err := tx.QueryRow(ctx, lockPaceSQL, trunk, callerID).Scan(&tat); err != nil {
			return err
		}
		if err := tx.QueryRow(ctx, clockSQL).Scan(&clock); err != nil {
			return err
		}
		granted, tat, _ = g.Take(clock, tat, want)
		_, err := tx.Exec(ctx, savePaceSQL, trunk, callerID, tat)
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("leasing slots on %s: %w", trunk, err)
	}
	return granted, nil
}

// clockSQL asks for the database's wall time.
const clockSQL = `
SELECT clock_timestamp()`

// busySQL counts the channels a trunk has in use. Those of a dead dialer come
// back with the next sweep.
const busySQL = `
SELECT count(*) FROM attempts
WHERE trunk = $1 AND state IN ('claimed', 'dialing', 'ringing', 'early_media', 'in_dialog', 'transferring')`

// Busy counts the channels of a trunk that are claimed or live.
func (db *DB) Busy(ctx context.Context, trunk string) (n int, err error) {
	if err := db.pool.QueryRow(ctx, busySQL, trunk).Scan(&n); err != nil {
		return 0, fmt.Errorf("counting channels of %s: %w", trunk, err)
	}
	return n, nil
}
